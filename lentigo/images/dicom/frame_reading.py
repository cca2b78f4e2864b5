"""Single frames of files that hold many: each is read where it lies, as a file of that frame alone.

What stands before the pixels, and where each frame begins, is found once for a file and remembered as long as
the file stays the same.
"""

from __future__ import annotations

import os
import struct
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from lentigo.common.file_names import find_name
from lentigo.common.file_reading import MAX_FILE_BYTES, open_regular
from lentigo.common.hashing import hash_version
from lentigo.errors import ImageError
from lentigo.images.dicom.dicom_attributes import (
    is_deflated,
    is_dicom,
    load_pydicom,
    mute_remarks,
    name_dicom_damage,
)
from lentigo.images.dicom.dicom_frames import BIG_ENDIAN, NATIVE, Frame, describe_layout, find_frame

if TYPE_CHECKING:
    from pydicom import Dataset

FRAME_COUNT_TAG = 0x00280008
PER_FRAME_TAG = 0x52009230  # attributes of each frame, none of which is read
PIXEL_TAG = (0x7FE0, 0x0010)
UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = b"\xfe\xff\x00\xe0"
END_OF_ITEMS = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
ITEM_HEAD_BYTES = 8
SEQUENCE_HEAD_BYTES = 12  # of an element with its type, as sequences and pixels have it
IMPLICIT_HEAD_BYTES = 8
MAX_META_BYTES = 2048  # in which the transfer syntax stands
MAX_INDEXES = 8  # of files that are remembered

Place = tuple[int, int]  # where bytes begin in a file, and how many
Version = tuple[int, int, int]  # time of the last change, size and inode of a file


class FrameContent(bytes):
    """The bytes of a DICOM file of one frame, taken from a file of several.

    Attributes:
        file_digest: the SHA-256 of the whole file.
    """

    file_digest: str


@dataclass(frozen=True)
class FrameIndex:
    """Where the frames of a file lie.

    Attributes:
        header: what stands before the pixels, for a file of one frame.
        pixel_head: the head of the element of pixels, without its length.
        order: "<" or ">", in which numbers are written.
        encapsulated: whether frames are compressed.
        places: of each frame the pieces that it is stored in.
        digest: the SHA-256 of the file.
    """

    header: bytes
    pixel_head: bytes
    order: str
    encapsulated: bool
    places: tuple[tuple[Place, ...], ...]
    digest: str


def read_frame(path: str) -> FrameContent | None:
    """Reads one frame of a file.

    Args:
        path: With the frame, such as `scan.dcm#2`.

    Returns:
        A file of that frame alone. None where the frames cannot be found without decoding: the file is to be
        read as a whole, which also says what is wrong with it.

    Raises:
        OSError: Where the file cannot be read.
    """
    number = find_frame(path)
    name = find_name(path)
    if number is None or name == path:  # a file may have such a name itself
        return None
    status = os.stat(name)
    if status.st_size > MAX_FILE_BYTES:
        return None
    index = find_index(os.path.abspath(name), (status.st_mtime_ns, status.st_size, status.st_ino))
    if index is None or number > len(index.places):
        return None
    with open_regular(name) as file:
        pieces = []
        for start, length in index.places[number - 1]:
            file.seek(start)
            pieces.append(file.read(length))
    content = FrameContent(join_frame(index, b"".join(pieces)))
    content.file_digest = index.digest
    return content


_INDEXING = threading.Lock()  # threads that ask for frames of the same file wait for its one index


def find_index(path: str, version: Version) -> FrameIndex | None:
    """The index of a file, made once for each version of it."""
    with _INDEXING:
        return make_index(path, version)


@lru_cache(maxsize=MAX_INDEXES)
def make_index(path: str, version: Version) -> FrameIndex | None:
    """Finds the frames of a file; None where that takes more than its attributes."""
    with open_regular(path) as file:
        start = file.read(MAX_META_BYTES)
        if not is_dicom(start) or is_deflated(start):
            return None
        file.seek(0)
        try:
            with name_dicom_damage(path), mute_remarks():
                dataset = load_pydicom().dcmread(file, stop_before_pixels=True)
                layout = describe_layout(dataset, path)
                return index_pixels(file, dataset, layout, hash_version(path, version))
        except ImageError:
            return None


