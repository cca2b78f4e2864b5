"""Whole groups to parts, so that each part gets its share of everything that is counted.

scikit-learn's StratifiedGroupKFold makes equal folds of one label; shares of any size, of several labels at once, some of them given before, need this.
"""

from __future__ import annotations

import numpy as np


def spread_groups(counts: np.ndarray, shares: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The part of each group, int (g,). `counts`, int (g, k): photographs of each group by what is counted; `shares`, float (s,), of the parts;
    `before`, int (g,): the part that a group has already, or -1.

    In their order, so give the largest first, groups go where they keep the distance from the wanted counts least: chi-square, the sum of
    (count - wanted)² / wanted.

    >>> spread_groups(np.array([[2], [1], [1], [1], [1]]), np.array([0.5, 0.5]), np.full(5, -1)).tolist()
    [0, 1, 1, 0, 1]
    """
    counts = counts[:, counts.sum(axis=0) > 0].astype(float)
    wanted = shares[:, None] * counts.sum(axis=0)
    parts, have = before.copy(), np.zeros(wanted.shape)
    np.add.at(have, before[before >= 0], counts[before >= 0])
    for group in np.flatnonzero(before < 0):
        growth = (counts[group] * (2 * (have - wanted) + counts[group]) / wanted).sum(axis=1)
        parts[group] = np.round(growth, 9).argmin()  # rounded: what is equal but for the last bit goes to the first part on every machine
        have[parts[group]] += counts[group]
    return parts


def fill_parts(parts: np.ndarray, counts: np.ndarray, n: int, free: np.ndarray) -> np.ndarray:
    """The same parts, int (g,), but that each of the `n` has a group of each class, if a `free` group, bool (g,), can be spared elsewhere.

    `counts`, int (g, k): photographs of each group by class. The last groups in their order, so the smallest, are moved first.
    """
    parts, has = parts.copy(), counts > 0
    for part, label in np.ndindex(n, counts.shape[1]):
        if has[parts == part, label].any():
            continue
        holders = np.stack([has[parts == other].sum(axis=0) for other in range(n)])  # groups that hold each class, (n, k)
        spare = free & has[:, label] & ((holders[parts] > 1) | ~has).all(axis=1)
        if spare.any():
            parts[np.flatnonzero(spare)[-1]] = part
    return parts
