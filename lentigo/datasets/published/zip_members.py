"""The members of a ZIP from somebody else: which are wanted, which are dangerous, and writing one of them."""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from lentigo.datasets.published.zip_limits import Limits
from lentigo.errors import DataError
from lentigo.images.listing import has_image_name
from lentigo.images.problems import Problem

TABLES = frozenset({".csv", ".tsv", ".tab", ".txt", ".parquet"})
ENCRYPTED = 1  # the bit of a member's flags
MAX_NAME_BYTES = 255  # of a file or folder, in most file systems
MAX_REASON_LETTERS = 150  # of what a library says of a damaged member
# What zipfile and the ways of packing raise on a damaged member
MEMBER_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
)


def choose_members(
    path: Path | str, members: Iterable[zipfile.ZipInfo]
) -> tuple[list[zipfile.ZipInfo], list[Problem]]:
    """The photographs, tables and ZIPs among members, and those that lead outside. Raises `DataError` where
    one is encrypted.

    Args:
        path: The ZIP, for messages.
        members: All that it lists.

    Returns:
        The members to unpack, and the problems of those that must not be.
    """
    wanted = []
    problems = []
    for member in members:
        name = read_name(member)
        if member.flag_bits & ENCRYPTED:
            raise DataError(
                f"{path}: is encrypted; expected a ZIP without a password: unpack it yourself and name the "
                "folder"
            )
        if member.is_dir() or is_hidden(name):
            continue
        reason = find_danger(member, name)
        if reason:
            problems.append(
                Problem(f"{path}/{member.filename}", f"{reason}: left out; expected a name within the ZIP")
            )
        elif has_image_name(name.name) or is_table(name) or is_zip(name):
            wanted.append(member)
    return wanted, problems


def read_name(member: zipfile.ZipInfo) -> PurePosixPath:
    """The name of a member; some programs of Windows part folders by backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/"))


def is_hidden(name: PurePosixPath) -> bool:
    """Whether a name is that of something that systems keep for themselves: hidden, or of macOS."""
    return any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in name.parts)


def is_table(path: PurePath) -> bool:
    """Whether a name is that of a table; HAM10000's has no suffix.

    Args:
        path: The name of a file in a ZIP.
    """
    if path.suffix:
        return path.suffix.lower() in TABLES
    return path.name.lower().startswith("ham10000_metadata")


def is_zip(path: PurePath) -> bool:
    """Whether a name is that of a ZIP.

    Args:
        path: The name of a file.
    """
    return path.suffix.lower() == ".zip"


def find_danger(member: zipfile.ZipInfo, name: PurePosixPath) -> str | None:
    """Why a member must not be written under its name, or None."""
    if leads_outside(member, name):
        return "the name leads outside"
    mode = member.external_attr >> 16  # of POSIX, in the upper half; 0 from other systems
    if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
        return "a link or a device"
    for part in name.parts:
        if len(part.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES:
            return "the name is too long"
    return None


def leads_outside(member: zipfile.ZipInfo, name: PurePosixPath) -> bool:
    """Whether a member's name leads out of the folder that its ZIP is unpacked to."""
    # Read as a name of Windows, too: `C:..` is no path of POSIX, and leads outside there
    windows_name = PureWindowsPath(member.filename)
    climbs = name.is_absolute() or ".." in name.parts
    return climbs or windows_name.is_absolute() or bool(windows_name.drive)


def write_member(
    name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, limits: Limits
) -> list[Problem]:
    """Writes one member of the ZIP called `name`, never more than it declares (`ZipFile` stops there); gives
    its problem, if any.

    Args:
        name: The ZIP, for messages.
        archive: The open ZIP.
        member: One of its members.
        folder: Below which it is written.
        limits: Say how large a member may be.

    Returns:
        Its problem, if any.
    """
    shown = f"{name}/{member.filename}"
    path = read_name(member)
    if member.file_size > limits.member_bytes and not is_zip(path):
        reason = (
            f"{member.file_size / 1e6:.0f} MB; expected a photograph or a table, at most "
            f"{limits.member_bytes / 1e6:.0f} MB"
        )
        return [Problem(shown, reason)]
    target = folder.joinpath(*path.parts)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # "x" makes a second member of one name an error instead of taking the place of the first
        with archive.open(member) as source, open(target, "xb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        return []
    except (FileExistsError, NotADirectoryError):
        return [Problem(shown, "a second file of that name: left out; expected each name once")]
    except MEMBER_ERRORS as error:
        # Without a number it is bzip2's; EINVAL is a place before the ZIP's beginning; others are the disk's
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        target.unlink(missing_ok=True)
        words = str(error)[:MAX_REASON_LETTERS]
        reason = f"cannot be unpacked ({words}); copy the ZIP again from its source, or unpack it yourself"
        return [Problem(shown, reason)]
