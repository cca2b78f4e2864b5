"""Pixels of any mode as 8-bit RGB, reduced on the way, a tile at a time: no second picture of the full size
is made.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from lentigo.errors import ImageError

MAX_LEVEL = 65535  # of 16 bits
TILE_PIXELS = 1 << 19  # of a tile that is converted at once
# Averages over whole cells go no further than this many times the wanted size; the rest is interpolated
REDUCING_GAP = 3.0
# Values of EXIF's orientation
FLIPPED_ACROSS = (2, 3, 7, 8)
FLIPPED_DOWN = (3, 4, 6, 7)
TURNED = (5, 6, 7, 8)
# What brings a stored image upright
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def resize_upright(
    image: Image.Image, wanted: tuple[int, int] | None, orientation: int, name: str
) -> Image.Image:
    """Converts a decoded image to 8-bit RGB, upright, at a size.

    Args:
        image: Of any mode, decoded.
        wanted: (width, height) as stored, before it is turned upright; None for its own size.
        orientation: 1 to 8, as EXIF has it.
        name: For the error.

    Returns:
        The image, in the colours of its own space.

    Raises:
        ImageError: For floating-point pixels.
    """
    factor = (1, 1) if wanted is None else find_factor(image.size, wanted)
    reduced = reduce_rgb(image, factor, name)
    # In reduced pixels; the last of them may be a part of one
    inner = (image.width / factor[0], image.height / factor[1])
    box = find_box(reduced.size, inner, orientation)
    if orientation in UPRIGHT:
        reduced = reduced.transpose(UPRIGHT[orientation])
    if wanted is None:
        return reduced
    if orientation in TURNED:
        wanted = wanted[::-1]
    if reduced.size == wanted and factor == (1, 1):
        return reduced
    return reduced.resize(wanted, Image.Resampling.BILINEAR, box=box)


def find_factor(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """By how much an image is reduced along each side before it is interpolated.

    >>> find_factor((4000, 100), (224, 224))
    (5, 1)
    """
    across = int(size[0] / wanted[0] / REDUCING_GAP) or 1
    down = int(size[1] / wanted[1] / REDUCING_GAP) or 1
    return across, down


def find_box(
    size: tuple[int, int], inner: tuple[float, float], orientation: int
) -> tuple[float, float, float, float]:
    """Where a reduced image of `size`, turned upright, is covered by the original.

    Args:
        size: (width, height) of the reduced image, as stored.
        inner: (width, height) of the original in reduced pixels.
        orientation: 1 to 8, as EXIF has it.

    Returns:
        (left, top, right, bottom), upright.
    """
    width, height = size
    inner_width, inner_height = inner
    left = width - inner_width if orientation in FLIPPED_ACROSS else 0.0
    top = height - inner_height if orientation in FLIPPED_DOWN else 0.0
    right = left + inner_width
    bottom = top + inner_height
    if orientation in TURNED:
        return top, left, bottom, right
    return left, top, right, bottom


def reduce_rgb(image: Image.Image, factor: tuple[int, int], name: str) -> Image.Image:
    """8-bit RGB of an image of any mode, each `factor` (across, down) of its pixels averaged to one.

    Transparency is laid on white first.
    """
    across, down = factor
    is_rgb = image.mode == "RGB" and "transparency" not in image.info
    if is_rgb:
        return image if factor == (1, 1) else image.reduce(factor)
    size = (-(-image.width // across), -(-image.height // down))  # rounded up
    reduced = Image.new("RGB", size)
    for box in list_tiles(image.size, factor):
        tile = to_rgb(image.crop(box), name)
        if factor != (1, 1):
            tile = tile.reduce(factor)
        left, top, _, _ = box
        reduced.paste(tile, (left // across, top // down))
    return reduced


def list_tiles(size: tuple[int, int], factor: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom) of at most about `TILE_PIXELS` that cover an image.

    Each is a multiple of `factor` but for the last.
    """
    width, height = size
    across, down = factor
    tile_width = min(width, max(1, TILE_PIXELS // down // across) * across)
    tile_height = max(1, TILE_PIXELS // tile_width // down) * down
    for top in range(0, height, tile_height):
        for left in range(0, width, tile_width):
            yield left, top, min(left + tile_width, width), min(top + tile_height, height)


def to_rgb(image: Image.Image, name: str) -> Image.Image:
    """8-bit RGB from any mode: 16-bit is scaled, transparency laid on white.

    Args:
        image: Decoded.
        name: Of its file, for the error.
    """
    if image.mode == "F":
        raise ImageError(
            f"{name}: floating-point pixels, whose range is unknown; expected 8 or 16 bits a channel"
        )
    if image.mode.startswith("I"):
        levels = np.asarray(image)
        if image.mode == "I" and (levels.min() < 0 or levels.max() > MAX_LEVEL):
            raise ImageError(
                f"{name}: levels of 32 bits, from {levels.min()} to {levels.max()}, whose range is unknown; "
                "expected 8 or 16 bits a channel"
            )
        return Image.fromarray(scale_levels(levels)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def scale_levels(levels: np.ndarray) -> np.ndarray:
    """Levels 0 to 65535 as 0 to 255, uint8, rounded; what lies beyond is cut.

    >>> scale_levels(np.array([0, 128, 129, 32768, 65535, 70000, -1])).tolist()
    [0, 0, 1, 128, 255, 255, 0]
    """
    levels = np.clip(levels, 0, MAX_LEVEL).astype(np.uint32)
    return ((levels * 255 + 32895) >> 16).astype(np.uint8)  # equals round(level / 257)
