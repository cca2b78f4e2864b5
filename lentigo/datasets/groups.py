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
    """Finds which photographs belong together.

    Args:
        table: A row for each photograph.
        columns: Ids; photographs that share a value in any of them share a group. Missing values join
            nothing, so a photograph without any id is a group of its own.

    Returns:
        Group numbers, int (n,).

    >>> group_images(pd.DataFrame({"patient_id": ["a", "a", None], "lesion_id": [1, 2, 2]})).tolist()
    [0, 0, 0]
    """
    n = len(table)
    numbers = np.arange(n)
    # Edges of a graph: every row to itself, and to the first row with the same id
    rows = [numbers]
    anchors = [numbers]
    for column in columns:
        if column in table:
            # A row and the first row with the same id: a chain joins all rows of an id
            first = pd.Series(numbers).groupby(table[column].to_numpy(), dropna=True).transform("first")
            known = first.notna().to_numpy()
            rows.append(np.flatnonzero(known))
            anchors.append(first[known].to_numpy(dtype=int))
    row = np.concatenate(rows)
    anchor = np.concatenate(anchors)
    graph = coo_array((np.ones(len(row)), (row, anchor)), shape=(n, n))
    _, groups = connected_components(graph, directed=False)
    return groups


def count_distinct(groups: np.ndarray, chosen: np.ndarray) -> int:
    """Counts the groups that some photographs belong to.

    Args:
        groups: The group of each photograph, numbers or words, (n,).
        chosen: Which photographs count, bool (n,).
    """
    return len(np.unique(groups[chosen]))


def find_leaks(table: pd.DataFrame, columns: Sequence[str] = GROUP_COLUMNS) -> list[dict]:
    """Finds ids that stand in more than one split.

    Args:
        table: A row for each photograph, with `split`.
        columns: The ids that are compared.

    Returns:
        `{"column", "value", "splits"}` of each.
    """
    leaks = []
    for column in columns:
        if column not in table:
            continue
        splits_of = table.dropna(subset=[column, "split"]).groupby(column)["split"].unique()
        for value, splits in splits_of.items():
            if len(splits) > 1:
                leaks.append({"column": column, "value": str(value), "splits": sorted(splits)})
    return leaks
