"""Thin dark lines in a photograph: where they are, how long and which way; and the hairs among them.

After DullRazor (Lee 1997, Computers in Biology and Medicine 27:533): a closing along one direction fills the
lines that cross it, and what it changes are lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

WIDEST = 7  # pixels: a line is narrower
DOWN, ACROSS = (
    np.ones((WIDEST, 1), np.uint8),
    np.ones((1, WIDEST), np.uint8),
)  # closings along them fill lines that run across, or down
DARKER, DARKER_THAN_MOST = (
    10,
    1.5,
)  # grey levels, and times the median, by which a hair is darker than what lies beside it
SHORTEST, WIDTH, STRAIGHT = (
    24,
    2.5,
    6,
)  # pixels: of a hair; and the width of a part up to which it is one straight hair
# Of the brighter skin's light: what lies beside a hair has it, so that the meshes of a lesion are no hairs
ON_SKIN = 0.85


@dataclass(frozen=True)
class Parts:
    """The connected parts of a mask, arrays (n,): their middles, `length` and `width` of the rectangle with
    the same moments, `area`, all in pixels.

    `angle`: of their length, radians clockwise from the x axis, 0 to pi. `owner` and `pixels`: of each pixel
    of the mask its part and its place.
    """

    x: np.ndarray
    y: np.ndarray
    length: np.ndarray
    width: np.ndarray
    area: np.ndarray
    angle: np.ndarray
    owner: np.ndarray
    pixels: np.ndarray

    def average(self, image: np.ndarray) -> np.ndarray:
        """The mean of a picture, (height, width), over each part."""
        return (
            np.bincount(self.owner, weights=image.ravel()[self.pixels], minlength=len(self.area)) / self.area
        )

    def choose(self, chosen: np.ndarray) -> Parts:
        """Some of the parts, bool (n,)."""
        kept = chosen[self.owner]
        values = (each[chosen] for each in (self.x, self.y, self.length, self.width, self.area, self.angle))
        return Parts(*values, owner=(np.cumsum(chosen) - 1)[self.owner[kept]], pixels=self.pixels[kept])


def find_parts(mask: np.ndarray) -> Parts:
    """The parts of a mask, bool (height, width), joined by sides or corners."""
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    pixels = np.flatnonzero(mask)
    owner = labels.ravel()[pixels] - 1
    area = np.bincount(owner, minlength=count - 1).astype(float)
    y, x = np.divmod(pixels, mask.shape[1])

    def average(values: np.ndarray) -> np.ndarray:
        return np.bincount(owner, weights=values, minlength=count - 1) / area

    middle_x, middle_y = average(x), average(y)
    right, down = x - middle_x[owner], y - middle_y[owner]
    xx, yy, xy = average(right * right) + 1 / 12, average(down * down) + 1 / 12, average(right * down)
    apart = np.hypot(xx - yy, 2 * xy)
    length, width = np.sqrt(6 * (xx + yy + apart)), np.sqrt(6 * np.maximum(xx + yy - apart, 0))
    return Parts(
        middle_x, middle_y, length, width, area, np.arctan2(2 * xy, xx - yy) / 2 % np.pi, owner, pixels
    )


def find_hairs(red: np.ndarray, shut: np.ndarray) -> Parts:
    """Dark hairs, and other long thin lines on skin.

    `red`, uint8 (side, side), the channel in which vessels do not show; `shut`, bool, where nothing is looked
    for.
    """
    filled = cv2.max(
        cv2.morphologyEx(red, cv2.MORPH_CLOSE, DOWN), cv2.morphologyEx(red, cv2.MORPH_CLOSE, ACROSS)
    )
    darker = cv2.subtract(filled, red)
    parts = find_parts((darker > DARKER + DARKER_THAN_MOST * np.median(darker[::4, ::4])) & ~shut)
    seen = filled[::8, ::8][~shut[::8, ::8]]
    light = ON_SKIN * np.percentile(seen, 75) if len(seen) else 255
    return parts.choose((parts.length >= SHORTEST) & (parts.average(filled) > light))


def measure_lengths(hairs: Parts) -> np.ndarray:
    """The length of each, pixels, (n,); of those that bend or cross, and are one part, by their area."""
    return np.where(hairs.width <= STRAIGHT, hairs.length, np.maximum(hairs.length, hairs.area / WIDTH))
