"""The cache: what can be computed again, kept under the hash of its content.

What is damaged is not taken; what cannot be kept is no error.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from lentigo.common.files import name_full_disk, write_whole
from lentigo.common.user_folders import CACHE_VARIABLE, NO_HOME, cache_folder
from lentigo.errors import SpaceError

# Begins a kept file; then follow 64 hexadecimal digits, the end of the line, and the content
SEAL = b"lentigo-sha256 "
HEAD_BYTES = len(SEAL) + 64 + 1


class CacheWarning(UserWarning):
    """The cache cannot be written: the work goes on, and is done again the next time."""


def keep_in_cache(path: Path, content: bytes) -> bool:
    """Writes a file of the cache under the hash of its content.

    Where that cannot be, a `CacheWarning` says so, once for a folder in a process, and the work goes on.

    Args:
        path: The file, below `cache_folder()`.
        content: What `read_from_cache` is to give.

    Returns:
        Whether it is kept.
    """
    try:
        with write_whole(path, durable=False) as temporary, temporary.open("wb") as file:
            file.write(make_head(content))
            file.write(content)
    except SpaceError as error:
        warn_of_cache(error)
        return False
    return True


def read_from_cache(path: Path) -> bytes | None:
    """Reads a file of the cache, as it was kept.

    Args:
        path: The file, as `keep_in_cache` was given it.

    Returns:
        The content; None where there is no such file, and where its content is not the one that was kept:
        such a file is removed.
    """
    try:
        # Unbuffered: what is left is read at once, into memory of its size
        with path.open("rb", buffering=0) as file:
            head = file.read(HEAD_BYTES)
            content = file.readall()
    except (OSError, ValueError):
        return None
    # The hash of what was read, not of what should be there: a torn file is found
    if head == make_head(content):
        return content
    remove_from_cache(path)
    return None


def make_head(content: bytes) -> bytes:
    """What stands in a file of the cache before its content."""
    return SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"


def remove_from_cache(path: Path) -> None:
    """Removes a file of the cache, if that can be.

    Args:
        path: That may be missing.
    """
    with suppress(OSError):
        path.unlink(missing_ok=True)


def list_cache(folder: Path, suffix: str) -> Iterator[Path]:
    """Lists files of the cache.

    Args:
        folder: Of the cache; none are listed where it cannot be read.
        suffix: How their names end.

    Yields:
        Paths in the order of their names.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return
    for name in names:
        if name.endswith(suffix) and not name.startswith("."):  # a dot begins what is still being written
            yield folder / name


@cache
def make_scratch() -> Path:
    """Makes a temporary folder that ends with this process, for files where the cache cannot be written.

    Returns:
        The same folder each time.

    Raises:
        SpaceError: Where no temporary folder can be made either.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="lentigo-"))
    except OSError as error:
        raise SpaceError(
            f"no folder for temporary files can be written ({error.strerror}); set TMPDIR to one that can"
        ) from error
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def shared_folder(name: str) -> Path:
    """Makes a folder of the cache for files that others write: work in progress, the lists of other programs.

    Args:
        name: Of the folder.

    Returns:
        The folder, made; below `make_scratch()` where the cache cannot be written.
    """
    folder = cache_folder() / name
    try:
        with name_full_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            # A folder may be there and not writable: only a file in it shows that
            with tempfile.TemporaryFile(dir=folder):
                pass
    except SpaceError as error:
        warn_of_cache(error)
        folder = make_scratch() / name
        folder.mkdir(exist_ok=True)
    return folder


_warned: set[Path] = set()  # cache folders of which a warning was given


def warn_of_cache(error: SpaceError) -> None:
    """Warns that nothing is kept, the first time for each cache folder in this process.

    Args:
        error: Why the folder cannot be written.
    """
    folder = cache_folder()
    if folder in _warned:
        return
    _warned.add(folder)
    place = "no home folder is known" if folder == NO_HOME else str(folder)
    # The cause is the system's own error, which has the shortest words
    reason = getattr(error.__cause__, "strerror", None) or str(error)
    warnings.warn(
        f"{place}: the cache cannot be written ({reason}); going on without it: set {CACHE_VARIABLE} to a "
        "folder that can be written",
        CacheWarning,
        stacklevel=2,
    )
