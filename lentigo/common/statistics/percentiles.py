"""Percentiles of a few hundred to some ten thousand values, many times over."""

from __future__ import annotations

import numpy as np


def find_percentile(values: np.ndarray, percent: float) -> float:
    """A percentile, linear between two values: the number that `np.percentile` gives, in a tenth of its time
    for a few hundred values.

    Args:
        values: Of any shape, not empty.
        percent: 0 to 100.

    >>> find_percentile(np.uint8([10, 20, 40]), 75)
    30.0
    """
    flat = values.ravel()
    place = percent / 100 * (len(flat) - 1)
    below = int(place)
    above = min(below + 1, len(flat) - 1)
    ordered = np.partition(flat, (below, above))
    low = float(ordered[below])
    high = float(ordered[above])
    share = place - below
    if share < 0.5:  # as NumPy rounds
        return low + (high - low) * share
    return high - (high - low) * (1 - share)
