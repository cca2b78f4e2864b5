"""Photographs damaged in their structure: chunks, segments, boxes, tags and elements are dropped, repeated,
moved, emptied, inflated or contradict each other, while lengths and checksums around them stay right.

Random bytes (`mutated.py`) seldom come past a checksum or a length; these do.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NUMBER_FORMS = ("<I", ">I", "<H", ">H", "B")
MAX_FILE_BYTES = 4_000_000  # of a damaged file
BOMB_BYTES = 3_000_000  # of zeros, packed into a few kilobytes
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
BOX_CONTAINERS = (b"meta", b"iprp", b"ipco", b"jp2h", b"moov", b"dinf", b"res ")
FULL_BOXES = (b"meta",)  # containers with four bytes of version and flags before their boxes
LONG_ELEMENTS = (b"OB", b"OW", b"OF", b"SQ", b"UN", b"UT")  # of DICOM, with a length of four bytes
TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}

Rng = np.random.Generator


@dataclass(frozen=True)
class Part:
    """A part of a file: what kind it is of, and what it holds."""

    kind: bytes
    body: bytes


@dataclass(frozen=True)
class Form:
    """A format of files: how one is split into its parts, and joined again with right lengths."""

    split: Callable[[bytes], list[Part]]
    join: Callable[[list[Part]], bytes]
    bombs: tuple[Callable[[Rng], Part], ...] = ()


def damage_structure(name: str, content: bytes, rng: Rng) -> bytes:
    """Damages a file in its structure.

    Args:
        name: Of its seed, which begins with its format.
        content: The sound file.
        rng: Chooses what is damaged.

    Returns:
        The damaged file.
    """
    form = FORMS[name.partition("-")[0]]
    parts = form.split(content)
    for _ in range(int(rng.integers(1, 4))):
        if form.bombs and rng.random() < 0.15:
            bomb = form.bombs[int(rng.integers(len(form.bombs)))](rng)
            parts.insert(int(rng.integers(1, len(parts) + 1)), bomb)
        else:
            change = CHANGES[int(rng.integers(len(CHANGES)))]
            change(parts, rng)
    damaged = form.join(parts)
    if rng.random() < 0.05:
        damaged += content  # two files in one
    return damaged[:MAX_FILE_BYTES]


# --- what is done to the parts


def drop_part(parts: list[Part], rng: Rng) -> None:
    """One part is missing."""
    if len(parts) > 1:
        del parts[int(rng.integers(len(parts)))]


def repeat_part(parts: list[Part], rng: Rng) -> None:
    """One part stands there several times."""
    place = int(rng.integers(len(parts)))
    times = int(rng.choice([1, 2, 20, 2000]))
    size = max(1, len(parts[place].body))
    times = min(times, max(1, MAX_FILE_BYTES // 4 // size))
    parts[place:place] = [parts[place]] * times


def move_part(parts: list[Part], rng: Rng) -> None:
    """One part stands elsewhere."""
    part = parts.pop(int(rng.integers(len(parts))))
    parts.insert(int(rng.integers(len(parts) + 1)), part)


def shuffle_parts(parts: list[Part], rng: Rng) -> None:
    """All parts but the first stand in another order."""
    tail = parts[1:]
    order = rng.permutation(len(tail))
    parts[1:] = [tail[number] for number in order]


def write_extreme(parts: list[Part], rng: Rng) -> None:
    """A number within a part becomes an extreme one."""
    place = int(rng.integers(len(parts)))
    body = bytearray(parts[place].body)
    if not body:
        return
    form = NUMBER_FORMS[int(rng.integers(len(NUMBER_FORMS)))]
    size = struct.calcsize(form)
    number = EXTREMES[int(rng.integers(len(EXTREMES)))] & (256**size - 1)
    start = int(rng.integers(min(len(body), 64)))
    body[start : start + size] = struct.pack(form, number)
    parts[place] = Part(parts[place].kind, bytes(body))


def change_byte(parts: list[Part], rng: Rng) -> None:
    """A few bytes of a part become others."""
    place = int(rng.integers(len(parts)))
    body = bytearray(parts[place].body)
    for _ in range(int(rng.integers(1, 4))):
        if body:
            body[int(rng.integers(len(body)))] = int(rng.integers(256))
    parts[place] = Part(parts[place].kind, bytes(body))


def cut_part(parts: list[Part], rng: Rng) -> None:
    """The end of a part is missing, or all of it."""
    place = int(rng.integers(len(parts)))
    body = parts[place].body
    end = int(rng.integers(len(body) + 1)) if rng.random() < 0.7 else 0
    parts[place] = Part(parts[place].kind, body[:end])


def grow_part(parts: list[Part], rng: Rng) -> None:
    """A part goes on with zeros, ones or itself."""
    place = int(rng.integers(len(parts)))
    part = parts[place]
    size = int(rng.choice([1, 7, 1000, 70_000, 1_000_000]))
    filling = (b"\0", b"\xff", part.body[:1000] or b"x")[int(rng.integers(3))]
    added = (filling * (size // len(filling) + 1))[:size]
    parts[place] = Part(part.kind, part.body + added)


def rename_part(parts: list[Part], rng: Rng) -> None:
    """A part says that it is of the kind of another."""
    place = int(rng.integers(len(parts)))
    other = parts[int(rng.integers(len(parts)))]
    parts[place] = Part(other.kind, parts[place].body)


CHANGES = (
    drop_part, repeat_part, move_part, shuffle_parts, write_extreme, write_extreme, write_extreme, change_byte,
    cut_part, grow_part, rename_part,
)  # fmt: skip


# --- bombs


def pack_zeros(rng: Rng) -> bytes:
    """Zeros, packed by zlib."""
    return zlib.compress(bytes(int(rng.choice([100_000, BOMB_BYTES]))), 9)


def make_looping_exif(rng: Rng) -> bytes:
    """EXIF whose directory comes after itself, or whose entries say that they are gigabytes long."""
    entries = [
        (0x0112, 3, 1, 6 << 16),
        (0x8769, 4, 1, 8),
        (0x010E, 2, 0xFFFFFFFF, 8),
        (0x9286, 7, 1 << 31, 4),
    ]
    chosen = rng.permutation(len(entries))[: int(rng.integers(1, 5))]
    directory = b"".join(struct.pack(">HHII", *entries[number]) for number in chosen)
    count = int(rng.choice([len(chosen), 0xFFFF]))
    following = int(rng.choice([0, 8, 0xFFFFFFFF]))
    return b"MM\0*" + struct.pack(">IH", 8, count) + directory + struct.pack(">I", following)


def make_xmp(rng: Rng) -> bytes:
    """XMP whose entities grow without bound, or that is very deep or very long."""
    head = b'<?xpacket begin=""?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    entities = b""
    for letter in b"bcdefghij":
        entities += b'<!ENTITY %c "%s">' % (letter, b"&%c;" % (letter - 1) * 10)  # ten of the one before
    bombs = (
        head + entities + b"]><x>&j;</x>",
        b"<x>" * 20_000,
        b"<x:xmpmeta tiff:Orientation='6'>" + b" " * 900_000 + b"</x:xmpmeta>",
    )
    return bombs[int(rng.integers(len(bombs)))]


def make_profile_bomb(rng: Rng) -> bytes:
    """A colour profile that says that it holds four thousand million tags, or points outside of itself."""
    size = int(rng.choice([132, 200, 0xFFFFFFFF]))
    count = int(rng.choice([0, 1, 100, 0xFFFFFFFF]))
    head = struct.pack(">I", size) + b"lcms" + b"\x04\x20\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(88)
    tags = b""
    for name in (b"rTRC", b"gTRC", b"bTRC", b"desc", b"A2B0"):
        offset = int(rng.choice([0, 128, 0xFFFFFFF0]))
        length = int(rng.choice([4, 0xFFFFFFFF]))
        tags += struct.pack(">4sII", name, offset, length)
    return head[:128].ljust(128, b"\0") + struct.pack(">I", count) + tags


# --- PNG


def split_png(content: bytes) -> list[Part]:
    """The chunks."""
    parts = []
    place = len(PNG_SIGNATURE)
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        parts.append(Part(content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return parts


def join_png(parts: list[Part]) -> bytes:
    """The chunks with right lengths and checksums."""
    chunks = [PNG_SIGNATURE]
    for part in parts:
        kind = part.kind[:4].ljust(4, b"x")
        checksum = zlib.crc32(kind + part.body)
        chunks.append(struct.pack(">I", len(part.body)) + kind + part.body + struct.pack(">I", checksum))
    return b"".join(chunks)


def make_png_header(rng: Rng) -> Part:
    """Another header: other sizes, bits, colour type and interlacing."""
    width, height = (int(rng.choice([0, 1, 3, 95, 96, 5000, 30_000, 1 << 31])) for _ in range(2))
    bits = int(rng.choice([0, 1, 2, 4, 8, 16, 32]))
    colour = int(rng.choice([0, 1, 2, 3, 4, 6, 7]))
    return Part(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(rng.integers(3))))


PNG_BOMBS = (
    make_png_header,
    lambda rng: Part(b"IDAT", pack_zeros(rng)),
    lambda rng: Part(b"iCCP", b"profile\0\0" + pack_zeros(rng)),
    lambda rng: Part(b"iCCP", b"profile\0\0" + zlib.compress(make_profile_bomb(rng))),
    lambda rng: Part(b"zTXt", b"note\0\0" + pack_zeros(rng)),
    lambda rng: Part(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + make_xmp(rng)),
    lambda rng: Part(b"eXIf", make_looping_exif(rng)),
    lambda rng: Part(b"acTL", struct.pack(">II", int(rng.choice([0, 1, 2, 0xFFFFFFFF])), 0)),
    lambda rng: Part(b"fcTL", struct.pack(">IIIIIHHBB", 0, 5000, 5000, 1 << 30, 1, 0, 0, 3, 2)),
    lambda rng: Part(b"fdAT", struct.pack(">I", 1) + pack_zeros(rng)),
    lambda rng: Part(b"PLTE", bytes(int(rng.choice([0, 3, 4, 768, 1024])))),
    lambda rng: Part(b"tRNS", bytes(int(rng.choice([0, 1, 2, 6, 256, 300])))),
    lambda rng: Part(b"gAMA", struct.pack(">I", int(rng.choice([0, 1, 45455, 100_000, 0xFFFFFFFF])))),
    lambda rng: Part(b"cHRM", bytes(int(rng.choice([0, 31, 32])))),
)


# --- JPEG


def split_jpeg(content: bytes) -> list[Part]:
    """The segments; the scan with all that follows is the last."""
    parts = [Part(b"\xd8", b"")]
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1 : place + 2]
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        if marker == b"\xda":
            parts.append(Part(marker, content[place + 2 :]))
            break
        parts.append(Part(marker, content[place + 4 : place + 2 + length]))
        place += 2 + length
    return parts


def join_jpeg(parts: list[Part]) -> bytes:
    """The segments with right lengths; what is longer than a segment may be is cut."""
    segments = []
    for part in parts:
        if part.kind == b"\xd8":
            segments.append(b"\xff\xd8")
        elif part.kind == b"\xda":
            segments.append(b"\xff\xda" + part.body)
        else:
            body = part.body[:65_533]
            segments.append(b"\xff" + part.kind[:1] + struct.pack(">H", len(body) + 2) + body)
    return b"".join(segments)


def make_frame(rng: Rng) -> Part:
    """Another head of a frame: other ways of coding, sizes, channels and sampling."""
    kind = bytes([int(rng.choice([0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB]))])
    height, width = (int(rng.choice([0, 1, 95, 96, 5000, 65_500, 65_535])) for _ in range(2))
    channels = int(rng.choice([0, 1, 2, 3, 4, 5, 255]))
    body = struct.pack(">BHHB", int(rng.choice([8, 12, 16])), height, width, channels)
    for number in range(min(channels, 10)):
        sampling = int(rng.choice([0x11, 0x22, 0x44, 0x41, 0x00, 0xFF]))
        body += bytes([number + 1, sampling, int(rng.integers(5))])
    return Part(kind, body)


def make_profile_segment(rng: Rng) -> Part:
    """One piece of a colour profile that says that there are others."""
    number = int(rng.integers(256))
    count = int(rng.integers(256))
    return Part(b"\xe2", b"ICC_PROFILE\0" + bytes([number, count]) + make_profile_bomb(rng))


JPEG_BOMBS = (
    make_frame,
    make_profile_segment,
    lambda rng: Part(b"\xe1", b"Exif\0\0" + make_looping_exif(rng)),
    lambda rng: Part(b"\xe1", b"http://ns.adobe.com/xap/1.0/\0" + make_xmp(rng)),
    lambda rng: Part(b"\xe2", b"MPF\0" + make_looping_exif(rng)),
    lambda rng: Part(b"\xed", b"Photoshop 3.0\x008BIM\x03\xed" + bytes(int(rng.integers(40)))),
    lambda rng: Part(b"\xee", b"Adobe" + bytes(int(rng.integers(3, 12)))),
    lambda rng: Part(b"\xe0", b"JFIF\0" + bytes(int(rng.integers(20)))),
    lambda rng: Part(b"\xdd", struct.pack(">H", int(rng.choice([0, 1, 3, 65_535])))),
    lambda rng: Part(b"\xdc", struct.pack(">H", int(rng.choice([0, 1, 5000, 65_535])))),
    lambda rng: Part(b"\xdb", bytes(int(rng.choice([0, 1, 64, 65, 129])))),
)


# --- WebP


def split_riff(content: bytes) -> list[Part]:
    """The chunks after the head of twelve bytes, which is the first part."""
    parts = [Part(b"RIFF", content[8:12])]
    place = 12
    while place + 8 <= len(content):
        length = int.from_bytes(content[place + 4 : place + 8], "little")
        parts.append(Part(content[place : place + 4], content[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    return parts


def join_riff(parts: list[Part]) -> bytes:
    """The chunks with right lengths."""
    chunks = []
    for part in parts:
        if part.kind != b"RIFF":
            padding = b"\0" * (len(part.body) % 2)
            chunks.append(part.kind + struct.pack("<I", len(part.body)) + part.body + padding)
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def make_canvas(rng: Rng) -> Part:
    """A head that promises other things and another size."""
    width, height = (int(rng.choice([0, 95, 4999, 16_382, 0xFFFFFF])) for _ in range(2))
    flags = int(rng.integers(256))
    return Part(
        b"VP8X", struct.pack("<I", flags) + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3]
    )


WEBP_BOMBS = (
    make_canvas,
    lambda rng: Part(b"ICCP", make_profile_bomb(rng)),
    lambda rng: Part(b"EXIF", make_looping_exif(rng)),
    lambda rng: Part(b"XMP ", make_xmp(rng)),
    lambda rng: Part(b"ANIM", bytes(int(rng.choice([0, 6, 8])))),
    lambda rng: Part(b"ANMF", bytes(int(rng.choice([0, 15, 16, 24])))),
    lambda rng: Part(b"ALPH", bytes(int(rng.choice([0, 1, 2, 100])))),
)


# --- ISO boxes: HEIC, AVIF, JPEG 2000


def split_boxes(content: bytes) -> list[Part]:
    """The boxes, those within containers too; a container is a part that only opens, and one that closes."""
    parts: list[Part] = []
    place = 0
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        kind = content[place + 4 : place + 8]
        end = place + length if length >= 8 else len(content)
        body = content[place + 8 : end]
        if kind in BOX_CONTAINERS:
            head = 4 if kind in FULL_BOXES else 0
            parts.append(Part(b"(" + kind, body[:head]))
            parts += split_boxes(body[head:])
            parts.append(Part(b")" + kind, b""))
        else:
            parts.append(Part(kind, body))
        place = end
    return parts


def join_boxes(parts: list[Part]) -> bytes:
    """The boxes with right lengths; containers that are not closed are closed at the end."""
    levels = [b""]
    kinds: list[bytes] = []
    for part in parts:
        if part.kind.startswith(b"("):
            levels.append(part.body)
            kinds.append(part.kind[1:])
        elif part.kind.startswith(b")"):
            if kinds:
                close_box(levels, kinds)
        else:
            levels[-1] += struct.pack(">I", len(part.body) + 8) + part.kind + part.body
    while kinds:
        close_box(levels, kinds)
    return levels[0]


def close_box(levels: list[bytes], kinds: list[bytes]) -> None:
    """Puts the innermost container into the one around it."""
    body = levels.pop()
    levels[-1] += struct.pack(">I", len(body) + 8) + kinds.pop() + body


def make_size_box(rng: Rng) -> Part:
    """A property that says another size."""
    width, height = (int(rng.choice([0, 1, 64, 96, 5000, 65_535, 0xFFFFFFFF])) for _ in range(2))
    return Part(b"ispe", struct.pack(">III", 0, width, height))


def make_image_header(rng: Rng) -> Part:
    """JPEG 2000's head of another size."""
    width, height = (int(rng.choice([0, 1, 96, 5000, 65_535, 0xFFFFFFFF])) for _ in range(2))
    channels = int(rng.choice([0, 1, 3, 4, 5, 16_384]))
    return Part(b"ihdr", struct.pack(">IIHBBBB", height, width, channels, 7, 7, 0, 0))


