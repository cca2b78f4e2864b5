"""How true probabilities are: the calibration slope and intercept of a set, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from lentigo.common.statistics.aurocs import has_both_classes

NAN = float("nan")
MIN_PROBABILITY = 1e-9  # nearer to 0 or 1 a probability counts as if it were this far from it
MAX_STEPS = 50  # of Newton's method
MIN_STEP = 1e-9  # of a coefficient: a smaller one ends Newton's method
MAX_CONDITION = 1e9  # of the information: beyond it all log-odds are alike, or the classes apart
MAX_COEFFICIENT = 100.0  # beyond it there is no end: the classes can be told apart without error

Coefficient = tuple[float, tuple[float, float]]  # a value and its 95 % interval


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
    log_odds = find_log_odds(probability)
    ones = np.ones((len(log_odds), 1))
    slope, _ = fit_logistic(np.column_stack([log_odds, ones]), malignant, groups, np.zeros(len(log_odds)))
    # The slope is held at 1 by taking the log-odds as an offset: the intercept alone is fitted
    (intercept,) = fit_logistic(ones, malignant, groups, log_odds)
    return Recalibration(*slope, *intercept)


def find_log_odds(probability: np.ndarray | float) -> Any:
    """Gives log-odds, finite at 0 and 1.

    Args:
        probability: A float, or float (n,).

    Returns:
        The same shape.
    """
    clipped = np.clip(probability, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.log(clipped / (1 - clipped))


def fit_logistic(
    columns: np.ndarray, malignant: np.ndarray, groups: np.ndarray, offset: np.ndarray
) -> list[Coefficient]:
    """Coefficients of a logistic regression with their intervals; `columns` are float (n, k)."""
    undefined = [(NAN, (NAN, NAN))] * columns.shape[1]
    _, group = np.unique(groups, return_inverse=True)
    # One group has no variance between groups, one class no finite coefficient
    if not has_both_classes(malignant) or group.max() == 0:
        return undefined
    fitted = climb_likelihood(columns, malignant, offset)
    if fitted is None:
        return undefined
    coefficients, information = fitted
    residuals = columns * (malignant - expit(columns @ coefficients + offset))[:, None]  # (n, k)
    deviations = find_deviations(residuals, information, group)
    # Wald's interval: the normal approximation of the coefficients
    reach = norm.ppf(0.975) * deviations
    ends = zip((coefficients - reach).tolist(), (coefficients + reach).tolist(), strict=True)
    return list(zip(coefficients.tolist(), ends, strict=True))


def climb_likelihood(
    columns: np.ndarray, malignant: np.ndarray, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Newton's method: the coefficients, float (k,), and Fisher's information, float (k, k), before its last
    step. None where the likelihood has no single highest point.
    """
    coefficients = np.zeros(columns.shape[1])
    for _ in range(MAX_STEPS):
        expected = expit(columns @ coefficients + offset)
        variance = expected * (1 - expected)
        information = columns.T @ (columns * variance[:, None])
        # An information that cannot be inverted: more steps would only run further away
        if np.linalg.cond(information) > MAX_CONDITION:
            return None
        step = np.linalg.solve(information, columns.T @ (malignant - expected))
        coefficients += step
        if np.abs(coefficients).max() > MAX_COEFFICIENT:
            return None
        if np.abs(step).max() < MIN_STEP:
            break
    return coefficients, information


def find_deviations(residuals: np.ndarray, information: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Standard errors, float (k,), robust against photographs of one group being alike: the sandwich of Liang
    and Zeger 1986, with the usual factor for few groups.
    """
    count = int(group.max()) + 1
    sums = np.stack([np.bincount(group, weights=column) for column in residuals.T])  # (k, groups)
    inverse = np.linalg.inv(information)
    # The factor corrects for few groups, as a sample variance does
    covariance = count / (count - 1) * inverse @ (sums @ sums.T) @ inverse
    return np.sqrt(np.diag(covariance))
