"""Writing files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lentigo.common.file_reading import open_at_once
from lentigo.common.user_folders import CACHE_VARIABLE, cache_folder
from lentigo.errors import SpaceError

# What this process has open, perhaps a file
STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")
STANDARD_STREAMS = {"/dev/stdout": "1", "/dev/stderr": "2"}
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
# Errors of a file system or a device that has nothing to sync
NOTHING_TO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)
# Bytes of a file's name that its temporary file keeps: with what is added it must stay below 255
MAX_KEPT_NAME_BYTES = 80


@contextmanager
def name_full_disk(path: str | Path, variable: str = "") -> Iterator[None]:
    """Turns what the system says of a disk that is full or not writable into a `SpaceError`.

    Args:
        path: The file or folder that is being written, which the error names.
        variable: What names another folder: an option, or an environment variable.

    Raises:
        SpaceError: Where the system refuses, with its reason and the cure.
    """
    try:
        yield
    except OSError as error:
        cure = find_disk_cure(error, path, variable)
        raise SpaceError(f"{path}: could not be written ({error.strerror or error}); {cure}") from error


def find_disk_cure(error: OSError, path: str | Path, variable: str) -> str:
    """What to do where a disk is full or not writable; `variable` names another folder."""
    cure = "free some space or choose another folder"
    if error.errno in NOT_ALLOWED:
        cure = "allow it, or choose another folder"
    # Below the cache the variable is the cure that people need
    if not variable and Path(path).is_relative_to(cache_folder()):
        variable = CACHE_VARIABLE
    return f"{cure} by {variable}" if variable else cure


@contextmanager
def write_whole(path: str | Path, *, durable: bool = True) -> Iterator[Path]:
    """Gives a temporary path beside `path`; what is written there takes its place at the end, or never.

    The temporary path keeps the suffix, since many writers choose the format by it. Parent folders are made.
    The content is on the disk before the name is, and the name before this ends: after a power cut the file
    is the old one or the new one. What is no file (`/dev/stdout`, `/dev/null`, a pipe) keeps its place and is
    written to.

    Args:
        path: The file to be written.
        durable: Whether to wait for the disk. Not needed where a torn file is noticed and made again.

    Yields:
        The temporary path, of no file yet.

    Raises:
        SpaceError: When the disk is full or not writable; the old file, if any, is then untouched.
    """
    path = Path(path)
    streams = is_stream(path)
    target = Path(tempfile.gettempdir(), path.name) if streams else path
    temporary = name_temporary(target)
    try:
        with name_full_disk(path):
            # Beside the target: a file is moved into place only on the same disk
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if streams:
                write_stream(path, temporary.read_bytes())
                return
            if durable:
                sync(temporary)
            os.replace(temporary, path)
            if durable:
                sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all.

    Args:
        path: The file to be written.
        text: Its content.

    Raises:
        SpaceError: When the disk is full or not writable.
    """
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes bytes, whole or not at all.

    Args:
        path: The file to be written.
        content: Of the file.

    Raises:
        SpaceError: When the disk is full or not writable.
    """
    with write_whole(path) as temporary:
        temporary.write_bytes(content)


def write_csv(path: str | Path, table: Any) -> None:
    """Writes a pandas table as CSV, whole or not at all.

    Args:
        path: Where it goes.
        table: A data frame; its index is not written.

    Raises:
        SpaceError: Where the disk is full or not writable.
    """
    with write_whole(path) as temporary:
        table.to_csv(temporary, index=False)


def is_stream(path: str | Path) -> bool:
    """Whether a name stands for a device, a pipe or what this process has open: no file may take its place."""
    if str(path).startswith(STREAMS):
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def write_stream(path: Path, content: bytes) -> None:
    """Writes to a device, a pipe or what this process has open.

    Raises `OSError`, also for a pipe that nobody reads.
    """
    name = str(path)
    descriptor = STANDARD_STREAMS.get(name, path.name)
    if name.startswith(STREAMS) and descriptor.isdecimal():
        # Opened anew by its name, a file would be written from another place on
        with os.fdopen(os.dup(int(descriptor)), "wb") as stream:
            stream.write(content)
        return
    with open(path, "ab", opener=open_at_once) as stream:
        os.set_blocking(stream.fileno(), True)
        stream.write(content)


def require_writable(path: str | Path) -> None:
    """Makes sure, before long work, that a file or a folder can be made; leaves nothing behind.

    Args:
        path: The file or folder to be.

    Raises:
        SpaceError: Where the nearest folder above it that is there cannot be written.
    """
    if is_stream(path):
        return
    with name_full_disk(path), tempfile.TemporaryFile(dir=find_nearest_folder(path)):
        pass


def find_nearest_folder(path: str | Path) -> Path:
    """Finds the folder whose disk a path is on.

    Args:
        path: Of a file or folder that may be still to be made.

    Returns:
        The folder itself, or the nearest one above it that is there; absolute.
    """
    folder = Path(os.path.abspath(path))
    if folder.is_dir():
        return folder
    return next(parent for parent in folder.parents if parent.exists())


def name_temporary(path: Path) -> Path:
    """Where a file is written before it takes its place: beside it, hidden, with its suffix, by this
    thread.
    """
    stem = os.fsdecode(os.fsencode(path.stem)[:MAX_KEPT_NAME_BYTES])
    return path.with_name(f".{stem}.{os.getpid()}-{threading.get_ident()}.part{path.suffix}")


def sync(path: Path) -> None:
    """Brings a file's content to the disk.

    Raises `OSError`, but not where a file system has no such thing.

    Args:
        path: The file.
    """
    # Windows syncs only what is open for writing
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOTHING_TO_SYNC:
            raise
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk, where the system can."""
    if os.name == "posix":
        with suppress(PermissionError):  # a folder that may be written but not read
            sync(folder)
