"""A ruler in a photograph: a row of short parallel lines at equal distances, straight or slowly bending,
alone or along a base line.

Rows of three or more come about by chance where there are many short lines, as among hairs. So a row counts
by how rare it is: the number of rows as long as it that chance would lay through lines as dense as those
around it (a contrario, after Desolneux, Moisan and Morel 2000, International Journal of Computer Vision
40:7).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np

from lentigo.images.artefacts.lines import ACROSS, DOWN, Components, find_components

MAX_TICK_LENGTH = 26  # pixels
MIN_GAP = 3.5  # pixels from tick to tick
MAX_GAP = 32
MAX_TURN = 0.25  # radians between two neighbours
MAX_TURN_IN_ROW = 0.4  # radians between any two ticks of a row
MIN_SLANT = 0.7  # radians between a tick and the row
REACH = 1.2  # pixels by which a tick may lie off its place
REACH_SHARE = 0.06  # and the share of the gap that is added to it
REACH_OVER_GAP = 1.2  # times as far where a missing tick is stepped over
CROWD_RADIUS = 40  # pixels: as far as lines are counted that could take a tick's place
CHANCE_OVER_GAP = 2.5  # times the chance of a tick where a missing one is stepped over
MAX_TICKS = 40  # of a row
MAX_BASE_LINES = 4  # lines, the longest first, that are looked at as the base of a ruler
MIN_BASE_LENGTH = 30  # pixels
MAX_BASE_WIDTH = 12  # pixels
ZOOM = 2  # a base line is looked at so much enlarged
MARGIN_BESIDE = 14  # pixels beside a base line that are looked at
MARGIN_BEYOND = 30  # pixels beyond its ends


@dataclass(frozen=True)
class TickLimits:
    """What a tick looks like.

    Args:
        darker: Grey levels by which it is darker than its surroundings at least.
        around: And times the usual difference there.
        min_length: Pixels.
        min_aspect: Its length by its width.
        max_width: Pixels.
        max_tilt: Radians off the direction in which ticks are looked for.
    """

    darker: float
    around: float
    min_length: float
    min_aspect: float
    max_width: float
    max_tilt: float


ALONE = TickLimits(darker=6, around=2.0, min_length=3.5, min_aspect=2.2, max_width=4.5, max_tilt=0.96)
# Enlarged: the steps of a thin slanting line look like shorter ticks
ON_BASE = TickLimits(darker=4, around=1.5, min_length=7, min_aspect=1.5, max_width=6.3, max_tilt=0.6)


@dataclass(frozen=True)
class Rows:
    """Rows of ticks that grow, arrays (m,).

    Args:
        first: The number of the first tick.
        last: The number of the last one.
        stride: From tick to tick, complex, pixels.
        reach: How far the next tick may lie off its place, pixels.
        chance: How many ticks chance would lay there.
        rarity: Minus the decimal logarithm of how many such rows chance would give.
    """

    first: np.ndarray
    last: np.ndarray
    stride: np.ndarray
    reach: np.ndarray
    chance: np.ndarray
    rarity: np.ndarray

    def choose(self, chosen: np.ndarray) -> Rows:
        """Some of the rows, bool (m,)."""
        return Rows(*(getattr(self, column.name)[chosen] for column in fields(self)))


def measure_rows(grey: np.ndarray, ignored: np.ndarray) -> float:
    """Measures how rare the rarest row of ticks in an image is.

    Ticks that run across and ticks that run down are looked for apart, so that those along a base line are
    components of their own.

    Args:
        grey: uint8 (side, side).
        ignored: Bool (side, side), left out.

    Returns:
        The rarity, as `measure_row`.
    """
    darker_across = cv2.blur(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, DOWN), (3, 1))
    darker_down = cv2.blur(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, ACROSS), (1, 3))
    places_across, angles_across = find_ticks(darker_across, ALONE, 0, ignored)
    places_down, angles_down = find_ticks(darker_down, ALONE, np.pi / 2, ignored)
    places = np.concatenate([places_across, places_down])
    angles = np.concatenate([angles_across, angles_down])
    return measure_row(places, angles)


def measure_bases(grey: np.ndarray, lines: Components) -> np.ndarray:
    """Measures how rare the row of ticks along each line is.

    Args:
        grey: uint8 (side, side).
        lines: n lines that may be the base of a ruler.

    Returns:
        The rarities, float (n,); 0 for lines that are too short, bend, or have no ticks.
    """
    rarity = np.zeros(len(lines.area))
    longest_first = np.argsort(-lines.length)
    for line in longest_first[:MAX_BASE_LINES]:
        if lines.length[line] < MIN_BASE_LENGTH or lines.width[line] > MAX_BASE_WIDTH:
            continue
        strip = cut_strip(grey, lines.x[line], lines.y[line], lines.angle[line], lines.length[line])
        # The strip is enlarged, and so is what closes its ticks
        darker = cv2.morphologyEx(strip, cv2.MORPH_BLACKHAT, np.ones((1, 11), np.uint8))
        places, angles = find_ticks(cv2.blur(darker, (1, 3)), ON_BASE, np.pi / 2)
        rarity[line] = measure_row(places, angles)
    return rarity


def cut_strip(grey: np.ndarray, x: float, y: float, angle: float, length: float) -> np.ndarray:
    """A line of an image and what lies beside it, enlarged and turned so that it runs across, uint8 (h,
    w).
    """
    width = int(ZOOM * (length + 2 * MARGIN_BEYOND))
    height = 2 * ZOOM * MARGIN_BESIDE + 1
    cos = np.cos(angle) / ZOOM
    sin = np.sin(angle) / ZOOM
    # From a pixel of the strip to one of the image; the strip's middle is the line's
    left = x - (cos * width - sin * height) / 2
    top = y - (sin * width + cos * height) / 2
    to_image = np.array([[cos, -sin, left], [sin, cos, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grey, to_image, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def find_ticks(
    darker: np.ndarray, limits: TickLimits, heading: float, ignored: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Ticks by how much darker each pixel is than its surroundings.

    Args:
        darker: uint8 (height, width).
        limits: What a tick looks like.
        heading: The direction of ticks, radians.
        ignored: Bool (height, width), left out.

    Returns:
        Their middles, complex (n,), x + iy in pixels, and their angles, radians (n,).
    """
    usual = cv2.blur(darker, (31, 31)).astype(np.float32)
    mask = darker > limits.darker + limits.around * usual
    if ignored is not None:
        mask = mask & ~ignored
    lines = find_components(mask)
    fits_length = (lines.length >= limits.min_length) & (lines.length <= MAX_TICK_LENGTH)
    fits_heading = measure_turn(lines.angle - heading) < limits.max_tilt
    is_narrow = lines.width < limits.max_width
    is_slim = lines.length >= limits.min_aspect * np.maximum(lines.width, 1)
    ticks = fits_length & fits_heading & is_narrow & is_slim
    return lines.x[ticks] + 1j * lines.y[ticks], lines.angle[ticks]


