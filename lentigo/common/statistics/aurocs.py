"""AUROCs and their covariance, where photographs come in groups."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def measure_within(malignant: np.ndarray, score: np.ndarray, folds: np.ndarray) -> float:
    """Measures an AUROC from pairs of the same fold alone.

    Args:
        malignant: The truth, bool (n,).
        score: The higher, the more likely malignant; float (n,).
        folds: The fold of each photograph, int (n,).

    Returns:
        The share of pairs of one malignant and one benign photograph of a fold that are in order; NaN where
        there is no such pair.
    """
    pairs = 0
    pairs_in_order = 0.0
    for fold in np.unique(folds):
        rows = folds == fold
        sick = malignant[rows]
        # Pairs of a malignant and a benign photograph in this fold
        count = int(sick.sum() * (~sick).sum())
        if count == 0:
            continue
        placements = place(score[rows][None], sick, ~sick)
        pairs_in_order += count * float(placements[0, sick].mean())
        pairs += count
    return pairs_in_order / pairs if pairs else float("nan")


def covary_aurocs(
    malignant: np.ndarray, scores: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Measures the AUROCs of several scores of the same photographs, and their covariance.

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
    k = len(scores)
    sick = malignant == 1
    healthy = malignant == 0
    if not sick.any() or not healthy.any():
        return np.full(k, np.nan), np.full((k, k), np.nan)
    placements = place(scores, sick, healthy)
    aurocs = placements[:, sick].mean(axis=1)
    sick_groups = len(np.unique(groups[sick]))
    healthy_groups = len(np.unique(groups[healthy]))
    # One group of a class has no variance between groups
    if min(sick_groups, healthy_groups) < 2:
        return aurocs, np.full((k, k), np.nan)

    excess = placements - aurocs[:, None]  # (k, n): how far each placement lies from the mean
    sick_sums = sum_groups(excess * sick, groups)  # (k, groups)
    healthy_sums = sum_groups(excess * healthy, groups)
    of_sick = sick_groups / (sick_groups - 1) / sick.sum() ** 2 * sick_sums @ sick_sums.T
    of_healthy = healthy_groups / (healthy_groups - 1) / healthy.sum() ** 2 * healthy_sums @ healthy_sums.T
    all_groups = len(np.unique(groups))
    # Groups that hold photographs of both classes tie the two parts together
    of_both = all_groups / (all_groups - 1) / (sick.sum() * healthy.sum()) * sick_sums @ healthy_sums.T
    return aurocs, of_sick + of_healthy + of_both + of_both.T


def place(scores: np.ndarray, sick: np.ndarray, healthy: np.ndarray) -> np.ndarray:
    """Placement values, float (k, n): the share of the other class that a score is on the right side of.

    Ties count half.
    """
    ranks = rankdata(scores, axis=1)  # among all photographs
    placements = np.empty(scores.shape)
    for rows, others in ((sick, healthy), (healthy, sick)):
        ranks_in_class = rankdata(scores[:, rows], axis=1)
        placements[:, rows] = (ranks[:, rows] - ranks_in_class) / others.sum()
    placements[:, healthy] = 1 - placements[:, healthy]
    return placements


def sum_groups(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Sums over each group, float (k, groups), of `values`, float (k, n)."""
    return np.stack([np.bincount(groups, weights=row) for row in values])


def has_both_classes(malignant: np.ndarray) -> bool:
    """Says whether there is something to tell apart.

    Args:
        malignant: 0 or 1, int (n,).
    """
    return bool(0 < malignant.sum() < len(malignant))
