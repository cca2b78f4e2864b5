"""How light the skin around a lesion is, from pixels: the individual typology angle (ITA).

An estimate, not a measurement. The angle is defined for a colorimeter in white light; a photograph's light,
white balance and gel move it by tens of degrees, and the skin beside a lesion is often reddened or tanned.
Where the colour is none that skin has, the answer is unknown: so it is for more than half of the dermoscopic
photographs of the public archives, and more often in one source than in another. Compare groups of
photographs with it, with their n and interval, and say nothing of one person.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.images.photographs import DecodedImage, stream_images

RING = 0.12  # width of the border ring, as a share of the picture's sides
BLACK = 12.0  # L* of the frame of a dermatoscope's lens at the most
ENOUGH = 4000  # of the ring's pixels tell its colour as well as all of them, in a fifth of the time
FEWEST = 0.05  # of the ring's pixels must show skin
PLAUSIBLE = (
    (0.0, 25.0),
    (5.0, 35.0),
)  # a* and b* of skin in white light, with room to spare; others are a cast of colour
TONES = (
    ("very light", 55.0),
    ("light", 41.0),
    ("intermediate", 28.0),
    ("tan", 10.0),
    ("brown", -30.0),
    ("dark", -90.0),
)  # above the angle
UNKNOWN = "unknown"
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65, 2 degrees
_TO_XYZ = (
    np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    / _WHITE[:, None]
)


def mask_ring(height: int, width: int, share: float = RING) -> np.ndarray:
    """The border of a picture, bool (height, width): all pixels within `share` of a side from an edge.

    >>> int(mask_ring(5, 5, 0.2).sum())
    16
    """
    ring = np.ones((height, width), bool)
    down, across = max(1, round(share * height)), max(1, round(share * width))
    ring[down : height - down, across : width - across] = False
    return ring


def convert_lab(pixels: np.ndarray) -> np.ndarray:
    """CIELAB, float (..., 3), of sRGB pixels, uint8 (..., 3), for D65 (IEC 61966-2-1; CIE 15:2004, section
    8.2.1).

    >>> convert_lab(np.uint8([255, 0, 0])).round(1).tolist()
    [53.2, 80.1, 67.2]
    """
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)[pixels]
    xyz = linear @ _TO_XYZ.T  # as shares of white
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


def estimate_ita(pixels: np.ndarray) -> float:
    """The angle, degrees, of the skin around a lesion: arctan((L* - 50) / b*) (Chardon 1991, Int J Cosmetic
    Science 13:191).

    `pixels`, uint8 (height, width, 3), sRGB. Of the border ring, where the lesion seldom is, the brighter
    half counts, less its brightest fifth: hairs, ink and the lesion itself are darker than skin, glints
    brighter. NaN where the ring is black, and where its colour is not one of skin: as b* goes to 0 the angle
    goes to 90 degrees, whoever is photographed.
    """
    colour = measure_skin(pixels)
    if colour is None or not all(
        least <= value <= most for value, (least, most) in zip(colour[1:], PLAUSIBLE, strict=True)
    ):
        return float("nan")
    return float(np.degrees(np.arctan2(colour[0] - 50, colour[2])))


def measure_skin(pixels: np.ndarray) -> np.ndarray | None:
    """L*, a*, b*, float (3,), of the skin around a lesion, plausible or not; None where the border ring of
    uint8 (height, width, 3) is black.
    """
    ring = pixels[mask_ring(*pixels.shape[:2])]
    lab = convert_lab(ring[:: max(1, len(ring) // ENOUGH)])
    lit = lab[lab[:, 0] > max(BLACK, 0.35 * np.percentile(lab[:, 0], 95))]
    if len(lit) < FEWEST * len(lab):
        return None
    low, high = np.percentile(lit[:, 0], [50, 90])
    return np.median(lit[(lit[:, 0] >= low) & (lit[:, 0] <= high)], axis=0)


def classify_ita(angle: float) -> str:
    """The class of an angle in degrees (Del Bino 2006, Pigment Cell Research 19:606; `dark` after Del Bino
    2013, Br J Dermatology 169:33).

    >>> classify_ita(60.0), classify_ita(41.0), classify_ita(-35.0), classify_ita(float("nan"))
    ('very light', 'intermediate', 'dark', 'unknown')
    """
    return next(
        (name for name, above in TONES if angle > above), TONES[-1][0] if angle <= TONES[-1][1] else UNKNOWN
    )


def read_tones(paths: Sequence[str], *, progress: Progress = show_nothing) -> list[str]:
    """The class of each photograph, in order, for a column `skin_tone`; `unknown` also where it cannot be
    read.
    """
    images = progress(stream_images(paths), total=len(paths), label="skin tones")
    return [
        classify_ita(estimate_ita(image.pixels)) if isinstance(image, DecodedImage) else UNKNOWN
        for image in images
    ]
