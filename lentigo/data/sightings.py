"""Artefacts found in a photograph: hairs, a ruler, ink, dark corners, a cast of colour.

Networks learn artefacts in place of lesions where one class has more of them (Winkler 2019, Bissoto 2020), so an audit counts them by
class. Classical image processing on the pixels that the network sees, with thresholds chosen on real photographs: see
bench/artefacts.py. A flag is a sighting, not a measurement; its precision and recall stand in BENCHMARKS.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from lentigo.data.photos import SIDE
from lentigo.data.quality import CELL, find_outside
from lentigo.data.skin import PLAUSIBLE, measure_skin
from lentigo.errors import UsageError

KINDS = ("hair", "ruler", "ink", "dark_corners", "colour_cast")
LIMITS = {"hair": 1.0, "ruler": 5.0, "ink": 0.002, "dark_corners": 0.004, "colour_cast": 4.0}  # a value at or above is flagged
THREAD = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))  # wider than a hair or a tick
LEAST_DARK = 14  # grey levels by which a line is darker than what lies beside it
TICK, HAIR = (5, 24), 26  # pixels: lengths of a tick, and from which on a line is a hair


@dataclass(frozen=True)
class Artefacts:
    """What was measured, and whether it reaches its limit in `LIMITS`; the flag of `x` is `has_x`.

    `hair`: the length of all hairs in sides of the picture. `ruler`: ticks in the longest row. `ink`: the share of the picture marked
    in violet or blue. `dark_corners`: the share that lies outside the lens. `colour_cast`: how far the skin's colour lies beyond
    what skin has in white light, CIELAB units; None where no skin is seen.
    """

    hair: float
    ruler: float
    ink: float
    dark_corners: float
    colour_cast: float | None

    @property
    def flags(self) -> dict[str, bool]:
        """Of each of `KINDS`, whether it was found; what is not known was not."""
        return {kind: (value := getattr(self, kind)) is not None and value >= LIMITS[kind] for kind in KINDS}

    def to_json(self) -> dict[str, Any]:
        """Values by kind, and `flags` with the same keys."""
        return {**asdict(self), "flags": self.flags}


def find_artefacts(pixels: np.ndarray) -> Artefacts:
    """The artefacts of a photograph, uint8 (224, 224, 3) RGB. Raises `UsageError` for pixels of another shape or type."""
    if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        raise UsageError(f"pixels {pixels.shape} {pixels.dtype}: expected ({SIDE}, {SIDE}, 3) uint8, as read_photo gives them")
    cells = cv2.resize(pixels, (SIDE // CELL, SIDE // CELL), interpolation=cv2.INTER_AREA)
    outside = find_outside(cells)
    lines = find_lines(pixels, outside)
    return Artefacts(
        hair=measure_hair(lines),
        ruler=count_ticks(lines),
        ink=measure_ink(pixels, outside),
        dark_corners=float(outside.mean()),
        colour_cast=measure_cast(pixels),
    )


def find_lines(pixels: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Dark lines, (n, 4): x, y of the middle, length, and angle in radians, 0 to pi. Red is looked at, in which vessels do not show (Lee 1997)."""
    red = np.ascontiguousarray(pixels[..., 0])
    hat = cv2.morphologyEx(red, cv2.MORPH_BLACKHAT, THREAD)
    shut = cv2.dilate(cv2.resize(outside.view(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), np.ones((17, 17), np.uint8))
    dark = ((hat >= LEAST_DARK) & (shut == 0)).astype(np.uint8)
    count, labels, _, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    y, x = np.nonzero(labels)
    owner = labels[y, x]
    area = np.maximum(np.bincount(owner, minlength=count), 1)
    mean_x, mean_y = (np.bincount(owner, weights=place, minlength=count) / area for place in (x, y))
    across, down = x - mean_x[owner], y - mean_y[owner]
    xx, yy, xy = (np.bincount(owner, weights=product, minlength=count) / area + 1 / 12 * same for product, same in ((across * across, 1), (down * down, 1), (across * down, 0)))
    spread = np.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    long, wide = np.sqrt(6 * (xx + yy + spread)), np.sqrt(np.maximum(6 * (xx + yy - spread), 1e-6))
    length = np.maximum(long, area / 2.5)
    thin = (np.arange(count) > 0) & (long >= TICK[0]) & (area / length <= 4) & ((wide <= 4.5) | (long > HAIR))
    return np.stack([mean_x, mean_y, length, np.arctan2(2 * xy, xx - yy) / 2 % np.pi], axis=1)[thin]


def measure_hair(lines: np.ndarray) -> float:
    """The length of the long lines, in sides of the picture."""
    return float(lines[lines[:, 2] > HAIR, 2].sum() / SIDE)


def count_ticks(lines: np.ndarray) -> float:
    """The ticks in the longest row of short parallel lines at equal distances."""
    ticks = lines[(lines[:, 2] >= TICK[0]) & (lines[:, 2] <= TICK[1])]
    if len(ticks) < 3:
        return 0.0
    place, angle = ticks[:, :2], ticks[:, 3]
    step = place[None] - place[:, None]
    far = np.hypot(step[..., 0], step[..., 1])
    turn = np.abs((angle[None] - angle[:, None] + np.pi / 2) % np.pi - np.pi / 2)
    slant = np.abs((np.arctan2(step[..., 1], step[..., 0]) - angle[:, None] + np.pi / 2) % np.pi - np.pi / 2)
    beside = (far >= 5) & (far <= 30) & (turn < 0.3) & (slant > 0.8)
    best = 0
    for i, j in zip(*np.nonzero(beside), strict=True):
        count, here, stride = 2, place[j], step[i, j]
        while True:
            off = np.hypot(*(place - (here + stride)).T)
            near = int(off.argmin())
            if off[near] > 0.22 * np.hypot(*stride) or abs((angle[near] - angle[i] + np.pi / 2) % np.pi - np.pi / 2) > 0.4:
                break
            stride, here, count = place[near] - here, place[near], count + 1
        best = max(best, count)
    return float(best)


def measure_ink(pixels: np.ndarray, outside: np.ndarray) -> float:
    """The share of the picture in the violet or blue of a skin marker."""
    half = cv2.resize(pixels, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(half, cv2.COLOR_RGB2LAB).astype(np.int16)
    shut = cv2.resize(outside.view(np.uint8), (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_NEAREST)
    yellow = lab[..., 2] - 128
    return float(((yellow < -18) & (yellow < np.median(yellow) - 20) & (shut == 0)).mean())


def measure_cast(pixels: np.ndarray) -> float | None:
    """How far the colour of the skin lies beyond `PLAUSIBLE`, in CIELAB units; None where no skin is seen."""
    colour = measure_skin(np.ascontiguousarray(pixels[2::4, 2::4]))
    if colour is None:
        return None
    beyond = [max(least - value, value - most, 0) for value, (least, most) in zip(colour[1:], PLAUSIBLE, strict=True)]
    return float(np.hypot(*beyond))
