"""ZIP files from somebody else, unpacked with care: nothing outside the folder, no links, no programs, no
bombs.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from lentigo.common.files import remove_leftovers, stage_folder
from lentigo.common.hashing import hash_bytes
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.published.zip_limits import Allowance, Limits, check_space
from lentigo.datasets.published.zip_members import choose_members, is_zip, write_member
from lentigo.errors import DataError
from lentigo.images.problems import Problem

MARK = ".lentigo-zip"  # in a folder that was unpacked here: of which ZIP
TORN = " in part"


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
