"""Artefacts found in a photograph: hairs, a ruler, ink, dark corners, a white frame, a cast of colour.

Networks learn artefacts in place of lesions where one class has more of them (Winkler 2019, Bissoto 2020), so
an audit counts them by class. Classical image processing on the pixels that the network sees, with limits
chosen on real photographs: see bench/artefacts.py. A flag is a finding, not a measurement; its precision and
recall stand in BENCHMARKS.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from lentigo.errors import UsageError
from lentigo.images.artefacts.lines import find_hairs, measure_lengths
from lentigo.images.artefacts.rulers import measure_bases, measure_rows
from lentigo.images.measures.areas import CELL, find_outside, spread_corners
from lentigo.images.measures.skin_tone import PLAUSIBLE, measure_skin
from lentigo.images.photographs import SIDE

# A value at or above is flagged
LIMITS = {
    "hair": 0.4,
    "ruler": 2.0,
    "ink": 0.001,
    "dark_corners": 0.001,
    "white_frame": 0.01,
    "colour_cast": 11.0,
}
KINDS = tuple(LIMITS)
CELLS = SIDE // CELL  # along the side
FRAME_MARGIN = 9  # pixels beside a frame in which nothing is looked for
INK_MARGIN = 5  # and beside ink
EDGE = 3  # outermost pixels, which can be a thin frame
MIN_INK_AREA = 4  # pixels of half size
MIN_WHITE = 252  # of 255, in each channel: burnt skin seldom is so white in all four corners
MIN_BLUER = 12  # CIELAB b* below the image's median from which a pixel may be ink
MAX_BLUE = 122  # CIELAB b* + 128 that it has at the most
MAX_PINK = 8.0  # CIELAB by which a* of skin is above b* at the most, in white light
LIGHTNESS = 100 / 255  # L* of a grey level of OpenCV's CIELAB
LIGHT_ENOUGH = 100  # L*, for what does not lie in a corner


@dataclass(frozen=True)
class Ink:
    """How ink differs from the skin beside it, CIELAB: by how much at least.

    Args:
        light: The lightness of what lies beside it, as a share of the brighter skin's, so that the blue in a
            lesion is no ink.
        darker: L* below that of the skin.
        bluer: b* below.
        redder: a* above.
        in_corner: Its own L* in a corner of the image, where the edge of a lens can be as blue.
    """

    light: float
    darker: float
    bluer: float
    redder: float
    in_corner: float


VIOLET_INK = Ink(light=0.8, darker=6, bluer=12, redder=4, in_corner=25)
BLUE_INK = Ink(light=0.9, darker=8, bluer=18, redder=-255, in_corner=100)
INKS = (VIOLET_INK, BLUE_INK)


@dataclass(frozen=True)
class Artefacts:
    """What was measured; `flags` says what reaches its limit in `LIMITS`.

    Args:
        hair: The length of all dark hairs, in sides of the image.
        ruler: How rare the rarest row of ticks would be by chance: minus the decimal logarithm of how many
            chance would give.
        ink: The share of the image marked in violet or blue.
        dark_corners: The share that is near-black and joined to a corner.
        white_frame: The share that is white and joined to all four corners.
        colour_cast: How far the skin's colour lies beyond what skin has in white light, CIELAB units; None
            where no skin is seen.
    """

    hair: float
    ruler: float
    ink: float
    dark_corners: float
    white_frame: float
    colour_cast: float | None

    @property
    def flags(self) -> dict[str, bool]:
        """Whether each of `KINDS` was found; what is not known was not."""
        flags = {}
        for kind in KINDS:
            value = getattr(self, kind)
            flags[kind] = value is not None and value >= LIMITS[kind]
        return flags

    def to_json(self) -> dict[str, Any]:
        """Gives the values by kind, and `flags` with the same keys."""
        return {**asdict(self), "flags": self.flags}


def find_artefacts(pixels: np.ndarray) -> Artefacts:
    """Finds the artefacts of a photograph.

    Args:
        pixels: uint8 (224, 224, 3) RGB.

    Returns:
        A value for each kind.

    Raises:
        UsageError: For pixels of another shape or type.
    """
    if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        raise UsageError(
            f"pixels {pixels.shape} {pixels.dtype}: expected ({SIDE}, {SIDE}, 3) uint8, as read_image gives "
            "them"
        )
    black, white = find_frames(pixels)  # cells, (28, 28)
    ignored = widen(black | white, FRAME_MARGIN)  # pixels from here on
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    ink = find_ink(pixels, ignored)
    ignored_for_hairs = ignored
    if ink.mean() >= LIMITS["ink"]:
        ignored_for_hairs = ignored | widen(ink, INK_MARGIN)
    red = np.ascontiguousarray(pixels[..., 0])
    lines = find_hairs(red, add_edge(ignored_for_hairs))
    ruler_on_line = measure_bases(grey, lines)
    hair_lengths = measure_lengths(lines)[ruler_on_line < LIMITS["ruler"]]
    return Artefacts(
        hair=float(hair_lengths.sum()) / SIDE,
        ruler=max(measure_rows(grey, ignored), ruler_on_line.max(initial=0.0)),
        ink=float(ink.mean()),
        dark_corners=float(black.mean()),
        white_frame=float(white.mean()),
        colour_cast=measure_cast(pixels),
    )


def find_frames(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The near-black cells that are joined to a corner, and the white ones, bool (28, 28) each.

    White ones count only where all four corners are white.
    """
    cells = cv2.resize(pixels, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    white = cells.min(axis=2) >= MIN_WHITE
    corners = white[:: CELLS - 1, :: CELLS - 1]
    frame = spread_corners(white) if corners.all() else np.zeros_like(white)
    return find_outside(cells), frame


def widen(cells: np.ndarray, margin: int) -> np.ndarray:
    """The pixels, bool (224, 224), of cells, bool (n, n), and what is nearer to them than `margin` pixels.

    Args:
        cells: Bool (n, n), a coarse grid over the image.
        margin: In pixels.
    """
    whole = cv2.resize(cells.view(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    width = 2 * margin - 1
    return cv2.dilate(whole, np.ones((width, width), np.uint8)).view(bool)


def add_edge(ignored: np.ndarray) -> np.ndarray:
    """`ignored`, bool (224, 224), and the outermost pixels."""
    wider = np.ones_like(ignored)
    wider[EDGE:-EDGE, EDGE:-EDGE] = ignored[EDGE:-EDGE, EDGE:-EDGE]
    return wider


def find_ink(pixels: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Where violet or blue ink is, bool (112, 112): spots bluer and darker than the skin on which they
    lie.
    """
    half = SIDE // 2
    small = cv2.resize(pixels, (half, half), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    seen = ~ignored[::2, ::2]
    sample = lab[::4, ::4][seen[::4, ::4]]  # (n, 3)
    if not len(sample):
        return np.zeros_like(seen)
    max_blue = min(np.median(sample[:, 2]) - MIN_BLUER, MAX_BLUE)
    spots = seen & (lab[..., 2] < max_blue)
    if not spots.any():
        return spots
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(spots.view(np.uint8), connectivity=8)
    light = max(1.0, float(np.percentile(sample[:, 0], 70)))  # not 0, by which is divided
    ink = np.zeros(count, bool)  # of each spot; 0 is the background
    for spot in range(1, count):
        ink[spot] = is_ink(lab, labels == spot, seen, boxes[spot], light)
    return ink[labels]


def is_ink(lab: np.ndarray, spot: np.ndarray, seen: np.ndarray, box: np.ndarray, light: float) -> bool:
    """Whether a spot differs from what lies around it as one of the inks does.

    Args:
        lab: uint8 CIELAB (h, w, 3), as OpenCV has it.
        spot: Bool (h, w).
        seen: Bool (h, w), what may lie around it.
        box: x, y, width, height and area of the spot, pixels.
        light: The skin's L*, of 255.
    """
    x, y, width, height, area = box
    if area < MIN_INK_AREA:
        return False
    window = np.s_[max(y - 5, 0) : y + height + 5, max(x - 5, 0) : x + width + 5]
    inside = spot[window]
    mask = inside.view(np.uint8)
    wide = cv2.dilate(mask, np.ones((9, 9), np.uint8))
    close = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    around = (wide > close) & seen[window]  # a ring, two pixels off the spot
    if not around.any():
        return False
    beside = np.median(lab[window][around], axis=0)
    own = lab[window][inside].mean(axis=0)
    darker, redder, bluer = (beside - own) * (LIGHTNESS, -1, 1)
    at_side = x == 0 or x + width == lab.shape[1]
    at_end = y == 0 or y + height == lab.shape[0]
    lightness = own[0] * LIGHTNESS if at_side and at_end else LIGHT_ENOUGH
    for ink in INKS:
        fits_skin = beside[0] / light >= ink.light and lightness >= ink.in_corner
        if fits_skin and darker >= ink.darker and bluer >= ink.bluer and redder >= ink.redder:
            return True
    return False


def measure_cast(pixels: np.ndarray) -> float | None:
    """How far the skin's colour lies beyond `PLAUSIBLE` or `MAX_PINK`, CIELAB; None where no skin is seen."""
    colour = measure_skin(np.ascontiguousarray(pixels[4::8, 4::8]))
    if colour is None:
        return None
    _, red, yellow = colour
    beyond = []
    for value, (low, high) in zip((red, yellow), PLAUSIBLE, strict=True):
        beyond.append(max(low - value, value - high, 0))
    beyond_pink = (red - yellow - MAX_PINK) / np.sqrt(2)  # the distance to the line a* = b* + MAX_PINK
    return float(max(np.hypot(*beyond), beyond_pink))
