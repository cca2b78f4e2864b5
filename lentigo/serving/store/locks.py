"""Locks of a folder, between threads and processes: many who write into it at a time, or one who cleans it
alone.

The system gives up the lock of a process that ends, however it ends. Whoever wants to be alone holds the gate
meanwhile, so that those who come later wait behind it. On systems without `flock` (Windows) nobody waits.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType

from lentigo.common.files import name_full_disk
from lentigo.errors import SpaceError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # a module there, and None here

GATE = ".gate"  # the file that holds back those who come later
LOCK = ".lock"
POLL_SECONDS = 0.02  # between two looks at a lock


class FolderLock:
    """A lock that is held until the context ends, or `close` is called. To be had by `try_locking` and
    `lock_alone`.
    """

    def __init__(self, *files: int) -> None:
        self.files = files

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the lock up."""
        for file in self.files:
            os.close(file)
        self.files = ()

    @classmethod
    def try_locking(cls, folder: Path, *, alone: bool) -> FolderLock | None:
        """Locks a folder that is there, without waiting.

        Args:
            folder: the folder.
            alone: whether nobody else may have the lock.

        Returns:
            The lock, None where somebody else has it or holds the gate.

        Raises:
            SpaceError: the folder cannot be written.
        """
        gate = open_locked(folder / GATE, alone=True)
        if gate is None:
            return None
        lock = open_locked(folder / LOCK, alone=alone)
        os.close(gate)
        return None if lock is None else cls(lock)

    @classmethod
    def lock_alone(cls, folder: Path, max_seconds: float) -> FolderLock:
        """Locks a folder for one alone, and waits for it.

        Args:
            folder: the folder.
            max_seconds: how long to wait at most.

        Returns:
            The lock.

        Raises:
            SpaceError: others had it for so long, or the folder cannot be written.
        """
        deadline = time.monotonic() + max_seconds
        files: list[int] = []
        for name in (GATE, LOCK):
            file = wait_for_lock(folder / name, deadline)
            if file is None:
                cls(*files).close()
                raise SpaceError(
                    f"{folder}: others have been writing into it for {max_seconds:.0f} s; expected a pause: "
                    "call again"
                )
            files.append(file)
        return cls(*files)


def wait_for_lock(path: Path, deadline: float) -> int | None:
    """An open file that is locked for one alone, None where others have it until a deadline."""
    while (file := open_locked(path, alone=True)) is None:
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL_SECONDS)
    return file


def open_locked(path: Path, *, alone: bool) -> int | None:
    """An open file that is locked, None where others have it. Raises `SpaceError` where it cannot be made."""
    with name_full_disk(path):
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    if fcntl is None:
        return file
    mode = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except OSError:  # a network's file system without locks: as on Windows
        return file
    return file
