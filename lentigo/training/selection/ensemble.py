"""Several heads on one frozen backbone in one RUN: their logits and heatmaps are averaged in one graph.

A validation side is held out of everything, as `lentigo train` holds it out. The rest is divided into folds,
and each head learns without one fold, on which its epoch is chosen. Calibration, threshold and refusal come
from what the written graph, the mean of the heads, says of the validation side: a mean is less sure than one
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

from lentigo.common.files import write_whole
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.errors import UsageError
from lentigo.models.bundle import GRAPH, SPLITS
from lentigo.models.networks.network import join_heads
from lentigo.training.heads import Sample, train_head
from lentigo.training.precision_check import PrecisionCheck, check_precision
from lentigo.training.preparation import (
    LeakPolicy,
    find_start,
    keep_settings,
    load_labelled,
    refuse_known,
    split_or_read,
)
from lentigo.training.recipes import Recipe, find_head_recipe
from lentigo.training.selection.folds import assign_folds, check_folds
from lentigo.training.trainer import (
    Job,
    Training,
    check_start,
    describe,
    extract_again,
    make_job,
    needs_fp32_features,
    prepare_training,
    write_model,
    write_run,
)


def train_folds(
    data: str | Path | Dataset,
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
    """Trains a head without each fold of the training photographs, and writes all of them to `out` as one
    RUN.

    The backbone stays frozen. The validation photographs, drawn or given by the data, are in no fold: by them
    the mean of the heads is calibrated and measured, as it is served.

    Args:
        data: As in `train`.
        out: The folder of the RUN, which must be new or, with `resume`, half finished.
        recipe: A recipe by name gives what it does with the head alone.
        folds: The number of heads, 2 to 20.
        weights: Those of the backbone, as in `train`.
        resume: Whether to go on with an unfinished RUN.
        exact: Whether to compute features in fp32.
        guard: How leaks are kept out.
        progress: Watches the work go by.

    Returns:
        The finished training.

    Raises:
        UsageError: The recipe trains the backbone, the number of folds makes no sense, or what `train`
            raises.
        DataError: A class has fewer groups than folds, or what `train` raises.
    """
    started, out = time.perf_counter(), Path(out)
    recipe = find_head_recipe(recipe) if isinstance(recipe, str) else recipe
    if recipe.finetune:
        raise UsageError(
            "--folds with --finetune: an ensemble has one frozen backbone and a head for each fold; leave "
            "--finetune out, or --folds"
        )
    check_folds(folds)
    check_start(out, recipe, resume)
    start = find_start(weights)
    ready = prepare_training(
        load_labelled(data), recipe, weights, fp32=fp32, leak_policy=leak_policy, progress=progress
    )
    refuse_known(ready.dataset, start, progress)  # each judges once: on validation, or the epoch of a head
    held_out = split_or_read(
        ready.dataset, recipe, out / SPLITS, resume=resume, start=start, progress=progress
    )
    job = make_job(recipe, ready, held_out, out, fp32=fp32, progress=progress)
    parts = assign_folds(job.training, folds, recipe.seed)
    write_folds(out / SPLITS, job.training, parts)
    keep_settings(out / "checkpoint" / "settings.json", {**ready.settings, "folds": folds})
    heads = learn_folds(out, job, parts)
    if needs_fp32_features(job, heads.check):
        job = extract_again(job)
        heads = replace(learn_folds(out, job, parts), check=heads.check)
    seconds = time.perf_counter() - started
    facts = describe(job, heads.history, {**ready.settings, "start": start.describe(), "seconds": seconds})
    bundle, validation = write_run(out, job, facts | describe_ensemble(recipe, heads, parts), heads.check)
    shutil.rmtree(out / "checkpoint")
    return Training(bundle, validation, ready.problems, seconds, ready.training_set)


@dataclass(frozen=True)
class Heads:
    """The heads of an ensemble, joined and written.

    Attributes:
        histories: What each head went through, epoch by epoch.
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
        stages = [history.assign(stage=f"fold {fold}") for fold, history in enumerate(self.histories)]
        return pd.concat(stages, ignore_index=True)


def learn_folds(out: Path, job: Job, parts: np.ndarray) -> Heads:
    """Trains a head without each fold, `parts` int (n,), writes graph and model of all, and compares bf16
    with fp32.
    """
    sample = Sample(job.features, job.training.malignant)
    ending = "_f32" if job.fp32 else ""  # training on features in fp32 is another training
    folds = int(parts.max()) + 1
    trained = []
    histories = []
    for fold in job.progress(range(folds), total=folds, label="folds"):
        path = job.checkpoint.with_name(f"fold_{fold:02}{ending}.npz")
        head, history = train_head(
            job.recipe, sample, parts == fold, path, job.progress, prefix=f"fold_{fold:02}_"
        )
        trained.append(head)
        histories.append(history)
    network = join_heads(job.network, trained)
    heads = Heads(histories, network.classifier.count_params(), None)
    write_model(out, network, heads.history)
    check = check_precision(out / GRAPH, job.validation, job.recipe.operating_point, fp32=job.fp32)
    return replace(heads, check=check)


def write_folds(path: Path, training: Dataset, parts: np.ndarray) -> None:
    """Adds to `splits.csv` the `fold` of each training photograph, `parts` int (n,): the head of its number
    has not learned from it.
    """
    table = pd.read_csv(path, dtype=str)
    fold = dict(zip(training.table["image"], parts.tolist(), strict=True))
    table["fold"] = table["image"].map(fold).astype("Int64")  # no number for validation
    with write_whole(path) as temporary:
        table.to_csv(temporary, index=False)


def describe_ensemble(recipe: Recipe, heads: Heads, parts: np.ndarray) -> dict[str, Any]:
    """The entries of the card in which an ensemble differs from one head."""
    best_epochs = []
    aurocs = []
    for history in heads.histories:
        best = history.loc[history["val_auroc"].idxmax()]
        best_epochs.append(int(best["epoch"]))
        aurocs.append(float(best["val_auroc"]))
    folds = len(heads.histories)
    units = ", ".join(map(str, (*recipe.units, 1)))
    return {
        "architecture": f"{recipe.backbone}, global average pooling, {folds} times {units}; the mean of the "
        "logits (sigmoid)",
        "parameters": heads.parameters,
        "ensemble": {
            "folds": folds,
            "sizes": np.bincount(parts).tolist(),
            "best_epochs": best_epochs,
            "aurocs": aurocs,
        },
        "best_epoch": best_epochs,
    }
