"""Lesions: from what the decoder says of each pixel to the lesion that a photograph shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from lentigo.inference.lesions.regions import Regions, fill_holes, find_regions

HALF = 0.5  # P(lesion) from which on a pixel is lesion
MIN_REGION_SHARE = 0.001  # of the photograph: what is smaller is a speck
SPREAD = 0.25  # of the side: standard deviation of where a lesion is expected
SHARE = 0.5  # of the largest region's weight that another region must have to be part of the same lesion


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the original photograph, upright: its left upper corner and its size."""

    x: int
    y: int
    width: int
    height: int


def clean_mask(mask: np.ndarray, *, smallest: float = MIN_REGION_SHARE, share: float = SHARE) -> np.ndarray:
    """P(lesion), float (height, width), without specks, holes and what is beside the lesion.

    Regions of P >= 0.5 count by the sum of P in them, the less the further they lie from the middle, at which
    the camera was pointed. The heaviest is kept, and others with a `share` of its weight; none where all are
    `smallest` or less of the picture. Dropped regions become 0, holes 1; all else stays, so that the border
    does not move.

    Args:
        mask: P(lesion), float (height, width).
        smallest: The share of the picture that a region must exceed.
        share: Of the heaviest region's weight, with which another region stays.
    """
    is_lesion = mask >= HALF
    # Most masks have one piece: nothing to weigh, which is faster
    inside = fill_only_piece(is_lesion, smallest * mask.size)
    if inside is None:
        regions = find_regions(is_lesion)
        chosen = choose_regions(regions, mask, smallest=smallest, share=share)
        inside = fill_holes(regions.paint(chosen))
    cleaned = mask.astype(np.float32)
    cleaned[is_lesion & ~inside] = 0
    cleaned[inside & ~is_lesion] = 1
    return cleaned


def fill_only_piece(mask: np.ndarray, min_pixels: float) -> np.ndarray | None:
    """The one region of a mask, bool (height, width), that is more than a speck, with what it encloses; None
    where there is none, or several, so that they must be weighed. Most masks have one.
    """
    borders, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    large = []
    for border in borders:
        _, _, width, height = cv2.boundingRect(border)
        if width * height > min_pixels:  # a bound of its area, which is cheaper to have
            large.append(border)
    if len(large) != 1:
        return None
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(drawn, large, -1, 1, cv2.FILLED)
    inside = drawn.view(bool)
    if np.count_nonzero(inside & mask) <= min_pixels:
        return None
    return inside


def choose_regions(regions: Regions, mask: np.ndarray, *, smallest: float, share: float) -> np.ndarray:
    """Which regions are the lesion, bool (count,)."""
    large = regions.areas > smallest * mask.size
    if large.sum() < 2:  # nothing to weigh
        return large
    weight = np.where(large, regions.sum_up(mask * weigh_places(*mask.shape)), 0)
    return large & (weight >= share * weight.max(initial=0))


@cache
def weigh_places(height: int, width: int) -> np.ndarray:
    """The weight of each pixel, float (height, width): a normal density around the middle, 1 there."""
    # Distances of the pixels' centres from the middle, in standard deviations
    down = ((np.arange(height) + 0.5) / height - 0.5) / SPREAD
    across = ((np.arange(width) + 0.5) / width - 0.5) / SPREAD
    return np.exp(-(down[:, None] ** 2 + across**2) / 2)


def enlarge_mask(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """P(lesion), float32 (side, side), cut at one half at the size of a photograph; uint8 (height, width), 255
    where the lesion is.

    Args:
        mask: P(lesion), float32 (side, side).
        width: Of the photograph, in pixels.
        height: Of the photograph, in pixels.
    """
    # Means over areas where the photograph is smaller than the mask: else pixels would be passed over
    is_smaller = width < mask.shape[1] or height < mask.shape[0]
    interpolation = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    resized = cv2.resize(np.asarray(mask, np.float32), (width, height), interpolation=interpolation)
    return (resized >= HALF).view(np.uint8) * np.uint8(255)


def find_box(mask: np.ndarray) -> Box | None:
    """The smallest rectangle around what is not zero in a mask, (height, width); None where nothing is.

    Args:
        mask: Any type (height, width).
    """
    box = Box(*cv2.boundingRect((mask != 0).view(np.uint8)))
    return None if box.width == 0 else box


def scale_box(box: Box | None, shape: tuple[int, ...], width: int, height: int) -> Box | None:
    """Turns a box of a reduced photograph into one of the original.

    Args:
        box: In pixels of the reduced photograph; None for none.
        shape: Of the reduced photograph, (height, width, ...).
        width: Pixels of the original.
        height: Pixels of the original.

    Returns:
        In pixels of the original, one across and one down at least.
    """
    if box is None:
        return None
    across = width / shape[1]
    down = height / shape[0]
    left = round(box.x * across)
    top = round(box.y * down)
    right = round((box.x + box.width) * across)
    bottom = round((box.y + box.height) * down)
    return Box(left, top, max(1, right - left), max(1, bottom - top))
