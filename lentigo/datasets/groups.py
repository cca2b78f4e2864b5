"""Groups: photographs of one patient, of one lesion or of one picture belong together, and the names of the
three splits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
GROUP_COLUMNS = ("patient_id", "lesion_id", "duplicate_group")


def group_images(table: pd.DataFrame, columns: Sequence[str] = GROUP_COLUMNS) -> np.ndarray:
    """Group numbers, int (n,): photographs that share a value in any of `columns` share a group.

    Missing values join nothing, so a photograph without any id is a group of its own.

    >>> group_images(pd.DataFrame({"patient_id": ["a", "a", None], "lesion_id": [1, 2, 2]})).tolist()
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
    return connected_components(coo_array((np.ones(len(row)), (row, anchor)), shape=(n, n)), directed=False)[
        1
    ]


def find_leaks(table: pd.DataFrame, columns: Sequence[str] = GROUP_COLUMNS) -> list[dict]:
    """Ids that stand on more than one side of a given split: `{"column", "value", "splits"}`."""
    leaks = []
    for column in (c for c in columns if c in table):
        sides = table.dropna(subset=[column, "split"]).groupby(column)["split"].unique()
        leaks += [
            {"column": column, "value": str(v), "splits": sorted(s)} for v, s in sides.items() if len(s) > 1
        ]
    return leaks
