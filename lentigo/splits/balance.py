"""Gives whole groups to splits, so that each split gets its share of everything that is counted.

scikit-learn's StratifiedGroupKFold makes equal folds of one label. Shares of any size, of several labels at
once, some of them given before, need this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from lentigo.common.hashing import hash_bytes

ROUNDING = 0.5  # photographs by which a split may exceed a share that is no whole number
DECIMALS = 9  # to which growths are compared, so that rounding decides nothing


def order_groups(groups: np.ndarray, digests: Sequence[str], counts: np.ndarray, seed: int) -> np.ndarray:
    """Orders groups as they are given to splits: the largest first, those of like size as the seed has it.

    The order is a function of what the groups hold and of the seed: neither the order of the rows nor the
    machine matters. Sizes within a factor of 1.4 are alike. If each size had its own place, no seed could
    move a group whose size no other has.

    Args:
        groups: The group of each photograph, int (n,), numbers from 0.
        digests: The hash of each photograph's content, n words.
        counts: Photographs of each group by what is counted, int (g, k).
        seed: Decides the order of groups of like size.

    Returns:
        The place of each photograph's group, from 0, int (n,).
    """
    salt = str(seed).encode()
    hashes = pd.Series([hash_bytes(salt, digest.encode()) for digest in digests])
    # The lowest of a group: one photograph more seldom changes it
    draws = hashes.groupby(groups).min()
    sizes = np.bincount(groups)
    # By size in steps of half an octave: within a step the seed decides
    half_octaves = np.frexp((sizes * sizes).astype(float))[1]  # the bits of the size squared
    # Counts come last: they tell apart groups whose files cannot be read
    order = np.lexsort([*counts.T, draws, -half_octaves])
    return np.argsort(order)[groups]


def spread_groups(
    counts: np.ndarray, shares: np.ndarray, before: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Gives each group a split, so that each split has its share of everything that is counted.

    Groups are given in their order, so put the largest first. A group goes to a split where nothing that it
    holds exceeds its share. Among several such splits, or where there is none, it goes to the one that keeps
    the distance from the wanted counts least: chi-square, the sum of (count - wanted)² / wanted.

    Args:
        counts: Photographs of each group by what is counted, int (g, k).
        shares: Share of each split, float (s,), 1 in all.
        before: The split that a group has already, or -1, int (g,).
        weights: How much each count matters, float (k,); all alike where it is None.

    Returns:
        The split of each group, int (g,).

    >>> spread_groups(np.array([[2], [1], [1], [1], [1]]), np.array([0.5, 0.5]), np.full(5, -1)).tolist()
    [0, 1, 1, 0, 1]
    """
    present = counts.sum(axis=0) > 0  # nothing is wanted of what nobody has
    weight = np.ones(present.sum()) if weights is None else weights[present]
    counts = counts[:, present].astype(float)
    wanted = shares[:, None] * counts.sum(axis=0)  # (s, k)
    splits = before.copy()
    filled = np.zeros(wanted.shape)
    np.add.at(filled, before[before >= 0], counts[before >= 0])
    for group in np.flatnonzero(before < 0):
        counted = np.flatnonzero(counts[group])  # what the group has any of
        best = choose_split(counts[group, counted], filled[:, counted], wanted[:, counted], weight[counted])
        splits[group] = best
        filled[best] += counts[group]
    return splits


def choose_split(added: np.ndarray, filled: np.ndarray, wanted: np.ndarray, weight: np.ndarray) -> int:
    """The split for a group that adds to what splits have of what they want, float (s, k); the first of
    several that are equally good.
    """
    excess = filled + added - wanted  # (s, k), after the group
    fits = (excess <= ROUNDING).all(axis=1)
    # What the group adds to chi-square: ((filled + added - wanted)² - (filled - wanted)²) / wanted
    terms = weight * added * (2 * excess - added) / wanted
    # An exact sum: numpy's order of adding depends on the processor
    growth = [round(math.fsum(row), DECIMALS) for row in terms]
    candidates = np.arange(len(growth))
    if fits.any():
        candidates = np.flatnonzero(fits)
    return int(min(candidates, key=growth.__getitem__))


def fill_splits(splits: np.ndarray, counts: np.ndarray, n: int, free: np.ndarray) -> np.ndarray:
    """Gives each split that lacks a class a group of it, where another split can spare one.

    The last groups in their order, so the smallest, are moved first.

    Args:
        splits: The split of each group, int (g,).
        counts: Photographs of each group by class, int (g, k).
        n: How many splits there are.
        free: Which groups may be moved, bool (g,).

    Returns:
        The split of each group, int (g,).
    """
    splits = splits.copy()
    has = counts > 0
    for split, label in np.ndindex(n, counts.shape[1]):
        if has[splits == split, label].any():
            continue
        # How many groups of each split hold each class, (n, k)
        holders = np.stack([has[splits == other].sum(axis=0) for other in range(n)])
        dispensable = ((holders[splits] > 1) | ~has).all(axis=1)
        spare = np.flatnonzero(free & has[:, label] & dispensable)
        if len(spare) > 0:
            splits[spare[-1]] = split
    return splits
