"""Trainings that write no RUN: a head or a whole network learns without some photographs, and is measured."""

from __future__ import annotations

import dataclasses
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.progress import Progress, show_nothing
from lentigo.common.staging import stage_folder
from lentigo.datasets.dataset import Dataset
from lentigo.training.heads import (
    LabelledFeatures,
    Score,
    make_score,
    predict_logits,
    score_head,
    train_head,
)
from lentigo.training.recipes import Recipe
from lentigo.training.selection.folds import Watch
from lentigo.training.stage_builders import TrainingJob, measure_validation, run_job
from lentigo.training.start.starting_network import start_training


@dataclass(frozen=True)
class FeaturedDataset:
    """Photographs with their features by one backbone, to train on again and again.

    Attributes:
        dataset: n photographs.
        features: Theirs, by the backbone before it learns, float32 (n, d).
        weights: Those of the backbone.
        fp32: Whether networks are measured in fp32.
    """

    dataset: Dataset
    features: np.ndarray
    weights: str
    fp32: bool

    @property
    def labelled_features(self) -> LabelledFeatures:
        """The photographs as a head takes them."""
        return LabelledFeatures(self.features, self.dataset.malignant)

    def take(self, rows: np.ndarray) -> FeaturedDataset:
        """Chooses some of the photographs.

        Args:
            rows: A mask, bool (n,), or row numbers.

        Returns:
            Those photographs.
        """
        return FeaturedDataset(self.dataset.take(rows), self.features[rows], self.weights, self.fp32)


def score_network(
    photographs: FeaturedDataset,
    recipe: Recipe,
    held_out: np.ndarray,
    work: Path,
    progress: Progress = show_nothing,
) -> Score:
    """Trains a whole network, as `train` would, and scores it on what was held out.

    Args:
        photographs: n photographs.
        recipe: That fine-tunes the backbone.
        held_out: Those that it does not learn from, bool (n,).
        work: A folder that keeps the last epoch meanwhile, from which the same call goes on.
        progress: Watches epochs and steps go by.

    Returns:
        The score.
    """
    started = time.perf_counter()
    job, history = train_network(photographs, recipe, held_out, work, progress)
    logits = measure_validation(job, job.network.classifier)
    shutil.rmtree(work)
    return make_score(logits, job.validation.malignant, history, started)


def predict_with_network(
    photographs: FeaturedDataset, recipe: Recipe, held_out: np.ndarray, others: Dataset, work: Path
) -> np.ndarray:
    """Trains a whole network, as `score_network` does, and predicts other photographs.

    Args:
        photographs: n photographs.
        recipe: That fine-tunes the backbone.
        held_out: Those that choose its epoch, bool (n,).
        others: m photographs that had no part in the training.
        work: A folder that keeps the last epoch meanwhile.

    Returns:
        The logits of `others`, float (m,).
    """
    job, _ = train_network(photographs, recipe, held_out, work)
    logits = measure_validation(dataclasses.replace(job, validation=others), job.network.classifier)
    # Checkpoints of a fold are of no use once it is measured
    shutil.rmtree(work)
    return logits


def train_network(
    photographs: FeaturedDataset,
    recipe: Recipe,
    held_out: np.ndarray,
    work: Path,
    progress: Progress = show_nothing,
) -> tuple[TrainingJob, pd.DataFrame]:
    """A whole network that has learned from all photographs but those `held_out`, which chose its epoch, and
    its history.
    """
    job = TrainingJob(
        recipe=recipe,
        network=start_training(recipe, photographs.weights, photographs.dataset),
        training=photographs.dataset.take(~held_out),
        validation=photographs.dataset.take(held_out),
        features=photographs.features[~held_out],
        features_validation=photographs.features[held_out],
        checkpoint=work / "state.npz",
        fp32=photographs.fp32,
        progress=progress,
    )
    return job, run_job(job)


def ignore_fold(fold: int, auroc: float) -> None:
    """Watches nothing."""


@dataclass(frozen=True)
class FoldEvaluator:
    """Photographs in folds, on which recipes are measured.

    Attributes:
        photographs: n photographs with their features.
        folds: The fold of each, int (n,), from 0.
        work: A folder for what a training of a whole network keeps meanwhile.
    """

    photographs: FeaturedDataset
    folds: np.ndarray
    work: Path

    @property
    def n_folds(self) -> int:
        """The number of folds."""
        return int(self.folds.max()) + 1

    def measure(self, recipe: Recipe, watch: Watch = ignore_fold) -> list[float]:
        """Measures a recipe on each fold by what was learned on the others.

        Args:
            recipe: Of the trainings.
            watch: Is told each fold's AUROC; may end the trial.

        Returns:
            The AUROC of each fold.
        """
        aurocs = []
        for fold in range(self.n_folds):
            auroc = self.measure_fold(recipe, self.folds == fold)
            aurocs.append(auroc)
            watch(fold, auroc)
        return aurocs

    def measure_fold(self, recipe: Recipe, held_out: np.ndarray) -> float:
        """Measures a recipe on the photographs that are held out.

        Args:
            recipe: Of the training.
            held_out: They are not learned from, bool (n,).

        Returns:
            Their AUROC.
        """
        if recipe.finetune:
            # Folds of one trial run side by side on a cluster: each has a folder of its own
            with stage_folder(self.work) as work:
                return score_network(self.photographs, recipe, held_out, work).auroc
        return score_head(recipe, self.photographs.labelled_features, held_out).auroc

    def predict(self, recipe: Recipe, others: FeaturedDataset) -> np.ndarray:
        """Predicts photographs that are in no fold.

        Args:
            recipe: Of the trainings.
            others: m photographs.

        Returns:
            Logits, float (folds, m), by what was learned without each fold; that fold chooses the epoch.
        """
        logits = []
        for fold in range(self.n_folds):
            logits.append(self.predict_fold(recipe, self.folds == fold, others))
        return np.stack(logits)

    def predict_fold(self, recipe: Recipe, held_out: np.ndarray, others: FeaturedDataset) -> np.ndarray:
        """Predicts photographs by what was learned without one fold.

        Args:
            recipe: Of the training.
            held_out: The fold, bool (n,).
            others: m photographs that are in no fold.

        Returns:
            Logits, float (m,).
        """
        if recipe.finetune:
            with stage_folder(self.work) as work:
                return predict_with_network(self.photographs, recipe, held_out, others.dataset, work)
        head, _ = train_head(recipe, self.photographs.labelled_features, held_out)
        return predict_logits(head, others.features)
