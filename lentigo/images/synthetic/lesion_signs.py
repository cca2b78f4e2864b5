"""What stays the same in every photograph of a synthetic lesion: its visible signs, which follow its atypia."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MEAN_ATYPIA = {"benign": 0.26, "malignant": 0.74}
ATYPIA_DEVIATION = 0.145  # of both classes
SIGN_DEVIATION = 0.18  # of each visible sign from the atypia
PATCH_DEVIATION = 0.3  # and of the strength of each patch
PATCH_THRESHOLDS = (0.45, 0.65, 0.55, 0.7)  # atypia from which black, blue-grey, red and white patches show
# Fitzpatrick types I to VI: RGB of the skin, and the share of lesions on it
SKIN = np.array(
    [[240, 212, 200], [230, 190, 172], [214, 166, 142], [184, 134, 106], [146, 100, 76], [108, 75, 59]],
    np.float32,
)
SKIN_SHARE = (0.22, 0.26, 0.22, 0.14, 0.09, 0.07)


@dataclass(frozen=True)
class LesionSigns:
    """What stays the same in every photograph of a lesion. Strengths are about 0 to 1, lengths in image
    widths.
    """

    skin: np.ndarray  # (3, 1, 1) RGB of the skin around
    radius: float
    asymmetry: float
    ragged: float  # irregularity of the border
    variegation: float  # unevenness of the pigment
    melanin: float  # density of the pigment
    blood: float
    softness: float  # width of the border, in radii
    centre: float  # darker (> 0) or lighter centre
    network: float
    globules: float
    streaks: float
    mesh: float  # width of a mesh of the network
    patches: np.ndarray  # (4,) strengths of black, blue-grey, red and white areas


def draw_signs(mean_atypia: float, rng: np.random.Generator) -> LesionSigns:
    """Draws a lesion whose signs follow its atypia.

    Args:
        mean_atypia: Of the lesion's class, one of `MEAN_ATYPIA`.
        rng: Of the lesion.
    """
    atypia = rng.normal(mean_atypia, ATYPIA_DEVIATION)
    signs = np.clip(atypia + rng.normal(0, SIGN_DEVIATION, 6), 0, 1)
    patches = atypia + rng.normal(0, PATCH_DEVIATION, 4) - PATCH_THRESHOLDS
    tone = rng.choice(6, p=SKIN_SHARE) + rng.uniform(-0.5, 0.5)  # between two neighbouring skin types
    skin = np.array([np.interp(tone, range(6), channel) for channel in SKIN.T], np.float32)
    # The radius is log-normal, as sizes of lesions are: 0.16 image widths at no atypia
    radius = 0.16 * np.exp(0.55 * signs[0] + rng.normal(0, 0.25))
    return LesionSigns(
        skin=skin.reshape(3, 1, 1),
        radius=float(np.clip(radius, 0.09, 0.4)),
        asymmetry=signs[1],
        ragged=signs[2],
        variegation=signs[3],
        melanin=float(np.exp(rng.normal(-0.3, 0.35) + 0.2 * signs[4])),
        blood=rng.beta(1, 3),
        softness=rng.uniform(0.15, 0.5),
        centre=rng.uniform(-0.35, 0.7),
        network=rng.choice([0.0, 0.5, 1.0]) * rng.uniform(0.5, 1),
        globules=rng.choice([0.0, 0.0, 1.0]) * rng.uniform(0.4, 1),
        streaks=signs[5] * rng.choice([0.0, 0.0, 1.0]),
        mesh=rng.uniform(0.022, 0.034),
        patches=(np.clip(patches, 0, 0.5) * 2).astype(np.float32),
    )
