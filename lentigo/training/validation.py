"""Which photographs are for validation, and the files of a RUN that say so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.files import write_csv
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.groups import count_distinct
from lentigo.errors import DataError
from lentigo.models.bundle import LEARNED
from lentigo.models.training_record import TrainingRecord
from lentigo.models.training_record_files import find_training_record, write_training_record
from lentigo.splits.splits import hold_out_share, split_validation
from lentigo.training.recipes import Recipe

MIN_NEW_GROUPS = 2  # groups of each class that a validation needs where a RUN has learned from the others


@dataclass(frozen=True)
class Start:
    """What a training starts from.

    Attributes:
        name: The weights, as they were given.
        learned: The photographs that those weights have learned from or were validated on.
    """

    name: str
    learned: TrainingRecord

    def find_splits(self, dataset: Dataset, progress: Progress = show_nothing) -> np.ndarray:
        """Finds how the start has used each photograph, also where it is saved in another file now.

        Args:
            dataset: n photographs.
            progress: Watches the photographs go by.

        Returns:
            "train", "validation" or "" where it has not used it; words (n,).
        """
        if not len(self.learned):
            return np.full(len(dataset), "", dtype=object)
        found = self.learned.recognise(dataset.table["image"].tolist(), dataset.digests, progress=progress)
        return np.array([image.split if image else "" for image in found], dtype=object)

    def describe(self) -> dict[str, int] | None:
        """The card's entry; None where the start has learned from no photograph of ours."""
        return self.learned.describe() if self.learned.total else None


def find_start(weights: str | Path) -> Start:
    """Finds what a training starts from.

    Args:
        weights: A RUN or "bundled", which has learned from photographs; or "imagenet", "none" or a file of
            weights, which have learned from none of ours.

    Returns:
        The weights and their record.
    """
    return Start(str(weights), find_training_record(weights))


def split_or_read(
    dataset: Dataset,
    recipe: Recipe,
    path: Path,
    *,
    resume: bool,
    start: Start,
    progress: Progress = show_nothing,
) -> np.ndarray:
    """Chooses the validation photographs and writes `splits.csv` and, beside it, the training record.

    Args:
        dataset: The n photographs to train and validate on.
        recipe: Says the share of validation and the seed.
        path: Of `splits.csv`; to resume, what it says is taken.
        resume: Whether the training goes on.
        start: What it starts from. What that was trained on is not drawn, and what it was validated on is
            validation again.
        progress: Watches the photographs go by.

    Returns:
        True for validation, bool (n,): as the data give it, else drawn.

    Raises:
        DataError: The start has learned from photographs of the given validation, or from nearly all.
    """
    if resume and path.is_file():
        held_out = read_validation(path, dataset)
        if held_out is not None:  # drawn again, it might differ: a version may draw otherwise
            return held_out
    held_out = find_given_validation(dataset)
    if held_out.any():
        refuse_learned(dataset.take(held_out), start, progress)
    else:
        held_out = draw_validation(dataset, recipe, start.find_splits(dataset, progress))
    dataset.take(held_out).require_both_classes()
    dataset.take(~held_out).require_both_classes()
    keep_training_record(path.with_name(LEARNED), dataset, held_out, start, progress)
    # Last: a resumed training takes this file for a sign that all was written.
    write_splits(path, dataset, held_out)
    return held_out


def read_validation(path: Path, dataset: Dataset) -> np.ndarray | None:
    """The validation photographs, bool (n,), of an earlier `splits.csv`; None where it lacks a photograph."""
    # By path: an earlier call of this training wrote it
    splits = pd.read_csv(path, dtype=str).set_index("image")["split"]
    found = dataset.table["image"].map(splits)
    if found.isna().any():
        return None
    return (found == "validation").to_numpy()


def find_given_validation(dataset: Dataset) -> np.ndarray:
    """Finds the photographs that a data set itself gives for validation.

    Args:
        dataset: n photographs with a column `split`.

    Returns:
        True for validation, bool (n,).
    """
    return (dataset.table["split"] == "validation").to_numpy()


