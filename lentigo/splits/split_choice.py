"""Which split each photograph goes to: whole groups together, classes and strata as even as they allow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from lentigo.common.results.summaries import format_count
from lentigo.datasets.dataset import CLASSES, Dataset
from lentigo.datasets.groups import count_distinct
from lentigo.errors import DataError
from lentigo.splits.balance import fill_splits, order_groups, spread_groups
from lentigo.splits.strata import count_groups, list_strata

# How much a split's share of all photographs, of each class, and of each source, site or skin tone matters
SHARE_WEIGHT = 4.0
CLASS_WEIGHT = 2.0
STRATUM_WEIGHT = 1.0
FEWER_SPLITS = "one for each split: add photographs, or ask for fewer splits (--validation 0 or --test 0)"


def choose_splits(dataset: Dataset, shares: dict[str, float], before: np.ndarray, seed: int) -> np.ndarray:
    """Chooses the split of each photograph, whole groups together.

    Args:
        dataset: The photographs, with their groups.
        shares: The share of each split, by name, 1 in all.
        before: The number of the split that a photograph must have, or -1, int (n,).
        seed: Decides the order of groups of like size.

    Returns:
        Names of splits, object (n,).

    Raises:
        DataError: A class has too few groups.
    """
    names = list(shares)
    groups = dataset.groups
    require_groups(dataset, groups, len(names), cure=FEWER_SPLITS)
    # The first stratum holds all photographs, so that the sizes of splits count; the second is the class
    everything = pd.Series("all", index=dataset.table.index)
    strata = [everything, *list_strata(dataset.table).values()]
    counts_by_group, _ = count_strata(strata, groups)
    # The largest groups first: the small ones fill what is left
    place = order_groups(groups, dataset.digests, counts_by_group, seed)
    # The highest number: where a group was in several splits, the last one keeps the test split apart
    given = pd.Series(before).groupby(place).max().to_numpy()
    counts, widths = count_strata(strata, place)
    stratum_weights = [SHARE_WEIGHT, CLASS_WEIGHT]
    stratum_weights += [STRATUM_WEIGHT] * (len(strata) - len(stratum_weights))
    weights = np.repeat(stratum_weights, widths)  # of each value of each stratum
    splits = spread_groups(counts, np.array(list(shares.values())), given, weights)
    # Shares may leave a small split without a class; then it gets a group of it
    class_counts = count_groups(dataset.table["label"], place)
    splits = fill_splits(splits, class_counts, len(names), given < 0)
    chosen = np.array(names, dtype=object)[splits[place]]
    require_classes(dataset, chosen, names)
    return chosen


def count_strata(strata: Sequence[pd.Series], groups: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Photographs of each group by the values of all strata, int (groups, values), and values of each
    stratum.
    """
    tables = [count_groups(values, groups) for values in strata]
    widths = [table.shape[1] for table in tables]
    return np.concatenate(tables, axis=1), widths


def require_groups(dataset: Dataset, groups: np.ndarray, number: int, *, cure: str, place: str = "") -> None:
    """Makes sure that there are groups enough for each split, or fold, to have both classes.

    Args:
        dataset: n photographs.
        groups: The group of each, numbers or words, (n,).
        number: Of the splits.
        cure: The end of the message.
        place: Which photographs these are, with a blank before it; "" for all.

    Raises:
        DataError: A class has fewer groups than there are splits.
    """
    for label, name in enumerate(CLASSES):
        count = count_distinct(groups, dataset.malignant == label)
        if count < number:
            raise DataError(
                f"{dataset.name}: {format_count(count, 'group')} (patients, lesions or images) of the class "
                f"{name}{place}; expected {number} at least, {cure}"
            )


def require_classes(dataset: Dataset, chosen: np.ndarray, splits: list[str]) -> None:
    """Raises `DataError` where a split lacks a class."""
    for split, (label, name) in product(splits, enumerate(CLASSES)):
        if not (dataset.malignant[chosen == split] == label).any():
            raise DataError(
                f"{dataset.name}: no {name} photograph is left for {split}, so large are the groups or so "
                "many have a split already; expected some for each split: add photographs, ask for fewer "
                "splits (--validation 0 or --test 0), or split without --keep"
            )