def measure_turn(angle: np.ndarray) -> np.ndarray:
    """Measures the angle between two lines.

    Args:
        angle: The difference of their angles, radians.

    Returns:
        0 to pi / 2, of the same shape.
    """
    return np.abs((angle + np.pi / 2) % np.pi - np.pi / 2)


def measure_row(place: np.ndarray, angle: np.ndarray) -> float:
    """Measures how rare the rarest row of equally spaced parallel ticks is.

    Every two neighbours begin a row, which grows from tick to tick; one missing tick is stepped over.

    Args:
        place: Of n ticks, complex (n,), x + iy in pixels.
        angle: Of each, radians (n,).

    Returns:
        Minus the decimal logarithm of how many such rows chance would give, 0 at least.
    """
    turn = measure_turn(angle[None, :] - angle[:, None])  # (n, n)
    parallel = turn < MAX_TURN_IN_ROW
    rows = begin_rows(place, angle, turn)
    rarest = 0.0
    for _ in range(MAX_TICKS):
        if len(rows.first) == 0:
            break
        rows = grow_rows(rows, place, parallel)
        rarest = max(rarest, float(rows.rarity.max(initial=0)))
    return rarest


def begin_rows(place: np.ndarray, angle: np.ndarray, turn: np.ndarray) -> Rows:
    """The rows of two neighbours that are parallel and stand side by side."""
    step = place[None, :] - place[:, None]  # (n, n), from one tick to another
    distance = np.abs(step)
    near = (distance >= MIN_GAP) & (distance <= MAX_GAP)
    first, second = np.nonzero(near & (turn < MAX_TURN))
    slant = measure_turn(np.angle(step[first, second]) - angle[first])
    beside = slant > MIN_SLANT  # and not one behind the other
    first = first[beside]
    second = second[beside]
    stride = step[first, second]
    reach = REACH + REACH_SHARE * np.abs(stride)
    crowd = ((turn < MAX_TURN_IN_ROW) & (distance <= CROWD_RADIUS)).sum(axis=1)  # lines around each tick
    chance = crowd[first] * (reach / CROWD_RADIUS) ** 2
    # Chance would give one row of two for each pair of neighbours
    rarity = np.full(len(first), -np.log10(max(len(first), 1)))
    return Rows(first, second, stride, reach, chance, rarity)


def grow_rows(rows: Rows, place: np.ndarray, parallel: np.ndarray) -> Rows:
    """The rows that have another tick, with it. `parallel`, bool (n, n), says which ticks may be in one
    row.
    """
    found, steps = find_next(place, parallel[rows.first], rows)
    has_next = found >= 0
    rows = rows.choose(has_next)
    found = found[has_next]
    steps = steps[has_next]
    new_stride = (place[found] - place[rows.last]) / steps
    chance = np.minimum(rows.chance * np.where(steps == 2, CHANCE_OVER_GAP, 1), 1)
    return Rows(
        first=rows.first,
        last=found,
        stride=(rows.stride + new_stride) / 2,  # a row may bend slowly
        reach=rows.reach,
        chance=rows.chance,
        rarity=rows.rarity - np.log10(chance),
    )


def find_next(place: np.ndarray, parallel: np.ndarray, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """The next tick of each of m rows, int (m,), -1 where there is none, and the strides to it, 1 or 2.

    `parallel`, bool (m, n), says which ticks may be in the row.
    """
    end = place[rows.last]
    found = find_nearest(place, parallel, end + rows.stride, rows.reach)
    missing = np.flatnonzero(found < 0)
    after_gap = end[missing] + 2 * rows.stride[missing]
    found[missing] = find_nearest(place, parallel[missing], after_gap, REACH_OVER_GAP * rows.reach[missing])
    steps = np.ones(len(found))
    steps[missing] = 2
    return found, steps


def find_nearest(
    place: np.ndarray, parallel: np.ndarray, wanted: np.ndarray, reach: np.ndarray
) -> np.ndarray:
    """Of each of m places that are wanted the nearest tick within reach that may be it, int (m,), or -1."""
    distance = np.where(parallel, np.abs(place[None, :] - wanted[:, None]), np.inf)  # (m, n)
    nearest = distance.argmin(axis=1)
    nearest_distance = distance[np.arange(len(distance)), nearest]
    return np.where(nearest_distance <= reach, nearest, -1)