BOX_BOMBS = (
    make_size_box,
    make_image_header,
    lambda rng: Part(b"colr", b"prof" + make_profile_bomb(rng)),
    lambda rng: Part(b"colr", b"\x02\0\0" + make_profile_bomb(rng)),
    lambda rng: Part(b"irot", bytes([int(rng.integers(256))])),
    lambda rng: Part(b"imir", bytes([int(rng.integers(256))])),
    lambda rng: Part(b"(" + BOX_CONTAINERS[int(rng.integers(len(BOX_CONTAINERS)))], b"\0\0\0\0"),
    lambda rng: Part(b"pclr", struct.pack(">HB", int(rng.choice([0, 1, 1024, 65_535])), 255)),
    lambda rng: Part(b"cmap", bytes(int(rng.choice([0, 4, 12, 4000])))),
    lambda rng: Part(b"uuid", make_xmp(rng)),
    lambda rng: Part(b"free", bytes(int(rng.choice([0, 1_000_000])))),
)


# --- TIFF


def split_tiff(content: bytes) -> list[Part]:
    """The header with the pixels, and each entry of the first directory."""
    order = "<" if content[:2] == b"II" else ">"
    if content[2:4] not in (b"*\0", b"\0*"):  # BigTIFF stays whole
        return [Part(b"II", content)]
    (start,) = struct.unpack(order + "I", content[4:8])
    (count,) = struct.unpack(order + "H", content[start : start + 2])
    entries = []
    for number in range(count):
        place = start + 2 + 12 * number
        entries.append(Part(b"entry", content[place : place + 12]))
    return [Part(content[:2], content[:start]), *entries, Part(b"next", content[start + 2 + 12 * count :])]


