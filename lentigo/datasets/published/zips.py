"""ZIP files from somebody else, unpacked with care: nothing outside the folder, no links, no programs, no
bombs.
"""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from lentigo.common.files import remove_leftovers, stage_folder
from lentigo.common.hashing import hash_bytes
from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import DataError, SpaceError
from lentigo.images.listing import has_image_name
from lentigo.images.problems import Problem

TABLES = frozenset({".csv", ".tsv", ".tab", ".txt", ".parquet"})
MARK = ".lentigo-zip"  # in a folder that was unpacked here: of which ZIP
TORN = " in part"
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


@dataclass(frozen=True)
class Limits:
    """What a ZIP may hold. JPEG hardly shrinks in a ZIP; masks and tables do, which `free_bytes` allows
    for.
    """

    members: int = 2_000_000
    member_bytes: int = 4 << 30
    ratio: float = 100  # of all that is unpacked to the ZIP
    free_bytes: int = 256 << 20  # below this the ratio does not matter
    spare_bytes: int = 64 << 20  # of the disk, to be left free


def unpack(
    path: Path, folder: Path, *, limits: Limits = Limits(), progress: Progress = show_nothing
) -> tuple[Path, list[Problem]]:
    """Unpacks photographs and tables of a ZIP, and of ZIPs in it, into a folder of its own below `folder`;
    gives that folder and what was left out.

    What was unpacked before is not unpacked again. Members that lead outside, links and damaged ones are
    problems. Raises `DataError` for a ZIP that is none, encrypted or out of proportion (`limits`, by declared
    and by actual sizes), `SpaceError` where the disk is too small.

    Args:
        path: The ZIP.
        folder: Below which its own folder is made.
        limits: What a ZIP may unpack to.
        progress: Watches the files go by.
    """
    remove_leftovers(folder)
    with open_zip(path) as archive:
        wanted, problems = choose_members(path, archive.infolist())
        allowance = Allowance(path.stat().st_size, limits)
        allowance.take(path, archive.infolist(), wanted)
        content = hash_bytes(
            *(
                f"{member.filename} {member.file_size} {member.CRC}".encode("utf-8", "surrogateescape")
                for member in archive.infolist()
            )
        )
        target, done = choose_folder(folder, path.stem, content)
        if done:
            return target, problems
        check_space(path, folder, sum(member.file_size for member in wanted), limits)
        with stage_folder(target) as staged:
            damage = [
                problem
                for member in progress(wanted, total=len(wanted), label=path.name)
                for problem in write_member(str(path), archive, member, staged, limits)
            ]
            damage += unpack_inner(str(path), staged, limits, allowance, progress)
            (staged / MARK).write_text(f"{content}{TORN * bool(damage)}", encoding="utf-8")
            shutil.rmtree(target, ignore_errors=True)  # what was unpacked there in part
            os.replace(staged, target)
    return target, problems + damage


def open_zip(path: Path) -> zipfile.ZipFile:
    """An open ZIP. Raises `DataError` where it is none."""
    try:
        return zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(
            f"{path}: no readable ZIP ({error}); expected one that is whole: copy it again from its source"
        ) from error


def choose_members(
    path: Path | str, members: Iterable[zipfile.ZipInfo]
) -> tuple[list[zipfile.ZipInfo], list[Problem]]:
    """The photographs, tables and ZIPs among members, and those that lead outside. Raises `DataError` where
    one is encrypted.
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


class Allowance:
    """What may still be unpacked of a ZIP of `packed` bytes, and of all ZIPs in it together: a ZIP in a ZIP
    gets no fresh allowance.
    """

    def __init__(self, packed: int, limits: Limits) -> None:
        self.packed = max(packed, 1)
        self.limits = limits
        self.members = 0
        self.total = 0

    def take(self, path: Path, members: Sequence[zipfile.ZipInfo], wanted: Sequence[zipfile.ZipInfo]) -> None:
        """Takes what a ZIP declares. Raises `DataError`, and takes nothing, where that is more than any set
        of photographs would hold.
        """
        limits = self.limits
        count = self.members + len(members)
        total = self.total + sum(member.file_size for member in wanted)
        if count > limits.members:
            raise DataError(
                f"{path}: holds {count} files; expected at most {limits.members}: unpack it yourself if you "
                "trust it"
            )
        if total > limits.free_bytes and total / self.packed > limits.ratio:
            raise DataError(
                f"{path}: unpacks to {total / 1e6:.0f} MB, {total / self.packed:.0f} times its size, as ZIP "
                "bombs do; "
                f"expected photographs, at most {limits.ratio:.0f} times: unpack it yourself if you trust it"
            )
        self.members = count
        self.total = total


def check_space(path: Path, folder: Path, total: int, limits: Limits) -> None:
    """Raises `SpaceError` where the disk of a folder has too little room."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if total + limits.spare_bytes > free:
        raise SpaceError(
            f"{path}: unpacks to {total / 1e6:.0f} MB, and {there} has {free / 1e6:.0f} MB free; free some "
            "space or name another disk with --extract"
        )


def choose_folder(folder: Path, stem: str, content: str) -> tuple[Path, bool]:
    """Where a ZIP is unpacked, and whether it was already: a folder of its name, or of name and content where
    that is another's.
    """
    for target in (folder / stem, folder / f"{stem}-{content[:8]}"):
        if not os.path.lexists(target):
            return target, False
        mark = (target / MARK).read_text(encoding="utf-8") if (target / MARK).is_file() else ""
        if mark.removesuffix(TORN) == content:
            return target, mark == content
    raise DataError(
        f"{target}: is in the way of what is to be unpacked; expected a name that is free: remove it, or "
        "name another folder with --extract"
    )


def write_member(
    name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, limits: Limits
) -> list[Problem]:
    """Writes one member of the ZIP called `name`, never more than it declares (`ZipFile` stops there); gives
    its problem, if any.
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


def unpack_inner(
    name: str, folder: Path, limits: Limits, allowance: Allowance, progress: Progress
) -> list[Problem]:
    """Unpacks the ZIPs in a folder beside themselves, but none that those hold, and removes them; gives what
    was left out.

    All of them together get what the outer ZIP has left of its `allowance`.
    """
    problems = []
    for path in sorted(file for file in folder.rglob("*") if is_zip(file)):
        said = f"{name}/{path.relative_to(folder).as_posix()}"
        try:
            with open_zip(path) as archive:
                wanted, some = choose_members(said, archive.infolist())
                allowance.take(path, archive.infolist(), wanted)
                check_space(path, folder, sum(member.file_size for member in wanted), limits)
                deeper = [member for member in wanted if is_zip(PurePosixPath(member.filename))]
                for member in progress(
                    [member for member in wanted if member not in deeper], label=path.name
                ):
                    some += write_member(said, archive, member, path.with_suffix(""), limits)
            problems += some + [
                Problem(f"{said}/{member.filename}", "a ZIP in a ZIP in a ZIP: left out; unpack it yourself")
                for member in deeper
            ]
        except DataError as error:
            problems.append(Problem(said, str(error).removeprefix(f"{path}: ").removeprefix(f"{said}: ")))
        path.unlink()
    return problems
