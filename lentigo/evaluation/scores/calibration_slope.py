"""How true probabilities are: the calibration slope and intercept of a set, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

NAN = float("nan")
CERTAIN = 1e-9  # probabilities nearer than this to 0 or 1 count as if they were this far from it
STEPS = 50  # of Newton's method, at most
FARTHEST = 100.0  # a coefficient beyond this has no end: the classes can be told apart without error


@dataclass(frozen=True)
class Recalibration:
    """What would have to be done to the log-odds of a model to make them true on a set (Cox 1958, Biometrika
    45:562).

    Attributes:
        slope: What the log-odds would have to be multiplied with: 1 is right, less means too sure, more too
            unsure.
        slope_ci: Its 95 % interval.
        intercept: What would have to be added to them at a slope of 1 ("calibration in the large"): 0 is
            right, less means that P(malignant) is too high.
        intercept_ci: Its 95 % interval.
    """

    slope: float
    slope_ci: tuple[float, float]
    intercept: float
    intercept_ci: tuple[float, float]


def measure_calibration(malignant: np.ndarray, probability: np.ndarray, groups: np.ndarray) -> Recalibration:
    """Calibration slope and intercept, from two logistic regressions of the truth on the log-odds.

    Intervals are normal ones; their standard errors are robust against photographs of one group being alike
    (Liang and Zeger 1986, Biometrika 73:13). NaN where a class is missing, or where the log-odds tell the
    classes apart without error, so that the slope has no end.

    Args:
        malignant: The truth, 0 or 1, int (n,).
        probability: P(malignant), float (n,).
        groups: Photographs of one patient, lesion or picture share a number, int (n,).

    Returns:
        Both values with their intervals.
    """
    clipped = np.clip(probability, CERTAIN, 1 - CERTAIN)
    log_odds = np.log(clipped / (1 - clipped))
    ones = np.ones((len(log_odds), 1))
    both = fit_logistic(np.column_stack([log_odds, ones]), malignant, groups, np.zeros(len(log_odds)))
    shift = fit_logistic(ones, malignant, groups, log_odds)
    return Recalibration(*both[0], *shift[0])


def fit_logistic(
    columns: np.ndarray, malignant: np.ndarray, groups: np.ndarray, offset: np.ndarray
) -> list[tuple[float, tuple[float, float]]]:
    """Coefficients, with 95 % intervals, of a logistic regression by Newton's method; `columns` are float (n,
    k).
    """
    nothing = [(NAN, (NAN, NAN))] * columns.shape[1]
    group = np.unique(groups, return_inverse=True)[1]
    count = int(group.max(initial=-1)) + 1
    if not 0 < malignant.sum() < len(malignant) or count < 2:
        return nothing
    coefficients = np.zeros(columns.shape[1])
    for _ in range(STEPS):
        expected = expit(columns @ coefficients + offset)
        information = columns.T @ (columns * (expected * (1 - expected))[:, None])
        if np.linalg.cond(information) > 1 / CERTAIN:  # all log-odds are alike, or the classes stand apart
            return nothing
        step = np.linalg.solve(information, columns.T @ (malignant - expected))
        coefficients += step
        if np.abs(coefficients).max() > FARTHEST:
            return nothing
        if np.abs(step).max() < CERTAIN:
            break
    residuals = columns * (malignant - expit(columns @ coefficients + offset))[:, None]  # (n, k)
    sums = np.stack([np.bincount(group, weights=column) for column in residuals.T])  # (k, groups)
    inverse = np.linalg.inv(information)
    covariance = count / (count - 1) * inverse @ (sums @ sums.T) @ inverse
    reach = norm.ppf(0.975) * np.sqrt(np.diag(covariance))
    ends = zip((coefficients - reach).tolist(), (coefficients + reach).tolist(), strict=True)
    return list(zip(coefficients.tolist(), ends, strict=True))
