"""The bootstrap of whole groups: intervals of numbers that are neither shares nor AUROCs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from lentigo.common.statistics.intervals import TAIL, UNKNOWN, Ends, count_cases, widen

RESAMPLES = 1000  # of a bootstrap


def bootstrap(
    statistic: Callable[[np.ndarray], dict[str, float]],
    groups: np.ndarray,
    *,
    biased: Sequence[str] = (),
    unbounded: Sequence[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Ends]:
    """Gives percentile intervals of numbers that are neither shares nor AUROCs.

    Whole groups are drawn with replacement (Field and Welsh 2007, Journal of the Royal Statistical Society B
    69:369). Values between 0 and 1 have intervals as wide at least as the rule of three wants (`widen`).

    Args:
        statistic: Gives the numbers by name, NaN for one that does not exist, where each photograph counts so
            often, int (n,).
        groups: Group numbers, int (n,).
        biased: Names of sums of absolute noise, which the noise of resampling only makes larger: their
            intervals are moved down by the estimate of that bias, the mean of the resamples less the value
            (Efron and Tibshirani 1993, section 10.2).
        unbounded: Names of numbers that are not between 0 and 1.
        resamples: How many.
        seed: Of the draws.

    Returns:
        Both ends by name; NaN where a number does not exist.
    """
    n = len(groups)
    values = statistic(np.ones(n, int))
    draws = []
    for rows in resample_groups(groups, resamples, seed):
        times_drawn = np.bincount(rows, minlength=n)
        draws.append(statistic(times_drawn))
    cases = count_cases(groups)
    intervals: dict[str, Ends] = {}
    for name, value in values.items():
        drawn = np.array([draw[name] for draw in draws])
        drawn = drawn[~np.isnan(drawn)]
        if np.isnan(value) or len(drawn) == 0:
            intervals[name] = UNKNOWN
            continue
        if name in biased:
            bias = drawn.mean() - value
            drawn = drawn - bias
        low, high = np.quantile(drawn, [TAIL, 1 - TAIL])
        ends = (float(low), float(high))
        if name not in unbounded:
            ends = widen(value, ends, cases)
        intervals[name] = ends
    return intervals


def resample_groups(groups: np.ndarray, resamples: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Draws whole groups with replacement (cluster bootstrap, Field and Welsh 2007).

    Args:
        groups: Group numbers, int (n,).
        resamples: How many.
        seed: Of the draws.

    Yields:
        Row numbers with repeats, int (m,); m differs where groups have different sizes.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(groups, kind="stable")  # rows, group by group
    borders = np.flatnonzero(np.diff(groups[order])) + 1
    starts = np.concatenate([[0], borders])  # of each group in `order`
    sizes = np.diff([*starts, len(order)])
    for _ in range(resamples):
        drawn = rng.integers(0, len(starts), len(starts))
        drawn_sizes = sizes[drawn]
        ends = np.cumsum(drawn_sizes)  # of each drawn group in the resample
        shifts = starts[drawn] - ends + drawn_sizes  # from a place in the resample to one in `order`
        yield order[np.arange(ends[-1]) + np.repeat(shifts, drawn_sizes)]


def spread_rows(n: int, count: int) -> np.ndarray:
    """Chooses rows evenly from a whole table, which may stand in order of class or source.

    Args:
        n: The rows of the table, one at least.
        count: How many are wanted.

    Returns:
        Ascending numbers of rows, int (`count`,), or of all rows where there are no more.

    >>> spread_rows(10, 4).tolist()
    [0, 3, 6, 9]
    """
    return np.unique(np.linspace(0, n - 1, min(n, count)).round().astype(int))
