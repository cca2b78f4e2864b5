"""Mask scores: how well a mask agrees with the one that was drawn by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

from lentigo.evaluation.scores.metrics import measure_share

MIN_JACCARD = 0.65  # under which the ISIC challenge counts a mask as failed
HAUSDORFF_PERCENTILE = 95


@dataclass(frozen=True)
class OutlineScores:
    """Agreement of two masks.

    Distances are NaN where one mask is empty; the specificity is where the drawn one is full.

    Attributes:
        jaccard: Intersection over union.
        threshold_jaccard: The same, 0 where under 0.65 (ISIC 2018 task 1: Codella 2019, arXiv 1902.03368).
        dice: The Dice coefficient.
        sensitivity: The share of the lesion's pixels that was found.
        specificity: The share of the other pixels that was left out.
        surface_distance_px: The average symmetric surface distance in pixels of the drawn mask (Heimann 2009,
            IEEE TMI 28:1251).
        surface_distance_share: The same as a share of the diagonal.
        hausdorff95_px: The 95th percentile of the Hausdorff distance, the larger of both directions, in
            pixels (Taha and Hanbury 2015, BMC Medical Imaging 15:29).
        hausdorff95_share: The same as a share of the diagonal.
    """

    jaccard: float
    threshold_jaccard: float
    dice: float
    sensitivity: float
    specificity: float
    surface_distance_px: float
    surface_distance_share: float
    hausdorff95_px: float
    hausdorff95_share: float


def compare_masks(truth: np.ndarray, found: np.ndarray) -> OutlineScores:
    """Compares a mask with the one that was drawn by hand.

    Args:
        truth: The drawn mask, bool (height, width).
        found: The other, of the same shape.

    Returns:
        The scores.

    >>> half = np.arange(100).reshape(10, 10) < 50
    >>> compare_masks(half, np.ones((10, 10), bool)).jaccard
    0.5
    """
    jaccard = measure_jaccard(truth, found)
    mean_distance, hausdorff = measure_distances(truth, found)
    diagonal = float(np.hypot(*truth.shape))
    return OutlineScores(
        jaccard=jaccard,
        threshold_jaccard=jaccard if jaccard >= MIN_JACCARD else 0.0,
        # Dice follows from Jaccard, so both cannot disagree
        dice=2 * jaccard / (1 + jaccard),
        sensitivity=measure_share(found, truth),
        specificity=measure_share(~found, ~truth),
        surface_distance_px=mean_distance,
        surface_distance_share=mean_distance / diagonal,
        hausdorff95_px=hausdorff,
        hausdorff95_share=hausdorff / diagonal,
    )


def measure_jaccard(truth: np.ndarray, found: np.ndarray) -> float:
    """Measures the Jaccard index of two masks.

    Args:
        truth: A mask, bool (height, width).
        found: Another, of the same shape.

    Returns:
        Intersection over union; 1 where both are empty.
    """
    intersection = int(np.count_nonzero(truth & found))
    union = int(np.count_nonzero(truth | found))
    # Two empty masks agree
    if union == 0:
        return 1.0
    return intersection / union


def measure_distances(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The mean distance of the borders of two masks, and its 95th percentile in the worse direction,
    pixels.
    """
    # Without a border on either side there is no distance
    if not (a.any() and b.any()):
        return float("nan"), float("nan")
    # The border is the outermost layer of pixels within a mask
    border_a = a & ~binary_erosion(a)
    border_b = b & ~binary_erosion(b)
    # From each pixel of one border to the nearest of the other, pixels
    a_to_b = distance_transform_edt(~border_b)[border_a]
    b_to_a = distance_transform_edt(~border_a)[border_b]
    mean = (a_to_b.sum() + b_to_a.sum()) / (len(a_to_b) + len(b_to_a))
    worse = max(np.percentile(a_to_b, HAUSDORFF_PERCENTILE), np.percentile(b_to_a, HAUSDORFF_PERCENTILE))
    return float(mean), float(worse)
