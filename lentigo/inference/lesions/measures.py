"""Measures of a lesion: size, border, symmetry and colours, each a number with its unit and the source of its
formula.

They describe a mask and the pixels under it. A photograph has no size of its own: millimetres need a scale
that somebody measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from lentigo.images.measures.skin_tone import convert_lab
from lentigo.inference.lesions.shapes import (
    blur_mask,
    find_hull,
    measure_area,
    measure_asymmetry,
    measure_diameter,
    measure_irregularity,
)

# SRGB of the six colours of the ABCD rule of dermatoscopy, as they come out in photographs: chosen by eye,
# see docs/segmentation.md
COLOURS = {
    "white": (235, 220, 210),
    "red": (190, 70, 70),
    "light brown": (180, 130, 90),
    "dark brown": (95, 60, 40),
    "blue-grey": (85, 95, 115),
    "black": (25, 20, 20),
}
MIN_COLOUR_SHARE = 0.05  # of the lesion has a colour that counts
COLOUR_PIXELS = 1_500  # at most, about, that tell the colours
MIN_SHAPE_PIXELS = 100  # a smaller mask has no shape to speak of


@dataclass(frozen=True)
class Measures:
    """What was measured of a lesion. Pixels are those of the upright original.

    `area_px`, `area_share` of the photograph and `area_mm2`; the longest diameter, `diameter_px` and
    `diameter_mm`; `border_irregularity`, 1 for a disc; `asymmetry`, the mean of `asymmetry_axes`, shares that
    fall beside the lesion when it is folded; `colours` that it has, of `COLOURS`; `colour_spread`, in units
    of CIELAB; `cut_off`: it touches the edge of the photograph, so that the rest is unknown. Without a scale
    millimetres are None; a mask of fewer than `MIN_SHAPE_PIXELS` pixels has no irregularity and no asymmetry.
    """

    area_px: float
    area_share: float
    area_mm2: float | None
    diameter_px: float
    diameter_mm: float | None
    border_irregularity: float | None
    asymmetry: float | None
    asymmetry_axes: tuple[float, float] | None
    colours: tuple[str, ...]
    colour_spread: float
    cut_off: bool


def measure_lesion(
    mask: np.ndarray,
    colours: np.ndarray,
    *,
    size: tuple[int, int] | None = None,
    mm_per_pixel: float | None = None,
) -> Measures:
    """Measures a lesion.

    Args:
        mask: Of the lesion, bool (height, width), not empty.
        colours: Pixels of the lesion in any order and at any size of the photograph, uint8 (n, 3) RGB.
        size: (width, height) of the original where the mask was reduced: lengths are given in its pixels.
        mm_per_pixel: The scale of the original, where it is known.
    """
    height, width = mask.shape
    # Pixels of the original along one of the mask: the root of the areas, since both sides were rounded
    zoom = 1.0 if size is None else (size[0] * size[1] / (width * height)) ** 0.5
    area_share = measure_area(mask) / mask.size
    cut_off = touches_edge(mask)
    mask = crop_lesion(mask)
    pixels = measure_area(mask)
    area = pixels * zoom**2
    hull = find_hull(mask)
    diameter = measure_diameter(mask, hull) * zoom
    axes = None
    irregularity = None
    if pixels >= MIN_SHAPE_PIXELS:  # of fewer the shape is that of the grid
        blurred = blur_mask(mask)
        axes = measure_asymmetry(mask, hull, blurred)
        irregularity = measure_irregularity(mask, blurred)
    lab = convert_lab(colours)  # (n, 3)
    return Measures(
        area_px=area,
        area_share=area_share,
        area_mm2=None if mm_per_pixel is None else area * mm_per_pixel**2,
        diameter_px=diameter,
        diameter_mm=None if mm_per_pixel is None else diameter * mm_per_pixel,
        border_irregularity=irregularity,
        asymmetry=None if axes is None else sum(axes) / 2,
        asymmetry_axes=axes,
        colours=name_colours(lab),
        colour_spread=measure_spread(lab),
        cut_off=cut_off,
    )


def touches_edge(mask: np.ndarray) -> bool:
    """Whether a lesion reaches the edge of its photograph, beyond which it may go on."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def crop_lesion(mask: np.ndarray) -> np.ndarray:
    """The rectangle around a lesion: what is beside it costs time and says nothing."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    cropped = mask[top : top + height, left : left + width]
    return np.ascontiguousarray(cropped)  # as OpenCV wants it


def sample_colours(pixels: np.ndarray, lesion: np.ndarray) -> np.ndarray:
    """Some of the pixels of a lesion, uint8 (n, 3), enough to tell its colours.

    Args:
        pixels: Of the photograph, uint8 (height, width, 3).
        lesion: Where the lesion is, bool (height, width).
    """
    places = np.flatnonzero(lesion)
    # Every so many pixels: the same ones at every call
    step = 1 + len(places) // COLOUR_PIXELS
    return pixels.reshape(-1, 3)[places[::step]]


def name_colours(lab: np.ndarray) -> tuple[str, ...]:
    """Which of the six colours of the ABCD rule (Nachbar 1994, J Am Acad Dermatol 30:551) lesion pixels in
    CIELAB, float (n, 3), have.

    A pixel has the colour that is nearest (Delta E*ab 1976); one counts that a twentieth of the pixels have.

    >>> name_colours(convert_lab(np.uint8([[90, 60, 45]] * 9 + [[20, 20, 20]])))
    ('dark brown', 'black')
    """
    colours = convert_named_colours()
    # Squared distances (n, k), less the pixel's own square, which is the same for all colours
    distances = (colours**2).sum(axis=1) - 2 * np.einsum("nd,kd->nk", lab, colours)
    nearest = distances.argmin(axis=1)  # (n,)
    shares = np.bincount(nearest, minlength=len(colours)) / len(lab)
    return tuple(name for name, share in zip(COLOURS, shares, strict=True) if share >= MIN_COLOUR_SHARE)


@cache
def convert_named_colours() -> np.ndarray:
    """`COLOURS` in CIELAB, float (6, 3)."""
    return convert_lab(np.array(list(COLOURS.values()), np.uint8))


def measure_spread(lab: np.ndarray) -> float:
    """The root mean square distance, Delta E*ab 1976 (CIE 15:2004, section 8.2.1), of lesion pixels, float
    (n, 3), from their mean colour.

    >>> measure_spread(np.array([[40.0, 10, 10], [60, 10, 10]]))
    10.0
    """
    return float(np.sqrt(lab.var(axis=0).sum()))
