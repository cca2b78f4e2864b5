"""Splits that keep a patient, a lesion or a duplicate on one side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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


def split_validation(malignant: np.ndarray, groups: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """A mask, bool (n,), of about `fraction` of the photographs for validation.

    Whole groups are drawn, stratified by whether they hold a malignant photograph; each class stands on both sides.
    Raises `DataError` when a class is too small for that.
    """
    names, index = np.unique(groups, return_inverse=True)
    stratum = np.zeros(len(names), dtype=int)
    np.maximum.at(stratum, index, malignant.astype(int))
    sizes = np.bincount(stratum, minlength=2)
    smallest = sizes.min()
    if smallest < 2:
        raise DataError(
            f"a validation split needs two groups (patients, lesions or photographs) of each class at least; "
            f"the smaller class has {smallest}: add photographs"
        )
    shares = np.clip(np.round(fraction * sizes).astype(int), 1, sizes - 1)  # scikit-learn may leave a small class out of one side
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(np.flatnonzero(stratum == number))[:share] for number, share in enumerate(shares)]
    return np.isin(index, np.concatenate(drawn))


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
