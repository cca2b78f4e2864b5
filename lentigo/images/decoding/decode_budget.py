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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from PIL import Image

from lentigo.errors import ImageError

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

BUDGET_BYTES = 1 << 30  # of decoded pixels that all threads hold together
SMALL_SHARE = 8  # one part in so many is kept for small photographs
SMALL_BYTES = 16 << 20  # up to here a photograph is small
MIN_WHOLE_BYTES = 4 << 20  # what a reservation is at least: decoders have tables of their own
M_MMAP_THRESHOLD = -3  # glibc's option
MAPPED_BYTES = 8 << 20  # from this size on a block goes back to the system when it is freed
# Of OpenJPEG's own records for each tile of a JPEG 2000 file, and TIFF's for each segment
TILE_BYTES = 12_000
# Pixels times scans of a progressive JPEG: a few kilobytes of scans can take minutes
MAX_SCAN_PIXELS = 2_000_000_000
USUAL_SCANS = 16  # that any JPEG may have

# Bytes a pixel at the peak of decoding, measured with Pillow 13 (the image, planes and other forms of it);
# LOG.md,
# 2026-11-29.
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

# Markers of a JPEG: the heads of frames, progressive ones among them, and the head of a scan
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_MARKERS = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN_MARKER = 0xDA
_FILL = 0xFF
# Tags of a TIFF
_TILE_WIDTH = 322
_TILE_LENGTH = 323
_ROWS_PER_STRIP = 278
_BITS_PER_SAMPLE = 258
_SAMPLES_PER_PIXEL = 277
_ORIENTATION = 274


class Reservation:
    """Bytes of the budget that are held; `shrink` gives a part of them back before the end."""

    def __init__(self, lane: Lane, size: int) -> None:
        self.lane = lane
        self.size = size

    def shrink(self, size: int) -> None:
        """Holds `size` bytes from now on, where that is less than before.

        Args:
            size: Bytes that are still needed.
        """
        if size < self.size:
            self.lane.give_back(self.size - size)
            self.size = size


