"""Folds: the photographs outside the test split in K parts, whole groups in one, each held out once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import CLASSES, Dataset
from lentigo.errors import DataError, UsageError
from lentigo.images.problems import Problem
from lentigo.splits.leaks import count_joined, join_duplicates, search_dataset
from lentigo.splits.partition import choose_parts
from lentigo.training.preparation import drop_test, load_labelled

MOST = 20  # folds


@dataclass(frozen=True)
class Pool:
    """The photographs outside the test split, which was not opened, without a split; `duplicates` as in
    `TrainingSet`, None where nobody looked.
    """

    dataset: Dataset
    duplicates: dict[str, int] | None

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.dataset.problems


def gather_pool(
    data: str | Path | Dataset, duplicates: bool = True, progress: Progress = show_nothing
) -> Pool:
    """The photographs to compare and to tune on: all but the test split, of which no file is opened;
    duplicates share a group.

    A validation split that the data give is one with the rest. Raises `DataError`.
    """
    dataset = drop_test(load_labelled(data)).assign(split=None)
    if not duplicates:
        return Pool(dataset, None)
    joined = join_duplicates(dataset, search_dataset(dataset, progress))
    return Pool(joined, count_joined(joined))


def assign_folds(dataset: Dataset, folds: int, seed: int) -> np.ndarray:
    """The fold of each photograph, int (n,), from 0: patients, lesions, duplicate groups and duplicates stay
    together; classes, and within them sources, sites and skin tones, are spread evenly.

    A function of contents, labels, ids and seed. Raises `UsageError` for another number than 2 to 20,
    `DataError` where a class has too few groups.
    """
    check_folds(folds)
    for name in CLASSES:
        count = len(np.unique(dataset.groups[(dataset.table["label"] == name).to_numpy()]))
        if count < folds:
            raise DataError(
                f"{dataset.name}: {count} group{'s' * (count != 1)} (patients, lesions or pictures) of the "
                f"class {name} outside the test split; "
                f"expected {folds} at least, one for each fold: add photographs, or ask for fewer with "
                "--folds"
            )
    return choose_parts(
        dataset, {str(fold): 1 / folds for fold in range(folds)}, np.full(len(dataset), -1), seed
    ).astype(int)


def check_folds(folds: int) -> None:
    """Raises `UsageError` for a number of folds that makes no sense."""
    if not 2 <= folds <= MOST:
        raise UsageError(f"folds is {folds}; expected 2 to {MOST}")
