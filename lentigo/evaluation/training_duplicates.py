"""Duplicates of an evaluation's photographs: among themselves, and among those that a RUN has learned from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lentigo.common.file_names import resolve_name
from lentigo.common.hashing import hash_readable
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.duplicates.duplicates import Duplicates
from lentigo.duplicates.searches import search_duplicates
from lentigo.models.bundle import SPLITS, Bundle
from lentigo.splits.leaks import join_duplicates


@dataclass(frozen=True)
class TrainingDuplicate:
    """A photograph of an evaluation that is a duplicate of one of the training.

    Attributes:
        image: Its path.
        training_image: The path of the other.
        kind: One of `lentigo.duplicates.duplicates.KINDS`.
    """

    image: str
    training_image: str
    kind: str


def search_training_duplicates(
    bundle: Bundle, dataset: Dataset, progress: Progress = show_nothing
) -> tuple[Dataset, tuple[TrainingDuplicate, ...]]:
    """Searches the duplicates of an evaluation's photographs, among themselves and in the training.

    One search serves both. Where the training made it, among these photographs or more, it is not made again.

    Args:
        bundle: The RUN. Its photographs must still be where `splits.csv` names them.
        dataset: The photographs of an evaluation.
        progress: Shows how far the search has come.

    Returns:
        The data set with its own duplicates in one group, and its duplicates of training or validation
        photographs.
    """
    images = dataset.table["image"].tolist()
    training_images = list_training_images(bundle, without=images)
    # The training's files may have been replaced since; those that cannot be read have an empty hash
    digests = [*dataset.digests, *map(hash_readable, training_images)]
    # One search over both: it finds duplicates within the evaluation, too, which then count as one group
    duplicates = search_duplicates([*images, *training_images], digests, wider=True, progress=progress)
    found = list_across(duplicates, len(dataset))
    return group_duplicates(dataset, duplicates, digests), found


def list_across(duplicates: Duplicates, n: int) -> tuple[TrainingDuplicate, ...]:
    """The duplicates between the first n photographs of a search, those of an evaluation, and the others."""
    # Only pairs across this border are contamination
    of_training = [row >= n for row in range(len(duplicates.images))]
    found = []
    for pair in duplicates.across(of_training):
        here = min(pair.a, pair.b)
        there = max(pair.a, pair.b)
        found.append(TrainingDuplicate(duplicates.images[here], duplicates.images[there], pair.kind))
    return tuple(found)


def group_duplicates(dataset: Dataset, duplicates: Duplicates, digests: list[str]) -> Dataset:
    """The data set with duplicates in one group; `duplicates` and `digests` are of its photographs and
    others.

    Two photographs that are duplicates of the same other one are in one group, too.

    Args:
        dataset: The n photographs that are evaluated.
        duplicates: Of these photographs and, behind them, of others.
        digests: The SHA-256 of each of all these files.
    """
    given = [None] * len(dataset)
    if "duplicate_group" in dataset.table:
        given = dataset.table["duplicate_group"].tolist()
    # The training's own groups are not asked: they would join photographs of the evaluation that differ
    groups = given + [None] * (len(digests) - len(dataset))
    table = pd.DataFrame({"image": duplicates.images, "duplicate_group": groups}, dtype=object)
    everything = Dataset(dataset.name, table).know_digests(digests)
    joined = join_duplicates(everything, duplicates).table["duplicate_group"]
    # Of the joined rows only the first are those of the evaluation
    return dataset.assign(duplicate_group=joined[: len(dataset)].to_numpy())


def list_training_images(bundle: Bundle, without: list[str] | None = None) -> list[str]:
    """Lists the training and validation photographs of a RUN that are where they were.

    Args:
        bundle: The RUN.
        without: Paths of others that are left out.
    """
    path = bundle.folder / SPLITS
    if not path.is_file():
        return []
    listed = pd.read_csv(path, dtype=str).get("image", ())
    excluded = {resolve_name(image) for image in without or ()}
    found = []
    for image in listed:
        if Path(image).is_file() and resolve_name(image) not in excluded:
            found.append(image)
    return found
