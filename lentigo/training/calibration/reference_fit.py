"""Fitting the reference by which a model refuses: what it knows, and how far from it a photograph may lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage

from lentigo.inference.decisions.refusal import Reference, list_parts, scale

UNIT_QUANTILE = 0.95  # of the training photographs' distances in a part of the output: that part's unit
SHIFTED_SHARE = 0.015  # of the validation lesions, which are called shifted
ADMITTED_SHARE = 0.01  # of the pictures without a lesion, which may pass for a lesion


def fit_reference(
    points: np.ndarray,
    malignant: np.ndarray,
    held_out: np.ndarray,
    malignant_held_out: np.ndarray,
    probability: np.ndarray,
    output: str = "embedding",
    no_lesions: np.ndarray | None = None,
) -> Reference:
    """Fits what a model knows, from an output of its graph.

    The common covariance is shrunk after Ledoit & Wolf (2004), since an embedding has about as many numbers
    as there are photographs.

    Args:
        points: The output for the training photographs, (n, d).
        malignant: Their truth, 0 or 1, int (n,).
        held_out: The output for the validation photographs, (m, d).
        malignant_held_out: Their truth, int (m,).
        probability: Their calibrated P(malignant), float (m,).
        output: Its name: what is measured of it `Reference` says.
        no_lesions: The output for pictures that show no lesion, (k, d). They set the limit of what is
            refused: all but the share `ADMITTED_SHARE` of them lie beyond it. The limit of a shift lets all
            but the share `SHIFTED_SHARE` of the validation photographs pass. Without such pictures, or where
            they lie as near as lesions do, the limit of a shift is that of the refusal, too.

    Returns:
        The reference with both limits.
    """
    points = scale(points, output)
    # One centre for each class, one covariance for both (Lee 2018, class-conditional Gaussians)
    centres = np.stack([points[malignant == label].mean(axis=0) for label in (0, 1)])  # (2, d)
    residuals = points - centres[malignant]  # (n, d): what is left beside the class
    reference = Reference(
        centres=centres.astype(np.float32),
        whitening=whiten_parts(residuals, list_parts(output, points.shape[1])),
        limit=np.inf,
        benign=np.sort(probability[malignant_held_out == 0]),
        malignant=np.sort(probability[malignant_held_out == 1]),
        output=output,
    )
    return set_limits(reference, reference.measure_distance(held_out), no_lesions)


def whiten_parts(residuals: np.ndarray, parts: Sequence[slice]) -> np.ndarray:
    """What whitens residuals, float (n, d), in each part of an output by itself: float32 (d, d)."""
    d = residuals.shape[1]
    whitening = np.zeros((d, d), np.float32)
    for part in parts:
        whitening[part, part] = find_whitening(residuals[:, part])
        if len(parts) > 1:  # distances in spaces of other dimensions are made comparable
            distance = np.linalg.norm(residuals[:, part] @ whitening[part, part], axis=1)
            whitening[part, part] /= np.quantile(distance, UNIT_QUANTILE)
    return whitening


def find_whitening(residuals: np.ndarray) -> np.ndarray:
    """What makes the Euclidean distance of residuals, float (n, d), their Mahalanobis distance: (d, d).

    It is the symmetric root of the inverse of their shrunk covariance. With fewer residuals than numbers that
    covariance differs from a multiple of the identity in n directions only, which a thin SVD finds; so no
    matrix of (d, d) is decomposed.
    """
    n, d = residuals.shape
    residuals = residuals.astype(float)
    shrinkage = ledoit_wolf_shrinkage(residuals, assume_centered=True)
    # With fewer photographs than numbers there are directions that no photograph varies in
    _, singular_values, directions = np.linalg.svd(residuals, full_matrices=n >= d)  # directions: (k, d)
    variances = np.zeros(len(directions))
    variances[: len(singular_values)] = singular_values**2 / n
    floor = shrinkage * variances.sum() / d  # the variance of all other directions
    roots = invert_roots((1 - shrinkage) * variances + floor)
    other_root = invert_roots(np.array([floor]))[0]
    # Of all directions alike, and what the known ones need beside that: no (d, d) inverse
    return other_root * np.eye(d) + (directions.T * (roots - other_root)) @ directions


def invert_roots(variances: np.ndarray) -> np.ndarray:
    """1 / sqrt of each variance, float (k,); 0 for one that is none but for rounding, as in a pseudo-inverse."""
    smallest = np.finfo(float).eps * len(variances) * variances.max()
    roots = np.zeros(len(variances))
    large = variances > smallest
    roots[large] = 1 / np.sqrt(variances[large])
    return roots


def set_limits(reference: Reference, distance: np.ndarray, no_lesions: np.ndarray | None) -> Reference:
    """Sets the limits of shift and refusal.

    Args:
        reference: What the model knows, without limits.
        distance: How far from it validation photographs lie, float (m,).
        no_lesions: The output of the graph for pictures that show no lesion, (k, d), or None.

    Returns:
        The reference with both limits.
    """
    # "higher": at most that share is beyond it, however few photographs there are
    shift_limit = float(np.quantile(distance, 1 - SHIFTED_SHARE, method="higher"))
    limit = shift_limit
    if no_lesions is not None:
        distance_no_lesions = reference.measure_distance(no_lesions)
        limit = max(limit, float(np.quantile(distance_no_lesions, ADMITTED_SHARE, method="lower")))
    return replace(reference, limit=limit, shift_limit=shift_limit)
