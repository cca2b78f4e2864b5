"""Boxes: how well predicted rectangles find true ones, as average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of IoU
RECALLS = np.linspace(0, 1, 101)
MOST = 100  # boxes of a photograph that count, the best ones


@dataclass(frozen=True)
class Match:
    """The boxes of one photograph: `score`, float (n,), whether each is right, bool (thresholds, n), and the
    number of true boxes.
    """

    score: np.ndarray
    right: np.ndarray
    truths: int


def measure_overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes x, y, width, height: (n, 4) and (m, 4) give float (n, m).

    >>> measure_overlap(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 10, 10], [20, 0, 5,
    5]])).round(3).tolist() [[0.333, 0.0]]
    """
    a, b = (np.asarray(boxes, dtype=float).reshape(-1, 4) for boxes in (a, b))
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    union = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def match_boxes(boxes: np.ndarray, score: np.ndarray, truths: np.ndarray) -> Match:
    """Matches boxes (n, 4) with their `score` (n,) to true ones (m, 4), as x, y, width, height.

    The best box chooses first, and takes the true box that it overlaps most among those left, at each
    threshold anew.
    """
    order = np.argsort(-np.asarray(score, dtype=float), kind="stable")[:MOST]
    overlap = measure_overlap(boxes, truths)[order] if len(order) else np.zeros((0, len(truths)))
    right = np.array([match_at(overlap, threshold) for threshold in THRESHOLDS], dtype=bool).reshape(
        len(THRESHOLDS), len(order)
    )
    return Match(np.asarray(score, dtype=float)[order], right, len(truths))


def match_at(overlap: np.ndarray, threshold: float) -> list[bool]:
    """Which boxes, the rows of their overlaps (n, m) with true ones, find a true one at a threshold."""
    left = np.ones(overlap.shape[1], bool)
    found = []
    for row in overlap:
        best = int(np.argmax(np.where(left, row, -1))) if left.any() else -1
        found.append(best >= 0 and row[best] >= threshold)
        if found[-1]:
            left[best] = False
    return found


def measure_precision(matches: Sequence[Match], weights: np.ndarray | None = None) -> np.ndarray:
    """Average precision at each of `THRESHOLDS`, float (10,); NaN where there is no true box.

    As COCO's (Lin 2014): precision made to fall with recall, read at 101 recalls; boxes of all sizes.
    `weights`, float (n,): how often each photograph counts.
    """
    weights = np.ones(len(matches)) if weights is None else weights
    truths = sum(weight * match.truths for weight, match in zip(weights, matches, strict=True))
    if truths == 0:
        return np.full(len(THRESHOLDS), np.nan)
    score = np.concatenate([match.score for match in matches])
    each = np.repeat(weights, [len(match.score) for match in matches])
    right = np.concatenate([match.right for match in matches], axis=1)
    order = np.argsort(-score, kind="stable")
    return np.array([average_precision(row[order], each[order], truths) for row in right])


def average_precision(right: np.ndarray, weights: np.ndarray, truths: float) -> float:
    """The mean over 101 recalls of the best precision there or beyond; `right`, bool (n,), in order of the
    score.
    """
    counted = weights > 0
    found, all_found = np.cumsum(weights * right)[counted], np.cumsum(weights)[counted]
    precision = np.maximum.accumulate((found / all_found)[::-1])[::-1]
    place = np.searchsorted(found / truths, RECALLS - 1e-12, "left")
    return float(np.append(precision, 0.0)[np.minimum(place, len(precision))].mean())
