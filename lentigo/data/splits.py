"""Splits that keep a patient, a lesion or a duplicate on one side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lentigo.data.balance import fill_parts, order_groups, spread_groups
from lentigo.errors import DataError

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
GROUP_COLUMNS = ("patient_id", "lesion_id", "duplicate_group")


def group_photos(table: pd.DataFrame, columns: Sequence[str] = GROUP_COLUMNS) -> np.ndarray:
    """Group numbers, int (n,): photographs that share a value in any of `columns` share a group.

    Missing values join nothing, so a photograph without any id is a group of its own.

    >>> group_photos(pd.DataFrame({"patient_id": ["a", "a", None], "lesion_id": [1, 2, 2]})).tolist()
    [0, 0, 0]
    """
    n = len(table)
    rows, anchors = [np.arange(n)], [np.arange(n)]
    for column in (c for c in columns if c in table):
        first = pd.Series(np.arange(n)).groupby(table[column].to_numpy(), dropna=True).transform("first")
        known = first.notna().to_numpy()
        rows.append(np.flatnonzero(known))
        anchors.append(first[known].to_numpy(dtype=int))
    row, anchor = np.concatenate(rows), np.concatenate(anchors)
    return connected_components(coo_array((np.ones(len(row)), (row, anchor)), shape=(n, n)), directed=False)[1]


def split_validation(malignant: np.ndarray, groups: np.ndarray, digests: Sequence[str], fraction: float, seed: int) -> np.ndarray:
    """The photographs that are kept for validation: whole groups, `fraction` of each class as nearly as the groups allow, each class on both sides.

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


def hold_out_share(labels: np.ndarray, groups: np.ndarray, digests: Sequence[str], fraction: float, seed: int) -> np.ndarray:
    """As `split_validation`, for labels, int (n,), of any number of classes; each class that has two groups stands on both sides."""
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


def resample_groups(groups: np.ndarray, resamples: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Row numbers, int (m,), with repeats: whole groups drawn with replacement (cluster bootstrap, Field 2007)."""
    rng = np.random.default_rng(seed)
    order = np.argsort(groups, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(groups[order])) + 1])
    sizes = np.diff([*starts, len(order)])
    for _ in range(resamples):
        drawn = rng.integers(0, len(starts), len(starts))
        ends = np.cumsum(sizes[drawn])
        yield order[np.arange(ends[-1]) + np.repeat(starts[drawn] - ends + sizes[drawn], sizes[drawn])]


def find_leaks(table: pd.DataFrame, columns: Sequence[str] = GROUP_COLUMNS) -> list[dict]:
    """Ids that stand on more than one side of a given split: `{"column", "value", "splits"}`."""
    leaks = []
    for column in (c for c in columns if c in table):
        sides = table.dropna(subset=[column, "split"]).groupby(column)["split"].unique()
        leaks += [{"column": column, "value": str(v), "splits": sorted(s)} for v, s in sides.items() if len(s) > 1]
    return leaks
