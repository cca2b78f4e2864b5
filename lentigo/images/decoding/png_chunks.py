"""The chunks of a PNG: checksums that must agree, and comments so long that Pillow refuses the file for
them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from lentigo.errors import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
MAX_TEXT_BYTES = 1 << 20  # of one unpacked comment, Pillow's own limit
MAX_ALL_TEXT_BYTES = 32 << 20  # of all of them, half of Pillow's limit
MAX_PROFILE_BYTES = 16 << 20  # of an unpacked colour profile
MAX_PILLOW_PROFILE_BYTES = 1 << 20  # above this Pillow refuses the file
CHUNK_OVERHEAD_BYTES = 12  # length, type and checksum


@dataclass(frozen=True)
class Chunk:
    """A chunk of a PNG.

    Args:
        kind: Its type, four letters.
        body: Its content.
        start: Where it begins in the file.
        end: Where it ends.
        intact: Whether its checksum is right.
    """

    kind: bytes
    body: memoryview
    start: int
    end: int
    intact: bool


@dataclass(frozen=True)
class CheckedPng:
    """A PNG that Pillow opens.

    Args:
        content: The file without what Pillow would refuse.
        profile: The unpacked colour profile where that is too long for Pillow.
    """

    content: bytes
    profile: bytes | None = None


def list_chunks(content: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG up to its end or to where it is torn."""
    view = memoryview(content)
    place = len(SIGNATURE)
    while place + CHUNK_OVERHEAD_BYTES <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + CHUNK_OVERHEAD_BYTES + length
        if end > len(content):
            return
        body = view[place + 8 : end - 4]
        (checksum,) = struct.unpack_from(">I", content, end - 4)
        intact = zlib.crc32(body, zlib.crc32(kind)) == checksum
        yield Chunk(kind, body, place, end, intact)
        if kind == b"IEND":
            return
        place = end


def check_png(content: bytes, name: str) -> CheckedPng:
    """Checks a PNG, and leaves out comments that are damaged or too long for Pillow.

    The pixels are whole without them.

    Args:
        content: A file that begins as a PNG does.
        name: For the error.

    Returns:
        The file as Pillow should read it.

    Raises:
        ImageError: Where the checksum of any other chunk is wrong: the pixels, or how they are to be read,
            were altered.
    """
    dropped: list[tuple[int, int]] = []
    text_bytes = 0  # of all comments so far
    profile = None
    for chunk in list_chunks(content):
        if chunk.kind in TEXTS:
            size = MAX_TEXT_BYTES
            if chunk.intact and text_bytes <= MAX_ALL_TEXT_BYTES:
                size = measure_text(chunk)
            text_bytes += size
            is_too_long = size >= MAX_TEXT_BYTES or text_bytes > MAX_ALL_TEXT_BYTES
            if not chunk.intact or is_too_long:
                dropped.append((chunk.start, chunk.end))
            continue
        if not chunk.intact:
            raise ImageError(
                f"{name}: damaged: the checksum of the PNG's part {chunk.kind.decode('latin-1')!a} is "
                "wrong, so it was altered or torn on its way; expected it to agree: copy it again from its "
                "source"
            )
        if chunk.kind == b"iCCP":
            unpacked = unpack(find_packed_profile(chunk), MAX_PROFILE_BYTES)
            if len(unpacked) >= MAX_PILLOW_PROFILE_BYTES:
                dropped.append((chunk.start, chunk.end))
                profile = unpacked if len(unpacked) < MAX_PROFILE_BYTES else None
    if not dropped:
        return CheckedPng(content)
    return CheckedPng(leave_out(content, dropped), profile)


def leave_out(content: bytes, ranges: list[tuple[int, int]]) -> bytes:
    """The content without some ranges, (start, end) each, in order."""
    kept = []
    place = 0
    for start, end in ranges:
        kept.append(content[place:start])
        place = end
    kept.append(content[place:])
    return b"".join(kept)


def measure_text(chunk: Chunk) -> int:
    """Bytes of a comment once it is unpacked, at most `MAX_TEXT_BYTES`."""
    body = bytes(chunk.body)
    if chunk.kind == b"zTXt":
        return len(unpack(body[body.find(b"\0") + 2 :], MAX_TEXT_BYTES))
    if chunk.kind == b"iTXt":
        keyword = body.find(b"\0")
        if body[keyword + 1 : keyword + 2] == b"\1":
            language = body.find(b"\0", keyword + 3)
            translated = body.find(b"\0", language + 1)
            return len(unpack(body[translated + 1 :], MAX_TEXT_BYTES))
    return min(len(body), MAX_TEXT_BYTES)


def find_packed_profile(chunk: Chunk) -> bytes:
    """The packed colour profile of an iCCP chunk."""
    body = bytes(chunk.body)
    return body[body.find(b"\0") + 2 :]


def unpack(packed: bytes, max_bytes: int) -> bytes:
    """What zlib makes of some bytes, cut at `max_bytes`; nothing where they are damaged.

    Args:
        packed: As zlib packs them.
        max_bytes: Of the answer.
    """
    try:
        return zlib.decompressobj().decompress(packed, max_bytes)
    except zlib.error:
        return b""
