"""Opening photographs with Pillow."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from lentigo.errors import ImageError, LentigoError
from lentigo.images.decoding.decode_budget import DECODE_BUDGET, Reservation, check_scans, require_budget
from lentigo.images.decoding.file_kinds import describe_other, is_heic
from lentigo.images.decoding.formats import FORMATS, HEIC, HEIF
from lentigo.images.decoding.png_chunks import SIGNATURE, check_png
from lentigo.images.decoding.tiff_pages import select_page

MOST_PIXELS = 178_956_970  # Pillow's own limit for a decompression bomb: 512 MiB of RGB
MOST_FRAMES = 1000  # of an animation, that are counted
MOST_STRETCH = 200  # times its shorter side: what is longer is a strip, not a photograph
ORIENTATION = 0x0112  # an EXIF tag
_opening = threading.Lock()  # warnings filters belong to the whole process


@contextmanager
def decode(
    image: Image.Image, content: bytes, name: str, wanted: tuple[int, int] | None
) -> Iterator[tuple[int, Reservation]]:
    """Decodes a picture, no larger than `wanted` needs where the format allows it, within the budget that all
    threads share.

    Args:
        picture: as `open_image` gave it.
        content: its file.
        name: for the error.
        wanted: (width, height) as stored; None for its own size.

    Yields:
        Its orientation, as EXIF has it, and the bytes that are held, as long as the context lasts.
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
            release(image)  # before the budget is given back


def release(image: Image.Image) -> None:
    """Frees the pixels of a picture, and what its decoder holds, whoever still names it."""
    image.close()
    if hasattr(image, "_decoder"):  # of WebP and AVIF: two canvases of the full size
        image._decoder = None


def find_orientation(image: Image.Image, content: bytes, name: str) -> int:
    """The orientation of a picture that was opened and not decoded; see `read_orientation`."""
    if image.format != "PNG":
        return read_orientation(image)
    if not any(word in content for word in (b"eXIf", b"tEXt", b"zTXt", b"iTXt")):
        return 1
    with decode(image, content, name, None) as (orientation, _):  # it may stand behind the pixels
        return orientation


def read_orientation(image: Image.Image) -> int:
    """The value of EXIF's orientation, 1 where there is none or EXIF is damaged. Pillow turns a TIFF by
    itself.
    """
    if image.format == "TIFF":
        return 1
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        LookupError,
        TypeError,
        RuntimeError,
        AttributeError,
        struct.error,
    ):
        return 1  # the pixels are whole
    return orientation if orientation in range(1, 9) else 1


@contextmanager
def name_damage(content: bytes, name: str) -> Iterator[None]:
    """Turns what Pillow raises on files that are damaged, too large or of another kind into a
    `ImageError`.
    """
    try:
        yield
    except LentigoError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {describe_other(content)}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{name}: more than {MOST_PIXELS / 1e6:.0f} million pixels; expected a photograph, save it "
            "smaller"
        ) from error
    except MemoryError as error:
        raise ImageError(
            f"{name}: takes more memory than there is; expected a photograph, save it smaller"
        ) from error
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        LookupError,
        TypeError,
        RuntimeError,
        ArithmeticError,
        AttributeError,
        AssertionError,
        struct.error,
        zlib.error,
    ) as error:
        raise ImageError(
            f"{name}: damaged or truncated ({describe_error(error)}); copy it again from its source"
        ) from error


def describe_error(error: Exception) -> str:
    """An error of a decoder in one short line."""
    words = " ".join(str(error).split())
    return words[:200] or type(error).__name__


def open_image(content: bytes, name: str) -> Image.Image:
    """Opens without decoding, and refuses animations and strips. To be used within `name_damage`."""
    profile = None
    if content.startswith(SIGNATURE):
        checked = check_png(content, name)
        content, profile = checked.content, checked.profile
    formats: tuple[str, ...] = tuple(kind for kind in FORMATS if kind != HEIF)
    if HEIC and is_heic(content):
        register_heic()
        formats = (HEIF,)
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(io.BytesIO(content), formats=formats)
        if image.format == "TIFF":
            select_page(image, name, lambda: Image.open(io.BytesIO(content), formats=("TIFF",)))
        elif image.format != "MPO":  # a phone's MPO holds the photograph and its depth
            refuse_frames(image, name)
    if profile is not None:
        image.info["icc_profile"] = profile
    width, height = image.size
    if max(width, height) > MOST_STRETCH * min(width, height):
        raise ImageError(
            f"{name}: {width} x {height} pixels, a strip; expected a photograph, at most {MOST_STRETCH} "
            "times as long as wide"
        )
    if image.format in ("JPEG", "MPO"):
        check_scans(content, name, image.size)
    return image


def refuse_frames(image: Image.Image, name: str) -> None:
    """Raises `ImageError` for an animation."""
    if not getattr(image, "is_animated", False):
        return
    count = count_frames(image) if image.format == "GIF" else image.n_frames
    words = f"{MOST_FRAMES} frames or more" if count >= MOST_FRAMES else f"{count} frames"
    raise ImageError(f"{name}: holds {words}; expected one photograph, save the frame you mean")


def count_frames(image: Image.Image) -> int:
    """The frames of a GIF, at most `MOST_FRAMES`: it does not say how many there are."""
    for number in range(1, MOST_FRAMES):
        try:
            image.seek(number)
        except EOFError:
            return number
    return MOST_FRAMES


def register_heic() -> None:
    """Has Pillow read HEIC, by the extra `heic`."""
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False)
