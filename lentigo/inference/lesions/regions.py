"""Regions: connected parts of a mask, found by its runs of pixels. NumPy alone, as the plain install has no
OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Regions:
    """The connected regions of a mask, in no order that means anything.

    Runs are stretches of lesion along a row: `row`, `start` and `stop` (exclusive), int (n,), top to bottom
    and left to right; `label`, int (n,), is the region of each, 0 to `count` - 1. `shape` is the mask's
    (height, width).
    """

    shape: tuple[int, int]
    row: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    label: np.ndarray
    count: int

    @property
    def areas(self) -> np.ndarray:
        """Pixels of each region, int (count,)."""
        return np.bincount(self.label, self.stop - self.start, minlength=self.count).astype(np.int64)

    @property
    def boxes(self) -> np.ndarray:
        """Left, top, right and bottom (the last two exclusive) of each region, int (count, 4)."""
        boxes = np.empty((self.count, 4), np.int64)
        boxes[:, :2], boxes[:, 2:] = max(self.shape), 0
        np.minimum.at(boxes[:, 0], self.label, self.start)
        np.minimum.at(boxes[:, 1], self.label, self.row)
        np.maximum.at(boxes[:, 2], self.label, self.stop)
        np.maximum.at(boxes[:, 3], self.label, self.row + 1)
        return boxes

    @property
    def on_edge(self) -> np.ndarray:
        """Whether each region touches the border of the mask, bool (count,)."""
        boxes, (height, width) = self.boxes, self.shape
        return (boxes[:, :2] == 0).any(axis=1) | (boxes[:, 2] == width) | (boxes[:, 3] == height)

    def sum_up(self, values: np.ndarray) -> np.ndarray:
        """The sum over each region of values, float (height, width); float (count,)."""
        sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
        return np.bincount(
            self.label, sums[self.row, self.stop] - sums[self.row, self.start], minlength=self.count
        )

    def paint(self, chosen: np.ndarray) -> np.ndarray:
        """The mask, bool (height, width), of the regions where `chosen`, bool (count,), is true."""
        height, width = self.shape
        runs = chosen[self.label]
        steps = np.zeros((height, width + 1), np.int8)
        steps[self.row[runs], self.start[runs]] = 1
        steps[self.row[runs], self.stop[runs]] = -1  # no two runs of a row touch
        return np.cumsum(steps, axis=1, dtype=np.int8)[:, :width].astype(bool)


def find_regions(mask: np.ndarray, *, corners: bool = True) -> Regions:
    """The regions of a mask, bool (height, width); with `corners`, pixels that touch at a corner are
    connected.

    >>> find_regions(np.eye(3, dtype=bool)).count, find_regions(np.eye(3, dtype=bool), corners=False).count
    (1, 3)
    """
    row, start, stop = find_runs(mask)
    label = join(len(row), *link_rows(row * (mask.shape[1] + 2), start, stop, mask.shape[1] + 2, corners))
    names, label = np.unique(label, return_inverse=True)
    return Regions(mask.shape, row, start, stop, label, len(names))


def find_runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, start and stop of each run of a mask, int (n,) each."""
    height, width = mask.shape
    padded = np.zeros((height, width + 1), np.int8)
    padded[:, :width] = mask
    changes = np.flatnonzero(np.diff(padded.ravel(), prepend=np.int8(0)))
    starts, stops = changes[::2], changes[1::2]
    row = starts // (width + 1)
    return row, starts - row * (width + 1), stops - row * (width + 1)


def link_rows(
    offset: np.ndarray, start: np.ndarray, stop: np.ndarray, width: int, corners: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs, by their numbers, that touch across two neighbouring rows. `offset` is the row's number
    times `width`.
    """
    below = offset + width
    first = np.searchsorted(offset + stop, below + start, "left" if corners else "right")
    last = np.searchsorted(offset + start, below + stop, "right" if corners else "left")
    count = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(start)), count)
    lower = np.repeat(first, count) + np.arange(len(upper)) - np.repeat(np.cumsum(count) - count, count)
    return upper, lower


def join(n: int, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """For each of `n` things the lowest number among those that pairs connect it with, int (n,)."""
    root = np.arange(n)
    while len(upper):
        a, b = root[upper], root[lower]
        apart = a != b
        upper, lower, a, b = upper[apart], lower[apart], a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while (root != root[root]).any():
            root = root[root]
    return root


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """The mask, bool (height, width), with what it encloses.

    >>> fill_holes(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)).sum().item()
    9
    """
    holes = find_regions(~mask, corners=False)
    return mask | holes.paint(~holes.on_edge)


def open_mask(mask: np.ndarray, width: int) -> np.ndarray:
    """The mask, bool (height, width), without what is narrower than a square of `width` pixels (a
    morphological opening; Serra 1982).

    >>> open_mask(np.array([[0, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 0]], bool), 2).astype(int).tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0]]
    """
    corners = count_squares(mask, width) == width**2  # squares that fit, by their left upper corners
    return count_squares(np.pad(corners, width - 1), width) > 0


def count_squares(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels of a mask in each square of `width` pixels that lies in it, int (height - width + 1, width -
    width + 1).
    """
    sums = np.cumsum(np.cumsum(np.pad(mask, ((1, 0), (1, 0))), axis=0, dtype=np.int64), axis=1)
    return sums[width:, width:] - sums[:-width, width:] - sums[width:, :-width] + sums[:-width, :-width]
