"""Curves: are a model's probabilities true, is it worth using, which of its predictions can be trusted?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lentigo.common.statistics.intervals import estimate_share
from lentigo.common.statistics.resampling import resample_groups
from lentigo.errors import UsageError
from lentigo.evaluation.scores.metrics import assign_bins

# Of a decision curve, finer where prevalences are
THRESHOLDS = np.concatenate([np.arange(1, 100) / 1000, np.arange(10, 100) / 100])
MIN_IMAGES_OF_A_BIN = 10
MAX_POINTS = 100  # of a risk-coverage curve
BAND_RESAMPLES = 300
BAND_POINTS = 101
BAND_SHARES = (0.025, 0.975)
MIN_FOUND = 5  # malignant photographs, from which on a precision has an interval


@dataclass(frozen=True)
class CurveBands:
    """Pointwise 95 % intervals of the ROC and the precision-recall curve.

    Attributes:
        grid: Shares from 0 to 1, float (k,): 1 - specificity of the one, recall of the other.
        sensitivity: The ends of its interval at each, float (2, k).
        precision: Likewise; not a number where fewer than five malignant photographs are found.
    """

    grid: np.ndarray
    sensitivity: np.ndarray
    precision: np.ndarray


@dataclass(frozen=True)
class ReliabilityBin:
    """A bin of photographs with similar predictions.

    Attributes:
        n: Photographs.
        probability: Their mean P(malignant).
        observed: The share that is malignant.
        low: The lower end of its 95 % interval, by groups.
        high: The upper end.
    """

    n: int
    probability: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit by threshold, in malignant lesions found at no cost for each photograph.

    Attributes:
        prevalence: The share that is malignant.
        thresholds: Float (t,).
        model: That of treating what the model calls malignant, float (t,).
        treat_all: That of treating everyone, float (t,); treating no one has 0.
    """

    prevalence: float
    thresholds: np.ndarray
    model: np.ndarray
    treat_all: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """The fields, arrays as lists."""
        return {
            "prevalence": self.prevalence,
            "thresholds": self.thresholds.tolist(),
            "model": self.model.tolist(),
            "treat_all": self.treat_all.tolist(),
        }


@dataclass(frozen=True)
class RiskCoverage:
    """The error rate among the most confident predictions, by the share of them.

    Attributes:
        n: Photographs.
        aurc: The area below the curve.
        coverage: The share of predictions that is kept, float (points,).
        error: The error rate among them, float (points,).
        least: The error rate of a confidence that puts all errors last, float (points,).
    """

    n: int
    aurc: float
    coverage: np.ndarray
    error: np.ndarray
    least: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """The fields, arrays as lists."""
        return {
            "n": self.n,
            "aurc": self.aurc,
            "coverage": self.coverage.tolist(),
            "error": self.error.tolist(),
            "least": self.least.tolist(),
        }


def tabulate_reliability(
    malignant: np.ndarray, probability: np.ndarray, groups: np.ndarray | None = None, bins: int = 15
) -> tuple[ReliabilityBin, ...]:
    """Gives bins of equal mass, from the lowest probability up.

    They are those of the expected calibration error, but fewer where they would hold less than ten
    photographs each. Photographs of one probability are in one bin.

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
    if groups is None:
        groups = np.arange(len(probability))
    # Fewer photographs, fewer bins: a bin of three says nothing
    filled_bins = len(probability) // MIN_IMAGES_OF_A_BIN
    chosen = assign_bins(probability, max(1, min(bins, filled_bins)))
    rows = []
    for number in np.unique(chosen):
        here = chosen == number
        rows.append(describe_bin(malignant[here], probability[here], groups[here]))
    return tuple(rows)


def describe_bin(malignant: np.ndarray, probability: np.ndarray, groups: np.ndarray) -> ReliabilityBin:
    """The row of one bin."""
    low, high = estimate_share(malignant == 1, groups)
    return ReliabilityBin(len(malignant), float(probability.mean()), float(malignant.mean()), low, high)


def trace_bands(malignant: np.ndarray, probability: np.ndarray, groups: np.ndarray) -> CurveBands:
    """Traces the intervals of ROC and precision-recall curve by resampling whole groups.

    Args:
        malignant: The truth, 0 or 1, (n,); both classes are there.
        probability: P(malignant), float (n,).
        groups: Group numbers, int (n,).

    Returns:
        The percentiles of 300 resamples (cluster bootstrap, Field and Welsh 2007), at each point by itself.
    """
    order = np.argsort(-probability, kind="stable")
    truth = malignant[order]
    # The last photograph of each value: a threshold takes equal values together
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    grid = np.linspace(0, 1, BAND_POINTS)
    sensitivities = []  # float (k,) of each resample
    precisions = []
    for rows in resample_groups(groups, BAND_RESAMPLES):
        counts = np.bincount(rows, minlength=len(truth))[order]  # how often each photograph was drawn
        hits = np.cumsum(counts * truth)[ends]
        alarms = np.cumsum(counts * (1 - truth))[ends]
        if hits[-1] == 0 or alarms[-1] == 0:  # a resample without one of the classes has no curve
            continue
        sensitivity, precision = trace_resample(hits, alarms, grid)
        sensitivities.append(sensitivity)
        precisions.append(precision)
    sensitivity_ends = np.quantile(sensitivities, BAND_SHARES, axis=0)
    precision_ends = np.quantile(precisions, BAND_SHARES, axis=0)
    # A precision over less than a handful of found lesions jumps with each of them
    precision_ends[:, grid * truth.sum() < MIN_FOUND] = np.nan
    return CurveBands(grid, sensitivity_ends, precision_ends)


def trace_resample(hits: np.ndarray, alarms: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sensitivity by 1 - specificity, and the precision by recall, of one resample at the points of
    `grid`, float (k,) each. `hits` and `alarms` are counted from the highest threshold down, int (t,).
    """
    sensitivity = hits / hits[-1]
    false_alarm_rate = alarms / alarms[-1]
    precision = hits / np.maximum(hits + alarms, 1)
    # The ROC curve begins at (0, 0), above every threshold
    by_alarms = np.interp(grid, [0, *false_alarm_rate], [0, *sensitivity])
    by_recall = np.interp(grid, sensitivity, precision)
    return by_alarms, by_recall


