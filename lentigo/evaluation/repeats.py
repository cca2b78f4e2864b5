"""Scores of repeated cross-validation: how far chance reaches, and whether one contender is better than another.

Trainings on overlapping photographs are not independent, so the usual variance of their mean is far too small. Nadeau and Bengio 2003 (Machine
Learning 52:239) correct it: (1/J + n_test/n_train) times the variance of the J scores, with Student's t of J - 1 degrees of freedom. Bouckaert and
Frank 2004 (PAKDD, LNCS 3056:3) found that for repeated K-fold cross-validation, where n_test/n_train is 1/(K - 1), it holds its level and repeats well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

LEVEL = 0.95


@dataclass(frozen=True)
class Mean:
    """The mean of some scores, or of differences, with its 95 % interval and the p of its being 0; NaN where one training says nothing of chance."""

    mean: float
    ci: tuple[float, float]
    p: float

    def to_json(self) -> dict[str, object]:
        """Mean and interval; a value that does not exist is null."""
        return {"mean": known(self.mean), "ci": [known(end) for end in self.ci]}


def known(value: float) -> float | None:
    """None for NaN."""
    return None if np.isnan(value) else float(value)


def average_scores(scores: Sequence[float] | np.ndarray, ratio: float) -> Mean:
    """The mean of `scores`, float (j,), of trainings whose held-out photographs are `ratio` times as many as those that they learned from.

    >>> average_scores([0.9, 0.9, 0.9], 0.25).ci
    (0.9, 0.9)
    """
    values = np.asarray(scores, float)
    count, mean = len(values), float(values.mean())
    if count < 2:
        return Mean(mean, (float("nan"), float("nan")), float("nan"))
    deviation = float(np.sqrt((1 / count + ratio) * values.var(ddof=1)))
    if deviation < 1e-12:  # rounding
        return Mean(mean, (mean, mean), 1.0 if abs(mean) < 1e-12 else 0.0)
    reach = float(t.ppf(0.5 + LEVEL / 2, count - 1)) * deviation
    return Mean(mean, (mean - reach, mean + reach), float(2 * t.sf(abs(mean) / deviation, count - 1)))


def adjust_holm(p: Sequence[float]) -> list[float]:
    """p values of several tests, so adjusted that one in twenty families of tests holds a false finding at 0.05 (Holm 1979, Scandinavian Journal of
    Statistics 6:65). NaN, a test that could not be made, stays and does not count.

    >>> [round(value, 3) for value in adjust_holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, float)
    rows = np.flatnonzero(~np.isnan(values))
    order = rows[np.argsort(values[rows], kind="stable")]
    adjusted = values.copy()
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)), 1.0)
    return adjusted.tolist()
