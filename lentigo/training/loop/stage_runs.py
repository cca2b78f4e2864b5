"""One loop for every stage: epochs, scores on validation, a checkpoint after each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.progress import Progress
from lentigo.training.loop.callbacks import SILENT, EpochWatch
from lentigo.training.loop.checkpoints import Progression, load_checkpoint, restore_state, save_checkpoint
from lentigo.training.loop.epochs import (
    assign_variables,
    choose_training,
    order_rows,
    require_finite,
    validate_epoch,
)
from lentigo.training.loop.stages import Stage
from lentigo.training.recipes import Recipe


def run_stage(
    stage: Stage,
    recipe: Recipe,
    progression: Progression,
    checkpoint: Path | None,
    progress: Progress,
    watch: EpochWatch = SILENT,
) -> None:
    """Trains from `progression.epoch` to the end or until patience is out; the model ends with its best
    weights.
    """
    epochs = range(progression.epoch, stage.epochs)
    train = choose_training(stage, recipe, progress)
    watch.begin_stage(stage.model, stage.epochs)
    for epoch in progress(epochs, total=len(epochs), label=stage.name):
        # Asked first: a training that goes on may have been stopped after its last epoch
        if is_out_of_patience(progression, stage.patience):
            break
        started = time.perf_counter()
        row = {"stage": stage.name, "epoch": epoch + 1}
        orders = order_rows(len(stage.weights), recipe, stage.name, epoch, stage.cells, stage.views)
        # The sums of an epoch over its photographs
        mean_loss, mean_accuracy = train(epoch, orders) / sum(map(len, orders))
        require_finite(mean_loss, stage, recipe, epoch)
        row |= {"loss": float(mean_loss), "accuracy": float(mean_accuracy)}
        row |= validate_epoch(stage, progression, epoch + 1)
        row["seconds"] = time.perf_counter() - started
        progression.history.append(row)
        # Written before anybody is told: what a callback has seen is on the disk
        progression.epoch = epoch + 1
        if checkpoint is not None:
            save_checkpoint(checkpoint, stage.model, progression)
        watch.end_epoch(len(progression.history) - 1, row)
    # The last epochs may be worse than the best one
    assign_variables(stage.model.weights, progression.best)


def is_out_of_patience(progression: Progression, patience: int) -> bool:
    """Whether validation has not improved for `patience` epochs; 0 is never."""
    return 0 < patience <= progression.epoch - progression.best_epoch


def run_stages(
    builders: Sequence[Callable[[], Stage]],
    recipe: Recipe,
    checkpoint: Path | None,
    progress: Progress,
    watch: EpochWatch = SILENT,
) -> pd.DataFrame:
    """Builds and runs stages in order, going on from a checkpoint where there is one.

    Args:
        builders: Each builds a stage when its turn has come.
        recipe: Of the training.
        checkpoint: The file that keeps the state after each epoch; None keeps none.
        progress: Watches the epochs go by.
        watch: Tells callbacks of Keras of each epoch.

    Returns:
        The history, a row for each epoch.
    """
    found = None if checkpoint is None else load_checkpoint(checkpoint)
    progression, arrays = found or (Progression(), None)
    # Built when its turn comes: a stage holds views and an optimiser
    for number, build in enumerate(builders):
        if number < progression.stage:
            continue
        stage = build()
        if arrays is not None:  # this stage was interrupted
            restore_state(stage.model, arrays)
            arrays = None
        elif number > progression.stage:
            progression.start_stage(number)
        run_stage(stage, recipe, progression, checkpoint, progress, watch)
    watch.end()
    return pd.DataFrame(progression.history)


def select_last_stage(history: pd.DataFrame) -> pd.DataFrame:
    """Selects the epochs of the last stage.

    Args:
        history: A row for each epoch, with a column `stage`.

    Returns:
        The rows of the stage that stands last.
    """
    return history[history["stage"] == history["stage"].iloc[-1]]


def find_best_epoch(history: pd.DataFrame, score: str) -> int:
    """Finds the epoch whose weights are kept.

    Args:
        history: A row for each epoch of one stage.
        score: The column in which more is better.

    Returns:
        The epoch of the highest score, the first of several.
    """
    best = int(np.nanargmax(history[score].to_numpy(dtype=float)))
    return int(history["epoch"].iloc[best])
