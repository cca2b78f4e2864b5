"""Shapes: how large, how ragged and how lopsided a mask is. Lengths are in pixels, whose corners count: a
single pixel is 1 x 1.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

BLUR = np.array([1, 4, 6, 4, 1], np.float32) / 16  # binomial, sigma 1 pixel
HALF = 0.5  # of a blurred mask: its border
PIXEL_CORNERS = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
MARGIN = 3  # pixels around a mask that is blurred
RINGS = 40  # around the centroid, on which a shape is folded
DIRECTIONS = 180  # on each ring; folds are tried at every half of a step

# Marching squares: corners of a cell clockwise from the left upper one, (x, y)
CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
ALL_ABOVE = 15  # all four bits of a case


def list_crossed_sides() -> np.ndarray:
    """For each of the 16 cases the sides that the line crosses, -1 where there are no more, int (16, 4)."""
    table = np.full((16, 4), -1)
    for case in range(16):  # which of the four corners are above, as bits
        is_above = [bool(case >> corner & 1) for corner in range(4)]
        crossed = [side for side in range(4) if is_above[side] != is_above[(side + 1) % 4]]
        table[case, : len(crossed)] = crossed
    return table


CROSSED_SIDES = list_crossed_sides()


def find_hull(mask: np.ndarray) -> np.ndarray:
    """Finds the convex hull of a mask.

    Args:
        mask: Bool (height, width), not empty.

    Returns:
        Its corners (x, y) in order, int (n, 2).
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    pixels = cv2.convexHull(np.concatenate(contours))[:, 0]  # (n, 1, 2) -> (n, 2)
    # The four corners of each pixel
    corners = np.concatenate([pixels + corner for corner in PIXEL_CORNERS])
    return cv2.convexHull(corners.astype(np.int32))[:, 0]


def measure_diameter(mask: np.ndarray, hull: np.ndarray | None = None) -> float:
    """The longest distance between two points of a mask: its maximum Feret diameter (Feret 1930), that of the
    convex hull.

    Args:
        mask: Bool (height, width).
        hull: What `find_hull` gives for it, where that is known.

    >>> measure_diameter(np.ones((3, 4), bool))
    5.0
    """
    corners = (find_hull(mask) if hull is None else hull).astype(np.float64)
    # The farthest two points of a shape are corners of its hull, of which there are few
    across, down = (corners[:, None] - corners).transpose(2, 0, 1)  # (n, n) each
    return float(np.sqrt((across**2 + down**2).max()))


def measure_area(mask: np.ndarray) -> int:
    """Pixels of a mask.

    Args:
        mask: Bool (height, width).
    """
    return int(np.count_nonzero(mask))


def measure_perimeter(mask: np.ndarray, blurred: np.ndarray | None = None) -> float:
    """The length of the border of a mask, bool (height, width), holes included.

    That of the line along which the mask, blurred a little (binomial, sigma 1 pixel), is one half, straight
    within each cell of four pixels ("marching squares", after Lorensen and Cline 1987). Steps of a staircase
    are no longer counted as such: that of a disc or a slanted square of 30 pixels is right to 1 %; corners
    are rounded off by about a pixel.

    Args:
        mask: Bool (height, width).
        blurred: What `blur_mask` gives for it, where that is known.
    """
    return trace_length((blur_mask(mask) if blurred is None else blurred) - HALF)


def blur_mask(mask: np.ndarray) -> np.ndarray:
    """Blurs a mask a little, with a margin of `MARGIN` pixels all around.

    Args:
        mask: Bool (height, width).

    Returns:
        Float32 (height + 2 margins, width + 2 margins).
    """
    wide = cv2.copyMakeBorder(
        mask.astype(np.float32), MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT, value=0
    )
    return cv2.sepFilter2D(wide, cv2.CV_32F, BLUR, BLUR)


def trace_length(level: np.ndarray) -> float:
    """The length of the line along which a field, float (height, width), is zero."""
    width = level.shape[1]
    above = (level > 0).astype(np.uint8)
    # Which corners of each cell are above, clockwise from the left upper one, as bits
    cases = above[:-1, :-1] | above[:-1, 1:] << 1 | above[1:, 1:] << 2 | above[1:, :-1] << 3
    cell = np.flatnonzero((cases > 0) & (cases < ALL_ABOVE))
    case = cases.ravel()[cell]
    place = cell + cell // (width - 1)  # of the left upper corner: a row has one corner more than cells
    values = level.ravel()
    # The values at the four corners of each cell that the line crosses, clockwise
    corners = values[place[:, None] + np.array([0, 1, width + 1, width])]  # (m, 4)
    length = np.float64(0)
    for first, second in ((0, 1), (2, 3)):
        is_crossed = CROSSED_SIDES[case, second] >= 0  # only a saddle has four crossings, hence two lines
        if not is_crossed.any():
            continue
        start = cross_sides(corners, CROSSED_SIDES[case, first], is_crossed)
        end = cross_sides(corners, CROSSED_SIDES[case, second], is_crossed)
        length += np.hypot(start[0] - end[0], start[1] - end[1]).sum(dtype=np.float64)
    return float(length)


