"""One budget of memory for decoding photographs, shared by all threads of a process.

A file of a few hundred bytes may declare millions of pixels, and only a JPEG can be decoded at a fraction of
its size. So what a decoder will take is estimated from the header, and a thread waits until that much of the
budget is free. Large photographs wait in the order in which they came; a share of the budget is kept for
small ones, which never wait for large ones.
"""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache

from PIL import Image

from lentigo.errors import ImageError

BUDGET_BYTES = 1 << 30  # of decoded pixels that all threads hold together
SMALL_SHARE = 8  # one part in so many is kept for small photographs
SMALL_BYTES = 16 << 20  # up to here a photograph is small
M_MMAP_THRESHOLD, MAPPED_BYTES = (
    -3,
    8 << 20,
)  # glibc's option, and from which size on a block goes back to the system when it is freed
MIN_WHOLE_BYTES = 4 << 20  # what a reservation is at least: decoders have tables of their own
TILE_BYTES = (
    12_000  # of OpenJPEG's own records for each tile of a JPEG 2000 file, and TIFF's for each segment
)
MAX_SCAN_PIXELS = (
    2_000_000_000  # pixels times scans of a progressive JPEG: a few kilobytes of scans can take minutes
)

# Bytes a pixel at the peak of decoding, measured with Pillow 13 (the picture, planes and copies); LOG.md,
# 2026-11-29.
WHOLE_RATES = {"WEBP": 17, "AVIF": 14, "HEIF": 14, "DICOM": 18}
JPEG2000_RATE = 8  # for each channel
STORED_RATES = {
    "1": 1,
    "L": 1,
    "P": 1,
    "I;16": 2,
    "I;16L": 2,
    "I;16B": 2,
    "I;16N": 2,
}  # of Pillow's modes; others take 4
OTHER_RATE = 4
TRANSPARENT_MODES = ("RGBA", "LA", "PA", "RGBa", "La")

_SOF_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TILE_WIDTH, _TILE_LENGTH, _ROWS_PER_STRIP = 322, 323, 278
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL, _ORIENTATION = 258, 277, 274


class Reservation:
    """Bytes of the budget that are held; `shrink` gives a part of them back before the end."""

    def __init__(self, lane: Lane, size: int) -> None:
        self.lane, self.size = lane, size

    def shrink(self, size: int) -> None:
        """Holds `size` bytes from now on, where that is less than before.

        Args:
            size: bytes that are still needed.
        """
        if size < self.size:
            self.lane.give_back(self.size - size)
            self.size = size


