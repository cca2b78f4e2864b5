"""Receipts of a download: a line for each file that is there, whole and checked."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lentigo.common.json_values import parse_json
from lentigo.errors import UsageError


@dataclass(frozen=True, slots=True)  # there may be half a million
class Receipt:
    """A file that is there: its name below the folder, its size in bytes and its SHA-256."""

    isic_id: str
    file: str
    size: int
    sha256: str


def read_receipts(path: Path) -> dict[str, Receipt]:
    """The receipts of a file, the last of each photograph; a line that a killed process left unfinished is
    passed over.

    Args:
        path: Of the file, which need not be there.
    """
    receipts = {}
    # An error: there is none yet; or whoever opens it to write will be told
    with suppress(OSError), path.open("rb") as file:
        for line in file:
            with suppress(ValueError, TypeError):
                receipt = Receipt(**parse_json(line))
                receipts[receipt.isic_id] = receipt
    return receipts


def end_line(file: BinaryIO) -> None:
    """Ends the last line of a file open for appending, where a killed process did not.

    Args:
        file: Open for reading and appending.
    """
    # Empty files have no last line
    if file.seek(0, os.SEEK_END):
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
            file.flush()


def lock(file: BinaryIO, out: Path) -> None:
    """Locks a file until it is closed or the process ends. Raises `UsageError` where another process has it;
    elsewhere than on POSIX it does nothing.

    Args:
        file: The receipts of the folder.
        out: The folder, for the error.
    """
    try:
        import fcntl
    # Windows has no such locks
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"{out}: another download is at work there; expected to be the only one: wait for it, or choose "
            "another --out"
        ) from error
    except OSError:  # some network file systems have no locks
        return
