"""Shapes: how large, how ragged and how lopsided a mask is. Lengths are in pixels, whose corners count: a
single pixel is 1 x 1.
"""

from __future__ import annotations

import numpy as np

from lentigo.inference.lesions.regions import find_runs

ANGLES = 36  # pairs of axes that are tried, over 90 degrees
MAX_FOLDED_PIXELS = 4_000  # pixels at most that are folded: a larger shape is thinned out


def find_hull(mask: np.ndarray) -> np.ndarray:
    """Corners (x, y) of the convex hull of a mask, bool (height, width), in order; int (n, 2). Andrew's
    monotone chain (1979).
    """
    row, start, stop = find_runs(mask)
    # The first and the last run of each row
    first = np.unique(row, return_index=True)[1]
    last = len(row) - 1 - np.unique(row[::-1], return_index=True)[1]
    left = start[first]
    right = stop[last]
    y = row[first]
    # A row's corners: its upper and lower edge, on the left and on the right
    corners = np.concatenate(
        [
            np.stack([left, y], axis=1),
            np.stack([left, y + 1], axis=1),
            np.stack([right, y], axis=1),
            np.stack([right, y + 1], axis=1),
        ]
    )
    points = np.unique(corners, axis=0).tolist()
    lower = find_chain(points)
    upper = find_chain(points[::-1])
    return np.array(lower[:-1] + upper[:-1])


def find_chain(points: list[list[int]]) -> list[list[int]]:
    """The lower half of the hull of points that are sorted."""
    chain: list[list[int]] = []
    for x, y in points:
        while len(chain) > 1 and not turns_left(chain[-2], chain[-1], [x, y]):
            chain.pop()
        chain.append([x, y])
    return chain


def turns_left(a: list[int], b: list[int], c: list[int]) -> bool:
    """Whether the way from a by b to c turns to the left at b (to the right where y points down)."""
    return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])


def measure_diameter(mask: np.ndarray) -> float:
    """The longest distance between two points of a mask: its maximum Feret diameter (Feret 1930), that of the
    convex hull.

    >>> measure_diameter(np.ones((3, 4), bool))
    5.0
    """
    hull = find_hull(mask).astype(np.float64)
    return float(max(np.hypot(*(hull - corner).T).max() for corner in hull))


def measure_area(mask: np.ndarray) -> int:
    """Pixels of a mask."""
    return int(np.count_nonzero(mask))


def measure_perimeter(mask: np.ndarray) -> float:
    """The length of the border of a mask, bool (height, width), holes included.

    That of the line along which the mask, blurred a little (binomial, sigma 1 pixel), is one half, straight
    within each cell of four pixels ("marching squares", after Lorensen and Cline 1987). Steps of a staircase
    are no longer counted as such: that of a disc or a slanted square of 30 pixels is right to 1 %; corners
    are rounded off by about a pixel.
    """
    level = np.pad(mask.astype(np.float32), 3)
    for _ in range(2):
        level[1:-1] = (level[:-2] + 2 * level[1:-1] + level[2:]) / 4
        level[:, 1:-1] = (level[:, :-2] + 2 * level[:, 1:-1] + level[:, 2:]) / 4
    return trace_length(level - 0.5)


def trace_length(level: np.ndarray) -> float:
    """The length of the line along which a field, float (height, width), is zero."""
    above = level > 0
    count = above[:-1, :-1].astype(np.int8) + above[:-1, 1:] + above[1:, 1:] + above[1:, :-1]
    y, x = np.nonzero((count > 0) & (count < 4))
    corners = np.stack(
        [level[y, x], level[y, x + 1], level[y + 1, x + 1], level[y + 1, x]]
    )  # (4, n), clockwise
    after = np.roll(corners, -1, axis=0)
    crossed = (corners > 0) != (after > 0)  # of the top, right, bottom and left side of each cell
    share = np.divide(corners, corners - after, out=np.zeros_like(corners), where=crossed)
    zero, one = np.zeros_like(share[0]), np.ones_like(share[0])
    points = np.stack(
        [[share[0], one, 1 - share[2], zero], [zero, share[1], one, 1 - share[3]]]
    )  # (2, 4, n): x and y on each side
    points = np.take_along_axis(
        points, np.argsort(~crossed, axis=0, kind="stable")[None], axis=1
    )  # crossed sides first
    first, second = (np.hypot(*(points[:, n] - points[:, n + 1])) for n in (0, 2))
    return float(first.sum() + second[crossed.all(axis=0)].sum())


