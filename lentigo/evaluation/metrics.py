"""Metrics of a binary classifier and their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from lentigo.data.splits import resample_groups

RESAMPLES = 1000
BIASED = ("ece",)  # a sum of absolute noise: the noise that resampling adds only makes it larger
TITLES = {
    "accuracy": "Accuracy at the threshold", "auroc": "AUROC", "average_precision": "Average precision",
    "sensitivity": "Sensitivity at the threshold", "specificity": "Specificity at the threshold",
    "specificity_at_95_sensitivity": "Specificity at 95 % sensitivity", "brier": "Brier score (lower is better)",
    "ece": "Expected calibration error (lower is better)", "calibration_slope": "Calibration slope (1 is right)",
    "calibration_intercept": "Calibration intercept (0 is right)", "coverage": "Share answered",
}  # fmt: skip


@dataclass(frozen=True)
class Metrics:
    """Point values; NaN where a class is missing. `ece` has equal-mass bins; `coverage` is the share answered."""

    accuracy: float
    auroc: float
    sensitivity: float
    specificity: float
    brier: float
    ece: float
    average_precision: float
    specificity_at_95_sensitivity: float
    coverage: float


def measure(malignant: np.ndarray, probability: np.ndarray, threshold: float, answered: np.ndarray | None = None) -> Metrics:
    """All metrics of `probability`, float (n,), against `malignant`, 0 or 1 (n,). `answered`, bool (n,): not refused.

    >>> measure(np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4]), 0.5).sensitivity
    0.5
    """
    decided = probability >= threshold
    both = 0 < malignant.sum() < len(malignant)
    return Metrics(
        accuracy=float((decided == malignant).mean()),
        auroc=float(roc_auc_score(malignant, probability)) if both else float("nan"),
        sensitivity=share(decided, malignant == 1),
        specificity=share(~decided, malignant == 0),
        brier=float(np.mean((probability - malignant) ** 2)),
        ece=calibration_error(malignant, probability),
        average_precision=float(average_precision_score(malignant, probability)) if malignant.any() else float("nan"),
        specificity_at_95_sensitivity=specificity_at(malignant, probability, 0.95) if both else float("nan"),
        coverage=1.0 if answered is None else float(answered.mean()),
    )


def share(mask: np.ndarray, among: np.ndarray) -> float:
    """The share of `mask` among the rows of `among`; NaN where there are none."""
    return float(mask[among].mean()) if among.any() else float("nan")


def specificity_at(malignant: np.ndarray, probability: np.ndarray, sensitivity: float) -> float:
    """The highest specificity among thresholds whose sensitivity is at least `sensitivity`."""
    false_positive, true_positive, _ = roc_curve(malignant, probability, drop_intermediate=False)
    return float(1 - false_positive[true_positive >= sensitivity].min())


def calibration_error(malignant: np.ndarray, probability: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass (Naeini 2015; equal mass after Nixon 2019).

    It is not 0 for true probabilities, but about 0.8 sqrt(p (1 - p) bins / n), the mean distance of a bin's share from its p.
    """
    order = np.argsort(probability, kind="stable")
    chunks = [chunk for chunk in np.array_split(order, min(bins, len(order))) if len(chunk)]
    gaps = [abs(probability[chunk].mean() - malignant[chunk].mean()) * len(chunk) for chunk in chunks]
    return float(sum(gaps) / len(order))


def bootstrap(
    statistic: Callable[[np.ndarray], Metrics], groups: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of each metric. Whole groups are drawn with replacement (cluster bootstrap, Field 2007).

    Those of `BIASED` are moved down by the bootstrap's estimate of the bias, the mean of the resamples less the value itself
    (Efron and Tibshirani 1993, section 10.2). `statistic` takes row numbers, int (m,), with repeats.
    """
    observed = statistic(np.arange(len(groups)))
    draws = [statistic(rows) for rows in resample_groups(groups, resamples, seed)]
    tail = 100 * (1 - level) / 2
    intervals = {field.name: interval([getattr(draw, field.name) for draw in draws], tail) for field in fields(Metrics)}
    for name in BIASED:
        bias = float(np.mean([getattr(draw, name) for draw in draws])) - getattr(observed, name)
        intervals[name] = tuple(max(0.0, end - bias) for end in intervals[name])
    return intervals


def interval(values: list[float], tail: float) -> tuple[float, float]:
    """Percentiles of the resamples in which the metric exists; NaN where it never does."""
    known = [value for value in values if not np.isnan(value)]
    low, high = np.percentile(known, [tail, 100 - tail]) if known else (float("nan"), float("nan"))
    return float(low), float(high)
