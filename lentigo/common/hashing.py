"""Hashes that tell contents apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lentigo.common.file_reading import open_regular


def hash_bytes(*parts: bytes) -> str:
    """The SHA-256 of the parts, each preceded by its length, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def hash_file(path: str | Path) -> str:
    """The SHA-256 of a file's content, as 64 hexadecimal digits."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_readable(path: str | Path) -> str:
    """The SHA-256 of a file, "" where it cannot be read."""
    try:
        return hash_file(path)
    except (OSError, ValueError):
        return ""
