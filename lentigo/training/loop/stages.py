"""One loop for every stage: epochs of steps, scores on validation, a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.progress import Progress
from lentigo.errors import ModelError
from lentigo.models.networks.deep_learning import keras
from lentigo.training.loop.callbacks import SILENT, EpochWatch
from lentigo.training.loop.checkpoints import Progression, load_checkpoint, restore_state, save_checkpoint
from lentigo.training.loop.devices import count_devices
from lentigo.training.loop.sampling import Cell, draw_balanced
from lentigo.training.loop.steps import Step, find_adamw, make_epoch, make_step
from lentigo.training.recipes import Recipe

# By stage, the field of the recipe that holds its rate; of other stages it is `learning_rate`.
RATE_FIELDS = {
    "head": "head_learning_rate",
    "finetune lowres": "lowres_learning_rate",
    "decoder": "mask_learning_rate",
}
Inputs = np.ndarray | list[np.ndarray]  # of a model; each array has a row for each photograph
Batch = tuple[Inputs, np.ndarray, np.ndarray]  # inputs, labels (n, ...), weights (n,)
# Of an epoch and the rows of its batches the sums of loss and accuracy over photographs, (2,)
TrainEpoch = Callable[[int, list[np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Stage:
    """A compiled model, what it is fed and how it is judged.

    Attributes:
        name: Of the stage, as the history has it.
        model: The compiled model.
        epochs: At most.
        load_batch: Of an epoch and rows, inputs and labels of the model's own shape and, where these are not
            `weights[rows]`, what each photograph weighs.
        validate: Gives validation scores by name.
        decides: The score that the best epoch has the highest of.
        weights: Of the training photographs, float (n,).
        patience: Epochs without a better score before stopping; 0: never stop.
        watched: Whether progress shows each step.
        views: An epoch; 0: as many as there are training photographs.
        cells: To draw the photographs from; None: each once an epoch.
        held: Inputs (n, d) and labels (n, 1) of all photographs, where `load_batch` gives nothing but rows
            of them: then an epoch may be one compiled function.
    """

    name: str
    model: keras.Model
    epochs: int
    load_batch: Callable[[int, np.ndarray], tuple[Inputs, np.ndarray] | Batch]
    validate: Callable[[], dict[str, float]]
    decides: str
    weights: np.ndarray = field(repr=False)
    patience: int = 0
    watched: bool = False
    views: int = 0
    cells: list[Cell] | None = field(default=None, repr=False)
    held: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)


def compile_model(
    model: keras.Model,
    recipe: Recipe,
    rate: float | keras.optimizers.schedules.LearningRateSchedule,
    ema: float,
    loss: keras.losses.Loss | None = None,
) -> None:
    """Compiles a model with Adam, decoupled weight decay and accuracy.

    Args:
        model: With one logit, or with what `loss` takes.
        recipe: Says weight decay, clipping and label smoothing.
        rate: The learning rate, or its schedule.
        ema: Momentum of the moving average of the weights; 0: none.
        loss: None for cross-entropy on logits.
    """
    optimizer = find_adamw()(
        rate,
        weight_decay=recipe.weight_decay,
        use_ema=ema > 0,
        ema_momentum=ema or 0.99,
        global_clipnorm=recipe.clip_norm or None,
    )
    if loss is None:
        loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    model.compile(optimizer, loss, metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)])
    optimizer.build(model.trainable_variables)


def count_steps(n: int, batch_size: int) -> int:
    """Counts the steps of an epoch.

    Args:
        n: Views an epoch.
        batch_size: Of a step; the last one may have fewer.

    Returns:
        The number of steps.
    """
    return -(-n // batch_size)


def plan_rate(
    recipe: Recipe, max_rate: float, epochs: int, steps: int
) -> keras.optimizers.schedules.CosineDecay:
    """Plans the learning rate: a linear warm-up, then a cosine to zero.

    Args:
        recipe: Says the epochs of warm-up.
        max_rate: At the end of the warm-up.
        epochs: Of the stage.
        steps: Of an epoch.

    Returns:
        The rate by step.
    """
    warmup = round(recipe.warmup_epochs * steps)
    decay = max(1, epochs * steps - warmup)
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(max_rate, decay, warmup_target=None, warmup_steps=0)
    return keras.optimizers.schedules.CosineDecay(0.0, decay, warmup_target=max_rate, warmup_steps=warmup)


def order_rows(
    n: int, recipe: Recipe, stage: str, epoch: int, cells: list[Cell] | None = None, views: int = 0
) -> list[np.ndarray]:
    """Orders the photographs of an epoch in batches: a function of seed, stage and epoch alone.

    A last batch of one photograph would pass the head's batch norms, where one photograph has no variance: it
    goes with the batch before. On several devices a batch is cut to what they can share out evenly: a few
    rows of the last one wait for an epoch that draws them earlier.

    Args:
        n: Training photographs.
        recipe: Says the seed and the batch size.
        stage: Its name.
        epoch: From 0.
        cells: To draw from; None: each photograph once.
        views: How many are drawn; 0: `n`.

    Returns:
        The rows of each batch, int.
    """
    rng = np.random.default_rng([recipe.seed, epoch, *stage.encode()])
    count = views or n
    if cells is None:
        rounds = -(-count // n)
        rows = np.tile(rng.permutation(n), rounds)[:count]
    else:
        rows = draw_balanced(cells, count, rng)
    batches = [rows[start : start + recipe.batch_size] for start in range(0, count, recipe.batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    devices = count_devices()
    return [batch[: len(batch) // devices * devices] for batch in batches if len(batch) >= devices]


def load_ahead(stage: Stage, epoch: int, orders: list[np.ndarray]) -> Iterator[Batch]:
    """Batches in order, the next one made while this one is used."""
    with ThreadPoolExecutor(1) as worker:
        pending = worker.submit(stage.load_batch, epoch, orders[0])
        for rows, next_rows in zip(orders, [*orders[1:], None], strict=True):
            inputs, labels, *own_weights = pending.result()
            if next_rows is not None:
                pending = worker.submit(stage.load_batch, epoch, next_rows)
            yield inputs, labels, own_weights[0] if own_weights else stage.weights[rows]


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
        if is_out_of_patience(progression, stage.patience):
            break
        started = time.perf_counter()
        row = {"stage": stage.name, "epoch": epoch + 1}
        orders = order_rows(len(stage.weights), recipe, stage.name, epoch, stage.cells, stage.views)
        mean_loss, mean_accuracy = train(epoch, orders) / sum(map(len, orders))
        require_finite(mean_loss, stage, recipe, epoch)
        row |= {"loss": float(mean_loss), "accuracy": float(mean_accuracy)}
        row |= validate_epoch(stage, progression, epoch + 1)
        row["seconds"] = time.perf_counter() - started
        progression.history.append(row)
        progression.epoch = epoch + 1
        if checkpoint is not None:
            save_checkpoint(checkpoint, stage.model, progression)
        watch.end_epoch(len(progression.history) - 1, row)
    for variable, array in zip(stage.model.weights, progression.best, strict=True):
        variable.assign(array)


def is_out_of_patience(progression: Progression, patience: int) -> bool:
    """Whether validation has not improved for `patience` epochs; 0 is never."""
    return 0 < patience <= progression.epoch - progression.best_epoch


def choose_training(stage: Stage, recipe: Recipe, progress: Progress) -> TrainEpoch:
    """What trains a stage for an epoch: one function for all batches where its inputs are in memory, else
    step by step.
    """
    is_alone = keras.backend.backend() == "tensorflow" and count_devices() == 1
    if stage.held is not None and is_alone:
        inputs, labels = stage.held
        train = make_epoch(stage.model, inputs, labels, stage.weights)
        return lambda epoch, orders: train(orders)
    step = make_step(stage.model)
    return partial(train_by_steps, stage, step, recipe, progress)


def train_by_steps(
    stage: Stage, step: Step, recipe: Recipe, progress: Progress, epoch: int, orders: list[np.ndarray]
) -> np.ndarray:
    """One pass over the training photographs in the order of the batches' rows; the sums of loss and accuracy
    over photographs, (2,).
    """
    batches: Iterable[Batch] = load_ahead(stage, epoch, orders)
    if stage.watched:
        batches = progress(batches, total=len(orders), label=f"epoch {epoch + 1}/{stage.epochs}, steps")
    sums = np.zeros(2)
    for inputs, labels, weights in batches:
        loss, accuracy = step(inputs, labels, weights)
        require_finite(loss, stage, recipe, epoch)
        sums += len(labels) * np.array([loss, accuracy])
    return sums


def require_finite(loss: float, stage: Stage, recipe: Recipe, epoch: int) -> None:
    """Raises `ModelError` where a loss is no number: from there on every weight is none either."""
    if np.isfinite(loss):
        return
    name = RATE_FIELDS.get(stage.name, "learning_rate")
    if not getattr(recipe, name):  # 0: as at full size
        name = "learning_rate"
    raise ModelError(
        f"{stage.name}, epoch {epoch + 1}: the loss is {loss:g}; expected a number: the training has "
        f"diverged, lower --{name.replace('_', '-')} (it is {getattr(recipe, name):g}) and train into a new "
        "folder"
    )


def validate_epoch(stage: Stage, progression: Progression, epoch: int) -> dict[str, float]:
    """Validation scores, with the moving average of the weights where there is one; the best are kept."""
    model = stage.model
    trained = None
    if model.optimizer.use_ema:
        trained = copy_variables(model.trainable_variables)
        model.optimizer.finalize_variable_values(model.trainable_variables)
    scores = stage.validate()
    if scores[stage.decides] > progression.best_score:
        progression.best_score = scores[stage.decides]
        progression.best_epoch = epoch
        progression.best = copy_variables(model.weights)
    if trained is not None:  # training goes on from the weights themselves, not from their average
        for variable, array in zip(model.trainable_variables, trained, strict=True):
            variable.assign(array)
    return scores


def copy_variables(variables: Iterable[keras.Variable]) -> list[np.ndarray]:
    """Copies the values of variables.

    Args:
        variables: Of a model.

    Returns:
        An array for each.
    """
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


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
    for number, build in enumerate(builders):
        if number < progression.stage:
            continue
        stage = build()
        if arrays is not None:
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
