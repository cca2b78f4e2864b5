"""Whole groups to parts, so that each part gets its share of everything that is counted.

scikit-learn's StratifiedGroupKFold makes equal folds of one label; shares of any size, of several labels at
once, some of them given before, need this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from lentigo.common.hashing import hash_bytes

ROUNDING = 0.5  # photographs by which a part may exceed a share that is no whole number


def order_groups(groups: np.ndarray, digests: Sequence[str], counts: np.ndarray, seed: int) -> np.ndarray:
    """The place of each photograph's group in the order in which groups are given to parts: the largest
    first, those of like size as the seed has it.

    The order is a function of what the groups hold and of the seed: neither the order of the rows nor the
    machine matters. Sizes within a factor of 1.4 are alike; if each size had its own place, no seed could
    move a group whose size no other has.

    Args:
        groups: The group of each photograph, int (n,), numbers from 0.
        digests: The hash of each photograph's content, n words.
        counts: Photographs of each group by what is counted, int (g, k).
        seed: Decides the order of groups of like size.

    Returns:
        Places from 0, int (n,).
    """
    salt = str(seed).encode()
    hashes = pd.Series([hash_bytes(salt, digest.encode()) for digest in digests])
    draws = hashes.groupby(groups).min()  # of a group: one photograph more seldom changes it
    sizes = np.bincount(groups)
    half_octaves = np.array([int(size * size).bit_length() for size in sizes])
    order = np.lexsort(
        [*counts.T, draws, -half_octaves]
    )  # counts tell apart groups whose files cannot be read
    return np.argsort(order)[groups]


def spread_groups(
    counts: np.ndarray, shares: np.ndarray, before: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Gives each group a part, so that each part has its share of everything that is counted.

    In their order, so give the largest first, groups go to a part where nothing that they hold exceeds its
    share; among several such parts, or where there is none, to the one that keeps the distance from the
    wanted counts least: chi-square, the sum of (count - wanted)² / wanted.

    Args:
        counts: Photographs of each group by what is counted, int (g, k).
        shares: Share of each part, float (s,), 1 in all.
        before: The part that a group has already, or -1, int (g,).
        weights: How much each count matters, float (k,); all alike where it is None.

    Returns:
        The part of each group, int (g,).

    >>> spread_groups(np.array([[2], [1], [1], [1], [1]]), np.array([0.5, 0.5]), np.full(5, -1)).tolist()
    [0, 1, 1, 0, 1]
    """
    there = counts.sum(axis=0) > 0
    weight = np.ones(there.sum()) if weights is None else weights[there]
    counts = counts[:, there].astype(float)
    wanted = shares[:, None] * counts.sum(axis=0)
    parts, have = before.copy(), np.zeros(wanted.shape)
    np.add.at(have, before[before >= 0], counts[before >= 0])
    for group in np.flatnonzero(before < 0):
        held = np.flatnonzero(counts[group])
        added = counts[group, held]
        over = have[:, held] + added - wanted[:, held]  # (s, held)
        fits = (over <= ROUNDING).all(axis=1)
        terms = weight[held] * added * (2 * over - added) / wanted[:, held]
        growth = [
            round(math.fsum(row), 9) for row in terms
        ]  # an exact sum: numpy's order of adding depends on the processor
        candidates = np.flatnonzero(fits) if fits.any() else range(len(shares))
        parts[group] = min(candidates, key=lambda part: growth[part])
        have[parts[group]] += counts[group]
    return parts


def fill_parts(parts: np.ndarray, counts: np.ndarray, n: int, free: np.ndarray) -> np.ndarray:
    """The same parts, int (g,), but that each of the `n` has a group of each class, if a `free` group, bool
    (g,), can be spared elsewhere.

    `counts`, int (g, k): photographs of each group by class. The last groups in their order, so the smallest,
    are moved first.
    """
    parts, has = parts.copy(), counts > 0
    for part, label in np.ndindex(n, counts.shape[1]):
        if has[parts == part, label].any():
            continue
        holders = np.stack(
            [has[parts == other].sum(axis=0) for other in range(n)]
        )  # groups that hold each class, (n, k)
        spare = free & has[:, label] & ((holders[parts] > 1) | ~has).all(axis=1)
        if spare.any():
            parts[np.flatnonzero(spare)[-1]] = part
    return parts
