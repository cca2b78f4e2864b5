"""Areas of a photograph in cells of a few pixels: the lesion, what lies outside the dermatoscope's circle,
and how much of the edge the lesion touches.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lentigo.common.statistics.percentiles import find_percentile

CELL = 8  # pixels; the lesion is looked for in the means of squares of this side
# Of the bright cells: what is darker and joined to a corner lies outside the dermatoscope
NEAR_BLACK = 0.25
# By how much darker than skin a lesion must be in green and blue, as a share, to be told from shade
MIN_CONTRAST = 0.25
MIN_CONTRAST_IN_RED = 0.03  # and in red: an orange sticker is as bright there as skin
# Outline / sqrt(area), in cells, up to which a dark area is a lesion (a disc has 4.5) and not mottled skin
MAX_RAGGEDNESS = 6.5


def average_squares(pixels: np.ndarray) -> np.ndarray:
    """The means of squares of `CELL` pixels, rounded: uint8 (n, n, 3) of uint8 (n * CELL, n * CELL, 3).

    Args:
        pixels: RGB; the side is a multiple of `CELL`.
    """
    n = len(pixels) // CELL
    sums_down = pixels.reshape(n, CELL, -1).sum(axis=1, dtype=np.uint16)  # (n, n * CELL * 3)
    sums = sums_down.reshape(n, n, CELL, 3).sum(axis=2, dtype=np.uint16)
    return ((sums + CELL**2 // 2) // CELL**2).astype(np.uint8)


def measure_cut(cells: np.ndarray) -> float | None:
    """The share of the edge that the lesion touches; None where no lesion stands out.

    The lesion is the area nearest to the middle that is darker than Otsu's threshold in green and blue, which
    melanin and blood absorb most; what lies outside the dermatoscope's circle is left out.

    Args:
        cells: Of the photograph, uint8 (n, n, 3).
    """
    seen = ~find_outside(cells)
    levels = (cells[..., 1].astype(float) + cells[..., 2]) / 2  # the mean of green and blue
    darker = (levels <= split_otsu(levels[seen])) & seen
    skin = seen & ~darker
    distance_of_darker = np.where(darker, measure_distance(len(cells)), 1)
    nearest = np.zeros_like(darker)
    nearest.flat[distance_of_darker.argmin()] = True
    lesion = spread(nearest, darker)
    if not lesion.any() or not skin.any():
        return None
    if not stands_out(cells[lesion].mean(axis=0), cells[skin].mean(axis=0)) or is_ragged(lesion):
        return None
    edge = np.concatenate([lesion[0], lesion[-1], lesion[1:-1, 0], lesion[1:-1, -1]])
    return float(edge.mean())


def stands_out(lesion: np.ndarray, skin: np.ndarray) -> bool:
    """Whether mean colours, (3,) RGB each, can be those of a lesion and of the skin around it."""
    darker_in_green_and_blue = lesion[1:].sum() <= (1 - MIN_CONTRAST) * skin[1:].sum()
    darker_in_red = lesion[0] <= (1 - MIN_CONTRAST_IN_RED) * skin[0]
    return bool(darker_in_green_and_blue and darker_in_red)


def is_ragged(area: np.ndarray) -> bool:
    """Whether an area, bool (n, n), has too long an outline for its size."""
    outline = (area[1:] != area[:-1]).sum() + (area[:, 1:] != area[:, :-1]).sum()
    return bool(outline > MAX_RAGGEDNESS * np.sqrt(area.sum()))


def find_outside(cells: np.ndarray) -> np.ndarray:
    """Finds what lies outside a dermatoscope's circle.

    Args:
        cells: Of the photograph, uint8 (n, n, 3).

    Returns:
        Near-black cells joined to a corner, bool (n, n).
    """
    brightest = cells.max(axis=2)  # channel of each cell
    return spread_corners(brightest < NEAR_BLACK * find_percentile(brightest, 90))


def spread_corners(within: np.ndarray) -> np.ndarray:
    """Finds the cells that are joined to a corner.

    Args:
        within: Bool (n, n).

    Returns:
        Those of `within`, bool (n, n).
    """
    corners = np.zeros(within.shape, bool)
    corners[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    return spread(corners, within)


@cache
def measure_distance(n: int) -> np.ndarray:
    """How far each of n times n cells lies from the middle, in sides of the image; float (n, n).

    Args:
        n: Cells along a side.
    """
    row, column = (np.indices((n, n)) + 0.5) / n - 0.5
    return np.hypot(row, column)


def split_otsu(values: np.ndarray) -> float:
    """The threshold, of 0 to 255, that splits values into two classes whose means lie farthest apart (Otsu
    1979).

    The first class is what does not exceed it.

    >>> split_otsu(np.array([10, 11, 12, 200, 201]))
    12.0
    """
    counts = np.bincount(values.astype(np.intp), minlength=256).astype(float)
    below = counts.cumsum()  # values up to each level
    sums = (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    # n^2 times the variance between the classes, n the number of values
    between = (sums[-1] * below - sums * below[-1]) ** 2 / np.maximum(below * above, 1)
    return float(np.argmax(between))


def spread(start: np.ndarray, within: np.ndarray) -> np.ndarray:
    """The cells of `within`, bool (h, w), that can be reached from those of `start` without leaving it.

    All cells are the bits of one number, the rows one after the other with an empty column between them, so
    that a step in each direction is a shift: a hundredth of the time of arrays of this size.
    """
    row_bits = within.shape[1] + 1
    allowed = pack_cells(within)
    reached = pack_cells(start) & allowed
    while True:
        steps = reached << 1 | reached >> 1 | reached << row_bits | reached >> row_bits
        wider = (reached | steps) & allowed
        if wider == reached:
            return unpack_cells(reached, within.shape)
        reached = wider


def pack_cells(cells: np.ndarray) -> int:
    """Cells, bool (h, w), as the bits of a number, with an empty column behind each row."""
    height, width = cells.shape
    separated = np.zeros((height, width + 1), bool)
    separated[:, :width] = cells
    return int.from_bytes(np.packbits(separated, bitorder="little").tobytes(), "little")


def unpack_cells(bits: int, shape: tuple[int, ...]) -> np.ndarray:
    """The cells, bool (h, w), of a number that `pack_cells` made."""
    height, width = shape
    count = height * (width + 1)
    content = np.frombuffer(bits.to_bytes((count + 7) // 8, "little"), np.uint8)
    separated = np.unpackbits(content, count=count, bitorder="little").astype(bool)
    return separated.reshape(height, width + 1)[:, :width]
