"""Reading `.npz` files, archives of arrays, that may come from anybody."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from lentigo.errors import first_line

MAX_BYTES = 512 << 20  # of all arrays: more than any RUN has
# What NumPy, zipfile and zlib raise on files that are damaged or made to harm; they have no common family. A
# RuntimeError is an encrypted file, an ArithmeticError a shape beyond all numbers.
ARCHIVE_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Reads all arrays of an `.npz` file; no pickles.

    Args:
        path: The file.
        max_bytes: That its arrays may take together.

    Returns:
        The arrays by their names.

    Raises:
        ValueError: The file is missing, no archive of arrays, damaged, or unpacks to more; in one line.
    """
    try:
        # What it unpacks to is asked before it is unpacked
        require_size(path, max_bytes)
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except ARCHIVE_ERRORS as error:
        raise ValueError(first_line(error)) from error


def require_size(path: Path, max_bytes: int) -> None:
    """Raises `ValueError` for an archive that unpacks to more than `max_bytes`."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > max_bytes:
        raise ValueError(f"unpacks to {size >> 20} MiB; expected at most {max_bytes >> 20}")
