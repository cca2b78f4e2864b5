"""Temporary folders in which several files are made first, and what killed processes left of their work."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lentigo.common.files import name_full_disk

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # a module there, and None here

# Names of what `write_whole` and `stage_folder` write into
LEFTOVER = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)-(?P<thread>\d+)\.part(\.\w+)?")
LEFTOVER_SECONDS = 3600.0  # after which a temporary folder that nobody has locked is removed


@contextmanager
def stage_folder(path: str | Path) -> Iterator[Path]:
    """Gives an empty temporary folder beside `path`, for files to be made in and moved from.

    It is removed at the end. Parent folders are made. The folder is locked meanwhile, so that others know
    whether its process was killed (`remove_leftovers`).

    Args:
        path: Where the files shall stand at the end.

    Yields:
        The temporary folder.

    Raises:
        SpaceError: When the disk is full or not writable.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    lock = None
    try:
        with name_full_disk(path):
            temporary.mkdir(parents=True)
            with suppress(BlockingIOError):  # another process is checking whether it is in use
                lock = lock_folder(temporary)
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def lock_folder(folder: Path) -> int | None:
    """An open file that holds the lock of a folder until it is closed, or its process ends.

    None where there is no such lock, as on Windows. Raises `BlockingIOError` where another process holds it.

    Args:
        folder: That is to be locked.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # a file system without locks
        os.close(descriptor)
        return None
    return descriptor


def remove_leftovers(folder: str | Path) -> None:
    """Removes what `stage_folder` and `write_whole` left in a folder when their process was killed.

    What is being written now stays: while its process runs, or while the process of another machine holds the
    lock of a temporary folder. The number of a process may have been given again: folders that nobody has
    locked go after an hour whatever their number.

    Args:
        folder: That is cleaned; its own files stay.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            leftover = LEFTOVER.fullmatch(entry.name)
            if leftover is None:
                continue
            with suppress(OSError):
                remove_leftover(entry, int(leftover["process"]))


def remove_leftover(entry: os.DirEntry[str], process: int) -> None:
    """Removes a temporary file or folder that a process left, unless it is in use."""
    ended = not is_running(process)
    if entry.is_file(follow_symlinks=False) and ended:
        os.unlink(entry.path)
    if not entry.is_dir(follow_symlinks=False):
        return
    lock = lock_folder(Path(entry.path))
    age_seconds = abs(time.time() - entry.stat(follow_symlinks=False).st_mtime)
    # A folder of a process that is gone, or one that nobody has locked for an hour
    if ended or (lock is not None and age_seconds > LEFTOVER_SECONDS):
        shutil.rmtree(entry.path, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def is_running(process: int) -> bool:
    """Whether this machine has a process of that number.

    Args:
        process: The number.
    """
    if fcntl is None:  # Windows, where the question would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
