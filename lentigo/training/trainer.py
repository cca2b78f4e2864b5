"""Training: photographs in, a RUN folder out."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.file_names import take_path
from lentigo.common.plots import ShownFigure
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.results.summaries import Summarized, add_problems
from lentigo.datasets.dataset import DataSource
from lentigo.evaluation.assessment import Assessment
from lentigo.images.problems import Problem
from lentigo.models.bundle import GRAPH, SPLITS, Bundle, finish_bundle
from lentigo.training.calibration.head_refit import refit_head
from lentigo.training.calibration.precision_check import PrecisionCheck, check_precision
from lentigo.training.card import describe_training
from lentigo.training.holdout import list_holdouts, measure_holdouts, set_aside
from lentigo.training.loop.callbacks import EpochWatch, build_callbacks
from lentigo.training.loop.epochs import assign_variables, copy_variables
from lentigo.training.preparation import (
    check_call,
    extract_in_fp32,
    make_job,
    needs_fp32_features,
    prepare_training,
)
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.recipes import Recipe
from lentigo.training.run_folder import CHECKPOINTS, TRAINING_SETTINGS, keep_settings, write_model, write_run
from lentigo.training.stage_builders import TrainingJob, run_job
from lentigo.training.start.weights import take_backbone
from lentigo.training.training_set import LeakPolicy, TrainingSet, load_labelled
from lentigo.training.validation import find_start, split_or_read


@dataclass(frozen=True, repr=False, eq=False)
class Training(Summarized):
    """A finished training.

    Attributes:
        bundle: The RUN.
        validation: Its scores on validation.
        problems: The photographs that could not be read.
        seconds: The training took.
        training_set: What it was made of.
        holdouts: Its scores on the sources that it was trained without, by their names.
    """

    bundle: Bundle
    validation: Assessment
    problems: tuple[Problem, ...]
    seconds: float
    training_set: TrainingSet = field(repr=False)
    holdouts: dict[str, Assessment] = field(default_factory=dict)

    def summarize(self) -> str:
        """What matters most, in a few words."""
        words = (
            f"{str(self.bundle.folder)!r}, {self.seconds:.0f} s; validation: {self.validation.summarize()}"
        )
        return add_problems(words, self.problems)

    def figure(self) -> ShownFigure:
        """The figure of its scores on validation."""
        return self.validation.figure()

    def _repr_html_(self) -> str:
        """What a notebook shows: its scores on validation."""
        return self.validation._repr_html_()


def train(
    data: DataSource,
    out: str | Path,
    recipe: str | Path | Recipe = "best",
    *,
    weights: str | Path = "imagenet",
    resume: bool = False,
    fp32: bool = False,
    leak_policy: LeakPolicy = LeakPolicy(),
    holdout_sources: Sequence[str] = (),
    not_lesions: str | Path | None = None,
    callbacks: Iterable[Any] = (),
    progress: Progress = show_nothing,
    **fields: Any,
) -> Training:
    """Trains a classifier and writes it as a RUN. Nothing is learned or chosen on the test split.

    Photographs that cannot be read are left out, and are listed in what is returned.

    Args:
        data: A path, or a data set that is loaded already; both classes, with or without splits.
        out: The folder of the RUN, which must be new or, with `resume`, half finished.
        recipe: "best", "seed", a JSON file, or a recipe.
        weights: Those of the backbone: "imagenet", "none", "bundled", a file, or a RUN.
        resume: Whether an unfinished RUN goes on.
        fp32: Whether features are computed, and the RUN is served, in fp32 even where bf16 is faster.
        leak_policy: What is done about leaks into the test split.
        holdout_sources: Sources that are left out of the training, with every duplicate, lesion and patient
            of theirs in other sources; the RUN is measured on them.
        not_lesions: A folder of pictures of other things: the RUN is to refuse such pictures, beside some
            that are drawn.
        callbacks: Experiment trackers by name, "tensorboard", "mlflow" or "wandb", or callbacks of Keras,
            which are told of the start, of each epoch over all stages, and of the end.
        progress: Watches the work.
        **fields: Fields of the recipe that are to differ, such as `epochs=10`.

    Returns:
        The RUN, its scores on validation, and what it was made of.

    Raises:
        UsageError: The call is wrong.
        DataError: The photographs cannot be used.
        ModelError: The weights cannot be used, or the training has diverged.
        SpaceError: The disk is full.
        MissingError: The package of a tracker is not installed.
    """
    started = time.perf_counter()
    out = take_path(out, "out", "the name of a folder")
    recipe = find_recipe(recipe, **take_backbone(recipe, weights, fields))
    check_call(out, recipe, resume)
    # Before any photograph is read: an unknown callback should be told at once
    watch = EpochWatch(build_callbacks(callbacks, out))
    labelled = load_labelled(data)
    holdouts = {}
    if holdout_sources:
        labelled = set_aside(labelled, holdout_sources)
        holdouts = list_holdouts(labelled, holdout_sources)
        # What belongs with a source that is left out must not be learned from
        leak_policy = replace(leak_policy, leaks="drop")
    start = find_start(weights)
    prepared = prepare_training(
        labelled, recipe, weights, fp32=fp32, leak_policy=leak_policy, progress=progress
    )
    held_out = split_or_read(
        prepared.dataset, recipe, out / SPLITS, resume=resume, start=start, progress=progress
    )
    # Last: a call that cannot start leaves no unfinished RUN.
    keep_settings(out / CHECKPOINTS / TRAINING_SETTINGS, prepared.settings)
    job = make_job(recipe, prepared, held_out, out, fp32=fp32, not_lesions=not_lesions, progress=progress)
    job = replace(job, watch=watch)
    # Kept: if bf16 turns out to decide otherwise, the head learns again from here
    initial_head = copy_variables(job.network.require_head().variables)
    history, check = train_model(out, job)
    if needs_fp32_features(job, check):  # the check of before still says why the RUN is served in fp32
        job = restart_in_fp32(job, initial_head)
        history, _ = train_model(out, job)
    seconds = time.perf_counter() - started
    settings = {**prepared.settings, "start": start.describe(), "seconds": seconds}
    bundle, validation = write_run(out, job, describe_training(job, history, settings), check)
    assessments = measure_holdouts(bundle, holdouts, fp32)
    bundle = add_holdouts(bundle, assessments)
    shutil.rmtree(out / CHECKPOINTS)
    return Training(bundle, validation, prepared.problems, seconds, prepared.training_set, assessments)


def add_holdouts(bundle: Bundle, assessments: dict[str, Assessment]) -> Bundle:
    """The RUN with its scores on the sources that it was trained without in its card."""
    if not assessments:
        return bundle
    metrics = dict(bundle.card["metrics"])
    for name, assessment in assessments.items():
        metrics[f"without {name}"] = assessment.to_json()
    return finish_bundle(bundle, metrics)


def train_model(out: Path, job: TrainingJob) -> tuple[pd.DataFrame, PrecisionCheck | None]:
    """Trains, writes graph and model, and compares bf16 with fp32; that check is None where fp32 is asked for
    or all there is.

    Args:
        out: The RUN's folder.
        job: What is trained.
    """
    history = run_job(job)
    write_model(out, job.network, history)
    if job.recipe.refit_head:
        refit_head(job.network, out / GRAPH, job.training, job.recipe)
        write_model(out, job.network, history)
    check = check_precision(out / GRAPH, job.validation, job.recipe.operating_point, fp32=job.fp32)
    return history, check


def restart_in_fp32(job: TrainingJob, initial_head: list[np.ndarray]) -> TrainingJob:
    """The same training of a head, from the same start, on features in fp32: those that will be served."""
    assign_variables(job.network.require_head().variables, initial_head)
    return extract_in_fp32(replace(job, checkpoint=job.checkpoint.with_name("state_f32.npz")))