def cross_sides(corners: np.ndarray, sides: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the line crosses one side of each of the chosen cells: x and y in the cell, float (n,) each.

    Args:
        corners: Four values of each cell, clockwise from the left upper corner, (m, 4).
        sides: 0 to 3 for the top, right, bottom and left side, int (m,).
        chosen: Cells, bool (m,).
    """
    side = sides[chosen]
    values = corners[chosen]  # (n, 4)
    rows = np.arange(len(side))
    start = values[rows, side]
    share = start / (start - values[rows, (side + 1) % 4])  # of the way along the side, clockwise
    x_start, y_start = CORNERS[side].T
    x_end, y_end = CORNERS[(side + 1) % 4].T
    return x_start + share * (x_end - x_start), y_start + share * (y_end - y_start)


def measure_irregularity(mask: np.ndarray, blurred: np.ndarray | None = None) -> float:
    """Compactness P^2 / (4 pi A), no unit: 1 for a disc, more for any other shape (in dermatology Golston
    1992, Comput Med Imaging Graph 16:199). It does not tell a long lesion from a ragged one, and follows
    dermatologists' eyes less than finer measures do (Lee 2003, Med Image Anal 7:47).

    Args:
        mask: Bool (height, width).
        blurred: As for `measure_perimeter`.
    """
    return measure_perimeter(mask, blurred) ** 2 / (4 * np.pi * measure_area(mask))


def measure_asymmetry(
    mask: np.ndarray, hull: np.ndarray | None = None, blurred: np.ndarray | None = None
) -> tuple[float, float]:
    """The share of a mask, bool (height, width), that falls beside it when it is folded over each of two
    axes, the smaller first.

    0 for a shape that is its own mirror image, 1 at most. The axes are at right angles through the centroid,
    and stand where the two shares are smallest together, as the ABCD rule has it (Nachbar 1994, J Am Acad
    Dermatol 30:551); in long lesions these are the principal axes (Stoecker 1992, Comput Med Imaging Graph
    16:191), which round ones do not have.

    The mask is read on rings around its centroid. A fold over an axis at an angle f moves what lies in the
    direction d to 2 f - d, so how much falls on the mask is, for all folds at once, the circular convolution
    of each ring with itself, by the theorem of convolution.

    Args:
        mask: Bool (height, width).
        hull: As for `measure_diameter`.
        blurred: As for `measure_perimeter`.
    """
    if hull is None:
        hull = find_hull(mask)
    if blurred is None:
        blurred = blur_mask(mask)
    rings = read_rings(mask, hull, blurred)  # (RINGS, DIRECTIONS)
    waves = np.fft.rfft(rings, axis=1)  # (RINGS, DIRECTIONS / 2 + 1)
    weights = np.arange(RINGS, dtype=np.float32) + 0.5  # the length of each ring
    # Not by BLAS, whose threads wait for one another, and for each of OpenVINO's
    held = np.fft.irfft(np.einsum("r,rk->k", weights, waves * waves), DIRECTIONS)
    total = (weights * rings.sum(axis=1)).sum()
    beside = np.clip(1 - held / total, 0, 1)
    # Half a turn in the direction is a right angle between the axes
    first = beside[: DIRECTIONS // 2]
    second = beside[DIRECTIONS // 2 :]
    best = int((first + second).argmin())
    smaller, larger = sorted((float(first[best]), float(second[best])))
    return smaller, larger


def read_rings(mask: np.ndarray, hull: np.ndarray, blurred: np.ndarray) -> np.ndarray:
    """A mask, bool (height, width), on rings around its centroid that reach its farthest corner; float32
    (RINGS, DIRECTIONS), 1 where a point lies on it. The border is that of `measure_perimeter`.
    """
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)  # sums over pixels, of x and of y too
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    # From the centroid to the farthest corner; corners lie half a pixel from the middles
    reach = float(np.linalg.norm(hull - centre - 0.5, axis=1).max())
    x, y = (centre + MARGIN).tolist()
    across, down = unit_rings()
    field = blurred
    if field.max() < HALF:  # a line, which the blur takes away
        field = np.pad(mask, MARGIN).astype(np.float32)
    # Linear between pixels; what lies beyond the margin is no lesion
    level = cv2.remap(field, x + reach * across, y + reach * down, cv2.INTER_LINEAR)
    return (level >= HALF).astype(np.float32)


@cache
def unit_rings() -> tuple[np.ndarray, np.ndarray]:
    """The x and y of the points of all rings, float32 (RINGS, DIRECTIONS) each, where the last one has a radius
    of about 1.
    """
    radii = (np.arange(RINGS) + 0.5) / RINGS
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    across = np.outer(radii, np.cos(angles)).astype(np.float32)
    down = np.outer(radii, np.sin(angles)).astype(np.float32)
    return across, down
