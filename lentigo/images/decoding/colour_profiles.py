"""Colours as sRGB shows them: embedded profiles are judged by what they do, not by what they are called."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

SPACES = {"RGB": b"RGB ", "L": b"GRAY"}  # modes of pixels by the colour space of a profile for them
COLOUR_MODES = ("RGB", "RGBA", "P", "RGBX")  # that an RGB profile is for
GREY_MODES = ("1", "L", "LA")  # that a grey profile is for, beside those that begin with I
GRID = np.linspace(0, 255, 9).round().astype(np.uint8)  # levels of each channel at which a profile is tried
# Grey levels on average: what calls itself sRGB and is nearer than that, such as one with a plain gamma of
# 2.2, is sRGB
MAX_NAMED_DISTANCE = 2.0
MAX_EQUAL_DISTANCE = 1  # grey levels: what is nowhere further from sRGB is sRGB, whatever it is called
SRGB_GAMMA = 1 / 2.2  # of a PNG's gAMA chunk: the exponent from light to level
GAMMA_TOLERANCE = 0.05
MIN_GAMMA = 0.1  # what lies beyond is a mistake
MAX_GAMMA = 2.0


def to_srgb(image: Image.Image, source: Image.Image) -> Image.Image:
    """Converts the colours of an image to those of sRGB.

    Args:
        image: 8-bit RGB, developed from `source`.
        source: The image as it was opened, with its profile or gamma in `info`.

    Returns:
        The image, converted where its source holds the profile of another space, or the gamma of one.
    """
    profile = source.info.get("icc_profile")
    if profile:
        return apply_profile(image, source.mode, profile)
    gamma = source.info.get("gamma")
    counts = source.format == "PNG" and "srgb" not in source.info
    if counts and isinstance(gamma, float) and is_other_gamma(gamma):
        return image.point(list_levels(gamma) * 3)
    return image


def apply_profile(image: Image.Image, mode: str, profile: bytes) -> Image.Image:
    """An image with the colours that a profile gives to the pixels of a source of that mode."""
    profile_mode = name_profile_mode(mode)
    if profile_mode is None:
        return image
    transform = find_transform(profile, profile_mode)
    if transform is None:
        return image
    converted = ImageCms.applyTransform(image.convert(profile_mode), transform)
    return image if converted is None else converted


def name_profile_mode(mode: str) -> str | None:
    """The mode whose colours the profile of a source of some mode says; None where it cannot be used."""
    if mode in COLOUR_MODES:
        return "RGB"
    if mode in GREY_MODES or mode.startswith("I"):
        return "L"
    return None


def is_other_gamma(gamma: float) -> bool:
    """Whether a PNG's gamma is not that of sRGB, and one that an image may have.

    >>> is_other_gamma(0.45455), is_other_gamma(1.0), is_other_gamma(0.0)
    (False, True, False)
    """
    return MIN_GAMMA <= gamma <= MAX_GAMMA and abs(gamma - SRGB_GAMMA) > GAMMA_TOLERANCE


def list_levels(gamma: float) -> list[int]:
    """Of each level 0 to 255 of an image with that gamma the level in sRGB."""
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
    if largest <= MAX_EQUAL_DISTANCE or (named and mean <= MAX_NAMED_DISTANCE):
        return None
    return transform


def measure_change(transform: ImageCms.ImageCmsTransform, mode: str) -> tuple[float, float]:
    """By how many levels a conversion changes colours, on average and at most, on a grid of all colours."""
    if mode == "L":
        levels = np.arange(256, dtype=np.uint8).reshape(1, -1)
        before = levels[..., None].repeat(3, -1)  # (1, 256, 3)
        image = Image.fromarray(levels)
    else:
        colours = np.meshgrid(GRID, GRID, GRID, indexing="ij")
        before = np.stack(colours, axis=-1).reshape(1, -1, 3)
        image = Image.fromarray(before)
    after = np.asarray(ImageCms.applyTransform(image, transform))
    change = np.abs(after.astype(int) - before)
    return float(change.mean()), float(change.max())
