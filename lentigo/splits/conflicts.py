"""Conflicts: lesions and images that have both labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.groups import group_images
from lentigo.splits.frozen_splits import DIGEST


@dataclass(frozen=True)
class Conflict:
    """Photographs of one lesion or image that have both labels.

    Attributes:
        images: Their paths.
        labels: Their labels, in the same order.
    """

    images: tuple[str, ...]
    labels: tuple[str, ...]


def find_conflicts(dataset: Dataset) -> tuple[Conflict, ...]:
    """Finds lesions and images with both labels; a patient may well have lesions of both kinds.

    Args:
        dataset: With `lesion_id` and `duplicate_group` where they are known.

    Returns:
        A conflict for each such lesion or image.
    """
    hashed = dataset.table.assign(**{DIGEST: dataset.digests})
    # A patient is left out here: a mole and a melanoma on one person are no conflict
    lesions = group_images(hashed, ("lesion_id", "duplicate_group", DIGEST))
    table = dataset.table[["image", "label"]].assign(lesion=lesions)
    mixed = table[table.groupby("lesion")["label"].transform("nunique") > 1]
    conflicts = []
    for _, rows in mixed.groupby("lesion"):
        conflicts.append(Conflict(tuple(rows["image"]), tuple(rows["label"])))
    return tuple(conflicts)


def list_conflicting(conflicts: Sequence[Conflict]) -> set[str]:
    """The photographs of all conflicts.

    Args:
        conflicts: Of `find_conflicts`.
    """
    images: set[str] = set()
    for conflict in conflicts:
        images.update(conflict.images)
    return images
