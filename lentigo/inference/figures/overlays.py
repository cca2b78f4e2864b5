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
    rows, columns, distance = measure_distances(mask, width)
    # Opacity of line and halo, 0 to 1, (n, 1), with soft edges of a pixel
    line = np.clip(width - distance + 0.5, 0, 1)[:, None]
    halo = np.clip(HALO_REACH * width - distance + 0.5, 0, 1)[:, None]
    pixels = image[rows, columns]
    darkened = pixels + HALO_OPACITY * halo * (HALO - pixels)
    drawn = image.copy()
    drawn[rows, columns] = np.round(darkened + line * (colour - darkened))
    return Image.fromarray(drawn)


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


def measure_distances(mask: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """About the distance from the border of a mask, in pixels, of the pixels that a line of that width needs.

    Args:
        mask: Bool (height, width).
        width: Of the line, in pixels.

    Returns:
        Rows, columns and distances of these pixels, (n,) each.
    """
    # With a margin, so that a lesion that the edge cuts off has a line there too
    padded = Image.fromarray(np.pad(mask, 1).view(np.uint8) * np.uint8(255))
    blurred = np.asarray(padded.filter(ImageFilter.GaussianBlur(width)))[1:-1, 1:-1]
    # Beside the border the blurred mask is all or nothing, and most pixels lie there
    rows, columns = np.nonzero((blurred > 0) & (blurred < 255))
    blurred = blurred.astype(np.float32) / 255
    slope = np.hypot(*measure_slopes(blurred, rows, columns))
    near = slope > 0.02 / width
    rows, columns = rows[near], columns[near]
    # Where the blurred mask is one half lies the border; its slope tells how far away that is
    return rows, columns, np.abs(blurred[rows, columns] - 0.5) / slope[near]


def measure_slopes(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The slopes down and across at some places, as `numpy.gradient` has them everywhere."""
    last_row, last_column = values.shape[0] - 1, values.shape[1] - 1
    above = np.maximum(rows - 1, 0)
    below = np.minimum(rows + 1, last_row)
    left = np.maximum(columns - 1, 0)
    right = np.minimum(columns + 1, last_column)
    # At the edge a pixel has one neighbour alone
    down = (values[below, columns] - values[above, columns]) / np.maximum(below - above, 1)
    across = (values[rows, right] - values[rows, left]) / np.maximum(right - left, 1)
    return down, across


def save_image(image: Image.Image, path: Path, **options: Any) -> None:
    """Writes an image in the format of its name, whole or not at all.

    Args:
        image: The image.
        path: The file.
        **options: Of Pillow.
    """
    with write_whole(path) as temporary:
        image.save(temporary, **options)
