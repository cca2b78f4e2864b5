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
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from lentigo.data.addresses import is_address, read_address, walk_address
from lentigo.errors import DataError, LentigoError, PhotoError

SIDE = 224  # pixels, of the square that the networks see
MOST_PIXELS = 178_956_970  # Pillow's own limit for a decompression bomb: 512 MiB of RGB
AVIF = importlib.util.find_spec("PIL._avif") is not None  # Pillow reads it from 11.3 on, where it was built so
SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".jp2", ".ppm", ".mpo", *([".avif"] * AVIF)})
UNREAD = frozenset({".heic", ".heif", ".hif", ".avif"} - SUFFIXES)  # photographs all the same: found in folders, and listed as problems
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG2000", "PPM", *(["AVIF"] * AVIF))  # Pillow knows others, some of which run programs
NO_PHOTO = f"holds no photograph; expected files ending in {', '.join(sorted(SUFFIXES))}"
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # an EXIF tag, and those of its values that lay a photograph on its side

_opening = threading.Lock()  # warnings filters belong to the whole process


@dataclass(frozen=True)
class Photo:
    """A photograph as the network sees it: `pixels` uint8 (side, side, 3) RGB, and of its file the SHA-256 and the size as stored, (width, height)."""

    image: str
    pixels: np.ndarray
    digest: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Problem:
    """An input that could not be used, and why."""

    image: str
    error: str


def find_photos(path: str | Path) -> list[Path]:
    """The photographs below a folder, recursively and sorted, or the file itself.

    Raises `DataError` where there is no such path or the folder holds no photograph.
    """
    path = Path(path)
    if not os.path.exists(path):  # unlike Path.exists, also false for a name that no file can have
        raise DataError(f"{path}: no such file or folder; expected a photograph or a folder of photographs")
    if not path.is_dir():
        return [path]
    found = walk_photos(path)
    if not found:
        raise DataError(f"{path}: {NO_PHOTO}")
    return found


def list_photos(names: Iterable[str | Path]) -> Iterator[Path | str | Problem]:
    """The photographs that files, folders and addresses name, each name looked at when its turn comes; a folder that holds none is a problem. Files are
    paths, addresses stay words.

    >>> [str(photo) for photo in list_photos(["mole.jpg"])]
    ['mole.jpg']
    """
    for name in names:
        if is_address(name):
            yield from list_addresses(name)
            continue
        found, problems = scan_folder(Path(name)) if os.path.isdir(name) else ([Path(name)], [])
        yield from found
        yield from problems
        if not found and not problems:
            yield Problem(str(name), NO_PHOTO)


def list_addresses(address: str) -> Iterator[str | Problem]:
    """The photographs at and below an address, in the order in which they are found; what is named as a photograph is not looked for."""
    if has_photo_name(address.rpartition("/")[2]):
        yield address
        return
    none = True
    try:
        for found in walk_address(address):
            if found == address or has_photo_name(found.rpartition("/")[2]):
                none = False
                yield found
    except PhotoError as error:
        yield Problem(address, str(error).removeprefix(f"{address}: "))
        return
    if none:
        yield Problem(address, NO_PHOTO)


def walk_photos(folder: Path) -> list[Path]:
    """The photographs below a folder; see `scan_folder`, which also says what could not be looked at."""
    return scan_folder(folder)[0]


