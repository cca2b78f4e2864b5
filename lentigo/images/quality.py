"""Is a photograph good enough to be answered? Blur, darkness, over-exposure, size, a lesion cut off by the
edge.

The measures are taken from the pixels that the network sees, so what the eye finds in the original and the
network cannot see does not count. About half a millisecond a photograph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from lentigo.errors import UsageError
from lentigo.images.photographs import SIDE

# Pixels left out on each side where dark corners, rulers and white frames would be measured instead of skin
MARGIN = 32
CELL = 8  # pixels; the lesion is looked for in the means of squares of this side
NEAR_BLACK = (
    0.25  # of the bright cells: what is darker than that and joined to a corner lies outside the dermatoscope
)
LEAST_CONTRAST = (
    0.25  # how much darker than skin a lesion must be in green and blue, as a share, to be told from shade
)
LEAST_IN_RED = 0.03  # and in red: an orange sticker is as bright there as skin
# Outline / sqrt(area), in cells, up to which a dark area is a lesion (a disc has 4.5) and not mottled skin
MOST_RAGGED = 6.5


@dataclass(frozen=True)
class Quality:
    """What was measured. A value is None where it is not known.

    `sharpness`: the mean absolute Laplacian at half size over the mean absolute difference at eight pixels,
    in percent; it does not depend on contrast. `brightness`: the 90th percentile of luminance, 0 to 255,
    within the circle that the picture holds, so that neither a dark lesion nor dark or white corners count.
    `burnt`: the share of the middle with two or three channels at 250 or above. `side`: pixels of the
    original's smaller side. `cut_off`: the share of the picture's edge that the lesion touches; None where no
    lesion stands out from the skin.
    """

    sharpness: float
    brightness: float
    burnt: float
    side: int | None
    cut_off: float | None


@dataclass(frozen=True)
class Flaw:
    """A measure beyond its limit; `sentence` is for people and names the cure."""

    kind: str  # 'blurred' | 'dark' | 'over-exposed' | 'small' | 'cut off'
    value: float
    limit: float
    sentence: str


@dataclass(frozen=True)
class Limit:
    """A measure of `Quality`, its limit, and what to say beyond it. Below the limit is bad, or above where
    `above` says so.
    """

    kind: str
    measure: str
    limit: float
    sentence: str
    above: bool = False

    def judge(self, quality: Quality) -> Flaw | None:
        """The flaw, where there is one."""
        value = getattr(quality, self.measure)
        if value is None or (value <= self.limit if self.above else value >= self.limit):
            return None
        return Flaw(
            self.kind,
            value,
            self.limit,
            f"{self.kind}: {self.sentence.format(value=value, limit=self.limit)}",
        )


# Chosen by measurement on 9,458 photographs of the ISIC archive, nearly all taken with a dermatoscope: see
# bench/quality.py
LIMITS = (
    # between all photographs after a blur of 3 pixels and 99.7 % of them as they are
    Limit(
        "blurred", "sharpness", 22, "sharpness {value:.1f} is below {limit:.0f}; photograph again, in focus"
    ),
    # white in a quarter of the light has 64; the darkest of 500 synthetic lesions has 68
    Limit(
        "dark",
        "brightness",
        65,
        "brightness {value:.1f} of 255 is below {limit:.0f}; photograph again, in more light",
    ),
    # burnt-out skin has lost its colour; glints stay under a tenth in 99.4 % of photographs
    Limit(
        "over-exposed",
        "burnt",
        0.1,
        "{value:.1%} of the middle is burnt out, more than {limit:.0%}; photograph again, in less light or "
        "without flash",
        True,
    ),
    # the side of the network's square: a smaller original is enlarged, and what was not recorded cannot be
    # seen
    Limit(
        "small",
        "side",
        SIDE,
        "the smaller side has {value} pixels, below {limit}; send the original, or photograph again from "
        "nearer",
    ),
    # of 360 outlined photographs, on which it was tuned, 17 lie beyond a tenth, 14 of them rightly; 34
    # lesions touch the edge
    Limit(
        "cut off",
        "cut_off",
        0.1,
        "the lesion touches {value:.1%} of the edge, more than {limit:.0%}; photograph again, with skin all "
        "around it",
        True,
    ),
)


def judge_quality(quality: Quality) -> tuple[Flaw, ...]:
    """The measures that are beyond their limits, in the order of `LIMITS`.

    >>> [flaw.sentence for flaw in judge_quality(Quality(sharpness=12.3, brightness=180, burnt=0, side=None,
    cut_off=0.02))] ['blurred: sharpness 12.3 is below 22; photograph again, in focus']
    """
    return tuple(flaw for limit in LIMITS if (flaw := limit.judge(quality)) is not None)


def measure_quality(pixels: np.ndarray, size: tuple[int, int] | None = None) -> Quality:
    """Measures a photograph, uint8 (224, 224, 3) RGB; `size` is the (width, height) of the original in pixels
    where it is known.

    Raises `UsageError` for pixels of another shape or type.
    """
    if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        raise UsageError(
            f"pixels {pixels.shape} {pixels.dtype}: expected ({SIDE}, {SIDE}, 3) uint8, as read_photo gives "
            "them"
        )
    middle = pixels[MARGIN:-MARGIN, MARGIN:-MARGIN]
    cells = np.asarray(Image.fromarray(pixels).reduce(CELL))  # their means
    return Quality(
        sharpness=measure_sharpness(middle),
        brightness=float(np.percentile(to_luminance(cells)[find_far(cells) < 0.48], 90)),
        burnt=measure_burnt(middle),
        side=None if size is None else min(size),
        cut_off=measure_cut(cells),
    )


def to_luminance(colours: np.ndarray) -> np.ndarray:
    """Rec. 601 luma, uint8 (h, w), of uint8 (h, w, 3) RGB."""
    return np.asarray(Image.fromarray(colours).convert("L"))


def measure_sharpness(middle: np.ndarray) -> float:
    """How fine the contrasts of uint8 (h, w, 3) are, in percent, see `Quality`; a plain area has 0. Sides are
    even.
    """
    light = to_luminance(middle).astype(np.float32)
    light = (light[::2, ::2] + light[1::2, ::2] + light[::2, 1::2] + light[1::2, 1::2]) / 4
    around = light[1:-1, 2:] + light[1:-1, :-2] + light[2:, 1:-1] + light[:-2, 1:-1]
    fine = np.abs(around - 4 * light[1:-1, 1:-1]).mean()
    coarse = np.abs(light[:, 4:] - light[:, :-4]).mean() + np.abs(light[4:] - light[:-4]).mean()
    return float(100 * fine / (coarse + 0.5))  # half a grey level, so that a plain area has 0


def measure_burnt(middle: np.ndarray) -> float:
    """The share of pixels with two or three channels at 250 or above; one alone is the red of bright skin."""
    red, green, blue = (middle[..., channel] >= 250 for channel in range(3))
    return float((red & green | green & blue | red & blue).mean())


def measure_cut(cells: np.ndarray) -> float | None:
    """The share of the edge that the lesion touches, from the photograph's cells, uint8 (n, n, 3); None where
    none stands out.

    The lesion is the area nearest to the middle that is darker than Otsu's threshold in green and blue, which
    melanin and blood absorb most; what lies outside the dermatoscope's circle is left out.
    """
    seen, dark = ~find_outside(cells), cells[..., 1:].mean(axis=2)
    darker = (dark <= split_otsu(dark[seen])) & seen
    skin, nearest = seen & ~darker, np.zeros_like(darker)
    nearest.flat[np.where(darker, find_far(cells), 1).argmin()] = True
    lesion = spread(nearest, darker)
    if (
        not lesion.any()
        or not skin.any()
        or not stands_out(cells[lesion].mean(axis=0), cells[skin].mean(axis=0))
        or is_ragged(lesion)
    ):
        return None
    return float(np.concatenate([lesion[0], lesion[-1], lesion[1:-1, 0], lesion[1:-1, -1]]).mean())


def stands_out(lesion: np.ndarray, skin: np.ndarray) -> bool:
    """Whether mean colours, (3,) RGB each, can be those of a lesion and of the skin around it."""
    return bool(
        lesion[1:].sum() <= (1 - LEAST_CONTRAST) * skin[1:].sum()
        and lesion[0] <= (1 - LEAST_IN_RED) * skin[0]
    )


def is_ragged(area: np.ndarray) -> bool:
    """Whether an area, bool (n, n), has too long an outline for its size."""
    outline = (area[1:] != area[:-1]).sum() + (area[:, 1:] != area[:, :-1]).sum()
    return bool(outline > MOST_RAGGED * np.sqrt(area.sum()))


def find_outside(cells: np.ndarray) -> np.ndarray:
    """What lies outside a dermatoscope's circle, bool (n, n): near-black cells joined to a corner."""
    brightest = cells.max(axis=2)
    return spread_corners(brightest < NEAR_BLACK * np.percentile(brightest, 90))


