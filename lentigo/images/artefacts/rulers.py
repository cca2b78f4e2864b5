"""A ruler in a photograph: a row of short parallel lines at equal distances, straight or slowly bending,
alone or along a base line.

Rows of three or more come about by chance where there are many short lines, as among hairs. So a row counts
by how rare it is: the number of rows as long as it that chance would lay through lines as dense as those
around it (a contrario, after Desolneux, Moisan and Morel 2000, International Journal of Computer Vision
40:7).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lentigo.images.artefacts.lines import ACROSS, DOWN, Parts, find_parts

LONGEST = 26  # pixels of a tick
GAPS = (3.5, 32)  # pixels from tick to tick
TURN, TURN_IN_ROW = 0.25, 0.4  # radians between two neighbours, and between any in a row
SLANT = 0.7  # radians at least between a tick and the row
REACH, REACH_SHARE = 1.2, 0.06  # pixels, and share of the gap, by which a tick may lie off its place
CROWD = 40  # pixels: as far as lines are counted that could take a tick's place
MOST = 40  # ticks of a row
BASES, SHORTEST, RAGGED = (
    4,
    30,
    12,
)  # how many lines may be the base of a ruler, the longest first; pixels of length at least, and of width at most
ZOOM, BESIDE, BEYOND = (
    2,
    14,
    30,
)  # a base line is looked at so much enlarged, with so many pixels beside it and beyond its ends


@dataclass(frozen=True)
class Look:
    """What a tick looks like: darker than its surroundings by `darker` grey levels and `around` times what is
    usual there.

    At least `short` pixels long and `slim` times longer than wide, at most `wide` pixels wide; and at most
    `tilt` radians off the direction in which ticks are looked for.
    """

    darker: float
    around: float
    short: float
    slim: float
    wide: float
    tilt: float


# on a base line, enlarged: the steps of a thin slanting line look like shorter ticks
ALONE, ON_BASE = (
    Look(darker=6, around=2.0, short=3.5, slim=2.2, wide=4.5, tilt=0.96),
    Look(darker=4, around=1.5, short=7, slim=1.5, wide=6.3, tilt=0.6),
)


def measure_rows(grey: np.ndarray, shut: np.ndarray) -> float:
    """How rare the rarest row of ticks is in a picture, uint8 (side, side), see `measure_row`; `shut`, bool,
    is left out.

    Ticks that run across and ticks that run down are looked for apart, so that those along a base line are
    parts of their own.
    """
    across = cv2.blur(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, DOWN), (3, 1))
    down = cv2.blur(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, ACROSS), (1, 3))
    found = [find_ticks(across, ALONE, 0, shut), find_ticks(down, ALONE, np.pi / 2, shut)]
    return measure_row(*(np.concatenate(each) for each in zip(*found, strict=True)))


def measure_bases(grey: np.ndarray, lines: Parts) -> np.ndarray:
    """How rare the row of ticks along each of n lines is, (n,); 0 for those that are too short, bend, or have
    none.
    """
    rarity = np.zeros(len(lines.area))
    for line in np.argsort(-lines.length)[:BASES]:
        if lines.length[line] >= SHORTEST and lines.width[line] <= RAGGED:
            strip = cut_strip(grey, lines.x[line], lines.y[line], lines.angle[line], lines.length[line])
            darker = cv2.blur(cv2.morphologyEx(strip, cv2.MORPH_BLACKHAT, np.ones((1, 11), np.uint8)), (1, 3))
            rarity[line] = measure_row(*find_ticks(darker, ON_BASE, np.pi / 2))
    return rarity


def cut_strip(grey: np.ndarray, x: float, y: float, angle: float, length: float) -> np.ndarray:
    """A line of a picture and what lies beside it, turned so that it runs across, uint8 (height, width)."""
    width, height = int(ZOOM * (length + 2 * BEYOND)), 2 * ZOOM * BESIDE + 1
    cos, sin = np.cos(angle) / ZOOM, np.sin(angle) / ZOOM
    matrix = np.array(
        [[cos, -sin, x - (cos * width - sin * height) / 2], [sin, cos, y - (sin * width + cos * height) / 2]]
    )
    return cv2.warpAffine(
        grey,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def find_ticks(
    darker: np.ndarray, look: Look, heading: float, shut: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The middles of ticks, complex (n,), x + iy, and their angles, (n,), from how much darker each pixel is,
    uint8 (h, w).
    """
    mask = darker > look.darker + look.around * cv2.blur(darker, (31, 31)).astype(np.float32)
    parts = find_parts(mask if shut is None else mask & ~shut)
    ticks = (
        (parts.length >= look.short)
        & (parts.length <= LONGEST)
        & (measure_turn(parts.angle - heading) < look.tilt)
    )
    ticks &= (parts.width < look.wide) & (parts.length >= look.slim * np.maximum(parts.width, 1))
    return parts.x[ticks] + 1j * parts.y[ticks], parts.angle[ticks]


