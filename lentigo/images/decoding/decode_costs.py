"""What decoding a photograph takes, estimated from its header, and what is too much.

A file of a few hundred bytes may declare millions of pixels, and only a JPEG can be decoded at a fraction of
its size.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from PIL import Image

from lentigo.errors import ImageError

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile
from lentigo.images.decoding.decode_budget import DECODE_BUDGET
from lentigo.images.decoding.jpeg_segments import keeps_coefficients

# Of OpenJPEG's own records for each tile of a JPEG 2000 file, and TIFF's for each segment
TILE_BYTES = 12_000

# Bytes a pixel at the peak of decoding, measured with Pillow 13 (the image, planes and other forms of it); see
# LOG.md, 2026-11-29
WHOLE_RATES = {"WEBP": 17, "AVIF": 14, "HEIF": 14, "DICOM": 18}
JPEG2000_RATE = 8  # for each channel
# Of Pillow's modes; others take 4
STORED_RATES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
OTHER_RATE = 4

ARRAY_RATE = 3  # bytes a pixel of an RGB array
RGB_RATE = 4  # bytes a pixel of Pillow's RGB
FORMAT_NAMES = {
    "JPEG2000": "JPEG 2000",
    "WEBP": "WebP",
    "HEIF": "HEIC",
    "JPEG": "progressive JPEG",
    "MPO": "progressive JPEG",
}

# Tags of a TIFF
_TILE_WIDTH = 322
_TILE_LENGTH = 323
_ROWS_PER_STRIP = 278
_BITS_PER_SAMPLE = 258
_SAMPLES_PER_PIXEL = 277
_ORIENTATION = 274


@dataclass(frozen=True)
class DecodeLimits:
    """What one photograph may have, for a service that others send files to.

    Args:
        max_pixels: Of a photograph in any format.
        max_whole_pixels: Of one in a format that cannot be decoded at a fraction of its size: all but JPEG.
            A JPEG that keeps all of its coefficients in memory (progressive) is among these.
    """

    max_pixels: int = 50_000_000
    max_whole_pixels: int = 25_000_000

    def check(self, image: Image.Image, content: bytes, name: str) -> None:
        """Checks an image that is opened and not yet decoded.

        Args:
            image: As Pillow opened it.
            content: Its file.
            name: For the error.

        Raises:
            ImageError: Where it has too many pixels.
        """
        width, height = image.size
        max_pixels = self.max_pixels
        reason = ""
        if is_decoded_whole(image, content):
            max_pixels = min(max_pixels, self.max_whole_pixels)
            reason = f" in {describe_format(image)}, which is decoded whole"
        if width * height > max_pixels:
            raise ImageError(
                f"{name}: {width} x {height} pixels, more than {max_pixels / 1e6:g} million{reason}; "
                "expected a photograph, save it smaller, or as baseline JPEG"
            )


def is_decoded_whole(image: Image.Image, content: bytes) -> bool:
    """Whether all of an image has to be in memory while it is decoded, at whatever size it is asked for."""
    return image.format not in ("JPEG", "MPO") or keeps_coefficients(content)


def describe_format(image: Image.Image) -> str:
    """The format of an image, in words."""
    name = image.format or "an unknown format"
    return FORMAT_NAMES.get(name, name)


def estimate_bytes(
    image: Image.Image, content: bytes, full_size: tuple[int, int], *, whole: bool = False
) -> int:
    """Estimates what decoding an image takes at its peak.

    Args:
        image: As Pillow opened it, after a JPEG's draft.
        content: Its file.
        full_size: (width, height) before the draft.
        whole: Whether all of its pixels are wanted as an array rather than a reduced image.

    Returns:
        Bytes, without those of the file.
    """
    content = image.info.get("encoded", content)  # of a JPEG within DICOM
    total = estimate_decoder(image, content, full_size)
    if whole:
        total += estimate_copies(image)
    return total


def estimate_decoder(image: Image.Image, content: bytes, full_size: tuple[int, int]) -> int:
    """Bytes that the decoder of the image's format takes, with the image that it gives."""
    pixels = image.width * image.height
    stored = pixels * STORED_RATES.get(image.mode, OTHER_RATE)
    channels = max(1, len(image.getbands()))
    if image.format in WHOLE_RATES:
        return pixels * WHOLE_RATES[image.format]
    if image.format == "JPEG2000":
        return pixels * JPEG2000_RATE * channels + count_tiles(content) * TILE_BYTES
    if image.format in ("JPEG", "MPO") and keeps_coefficients(content):
        coefficients = channels * full_size[0] * full_size[1]
        return stored + 2 * coefficients  # of two bytes each
    if image.format == "TIFF":
        tiff = cast("TiffImageFile", image)
        is_turned = _ORIENTATION in tiff.tag_v2  # Pillow turns a TIFF itself, beside the first
        return (2 * stored if is_turned else stored) + measure_segment(tiff)
    return stored


