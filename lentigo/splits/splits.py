"""A validation split that keeps a patient, a lesion or a duplicate group together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lentigo.datasets.groups import count_distinct
from lentigo.errors import DataError
from lentigo.splits.balance import fill_splits, order_groups, spread_groups

VALIDATION = 1  # the number of the split that is held out; 0 is to learn from


def split_validation(
    malignant: np.ndarray, groups: np.ndarray, digests: Sequence[str], fraction: float, seed: int
) -> np.ndarray:
    """Chooses the photographs for validation: whole groups, `fraction` of each class as far as groups allow.

    Both splits have each class. The choice is a function of what the groups hold and of the seed: neither the
    order of the rows nor the machine matters.

    Args:
        malignant: 1 or True for malignant, 0 or False for benign, (n,).
        groups: The group (patient, lesion, duplicates) of each photograph, numbers or words, (n,).
        digests: The hash of each photograph's content, n words.
        fraction: The share of the photographs for validation, above 0 and below 1.
        seed: Decides which groups of like size are drawn.

    Returns:
        The photographs for validation, bool (n,).

    Raises:
        DataError: A class has fewer than two groups.
    """
    labels = np.asarray(malignant).astype(int)
    smallest = min(count_distinct(groups, labels == label) for label in (0, 1))
    if smallest < 2:
        raise DataError(
            f"a validation split needs two groups (patients, lesions or photographs) of each class at least; "
            f"the smaller class has {smallest}: add photographs"
        )
    return hold_out_share(labels, groups, digests, fraction, seed)


def hold_out_share(
    labels: np.ndarray, groups: np.ndarray, digests: Sequence[str], fraction: float, seed: int
) -> np.ndarray:
    """Chooses whole groups as `split_validation` does, for any number of classes.

    Each class that has two groups is in both splits.

    Args:
        labels: The class of each photograph, int (n,).
        groups: See `split_validation`.
        digests: See `split_validation`.
        fraction: See `split_validation`.
        seed: See `split_validation`.

    Returns:
        The photographs that are held out, bool (n,).
    """
    _, numbers = np.unique(groups, return_inverse=True)
    # How many photographs of each class a group holds, int (groups, classes)
    counts = np.zeros((numbers.max() + 1, labels.max() + 1), int)  # by group and class
    np.add.at(counts, (numbers, labels), 1)
    place = order_groups(numbers, digests, counts, seed)
    ordered = np.zeros_like(counts)
    # In the order in which groups are given to splits
    ordered[place] = counts[numbers]
    free = np.full(len(ordered), -1)
    shares = np.array([1 - fraction, fraction])  # to learn from, and for validation
    # No group has a split before: all are free
    splits = spread_groups(ordered, shares, free)
    splits = fill_splits(splits, ordered, len(shares), free < 0)
    return splits[place] == VALIDATION
