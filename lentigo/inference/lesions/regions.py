"""Regions: connected parts of a mask, found by OpenCV."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Regions:
    """The connected regions of a mask, in no order that means anything.

    Attributes:
        labels: The number of each pixel's region from 1, 0 beside all regions, int32 (height, width).
        areas: Pixels of each region, int (count,).
        boxes: Left, top, right and bottom (the last two exclusive) of each region, int (count, 4).
    """

    labels: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray

    @property
    def count(self) -> int:
        """How many regions there are."""
        return len(self.areas)

    @property
    def on_edge(self) -> np.ndarray:
        """Whether each region touches the border of the mask, bool (count,)."""
        height, width = self.labels.shape
        touches_first = (self.boxes[:, :2] == 0).any(axis=1)
        return touches_first | (self.boxes[:, 2] == width) | (self.boxes[:, 3] == height)

    def sum_up(self, values: np.ndarray) -> np.ndarray:
        """The sum over each region of values, float (height, width); float (count,).

        Args:
            values: Float (height, width).
        """
        labels = self.labels.ravel()
        inside = np.flatnonzero(labels)  # of the regions alone: most of a mask lies beside them
        sums = np.bincount(labels[inside], values.ravel()[inside], minlength=self.count + 1)
        return sums[1:]

    def paint(self, chosen: np.ndarray) -> np.ndarray:
        """The mask, bool (height, width), of the regions where `chosen`, bool (count,), is true.

        Args:
            chosen: Whether each region is painted, bool (count,).
        """
        is_painted = np.zeros(self.count + 1, bool)  # by label; 0 is what lies beside all regions
        is_painted[1:] = chosen
        return is_painted[self.labels]


def find_regions(mask: np.ndarray, *, corners: bool = True) -> Regions:
    """The regions of a mask, bool (height, width); with `corners`, pixels that touch at a corner are
    connected.

    Args:
        mask: Bool (height, width).
        corners: Whether pixels that touch at a corner are connected.

    >>> find_regions(np.eye(3, dtype=bool)).count, find_regions(np.eye(3, dtype=bool), corners=False).count
    (1, 3)
    """
    _, labels, found, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8 if corners else 4, ltype=cv2.CV_32S
    )
    found = np.asarray(found, np.int64)[1:]  # the first is what lies beside all regions
    first = found[:, :2]
    boxes = np.concatenate([first, first + found[:, 2:4]], axis=1)
    return Regions(np.asarray(labels), found[:, cv2.CC_STAT_AREA], boxes)


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """The mask, bool (height, width), with what it encloses.

    Args:
        mask: Bool (height, width).

    >>> fill_holes(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)).sum().item()
    9
    """
    # Without corners: a hole whose rim touches itself at a corner is closed
    holes = find_regions(~mask, corners=False)
    is_enclosed = ~holes.on_edge
    if not is_enclosed.any():
        return mask
    return mask | holes.paint(is_enclosed)


def open_mask(mask: np.ndarray, width: int) -> np.ndarray:
    """The mask, bool (height, width), without what is narrower than a square of `width` pixels (a
    morphological opening; Serra 1982).

    Args:
        mask: Bool (height, width).
        width: Of the square, in pixels.

    >>> open_mask(np.array([[0, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 0]], bool), 2).astype(int).tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0]]
    """
    square = np.ones((width, width), np.uint8)
    edge = cv2.BORDER_CONSTANT  # what lies beyond it is no lesion
    fitting = cv2.erode(mask.astype(np.uint8), square, anchor=(0, 0), borderType=edge, borderValue=0)
    # A square that fits is known by its left upper corner, and is painted from there
    last = (width - 1, width - 1)
    return np.asarray(cv2.dilate(fitting, square, anchor=last, borderType=edge, borderValue=0)).astype(bool)