def estimate_copies(image: Image.Image) -> int:
    """Bytes of the forms that an image takes on its way to an RGB array of all pixels."""
    pixels = image.width * image.height
    total = pixels * ARRAY_RATE
    if image.mode != "RGB" or "transparency" in image.info:
        total += pixels * RGB_RATE  # RGB beside another mode
    if image.info.get("icc_profile") or image.info.get("exif"):
        total += pixels * RGB_RATE  # turned, or in other colours, beside the first
    return total


def require_budget(
    image: Image.Image, content: bytes, name: str, full_size: tuple[int, int], *, whole: bool = False
) -> int:
    """Checks that one image takes no more than the budget allows.

    Args:
        image: As Pillow opened it, after a JPEG's draft.
        content: Its file.
        name: For the error.
        full_size: (width, height) before the draft.
        whole: As for `estimate_bytes`.

    Returns:
        The bytes of `estimate_bytes`.

    Raises:
        ImageError: Where it takes more.
    """
    size = estimate_bytes(image, content, full_size, whole=whole)
    largest = DECODE_BUDGET.largest
    if size > largest:
        pixels = full_size[0] * full_size[1]
        max_megapixels = max(1, int(pixels * largest / size / 1e6))
        raise ImageError(
            f"{name}: {pixels / 1e6:.0f} million pixels, which take {size / 1e6:,.0f} MB to decode; "
            f"expected at most {max_megapixels} million in such a file: save it smaller, or as baseline "
            "JPEG, which is decoded in part"
        )
    return size


def count_tiles(content: bytes) -> int:
    """The tiles that a JPEG 2000 file declares; 0 where it does not say."""
    place = content.find(b"\xff\x4f\xff\x51")  # the beginning, and the segment of the size
    if place < 0 or place + 40 > len(content):
        return 0
    right, bottom, _, _, width, height, left, top = struct.unpack(">8I", content[place + 8 : place + 40])
    across = -(-max(0, right - left) // max(1, width))  # rounded up
    down = -(-max(0, bottom - top) // max(1, height))
    return across * down


def measure_segment(image: TiffImageFile) -> int:
    """Bytes of a strip or tile of a TIFF, each of which is decoded at once."""
    tags = image.tag_v2
    bits = read_tag(tags, _BITS_PER_SAMPLE, 8)
    samples = read_tag(tags, _SAMPLES_PER_PIXEL, 1)
    return count_segment_pixels(image, tags) * samples * bits // 8


def count_segment_pixels(image: TiffImageFile, tags: Mapping[int, Any]) -> int:
    """Pixels of a tile, or of a strip as wide as the image."""
    if _TILE_WIDTH in tags:
        return read_tag(tags, _TILE_WIDTH, 1) * read_tag(tags, _TILE_LENGTH, 1)
    rows = min(image.height, read_tag(tags, _ROWS_PER_STRIP, image.height))
    return image.width * rows


def read_tag(tags: Mapping[int, Any], number: int, otherwise: int) -> int:
    """The first value of a TIFF's tag as a whole number, `otherwise` where it has none."""
    value = tags.get(number, otherwise)
    if isinstance(value, tuple):
        value = value[0] if value else otherwise
    if isinstance(value, int | float):
        return max(0, int(value))
    return otherwise
