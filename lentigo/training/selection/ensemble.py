"""Several heads on one frozen backbone in one RUN: their logits and heatmaps are averaged in one graph.

A validation split is held out of everything, as `lentigo train` holds it out. The rest is divided into folds,
and each head learns without one fold, on which its epoch is chosen. Calibration, threshold and refusal come
from what the written graph, the mean of the heads, says of the validation split: a mean is less sure than one
head is, so neither the heads nor means of other heads could stand for it.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.file_names import take_path
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import DataSource
from lentigo.errors import UsageError
from lentigo.models.bundle import GRAPH, SPLITS
from lentigo.models.networks.network import join_heads
from lentigo.training.calibration.precision_check import PrecisionCheck, check_precision
from lentigo.training.card import describe_training
from lentigo.training.heads import LabelledFeatures, train_head
from lentigo.training.loop.stage_runs import find_best_epoch
from lentigo.training.preparation import (
    check_call,
    extract_in_fp32,
    make_job,
    needs_fp32_features,
    prepare_training,
)
from lentigo.training.recipe_lookup import find_head_recipe
from lentigo.training.recipes import Recipe
from lentigo.training.run_folder import CHECKPOINTS, TRAINING_SETTINGS, keep_settings, write_model, write_run
from lentigo.training.selection.folds import assign_folds, check_folds
from lentigo.training.stage_builders import TrainingJob
from lentigo.training.start.weights import take_backbone
from lentigo.training.trainer import Training
from lentigo.training.training_set import LeakPolicy, load_labelled
from lentigo.training.validation import find_start, refuse_learned, split_or_read, write_splits


def train_folds(
    data: DataSource,
    out: str | Path,
    recipe: str | Recipe = "best",
    *,
    folds: int = 5,
    weights: str | Path = "imagenet",
    resume: bool = False,
    fp32: bool = False,
    leak_policy: LeakPolicy = LeakPolicy(),
    progress: Progress = show_nothing,
) -> Training:
    """Trains a head without each fold of the training photographs, and writes all of them as one RUN.

    The backbone stays frozen. The validation photographs, drawn or given by the data, are in no fold: by them
    the mean of the heads is calibrated and measured, as it is served.

    Args:
        data: As in `train`.
        out: The folder of the RUN, which must be new or, with `resume`, half finished.
        recipe: A recipe by name gives what it does with the head alone.
        folds: The number of heads, 2 to 20.
        weights: Those of the backbone, as in `train`.
        resume: Whether to go on with an unfinished RUN.
        fp32: Whether to compute features in fp32.
        leak_policy: How leaks are kept out.
        progress: Watches the work go by.

    Returns:
        The finished training.

    Raises:
        UsageError: The recipe trains the backbone, the number of folds makes no sense, or what `train`
            raises.
        DataError: A class has fewer groups than folds, or what `train` raises.
    """
    started = time.perf_counter()
    out = take_path(out, "out", "the name of a folder")
    if isinstance(recipe, str):
        recipe = find_head_recipe(recipe, **take_backbone(recipe, weights, {}))
    if recipe.finetune:
        raise UsageError(
            "--folds with --finetune: an ensemble has one frozen backbone and a head for each fold; leave "
            "--finetune out, or --folds"
        )
    check_folds(folds)
    check_call(out, recipe, resume)
    start = find_start(weights)
    prepared = prepare_training(
        load_labelled(data), recipe, weights, fp32=fp32, leak_policy=leak_policy, progress=progress
    )
    # Every photograph judges once: on validation, or by choosing the epoch of a head.
    refuse_learned(prepared.dataset, start, progress)
    held_out = split_or_read(
        prepared.dataset, recipe, out / SPLITS, resume=resume, start=start, progress=progress
    )
    job = make_job(recipe, prepared, held_out, out, fp32=fp32, progress=progress)
    fold_of = assign_folds(job.training, folds, recipe.seed)  # int (n,), of the training photographs
    write_splits(out / SPLITS, prepared.dataset, held_out, folds=fold_of)
    keep_settings(out / CHECKPOINTS / TRAINING_SETTINGS, {**prepared.settings, "folds": folds})
    heads = train_heads(out, job, fold_of)
    if needs_fp32_features(job, heads.check):
        # Features in bf16 would teach the heads what the served graph does not see
        job = extract_in_fp32(job)
        heads = replace(train_heads(out, job, fold_of), check=heads.check)
    seconds = time.perf_counter() - started
    settings = {**prepared.settings, "start": start.describe(), "seconds": seconds}
    card = describe_training(job, heads.history, settings) | describe_ensemble(recipe, heads, fold_of)
    bundle, validation = write_run(out, job, card, heads.check)
    shutil.rmtree(out / CHECKPOINTS)
    return Training(bundle, validation, prepared.problems, seconds, prepared.training_set)


@dataclass(frozen=True)
class Heads:
    """The heads of an ensemble, joined and written.

    Attributes:
        histories: Of each head, a row for each epoch.
        parameters: The number of parameters of the joined network.
        check: How bf16 compares with fp32 in the joined network; None where fp32 is asked for or all there
            is.
    """

    histories: list[pd.DataFrame]
    parameters: int
    check: PrecisionCheck | None

    @property
    def history(self) -> pd.DataFrame:
        """The epochs of all heads, a stage for each fold."""
        stages = []
        for fold, history in enumerate(self.histories):
            stages.append(history.assign(stage=f"fold {fold}"))
        return pd.concat(stages, ignore_index=True)


def train_heads(out: Path, job: TrainingJob, fold_of: np.ndarray) -> Heads:
    """Trains a head without each fold, `fold_of` int (n,), writes graph and model of all, and compares bf16
    with fp32.
    """
    photographs = LabelledFeatures(job.features, job.training.malignant)
    ending = "_f32" if job.fp32 else ""  # training on features in fp32 is another training
    n_folds = int(fold_of.max()) + 1
    trained = []
    histories = []
    for fold in job.progress(range(n_folds), total=n_folds, label="folds"):
        checkpoint = job.checkpoint.with_name(f"fold_{fold:02}{ending}.npz")
        # Layers of several heads in one graph need names of their own
        prefix = f"fold_{fold:02}_"
        head, history = train_head(job.recipe, photographs, fold_of == fold, checkpoint, job.progress, prefix)
        trained.append(head)
        histories.append(history)
    network = join_heads(job.network, trained)
    heads = Heads(histories, network.require_classifier().count_params(), None)
    write_model(out, network, heads.history)
    check = check_precision(out / GRAPH, job.validation, job.recipe.operating_point, fp32=job.fp32)
    return replace(heads, check=check)


def describe_ensemble(recipe: Recipe, heads: Heads, fold_of: np.ndarray) -> dict[str, Any]:
    """The entries of the card in which an ensemble differs from one head."""
    best_epochs = []
    aurocs = []
    for history in heads.histories:
        best_epochs.append(find_best_epoch(history, "val_auroc"))
        # The best score of a head is optimistic: its epoch was chosen by it
        aurocs.append(float(history["val_auroc"].max()))
    n_folds = len(heads.histories)
    units = ", ".join(map(str, (*recipe.units, 1)))
    return {
        "architecture": f"{recipe.backbone}, global average pooling, {n_folds} times {units}; the mean of the "
        "logits (sigmoid)",
        "parameters": heads.parameters,
        "ensemble": {
            "folds": n_folds,
            "sizes": np.bincount(fold_of).tolist(),
            "best_epochs": best_epochs,
            "aurocs": aurocs,
        },
        "best_epoch": best_epochs,
    }
