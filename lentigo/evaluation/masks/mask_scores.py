"""Outlines: how well a mask agrees with the one that was drawn by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

ENOUGH = 0.65  # Jaccard index under which the challenge counts an outline as failed


@dataclass(frozen=True)
class OutlineScores:
    """Agreement of two masks.

    `jaccard` (IoU), and the same with 0 for what lies under 0.65 (`threshold_jaccard`, ISIC 2018 task 1:
    Codella 2019, arXiv 1902.03368); `dice`; `sensitivity` and `specificity` of the pixels; the average
    symmetric surface distance (Heimann 2009, IEEE TMI 28:1251) and the 95th percentile of the Hausdorff
    distance (the larger of both directions; Taha and Hanbury 2015, BMC Medical Imaging 15:29) in pixels of
    the drawn mask and as shares of its diagonal. Distances are NaN where one mask is empty; a specificity is
    where the drawn one is full.
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
    """The scores of a mask against the drawn one, both bool (height, width).

    >>> half = np.arange(100).reshape(10, 10) < 50
    >>> compare_masks(half, np.ones((10, 10), bool)).jaccard
    0.5
    """
    jaccard = measure_overlap(truth, found)
    average, worst = measure_distances(truth, found)
    diagonal = float(np.hypot(*truth.shape))
    return OutlineScores(
        jaccard=jaccard,
        threshold_jaccard=jaccard if jaccard >= ENOUGH else 0.0,
        dice=2 * jaccard / (1 + jaccard),
        sensitivity=share(found, truth),
        specificity=share(~found, ~truth),
        surface_distance_px=average,
        surface_distance_share=average / diagonal,
        hausdorff95_px=worst,
        hausdorff95_share=worst / diagonal,
    )


def measure_overlap(truth: np.ndarray, found: np.ndarray) -> float:
    """The Jaccard index of two masks, bool (height, width); 1 where both are empty."""
    both, either = int(np.count_nonzero(truth & found)), int(np.count_nonzero(truth | found))
    return both / either if either else 1.0


def share(mask: np.ndarray, among: np.ndarray) -> float:
    """The share of a mask among the pixels of another; NaN where there are none."""
    return float(mask[among].mean()) if among.any() else float("nan")


def measure_distances(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The mean distance, in pixels, of the borders of two masks from each other, and its 95th percentile in
    the worse direction.
    """
    if not (a.any() and b.any()):
        return float("nan"), float("nan")
    borders = [mask & ~binary_erosion(mask) for mask in (a, b)]
    there, back = (distance_transform_edt(~other)[own] for own, other in (borders, borders[::-1]))
    average = (there.sum() + back.sum()) / (len(there) + len(back))
    return float(average), float(max(np.percentile(there, 95), np.percentile(back, 95)))
