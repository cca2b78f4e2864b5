"""Files that appear whole or not at all, and the hashes that tell them apart."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lentigo.errors import SpaceError


@contextmanager
def name_full_disk(path: str | Path) -> Iterator[None]:
    """Turns what the system says of a disk that is full or not writable into a `SpaceError` that names the path."""
    try:
        yield
    except OSError as error:
        raise SpaceError(f"{path}: could not be written ({error.strerror or error}); free some space or choose another folder") from error


@contextmanager
def write_whole(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what is written there takes its place at the end, or never.

    The temporary path keeps the suffix, since many writers choose the format by it. Parent folders are made.
    Raises `SpaceError` when the disk is full or not writable; the old file, if any, is then untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}-{threading.get_ident()}.part{path.suffix}")
    try:
        with name_full_disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def stage_folder(path: str | Path) -> Iterator[Path]:
    """Yields an empty temporary folder beside `path`, for files to be made in and moved from; it goes at the end.

    Parent folders are made. Raises `SpaceError` when the disk is full or not writable.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with name_full_disk(path):
            temporary.mkdir(parents=True)
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Writes indented JSON, whole or not at all. NaN is refused: a file of ours is readable everywhere."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def hash_bytes(*parts: bytes) -> str:
    """The SHA-256 of the parts, each preceded by its length, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def hash_file(path: str | Path) -> str:
    """The SHA-256 of a file's content, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_readable(path: str | Path) -> str:
    """The SHA-256 of a file, "" where it cannot be read."""
    try:
        return hash_file(path)
    except (OSError, ValueError):
        return ""


def cache_folder() -> Path:
    """Where Lentigo keeps what it can compute again: $LENTIGO_CACHE, else the user's own cache folder."""
    chosen = os.environ.get("LENTIGO_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lentigo"
