"""Photographs as arrays: uint8, sRGB, upright, whatever the file was.

A photograph is squeezed to a square, not cropped: the whole lesion stays in the picture, and the sets
that people train on were made the same way.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lentigo.common.file_reading import read_regular
from lentigo.errors import ImageError
from lentigo.images.addresses import is_address, read_address
from lentigo.images.decoding.colour_profiles import to_srgb
from lentigo.images.decoding.decode_budget import (
    DecodeLimits,
)
from lentigo.images.decoding.opening import decode, find_orientation, name_damage, open_image, release
from lentigo.images.decoding.pixel_bands import TURNED, resize_upright
from lentigo.images.problems import Problem

SIDE = 224  # pixels, of the square that the networks see


@dataclass(frozen=True)
class DecodedImage:
    """A photograph as the network sees it: `pixels` uint8 (side, side, 3) RGB, and of its file the SHA-256
    and the size as stored, (width, height).
    """

    image: str
    pixels: np.ndarray
    digest: str
    size: tuple[int, int]


def read_image(path: str | Path, side: int | None = SIDE) -> DecodedImage:
    """Reads one photograph, squeezed to (side, side), or at its own size where `side` is None.

    Raises `ImageError` for a file that is missing, unreadable, truncated, animated or too large to open.
    """
    return develop_image(read_content(path), str(path), side)


def develop_image(content: bytes, name: str, side: int | None = SIDE) -> DecodedImage:
    """As `read_image`, of a photograph in memory; `name` stands for its path."""
    with name_damage(content, name), open_image(content, name) as image:
        size = image.size  # before a JPEG's draft, which shrinks it
        return DecodedImage(
            name, develop(image, content, name, side), hashlib.sha256(content).hexdigest(), size
        )


def view_image(path: str | Path, most: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Pixels of a photograph in its own proportions, reduced to at most about `most` of them, and its size,
    (width, height), upright.

    uint8 (height, width, 3). A JPEG is not decoded larger than needed. Raises `ImageError` as `read_image`.
    """
    return view_content(read_content(path), str(path), most)


def view_content(content: bytes, name: str, most: int) -> tuple[np.ndarray, tuple[int, int]]:
    """As `view_image`, of a photograph in memory; `name` stands for its path."""
    with name_damage(content, name), open_image(content, name) as image:
        width, height = image.size
        shrink = min(1.0, (most / (width * height)) ** 0.5)
        wanted = max(1, round(width * shrink)), max(1, round(height * shrink))
        with decode(image, content, name, wanted) as (orientation, _):
            upright = resize_upright(image, wanted, orientation, name)
            pixels = np.asarray(to_srgb(upright, image))
        return pixels, (height, width) if orientation in TURNED else (width, height)


def measure_image(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels, as stored, without decoding. Raises `ImageError` where the file is no
    photograph.
    """
    return measure_content(read_content(path), str(path))


def measure_content(content: bytes, name: str) -> tuple[int, int]:
    """As `measure_image`, of a photograph in memory; `name` stands for its path."""
    with name_damage(content, name), open_image(content, name) as image:
        return image.size


def measure_upright(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels of a photograph as it is shown: turned upright where EXIF says so.

    Args:
        path: a file or an address.

    Raises:
        PhotoError: where the file is no photograph.
    """
    content, name = read_content(path), str(path)
    with name_damage(content, name), open_image(content, name) as image:
        width, height = image.size
        return (height, width) if find_orientation(image, content, name) in TURNED else (width, height)


def check_upload(content: bytes, name: str, limits: DecodeLimits) -> tuple[int, int]:
    """Looks at the header of a file that somebody sent, before any of it is decoded.

    Decoding it afterwards (`develop_image`, `view_content`, `decode_image`) waits for its share of
    `DECODE_BUDGET` by itself.

    Args:
        content: the file.
        name: for the error.
        limits: what it may have.

    Returns:
        (width, height) in pixels, as stored.

    Raises:
        PhotoError: for what is no photograph, animated, a strip, or beyond the limits.
    """
    with name_damage(content, name), open_image(content, name) as image:
        limits.check(image, content, name)
        return image.size


def read_content(path: str | Path) -> bytes:
    """The bytes of a file, or of what stands at an address; raises `ImageError` where it cannot be read, is
    no regular file, or too large.
    """
    if is_address(path):
        return read_address(path)
    try:
        return read_regular(path)
    except (OSError, ValueError) as error:  # a ValueError is a zero byte in the name
        raise ImageError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); expected a photograph"
        ) from error


def decode_image(content: bytes, name: str, side: int | None = SIDE) -> np.ndarray:
    """Pixels, uint8 (height, width, 3) RGB, of an encoded photograph; `name` is for the error. See
    `read_image`.
    """
    with name_damage(content, name), open_image(content, name) as image:
        return develop(image, content, name, side)


@contextmanager
def hold_pixels(content: bytes, name: str) -> Iterator[np.ndarray]:
    """The pixels of a photograph at its own size, counted in the budget of decoded bytes as long as the
    context lasts.

    Args:
        content: the file.
        name: for the error.

    Yields:
        uint8 (height, width, 3) RGB, upright, in sRGB.

    Raises:
        PhotoError: as `read_image`, and for a photograph that is too large to be held whole.
    """
    with ExitStack() as stack:
        with name_damage(content, name):
            image = stack.enter_context(open_image(content, name))
            orientation, reservation = stack.enter_context(decode(image, content, name, None))
            pixels = np.asarray(to_srgb(resize_upright(image, None, orientation, name), image))
        release(image)
        reservation.shrink(2 * pixels.nbytes)  # and whatever is measured of them
        yield pixels


def develop(image: Image.Image, content: bytes, name: str, side: int | None) -> np.ndarray:
    """Pixels of a picture that was opened and not yet decoded, see `decode_image`. To be used within
    `name_damage`.
    """
    wanted = None if side is None else (side, side)
    with decode(image, content, name, wanted) as (orientation, _):
        return np.asarray(to_srgb(resize_upright(image, wanted, orientation, name), image))


def try_image(path: str | Path | Problem, side: int | None = SIDE) -> DecodedImage | Problem:
    """`read_image` with the error as a value; what is a problem already stays one."""
    if isinstance(path, Problem):
        return path
    try:
        return read_image(path, side)
    except ImageError as error:
        return Problem(str(path), str(error).removeprefix(f"{path}: "))


def stream_images(
    paths: Iterable[str | Path | Problem], side: int | None = SIDE, threads: int | None = None
) -> Iterator[DecodedImage | Problem]:
    """Reads photographs in order, some ahead of their use, in constant memory; failures, and problems of
    `list_images`, come in their place.
    """
    threads = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque = deque()
        try:
            for path in paths:
                ahead.append(pool.submit(try_image, path, side))
                if len(ahead) >= 16 * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


def read_all(
    paths: Iterable[str | Path], side: int | None = SIDE
) -> tuple[list[DecodedImage], list[Problem]]:
    """All photographs that can be read, and the problems of the others.

    >>> images, problems = read_all(["no-such-file.jpg"])
    >>> len(images), problems[0].image
    (0, 'no-such-file.jpg')
    """
    answers = list(stream_images(paths, side))
    return [a for a in answers if isinstance(a, DecodedImage)], [a for a in answers if isinstance(a, Problem)]
