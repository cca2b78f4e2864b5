"""Heatmaps as pictures: enlarged to a photograph's size, in colours and lines over its grey."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

# RGB 0..1: a red and a blue that the colour-blind tell apart, and from grey
FOR_COLOUR = (0.86, 0.18, 0.0)
AGAINST_COLOUR = (0.0, 0.36, 0.75)
MAX_OPACITY = 0.75  # of the strongest cell's colour
LINE_OPACITY = 0.85
LINE_LEVEL = 0.5  # of the strongest value, along which lines are drawn
MIN_SLOPE = 2e-4  # a pixel: what is flatter has no line


def lay_over(image: Image.Image, shares: np.ndarray, centres: Sequence[float] = ()) -> Image.Image:
    """Draws an image in grey, with its heatmap over it.

    Args:
        image: The photograph.
        shares: The heatmap in shares of its strongest cell, -1 to 1, (h, w).
        centres: As in `enlarge`.
    """
    # Pale, so that the colours are the map's alone
    grey = 0.4 + 0.6 * np.asarray(image.convert("L")) / 255
    height, width = grey.shape
    return paint(grey, enlarge(shares, height, width, centres))


def paint(grey: np.ndarray, shares: np.ndarray) -> Image.Image:
    """Paints colours and lines over grey.

    Args:
        grey: 0 to 1, (h, w).
        shares: Of the strongest value, -1 to 1, (h, w).
    """
    painted = tint(grey, shares) * (1 - LINE_OPACITY * trace(shares)[..., None])
    return Image.fromarray((painted * 255).round().astype(np.uint8))


def tint(grey: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Grey, 0..1 (h, w), under a coloured glass, RGB (h, w, 3): red for malignant (shares above zero), blue
    against, clear at zero.
    """
    opacity = MAX_OPACITY * np.abs(shares)[..., None]
    colour = np.where(shares[..., None] > 0, FOR_COLOUR, AGAINST_COLOUR)
    return (1 - opacity) * grey[..., None] + opacity * colour


def trace(shares: np.ndarray) -> np.ndarray:
    """Lines along half of the strongest value, as opacity 0..1 (h, w): one line for malignant, a double line
    against.

    A pixel's distance from a line is taken as its difference from the line's value over the slope there.
    """
    if min(shares.shape) < 2:
        return np.zeros(shares.shape)
    slope = np.hypot(*np.gradient(shares))
    distance_for = measure_level_distance(shares, slope, LINE_LEVEL)
    distance_against = measure_level_distance(shares, slope, -LINE_LEVEL)
    single_line = 1.3 - distance_for
    double_line = 1.1 - np.abs(distance_against - 2.5)  # 2.5 pixels on both sides
    return np.clip(np.maximum(single_line, double_line), 0, 1)


def measure_level_distance(shares: np.ndarray, slope: np.ndarray, level: float) -> np.ndarray:
    """About the distance, pixels, of each pixel from where the shares have a value; infinite where flat."""
    far = np.full(shares.shape, np.inf)
    return np.divide(np.abs(shares - level), slope, out=far, where=slope > MIN_SLOPE)


def enlarge(heatmap: np.ndarray, height: int, width: int, centres: Sequence[float] = ()) -> np.ndarray:
    """Enlarges a heatmap to the size of a photograph, by monotone cubics along both axes.

    Plain bicubic overshoots: beside a blue cell it paints a red rim that the model never spoke of.

    Args:
        heatmap: Float (n, n).
        height: Pixels.
        width: Pixels.
        centres: What the cells of a row, and the rows, look at, as shares of the side, n of them at equal
            distances. Without them the cells tile the photograph.

    Returns:
        Float (height, width).
    """
    tall = interpolate(heatmap.astype(np.float64), height, centres)
    return interpolate(tall.T, width, centres).T


def interpolate(rows: np.ndarray, size: int, centres: Sequence[float] = ()) -> np.ndarray:
    """`size` rows between the given ones, (n, m), by monotone cubics (PCHIP: Fritsch and Butland 1984);
    beyond the outer centres they stay.
    """
    knots = np.pad(rows, ((2, 2), (0, 0)), mode="edge")  # (n + 4, m): a slope needs a row on both sides
    rises = np.diff(knots, axis=0)  # (n + 3, m)
    slopes = find_slopes(rises[:-1], rises[1:])  # (n + 2, m), at `knots[1:-1]`
    places = place_rows(size, len(rows), centres)
    left = places.astype(int)
    t = (places - left)[:, None]  # from 0 at the row before to 1 at the row after
    rise = rises[left + 1]
    start = slopes[left]
    end = slopes[left + 1]
    # The cubic with these slopes at its ends, in Horner's form
    return knots[left + 1] + t * (start + t * (3 * rise - 2 * start - end + t * (start + end - 2 * rise)))


def find_slopes(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The slope at each row from the rises before and after it: their harmonic mean, which never overshoots;
    a peak or a plain has none.
    """
    is_monotone = before * after > 0
    total = np.where(is_monotone, before + after, 1)  # 1 where it is not used, so that nothing divides by 0
    return np.where(is_monotone, 2 * before * after / total, 0)


def place_rows(size: int, count: int, centres: Sequence[float]) -> np.ndarray:
    """Where each of `size` rows lies between `count` rows, float (size,), counted from the row that was added
    before the first.
    """
    first, step = find_grid(count, centres)
    shares = (np.arange(size) + 0.5) / size  # of the side, at the middle of each pixel
    return np.clip((shares - first) / step, -1, count - 1e-9) + 1


def find_grid(count: int, centres: Sequence[float]) -> tuple[float, float]:
    """The centre of the first of some rows, and the step to the next, as shares of the side."""
    if len(centres) > 1:
        return centres[0], centres[1] - centres[0]
    return 0.5 / count, 1 / count  # rows that tile the side


def to_rgb(colour: tuple[float, float, float]) -> tuple[int, ...]:
    """A colour in 0..1 as Pillow's 0..255.

    Args:
        colour: Red, green and blue.
    """
    return tuple(round(255 * channel) for channel in colour)