class Lane:
    """A number of bytes that threads take and give back; those that wait are served in the order in which
    they came.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held = 0
        self.peak = 0
        self.waiting: deque[object] = deque()
        self.changed = threading.Condition()

    def take(self, size: int) -> None:
        """Waits until `size` bytes are free, and takes them."""
        ticket = object()
        with self.changed:
            self.waiting.append(ticket)
            try:
                while self.waiting[0] is not ticket or self.held + size > self.most_bytes:
                    self.changed.wait()
                self.held += size
                self.peak = max(self.peak, self.held)
            finally:
                self.waiting.remove(ticket)
                self.changed.notify_all()

    def give_back(self, size: int) -> None:
        """Makes bytes free for others."""
        with self.changed:
            self.held -= size
            self.changed.notify_all()


class DecodeBudget:
    """Bytes that all threads of a process may hold in decoded photographs. Safe to share by threads; a child
    process begins with all of it.

    Args:
        most_bytes: the whole budget.
    """

    def __init__(self, most_bytes: int = BUDGET_BYTES) -> None:
        self.set_limit(most_bytes)

    def set_limit(self, most_bytes: int) -> None:
        """Another budget from now on; to be called before photographs are read.

        Args:
            most_bytes: the whole budget, such as a third of the memory that a service may use.
        """
        self.most_bytes = most_bytes
        self.small = Lane(most_bytes // SMALL_SHARE)
        self.large = Lane(most_bytes - most_bytes // SMALL_SHARE)

    @property
    def largest(self) -> int:
        """Bytes that one photograph may take."""
        return self.large.most_bytes

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self.small.held + self.large.held

    @property
    def peak(self) -> int:
        """The most bytes that were held at once since the limit was set, or more: the peaks of both lanes."""
        return self.small.peak + self.large.peak

    @contextmanager
    def hold(self, size: int) -> Iterator[Reservation]:
        """Waits until `size` bytes are free and holds them.

        A thread must not hold twice at once: two threads could wait for each other.

        Args:
            size: bytes, at most `largest`.

        Yields:
            The reservation, which can be made smaller.
        """
        size = min(max(size, MIN_WHOLE_BYTES), self.largest)
        lane = self.small if size <= min(SMALL_BYTES, self.small.most_bytes) else self.large
        if lane is self.large:
            return_large_blocks()
        lane.take(size)
        reservation = Reservation(lane, size)
        try:
            yield reservation
        finally:
            lane.give_back(reservation.size)

    def start_over(self) -> None:
        """Forgets what is held: in a child process the threads that held it do not exist."""
        self.set_limit(self.most_bytes)


DECODE_BUDGET = DecodeBudget()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DECODE_BUDGET.start_over)


@dataclass(frozen=True)
class DecodeLimits:
    """What one photograph may have, for a service that others send files to.

    Args:
        most_pixels: of a photograph in any format.
        most_whole_pixels: of one in a format that cannot be decoded at a fraction of its size: all but JPEG.
            A JPEG that keeps all of its coefficients in memory (progressive) is among these.
    """

    most_pixels: int = 50_000_000
    most_whole_pixels: int = 25_000_000

    def check(self, image: Image.Image, content: bytes, name: str) -> None:
        """Raises `ImageError` where a picture, opened and not yet decoded, has too many pixels.

        Args:
            picture: as Pillow opened it.
            content: its file.
            name: for the error.
        """
        width, height = image.size
        most, format_words = self.most_pixels, ""
        if image.format not in ("JPEG", "MPO") or keeps_coefficients(content):
            most = min(most, self.most_whole_pixels)
            format_words = f" in {describe_format(image)}, which is decoded whole"
        if width * height > most:
            raise ImageError(
                f"{name}: {width} x {height} pixels, more than {most / 1e6:g} million{format_words}; "
                "expected a photograph, save it smaller, or as baseline JPEG"
            )


@cache
def return_large_blocks() -> None:
    """Has glibc give large blocks back to the system as soon as they are freed.

    By itself it keeps Pillow's blocks of 16 MB in the heap of each thread: four threads that had decoded 50
    million pixels each held 0.9 GB more than they used. Elsewhere than on Linux nothing is changed.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)


def describe_format(image: Image.Image) -> str:
    """The format of a picture, in words."""
    words = {
        "JPEG2000": "JPEG 2000",
        "WEBP": "WebP",
        "HEIF": "HEIC",
        "JPEG": "progressive JPEG",
        "MPO": "progressive JPEG",
    }
    return words.get(image.format or "", image.format or "an unknown format")


def estimate_bytes(
    image: Image.Image, content: bytes, full_size: tuple[int, int], *, whole: bool = False
) -> int:
    """Bytes that decoding a picture takes at its peak.

    Args:
        picture: as Pillow opened it, after a JPEG's draft.
        content: its file.
        full_size: (width, height) before the draft.
        whole: whether all of its pixels are wanted as an array rather than a reduced picture.

    Returns:
        Bytes, without those of the file.
    """
    content = image.info.get("encoded", content)  # of a JPEG within DICOM
    pixels = image.width * image.height
    stored = STORED_RATES.get(image.mode, OTHER_RATE)
    total = pixels * stored
    if image.format in WHOLE_RATES:
        total = pixels * WHOLE_RATES[image.format]
    elif image.format == "JPEG2000":
        total = pixels * JPEG2000_RATE * max(1, len(image.getbands())) + count_tiles(content) * TILE_BYTES
    elif image.format in ("JPEG", "MPO") and keeps_coefficients(content):
        total += 2 * len(image.getbands()) * full_size[0] * full_size[1]
    elif image.format == "TIFF":
        total += measure_segment(image) + (pixels * stored if _ORIENTATION in image.tag_v2 else 0)
    if whole:
        total += pixels * 3  # the array
        if image.mode != "RGB" or "transparency" in image.info:
            total += pixels * 4  # RGB beside another mode
        if image.info.get("icc_profile") or image.info.get("exif"):
            total += pixels * 4  # turned, or in other colours, beside the first
    return total


