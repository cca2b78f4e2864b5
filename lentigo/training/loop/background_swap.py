"""Lesions laid onto the skin of other photographs, so that the skin around a lesion says nothing of its class.

A cut lesion keeps its pixels; the other photograph gives skin, hairs, border and ruler. The edge is soft, and
the lesion takes on the light of its new skin. After Dwibedi et al. 2017 (cut, paste and learn).
"""

from __future__ import annotations

import cv2
import numpy as np

SMALL_SIDE = 64  # pixels at which the lesion of the other photograph is painted over
RING = 0.06  # of the side: skin this near to a lesion tells its light
EDGE = 0.015  # of the side: the deviation of the soft edge
MARGIN = 0.03  # of the side: the paint covers this much more than the mask, since outlines are drawn tightly
MAX_LIGHT = 1.5  # a lesion gets at most this much lighter or darker, in each channel
MIN_SKIN = 0.05  # of the pixels: with less of it around a lesion its light is not known
MAX_SHARE = 0.7  # of the pixels: a larger lesion leaves no skin to swap


def swap_background(
    image: np.ndarray, mask: np.ndarray, other: np.ndarray, other_mask: np.ndarray
) -> np.ndarray:
    """Lays the lesion of one photograph onto the skin of another.

    Args:
        image: The photograph of the lesion, uint8 (side, side, 3), sRGB.
        mask: 1 where its lesion is, uint8 (side, side).
        other: The photograph that gives the skin, uint8 (side, side, 3).
        other_mask: 1 where that one's lesion is, which is painted over, uint8 (side, side).

    Returns:
        A photograph, uint8 (side, side, 3). It is `image` itself where either has no lesion or hardly any
        skin.
    """
    if not can_swap(mask) or not can_swap(other_mask):
        return image
    skin = paint_over(other, other_mask)
    light = match_light(image, mask, skin)
    side = len(mask)
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), EDGE * side)[:, :, None]
    lesion = image.astype(np.float32) * light
    mixed = weight * lesion + (1 - weight) * skin
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def can_swap(mask: np.ndarray) -> bool:
    """Whether a photograph has both a lesion and enough skin around it."""
    share = float(mask.mean())
    return 0 < share <= MAX_SHARE


def paint_over(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A photograph whose lesion is filled with the colours around it, float32 (side, side, 3).

    The fill is computed on a small copy (Telea 2004), and gets the fine grain of the mirrored photograph, so
    that it is not smoother than skin.
    """
    side = len(mask)
    wide = widen(mask, MARGIN)
    size = (SMALL_SIDE, SMALL_SIDE)
    small_image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small_mask = (cv2.resize(wide, size, interpolation=cv2.INTER_LINEAR) > 0).astype(np.uint8)
    filled = cv2.inpaint(small_image, small_mask, 3, cv2.INPAINT_TELEA)
    fill = cv2.resize(filled, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    skin = image.astype(np.float32)
    grain = skin - cv2.GaussianBlur(skin, (0, 0), EDGE * side)
    mirrored_grain = grain[::-1, ::-1] * (1 - wide[::-1, ::-1, None])
    weight = cv2.GaussianBlur(wide.astype(np.float32), (0, 0), EDGE * side)[:, :, None]
    return weight * (fill + mirrored_grain) + (1 - weight) * skin


def match_light(image: np.ndarray, mask: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The factor of each channel, float32 (3,), by which a lesion gets the light of another skin.

    It is the ratio of the median colours around the lesion: of the new skin by the old one (von Kries 1902).
    """
    near = widen(mask, RING)
    ring = (near == 1) & (widen(mask, MARGIN) == 0)
    if ring.mean() < MIN_SKIN:
        ring = near == 0
    if not ring.any():
        return np.ones(3, np.float32)
    before = np.median(image[ring], axis=0)
    after = np.median(skin[ring], axis=0)
    ratio = (after + 1) / (before + 1)
    return np.clip(ratio, 1 / MAX_LIGHT, MAX_LIGHT).astype(np.float32)


def widen(mask: np.ndarray, share: float) -> np.ndarray:
    """A mask that reaches a share of the side further in every direction, uint8 (side, side)."""
    reach = 2 * round(share * len(mask)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return cv2.dilate(mask, kernel)
