"""Photographs as arrays: uint8, sRGB, upright, whatever the file was.

A photograph is squeezed to a square, not cropped: the whole lesion stays in the picture, and the sets
that people train on were made the same way.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import struct
import threading
import warnings
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from lentigo.common.file_names import find_name, spell_name
from lentigo.common.files import read_regular
from lentigo.common.work_batches import Lost
from lentigo.errors import DataError, ImageError, LentigoError
from lentigo.images.addresses import is_address, read_address, walk_address
from lentigo.images.decoding.colour_profiles import to_srgb
from lentigo.images.decoding.decode_budget import (
    DECODE_BUDGET,
    DecodeLimits,
    Reservation,
    check_scans,
    require_budget,
)
from lentigo.images.decoding.file_kinds import describe_other, is_heic
from lentigo.images.decoding.pixel_bands import TURNED, resize_upright
from lentigo.images.decoding.png_chunks import SIGNATURE, check_png
from lentigo.images.decoding.tiff_pages import select_page
from lentigo.images.mask_names import find_masks

SIDE = 224  # pixels, of the square that the networks see
MOST_PIXELS = 178_956_970  # Pillow's own limit for a decompression bomb: 512 MiB of RGB
MOST_FRAMES = 1000  # of an animation, that are counted
MOST_STRETCH = 200  # times its shorter side: what is longer is a strip, not a photograph
AVIF = (
    importlib.util.find_spec("PIL._avif") is not None
)  # Pillow reads it from 11.3 on, where it was built so
HEIC = importlib.util.find_spec("pi_heif") is not None  # the extra `heic`
HEIF = "HEIF"  # what Pillow calls it
HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".gif",
        ".jp2",
        ".j2k",
        ".ppm",
        ".mpo",
        *([".avif"] if AVIF else []),
        *(HEIC_SUFFIXES if HEIC else []),
    }
)
UNREAD = (
    HEIC_SUFFIXES | {".avif"}
) - SUFFIXES  # photographs all the same: found in folders, and listed as problems
FORMATS = (  # Pillow knows others, some of which run programs
    "JPEG",
    "PNG",
    "BMP",
    "TIFF",
    "WEBP",
    "GIF",
    "JPEG2000",
    "PPM",
    *(["AVIF"] if AVIF else []),
    *([HEIF] if HEIC else []),
)
NO_IMAGE = f"holds no photograph; expected files ending in {', '.join(sorted(SUFFIXES))}"
ORIENTATION = 0x0112  # an EXIF tag

_opening = threading.Lock()  # warnings filters belong to the whole process


@dataclass(frozen=True)
class DecodedImage:
    """A photograph as the network sees it: `pixels` uint8 (side, side, 3) RGB, and of its file the SHA-256
    and the size as stored, (width, height).
    """

    image: str
    pixels: np.ndarray
    digest: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Problem:
    """An input that could not be used, and why."""

    image: str
    error: str


def find_images(path: str | Path) -> list[Path]:
    """The photographs below a folder, recursively and sorted, or the file itself.

    Raises `DataError` where there is no such path or the folder holds no photograph.
    """
    path = Path(path)
    if not os.path.exists(find_name(path)):  # unlike Path.exists, also false for a name that no file can have
        raise DataError(f"{path}: no such file or folder; expected a photograph or a folder of photographs")
    if not path.is_dir():
        return [Path(spell_name(path))]
    found = walk_images(path)
    if not found:
        raise DataError(f"{path}: {NO_IMAGE}")
    return found


def list_images(names: Iterable[str | Path]) -> Iterator[Path | str | Problem]:
    """The photographs that files, folders and addresses name, each name looked at when its turn comes; a
    folder that holds none is a problem. Files are paths, addresses stay words.

    >>> [str(image) for image in list_images(["mole.jpg"])]
    ['mole.jpg']
    """
    for name in names:
        if is_address(name):
            yield from list_addresses(name)
            continue
        found, problems = scan_images(Path(name)) if os.path.isdir(name) else ([Path(spell_name(name))], [])
        yield from found
        yield from problems
        if not found and not problems:
            yield Problem(spell_name(name), NO_IMAGE)


def list_addresses(address: str) -> Iterator[str | Problem]:
    """The photographs at and below an address, in the order in which they are found; what is named as a
    photograph is not looked for.
    """
    if has_image_name(address.rpartition("/")[2]):
        yield address
        return
    none = True
    try:
        for found in walk_address(address):
            if found == address or has_image_name(found.rpartition("/")[2]):
                none = False
                yield found
    except ImageError as error:
        yield Problem(address, str(error).removeprefix(f"{address}: "))
        return
    if none:
        yield Problem(address, NO_IMAGE)


def walk_images(folder: Path) -> list[Path]:
    """The photographs below a folder; see `scan_images`, which also says what was left out."""
    return scan_images(folder)[0]


def scan_images(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The photographs below a folder, as `scan_folder`, without the masks that lie beside them; these are
    problems, too.
    """
    found, problems = scan_folder(folder)
    masks = find_masks(found, Path(spell_name(folder)))
    problems += [
        Problem(str(mask), f"a mask of {image.name} by its name, beside it: left out")
        for mask, image in masks.items()
    ]
    return [file for file in found if file not in masks], problems