def join_tiff(parts: list[Part]) -> bytes:
    """The directory behind the pixels, with the right number of entries."""
    first = parts[0] if parts[0].kind in (b"II", b"MM") else Part(b"II", bytes(8))
    if len(parts) == 1:
        return first.body
    entries = [part.body[:12].ljust(12, b"\0") for part in parts if part.kind == b"entry"]
    tail = b"".join(part.body for part in parts if part.kind == b"next")
    order = "<" if first.kind == b"II" else ">"
    head = first.body.ljust(8, b"\0")
    directory = struct.pack(order + "H", len(entries) & 0xFFFF) + b"".join(entries) + tail.ljust(4, b"\0")
    return head[:4] + struct.pack(order + "I", len(head)) + head[8:] + directory


def make_entry(rng: Rng) -> Part:
    """An entry of a directory, known to readers, with a value that they may not expect."""
    tags = [
        254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330, 338,
        339, 347, 530, 700, 34_377, 34_665, 34_675, 50_706,
    ]  # fmt: skip
    tag = int(rng.choice(tags))
    kind = int(rng.choice(list(TIFF_SIZES)))
    count = int(rng.choice([0, 1, 1, 1, 2, 3, 100_000, 0x7FFFFFFF, 0xFFFFFFFF]))
    small = [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 96, 5000, 32_773, 32_946, 34_712, 34_892, 50_000, 0xFFFFFFFF]
    return Part(b"entry", struct.pack("<HHII", tag, kind, count, int(rng.choice(small))))


