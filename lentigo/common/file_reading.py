"""Reading files that may be pipes, devices or endless."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from pathlib import Path
from typing import BinaryIO

from lentigo.common.file_names import find_name

MOST_FILE = 512_000_000  # bytes of a photograph's file: those of 85 million pixels of 16 bits, not compressed
PIPE_SECONDS = 60.0  # in which a pipe must have given all it has
PIECE = 1 << 20  # bytes that are read at once
PIPED = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")  # names that a shell gives to pipes on purpose


def open_regular(path: str | Path) -> BinaryIO:
    """Opens a file to be read, without waiting for a pipe that nobody writes to.

    Args:
        path: of a regular file, or the name that a shell gives to a pipe.

    Raises:
        OSError: where there is none, or it is a pipe, a device or a socket: those may never end.
    """
    file = open(find_name(path), "rb", opener=open_at_once)  # noqa: SIM115  the caller closes it
    mode = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(mode) and not (is_piped(path) and stat.S_ISFIFO(mode)):
        file.close()
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise OSError(errno.EINVAL, f"{kind}, not a file: save what it gives first")
    return file


def open_at_once(path: str, flags: int) -> int:
    """A file descriptor; a pipe without a writer is not waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def is_piped(path: str | Path) -> bool:
    """Whether a name is one that a shell gives to a pipe, as in `lentigo predict <(unpack mole.jpg.gz)`.

    >>> is_piped("/dev/fd/63"), is_piped("mole.jpg")
    (True, False)
    """
    return str(path).startswith(PIPED)


def read_regular(path: str | Path, most: int = MOST_FILE) -> bytes:
    """The content of a file.

    Args:
        path: as for `open_regular`.
        most: bytes at most.

    Raises:
        OSError: as `open_regular`, for a file with more than `most` bytes, and for a pipe that gives nothing
            for too long.
        ValueError: for a name that no file can have.
    """
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISFIFO(status.st_mode):
            content = read_pipe(file.fileno(), most)
        elif status.st_size > most:
            content = b""
        else:
            content = file.read(most + 1)  # some files, as of /proc, are longer than they say
        if max(status.st_size, len(content)) > most:
            raise OSError(errno.EFBIG, f"more than {most / 1e6:.0f} MB; expected a smaller file")
        return content


def read_pipe(descriptor: int, most: int) -> bytes:
    """What a pipe gives until it is closed, at most one byte more than `most`. Raises `TimeoutError`."""
    pieces, size, end = [], 0, time.monotonic() + PIPE_SECONDS
    while size <= most:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise TimeoutError(errno.ETIMEDOUT, f"the pipe was not closed within {PIPE_SECONDS:.0f} seconds")
        piece = os.read(descriptor, min(PIECE, most + 1 - size))
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