def scan_folder(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The photographs below a folder, recursively and sorted, and what could not be looked at: folders that
    cannot be read, links that lead nowhere.

    Hidden files and hidden folders are left out. Links to folders are followed, but every folder is read
    once: links in a circle end.
    """
    found: list[Path] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    waiting = deque([str(folder)])  # folders, then links to folders
    while waiting:
        here = waiting.popleft()
        real = os.path.realpath(here)
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = list_visible(here)
        except OSError as error:
            problems.append(
                Problem(
                    spell_name(here),
                    f"the folder cannot be read ({error.strerror or error}); expected one that you may "
                    "read: change its permissions",
                )
            )
            continue
        inner = [entry for entry in entries if is_folder(entry)]
        waiting.extendleft(entry.path for entry in reversed(inner) if not entry.is_symlink())
        waiting.extend(entry.path for entry in inner if entry.is_symlink())
        for entry in (entry for entry in entries if has_image_name(entry.name) and not is_folder(entry)):
            if os.path.isfile(entry.path):
                found.append(Path(spell_name(entry.path)))
            else:
                problems.append(Problem(spell_name(entry.path), describe_no_file(entry.path)))
    return sorted(found), problems


def describe_no_file(path: str) -> str:
    """Why what has the name of a photograph is no regular file."""
    if os.path.exists(path):
        return "a pipe, a socket or a device, not a file; expected a photograph"
    return "no file, or a link that leads nowhere; expected a photograph"


def list_visible(folder: str) -> list[os.DirEntry]:
    """What stands in a folder, sorted, without what is hidden."""
    with os.scandir(folder) as entries:
        return sorted(
            (entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name
        )


def is_folder(entry: os.DirEntry) -> bool:
    """Whether an entry is a folder or a link to one; a link in a circle is neither."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False)


def has_image_name(name: str) -> bool:
    """Whether a name is that of a photograph, if only of one that will be listed as a problem; hidden files
    are not.

    >>> has_image_name("mole.JPG"), has_image_name(".mole.jpg"), has_image_name("mole.txt")
    (True, False, False)
    """
    return os.path.splitext(name)[1].lower() in SUFFIXES | UNREAD and not name.startswith(".")


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


def give_up_image(image: Any, lost: Lost) -> Problem:
    """A photograph at which every worker that looked was lost; what was a problem already stays one."""
    if isinstance(image, Problem):
        return image
    return Problem(
        str(image),
        f"ends every worker that reads it ({lost}); expected a photograph of ordinary size: open it with "
        "another program, and save it anew",
    )
