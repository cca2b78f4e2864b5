"""Strata: what is spread evenly over the splits, and how evenly it was."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Columns whose values are spread over the splits, within each class, where they are known
BALANCED = ("source", "site", "skin_tone", "skin_type")
UNKNOWN = "unknown"
OTHERS = "others"
MAX_VALUES = 50  # of a column that are told apart
MIN_IMAGES = 10  # of a class with a value that is told apart: fewer cannot be spread


def list_strata(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Lists what is to be spread evenly: the class, and within it columns of `BALANCED` that vary.

    Args:
        table: A data set's, with `label`.

    Returns:
        The stratum of each photograph, in words, by the name of the column.
    """
    labels = table["label"]
    strata = {"label": labels}
    for name in BALANCED:
        # A column of one value has nothing to spread
        if name in table and table[name].nunique(dropna=False) > 1:
            # Within the class: a source with malignant photographs alone must not fill the share of both
            strata[name] = labels + ", " + name_common(table[name], labels)
    return strata


def name_common(values: pd.Series, labels: pd.Series) -> pd.Series:
    """The values as words; what is missing is unknown, what is rare is others.

    Rare is what fewer than `MIN_IMAGES` of a class have, or what is not among the `MAX_VALUES` commonest.
    """
    words = values.astype(object).where(values.notna(), UNKNOWN).astype(str)
    # By name where counts are equal, so that the same values are kept each time
    counts = words.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    commonest = counts.index[:MAX_VALUES]
    count_in_class = words.groupby([words, labels]).transform("size")
    common = words.isin(commonest) & (count_in_class >= MIN_IMAGES)
    return words.where(common, OTHERS)


def count_groups(values: pd.Series, groups: np.ndarray) -> np.ndarray:
    """Counts the photographs of each value in each group.

    Args:
        values: A value of each photograph, (n,).
        groups: Its group, int (n,), from 0.

    Returns:
        Counts, int (groups, values), the values sorted.
    """
    return pd.crosstab(groups, values.to_numpy()).to_numpy()


def measure_distance(values: pd.Series, splits: pd.Series, shares: dict[str, float]) -> float:
    """Measures how unevenly a value is spread.

    Args:
        values: A value of each photograph, (n,).
        splits: The split of each photograph, (n,).
        shares: The share of all photographs that each split is to have.

    Returns:
        The largest difference, in photographs, between how many of a value a split has and its share of them.
    """
    table = pd.crosstab(splits.to_numpy(), values.to_numpy())
    counts = table.reindex(list(shares), fill_value=0).to_numpy()  # (splits, values)
    # What each split should have of each value, were groups of one photograph
    wanted = np.array(list(shares.values()))[:, None] * counts.sum(axis=0)
    return float(np.abs(counts - wanted).max())
