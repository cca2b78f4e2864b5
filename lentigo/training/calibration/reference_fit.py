"""Fitting the reference by which a model refuses: what it knows, and how far from it a photograph may lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.covariance import LedoitWolf

from lentigo.inference.refusal import Reference, list_parts, scale

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
    centres = np.stack([points[malignant == label].mean(axis=0) for label in (0, 1)])  # (2, d)
    whitening = np.zeros((points.shape[1], points.shape[1]), np.float32)
    parts = list_parts(output, points.shape[1])
    for part in parts:
        residuals = points[:, part] - centres[malignant][:, part]
        whitening[part, part] = find_whitening(residuals)
        if len(parts) > 1:  # distances in spaces of other dimensions are made comparable
            distance = np.linalg.norm(residuals @ whitening[part, part], axis=1)
            whitening[part, part] /= np.quantile(distance, UNIT_QUANTILE)
    reference = Reference(
        centres=centres.astype(np.float32),
        whitening=whitening,
        limit=np.inf,
        benign=np.sort(probability[malignant_held_out == 0]),
        malignant=np.sort(probability[malignant_held_out == 1]),
        output=output,
    )
    return set_limits(reference, reference.measure_distance(held_out), no_lesions)


def find_whitening(residuals: np.ndarray) -> np.ndarray:
    """What makes the Euclidean distance of residuals, float (n, d), their Mahalanobis distance: (d, d)."""
    precision = LedoitWolf(assume_centered=True).fit(residuals).precision_
    values, vectors = np.linalg.eigh(precision)
    return vectors * np.sqrt(np.maximum(values, 0))


def set_limits(reference: Reference, distance: np.ndarray, no_lesions: np.ndarray | None) -> Reference:
    """Sets the limits of shift and refusal.

    Args:
        reference: What the model knows, without limits.
        distance: How far from it validation photographs lie, float (m,).
        no_lesions: The output of the graph for pictures that show no lesion, (k, d), or None.

    Returns:
        The reference with both limits.
    """
    shift_limit = float(np.quantile(distance, 1 - SHIFTED_SHARE, method="higher"))
    limit = shift_limit
    if no_lesions is not None:
        distance_no_lesions = reference.measure_distance(no_lesions)
        limit = max(limit, float(np.quantile(distance_no_lesions, ADMITTED_SHARE, method="lower")))
    return replace(reference, limit=limit, shift_limit=shift_limit)
