"""Artefacts found in a photograph: hairs, a ruler, ink, dark corners, a white frame, a cast of colour.

Networks learn artefacts in place of lesions where one class has more of them (Winkler 2019, Bissoto 2020), so
an audit counts them by class. Classical image processing on the pixels that the network sees, with limits
chosen on real photographs: see bench/artefacts.py. A flag is a sighting, not a measurement; its precision and
recall stand in BENCHMARKS.md.
"""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass
from typing import Any

import cv2
import numpy as np

from lentigo.errors import UsageError
from lentigo.images.artefacts.lines import find_hairs, measure_lengths
from lentigo.images.artefacts.rulers import measure_bases, measure_rows
from lentigo.images.photographs import SIDE
from lentigo.images.quality import CELL, find_outside, spread_corners
from lentigo.images.skin_tone import PLAUSIBLE, measure_skin

LIMITS = {
    "hair": 0.4,
    "ruler": 2.0,
    "ink": 0.001,
    "dark_corners": 0.001,
    "white_frame": 0.01,
    "colour_cast": 11.0,
}  # a value at or above is flagged
KINDS = tuple(LIMITS)
SMALLEST = 4  # pixels of half size: a spot of ink
WHITE = 252  # of 255, in each channel: burnt skin seldom is so white in all four corners
BLUER, BLUE = (
    12,
    122,
)  # CIELAB b* below the picture's median from which a pixel may be ink, and b* + 128 that it has at the most
PINKEST = 8.0  # CIELAB by which a* of skin is above b* at the most, in white light


@dataclass(frozen=True)
class Ink:
    """How ink differs from the skin beside it, CIELAB: by how much it is darker, bluer and redder at least.

    `light`: the lightness of what lies beside it, as a share of the brighter skin's, so that the blue in a
    lesion is no ink. `in_corner`: its own L* at least in a corner of the picture, where the edge of a lens
    can be as blue.
    """

    light: float
    darker: float
    bluer: float
    redder: float
    in_corner: float


VIOLET, BLUE_INK = (
    Ink(light=0.8, darker=6, bluer=12, redder=4, in_corner=25),
    Ink(light=0.9, darker=8, bluer=18, redder=-255, in_corner=100),
)


@dataclass(frozen=True)
class Artefacts:
    """What was measured; `flags` says what reaches its limit in `LIMITS`.

    `hair`: the length of all dark hairs, in sides of the picture. `ruler`: how rare the rarest row of ticks
    would be by chance: minus the decimal logarithm of how many chance would give. `ink`: the share of the
    picture marked in violet or blue. `dark_corners`: the share that is near-black and joined to a corner.
    `white_frame`: the share that is white and joined to all four. `colour_cast`: how far the skin's colour
    lies beyond what skin has in white light, CIELAB units; None where no skin is seen.
    """

    hair: float
    ruler: float
    ink: float
    dark_corners: float
    white_frame: float
    colour_cast: float | None

    @property
    def flags(self) -> dict[str, bool]:
        """Of each of `KINDS`, whether it was found; what is not known was not."""
        return {kind: (value := getattr(self, kind)) is not None and value >= LIMITS[kind] for kind in KINDS}

    def to_json(self) -> dict[str, Any]:
        """Values by kind, and `flags` with the same keys."""
        return {**asdict(self), "flags": self.flags}


def find_artefacts(pixels: np.ndarray) -> Artefacts:
    """The artefacts of a photograph, uint8 (224, 224, 3) RGB. Raises `UsageError` for pixels of another shape
    or type.
    """
    if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        raise UsageError(
            f"pixels {pixels.shape} {pixels.dtype}: expected ({SIDE}, {SIDE}, 3) uint8, as read_photo gives "
            "them"
        )
    black, white = find_frames(pixels)
    shut, grey = widen(black | white, 9), cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    ink = find_ink(pixels, shut)
    lines = find_hairs(
        np.ascontiguousarray(pixels[..., 0]),
        shut_edge(shut | widen(ink, 5) if ink.mean() >= LIMITS["ink"] else shut),
    )
    bases = measure_bases(grey, lines)
    return Artefacts(
        hair=float(measure_lengths(lines)[bases < LIMITS["ruler"]].sum()) / SIDE,
        ruler=max(measure_rows(grey, shut), bases.max(initial=0.0)),
        ink=float(ink.mean()),
        dark_corners=float(black.mean()),
        white_frame=float(white.mean()),
        colour_cast=measure_cast(pixels),
    )


