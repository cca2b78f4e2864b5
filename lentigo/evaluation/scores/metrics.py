"""Metrics of a binary classifier and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from lentigo.common.statistics.aurocs import has_both_classes
from lentigo.common.statistics.intervals import Ends, count_cases, estimate_share, measure_scores, widen
from lentigo.common.statistics.resampling import bootstrap

BINS = 15  # of the calibration error
HIGH_SENSITIVITY = 0.95  # at which a specificity is measured
BIASED = ("ece",)  # a sum of absolute noise: the noise that resampling adds only makes it larger
RANKING = ("average_precision", "specificity_at_95_sensitivity")  # they rest on the smaller class
TITLES = {
    "accuracy": "Accuracy at the threshold",
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "sensitivity": "Sensitivity at the threshold",
    "specificity": "Specificity at the threshold",
    "specificity_at_95_sensitivity": "Specificity at 95 % sensitivity",
    "brier": "Brier score (lower is better)",
    "ece": "Expected calibration error (lower is better)",
    "calibration_slope": "Calibration slope (1 is right)",
    "calibration_intercept": "Calibration intercept (0 is right)",
    "coverage": "Share answered",
}


@dataclass(frozen=True)
class Metrics:
    """Point values; NaN where a class is missing.

    Attributes:
        accuracy: The share that is decided rightly at the threshold.
        auroc: The share of pairs of a malignant and a benign photograph that are in order.
        sensitivity: The share of the malignant photographs that is called malignant.
        specificity: The share of the benign photographs that is called benign.
        brier: The mean squared difference of P(malignant) from the truth.
        ece: The expected calibration error, of bins of equal mass.
        average_precision: The area below the precision-recall curve.
        specificity_at_95_sensitivity: That of the highest threshold with this sensitivity.
        coverage: The share that is answered rather than refused.
    """

    accuracy: float
    auroc: float
    sensitivity: float
    specificity: float
    brier: float
    ece: float
    average_precision: float
    specificity_at_95_sensitivity: float
    coverage: float


def measure(
    malignant: np.ndarray, probability: np.ndarray, threshold: float, answered: np.ndarray | None = None
) -> Metrics:
    """Measures all metrics; `estimate_intervals` gives their intervals.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: From which P(malignant) is called malignant.
        answered: Whether each photograph was answered rather than refused, bool (n,); all of them by default.

    Returns:
        Point values; NaN where a class is missing.

    >>> measure(np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4]), 0.5).sensitivity
    0.5
    """
    decided = probability >= threshold
    auroc = float("nan")
    if has_both_classes(malignant):
        auroc = float(roc_auc_score(malignant, probability))
    return Metrics(
        accuracy=float((decided == malignant).mean()),
        auroc=auroc,
        sensitivity=measure_share(decided, malignant == 1),
        specificity=measure_share(~decided, malignant == 0),
        coverage=1.0 if answered is None else float(answered.mean()),
        **rank_images(malignant, probability).measure(np.ones(len(malignant))),
    )


def measure_share(mask: np.ndarray, among: np.ndarray) -> float:
    """Measures a share.

    Args:
        mask: What is counted, bool (n,) or (height, width).
        among: Among which it is counted, of the same shape.

    Returns:
        0 to 1; NaN where there is nothing to count among.
    """
    if not among.any():
        return float("nan")
    return float(mask[among].mean())


@dataclass(frozen=True)
class Ranked:
    """Photographs in levels of equal probability, from which the metrics that are no shares can be counted
    quickly.

    Attributes:
        malignant: The truth, 0 or 1, float (n,).
        probability: P(malignant), float (n,).
        level: The rank of each probability among the different ones, int (n,), the lowest 0.
    """

    malignant: np.ndarray
    probability: np.ndarray
    level: np.ndarray

    def measure(self, weights: np.ndarray) -> dict[str, float]:
        """Gives those of `Metrics` that are neither shares nor the AUROC.

        Args:
            weights: How often each photograph counts, int (n,).

        Returns:
            The values by name; NaN where a class is missing.
        """
        sick_at = np.bincount(self.level, weights * self.malignant)  # by level, ascending
        all_at = np.bincount(self.level, weights)
        found = np.cumsum(sick_at[::-1])  # at or above each level, descending
        called = np.cumsum(all_at[::-1])
        n = called[-1]
        squared_errors = (self.probability - self.malignant) ** 2
        average_precision = weigh_precision(found, called, sick_at[::-1])
        specificity = find_specificity(found, called)
        return {
            "brier": float(weights @ squared_errors / n),
            "ece": self.measure_calibration_error(weights, all_at),
            "average_precision": average_precision,
            "specificity_at_95_sensitivity": specificity,
        }

    def measure_calibration_error(self, weights: np.ndarray, all_at: np.ndarray, bins: int = BINS) -> float:
        """See `calibration_error`; `all_at` is the weight of each level."""
        # The bin of each photograph, by its level
        chosen = divide_levels(all_at, bins)[self.level]
        surplus = np.bincount(chosen, weights=weights * (self.probability - self.malignant))  # of each bin
        return float(np.abs(surplus).sum() / all_at.sum())


def weigh_precision(found: np.ndarray, called: np.ndarray, sick_at: np.ndarray) -> float:
    """The average precision, of counts by level, highest first: malignant and all at or above it, float (k,),
    and malignant at it.
    """
    n_sick = found[-1]
    if n_sick == 0:
        return float("nan")
    # A resample may hold nothing of the highest levels: no precision there, and no weight either
    precision = np.divide(found, called, out=np.zeros(len(called)), where=called > 0)
    return float(precision @ sick_at / n_sick)


def find_specificity(found: np.ndarray, called: np.ndarray) -> float:
    """The specificity at the highest threshold that finds enough; counts as for `weigh_precision`."""
    n = called[-1]
    n_sick = found[-1]
    if not 0 < n_sick < n:
        return float("nan")
    reached = int(np.argmax(found / n_sick >= HIGH_SENSITIVITY))  # the first level that is True
    alarms = called[reached] - found[reached]
    return float(1 - alarms / (n - n_sick))


def rank_images(malignant: np.ndarray, probability: np.ndarray) -> Ranked:
    """The levels of probabilities, float (n,), of photographs that are malignant or not, 0 or 1 (n,)."""
    _, level = np.unique(probability, return_inverse=True)
    return Ranked(np.asarray(malignant, float), np.asarray(probability, float), level)


def divide_levels(sizes: np.ndarray, bins: int) -> np.ndarray:
    """Gives each level a bin, such that bins hold equally many photographs, as far as undivided levels allow.

    A level is in the bin of the middle of its photographs' ranks.

    Args:
        sizes: Photographs of each level, (k,).
        bins: How many bins at most.

    Returns:
        Bin numbers, int (k,), not falling; some bins may be empty.
    """
    n = int(sizes.sum())
    bins = max(1, min(bins, n))
    size, larger = divmod(n, bins)  # the first bins hold one more
    # The mean of a level's ranks, from 0
    middle = np.maximum(np.cumsum(sizes) - (sizes + 1) / 2, 0).astype(int)
    border = larger * (size + 1)
    return np.where(middle < border, middle // (size + 1), larger + (middle - border) // size)


def assign_bins(probability: np.ndarray, bins: int) -> np.ndarray:
    """Gives each photograph a bin, such that bins hold equally many, as far as equal probabilities let them.

    Photographs of one probability are in one bin, so no bin depends on the order of the rows.

    Args:
        probability: P(malignant), float (n,).
        bins: How many bins at most.

    Returns:
        Bin numbers, int (n,), from the lowest probability up; some may be empty.

    >>> assign_bins(np.array([0.1, 0.5, 0.5, 0.5, 0.9]), 5).tolist()
    [0, 2, 2, 2, 4]
    """
    _, level, sizes = np.unique(probability, return_inverse=True, return_counts=True)
    return divide_levels(sizes, bins)[level]


def calibration_error(malignant: np.ndarray, probability: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass (Naeini 2015; equal mass after Nixon 2019).

    It is not 0 for true probabilities, but about 0.8 sqrt(p (1 - p) bins / n), the mean distance of a bin's
    share from its p.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        bins: How many bins at most.

    Returns:
        The error, 0 to 1.
    """
    ranked = rank_images(malignant, probability)
    each_once = np.ones(len(probability))
    return ranked.measure_calibration_error(each_once, np.bincount(ranked.level), bins)


