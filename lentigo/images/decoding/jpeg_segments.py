"""The segments of a JPEG before its pixels: whether it is progressive, and how many scans it has."""

from __future__ import annotations

from collections.abc import Iterator

from lentigo.errors import ImageError

# Pixels times scans of a progressive JPEG: a few kilobytes of scans can take minutes
MAX_SCAN_PIXELS = 2_000_000_000
USUAL_SCANS = 16  # that any JPEG may have
# Markers of a JPEG: the heads of frames, progressive ones among them, and the head of a scan
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_MARKERS = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN_MARKER = 0xDA
_FILL = 0xFF


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