def find_frames(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells, bool (28, 28), of what is near-black and joined to a corner, and of what is white, where all
    four corners are.
    """
    cells = cv2.resize(pixels, (SIDE // CELL, SIDE // CELL), interpolation=cv2.INTER_AREA)
    white = cells.min(axis=2) >= WHITE
    return find_outside(cells), spread_corners(white) if white[::27, ::27].all() else np.zeros_like(white)


def widen(cells: np.ndarray, margin: int) -> np.ndarray:
    """The pixels, bool (224, 224), of cells, bool (n, n), and of what is nearer to them than `margin`
    pixels.
    """
    whole = cv2.resize(cells.view(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return cv2.dilate(whole, np.ones((2 * margin - 1, 2 * margin - 1), np.uint8)).view(bool)


def shut_edge(shut: np.ndarray) -> np.ndarray:
    """`shut`, bool (224, 224), and the outermost three pixels, which can be a thin frame."""
    inner = np.ones_like(shut)
    inner[3:-3, 3:-3] = shut[3:-3, 3:-3]
    return inner


def find_ink(pixels: np.ndarray, shut: np.ndarray) -> np.ndarray:
    """Where violet or blue ink is, bool (112, 112): spots bluer and darker than the skin on which they lie;
    `shut` is left out.
    """
    half = SIDE // 2
    lab = cv2.cvtColor(cv2.resize(pixels, (half, half), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    seen = ~shut[::2, ::2]
    some = lab[::4, ::4][seen[::4, ::4]]
    if not len(some):
        return np.zeros_like(seen)
    spots = seen & (lab[..., 2] < min(np.median(some[:, 2]) - BLUER, BLUE))
    if not spots.any():
        return spots
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(spots.view(np.uint8), connectivity=8)
    light = max(1.0, float(np.percentile(some[:, 0], 70)))  # not 0, by which is divided
    ink = [False, *(is_ink(lab, labels == spot, seen, boxes[spot], light) for spot in range(1, count))]
    return np.array(ink)[labels]


def is_ink(lab: np.ndarray, spot: np.ndarray, seen: np.ndarray, box: np.ndarray, light: float) -> bool:
    """Whether a spot, bool (h, w), of uint8 CIELAB (h, w, 3), differs from what lies around it as one of the
    inks does.

    `box`: x, y, width, height and area; `seen`: what may lie around it; `light`: the skin's L*, of 255.
    """
    x, y, width, height, area = box
    if area < SMALLEST:
        return False
    window = np.s_[max(y - 5, 0) : y + height + 5, max(x - 5, 0) : x + width + 5]
    inside, near = spot[window], spot[window].view(np.uint8)
    around = (
        cv2.dilate(near, np.ones((9, 9), np.uint8)) > cv2.dilate(near, np.ones((3, 3), np.uint8))
    ) & seen[window]
    if not around.any():
        return False
    beside, own = np.median(lab[window][around], axis=0), lab[window][inside].mean(axis=0)
    darker, redder, bluer = (beside - own) * (100 / 255, -1, 1)
    in_corner = x * (x + width - len(lab)) == 0 == y * (y + height - len(lab))
    least = own[0] * 100 / 255 if in_corner else 100
    seen_beside = (beside[0] / light, darker, bluer, redder, least)
    return any(
        all(value >= limit for value, limit in zip(seen_beside, astuple(ink), strict=True))
        for ink in (VIOLET, BLUE_INK)
    )


def measure_cast(pixels: np.ndarray) -> float | None:
    """How far the colour of the skin lies beyond `PLAUSIBLE` or `PINKEST`, in CIELAB units; None where no
    skin is seen.
    """
    colour = measure_skin(np.ascontiguousarray(pixels[4::8, 4::8]))
    if colour is None:
        return None
    _, red, yellow = colour
    beyond = (
        max(least - value, value - most, 0)
        for value, (least, most) in zip((red, yellow), PLAUSIBLE, strict=True)
    )
    return float(max(np.hypot(*beyond), (red - yellow - PINKEST) / np.sqrt(2)))
