"""A ruler in a photograph: a row of short parallel lines at equal distances, straight or slowly bending.

Rows of three or more come about by chance where there are many short lines, as among hairs. So a row counts by how rare it is:
the number of rows as long as it that chance would lay through lines as dense as those around it (a contrario, after Desolneux,
Moisan and Morel 2000, International Journal of Computer Vision 40:7).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lentigo.data.lines import ACROSS, DOWN, find_parts

DARKER, DARKER_THAN_AROUND = 6, 2.0  # grey levels, and times the mean around, by which a tick is darker than what lies beside it
LENGTHS, SLIMMEST, WIDEST = (3.5, 26), 2.2, 4.5  # pixels of a tick; length over width; pixels
GAPS = (3.5, 32)  # pixels from tick to tick
TURN, TURN_IN_ROW = 0.25, 0.4  # radians between two neighbours, and between any in a row
SLANT = 0.7  # radians at least between a tick and the row
REACH, REACH_SHARE = 1.2, 0.06  # pixels, and share of the gap, by which a tick may lie off its place
CROWD = 40  # pixels: as far as lines are counted that could take a tick's place
LONGEST = 40  # ticks


@dataclass(frozen=True)
class Row:
    """`rarity`: the negative decimal logarithm of the number of such rows that chance would give, 0 at least; from `start` to `end`, x and y in pixels."""

    rarity: float
    start: tuple[int, int]
    end: tuple[int, int]


NO_ROW = Row(0.0, (0, 0), (0, 0))


def find_ruler(grey: np.ndarray, shut: np.ndarray) -> Row:
    """The rarest row of ticks in a picture, uint8 (side, side); `shut`, bool, where nothing is looked for."""
    return find_row(*find_ticks(grey, shut))


def find_ticks(grey: np.ndarray, shut: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Short thin dark lines: their middles, complex (n,), x + iy, and angles, (n,).

    Those that run across and those that run down are looked for apart, so that the ticks of a ruler that has a base line are parts of their own.
    """
    places, angles = [], []
    for along, smooth, heading in ((DOWN, (3, 1), 0.0), (ACROSS, (1, 3), np.pi / 2)):
        darker = cv2.blur(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, along), smooth)
        parts = find_parts((darker > DARKER + DARKER_THAN_AROUND * cv2.blur(darker, (31, 31)).astype(np.float32)) & ~shut)
        short = (parts.length >= LENGTHS[0]) & (parts.length <= LENGTHS[1])
        thin = (parts.width < WIDEST) & (parts.length >= SLIMMEST * np.maximum(parts.width, 1))
        ticks = short & thin & (measure_turn(parts.angle - heading) < 0.96)
        places.append(parts.x[ticks] + 1j * parts.y[ticks])
        angles.append(parts.angle[ticks])
    return np.concatenate(places), np.concatenate(angles)


def measure_turn(angle: np.ndarray) -> np.ndarray:
    """The angle between two lines, 0 to pi / 2, from the difference of their angles."""
    return np.abs((angle + np.pi / 2) % np.pi - np.pi / 2)


def find_row(place: np.ndarray, angle: np.ndarray) -> Row:
    """The rarest row of equally spaced parallel ticks; every two neighbours begin one, and one missing tick is stepped over."""
    step = place[None, :] - place[:, None]
    far, turn = np.abs(step), measure_turn(angle[None, :] - angle[:, None])
    beside = (far >= GAPS[0]) & (far <= GAPS[1]) & (turn < TURN) & (measure_turn(np.angle(step) - angle[:, None]) > SLANT)
    first, here = np.nonzero(beside)
    if len(first) == 0:
        return NO_ROW
    parallel, stride = turn < TURN_IN_ROW, step[first, here]
    reach = REACH + REACH_SHARE * np.abs(stride)
    chance = (parallel & (far <= CROWD)).sum(axis=1)[first] * (reach / CROWD) ** 2
    rarity, best = np.full(len(first), -np.log10(len(first))), NO_ROW
    for _ in range(LONGEST):
        found, steps = look_ahead(place, parallel[first], here, stride, reach)
        on = found >= 0
        if not on.any():
            break
        first, here, stride, reach, chance, rarity, found, steps = (each[on] for each in (first, here, stride, reach, chance, rarity, found, steps))
        stride, here = (stride + (place[found] - place[here]) / steps) / 2, found
        rarity = rarity - np.log10(np.minimum(chance * np.where(steps == 2, 2.5, 1), 1))
        if rarity.max() > best.rarity:
            rarest = rarity.argmax()
            best = Row(float(rarity[rarest]), to_point(place[first[rarest]]), to_point(place[here[rarest]]))
    return best


def look_ahead(place: np.ndarray, parallel: np.ndarray, here: np.ndarray, stride: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The next tick of each of m rows, -1 where there is none, and the strides to it, 1 or 2; `parallel`, bool (m, n), says which ticks may be."""
    off = np.where(parallel, np.abs(place[None, :] - (place[here] + stride)[:, None]), np.inf)
    off_twice = np.where(parallel, np.abs(place[None, :] - (place[here] + 2 * stride)[:, None]), np.inf)
    once, twice = off.min(axis=1) <= reach, off_twice.min(axis=1) <= 1.2 * reach
    found = np.where(once, off.argmin(axis=1), np.where(twice, off_twice.argmin(axis=1), -1))
    return found, np.where(once, 1, 2)


def to_point(place: complex) -> tuple[int, int]:
    """x and y, rounded."""
    return round(place.real), round(place.imag)
