"""Boxes: how well predicted rectangles find true ones, as average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of the intersection over union (IoU)
RECALLS = np.linspace(0, 1, 101)  # at which the precision is read
MAX_BOXES = 100  # of a photograph, the best ones


@dataclass(frozen=True)
class Match:
    """The boxes of one photograph, matched with the true ones.

    Attributes:
        score: Of each box, float (n,), falling.
        right: Whether each finds a true box, at each of `THRESHOLDS`, bool (thresholds, n).
        truths: How many true boxes there are.
    """

    score: np.ndarray
    right: np.ndarray
    truths: int


def measure_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes x, y, width, height: (n, 4) and (m, 4) give float (n, m).

    Args:
        a: Boxes in pixels, (n, 4).
        b: Boxes in pixels, (m, 4).

    >>> measure_iou(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 10, 10], [20, 0, 5, 5]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    a = np.asarray(a, dtype=float).reshape(-1, 4)
    b = np.asarray(b, dtype=float).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])  # (n, m, 2)
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    intersection = np.clip(high - low, 0, None).prod(axis=2)  # (n, m)
    areas_a = a[:, 2:].prod(axis=1)[:, None]
    areas_b = b[:, 2:].prod(axis=1)[None]
    union = areas_a + areas_b - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def match_boxes(boxes: np.ndarray, score: np.ndarray, truths: np.ndarray) -> Match:
    """Matches boxes to true ones.

    The best box chooses first, and takes the true box that it overlaps most among those left, at each
    threshold anew.

    Args:
        boxes: As x, y, width, height, (n, 4).
        score: Of the boxes, (n,).
        truths: True boxes, (m, 4).

    Returns:
        Which boxes find a true one.
    """
    score = np.asarray(score, dtype=float)
    order = np.argsort(-score, kind="stable")[:MAX_BOXES]
    iou = np.zeros((0, len(truths)))
    if len(order) > 0:
        iou = measure_iou(boxes, truths)[order]
    # Each threshold matches anew: a box that is right at 0.5 may be wrong at 0.9
    found = [match_at(iou, threshold) for threshold in THRESHOLDS]
    right = np.array(found, dtype=bool).reshape(len(THRESHOLDS), len(order))
    return Match(score[order], right, len(truths))


def match_at(iou: np.ndarray, threshold: float) -> list[bool]:
    """Which boxes, the rows of their intersection over union (n, m) with true ones, find one at a
    threshold.
    """
    # The best boxes choose first, as the rows are sorted by their score
    free = np.ones(iou.shape[1], bool)  # true boxes that no box has found yet
    found = []
    for row in iou:
        candidates = np.where(free, row, -1)
        is_right = bool((candidates >= threshold).any())
        if is_right:
            free[np.argmax(candidates)] = False
        found.append(is_right)
    return found


def measure_precision(matches: Sequence[Match], weights: np.ndarray | None = None) -> np.ndarray:
    """Measures the average precision of boxes.

    As COCO's (Lin 2014): precision made to fall with recall, read at 101 recalls; boxes of all sizes.

    Args:
        matches: One for each of n photographs.
        weights: How often each photograph counts, float (n,); once by default.

    Returns:
        At each of `THRESHOLDS`, float (10,); NaN where there is no true box.
    """
    if weights is None:
        weights = np.ones(len(matches))
    truths = float(weights @ [match.truths for match in matches])
    if truths == 0:
        return np.full(len(THRESHOLDS), np.nan)
    score = np.concatenate([match.score for match in matches])
    boxes_of_image = [len(match.score) for match in matches]
    weight_of_box = np.repeat(weights, boxes_of_image)
    right = np.concatenate([match.right for match in matches], axis=1)  # (thresholds, boxes)
    order = np.argsort(-score, kind="stable")  # the boxes of all photographs in one order, as COCO has them
    precisions = []
    for row in right:
        precisions.append(average_precision(row[order], weight_of_box[order], truths))
    return np.array(precisions)


def average_precision(right: np.ndarray, weights: np.ndarray, truths: float) -> float:
    """The mean over 101 recalls of the best precision there or beyond.

    `right`, bool (n,), and `weights`, (n,), are in the order of the score.
    """
    # A resample may hold a photograph zero times; its boxes are not called then
    counted = weights > 0
    found = np.cumsum(weights * right)[counted]
    called = np.cumsum(weights)[counted]
    # The best precision at each recall or beyond, so that it never rises with recall
    precision = np.maximum.accumulate((found / called)[::-1])[::-1]
    place = np.searchsorted(
        found / truths, RECALLS - 1e-12, "left"
    )  # a recall of 0.3 may be 0.30000000000000004
    # Recalls that are never reached have a precision of 0
    at_recalls = np.append(precision, 0.0)[np.minimum(place, len(precision))]
    return float(at_recalls.mean())
