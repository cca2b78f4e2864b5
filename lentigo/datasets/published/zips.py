"""ZIP files from somebody else, unpacked with care: nothing outside the folder, no links, no programs, no
bombs.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from lentigo.common.hashing import hash_bytes
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.staging import remove_leftovers, stage_folder
from lentigo.datasets.published.zip_limits import Allowance, Limits, check_space, count_bytes
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
        content = hash_listing(archive)
        target, done = choose_folder(folder, path.stem, content)
        if done:
            return target, problems
        check_space(path, folder, count_bytes(wanted), limits)
        with stage_folder(target) as staged:
            damage: list[Problem] = []
            for member in progress(wanted, total=len(wanted), label=path.name):
                damage += write_member(str(path), archive, member, staged, limits)
            damage += unpack_inner(str(path), staged, limits, allowance, progress)
            # With damage the same call tries again, for the ZIP may have been copied anew
            mark = f"{content}{TORN}" if damage else content
            (staged / MARK).write_text(mark, encoding="utf-8")
            shutil.rmtree(target, ignore_errors=True)  # what was unpacked there in part
            os.replace(staged, target)
    return target, problems + damage


def hash_listing(archive: zipfile.ZipFile) -> str:
    """A hash of what a ZIP lists, by which it is recognised without reading all of it: names, sizes and
    checksums.
    """
    rows = []
    for member in archive.infolist():
        row = f"{member.filename} {member.file_size} {member.CRC}"
        rows.append(row.encode("utf-8", "surrogateescape"))
    return hash_bytes(*rows)


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
    # A ZIP of the same name and other content gets a folder of its own
    for target in (folder / stem, folder / f"{stem}-{content[:8]}"):
        if not os.path.lexists(target):
            return target, False
        mark = ""
        if (target / MARK).is_file():
            mark = (target / MARK).read_text(encoding="utf-8")
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
    for path in sorted(filter(is_zip, folder.rglob("*"))):
        shown = (
            f"{name}/{path.relative_to(folder).as_posix()}"  # the temporary folder says nothing to anybody
        )
        try:
            problems += unpack_one(path, shown, limits, allowance, progress)
        except DataError as error:
            reason = str(error).removeprefix(f"{path}: ").removeprefix(f"{shown}: ")
            problems.append(Problem(shown, reason))
        # Its content is unpacked: twice on the disk is once too much
        path.unlink()
    return problems


def unpack_one(
    path: Path, shown: str, limits: Limits, allowance: Allowance, progress: Progress
) -> list[Problem]:
    """Unpacks a ZIP, named `shown` in messages, into a folder beside it; gives what was left out."""
    with open_zip(path) as archive:
        wanted, problems = choose_members(shown, archive.infolist())
        allowance.take(path, archive.infolist(), wanted)
        check_space(path, path.parent, count_bytes(wanted), limits)
        files = []
        deeper = []
        for member in wanted:
            if is_zip(PurePosixPath(member.filename)):
                reason = "a ZIP in a ZIP in a ZIP: left out; unpack it yourself"
                deeper.append(Problem(f"{shown}/{member.filename}", reason))
            else:
                files.append(member)
        for member in progress(files, label=path.name):
            problems += write_member(shown, archive, member, path.with_suffix(""), limits)
    return problems + deeper
