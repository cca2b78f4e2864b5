"""Overlays: the outline of a lesion drawn on the photograph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from lentigo.common.files import write_whole
from lentigo.inference.lesions.mask_cleaning import clean_mask, enlarge_mask

LINE = np.array([0, 229, 255], np.float32)  # RGB: a cyan that no skin has
HALO = np.array([0, 25, 35], np.float32)  # RGB: the dark on both sides of it
LINE_WIDTH = 1 / 400  # of the photograph's longer side
MIN_LINE_PIXELS = 1.3
MIN_SIDE = 800  # pixels, of the longer side of a figure
HALO_REACH = 1.8  # of the line's width
HALO_OPACITY = 0.7


def outline_mask(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """Draws a line around the lesion of the network's mask.

    Args:
        image: The photograph.
        mask: P(lesion), float32 (side, side).
    """
    lesion = enlarge_mask(clean_mask(mask), *image.size) > 0
    return draw_outline(np.asarray(image), lesion)


def draw_outline(image: np.ndarray, mask: np.ndarray, colour: np.ndarray = LINE) -> Image.Image:
    """Draws a line along the border of a mask.

    Args:
        image: The photograph, uint8 (height, width, 3).
        mask: Bool (height, width).
        colour: RGB, 0 to 255.
    """
    width = max(MIN_LINE_PIXELS, max(mask.shape) * LINE_WIDTH)
    distance = measure_distance(mask, width)
    # Opacity of line and halo, 0 to 1, (height, width, 1), with soft edges of a pixel
    line = np.clip(width - distance + 0.5, 0, 1)[..., None]
    halo = np.clip(HALO_REACH * width - distance + 0.5, 0, 1)[..., None]
    darkened = image + HALO_OPACITY * halo * (HALO - image)
    painted = darkened + line * (colour - darkened)
    return Image.fromarray(np.uint8(np.round(painted)))


def enlarge_small(image: Image.Image) -> Image.Image:
    """Enlarges what would be too small for a line and its words.

    Args:
        image: A photograph.

    Returns:
        The same, its longer side at least `MIN_SIDE` pixels.
    """
    longer = max(image.size)
    if longer >= MIN_SIDE:
        return image
    return ImageOps.scale(image, MIN_SIDE / longer, Image.Resampling.BICUBIC)


def measure_distance(mask: np.ndarray, width: float) -> np.ndarray:
    """About the distance of each pixel from the border of a mask, in pixels, as far as a line of that width
    needs it.

    Args:
        mask: Bool (height, width).
        width: Of the line, in pixels.
    """
    # With a margin, so that a lesion that the edge cuts off has a line there too
    padded = Image.fromarray(np.uint8(255 * np.pad(mask, 1)))
    blurred = np.asarray(padded.filter(ImageFilter.GaussianBlur(width)), np.float32)[1:-1, 1:-1] / 255
    slope = np.hypot(*np.gradient(blurred)) if min(mask.shape) > 1 else np.zeros(mask.shape)
    # Where the blurred mask is one half lies the border; its slope tells how far away that is
    far = np.full(mask.shape, np.inf)
    return np.divide(np.abs(blurred - 0.5), slope, out=far, where=slope > 0.02 / width)


def save_image(image: Image.Image, path: Path, **options: Any) -> None:
    """Writes an image in the format of its name, whole or not at all.

    Args:
        image: The image.
        path: The file.
        **options: Of Pillow.
    """
    with write_whole(path) as temporary:
        image.save(temporary, **options)
