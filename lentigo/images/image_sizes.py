"""Sizes of photographs, by their headers: nothing is decoded."""

from __future__ import annotations

from pathlib import Path

from lentigo.images.decoding.decode_costs import DecodeLimits
from lentigo.images.decoding.opening import (
    name_damage,
    open_image,
    read_stored_orientation,
)
from lentigo.images.decoding.pixel_bands import TURNED
from lentigo.images.image_contents import read_content


def measure_image(path: str | Path) -> tuple[int, int]:
    """Measures a photograph as it is stored, without decoding it.

    Args:
        path: A file or an address.

    Returns:
        (width, height) in pixels.

    Raises:
        ImageError: Where the file is no photograph.
    """
    return measure_content(read_content(path), str(path))


def measure_content(content: bytes, name: str) -> tuple[int, int]:
    """Measures a photograph that is in memory, as `measure_image` does.

    Args:
        content: The file.
        name: Stands for its path.

    Returns:
        (width, height) in pixels, as stored.

    Raises:
        ImageError: Where the file is no photograph.
    """
    with name_damage(content, name), open_image(content, name) as image:
        return image.size


def measure_upright(path: str | Path) -> tuple[int, int]:
    """Measures a photograph as it is shown: turned upright where EXIF says so.

    Args:
        path: A file or an address.

    Returns:
        (width, height) in pixels.

    Raises:
        ImageError: Where the file is no photograph.
    """
    content = read_content(path)
    name = str(path)
    with name_damage(content, name), open_image(content, name) as image:
        return turn_size(image.size, read_stored_orientation(image, content, name))


def check_upload(content: bytes, name: str, limits: DecodeLimits) -> tuple[int, int]:
    """Checks the header of a file that somebody sent, before any of it is decoded.

    Decoding it afterwards (`develop_image`, `view_content`, `decode_image`) waits for its share of
    `DECODE_BUDGET` by itself.

    Args:
        content: The file.
        name: For the error.
        limits: What it may have.

    Returns:
        (width, height) in pixels, as stored.

    Raises:
        ImageError: For what is no photograph, animated, a strip, or beyond the limits.
    """
    with name_damage(content, name), open_image(content, name) as image:
        limits.check(image, content, name)
        return image.size


def turn_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """The (width, height) upright of an image stored with `size`.

    Args:
        size: (width, height) in pixels, as stored.
        orientation: As EXIF has it.
    """
    width, height = size
    if orientation in TURNED:
        return height, width
    return width, height