# --- GIF


def split_gif(content: bytes) -> list[Part]:
    """The head with its palette, and the blocks."""
    end = 13 + (3 << ((content[10] & 7) + 1) if content[10] & 0x80 else 0)
    parts = [Part(b"head", content[:end])]
    place = end
    while place < len(content):
        start = place
        if content[place] == 0x21:
            place += 2
        elif content[place] == 0x2C:
            flags = content[place + 9]
            place += 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
        else:
            parts.append(Part(b"end", content[place:]))
            break
        while content[place]:
            place += content[place] + 1
        place += 1
        parts.append(Part(b"block", content[start:place]))
    return parts


def join_plain(parts: list[Part]) -> bytes:
    """The parts as they are."""
    return b"".join(part.body for part in parts)


GIF_BOMBS = (
    lambda rng: Part(b"block", b"\x21\xfe" + b"\xff" * int(rng.choice([3, 256 * 300])) + b"\0"),
    lambda rng: Part(b"block", b"\x21\xf9\x04" + bytes(rng.integers(0, 256, 4, dtype=np.uint8)) + b"\0"),
    lambda rng: Part(b"block", b"\x2c" + struct.pack("<HHHHB", 0, 0, 9000, 9000, 0) + b"\x08\x02\x00\x51\0"),
    lambda rng: Part(b"block", b"\x2c" + struct.pack("<HHHHB", 65_000, 65_000, 1, 1, 0) + b"\x0c\x01\x00\0"),
)


