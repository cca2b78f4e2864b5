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
    fcntl = None  # type: ignore[assignment]

GATE, LOCK = ".gate", ".lock"
POLL_SECONDS = 0.02


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
        """The lock of a folder that is there, None where somebody else has it or holds the gate. Raises
        `SpaceError`.
        """
        gate = open_locked(folder / GATE, alone=True)
        if gate is None:
            return None
        lock = open_locked(folder / LOCK, alone=alone)
        os.close(gate)
        return None if lock is None else cls(lock)

    @classmethod
    def lock_alone(cls, folder: Path, patience: float) -> FolderLock:
        """The lock of a folder for one alone, who waits `patience` seconds at most. Raises `SpaceError`."""
        deadline = time.monotonic() + patience
        files: list[int] = []
        for name in (GATE, LOCK):
            while (file := open_locked(folder / name, alone=True)) is None:
                if time.monotonic() > deadline:
                    cls(*files).close()
                    raise SpaceError(
                        f"{folder}: others have been writing into it for {patience:.0f} s; expected a "
                        "pause: call again"
                    )
                time.sleep(POLL_SECONDS)
            files.append(file)
        return cls(*files)


def open_locked(path: Path, *, alone: bool) -> int | None:
    """An open file that is locked, None where others have it. Raises `SpaceError` where it cannot be made."""
    with name_full_disk(path):
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    if fcntl is None:
        return file
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except OSError:  # a network's file system without locks: as on Windows
        return file
    return file