def spread_corners(within: np.ndarray) -> np.ndarray:
    """The cells of `within`, bool (n, n), that are joined to a corner."""
    corners = np.zeros(within.shape, bool)
    corners[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    return spread(corners, within)


def find_far(cells: np.ndarray) -> np.ndarray:
    """How far each cell of (n, n, 3) lies from the middle, in sides of the picture; float (n, n)."""
    row, column = (np.indices(cells.shape[:2]) + 0.5) / len(cells) - 0.5
    return np.hypot(row, column)


def split_otsu(values: np.ndarray) -> float:
    """The threshold, of 0 to 255, that splits values into two classes whose means lie farthest apart (Otsu
    1979).

    The first class is what does not exceed it.

    >>> split_otsu(np.array([10, 11, 12, 200, 201]))
    12.0
    """
    counts = np.bincount(values.astype(np.intp), minlength=256).astype(float)
    below, sums = counts.cumsum(), (counts * np.arange(256)).cumsum()
    rest = below[-1] - below
    apart = (sums[-1] * below - sums * below[-1]) ** 2 / np.maximum(
        below * rest, 1
    )  # times n^2 the variance between classes
    return float(np.argmax(apart))


def spread(start: np.ndarray, within: np.ndarray) -> np.ndarray:
    """The cells of `within`, bool (n, n), that can be reached from those of `start` without leaving it, by
    their sides.
    """
    reached = start & within
    while True:
        further = grow(reached) & within
        if further.sum() == reached.sum():
            return reached
        reached = further


def grow(cells: np.ndarray) -> np.ndarray:
    """The cells and their four neighbours, bool (n, n)."""
    grown = cells.copy()
    grown[1:] |= cells[:-1]
    grown[:-1] |= cells[1:]
    grown[:, 1:] |= cells[:, :-1]
    grown[:, :-1] |= cells[:, 1:]
    return grown