def scan_folder(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The photographs below a folder, recursively and sorted, and what could not be looked at: folders that cannot be read, links that lead nowhere.

    Hidden files and hidden folders are left out. Links to folders are followed, but every folder is read once: links in a circle end.
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
            problems.append(Problem(here, f"the folder cannot be read ({error.strerror or error}); expected one that you may read: change its permissions"))
            continue
        inner = [entry for entry in entries if is_folder(entry)]
        waiting.extendleft(entry.path for entry in reversed(inner) if not entry.is_symlink())
        waiting.extend(entry.path for entry in inner if entry.is_symlink())
        for entry in (entry for entry in entries if has_photo_name(entry.name) and not is_folder(entry)):
            if os.path.isfile(entry.path):
                found.append(Path(entry.path))
            else:
                problems.append(Problem(entry.path, "no file, or a link that leads nowhere; expected a photograph"))
    return sorted(found), problems


def list_visible(folder: str) -> list[os.DirEntry]:
    """What stands in a folder, sorted, without what is hidden."""
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def is_folder(entry: os.DirEntry) -> bool:
    """Whether an entry is a folder or a link to one; a link in a circle is neither."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False)


def has_photo_name(name: str) -> bool:
    """Whether a name is that of a photograph, if only of one that will be listed as a problem; hidden files are not.

    >>> has_photo_name("mole.JPG"), has_photo_name(".mole.jpg"), has_photo_name("mole.txt")
    (True, False, False)
    """
    return os.path.splitext(name)[1].lower() in SUFFIXES | UNREAD and not name.startswith(".")


def read_photo(path: str | Path, side: int | None = SIDE) -> Photo:
    """Reads one photograph, squeezed to (side, side), or at its own size where `side` is None.

    Raises `PhotoError` for a file that is missing, unreadable, truncated, animated or too large to open.
    """
    return develop_photo(read_content(path), str(path), side)


def develop_photo(content: bytes, name: str, side: int | None = SIDE) -> Photo:
    """As `read_photo`, of a photograph in memory; `name` stands for its path."""
    with name_damage(content, name), open_picture(content, name) as picture:
        size = picture.size  # before a JPEG's draft, which shrinks it
        return Photo(name, develop(picture, name, side), hashlib.sha256(content).hexdigest(), size)


def view_photo(path: str | Path, most: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Pixels of a photograph in its own proportions, reduced to at most about `most` of them, and its size, (width, height), upright.

    uint8 (height, width, 3). A JPEG is not decoded larger than needed. Raises `PhotoError` as `read_photo`.
    """
    return view_content(read_content(path), str(path), most)


def view_content(content: bytes, name: str, most: int) -> tuple[np.ndarray, tuple[int, int]]:
    """As `view_photo`, of a photograph in memory; `name` stands for its path."""
    with name_damage(content, name), open_picture(content, name) as picture:
        width, height = picture.size
        shrink = min(1.0, (most / (width * height)) ** 0.5)
        wanted = max(1, round(width * shrink)), max(1, round(height * shrink))
        if shrink < 1:
            picture.draft("RGB", wanted)
        turned = picture.getexif().get(ORIENTATION) in TURNED
        upright, wanted = to_rgb(ImageOps.exif_transpose(picture), name), wanted[::-1] if turned else wanted
        if upright.size != wanted:
            upright = upright.resize(wanted, Image.Resampling.BILINEAR, reducing_gap=3.0)
        return np.asarray(to_srgb(upright, picture)), (height, width) if turned else (width, height)


def measure_photo(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels, as stored, without decoding. Raises `PhotoError` where the file is no photograph."""
    return measure_content(read_content(path), str(path))


def measure_content(content: bytes, name: str) -> tuple[int, int]:
    """As `measure_photo`, of a photograph in memory; `name` stands for its path."""
    with name_damage(content, name), open_picture(content, name) as picture:
        return picture.size


def read_content(path: str | Path) -> bytes:
    """The bytes of a file, or of what stands at an address; raises `PhotoError` where it cannot be read."""
    if is_address(path):
        return read_address(path)
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # a ValueError is a zero byte in the name
        raise PhotoError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); expected a photograph") from error


def decode_photo(content: bytes, name: str, side: int | None = SIDE) -> np.ndarray:
    """Pixels, uint8 (height, width, 3) RGB, of an encoded photograph; `name` is for the error. See `read_photo`."""
    with name_damage(content, name), open_picture(content, name) as picture:
        return develop(picture, name, side)


def develop(picture: Image.Image, name: str, side: int | None) -> np.ndarray:
    """Pixels of a picture that was opened and not yet decoded, see `decode_photo`. To be used within `name_damage`."""
    if side is not None:
        picture.draft("RGB", (side, side))  # a JPEG need not be decoded larger than asked for
    upright = to_rgb(ImageOps.exif_transpose(picture), name)
    if side is not None and upright.size != (side, side):
        upright = upright.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(to_srgb(upright, picture))


@contextmanager
def name_damage(content: bytes, name: str) -> Iterator[None]:
    """Turns what Pillow raises on files that are damaged, too large or of another kind into a `PhotoError`."""
    try:
        yield
    except LentigoError:
        raise
    except UnidentifiedImageError as error:
        if content[4:8] == b"ftyp" and content[8:12] != b"avif" * AVIF:  # what phones write, whatever the file is called
            raise PhotoError(f"{name}: HEIC or a kin of it, which is not read; expected JPEG, PNG, TIFF, WebP or BMP: save it as JPEG") from error
        what = f"{len(content)} bytes of another kind" if content else "the file is empty"
        raise PhotoError(f"{name}: not a photograph ({what}); expected JPEG, PNG, TIFF, WebP or BMP") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name}: more than {MOST_PIXELS / 1e6:.0f} million pixels; expected a photograph, save it smaller") from error
    except (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, RuntimeError, struct.error) as error:
        raise PhotoError(f"{name}: damaged or truncated ({error}); copy it again from its source") from error


def open_picture(content: bytes, name: str) -> Image.Image:
    """Opens without decoding, and refuses animations. To be used within `name_damage`."""
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # a phone's MPO holds the photograph and its depth
        raise PhotoError(f"{name}: holds {frames} frames; expected one photograph, save the frame you mean")
    return picture


def to_rgb(picture: Image.Image, name: str) -> Image.Image:
    """8-bit RGB from any mode: 16-bit is scaled, transparency laid on white."""
    if picture.mode == "F":
        raise PhotoError(f"{name}: floating-point pixels, whose range is unknown; expected 8 or 16 bits a channel")
    if picture.mode.startswith("I"):
        grey = np.asarray(picture).astype(np.float64) / 257
        return Image.fromarray(np.clip(grey.round(), 0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return picture.convert("RGB")


def to_srgb(image: Image.Image, source: Image.Image) -> Image.Image:
    """The colours of an RGB image as sRGB shows them, where its source was in colour and holds the profile of another space."""
    profile = source.info.get("icc_profile")
    transform = find_transform(profile) if profile and source.mode in ("RGB", "RGBA", "P") else None
    return image if transform is None else ImageCms.applyTransform(image, transform)


@lru_cache(maxsize=32)
def find_transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """From an embedded ICC profile to sRGB; None for sRGB itself, for a profile that is damaged, and for one not of RGB."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space != "RGB " or "sRGB" in ImageCms.getProfileDescription(opened):
            return None
        return ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def try_photo(path: str | Path | Problem, side: int | None = SIDE) -> Photo | Problem:
    """`read_photo` with the error as a value; what is a problem already stays one."""
    if isinstance(path, Problem):
        return path
    try:
        return read_photo(path, side)
    except PhotoError as error:
        return Problem(str(path), str(error).removeprefix(f"{path}: "))


def stream_photos(paths: Iterable[str | Path | Problem], side: int | None = SIDE, threads: int | None = None) -> Iterator[Photo | Problem]:
    """Reads photographs in order, some ahead of their use, in constant memory; failures, and problems of `list_photos`, come in their place."""
    threads = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque = deque()
        try:
            for path in paths:
                ahead.append(pool.submit(try_photo, path, side))
                if len(ahead) >= 16 * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


def read_all(paths: Iterable[str | Path], side: int | None = SIDE) -> tuple[list[Photo], list[Problem]]:
    """All photographs that can be read, and the problems of the others.

    >>> photos, problems = read_all(["no-such-file.jpg"])
    >>> len(photos), problems[0].image
    (0, 'no-such-file.jpg')
    """
    answers = list(stream_photos(paths, side))
    return [a for a in answers if isinstance(a, Photo)], [a for a in answers if isinstance(a, Problem)]