def write_splits(
    path: Path,
    dataset: Dataset,
    held_out: np.ndarray,
    *,
    truth: str = "label",
    folds: np.ndarray | None = None,
) -> None:
    """Writes which photographs were learned from and which were for validation.

    Args:
        path: The file, such as `splits.csv` of a RUN.
        dataset: n photographs.
        held_out: True for validation, bool (n,).
        truth: The column that is written beside the photograph: "label", or "mask".
        folds: The fold of each training photograph in order, int (m,): the head of that number has not
            learned from it. None where there are no folds.
    """
    # With hashes: a split can be recalled after photographs were moved
    table = dataset.table[["image", truth]].assign(
        split=np.where(held_out, "validation", "train"), group=dataset.groups, sha256=dataset.digests
    )
    if folds is not None:
        numbers = pd.Series(pd.NA, index=table.index, dtype="Int64")  # no number for validation
        numbers[~held_out] = folds
        table["fold"] = numbers
    write_csv(path, table)


def keep_training_record(
    path: Path,
    dataset: Dataset,
    held_out: np.ndarray,
    start: Start,
    progress: Progress = show_nothing,
) -> TrainingRecord:
    """Writes what a RUN has learned from once it is trained.

    Args:
        path: Of `learned.npz`.
        dataset: Its n photographs.
        held_out: True for validation, bool (n,).
        start: What it starts from; what that has learned from is written, too, but for its mask decoder,
            which is not taken over.
        progress: Watches the photographs go by.

    Returns:
        What was written.
    """
    images = dataset.table["image"].tolist()
    return write_training_record(
        path,
        images,
        dataset.digests,
        held_out,
        start=start.learned.replace_part("decoder"),
        progress=progress,
    )


def refuse_learned(judges: Dataset, start: Start, progress: Progress = show_nothing) -> None:
    """Refuses to validate on photographs that the start has learned from.

    Args:
        judges: Photographs that are to judge a training.
        start: What the training starts from.
        progress: Watches the photographs go by.

    Raises:
        DataError: The start was trained on some of them.
    """
    splits = start.find_splits(judges, progress)
    learned = judges.table["image"][splits == "train"].tolist()
    if learned:
        raise DataError(
            f"{judges.name}: {start.name} has learned from {len(learned)} of the {len(judges)} photographs "
            f"that are to judge this training (the first: {learned[0]}); "
            "expected others: leave these out, start from imagenet, or let `lentigo train` draw the "
            "validation photographs"
        )


def draw_validation(
    dataset: Dataset,
    recipe: Recipe,
    start_splits: np.ndarray,
    *,
    stratified: bool = True,
    min_groups: int = MIN_NEW_GROUPS,
) -> np.ndarray:
    """Draws the validation photographs: groups that were validation before, and some of those that are new.

    Args:
        dataset: n photographs.
        recipe: Says the share of validation and the seed.
        start_splits: How the start has used each of them, as `Start.find_splits` gives it; words (n,).
        stratified: Whether each class is drawn by its share; otherwise groups are, whatever their class.
        min_groups: The groups of each class that a validation needs where the start knows some photographs.

    Returns:
        True for validation, bool (n,). No group of it holds a photograph that the start was trained on.

    Raises:
        DataError: All photographs but for a few are known from the training of the start: a validation on
            them would flatter.
    """
    labels = dataset.malignant if stratified else np.zeros(len(dataset), int)
    # One photograph that the start has used makes all of its group known: lesion, patient, duplicates
    learned = np.isin(dataset.groups, dataset.groups[start_splits == "train"])
    validated = np.isin(dataset.groups, dataset.groups[start_splits == "validation"])
    held_out = validated & ~learned
    new = ~validated & ~learned
    start_knows_some = bool((start_splits != "").any())
    if not start_knows_some or count_groups(dataset, labels, new) >= min_groups:
        draw = split_validation if stratified else hold_out_share
        digests = dataset.take(new).digests
        held_out[new] = draw(labels[new], dataset.groups[new], digests, recipe.validation_split, recipe.seed)
    if start_knows_some and count_groups(dataset, labels, held_out) < min_groups:
        raise DataError(
            f"{dataset.name}: the start of this training has learned from {int(learned.sum())} of its "
            f"{len(dataset)} photographs, and what is left cannot judge; "
            f"expected photographs of {min_groups} other lesions of each class: add them, or start from "
            "imagenet"
        )
    return held_out


def count_groups(dataset: Dataset, labels: np.ndarray, rows: np.ndarray) -> int:
    """The groups of that class which has the fewest of them, among some rows of a data set.

    Args:
        dataset: The photographs.
        labels: Their truth, 0 or 1, int (n,).
        rows: Those that count, bool (n,).
    """
    return min(count_distinct(dataset.groups, rows & (labels == label)) for label in np.unique(labels))
