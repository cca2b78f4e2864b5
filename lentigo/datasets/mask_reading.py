"""Reads a mask: any picture of a lesion's shape becomes 0 and 1.

A mask is kept at its own size; where pixels are asked for at another, it is averaged over areas and cut at
half, which keeps the boundary in its place.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from lentigo.errors import ImageError
from lentigo.images.decoding.opening import hold_decoded, name_damage, open_image
from lentigo.images.decoding.pixel_bands import UPRIGHT
from lentigo.images.image_contents import read_content

HALF = 128  # of 255: from here on a grey level is lesion
MIN_WHITE = 0.75  # of the whole range: a mask that reaches it uses all of it
MAX_BETWEEN = 0.05  # share of the pixels that may lie between the two levels of a mask that does not
MAX_QUOTED_LEVELS = 5  # of a mask, in an error


def read_mask(path: str | Path, size: int | tuple[int, int] | None = None) -> np.ndarray:
    """Reads a mask.

    Grey, 1-bit, palette, colour and transparent pictures are read, 8 and 16 bits. Of two levels the brighter
    one is the lesion, whatever both are: 0 and 1, 0 and 127, 0 and 255. Many grey levels are cut at half. It
    is turned upright where EXIF says so.

    Args:
        path: A file or an address.
        size: At which the mask is wanted, in pixels: a side, or (width, height); None for its own.

    Returns:
        uint8 (height, width), 1 where the lesion is.

    Raises:
        ImageError: The file is missing, unreadable or no picture, or its levels may be several classes.
    """
    lesion = find_lesion(read_levels(path), str(path))
    return resize_mask(lesion.astype(np.uint8), size)


def resize_mask(mask: np.ndarray, size: int | tuple[int, int] | None) -> np.ndarray:
    """Brings a mask to another size; the boundary stays where it is.

    Args:
        mask: uint8 (height, width), 0 and 1.
        size: In pixels: a side, or (width, height); None for its own.

    Returns:
        uint8 of that size, 0 and 1.
    """
    if size is None:
        return mask
    width, height = (size, size) if isinstance(size, int) else size
    if mask.shape == (height, width):
        return mask
    # Bilinear averages areas where it shrinks
    grey = Image.fromarray(mask * np.uint8(255)).resize((width, height), Image.Resampling.BILINEAR)
    return (np.asarray(grey) >= HALF).astype(np.uint8)


def read_levels(path: str | Path) -> np.ndarray:
    """The levels of a mask's file, uint8 or uint16 (height, width), upright. Raises `ImageError`."""
    content = read_content(path)
    name = str(path)
    with (
        name_damage(content, name),
        open_image(content, name) as image,
        hold_decoded(image, content, name, None) as (orientation, _),
    ):
        levels = find_levels(image, name)
    return turn_upright(levels, orientation)


def turn_upright(levels: np.ndarray, orientation: int) -> np.ndarray:
    """The levels of a mask, (height, width), turned as EXIF's orientation, 1 to 8, says."""
    method = UPRIGHT.get(orientation)
    if method is None:
        return levels
    return np.asarray(Image.fromarray(levels).transpose(method))


def find_levels(image: Image.Image, name: str) -> np.ndarray:
    """The levels of a picture of any mode, (height, width): of colours the brightest channel, what is
    transparent as black.
    """
    if image.mode == "F":
        raise ImageError(
            f"{name}: floating-point pixels, whose range is unknown; expected a mask of 1, 8 or 16 bits"
        )
    if image.mode == "1" or (image.mode == "L" and "transparency" not in image.info):
        return np.array(image.convert("L"))
    if image.mode.startswith("I"):
        return np.clip(np.asarray(image), 0, 65535).astype(np.uint16)
    # Colours: the brightest channel, so that a red outline counts as white does
    rgba = np.asarray(image.convert("RGBA"))
    colour = rgba[..., :3].max(axis=-1)  # (height, width)
    opacity = rgba[..., 3]
    if np.ptp(colour) == 0 and np.ptp(opacity) > 0:
        return opacity.copy()  # drawn in the transparency alone
    return np.where(opacity >= HALF, colour, 0).astype(np.uint8)


def find_lesion(levels: np.ndarray, name: str) -> np.ndarray:
    """Where the lesion is, told by the levels of a mask.

    Args:
        levels: uint8 or uint16 (height, width).
        name: For the error.

    Returns:
        bool (height, width).

    Raises:
        ImageError: The levels are more than two, none of them near white, and many pixels lie in between, as
            in a map of several classes.

    >>> find_lesion(np.uint8([[0, 127]]), "mask").tolist()
    [[False, True]]
    >>> find_lesion(np.uint8([[0, 60, 200]]), "mask").tolist()
    [[False, False, True]]
    """
    shares = np.bincount(levels.ravel()) / levels.size
    present = np.flatnonzero(shares)
    darkest = int(present[0])
    brightest = int(present[-1])
    if darkest == brightest:
        # One level: black is empty, anything else is all lesion
        return np.full(levels.shape, brightest > 0)
    if len(present) == 2:
        return levels == brightest
    # 8 or 16 bits, whichever holds the brightest level
    whole = 255 if brightest <= 255 else 65535
    if brightest >= MIN_WHITE * whole:
        return levels >= HALF * (whole // 255)
    # Between a quarter and three quarters of the brightest: levels of a border that was smoothed
    between = shares[round(brightest * 0.25) + 1 : round(brightest * 0.75)].sum()
    if between > MAX_BETWEEN:
        words = ", ".join(str(level) for level in present[:MAX_QUOTED_LEVELS])
        if len(present) > MAX_QUOTED_LEVELS:
            words += " ..."
        raise ImageError(
            f"{name}: holds the levels {words}, as a map of several classes does; expected two levels, the "
            "lesion white: write it so"
        )
    return levels >= brightest / 2