def index_pixels(file: BinaryIO, dataset: Dataset, layout: Frame, digest: str) -> FrameIndex | None:
    """Finds the frames of a file that is read up to its pixels."""
    pixel_start = file.tell()
    order = ">" if layout.syntax == BIG_ENDIAN else "<"
    head_bytes = IMPLICIT_HEAD_BYTES if layout.syntax == NATIVE[0] else SEQUENCE_HEAD_BYTES
    head = file.read(head_bytes)
    if len(head) < head_bytes or struct.unpack(f"{order}HH", head[:4]) != PIXEL_TAG:
        return None
    (length,) = struct.unpack(f"{order}I", head[-4:])
    if layout.syntax in NATIVE:
        places = place_native(layout, pixel_start + head_bytes, length)
    else:
        places = place_encapsulated(file, layout.count)
    if places is None:
        return None
    header = make_header(file, dataset, pixel_start, head_bytes)
    return FrameIndex(header, head[:-4], order, layout.syntax not in NATIVE, places, digest)


def place_native(layout: Frame, start: int, length: int) -> tuple[tuple[Place, ...], ...] | None:
    """Places of frames that are not compressed; None where the file is too short for them."""
    size = layout.native_bytes
    if length == UNDEFINED_LENGTH or layout.count * size > length or not size:
        return None
    return tuple(((start + number * size, size),) for number in range(layout.count))


def place_encapsulated(file: BinaryIO, count: int) -> tuple[tuple[Place, ...], ...] | None:
    """Places of compressed frames; None where it is not said which pieces belong together."""
    encaps = load_pydicom().encaps
    offsets = encaps.parse_basic_offsets(file)
    first_item = file.tell()
    _, items = encaps.parse_fragments(file)
    fragments = []
    for item in items:
        file.seek(item + 4)
        (length,) = struct.unpack("<I", file.read(4))
        fragments.append((item + ITEM_HEAD_BYTES, length))
    if len(fragments) == count:
        return tuple((fragment,) for fragment in fragments)
    if len(offsets) != count:
        return None
    starts = [first_item + offset for offset in offsets]
    frames: list[list[Place]] = [[] for _ in starts]
    frame = -1
    for item, fragment in zip(items, fragments, strict=True):
        if frame + 1 < count and item == starts[frame + 1]:
            frame += 1
        if frame < 0:
            return None
        frames[frame].append(fragment)
    return tuple(tuple(pieces) for pieces in frames) if all(frames) else None


def make_header(file: BinaryIO, dataset: Dataset, pixel_start: int, head_bytes: int) -> bytes:
    """What stands before the pixels, as of a file of one frame and without the attributes of each.

    Args:
        file: Open for reading.
        dataset: Its attributes, read up to the pixels.
        pixel_start: Where the element of the pixels begins, bytes.
        head_bytes: How long the head of an element is in its transfer syntax.

    Returns:
        The bytes before the pixels, with 1 as the number of frames.
    """
    file.seek(0)
    header = bytearray(file.read(pixel_start))
    groups = dataset.get_item(PER_FRAME_TAG)
    if groups is not None and max(dataset.keys()) == PER_FRAME_TAG:
        # It is the last element: what is cut off is all that follows
        del header[find_value_start(groups) - head_bytes :]
    element = dataset.get_item(FRAME_COUNT_TAG)
    if element is not None and element.value:
        start = find_value_start(element)
        length = len(element.value) if isinstance(element.value, bytes) else len(str(element.value))
        header[start : start + length] = b"1".ljust(length)
    return bytes(header)


def find_value_start(element: Any) -> int:
    """Where the value of an element begins in its file."""
    return element.value_tell if hasattr(element, "value_tell") else element.file_tell


def join_frame(index: FrameIndex, pixels: bytes) -> bytes:
    """A file of one frame."""
    if index.encapsulated:
        length = struct.pack("<I", UNDEFINED_LENGTH)
        no_offsets = ITEM + bytes(4)
        item = ITEM + struct.pack("<I", len(pixels))
        return b"".join([index.header, index.pixel_head, length, no_offsets, item, pixels, END_OF_ITEMS])
    padding = bytes(len(pixels) % 2)
    length = struct.pack(f"{index.order}I", len(pixels) + len(padding))
    return b"".join([index.header, index.pixel_head, length, pixels, padding])
