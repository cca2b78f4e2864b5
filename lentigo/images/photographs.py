"""Reading photographs as arrays: uint8, sRGB, upright, whatever the file was.

A photograph is squeezed to a square, not cropped: the whole lesion stays in the image, and the sets that
people train on were made the same way.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from lentigo.errors import ImageError
from lentigo.images.decoding.colour_profiles import to_srgb
from lentigo.images.decoding.opening import (
    UPRIGHT_ORIENTATION,
    hold_decoded,
    name_damage,
    open_image,
)
from lentigo.images.decoding.pixel_bands import resize_upright
from lentigo.images.held_images import HeldImage, ImageSource
from lentigo.images.image_contents import hash_content, read_content
from lentigo.images.image_sizes import turn_size
from lentigo.images.problems import Problem

SIDE = 224  # pixels along the square that the networks see
READ_AHEAD = 16  # images for each thread that `stream_images` reads before they are asked for


@dataclass(frozen=True)
class DecodedImage:
    """A photograph as the network sees it.

    Args:
        image: Its path or address.
        pixels: uint8 (side, side, 3) RGB.
        digest: The SHA-256 of its file, hexadecimal.
        size: (width, height) in pixels, as stored in the file.
        notes: What is unusual about the file, for people.
        orientation: How it is turned, as EXIF has it.
        held: The photograph itself where it was given in memory, and no file has it.
        mm_per_pixel: Millimetres of a pixel, where the file says it, as DICOM may.
    """

    image: str
    pixels: np.ndarray
    digest: str
    size: tuple[int, int]
    notes: tuple[str, ...] = ()
    orientation: int = UPRIGHT_ORIENTATION
    held: HeldImage | None = None
    mm_per_pixel: float | None = None

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) in pixels of the original as it is shown."""
        return turn_size(self.size, self.orientation)


def read_image(path: ImageSource, side: int | None = SIDE) -> DecodedImage:
    """Reads one photograph.

    Args:
        path: A file, an address, or a photograph in memory.
        side: Pixels along the square that it is squeezed to; None for its own size.

    Returns:
        The pixels with the file's hash and size.

    Raises:
        ImageError: For a file that is missing, unreadable, truncated, animated or too large to open.
    """
    image = develop_image(read_content(path), str(path), side)
    return replace(image, held=path) if isinstance(path, HeldImage) else image


def develop_image(content: bytes, name: str, side: int | None = SIDE) -> DecodedImage:
    """Decodes a photograph that is in memory, with the hash and the size of its file.

    Args:
        content: The file.
        name: Stands for its path.
        side: As for `read_image`.

    Returns:
        As `read_image`.

    Raises:
        ImageError: As `read_image`.
    """
    with name_damage(content, name), open_image(content, name) as image:
        size = image.size  # before a JPEG's draft, which shrinks it
        notes = image.info.get("notes", ())
        pixels, orientation = develop(image, content, name, side)
        digest = hash_content(content, name)
        scale = image.info.get("mm_per_pixel")
        return DecodedImage(name, pixels, digest, size, notes, orientation, mm_per_pixel=scale)


def decode_image(content: bytes, name: str, side: int | None = SIDE) -> np.ndarray:
    """Decodes a photograph that is in memory.

    Args:
        content: The file.
        name: For the error.
        side: As for `read_image`.

    Returns:
        uint8 (side, side, 3) RGB; (height, width, 3) at its own size.

    Raises:
        ImageError: As `read_image`.
    """
    with name_damage(content, name), open_image(content, name) as image:
        return develop(image, content, name, side)[0]


def develop(image: Image.Image, content: bytes, name: str, side: int | None) -> tuple[np.ndarray, int]:
    """The upright pixels of an image that is opened and not yet decoded, and how it was turned, as EXIF has
    it. To be used within `name_damage`.
    """
    wanted = None if side is None else (side, side)
    with hold_decoded(image, content, name, wanted) as (orientation, _):
        upright = resize_upright(image, wanted, orientation, name)
        return np.asarray(to_srgb(upright, image)), orientation


def view_image(path: ImageSource, max_pixels: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Reads a photograph in its own proportions, reduced.

    A JPEG is not decoded larger than needed.

    Args:
        path: A file, an address, or a photograph in memory.
        max_pixels: About as many pixels are given at most.

    Returns:
        uint8 (height, width, 3) RGB, upright, and the photograph's own (width, height), upright.

    Raises:
        ImageError: As `read_image`.
    """
    return view_content(read_content(path), str(path), max_pixels)


def view_content(content: bytes, name: str, max_pixels: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Decodes a photograph that is in memory in its own proportions, reduced.

    Args:
        content: The file.
        name: Stands for its path.
        max_pixels: As for `view_image`.

    Returns:
        As `view_image`.

    Raises:
        ImageError: As `read_image`.
    """
    with name_damage(content, name), open_image(content, name) as image:
        width, height = image.size
        scale = min(1.0, (max_pixels / (width * height)) ** 0.5)
        wanted = (max(1, round(width * scale)), max(1, round(height * scale)))
        with hold_decoded(image, content, name, wanted) as (orientation, _):
            upright = resize_upright(image, wanted, orientation, name)
            pixels = np.asarray(to_srgb(upright, image))
        return pixels, turn_size((width, height), orientation)


def try_image(path: ImageSource | Problem, side: int | None = SIDE) -> DecodedImage | Problem:
    """Reads one photograph and gives the error, if there is one, as a value.

    Args:
        path: A file, an address, or a photograph in memory; a `Problem` stays as it is.
        side: As for `read_image`.

    Returns:
        The photograph, or why it cannot be read.
    """
    if isinstance(path, Problem):
        return path
    try:
        return read_image(path, side)
    except ImageError as error:
        return Problem.from_error(str(path), error)


def stream_images(
    paths: Iterable[ImageSource | Problem], side: int | None = SIDE, threads: int | None = None
) -> Iterator[DecodedImage | Problem]:
    """Reads photographs in order, some ahead of their use, in constant memory.

    Args:
        paths: Files, addresses, photographs in memory, and problems of `list_images`.
        side: As for `read_image`.
        threads: That read side by side; as many as there are processors where it is None.

    Yields:
        Each photograph, or its problem, in its place.
    """
    threads = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[DecodedImage | Problem]] = deque()
        try:
            for path in paths:
                ahead.append(pool.submit(try_image, path, side))
                if len(ahead) >= READ_AHEAD * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


def read_all(
    paths: Iterable[str | Path], side: int | None = SIDE
) -> tuple[list[DecodedImage], list[Problem]]:
    """Reads all photographs that can be read.

    Args:
        paths: Files and addresses.
        side: As for `read_image`.

    Returns:
        The photographs, and the problems of the others.

    >>> images, problems = read_all(["no-such-file.jpg"])
    >>> len(images), problems[0].image
    (0, 'no-such-file.jpg')
    """
    images = []
    problems = []
    for result in stream_images(paths, side):
        if isinstance(result, Problem):
            problems.append(result)
        else:
            images.append(result)
    return images, problems


def collect_pixels(
    images: Iterable[DecodedImage | Problem], waiting: deque[DecodedImage | Problem]
) -> Iterator[np.ndarray]:
    """Yields the pixels of each readable photograph, uint8 (side, side, 3), as a network takes
    them.

    Args:
        images: Photographs, and problems.
        waiting: Gets all that is drawn from `images`, in order.
    """
    for image in images:
        waiting.append(image)
        if isinstance(image, DecodedImage):
            yield image.pixels