def trace_net_benefit(
    malignant: np.ndarray,
    probability: np.ndarray,
    thresholds: np.ndarray = THRESHOLDS,
    *,
    prevalence: float | None = None,
) -> DecisionCurve:
    """Traces the decision curve: true less weighed false alarms for each photograph.

    Who treats above a threshold t takes a false alarm for t / (1 - t) times as bad as a missed malignant
    lesion (Vickers and Elkin 2006, Medical Decision Making 26:565).

    Args:
        malignant: The truth, 0 or 1, (n,), of both classes.
        probability: P(malignant), float (n,).
        thresholds: Between 0 and 1, float (t,).
        prevalence: That of a population, for which `probability` should be, too (`shift_prevalence`); by
            default that of the photographs.

    Returns:
        The curve.

    Raises:
        UsageError: A threshold is not between 0 and 1.

    >>> truth = np.array([1, 0, 0, 0])
    >>> curve = trace_net_benefit(truth, np.array([0.9, 0.3, 0.1, 0.1]), np.array([0.2]))
    >>> curve.model.round(4).tolist()
    [0.1875]
    """
    if ((thresholds <= 0) | (thresholds >= 1)).any():
        raise UsageError(
            "thresholds of a decision curve: expected probabilities between 0 and 1, both excluded"
        )
    if prevalence is None:
        prevalence = float(malignant.mean())
    sick = malignant == 1
    cost = thresholds / (1 - thresholds)  # of a false alarm
    found = prevalence * share_above(probability[sick], thresholds)
    alarms = (1 - prevalence) * share_above(probability[~sick], thresholds)
    model = found - cost * alarms
    treat_all = prevalence - cost * (1 - prevalence)
    return DecisionCurve(prevalence, thresholds, model, treat_all)


def share_above(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The share of `values`, float (n,), at or above each threshold, float (t,); 0 where there are none."""
    if len(values) == 0:
        return np.zeros(len(thresholds))
    # Sorted once, each threshold is then a search instead of a pass over all values
    below = np.searchsorted(np.sort(values), thresholds, side="left")
    return 1 - below / len(values)


def trace_risk(right: np.ndarray, confidence: np.ndarray) -> RiskCoverage:
    """Traces the risk-coverage curve of decisions of which the most confident are kept.

    Its area is the mean error rate over all coverages 1/n to 1 (Geifman, Uziel and El-Yaniv 2019, ICLR).
    Decisions of equal confidence are kept in part: errors are then the expected number.

    Args:
        right: Whether each decision is right, bool (n,).
        confidence: Float (n,).

    Returns:
        The curve, of at most `MAX_POINTS` points.
    """
    n = len(right)
    errors = count_errors(right, confidence)
    kept = np.arange(1, n + 1)
    best = np.maximum(0, kept - right.sum())  # no error before all right decisions are kept
    # At most a hundred points, evenly by rank: more are not seen in a figure
    points = np.unique(np.linspace(1, n, min(n, MAX_POINTS)).round().astype(int)) - 1
    return RiskCoverage(
        n=n,
        aurc=float(np.mean(errors / kept)),
        coverage=kept[points] / n,
        error=(errors / kept)[points],
        least=(best / kept)[points],
    )


def count_errors(right: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Expected errors, float (n,), among the 1, 2, ... n most confident decisions."""
    n = len(right)
    order = np.argsort(-confidence, kind="stable")
    # The end of each run of equal confidence
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), n - 1) + 1
    errors = np.cumsum(~right[order])
    # Within a run of equal confidence the order is chance, so errors grow in proportion
    return np.interp(np.arange(1, n + 1), np.append(0, ends), np.append(0, errors[ends - 1]))
