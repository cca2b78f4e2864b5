"""AUROCs and their covariance, where photographs come in groups."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def measure_within(malignant: np.ndarray, score: np.ndarray, folds: np.ndarray) -> float:
    """The share of pairs of one malignant and one benign photograph of the same fold that are in order; NaN
    where there is no such pair.
    """
    pairs, in_order = 0, 0.0
    for fold in np.unique(folds):
        here = folds == fold
        sick = malignant[here]
        count = int(sick.sum() * (~sick).sum())
        if count > 0:
            placements = place(score[here][None], sick, ~sick)
            in_order += count * float(placements[0, sick].mean())
            pairs += count
    return in_order / pairs if pairs else float("nan")


def covary_aurocs(
    malignant: np.ndarray, scores: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gives the AUROCs of several scores of the same photographs, and their covariance.

    Clusters as in Obuchowski 1997 (Biometrics 53:567); where each photograph is its own group this is DeLong
    1988 (Biometrics 44:837), computed from ranks as Sun and Xu 2014 (IEEE Signal Processing Letters 21:1389)
    do.

    Args:
        malignant: The truth, 0 or 1, (n,).
        scores: Float (k, n).
        groups: Group numbers, int (n,).

    Returns:
        AUROCs, float (k,), and covariance, float (k, k). NaN where a class is missing, covariances also where
        a class stands in one group only.
    """
    k, sick, healthy = len(scores), malignant == 1, malignant == 0
    if not sick.any() or not healthy.any():
        return np.full(k, np.nan), np.full((k, k), np.nan)
    placements = place(scores, sick, healthy)
    aurocs = placements[:, sick].mean(axis=1)
    counts = [len(np.unique(groups[rows])) for rows in (sick, healthy)]
    if min(counts) < 2:
        return aurocs, np.full((k, k), np.nan)
    excess = placements - aurocs[:, None]  # (k, n): how far each placement lies from the mean
    sums = [sum_groups(excess * rows, groups) for rows in (sick, healthy)]  # (k, groups) each
    covariance = np.zeros((k, k))
    for rows, count, part in zip((sick, healthy), counts, sums, strict=True):
        covariance += count / (count - 1) / rows.sum() ** 2 * part @ part.T
    every = len(np.unique(groups))
    cross = every / (every - 1) / (sick.sum() * healthy.sum()) * sums[0] @ sums[1].T
    return aurocs, covariance + cross + cross.T


def place(scores: np.ndarray, sick: np.ndarray, healthy: np.ndarray) -> np.ndarray:
    """Placement values, float (k, n): the share of the other class that a score is on the right side of, ties
    half.
    """
    among_all, places = rankdata(scores, axis=1), np.empty(scores.shape)
    for rows, others in ((sick, healthy), (healthy, sick)):
        places[:, rows] = (among_all[:, rows] - rankdata(scores[:, rows], axis=1)) / others.sum()
    places[:, healthy] = 1 - places[:, healthy]
    return places


def sum_groups(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Sums over each group, float (k, groups), of `values`, float (k, n)."""
    return np.stack([np.bincount(groups, weights=row) for row in values])