def measure_turn(angle: np.ndarray) -> np.ndarray:
    """The angle between two lines, 0 to pi / 2, from the difference of their angles."""
    return np.abs((angle + np.pi / 2) % np.pi - np.pi / 2)


def measure_row(place: np.ndarray, angle: np.ndarray) -> float:
    """How rare the rarest row of equally spaced parallel ticks is: minus the decimal logarithm of how many
    chance would give, 0 at least.

    `place`: complex (n,), x + iy, pixels; `angle`: radians (n,). Every two neighbours begin a row; one
    missing tick is stepped over.
    """
    step = place[None, :] - place[:, None]
    far, turn = np.abs(step), measure_turn(angle[None, :] - angle[:, None])
    first, here = np.nonzero((far >= GAPS[0]) & (far <= GAPS[1]) & (turn < TURN))
    beside = measure_turn(np.angle(step[first, here]) - angle[first]) > SLANT
    first, here = first[beside], here[beside]
    parallel, stride = turn < TURN_IN_ROW, step[first, here]
    reach = REACH + REACH_SHARE * np.abs(stride)
    chance = (parallel & (far <= CROWD)).sum(axis=1)[first] * (reach / CROWD) ** 2
    rarity, rarest = np.full(len(first), -np.log10(max(len(first), 1))), 0.0
    for _ in range(MOST):
        if len(first) == 0:
            break
        found, steps = look_ahead(place, parallel[first], here, stride, reach)
        on = found >= 0
        first, here, stride, reach, chance, rarity, found, steps = (
            each[on] for each in (first, here, stride, reach, chance, rarity, found, steps)
        )
        stride, here = (stride + (place[found] - place[here]) / steps) / 2, found
        rarity = rarity - np.log10(np.minimum(chance * np.where(steps == 2, 2.5, 1), 1))
        rarest = max(rarest, float(rarity.max(initial=0)))
    return rarest


def look_ahead(
    place: np.ndarray, parallel: np.ndarray, here: np.ndarray, stride: np.ndarray, reach: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The next tick of each of m rows, -1 where there is none, and the strides to it, 1 or 2; `parallel`,
    bool (m, n), says which ticks may be.
    """
    found = find_nearest(place, parallel, place[here] + stride, reach)
    lost = np.flatnonzero(found < 0)
    found[lost] = find_nearest(place, parallel[lost], place[here[lost]] + 2 * stride[lost], 1.2 * reach[lost])
    steps = np.ones(len(found))
    steps[lost] = 2
    return found, steps


def find_nearest(
    place: np.ndarray, parallel: np.ndarray, wanted: np.ndarray, reach: np.ndarray
) -> np.ndarray:
    """Of each of m places that are wanted the nearest tick within reach that may be it, (m,), or -1."""
    off = np.where(parallel, np.abs(place[None, :] - wanted[:, None]), np.inf)
    nearest = off.argmin(axis=1)
    return np.where(off[np.arange(len(off)), nearest] <= reach, nearest, -1)
