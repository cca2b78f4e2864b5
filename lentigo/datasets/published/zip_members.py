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
    wanted, problems = [], []
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if member.flag_bits & 1:
            raise DataError(
                f"{path}: is encrypted; expected a ZIP without a password: unpack it yourself and name the "
                "folder"
            )
        if member.is_dir() or any(
            (part.startswith(".") and part != "..") or part == "__MACOSX" for part in name.parts
        ):
            continue
        reason = find_danger(member, name)
        if reason:
            problems.append(
                Problem(f"{path}/{member.filename}", f"{reason}: left out; expected a name within the ZIP")
            )
        elif has_image_name(name.name) or is_table(name) or is_zip(name):
            wanted.append(member)
    return wanted, problems


def is_table(path: PurePath) -> bool:
    """Whether a name is that of a table; HAM10000's has no suffix.

    Args:
        path: The name of a file in a ZIP.
    """
    return path.suffix.lower() in TABLES or (
        not path.suffix and path.name.lower().startswith("ham10000_metadata")
    )


def is_zip(path: PurePath) -> bool:
    """Whether a name is that of a ZIP.

    Args:
        path: The name of a file.
    """
    return path.suffix.lower() == ".zip"


def find_danger(member: zipfile.ZipInfo, name: PurePosixPath) -> str | None:
    """Why a member must not be written under its name, or None."""
    if (
        name.is_absolute()
        or ".." in name.parts
        or PureWindowsPath(member.filename).is_absolute()
        or PureWindowsPath(member.filename).drive
    ):
        return "the name leads outside"
    mode = member.external_attr >> 16
    if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
        return "a link or a device"
    if any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in name.parts):
        return "the name is too long"
    return None


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
    said, path = f"{name}/{member.filename}", PurePosixPath(member.filename.replace("\\", "/"))
    if member.file_size > limits.member_bytes and not is_zip(path):
        return [
            Problem(
                said,
                f"{member.file_size / 1e6:.0f} MB; expected a photograph or a table, at most "
                f"{limits.member_bytes / 1e6:.0f} MB",
            )
        ]
    target = folder.joinpath(*path.parts)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, open(target, "xb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        return []
    except (FileExistsError, NotADirectoryError):
        return [Problem(said, "a second file of that name: left out; expected each name once")]
    except MEMBER_ERRORS as error:
        # Without a number it is bzip2's; EINVAL is a place before the ZIP's beginning; others are the disk's
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        target.unlink(missing_ok=True)
        reason = str(error)[:MAX_REASON_LETTERS]
        return [
            Problem(
                said,
                f"cannot be unpacked ({reason}); copy the ZIP again from its source, or unpack it yourself",
            )
        ]
