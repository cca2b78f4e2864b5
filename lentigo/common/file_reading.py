"""Reading files that anybody may have named: a name may lead to a pipe, a device, or a file without an
end.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from io import BufferedReader
from pathlib import Path

from lentigo.common.file_names import find_name

MAX_FILE_BYTES = 512_000_000  # of a photograph: 85 million pixels of 16 bits, not compressed
PIPE_SECONDS = 60.0  # in which a pipe must have given all it has
PIECE_BYTES = 1 << 20  # that are read from a pipe at once
PIPE_NAMES = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")  # that a shell gives to pipes on purpose


def open_regular(path: str | Path) -> BufferedReader:
    """Opens a file to be read, without waiting for a pipe that nobody writes to.

    Args:
        path: Of a regular file, or the name that a shell gives to a pipe.

    Returns:
        The open file; the caller closes it.

    Raises:
        OSError: Where there is none, or it is a pipe, a device or a socket: those may never end.
    """
    file = open(find_name(path), "rb", opener=open_at_once)  # noqa: SIM115  the caller closes it
    # Asked of the open file: its name may lead elsewhere a moment later
    mode = os.fstat(file.fileno()).st_mode
    wanted_pipe = is_piped(path) and stat.S_ISFIFO(mode)
    if stat.S_ISREG(mode) or wanted_pipe:
        return file
    file.close()
    raise OSError(errno.EINVAL, f"{describe_mode(mode)}, not a file: save what it gives first")


def describe_mode(mode: int) -> str:
    """What something is that is no regular file."""
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"


def open_at_once(path: str, flags: int) -> int:
    """Opens a file, as an `opener` of `open`; a pipe without a writer is not waited for.

    Args:
        path: Of the file.
        flags: As `os.open` takes them.

    Returns:
        A file descriptor.
    """
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has no such flag


def is_piped(path: str | Path) -> bool:
    """Whether a name is one that a shell gives to a pipe, as in `lentigo predict <(unpack mole.jpg.gz)`.

    >>> is_piped("/dev/fd/63"), is_piped("mole.jpg")
    (True, False)
    """
    return str(path).startswith(PIPE_NAMES)


def read_regular(path: str | Path, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Reads the content of a file, in bounded time and memory.

    Args:
        path: As for `open_regular`.
        max_bytes: A longer file is refused.

    Returns:
        The whole content.

    Raises:
        OSError: As `open_regular`, for a file with more than `max_bytes`, and for a pipe that gives nothing
            for too long.
        ValueError: For a name that no file can have.
    """
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISFIFO(status.st_mode):
            content = read_pipe(file.fileno(), max_bytes)
        elif status.st_size > max_bytes:
            raise describe_excess(max_bytes)
        else:
            content = file.read(max_bytes + 1)  # some files, as of /proc, are longer than they say
    if len(content) > max_bytes:
        raise describe_excess(max_bytes)
    return content


def describe_excess(max_bytes: int) -> OSError:
    """The error of a file that is too long."""
    return OSError(errno.EFBIG, f"more than {max_bytes / 1e6:.0f} MB; expected a smaller file")


def read_pipe(descriptor: int, max_bytes: int) -> bytes:
    """What a pipe gives until it is closed, at most one byte more than `max_bytes`. Raises `TimeoutError`."""
    pieces = []
    size = 0
    deadline = time.monotonic() + PIPE_SECONDS
    while size <= max_bytes:
        # Time for all pieces together: a slow writer must not hold a call for ever
        patience = max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([descriptor], [], [], patience)
        if not readable:
            raise TimeoutError(errno.ETIMEDOUT, f"the pipe was not closed within {PIPE_SECONDS:.0f} seconds")
        piece = os.read(descriptor, min(PIECE_BYTES, max_bytes + 1 - size))
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