def require_budget(
    image: Image.Image, content: bytes, name: str, full_size: tuple[int, int], *, whole: bool = False
) -> int:
    """The bytes of `estimate_bytes`; raises `ImageError` where one photograph would take more than the budget
    allows.

    Args:
        picture: as Pillow opened it, after a JPEG's draft.
        content: its file.
        name: for the error.
        full_size: (width, height) before the draft.
        whole: as for `estimate_bytes`.
    """
    size, largest = estimate_bytes(image, content, full_size, whole=whole), DECODE_BUDGET.largest
    if size > largest:
        pixels = full_size[0] * full_size[1]
        most = max(1, int(pixels * largest / size / 1e6))
        raise ImageError(
            f"{name}: {pixels / 1e6:.0f} million pixels, which take {size / 1e6:,.0f} MB to decode; "
            f"expected at most {most} million in "
            "such a file: save it smaller, or as baseline JPEG, which is decoded in part"
        )
    return size


def keeps_coefficients(content: bytes) -> bool:
    """Whether a JPEG's coefficients are all kept in memory while it is decoded: it is progressive, or its
    channels come one after another.
    """
    channels = 0
    for marker, segment in list_segments(content):
        if marker in _SOF_MARKERS and len(segment) >= 6:
            channels = segment[5]
            if marker in (0xC2, 0xC6, 0xCA, 0xCE):
                return True
        if marker == 0xDA:
            return bool(segment) and segment[0] < channels
    return False


def list_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The segments of a JPEG before its pixels, each as its marker and its content; the first scan's head is
    the last of them.
    """
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # fill
            place += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # stand alone
            place += 2
            continue
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        yield marker, content[place + 4 : place + 2 + length]
        if marker == 0xDA or length < 2:
            return
        place += 2 + length


def check_scans(content: bytes, name: str, size: tuple[int, int]) -> None:
    """Raises `ImageError` where a JPEG goes over its pixels so often that decoding it would take minutes.

    Args:
        content: the file.
        name: for the error.
        size: (width, height).
    """
    scans = content.count(b"\xff\xda")
    if scans > 16 and scans * size[0] * size[1] > MAX_SCAN_PIXELS:
        raise ImageError(
            f"{name}: a JPEG of {scans} scans; expected some ten, as cameras and programs write them: save "
            "it again"
        )


def count_tiles(content: bytes) -> int:
    """The tiles that a JPEG 2000 file declares; 0 where it does not say."""
    place = content.find(b"\xff\x4f\xff\x51")
    if place < 0 or place + 40 > len(content):
        return 0
    right, bottom, _, _, width, height, left, top = struct.unpack(">8I", content[place + 8 : place + 40])
    across = -(-max(0, right - left) // max(1, width))
    down = -(-max(0, bottom - top) // max(1, height))
    return across * down


def measure_segment(image: Image.Image) -> int:
    """Bytes of a strip or tile of a TIFF, each of which is decoded at once."""
    tags = image.tag_v2
    bits = read_tag(tags, _BITS_PER_SAMPLE, 8)
    samples = read_tag(tags, _SAMPLES_PER_PIXEL, 1)
    if _TILE_WIDTH in tags:
        pixels = read_tag(tags, _TILE_WIDTH, 1) * read_tag(tags, _TILE_LENGTH, 1)
    else:
        pixels = image.width * min(image.height, read_tag(tags, _ROWS_PER_STRIP, image.height))
    return pixels * samples * bits // 8


def read_tag(tags: object, number: int, otherwise: int) -> int:
    """The first value of a TIFF's tag as a whole number, `otherwise` where it has none."""
    value = tags.get(number, otherwise)
    if isinstance(value, tuple):
        value = value[0] if value else otherwise
    return max(0, int(value)) if isinstance(value, int | float) else otherwise
