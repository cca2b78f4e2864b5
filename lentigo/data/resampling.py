"""Intervals of what a score and its decisions are worth, by resampling whole groups; fast enough for many tables."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from lentigo.data.splits import resample_groups

RESAMPLES = 1000
SCORES = ("accuracy", "auroc", "sensitivity", "specificity")


def score_weighted(malignant: np.ndarray, level: np.ndarray, decided: np.ndarray, weights: np.ndarray) -> tuple[float, ...]:
    """`SCORES` of photographs that each count `weights`, float (n,), times; NaN where a class is missing.

    `malignant` and `decided` are bool (n,), `level`, int (n,), the rank of the score among the different scores. The AUROC is
    the share of pairs in order, ties half (Hanley and McNeil 1982, Radiology 143:29).
    """
    sick, healthy = weights * malignant, weights * ~malignant
    sick_at, healthy_at = np.bincount(level, sick), np.bincount(level, healthy)
    n_sick, n_healthy = sick_at.sum(), healthy_at.sum()
    in_order = sick_at @ (np.cumsum(healthy_at) - healthy_at / 2)
    found, cleared = sick[decided].sum(), healthy[~decided].sum()
    parts = (found + cleared, in_order, found, cleared), (n_sick + n_healthy, n_sick * n_healthy, n_sick, n_healthy)
    return tuple(float(part / whole) if whole else float("nan") for part, whole in zip(*parts, strict=True))


def measure_scores(
    malignant: np.ndarray, score: np.ndarray, decided: np.ndarray, groups: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """`SCORES` of a score, float (n,), and of decisions, bool (n,), against `malignant`, 0 or 1 (n,), with 95 % intervals.

    Percentile intervals of the cluster bootstrap over `groups`, int (n,). A value of 0 or 1, whose resamples are all alike, has
    the exact interval (Clopper and Pearson 1934) of as many independent cases as there are groups; for an AUROC, disjoint pairs.
    NaN where a class is missing.
    """
    sick, decided = np.asarray(malignant) == 1, np.asarray(decided, bool)
    level = np.unique(score, return_inverse=True)[1]
    values = dict(zip(SCORES, score_weighted(sick, level, decided, np.ones(len(sick))), strict=True))
    draws = [score_weighted(sick, level, decided, np.bincount(rows, minlength=len(sick))) for rows in resample_groups(groups, resamples, seed)]
    cases, controls = len(np.unique(groups[sick])), len(np.unique(groups[~sick]))
    units = dict(zip(SCORES, (len(np.unique(groups)), min(cases, controls), cases, controls), strict=True))
    drawn = dict(zip(SCORES, np.transpose(draws), strict=True))
    return values, {name: find_interval(values[name], drawn[name], units[name]) for name in SCORES}


def find_interval(value: float, draws: np.ndarray, units: int) -> tuple[float, float]:
    """The 95 % interval of a share from its resamples, float (r,), or from the number of its independent cases."""
    if np.isnan(value):
        return float("nan"), float("nan")
    if value in (0.0, 1.0):
        exact = binomtest(int(value) * units, units).proportion_ci()
        return float(exact.low), float(exact.high)
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return float(low), float(high)