# --- PPM and BMP


def split_words(content: bytes) -> list[Part]:
    """The words of a PPM's head, and its pixels."""
    words = content.split(maxsplit=4)
    return [Part(b"word", word) for word in words]


def join_words(parts: list[Part]) -> bytes:
    """The words with a line's end after each."""
    return b"\n".join(part.body for part in parts)


PPM_BOMBS = (
    lambda rng: Part(
        b"word", str(int(rng.choice([0, 1, 95, 255, 256, 65_535, 65_536, 10**9, 10**18]))).encode()
    ),
    lambda rng: Part(
        b"word", (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf", b"-5")[int(rng.integers(9))]
    ),
    lambda rng: Part(b"word", b"#" + b"x" * int(rng.choice([1, 100, 1_000_000]))),
)


def split_bmp(content: bytes) -> list[Part]:
    """The head in fields of two bytes, and the rest."""
    fields = [Part(b"field", content[place : place + 2]) for place in range(0, 54, 2)]
    return [*fields, Part(b"pixels", content[54:])]


# --- DICOM


def split_dicom(content: bytes) -> list[Part]:
    """The preamble, and the elements of explicit little endian."""
    parts = [Part(b"head", content[:132])]
    place = 132
    while place + 8 <= len(content):
        kind = content[place + 4 : place + 6]
        if kind in LONG_ELEMENTS:
            length = int.from_bytes(content[place + 8 : place + 12], "little")
            head = 12
        else:
            length = int.from_bytes(content[place + 6 : place + 8], "little")
            head = 8
        if length == 0xFFFFFFFF:
            parts.append(Part(b"open", content[place:]))
            break
        parts.append(Part(content[place : place + 6], content[place + head : place + head + length]))
        place += head + length
    return parts


def join_dicom(parts: list[Part]) -> bytes:
    """The elements with right lengths."""
    elements = []
    for part in parts:
        kind = part.kind[4:6]
        if part.kind in (b"head", b"open"):
            elements.append(part.body)
        elif kind in LONG_ELEMENTS:
            elements.append(part.kind + b"\0\0" + struct.pack("<I", len(part.body)) + part.body)
        else:
            elements.append(part.kind + struct.pack("<H", min(len(part.body), 65_534)) + part.body[:65_534])
    return b"".join(elements)


def make_element(rng: Rng) -> Part:
    """An element that decides how pixels are read, with another value."""
    shorts = [0x0002, 0x0006, 0x0010, 0x0011, 0x0100, 0x0101, 0x0102, 0x0103]
    if rng.random() < 0.6:
        number = int(rng.choice([0, 1, 2, 3, 7, 8, 12, 16, 48, 5000, 65_535]))
        element = int(rng.choice(shorts))
        return Part(struct.pack("<HH", 0x0028, element) + b"US", struct.pack("<H", number))
    texts = {
        (0x0028, 0x0008): (b"IS", (b"0", b"1", b"2 ", b"1000000000", b"-1", b"x", b"1\\2 ")),
        (0x0028, 0x0004): (
            b"CS",
            (b"RGB ", b"MONOCHROME1 ", b"PALETTE COLOR ", b"YBR_FULL_422", b"HSV ", b""),
        ),
        (0x0028, 0x0030): (b"DS", (b"0\\0 ", b"-1\\-1 ", b"1e400\\1 ", b"nan\\nan ", b"0.02\\0.02 ")),
        (0x0028, 0x1050): (b"DS", (b"nan ", b"1e308 ", b"-1", b"")),
        (0x0028, 0x1051): (b"DS", (b"0 ", b"-1", b"1e-308", b"inf ")),
        (0x0028, 0x1053): (b"DS", (b"0 ", b"1e308 ", b"nan ")),
        (0x0008, 0x0005): (b"CS", (b"ISO_IR 192", b"\\ISO 2022 IR 87 ", b"nonsense", b"ISO_IR 100\\\\\\ ")),
        (0x0002, 0x0010): (b"UI", (b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.2.5\0", b"1.2.3\0", b"")),
    }
    keys = list(texts)
    key = keys[int(rng.integers(len(keys)))]
    kind, values = texts[key]
    return Part(struct.pack("<HH", *key) + kind, values[int(rng.integers(len(values)))])


def make_palette(rng: Rng) -> Part:
    """A palette's table, or how it is described."""
    number = int(rng.choice([0x1101, 0x1102, 0x1201, 0x1221]))
    return Part(struct.pack("<HH", 0x0028, number) + b"OW", bytes(int(rng.choice([0, 6, 512, 70_000]))))


def make_nested(rng: Rng) -> Part:
    """Sequences within sequences, deeper than a reader may follow."""
    depth = int(rng.choice([3, 100, 5000]))
    opening = (
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + struct.pack("<HH", 0x0040, 0xA730) + b"SQ\0\0\xff\xff\xff\xff"
    )
    return Part(b"open", struct.pack("<HH", 0x0040, 0xA730) + b"SQ\0\0\xff\xff\xff\xff" + opening * depth)


FORMS = {
    "png": Form(split_png, join_png, PNG_BOMBS),
    "jpeg": Form(split_jpeg, join_jpeg, JPEG_BOMBS),
    "mpo": Form(split_jpeg, join_jpeg, JPEG_BOMBS),
    "webp": Form(split_riff, join_riff, WEBP_BOMBS),
    "heic": Form(split_boxes, join_boxes, BOX_BOMBS),
    "avif": Form(split_boxes, join_boxes, BOX_BOMBS),
    "jpeg2000": Form(split_boxes, join_boxes, BOX_BOMBS),
    "tiff": Form(split_tiff, join_tiff, (make_entry,)),
    "gif": Form(split_gif, join_plain, GIF_BOMBS),
    "ppm": Form(split_words, join_words, PPM_BOMBS),
    "pgm": Form(split_words, join_words, PPM_BOMBS),
    "bmp": Form(split_bmp, join_plain),
    "dicom": Form(split_dicom, join_dicom, (make_element, make_element, make_palette, make_nested)),
}


def draw_dicom_seeds(image: Image.Image) -> dict[str, bytes]:
    """One lesion as DICOM files of several ways of storing it; none where the extra `dicom` is missing.

    Args:
        image: The lesion, RGB.

    Returns:
        Files by the names of their seeds.
    """
    try:
        import pydicom  # noqa: F401
    except ImportError:
        return {}
    pixels = np.asarray(image)
    grey = np.asarray(image.convert("L"))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    jpeg = buffer.getvalue() + b"\0" * (len(buffer.getvalue()) % 2)
    fragments = b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\x00\xe0" + struct.pack("<I", len(jpeg)) + jpeg
    fragments += b"\xfe\xff\xdd\xe0\0\0\0\0"
    little_endian = "1.2.840.10008.1.2.1"
    return {
        "dicom-rgb": write_dicom(pixels, little_endian, "RGB", pixels.tobytes()),
        "dicom-grey": write_dicom(grey, little_endian, "MONOCHROME1", grey.tobytes()),
        "dicom-16": write_dicom(grey.astype(np.uint16) * 16, little_endian, "MONOCHROME2", None),
        "dicom-jpeg": write_dicom(pixels, "1.2.840.10008.1.2.4.50", "YBR_FULL_422", None, fragments),
    }


def write_dicom(
    pixels: np.ndarray, syntax: str, photometric: str, native: bytes | None, fragments: bytes | None = None
) -> bytes:
    """A DICOM file, element by element."""
    native = pixels.tobytes() if native is None else native
    channels = 3 if pixels.ndim == 3 else 1
    bits = 8 * pixels.dtype.itemsize
    dermoscopy = b"1.2.840.10008.5.1.4.1.1.77.1.7"
    uid = b"2.25.17\0"
    parts = [
        Part(b"head", bytes(128) + b"DICM"),
        Part(b"\x02\0\x02\0UI", dermoscopy),
        Part(b"\x02\0\x03\0UI", uid),
        Part(b"\x02\0\x10\0UI", syntax.encode() + b"\0" * (len(syntax) % 2)),
        Part(b"\x08\0\x16\0UI", dermoscopy),
        Part(b"\x08\0\x18\0UI", uid),
        Part(b"\x08\0\x60\0CS", b"DMS "),
        Part(b"\x10\0\x20\0LO", b"P-17"),
    ]
    shorts = {0x0002: channels, 0x0010: pixels.shape[0], 0x0011: pixels.shape[1], 0x0100: bits, 0x0101: bits}
    shorts |= {0x0102: bits - 1, 0x0103: 0}
    if channels == 3:
        shorts[0x0006] = 0
    group = {}
    for number, value in shorts.items():
        group[number] = Part(struct.pack("<HH", 0x28, number) + b"US", struct.pack("<H", value))
    group[0x0004] = Part(b"\x28\0\x04\0CS", photometric.encode() + b" " * (len(photometric) % 2))
    parts += [group[number] for number in sorted(group)]
    kind = b"OW" if bits == 16 else b"OB"
    if fragments is None:
        parts.append(Part(b"\xe0\x7f\x10\0" + kind, native))
    else:
        parts.append(Part(b"open", b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + fragments))
    return join_dicom(parts)
