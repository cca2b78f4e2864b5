"""From the bytes of an upload to what the network sees, in two steps where that is heavy."""

from __future__ import annotations

from dataclasses import dataclass

from lentigo.errors import ImageError
from lentigo.images.decoding.decode_costs import DecodeLimits
from lentigo.images.decoding.jpeg_segments import keeps_coefficients
from lentigo.images.image_sizes import check_upload
from lentigo.images.photographs import DecodedImage, develop_image
from lentigo.images.problems import Problem
from lentigo.serving.settings import Settings

JPEG_START = b"\xff\xd8"
JPEG_GAIN = 8  # a baseline JPEG can be decoded at an eighth of its size, for less work
HEAVY_PIXELS = 6_000_000  # decoded whole in about 0.2 s


@dataclass(frozen=True)
class Upload:
    """A file that was sent, not yet decoded.

    Args:
        content: its bytes.
        position: its place among the files of the request, from 0.
        is_heavy: whether decoding takes much time and memory.
    """

    content: bytes
    position: int
    is_heavy: bool


def inspect_upload(content: bytes, position: int, settings: Settings) -> Upload | Problem:
    """Reads the head of a file, and holds it against the limits.

    Args:
        content: the bytes of the file.
        position: its place among the files of the request, from 0.
        settings: with the limits of pixels.

    Returns:
        The upload, or the problem where its image cannot be taken.
    """
    name = str(position)
    max_pixels_whole = min(settings.max_pixels, settings.max_pixels_whole)
    limits = DecodeLimits(settings.max_pixels, max_pixels_whole)
    try:
        width, height = check_upload(content, name, limits)
    except ImageError as error:
        return Problem.from_error(name, error)
    pixels: float = width * height
    # A progressive JPEG keeps all its coefficients in memory until its end
    if content.startswith(JPEG_START) and not keeps_coefficients(content):
        pixels /= JPEG_GAIN
    return Upload(content, position, pixels > HEAVY_PIXELS)


def read_light(content: bytes, position: int, settings: Settings) -> DecodedImage | Upload | Problem:
    """Reads the head of a file as `inspect_upload` does, and decodes it at once unless that is heavy.

    Args:
        content: the bytes of the file.
        position: its place among the files of the request, from 0.
        settings: with the limits of pixels.

    Returns:
        The image; a heavy upload, not decoded; or the problem where the image cannot be taken.
    """
    upload = inspect_upload(content, position, settings)
    if isinstance(upload, Problem) or upload.is_heavy:
        return upload
    return read_upload(upload)


def read_upload(upload: Upload) -> DecodedImage | Problem:
    """Decodes a file.

    Args:
        upload: the file.

    Returns:
        The image as the network sees it, uint8 (side, side, 3), or the problem where it cannot be decoded.
    """
    name = str(upload.position)
    try:
        return develop_image(upload.content, name)
    except ImageError as error:
        return Problem.from_error(name, error)
