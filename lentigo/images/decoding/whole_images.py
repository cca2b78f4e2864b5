"""Photographs at their own size, counted in the budget of decoded bytes as long as they are held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from PIL import Image

from lentigo.images.decoding.colour_profiles import to_srgb
from lentigo.images.decoding.decode_budget import Reservation
from lentigo.images.decoding.opening import hold_decoded, name_damage, open_image, release_pixels
from lentigo.images.decoding.pixel_bands import resize_upright
from lentigo.images.photographs import SIDE, decode_image

DRAFTED = ("JPEG", "MPO")  # formats that are decoded smaller than they are where that is enough


@contextmanager
def hold_pixels(content: bytes, name: str) -> Iterator[np.ndarray]:
    """Decodes a photograph at its own size.

    Args:
        content: The file.
        name: For the error.

    Yields:
        uint8 (height, width, 3) RGB, upright, in sRGB.

    Raises:
        ImageError: As `read_image`, and for a photograph that is too large to be held whole.
    """
    with ExitStack() as stack:
        with name_damage(content, name):
            image, orientation, reservation = stack.enter_context(load_image(content, name))
            whole = convert_pixels(image, None, orientation, name)
        keep_only(whole, image, reservation)
        yield whole


@contextmanager
def hold_sizes(content: bytes, name: str, side: int = SIDE) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Decodes a photograph at its own size and at that of the network: once, unless it is a large JPEG, of
    which the network sees a smaller decoding.

    Args:
        content: The file.
        name: For the error.
        side: Pixels along the network's square.

    Yields:
        As `decode_image` gives it, uint8 (side, side, 3) RGB; and the whole, uint8 (height, width, 3) RGB,
        upright, in sRGB.

    Raises:
        ImageError: As for `hold_pixels`.
    """
    with ExitStack() as stack:
        if is_reduced_by_decoder(content, name, side):
            small = decode_image(content, name, side)
            whole = stack.enter_context(hold_pixels(content, name))
        else:
            with name_damage(content, name):
                image, orientation, reservation = stack.enter_context(load_image(content, name))
                small = convert_pixels(image, (side, side), orientation, name)
                whole = convert_pixels(image, None, orientation, name)
            keep_only(whole, image, reservation)
        yield small, whole


def is_reduced_by_decoder(content: bytes, name: str, side: int) -> bool:
    """Whether Pillow decodes a photograph smaller than it is for a square of `side` pixels: by 2 at least."""
    with name_damage(content, name), open_image(content, name) as image:
        return image.format in DRAFTED and min(image.size) >= 2 * side


@contextmanager
def load_image(content: bytes, name: str) -> Iterator[tuple[Image.Image, int, Reservation]]:
    """A photograph decoded at its own size, its orientation, as EXIF has it, and the bytes held for it."""
    with open_image(content, name) as image, hold_decoded(image, content, name, None) as held:
        orientation, reservation = held
        yield image, orientation, reservation


def convert_pixels(
    image: Image.Image, wanted: tuple[int, int] | None, orientation: int, name: str
) -> np.ndarray:
    """The pixels of a decoded image at a size, (width, height) as stored, upright, in sRGB."""
    return np.asarray(to_srgb(resize_upright(image, wanted, orientation, name), image))


def keep_only(whole: np.ndarray, image: Image.Image, reservation: Reservation) -> None:
    """Frees what the decoder holds beside the pixels, and what was reserved for it."""
    release_pixels(image)
    reservation.shrink(2 * whole.nbytes)  # the pixels, and as much for what is measured of them
