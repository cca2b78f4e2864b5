"""How light the skin around a lesion is, from pixels: the individual typology angle (ITA).

An estimate, not a measurement. The angle is defined for a colorimeter in white light; a photograph's light,
white balance and gel move it by tens of degrees, and the skin beside a lesion is often reddened or tanned.
Where the colour is none that skin has, the answer is unknown: so it is for more than half of the dermoscopic
photographs of the public archives, and more often in one source than in another. Compare groups of
photographs with it, with their n and interval, and say nothing of one person.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.common.statistics.percentiles import find_percentile
from lentigo.images.photographs import DecodedImage, stream_images

RING = 0.12  # width of the border ring, as a share of the image's sides
MAX_BLACK = 12.0  # L* of the frame of a dermatoscope's lens
LIT_SHARE = 0.35  # of the brightest L*: what is darker is no skin
RING_SAMPLE = 4000  # of the ring's pixels tell its colour as well as all of them, in a fifth of the time
MIN_SKIN_SHARE = 0.05  # of the ring's pixels must show skin
SKIN_PERCENTILES = (50, 90)  # of L*: hairs, ink and the lesion are darker than skin, glints brighter
# a* and b* of skin in white light, with room to spare; others are a cast of colour
PLAUSIBLE = ((0.0, 25.0), (5.0, 35.0))
# Classes, and the angles above which they begin, degrees
TONES = (
    ("very light", 55.0),
    ("light", 41.0),
    ("intermediate", 28.0),
    ("tan", 10.0),
    ("brown", -30.0),
    ("dark", -90.0),
)
TONE_NAMES = tuple(name for name, _ in TONES)  # the lightest first
UNKNOWN = "unknown"
_WHITE = np.array([0.95047, 1.0, 1.08883])  # XYZ of D65, 2 degrees
_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_TO_SHARES = _TO_XYZ / _WHITE[:, None]  # from linear sRGB to XYZ as shares of white


def mask_ring(height: int, width: int, share: float = RING) -> np.ndarray:
    """Masks the border of an image.

    Args:
        height: Pixels.
        width: Pixels.
        share: Of a side within which a pixel lies from an edge.

    Returns:
        Bool (height, width).

    >>> int(mask_ring(5, 5, 0.2).sum())
    16
    """
    ring = np.ones((height, width), bool)
    down = max(1, round(share * height))
    across = max(1, round(share * width))
    ring[down : height - down, across : width - across] = False
    return ring


@lru_cache(maxsize=16)
def sample_ring(height: int, width: int) -> np.ndarray:
    """The numbers, row by row, of the pixels of the border ring that tell its colour, int (n,)."""
    ring = np.flatnonzero(mask_ring(height, width))
    step = max(1, len(ring) // RING_SAMPLE)
    return ring[::step]


def convert_lab(pixels: np.ndarray) -> np.ndarray:
    """Converts sRGB to CIELAB for D65 (IEC 61966-2-1; CIE 15:2004, section 8.2.1).

    Args:
        pixels: uint8 (..., 3).

    Returns:
        L*, a*, b*, float (..., 3).

    >>> convert_lab(np.array([255, 0, 0], np.uint8)).round(1).tolist()
    [53.2, 80.1, 67.2]
    """
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    xyz = linear[pixels] @ _TO_SHARES.T  # as shares of white
    is_bright = xyz > (6 / 29) ** 3
    f = np.where(is_bright, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    f_x, f_y, f_z = np.moveaxis(f, -1, 0)
    return np.stack([116 * f_y - 16, 500 * (f_x - f_y), 200 * (f_y - f_z)], axis=-1)


def estimate_ita(pixels: np.ndarray) -> float:
    """Estimates the angle of the skin around a lesion.

    It is arctan((L* - 50) / b*) (Chardon 1991, Int J Cosmetic Science 13:191). Of the border ring, where the
    lesion seldom is, the brighter half counts, less its brightest fifth: hairs, ink and the lesion itself are
    darker than skin, glints brighter.

    Args:
        pixels: uint8 (height, width, 3), sRGB.

    Returns:
        Degrees; NaN where the ring is black, and where its colour is not one of skin: as b* goes to 0 the
        angle goes to 90 degrees, whoever is photographed.
    """
    colour = measure_skin(pixels)
    if colour is None:
        return float("nan")
    lightness, red, yellow = colour
    for value, (low, high) in zip((red, yellow), PLAUSIBLE, strict=True):
        if not low <= value <= high:
            return float("nan")
    return float(np.degrees(np.arctan2(lightness - 50, yellow)))


def measure_skin(pixels: np.ndarray) -> np.ndarray | None:
    """Measures the colour of the skin around a lesion, plausible or not.

    Args:
        pixels: uint8 (height, width, 3), sRGB.

    Returns:
        L*, a*, b*, float (3,); None where the border ring is black.
    """
    height, width = pixels.shape[:2]
    lab = convert_lab(pixels.reshape(-1, 3)[sample_ring(height, width)])
    lightness = lab[:, 0]
    min_lightness = max(MAX_BLACK, LIT_SHARE * find_percentile(lightness, 95))
    lit = lab[lightness > min_lightness]
    if len(lit) < MIN_SKIN_SHARE * len(lab):
        return None
    low, high = (find_percentile(lit[:, 0], percent) for percent in SKIN_PERCENTILES)
    skin = lit[(lit[:, 0] >= low) & (lit[:, 0] <= high)]
    return np.median(skin, axis=0)


def classify_ita(angle: float) -> str:
    """Classifies an angle (Del Bino 2006, Pigment Cell Research 19:606; `dark` after Del Bino 2013, Br J
    Dermatology 169:33).

    Args:
        angle: Degrees.

    Returns:
        A name of `TONES`; `UNKNOWN` for NaN.

    >>> classify_ita(60.0), classify_ita(41.0), classify_ita(-35.0), classify_ita(float("nan"))
    ('very light', 'intermediate', 'dark', 'unknown')
    """
    if np.isnan(angle):
        return UNKNOWN
    for name, above in TONES:
        if angle > above:
            return name
    darkest, _ = TONES[-1]
    return darkest


def read_tones(paths: Sequence[str], *, progress: Progress = show_nothing) -> list[str]:
    """Reads photographs and classifies the skin around their lesions, for a column `skin_tone`.

    Args:
        paths: Files and addresses.
        progress: Watches the photographs go by.

    Returns:
        A class for each, in order; `UNKNOWN` also where a photograph cannot be read.
    """
    tones = []
    for image in progress(stream_images(paths), total=len(paths), label="skin tones"):
        tone = classify_ita(estimate_ita(image.pixels)) if isinstance(image, DecodedImage) else UNKNOWN
        tones.append(tone)
    return tones
