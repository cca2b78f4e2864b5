"""Is a photograph good enough to be answered? Blur, darkness, over-exposure, size, a lesion cut off by the
edge.

The measures are taken from the pixels that the network sees, so what the eye finds in the original and the
network cannot see does not count. About half a millisecond a photograph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from lentigo.common.statistics.percentiles import find_percentile
from lentigo.errors import UsageError
from lentigo.images.measures.areas import average_squares, measure_cut, measure_distance
from lentigo.images.photographs import SIDE

# Pixels left out on each side where dark corners, rulers and white frames would be measured instead of skin
MARGIN = 32
BURNT_LEVEL = 250  # of 255: a channel at or above has lost its colour
BRIGHTNESS_PERCENTILE = 90
CIRCLE_RADIUS = 0.48  # sides of the image: the circle that it holds, within a cell
FINE_GRAIN = 0.5  # grey levels added to the coarse contrasts, so that a plain area has sharpness 0


@dataclass(frozen=True)
class Quality:
    """What was measured. A value is None where it is not known.

    Args:
        sharpness: The mean absolute Laplacian at half size by the mean absolute difference at eight pixels,
            in percent; it does not depend on contrast.
        brightness: The 90th percentile of luminance, 0 to 255, within the circle that the image holds, so
            that neither a dark lesion nor dark or white corners count.
        burnt: The share of the middle with two or three channels at 250 or above.
        side: Pixels of the original's smaller side.
        cut_off: The share of the image's edge that the lesion touches; None where no lesion stands out from
            the skin.
    """

    sharpness: float
    brightness: float
    burnt: float
    side: int | None
    cut_off: float | None


@dataclass(frozen=True)
class Flaw:
    """A measure beyond its limit.

    Args:
        kind: "blurred", "dark", "over-exposed", "small" or "cut off".
        value: What was measured.
        limit: What is still good.
        sentence: For people; names the cure.
    """

    kind: str
    value: float
    limit: float
    sentence: str


@dataclass(frozen=True)
class Limit:
    """A measure of `Quality` and its limit.

    Args:
        kind: Of the flaw beyond it.
        measure: The name of the field.
        limit: What is still good.
        sentence: What to say beyond it, with places for `value` and `limit`.
        above: Whether values above are bad, rather than those below.
        of_lesion: Whether it is said of the lesion: nothing is to be said where the photograph shows none.
    """

    kind: str
    measure: str
    limit: float
    sentence: str
    above: bool = False
    of_lesion: bool = False

    def judge(self, quality: Quality) -> Flaw | None:
        """Judges a measure.

        Args:
            quality: What was measured.

        Returns:
            The flaw; None where there is none, or the measure is not known.
        """
        value = getattr(quality, self.measure)
        if value is None:
            return None
        is_good = value <= self.limit if self.above else value >= self.limit
        if is_good:
            return None
        sentence = self.sentence.format(value=value, limit=self.limit)
        return Flaw(self.kind, value, self.limit, f"{self.kind}: {sentence}")


# Chosen by measurement on 9,458 photographs of the ISIC archive, nearly all taken with a dermatoscope: see
# bench/quality.py
LIMITS = (
    # Between all photographs after a blur of 3 pixels and 99.7 % of them as they are
    Limit(
        kind="blurred",
        measure="sharpness",
        limit=22,
        sentence="sharpness {value:.1f} is below {limit:.0f}; photograph again, in focus",
    ),
    # White in a quarter of the light has 64; the darkest of 500 synthetic lesions has 68
    Limit(
        kind="dark",
        measure="brightness",
        limit=65,
        sentence="brightness {value:.1f} of 255 is below {limit:.0f}; photograph again, in more light",
    ),
    # Burnt-out skin has lost its colour; glints stay under a tenth in 99.4 % of photographs
    Limit(
        kind="over-exposed",
        measure="burnt",
        limit=0.1,
        sentence="{value:.1%} of the middle is burnt out, more than {limit:.0%}; photograph again, in less "
        "light or without flash",
        above=True,
    ),
    # The side of the network's square: a smaller original is enlarged, and what was not recorded cannot be
    # seen
    Limit(
        kind="small",
        measure="side",
        limit=SIDE,
        sentence="the smaller side has {value} pixels, below {limit}; send the original, or photograph again "
        "from nearer",
    ),
    # Of 360 outlined photographs, on which it was tuned, 17 lie beyond a tenth, 14 of them rightly; 34
    # lesions
    # touch the edge
    Limit(
        kind="cut off",
        measure="cut_off",
        limit=0.1,
        sentence="the lesion touches {value:.1%} of the edge, more than {limit:.0%}; photograph again, with "
        "skin all around it",
        above=True,
        of_lesion=True,
    ),
)


def judge_quality(quality: Quality, *, shows_lesion: bool = True) -> tuple[Flaw, ...]:
    """Judges the measures of a photograph.

    Args:
        quality: What was measured.
        shows_lesion: False for a photograph that was refused: then what is measured of a lesion does not count.

    Returns:
        The measures that are beyond their limits, in the order of `LIMITS`.

    >>> quality = Quality(sharpness=12.3, brightness=180, burnt=0, side=None, cut_off=0.02)
    >>> [flaw.sentence for flaw in judge_quality(quality)]
    ['blurred: sharpness 12.3 is below 22; photograph again, in focus']
    """
    flaws = []
    for limit in LIMITS:
        if limit.of_lesion and not shows_lesion:
            continue
        flaw = limit.judge(quality)
        if flaw is not None:
            flaws.append(flaw)
    return tuple(flaws)


def measure_quality(pixels: np.ndarray, size: tuple[int, int] | None = None) -> Quality:
    """Measures a photograph.

    Args:
        pixels: uint8 (224, 224, 3) RGB.
        size: (width, height) of the original in pixels, where it is known.

    Returns:
        All measures.

    Raises:
        UsageError: For pixels of another shape or type.
    """
    if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        raise UsageError(
            f"pixels {pixels.shape} {pixels.dtype}: expected ({SIDE}, {SIDE}, 3) uint8, as read_image gives "
            "them"
        )
    middle = np.ascontiguousarray(pixels[MARGIN:-MARGIN, MARGIN:-MARGIN])
    cells = average_squares(pixels)
    within_circle = measure_distance(len(cells)) < CIRCLE_RADIUS
    luminance = to_luminance(cells)[within_circle]
    return Quality(
        sharpness=measure_sharpness(middle),
        brightness=find_percentile(luminance, BRIGHTNESS_PERCENTILE),
        burnt=measure_burnt(middle),
        side=None if size is None else min(size),
        cut_off=measure_cut(cells),
    )


def to_luminance(colours: np.ndarray) -> np.ndarray:
    """Rec. 601 luma, uint8 (h, w), of uint8 (h, w, 3) RGB."""
    return np.asarray(Image.fromarray(colours).convert("L"))


def measure_sharpness(middle: np.ndarray) -> float:
    """How fine the contrasts of uint8 (h, w, 3) are, in percent, see `Quality`; h and w are even."""
    full = to_luminance(middle).astype(np.float32)
    half = (full[::2, ::2] + full[1::2, ::2] + full[::2, 1::2] + full[1::2, 1::2]) / 4  # (h / 2, w / 2)
    inner = half[1:-1, 1:-1]
    neighbours = half[1:-1, 2:] + half[1:-1, :-2] + half[2:, 1:-1] + half[:-2, 1:-1]
    fine = np.abs(neighbours - 4 * inner).mean()  # the Laplacian
    coarse_across = np.abs(half[:, 4:] - half[:, :-4]).mean()
    coarse_down = np.abs(half[4:] - half[:-4]).mean()
    return float(100 * fine / (coarse_across + coarse_down + FINE_GRAIN))


def measure_burnt(middle: np.ndarray) -> float:
    """The share of pixels with two or three burnt channels; one alone is the red of bright skin."""
    if middle.max() < BURNT_LEVEL:
        return 0.0
    red, green, blue = np.moveaxis(middle >= BURNT_LEVEL, 2, 0)
    return float((red & green | green & blue | red & blue).mean())
