"""Splits that keep a patient, a lesion or a duplicate on one side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lentigo.errors import DataError
from lentigo.splits.balance import fill_parts, order_groups, spread_groups


def split_validation(
    malignant: np.ndarray, groups: np.ndarray, digests: Sequence[str], fraction: float, seed: int
) -> np.ndarray:
    """The photographs that are kept for validation: whole groups, `fraction` of each class as nearly as the
    groups allow, each class on both sides.

    A function of what the groups hold and of the seed: neither the order of the rows nor the machine matters.

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
    smallest = min(len(np.unique(groups[labels == label])) for label in (0, 1))
    if smallest < 2:
        raise DataError(
            f"a validation split needs two groups (patients, lesions or photographs) of each class at least; "
            f"the smaller class has {smallest}: add photographs"
        )
    return hold_out_share(labels, groups, digests, fraction, seed)


def hold_out_share(
    labels: np.ndarray, groups: np.ndarray, digests: Sequence[str], fraction: float, seed: int
) -> np.ndarray:
    """As `split_validation`, for labels, int (n,), of any number of classes; each class that has two groups
    stands on both sides.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    counts = np.zeros((numbers.max() + 1, labels.max() + 1), int)
    np.add.at(counts, (numbers, labels), 1)
    place = order_groups(numbers, digests, counts, seed)
    ordered = np.zeros_like(counts)
    ordered[place] = counts[numbers]
    free = np.full(len(ordered), -1)
    parts = spread_groups(ordered, np.array([1 - fraction, fraction]), free)
    parts = fill_parts(parts, ordered, 2, free < 0)
    return parts[place] == 1
