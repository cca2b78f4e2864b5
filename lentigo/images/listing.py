"""Which photographs files, folders and addresses name."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from lentigo.common.file_names import find_name, spell_name
from lentigo.errors import DataError, ImageError
from lentigo.images.addresses import is_address, walk_address
from lentigo.images.decoding.formats import SUFFIXES, UNREAD
from lentigo.images.mask_names import find_masks
from lentigo.images.problems import Problem

NO_IMAGE = f"holds no photograph; expected files ending in {', '.join(sorted(SUFFIXES))}"


def find_images(path: str | Path) -> list[Path]:
    """The photographs below a folder, recursively and sorted, or the file itself.

    Raises `DataError` where there is no such path or the folder holds no photograph.
    """
    path = Path(path)
    if not os.path.exists(find_name(path)):  # unlike Path.exists, also false for a name that no file can have
        raise DataError(f"{path}: no such file or folder; expected a photograph or a folder of photographs")
    if not path.is_dir():
        return [Path(spell_name(path))]
    found = walk_images(path)
    if not found:
        raise DataError(f"{path}: {NO_IMAGE}")
    return found


def list_images(names: Iterable[str | Path]) -> Iterator[Path | str | Problem]:
    """The photographs that files, folders and addresses name, each name looked at when its turn comes; a
    folder that holds none is a problem. Files are paths, addresses stay words.

    >>> [str(image) for image in list_images(["mole.jpg"])]
    ['mole.jpg']
    """
    for name in names:
        if is_address(name):
            yield from list_addresses(name)
            continue
        found, problems = scan_images(Path(name)) if os.path.isdir(name) else ([Path(spell_name(name))], [])
        yield from found
        yield from problems
        if not found and not problems:
            yield Problem(spell_name(name), NO_IMAGE)


def list_addresses(address: str) -> Iterator[str | Problem]:
    """The photographs at and below an address, in the order in which they are found; what is named as a
    photograph is not looked for.
    """
    if has_image_name(address.rpartition("/")[2]):
        yield address
        return
    none = True
    try:
        for found in walk_address(address):
            if found == address or has_image_name(found.rpartition("/")[2]):
                none = False
                yield found
    except ImageError as error:
        yield Problem(address, str(error).removeprefix(f"{address}: "))
        return
    if none:
        yield Problem(address, NO_IMAGE)


def walk_images(folder: Path) -> list[Path]:
    """The photographs below a folder; see `scan_images`, which also says what was left out."""
    return scan_images(folder)[0]


def scan_images(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The photographs below a folder, as `scan_folder`, without the masks that lie beside them; these are
    problems, too.
    """
    found, problems = scan_folder(folder)
    masks = find_masks(found, Path(spell_name(folder)))
    problems += [
        Problem(str(mask), f"a mask of {image.name} by its name, beside it: left out")
        for mask, image in masks.items()
    ]
    return [file for file in found if file not in masks], problems


def scan_folder(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The photographs below a folder, recursively and sorted, and what could not be looked at: folders that
    cannot be read, links that lead nowhere.

    Hidden files and hidden folders are left out. Links to folders are followed, but every folder is read
    once: links in a circle end.
    """
    found: list[Path] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    waiting = deque([str(folder)])  # folders, then links to folders
    while waiting:
        here = waiting.popleft()
        real = os.path.realpath(here)
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = list_visible(here)
        except OSError as error:
            problems.append(
                Problem(
                    spell_name(here),
                    f"the folder cannot be read ({error.strerror or error}); expected one that you may "
                    "read: change its permissions",
                )
            )
            continue
        inner = [entry for entry in entries if is_folder(entry)]
        waiting.extendleft(entry.path for entry in reversed(inner) if not entry.is_symlink())
        waiting.extend(entry.path for entry in inner if entry.is_symlink())
        for entry in (entry for entry in entries if has_image_name(entry.name) and not is_folder(entry)):
            if os.path.isfile(entry.path):
                found.append(Path(spell_name(entry.path)))
            else:
                problems.append(Problem(spell_name(entry.path), describe_no_file(entry.path)))
    return sorted(found), problems


def describe_no_file(path: str) -> str:
    """Why what has the name of a photograph is no regular file."""
    if os.path.exists(path):
        return "a pipe, a socket or a device, not a file; expected a photograph"
    return "no file, or a link that leads nowhere; expected a photograph"


def list_visible(folder: str) -> list[os.DirEntry]:
    """What stands in a folder, sorted, without what is hidden."""
    with os.scandir(folder) as entries:
        return sorted(
            (entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name
        )


def is_folder(entry: os.DirEntry) -> bool:
    """Whether an entry is a folder or a link to one; a link in a circle is neither."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False)


def has_image_name(name: str) -> bool:
    """Whether a name is that of a photograph, if only of one that will be listed as a problem; hidden files
    are not.

    >>> has_image_name("mole.JPG"), has_image_name(".mole.jpg"), has_image_name("mole.txt")
    (True, False, False)
    """
    return os.path.splitext(name)[1].lower() in SUFFIXES | UNREAD and not name.startswith(".")
