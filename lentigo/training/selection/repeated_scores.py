"""Scores of repeated cross-validation: how far chance reaches, and whether one contender is better than
another.

Trainings on overlapping photographs are not independent, so the usual variance of their mean is far too
small. Nadeau and Bengio 2003 (Machine Learning 52:239) correct it: (1/J + n_test/n_train) times the variance
of the J scores, with Student's t of J - 1 degrees of freedom. Bouckaert and Frank 2004 (PAKDD, LNCS 3056:3)
found that for repeated K-fold cross-validation, where n_test/n_train is 1/(K - 1), it holds its level and
repeats well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t

from lentigo.common.json_values import replace_nan
from lentigo.common.statistics.intervals import LEVEL, UNKNOWN, widen

MIN_DEVIATION = 1e-12  # below it scores differ by mere rounding


@dataclass(frozen=True)
class Mean:
    """The mean of some scores, or of differences.

    Attributes:
        mean: Of all trainings.
        ci: Its 95 % interval; NaN where one training says nothing of chance.
        p: Of its being 0; NaN likewise.
    """

    mean: float
    ci: tuple[float, float]
    p: float

    def to_json(self) -> dict[str, object]:
        """Mean and interval; a value that does not exist is null."""
        return replace_nan({"mean": self.mean, "ci": self.ci})


def average_scores(scores: Sequence[float] | np.ndarray, ratio: float, cases: float | None = None) -> Mean:
    """Averages the scores of trainings on overlapping photographs.

    Args:
        scores: AUROCs or accuracies, or differences of such, one for each training; float (j,).
        ratio: How many times as many photographs were held out of a training as it learned from.
        cases: Of scores between 0 and 1, not of differences, the number of photographs of the smaller class
            on which they were measured. The interval is made on the logit scale then, and is as wide at least
            as the rule of three wants (`lentigo.common.statistics.intervals.widen`).

    Returns:
        The mean; its interval ends within 0 and 1, that of a difference within -1 and 1. NaN where one
        training says nothing of chance.

    >>> average_scores([0.02, 0.02, 0.02], 0.25).ci
    (0.02, 0.02)
    """
    values = np.asarray(scores, float)
    count = len(values)
    mean = float(values.mean())
    # One training has no variance to be estimated
    if count < 2:
        return Mean(mean, UNKNOWN, float("nan"))
    # Trainings share photographs, so they vary less than independent ones would: `ratio` makes up for it
    deviation = float(np.sqrt((1 / count + ratio) * values.var(ddof=1)))
    quantile = float(t.ppf(0.5 + LEVEL / 2, count - 1))
    p = judge_mean(mean, deviation, count)
    if cases is None:
        # A difference of AUROCs lies between -1 and 1
        ends = np.clip([mean - quantile * deviation, mean + quantile * deviation], -1, 1)
        return Mean(mean, (float(ends[0]), float(ends[1])), p)
    low, high = mean, mean
    if 0 < mean < 1:
        reach = quantile * deviation / (mean * (1 - mean))  # of the logit, whose slope is 1 / (m (1 - m))
        low, high = expit(logit(mean) + np.array([-reach, reach]))
    return Mean(mean, widen(mean, (float(low), float(high)), cases), p)


def judge_mean(mean: float, deviation: float, count: int) -> float:
    """The p of a mean's being 0, by Student's t with its standard error; of values that are all alike it is 1
    or 0.
    """
    if deviation >= MIN_DEVIATION:
        return float(2 * t.sf(abs(mean) / deviation, count - 1))
    return 1.0 if abs(mean) < MIN_DEVIATION else 0.0


def adjust_holm(p: Sequence[float]) -> list[float]:
    """Adjusts the p values of several tests: at 0.05 one in twenty families of tests holds a false finding.

    The method is Holm's (1979, Scandinavian Journal of Statistics 6:65).

    Args:
        p: Of each test; NaN, a test that could not be made, stays and does not count.

    Returns:
        The adjusted p values in the same order.

    >>> [round(value, 3) for value in adjust_holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, float)
    rows = np.flatnonzero(~np.isnan(values))
    order = rows[np.argsort(values[rows], kind="stable")]
    adjusted = values.copy()
    factors = np.arange(len(order), 0, -1)  # the smallest p counts for all tests, the largest for itself
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted.tolist()