def measure_irregularity(mask: np.ndarray) -> float:
    """Compactness P^2 / (4 pi A), no unit: 1 for a disc, more for any other shape (in dermatology Golston
    1992, Comput Med Imaging Graph 16:199). It does not tell a long lesion from a ragged one, and follows
    dermatologists' eyes less than finer measures do (Lee 2003, Med Image Anal 7:47)."""
    return measure_perimeter(mask) ** 2 / (4 * np.pi * measure_area(mask))


def measure_asymmetry(mask: np.ndarray) -> tuple[float, float]:
    """The share of a mask, bool (height, width), that falls beside it when it is folded over each of two
    axes, the smaller first.

    0 for a shape that is its own mirror image, 1 at most. The axes are at right angles through the centroid,
    and stand where the two shares are smallest together, as the ABCD rule has it (Nachbar 1994, J Am Acad
    Dermatol 30:551); in long lesions these are the principal axes (Stoecker 1992, Comput Med Imaging Graph
    16:191), which round ones do not have.
    """
    mask = thin_out(mask)
    y, x = np.nonzero(mask)
    centre = np.array([x.mean(), y.mean()])
    points = np.stack([x, y], axis=1) - centre
    reach = 2 + int(np.hypot(*points.T).max())  # no mirror image falls further out
    wide = np.pad(mask, reach)
    angles = np.arange(ANGLES) * np.pi / 2 / ANGLES + find_axis(points)
    pairs = [sorted(fold(wide, points.T, centre + reach, angle)) for angle in angles]
    best = min(pairs, key=sum)
    return best[0], best[1]


def thin_out(mask: np.ndarray) -> np.ndarray:
    """The mask cut to its box, with every k-th row and column where it has more than `MAX_FOLDED_PIXELS` pixels."""
    y, x = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    mask = mask[y[0] : y[-1] + 1, x[0] : x[-1] + 1]
    step = int(np.ceil(np.sqrt(measure_area(mask) / MAX_FOLDED_PIXELS)))
    return mask[step // 2 :: step, step // 2 :: step]


def find_axis(points: np.ndarray) -> float:
    """The angle, radians, of the longer principal axis of points (n, 2) around their centre."""
    (xx, xy), (_, yy) = points.T @ points
    return float(np.arctan2(2 * xy, xx - yy) / 2)


def fold(mask: np.ndarray, points: np.ndarray, centre: np.ndarray, angle: float) -> tuple[float, float]:
    """The shares of a mask's points, (2, n) from its centre, whose mirror images lie outside it: those at an
    axis at `angle`, and at right angles to it.

    The second image is the first one turned by half a turn. The mask has to be wide enough to hold both.
    """
    cosine, sine = np.cos(2 * angle), np.sin(2 * angle)
    x, y = points[0] * cosine + points[1] * sine, points[0] * sine - points[1] * cosine
    shares = (
        np.count_nonzero(
            mask.ravel()[index_pixels(centre[0] + sign * x, centre[1] + sign * y, mask.shape[1])]
        )
        / len(x)
        for sign in (1, -1)
    )
    first, second = (1 - share for share in shares)
    return first, second


def index_pixels(x: np.ndarray, y: np.ndarray, width: int) -> np.ndarray:
    """The numbers of the pixels that points are nearest to, row by row."""
    return (np.rint(y) * width + np.rint(x)).astype(np.intp)
