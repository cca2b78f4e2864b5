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
MOST_TEXT = 1 << 20  # bytes of one unpacked comment, Pillow's own limit
MOST_TEXTS = 32 << 20  # and of all of them, half of Pillow's
MOST_PROFILE = 16 << 20  # bytes of an unpacked colour profile
PILLOW_PROFILE = 1 << 20  # above this Pillow refuses the file


@dataclass(frozen=True)
class Chunk:
    """A chunk of a PNG: its type, its content, where it begins and ends in the file, and whether its checksum
    is right.
    """

    kind: bytes
    body: memoryview
    start: int
    end: int
    sound: bool


@dataclass(frozen=True)
class CheckedPng:
    """A PNG that Pillow opens: `content` without what it would stumble over, and the unpacked `profile` where
    that is too long for it.
    """

    content: bytes
    profile: bytes | None = None


def list_chunks(content: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG up to its end or to where it is torn."""
    view, place = memoryview(content), len(SIGNATURE)
    while place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        if end > len(content):
            return
        body = view[place + 8 : end - 4]
        checksum = struct.unpack_from(">I", content, end - 4)[0]
        yield Chunk(kind, body, place, end, zlib.crc32(body, zlib.crc32(kind)) == checksum)
        if kind == b"IEND":
            return
        place = end


def check_png(content: bytes, name: str) -> CheckedPng:
    """A PNG without comments that are damaged or too long for Pillow, since the pixels are whole without
    them.

    Args:
        content: a file that begins as a PNG does.
        name: for the error.

    Returns:
        The file as Pillow should read it.

    Raises:
        PhotoError: where the checksum of any other chunk is wrong: the pixels, or how they are to be read,
            were altered.
    """
    dropped: list[tuple[int, int]] = []
    texts, profile = 0, None
    for chunk in list_chunks(content):
        if chunk.kind in TEXTS:
            size = measure_text(chunk) if chunk.sound and texts <= MOST_TEXTS else MOST_TEXT
            texts += size
            if not chunk.sound or size >= MOST_TEXT or texts > MOST_TEXTS:
                dropped.append((chunk.start, chunk.end))
            continue
        if not chunk.sound:
            raise ImageError(
                f"{name}: damaged: the checksum of the PNG's part {chunk.kind.decode('latin-1')!a} is "
                "wrong, so it was altered or torn on its "
                "way; expected it to agree: copy it again from its source"
            )
        if chunk.kind == b"iCCP":
            unpacked = unpack(find_packed_profile(chunk), MOST_PROFILE)
            if len(unpacked) >= PILLOW_PROFILE:
                dropped.append((chunk.start, chunk.end))
                profile = unpacked if len(unpacked) < MOST_PROFILE else None
    if not dropped:
        return CheckedPng(content)
    return CheckedPng(leave_out(content, dropped), profile)


def leave_out(content: bytes, ranges: list[tuple[int, int]]) -> bytes:
    """The content without some ranges, (start, end) each, in order."""
    kept, place = [], 0
    for start, end in ranges:
        kept.append(content[place:start])
        place = end
    kept.append(content[place:])
    return b"".join(kept)


def measure_text(chunk: Chunk) -> int:
    """Bytes of a comment once it is unpacked, at most `MOST_TEXT`."""
    body = bytes(chunk.body)
    if chunk.kind == b"zTXt":
        return len(unpack(body[body.find(b"\0") + 2 :], MOST_TEXT))
    if chunk.kind == b"iTXt":
        keyword = body.find(b"\0")
        if body[keyword + 1 : keyword + 2] == b"\1":
            language = body.find(b"\0", keyword + 3)
            translated = body.find(b"\0", language + 1)
            return len(unpack(body[translated + 1 :], MOST_TEXT))
    return min(len(body), MOST_TEXT)


def find_packed_profile(chunk: Chunk) -> bytes:
    """The packed colour profile of an iCCP chunk."""
    body = bytes(chunk.body)
    return body[body.find(b"\0") + 2 :]


def unpack(packed: bytes, most: int) -> bytes:
    """What zlib makes of some bytes, cut at `most`; nothing where they are damaged."""
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return b""
