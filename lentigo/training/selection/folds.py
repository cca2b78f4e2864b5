"""Folds: the photographs outside the test split in K parts, whole groups in one, each held out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.errors import UsageError
from lentigo.images.problems import Problem
from lentigo.splits.leaks import count_joined, join_duplicates, search_dataset
from lentigo.splits.split_choice import choose_splits, require_groups
from lentigo.training.training_set import drop_test, load_labelled

MAX_FOLDS = 20
FEWER_FOLDS = "one for each fold: add photographs, or ask for fewer with --folds"
Watch = Callable[[int, float], None]  # is told each fold and its AUROC; may end the trial


@dataclass(frozen=True)
class Pool:
    """The photographs outside the test split, without a split of their own.

    Attributes:
        dataset: The photographs; duplicates share a group.
        duplicates: How many photographs have a duplicate, and in how many groups; None without a search.
    """

    dataset: Dataset
    duplicates: dict[str, int] | None

    def describe(self) -> dict[str, Any]:
        """What a comparison and a search say of their photographs."""
        return {
            "n": len(self.dataset),
            "n_malignant": int(self.dataset.malignant.sum()),
            "duplicates": self.duplicates,
            "data_fingerprint": self.dataset.fingerprint,
        }

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The photographs that cannot be read."""
        return self.dataset.problems


def gather_pool(data: DataSource, duplicates: bool = True, progress: Progress = show_nothing) -> Pool:
    """Gathers the photographs to compare and to tune on.

    No file of the test split is opened. A validation split that the data give is one with the rest.

    Args:
        data: A path, or a data set that is loaded already.
        duplicates: Whether duplicates are searched.
        progress: Watches the search.

    Returns:
        All photographs but those of the test split.

    Raises:
        DataError: A class is missing.
    """
    # Without a split: folds are drawn from all that is left, the given validation among it
    dataset = drop_test(load_labelled(data)).assign(split=None)
    if not duplicates:
        return Pool(dataset, None)
    joined = join_duplicates(dataset, search_dataset(dataset, progress))
    return Pool(joined, count_joined(joined))


def assign_folds(dataset: Dataset, folds: int, seed: int) -> np.ndarray:
    """Assigns photographs to folds: a function of contents, labels, ids and seed.

    Patients, lesions and duplicate groups stay together; classes, and within them sources, sites and skin
    tones, are spread evenly.

    Args:
        dataset: n photographs.
        folds: Their number, 2 to 20.
        seed: Decides which groups share a fold.

    Returns:
        The fold of each photograph, int (n,), from 0.

    Raises:
        UsageError: The number of folds makes no sense.
        DataError: A class has fewer groups than folds.
    """
    check_folds(folds)
    require_groups(dataset, dataset.groups, folds, cure=FEWER_FOLDS, place=" outside the test split")
    shares = {str(fold): 1 / folds for fold in range(folds)}
    # No fold is given before
    all_free = np.full(len(dataset), -1)
    return choose_splits(dataset, shares, all_free, seed).astype(int)


def check_folds(folds: int) -> None:
    """Checks a number of folds.

    Args:
        folds: The number.

    Raises:
        UsageError: It makes no sense.
    """
    if not 2 <= folds <= MAX_FOLDS:
        raise UsageError(f"folds is {folds}; expected 2 to {MAX_FOLDS}")
