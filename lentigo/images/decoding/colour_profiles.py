"""Colours as sRGB shows them: embedded profiles are judged by what they do, not by what they are called."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

SPACES = {"RGB": b"RGB ", "L": b"GRAY"}  # modes of pixels by the colour space of a profile for them
GRID = np.linspace(0, 255, 9).round().astype(np.uint8)  # levels of each channel at which a profile is tried
# Grey levels on average: what calls itself sRGB and is nearer than that, such as one with a plain gamma of
# 2.2, is
MOST_NAMED_DISTANCE = 2.0
MOST_EQUAL_DISTANCE = 1  # grey levels: what is nowhere further from sRGB is sRGB, whatever it is called
SRGB_GAMMA, GAMMA_SLACK = 1 / 2.2, 0.05  # of a PNG's gAMA chunk: the exponent from light to level


def to_srgb(image: Image.Image, source: Image.Image) -> Image.Image:
    """The colours of a picture as sRGB shows them.

    Args:
        image: 8-bit RGB, developed from `source`.
        source: the picture as it was opened, with its profile or gamma in `info`.

    Returns:
        The picture, converted where its source holds the profile of another space, or the gamma of one.
    """
    profile = source.info.get("icc_profile")
    if profile:
        if source.mode in ("RGB", "RGBA", "P", "RGBX"):
            transform = find_transform(profile, "RGB")
            return image if transform is None else ImageCms.applyTransform(image, transform)
        if source.mode in ("1", "L", "LA") or source.mode.startswith("I"):
            transform = find_transform(profile, "L")
            return image if transform is None else ImageCms.applyTransform(image.convert("L"), transform)
        return image
    gamma = source.info.get("gamma")
    if (
        source.format == "PNG"
        and isinstance(gamma, float)
        and "srgb" not in source.info
        and is_other_gamma(gamma)
    ):
        return image.point(list_levels(gamma) * 3)
    return image


def is_other_gamma(gamma: float) -> bool:
    """Whether a PNG's gamma is not that of sRGB, and one that a picture may have.

    >>> is_other_gamma(0.45455), is_other_gamma(1.0), is_other_gamma(0.0)
    (False, True, False)
    """
    return 0.1 <= gamma <= 2 and abs(gamma - SRGB_GAMMA) > GAMMA_SLACK


def list_levels(gamma: float) -> list[int]:
    """Of each level 0 to 255 of a picture with that gamma the level in sRGB."""
    light = (np.arange(256) / 255) ** (1 / gamma)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    return (encoded * 255).round().astype(int).tolist()


@lru_cache(maxsize=32)
def find_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From an embedded ICC profile to sRGB.

    Args:
        profile: the ICC profile.
        mode: of the pixels, RGB or L.

    Returns:
        None for sRGB itself, for a profile that is damaged, and for one of another kind of pixels.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.encode() != SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            opened, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
        mean, largest = measure_change(transform, mode)
        named = "srgb" in ImageCms.getProfileDescription(opened).lower()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if largest <= MOST_EQUAL_DISTANCE or (named and mean <= MOST_NAMED_DISTANCE):
        return None
    return transform


def measure_change(transform: ImageCms.ImageCmsTransform, mode: str) -> tuple[float, float]:
    """By how many levels a conversion changes colours, on average and at most, on a grid of all colours."""
    if mode == "L":
        levels = np.arange(256, dtype=np.uint8).reshape(1, -1)
        before, image = levels[..., None].repeat(3, -1), Image.fromarray(levels)
    else:
        before = np.stack(np.meshgrid(GRID, GRID, GRID, indexing="ij"), axis=-1).reshape(1, -1, 3)
        image = Image.fromarray(before)
    after = np.asarray(ImageCms.applyTransform(image, transform))
    change = np.abs(after.astype(int) - before)
    return float(change.mean()), float(change.max())
