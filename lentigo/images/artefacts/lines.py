"""Thin dark lines in a photograph: where they are, how long and which way; and the hairs among them.

After DullRazor (Lee 1997, Computers in Biology and Medicine 27:533): a closing along one direction fills the
lines that cross it, and what it changes are lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MAX_LINE_WIDTH = 7  # pixels: a line is narrower
DOWN = np.ones((MAX_LINE_WIDTH, 1), np.uint8)  # a closing along it fills lines that run across
ACROSS = np.ones((1, MAX_LINE_WIDTH), np.uint8)  # and along this one lines that run down
MIN_DARKER = 10  # grey levels by which a hair is darker than what lies beside it
MIN_DARKER_THAN_MEDIAN = 1.5  # and times the median of that difference
MIN_HAIR_LENGTH = 24  # pixels
HAIR_WIDTH = 2.5  # pixels
MAX_STRAIGHT_WIDTH = 6  # pixels: a component that is no wider is one straight hair
# Of the brighter skin's light: what lies beside a hair has it, so that the meshes of a lesion are no hairs
MIN_LIGHT_BESIDE = 0.85
PIXEL_VARIANCE = 1 / 12  # of a square of one pixel, by which the moments of its middle fall short


@dataclass(frozen=True)
class Components:
    """The connected components of a mask, arrays (n,) but for the last two.

    Args:
        x: Of their middles, pixels.
        y: Of their middles, pixels.
        length: Of the rectangle with the same moments, pixels.
        width: Of that rectangle, pixels.
        area: Pixels.
        angle: Of their length, radians clockwise from the x axis, 0 to pi.
        owner: The component of each of the m pixels of the mask, int (m,).
        pixels: The place of each in the flattened mask, int (m,).
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
        """Averages an image over each component.

        Args:
            image: (height, width), as the mask.

        Returns:
            The means, float (n,).
        """
        sums = np.bincount(self.owner, weights=image.ravel()[self.pixels], minlength=len(self.area))
        return sums / self.area

    def choose(self, chosen: np.ndarray) -> Components:
        """Chooses some of the components.

        Args:
            chosen: Bool (n,).

        Returns:
            Those, in the same order.
        """
        kept = chosen[self.owner]  # bool (m,)
        new_number = np.cumsum(chosen) - 1
        return Components(
            x=self.x[chosen],
            y=self.y[chosen],
            length=self.length[chosen],
            width=self.width[chosen],
            area=self.area[chosen],
            angle=self.angle[chosen],
            owner=new_number[self.owner[kept]],
            pixels=self.pixels[kept],
        )


def find_components(mask: np.ndarray) -> Components:
    """Finds the connected components of a mask, and the rectangles that have their second moments.

    Args:
        mask: Bool (height, width); pixels are joined by sides or corners.

    Returns:
        All components.
    """
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    pixels = np.flatnonzero(mask)
    owner = labels.ravel()[pixels] - 1  # without the background
    area = np.bincount(owner, minlength=count - 1).astype(float)
    y, x = np.divmod(pixels, mask.shape[1])

    def average(values: np.ndarray) -> np.ndarray:
        return np.bincount(owner, weights=values, minlength=count - 1) / area

    middle_x = average(x)
    middle_y = average(y)
    right = x - middle_x[owner]
    down = y - middle_y[owner]
    xx = average(right * right) + PIXEL_VARIANCE
    yy = average(down * down) + PIXEL_VARIANCE
    xy = average(right * down)
    # The eigenvalues of the covariance are (xx + yy + spread) / 2 and (xx + yy - spread) / 2; the variance
    # of a rectangle along a side is its square by 12
    spread = np.hypot(xx - yy, 2 * xy)
    length = np.sqrt(6 * (xx + yy + spread))
    width = np.sqrt(6 * np.maximum(xx + yy - spread, 0))
    angle = np.arctan2(2 * xy, xx - yy) / 2 % np.pi
    return Components(middle_x, middle_y, length, width, area, angle, owner, pixels)


def find_hairs(red: np.ndarray, ignored: np.ndarray) -> Components:
    """Finds dark hairs, and other long thin lines on skin.

    Args:
        red: uint8 (side, side), the channel in which vessels do not show.
        ignored: Bool (side, side), where nothing is looked for.

    Returns:
        The components that may be hairs.
    """
    filled_down = cv2.morphologyEx(red, cv2.MORPH_CLOSE, DOWN)
    filled_across = cv2.morphologyEx(red, cv2.MORPH_CLOSE, ACROSS)
    filled = cv2.max(filled_down, filled_across)  # the skin without its lines
    darker = cv2.subtract(filled, red)
    typical = np.median(darker[::4, ::4])
    mask = (darker > MIN_DARKER + MIN_DARKER_THAN_MEDIAN * typical) & ~ignored
    lines = find_components(mask)
    skin = filled[::8, ::8][~ignored[::8, ::8]]
    min_light = MIN_LIGHT_BESIDE * np.percentile(skin, 75) if len(skin) else 255
    is_long = lines.length >= MIN_HAIR_LENGTH
    is_on_skin = lines.average(filled) > min_light
    return lines.choose(is_long & is_on_skin)


def measure_lengths(hairs: Components) -> np.ndarray:
    """Measures hairs.

    Args:
        hairs: n components.

    Returns:
        The length of each, pixels (n,); of those that bend or cross, and are one component, by their area.
    """
    length_by_area = hairs.area / HAIR_WIDTH
    return np.where(hairs.width <= MAX_STRAIGHT_WIDTH, hairs.length, np.maximum(hairs.length, length_by_area))
