"""How sure it is that a lesion is there, and what of a mask is the lesion."""

from __future__ import annotations

import numpy as np

from lentigo.images.measures.skin_tone import convert_lab
from lentigo.inference.lesions.mask_cleaning import SHARE
from lentigo.inference.lesions.regions import find_regions, open_mask

# Contrast at which it is as likely as not that what the network sees is skin
HALF_SCORE_CONTRAST = 2.0
NARROW = 0.1  # of the root of a lesion's area: what is narrower is no part of it
SKIN = 0.2  # P(lesion) below which a pixel is skin
COLOUR_STEP = 3  # every third row and column tells colours
MIN_SKIN_PIXELS = 25  # of the skin, that are enough to tell its colour
MIN_SKIN_SPREAD = 0.5  # Delta E, of the skin's own pixels
# Of 696 drawn lesions none has a mean a* below -2 or b* below -12: what is greener or bluer is a sticker
MIN_LESION_A = -5.0
MIN_LESION_B = -15.0


def trim_lesion(lesion: np.ndarray) -> np.ndarray:
    """Cuts off what sticks out of a lesion and is narrow: hairs, ink, rulers.

    Args:
        lesion: Bool (side, side).

    Returns:
        Bool (side, side): its largest piece, and others half as large.
    """
    width = max(1, round(NARROW * np.count_nonzero(lesion) ** 0.5))  # pixels
    regions = find_regions(open_mask(lesion, width))
    if not regions.count:
        return lesion
    return regions.paint(regions.areas >= SHARE * regions.areas.max())


def score_lesion(pixels: np.ndarray, mask: np.ndarray, lesion: np.ndarray) -> float:
    """Scores how sure it is that there is a lesion.

    It is the mean P(lesion) in it, less where its colour is hardly another than that of the skin around: the
    network alone is sure of lesions on bare skin, which it has never seen. The contrast is the distance,
    Delta E*ab 1976, of the lesion's mean colour from the skin's median, in median distances of the skin's own
    pixels from that; a contrast of `HALF_SCORE_CONTRAST` halves the score. What is green or blue is a sticker.

    Args:
        pixels: What the network saw, uint8 (side, side, 3).
        mask: P(lesion), (side, side).
        lesion: Bool (side, side).

    Returns:
        0 to 1.
    """
    certainty = float(mask[lesion].mean())
    lab = convert_lab(pixels[::COLOUR_STEP, ::COLOUR_STEP])  # (rows, columns, 3)
    inside = lab[lesion[::COLOUR_STEP, ::COLOUR_STEP]]
    skin = lab[(mask < SKIN)[::COLOUR_STEP, ::COLOUR_STEP]]
    if not len(inside):
        return certainty
    colour = inside.mean(axis=0)
    if colour[1] < MIN_LESION_A or colour[2] < MIN_LESION_B:
        return 0.0
    if len(skin) < MIN_SKIN_PIXELS:
        return certainty
    # Medians: hairs and the lesion's rim lie among what is taken for skin
    skin_colour = np.median(skin, axis=0)
    skin_spread = max(MIN_SKIN_SPREAD, float(np.median(np.linalg.norm(skin - skin_colour, axis=1))))
    contrast = float(np.linalg.norm(colour - skin_colour)) / skin_spread
    return certainty * contrast / (contrast + HALF_SCORE_CONTRAST)
