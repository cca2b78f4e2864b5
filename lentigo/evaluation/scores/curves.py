"""What a model's answers are good for: are its probabilities true, is it worth using, which of its answers to
trust.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lentigo.common.statistics.intervals import estimate_share
from lentigo.errors import UsageError
from lentigo.evaluation.scores.metrics import assign_bins

THRESHOLDS = np.concatenate(
    [np.arange(1, 100) / 1000, np.arange(10, 100) / 100]
)  # finer where prevalences are
LEAST = 10  # photographs in a bin
POINTS = 100  # of a risk-coverage curve


@dataclass(frozen=True)
class ReliabilityBin:
    """A bin of photographs: their mean P(malignant), the share that is malignant, and its 95 % interval by
    groups.
    """

    n: int
    probability: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit by threshold, in malignant lesions found at no cost for each photograph; arrays are float
    (t,).

    `model` is that of treating what the model calls malignant, `treat_all` of treating everyone; treating no
    one has 0.
    """

    prevalence: float
    thresholds: np.ndarray
    model: np.ndarray
    treat_all: np.ndarray

    def to_json(self) -> dict[str, Any]:
        return {"prevalence": self.prevalence} | {
            name: getattr(self, name).tolist() for name in ("thresholds", "model", "treat_all")
        }


@dataclass(frozen=True)
class RiskCoverage:
    """The error rate among the most confident answers, by the share of them; arrays are float (points,).
    `aurc` is the area.
    """

    n: int
    aurc: float
    coverage: np.ndarray
    error: np.ndarray
    least: np.ndarray

    def to_json(self) -> dict[str, Any]:
        return {"n": self.n, "aurc": self.aurc} | {
            name: getattr(self, name).tolist() for name in ("coverage", "error", "least")
        }


def tabulate_reliability(
    malignant: np.ndarray, probability: np.ndarray, groups: np.ndarray | None = None, bins: int = 15
) -> tuple[ReliabilityBin, ...]:
    """Gives bins of equal mass, from the lowest probability up.

    They are those of the expected calibration error, but fewer where they would hold less than ten
    photographs each. Photographs of one probability stand in one bin.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        groups: Group numbers, int (n,), by which the intervals are made; without them each photograph stands
            for itself.
        bins: How many bins at most.

    Returns:
        The bins that hold photographs.
    """
    if len(probability) == 0:
        return ()
    groups = np.arange(len(probability)) if groups is None else groups
    chosen = assign_bins(probability, max(1, min(bins, len(probability) // LEAST)))
    rows = []
    for number in np.unique(chosen):
        here = chosen == number
        rows.append(describe_bin(malignant[here], probability[here], groups[here]))
    return tuple(rows)


def describe_bin(malignant: np.ndarray, probability: np.ndarray, groups: np.ndarray) -> ReliabilityBin:
    """The row of one bin."""
    low, high = estimate_share(malignant == 1, groups)
    return ReliabilityBin(len(malignant), float(probability.mean()), float(malignant.mean()), low, high)


def trace_net_benefit(
    malignant: np.ndarray,
    probability: np.ndarray,
    thresholds: np.ndarray = THRESHOLDS,
    *,
    prevalence: float | None = None,
) -> DecisionCurve:
    """The decision curve (Vickers and Elkin 2006, Medical Decision Making 26:565): true less weighed false
    alarms for each photograph.

    Who treats above a threshold t takes a false alarm for t / (1 - t) times as bad as a missed malignant
    lesion. With `prevalence` it is that of a population, and `probability` should be that there, too
    (`shift_prevalence`); both classes are needed. Raises `UsageError` for thresholds that are not between 0
    and 1.

    >>> trace_net_benefit(np.array([1, 0, 0, 0]), np.array([0.9, 0.3, 0.1, 0.1]),
    np.array([0.2])).model.round(4).tolist() [0.1875]
    """
    if ((thresholds <= 0) | (thresholds >= 1)).any():
        raise UsageError(
            "thresholds of a decision curve: expected probabilities between 0 and 1, both excluded"
        )
    share = float(malignant.mean()) if prevalence is None else prevalence
    sick, cost = malignant == 1, thresholds / (1 - thresholds)
    found, alarms = (
        part * count_above(probability[rows], thresholds)
        for part, rows in ((share, sick), (1 - share, ~sick))
    )
    return DecisionCurve(share, thresholds, found - cost * alarms, share - cost * (1 - share))


def count_above(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The share of `values`, float (n,), at or above each threshold, float (t,); 0 where there are none."""
    below = np.searchsorted(np.sort(values), thresholds, side="left")
    return 1 - below / len(values) if len(values) else np.zeros(len(thresholds))


def trace_risk(right: np.ndarray, confidence: np.ndarray) -> RiskCoverage:
    """The risk-coverage curve of decisions, `right` bool (n,), of which the most confident are kept,
    `confidence` float (n,).

    `aurc` is the mean error rate over all coverages 1/n to 1 (Geifman, Uziel and El-Yaniv 2019, ICLR);
    `least` is the curve of a confidence that puts all errors last. Answers of equal confidence are kept in
    part: errors are then the expected number.
    """
    errors, kept = count_errors(right, confidence), np.arange(1, len(right) + 1)
    best = np.maximum(0, kept - right.sum())
    points = np.unique(np.linspace(1, len(right), min(len(right), POINTS)).round().astype(int)) - 1
    return RiskCoverage(
        n=len(right),
        aurc=float(np.mean(errors / kept)),
        coverage=kept[points] / len(right),
        error=(errors / kept)[points],
        least=(best / kept)[points],
    )


def count_errors(right: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Expected errors, float (n,), among the 1, 2, ... n most confident answers."""
    order = np.argsort(-confidence, kind="stable")
    ends = (
        np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1) + 1
    )  # of each run of equal confidence
    errors = np.cumsum(~right[order])
    return np.interp(np.arange(1, len(order) + 1), np.append(0, ends), np.append(0, errors[ends - 1]))


def list_reliability(bins: tuple[ReliabilityBin, ...]) -> list[dict[str, Any]]:
    """The bins as JSON."""
    return [asdict(row) for row in bins]