def estimate_intervals(
    malignant: np.ndarray,
    probability: np.ndarray,
    threshold: float,
    groups: np.ndarray,
    answered: np.ndarray | None = None,
) -> dict[str, Ends]:
    """Gives the 95 % interval of each of `Metrics`.

    Shares and the AUROC are those of `lentigo.common.statistics.intervals`, so that a number has one interval
    wherever it is reported; the others are bootstrapped by group.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: From which P(malignant) is called malignant.
        groups: Group numbers, int (n,).
        answered: Whether each photograph was answered rather than refused, bool (n,); all of them by default.

    Returns:
        Both ends by the name of the metric; NaN where a class is missing.
    """
    if answered is None:
        answered = np.ones(len(malignant), bool)
    _, groups = np.unique(groups, return_inverse=True)
    _, intervals = measure_scores(malignant, probability, probability >= threshold, groups)
    intervals["coverage"] = estimate_share(answered, groups)
    ranked = rank_images(malignant, probability)
    intervals |= bootstrap(ranked.measure, groups, biased=BIASED)
    # What ranks photographs rests on the smaller class: its groups are the cases that count
    sick = malignant == 1
    cases = min(count_cases(groups[sick]), count_cases(groups[~sick]))
    # What was observed, beside its interval: `widen` keeps it inside
    observed = ranked.measure(np.ones(len(malignant)))
    for name in RANKING:
        intervals[name] = widen(observed[name], intervals[name], cases)
    return intervals
