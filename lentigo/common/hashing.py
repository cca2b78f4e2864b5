"""Hashes that tell contents apart: SHA-256, as 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from lentigo.common.file_names import FRAME, find_name
from lentigo.common.file_reading import open_regular

MAX_VERSIONS = 64  # of files of several frames whose hashes are remembered


def hash_bytes(*parts: bytes) -> str:
    """Hashes several byte strings as one sequence: other borders between the parts give another hash.

    Args:
        parts: Each is preceded by its length.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def hash_unordered(firsts: Iterable[str], seconds: Iterable[str]) -> str:
    """Hashes pairs of words, whatever the order in which the pairs come.

    Args:
        firsts: The first word of each pair.
        seconds: The second word of each pair.

    Returns:
        64 hexadecimal digits.
    """
    pairs = map("{} {}".format, firsts, seconds)
    return hash_bytes(*sorted(map(str.encode, pairs)))


def hash_file(path: str | Path) -> str:
    """Hashes the content of a file.

    Args:
        path: Of a regular file.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: As `open_regular`.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_readable(path: str | Path) -> str:
    """Hashes the content of a file, or of a frame of it (`scan.dcm#2`), if it can be read.

    Args:
        path: Of a file that may be missing.

    Returns:
        64 hexadecimal digits; "" where the file cannot be read.
    """
    frame = FRAME.search(str(path))
    try:
        if frame is None or os.path.lexists(path):
            return hash_file(path)
        name = os.path.abspath(find_name(path))
        status = os.stat(name)
        digest = hash_version(name, (status.st_mtime_ns, status.st_size, status.st_ino))
    except (OSError, ValueError):
        return ""
    return hash_frame(digest, int(frame[0][1:]))


@lru_cache(maxsize=MAX_VERSIONS)
def hash_version(path: str, version: tuple[int, int, int]) -> str:
    """Hashes a file of several frames once, and not for each of them.

    Args:
        path: Absolute, of a regular file.
        version: The time of its last change, its size and its inode; another version is hashed anew.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: As `open_regular`.
    """
    return hash_file(path)


def hash_frame(digest: str, frame: int | None) -> str:
    """The digest of a frame of a file.

    Args:
        digest: The file's own.
        frame: The number of the frame, from 1; None for the whole file.

    Returns:
        64 hexadecimal digits; the file's own digest without a frame.
    """
    return digest if frame is None else hash_bytes(digest.encode(), str(frame).encode())


def are_different(paths: Sequence[str | Path]) -> bool:
    """Says whether files hold different contents; one file alone is not even read.

    Args:
        paths: The files; those that cannot be read count as one content.
    """
    return len(paths) > 1 and len(set(map(hash_readable, paths))) > 1
