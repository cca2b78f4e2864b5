"""Opening photographs with Pillow: one image, of a format that is read, with errors that name the cure.

Opening reads a file's header. Its pixels are decoded by `hold_decoded`, within the budget of memory.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from lentigo.errors import ImageError, LentigoError
from lentigo.images.decoding.decode_budget import DECODE_BUDGET, Reservation
from lentigo.images.decoding.decode_costs import require_budget
from lentigo.images.decoding.file_kinds import describe_other, is_heic
from lentigo.images.decoding.formats import DICOM, FORMATS, HEIC, HEIF
from lentigo.images.decoding.jpeg_segments import check_scans
from lentigo.images.decoding.png_chunks import SIGNATURE, check_png
from lentigo.images.decoding.tiff_pages import mute_libtiff, select_page
from lentigo.images.dicom.dicom_attributes import WARNING_FILTERS, is_dicom
from lentigo.images.dicom.dicom_images import is_dicom_image, open_dicom

MAX_PIXELS = 178_956_970  # Pillow's own limit for a decompression bomb: 512 MiB of RGB
MAX_ASPECT_RATIO = 200  # what is longer by its shorter side is a strip, not a photograph
MAX_ERROR_LETTERS = 200  # of a decoder's words
ORIENTATION_TAG = 0x0112  # of EXIF
UPRIGHT_ORIENTATION = 1  # EXIF's value for pixels that are stored as they are shown
ORIENTATIONS = range(1, 9)
# Chunks of a PNG in which EXIF may stand: its own, and comments that some programs write it into
PNG_EXIF_CHUNKS = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")

# What Pillow and its decoders raise on damaged files
EXIF_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    RuntimeError,
    AttributeError,
    struct.error,
)
DECODE_ERRORS = (*EXIF_ERRORS, ArithmeticError, AssertionError, zlib.error)


def open_image(content: bytes, name: str) -> Image.Image:
    """Opens a photograph without decoding it. To be used within `name_damage`.

    Args:
        content: The file.
        name: For the error.

    Returns:
        Pillow's image; of a TIFF the page that holds the photograph.

    Raises:
        ImageError: For an animation, for several pages, and for a strip.
    """
    if DICOM and is_dicom(content):
        image = open_dicom(content if isinstance(content, bytes) else bytes(content), name)
        refuse_strip(image, name)
        return image
    profile = None
    if content.startswith(SIGNATURE):
        checked = check_png(content, name)
        content = checked.content
        profile = checked.profile
    image = identify_image(content, name)
    if profile is not None:
        image.info["icc_profile"] = profile
    refuse_strip(image, name)
    if image.format in ("JPEG", "MPO"):
        check_scans(content, name, image.size)
    return image


def identify_image(content: bytes, name: str) -> Image.Image:
    """Has Pillow identify a file and go to its one image."""
    formats = tuple(format for format in FORMATS if format != HEIF)
    if HEIC and is_heic(content):
        register_heic()
        formats = (HEIF,)
    with WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(io.BytesIO(content), formats=formats)
        if image.format == "TIFF":
            mute_libtiff()
            select_page(image, name, lambda: Image.open(io.BytesIO(content), formats=("TIFF",)))
        elif image.format != "MPO":  # a phone's MPO holds the photograph and its depth
            refuse_frames(image, name)
    return image


def register_heic() -> None:
    """Has Pillow read HEIC, by the extra `heic`."""
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False)


def refuse_strip(image: Image.Image, name: str) -> None:
    """Raises `ImageError` for an image that is far longer than wide."""
    width, height = image.size
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise ImageError(
            f"{name}: {width} x {height} pixels, a strip; expected a photograph, at most {MAX_ASPECT_RATIO} "
            "times as long as wide"
        )


def refuse_frames(image: Image.Image, name: str) -> None:
    """Raises `ImageError` for an animation."""
    if not getattr(image, "is_animated", False):
        return
    # Pillow counts a GIF's frames by decoding them onto a canvas that each may enlarge to gigabytes
    frames = "several" if image.format == "GIF" else getattr(image, "n_frames", "several")
    raise ImageError(f"{name}: holds {frames} frames; expected one photograph, save the frame you mean")


@contextmanager
def hold_decoded(
    image: Image.Image, content: bytes, name: str, wanted: tuple[int, int] | None
) -> Iterator[tuple[int, Reservation]]:
    """Decodes an image within the budget that all threads share, and holds its pixels.

    Args:
        image: As `open_image` gave it. It is decoded no larger than needed where the format allows it.
        content: Its file.
        name: For the error.
        wanted: (width, height) as stored; None for its own size.

    Yields:
        Its orientation, as EXIF has it, and the bytes that are held as long as the context lasts.

    Raises:
        ImageError: Where decoding takes more than the budget allows.
    """
    full_size = image.size
    if wanted is not None and (wanted[0] < full_size[0] or wanted[1] < full_size[1]):
        image.draft("RGB", wanted)  # a JPEG need not be decoded larger than asked for
    size = require_budget(image, content, name, full_size, whole=wanted is None)
    with DECODE_BUDGET.hold(size) as reservation:
        try:
            image.load()
            yield read_orientation(image), reservation
        finally:
            release_pixels(image)  # before the budget is given back


def release_pixels(image: Image.Image) -> None:
    """Frees the pixels of an image and what its decoder holds, although others still refer to it.

    Args:
        image: That is not needed any more.
    """
    image.close()
    if hasattr(image, "_decoder"):  # of WebP and AVIF: two canvases of the full size
        image._decoder = None


def read_stored_orientation(image: Image.Image, content: bytes, name: str) -> int:
    """Reads the orientation of an image that is opened and not decoded.

    Args:
        image: As `open_image` gave it.
        content: Its file.
        name: For the error.

    Returns:
        1 to 8, as EXIF has it.
    """
    if image.format != "PNG":
        return read_orientation(image)
    if not any(chunk in content for chunk in PNG_EXIF_CHUNKS):
        return UPRIGHT_ORIENTATION
    # The chunk may stand behind the pixels: they have to be decoded to reach it
    with hold_decoded(image, content, name, None) as (orientation, _):
        return orientation


def read_orientation(image: Image.Image) -> int:
    """The value of EXIF's orientation, 1 where there is none or EXIF is damaged."""
    # Pillow turns a TIFF by itself, and DICOM's pixels are shown as they are stored
    if image.format == "TIFF" or is_dicom_image(image):
        return UPRIGHT_ORIENTATION
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, UPRIGHT_ORIENTATION)
    except EXIF_ERRORS:
        return UPRIGHT_ORIENTATION  # the pixels are whole
    return orientation if orientation in ORIENTATIONS else UPRIGHT_ORIENTATION


@contextmanager
def name_damage(content: bytes, name: str) -> Iterator[None]:
    """Turns what Pillow raises on files that are damaged, too large or of another kind into an `ImageError`.

    Args:
        content: The file, from which its kind is told.
        name: For the error.

    Raises:
        ImageError: Names the file, what was expected and the cure.
    """
    try:
        yield
    except LentigoError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {describe_other(content)}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{name}: more than {MAX_PIXELS / 1e6:.0f} million pixels; expected a photograph, save it smaller"
        ) from error
    except MemoryError as error:
        raise ImageError(
            f"{name}: takes more memory than there is; expected a photograph, save it smaller"
        ) from error
    except DECODE_ERRORS as error:
        raise ImageError(
            f"{name}: damaged or truncated ({describe_error(error)}); copy it again from its source"
        ) from error


def describe_error(error: Exception) -> str:
    """An error of a decoder in one short line."""
    line = " ".join(str(error).split())
    return line[:MAX_ERROR_LETTERS] or type(error).__name__