class Lane:
    """A number of bytes that threads take and give back.

    Those that wait are served in the order in which they came.

    Args:
        max_bytes: That all threads together may take.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0
        self.peak = 0
        self.waiting: deque[object] = deque()
        self.changed = threading.Condition()

    def take(self, size: int) -> None:
        """Waits until bytes are free, and takes them.

        Args:
            size: Bytes.
        """
        ticket = object()
        with self.changed:
            self.waiting.append(ticket)
            try:
                while self.waiting[0] is not ticket or self.held + size > self.max_bytes:
                    self.changed.wait()
                self.held += size
                self.peak = max(self.peak, self.held)
            finally:
                self.waiting.remove(ticket)
                self.changed.notify_all()

    def give_back(self, size: int) -> None:
        """Makes bytes free for others.

        Args:
            size: Bytes.
        """
        with self.changed:
            self.held -= size
            self.changed.notify_all()


class DecodeBudget:
    """Bytes that all threads of a process may hold in decoded photographs.

    Safe to share by threads; a child process begins with all of it.

    Args:
        max_bytes: the whole budget.
    """

    def __init__(self, max_bytes: int = BUDGET_BYTES) -> None:
        self.set_limit(max_bytes)

    def set_limit(self, max_bytes: int) -> None:
        """Sets another budget; to be called before photographs are read.

        Args:
            max_bytes: the whole budget, such as a third of the memory that a service may use.
        """
        self.max_bytes = max_bytes
        small_bytes = max_bytes // SMALL_SHARE
        self.small = Lane(small_bytes)
        self.large = Lane(max_bytes - small_bytes)

    @property
    def largest(self) -> int:
        """Bytes that one photograph may take."""
        return self.large.max_bytes

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
        """Waits until bytes are free and holds them as long as the context lasts.

        A thread must not hold twice at once: two threads could wait for each other.

        Args:
            size: bytes, at most `largest`.

        Yields:
            The reservation, which can be made smaller.
        """
        size = min(max(size, MIN_WHOLE_BYTES), self.largest)
        if size <= min(SMALL_BYTES, self.small.max_bytes):
            lane = self.small
        else:
            lane = self.large
            return_large_blocks()
        lane.take(size)
        reservation = Reservation(lane, size)
        try:
            yield reservation
        finally:
            lane.give_back(reservation.size)

    def start_over(self) -> None:
        """Forgets what is held: in a child process the threads that held it do not exist."""
        self.set_limit(self.max_bytes)


DECODE_BUDGET = DecodeBudget()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DECODE_BUDGET.start_over)


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
        if image.format not in ("JPEG", "MPO") or keeps_coefficients(content):
            max_pixels = min(max_pixels, self.max_whole_pixels)
            reason = f" in {describe_format(image)}, which is decoded whole"
        if width * height > max_pixels:
            raise ImageError(
                f"{name}: {width} x {height} pixels, more than {max_pixels / 1e6:g} million{reason}; "
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
    pixels = image.width * image.height
    stored = pixels * STORED_RATES.get(image.mode, OTHER_RATE)
    channels = max(1, len(image.getbands()))
    if image.format in WHOLE_RATES:
        total = pixels * WHOLE_RATES[image.format]
    elif image.format == "JPEG2000":
        total = pixels * JPEG2000_RATE * channels + count_tiles(content) * TILE_BYTES
    elif image.format in ("JPEG", "MPO") and keeps_coefficients(content):
        coefficients = channels * full_size[0] * full_size[1]
        total = stored + 2 * coefficients  # of two bytes each
    elif image.format == "TIFF":
        tiff = cast("TiffImageFile", image)
        total = stored + measure_segment(tiff)
        if _ORIENTATION in tiff.tag_v2:
            total += stored  # turned beside the first
    else:
        total = stored
    if whole:
        total += pixels * ARRAY_RATE
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


def keeps_coefficients(content: bytes) -> bool:
    """Whether a JPEG's coefficients are all kept in memory while it is decoded.

    They are where it is progressive, or its channels come one after another.

    Args:
        content: The file.
    """
    channels = 0
    for marker, segment in list_segments(content):
        if marker in _FRAME_MARKERS and len(segment) >= 6:
            channels = segment[5]
            if marker in _PROGRESSIVE_MARKERS:
                return True
        if marker == _SCAN_MARKER:
            return bool(segment) and segment[0] < channels
    return False


def list_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Lists the segments of a JPEG before its pixels; the first scan's head is the last of them.

    Args:
        content: The file.

    Yields:
        The marker and the content of each.
    """
    place = 2
    while place + 4 <= len(content) and content[place] == _FILL:
        marker = content[place + 1]
        if marker == _FILL:
            place += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone, without content
            place += 2
            continue
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        yield marker, content[place + 4 : place + 2 + length]
        if marker == _SCAN_MARKER or length < 2:
            return
        place += 2 + length


def check_scans(content: bytes, name: str, size: tuple[int, int]) -> None:
    """Checks that a JPEG does not go over its pixels so often that decoding it would take minutes.

    Args:
        content: The file.
        name: For the error.
        size: (width, height).

    Raises:
        ImageError: Where it does.
    """
    scans = content.count(b"\xff\xda")
    if scans > USUAL_SCANS and scans * size[0] * size[1] > MAX_SCAN_PIXELS:
        raise ImageError(
            f"{name}: a JPEG of {scans} scans; expected some ten, as cameras and programs write them: save "
            "it again"
        )


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
    if _TILE_WIDTH in tags:
        pixels = read_tag(tags, _TILE_WIDTH, 1) * read_tag(tags, _TILE_LENGTH, 1)
    else:
        rows = min(image.height, read_tag(tags, _ROWS_PER_STRIP, image.height))
        pixels = image.width * rows
    return pixels * samples * bits // 8


def read_tag(tags: Mapping[int, Any], number: int, otherwise: int) -> int:
    """The first value of a TIFF's tag as a whole number, `otherwise` where it has none."""
    value = tags.get(number, otherwise)
    if isinstance(value, tuple):
        value = value[0] if value else otherwise
    if isinstance(value, int | float):
        return max(0, int(value))
    return otherwise
