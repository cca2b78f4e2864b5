"""Listing photographs: which ones the files, folders and addresses of a call name.

Listing looks at names; of files alone that may be DICOM also at their first bytes, since one may hold several
images, and need not have a suffix. What cannot be listed is a `Problem` in its place.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lentigo.common.file_names import find_name, spell_name
from lentigo.errors import DataError, ImageError
from lentigo.images.addresses import is_address, walk_address
from lentigo.images.decoding.formats import DICOM, DICOM_SUFFIXES, SUFFIXES, UNREAD
from lentigo.images.dicom.dicom_files import DIRECTORY, expand_file, is_dicom_file, may_be_dicom
from lentigo.images.held_images import HeldImage, ImageInputs, ImageSource, hold_images, is_single
from lentigo.images.mask_names import find_masks
from lentigo.images.problems import MASK_BESIDE, Problem, SkippedMask, separate_problems

NO_IMAGE = f"holds no photograph; expected files ending in {', '.join(sorted(SUFFIXES))}"


def find_images(path: str | Path) -> list[Path]:
    """Lists the photographs below a folder, recursively and sorted, or the file itself.

    Args:
        path: A file or a folder.

    Returns:
        The paths, without masks that lie beside their photographs.

    Raises:
        DataError: Where there is no such path, or the folder holds no photograph.
    """
    path = Path(path)
    # Unlike `Path.exists`, this is also false for a name that no file can have
    if not os.path.exists(find_name(path)):
        raise DataError(f"{path}: no such file or folder; expected a photograph or a folder of photographs")
    if not path.is_dir():
        return [Path(image) for image in expand_file(spell_name(path))]
    images, _ = scan_images(path)
    if not images:
        raise DataError(f"{path}: {NO_IMAGE}")
    return images


def list_images(names: Iterable[ImageSource]) -> Iterator[ImageSource | Problem]:
    """Lists the photographs that files, folders and addresses name, each name when its turn comes.

    Args:
        names: Files, folders, addresses, and photographs in memory.

    Yields:
        A path for a file, text for an address; a photograph in memory as it is; a `Problem` for what cannot be listed, and for a folder that
        holds no photograph.

    >>> [str(image) for image in list_images(["mole.jpg"])]
    ['mole.jpg']
    """
    for name in names:
        if isinstance(name, HeldImage):
            yield name
        elif is_address(name):
            yield from list_addresses(name)
        elif os.path.isdir(name):
            yield from list_folder(Path(name))
        else:
            yield from map(Path, expand_file(spell_name(name)))


def list_folder(folder: Path) -> Iterator[Path | Problem]:
    """The photographs below a folder, then its problems; at least one of the two."""
    images, problems = scan_images(folder)
    yield from images
    yield from problems
    if not images and not problems:
        yield Problem(spell_name(folder), NO_IMAGE)


def list_addresses(address: str) -> Iterator[str | Problem]:
    """Lists the photographs at and below an address, in the order in which they are found.

    Args:
        address: Such as `s3://bucket/folder`. One that is named as a photograph is not looked for.

    Yields:
        Addresses, and a `Problem` where there is none or the place cannot be listed.
    """
    if has_image_name(address.rpartition("/")[2]):
        yield address
        return
    count = 0
    try:
        for found in walk_address(address):
            if found == address or has_image_name(found.rpartition("/")[2]):
                count += 1
                yield found
    except ImageError as error:
        yield Problem.from_error(address, error)
        return
    if count == 0:
        yield Problem(address, NO_IMAGE)


def scan_images(folder: Path) -> tuple[list[Path], list[Problem]]:
    """Lists the photographs below a folder without the masks that lie beside them.

    Args:
        folder: Looked through recursively, as by `scan_folder`.

    Returns:
        The photographs, sorted, and the problems; each mask that was left out is one of them.
    """
    files, problems = scan_folder(folder)
    masks = find_masks(files, Path(spell_name(folder)))
    for mask, image in masks.items():
        problems.append(SkippedMask(str(mask), f"a mask of {image.name} {MASK_BESIDE}"))
    return [file for file in files if file not in masks], problems


def scan_folder(folder: Path) -> tuple[list[Path], list[Problem]]:
    """Lists the files below a folder that have the name of a photograph, recursively.

    Hidden files and hidden folders are left out. Links to folders are followed, but every folder is read
    once, so that links in a circle end.

    Args:
        folder: Where to begin.

    Returns:
        The files, sorted, and problems: folders that cannot be read, links that lead nowhere.
    """
    files: list[Path] = []
    problems: list[Problem] = []
    visited: set[str] = set()
    waiting = deque([str(folder)])  # folders first, links to folders last
    while waiting:
        current = waiting.popleft()
        real = os.path.realpath(current)
        if real in visited:
            continue
        visited.add(real)
        try:
            entries = list_visible(current)
        except OSError as error:
            problems.append(describe_unreadable(current, error))
            continue
        folders = [entry for entry in entries if is_folder(entry)]
        waiting.extendleft(entry.path for entry in reversed(folders) if not entry.is_symlink())
        waiting.extend(entry.path for entry in folders if entry.is_symlink())
        for entry in entries:
            if is_folder(entry) or not (has_image_name(entry.name) or is_unnamed_dicom(entry)):
                continue
            if os.path.isfile(entry.path):
                files += [Path(image) for image in expand_entry(spell_name(entry.path))]
            else:
                problems.append(Problem(spell_name(entry.path), describe_no_file(entry.path)))
    return sorted(files), problems


def is_unnamed_dicom(entry: os.DirEntry[str]) -> bool:
    """Whether a file without the name of a photograph is a DICOM file."""
    is_candidate = DICOM and may_be_dicom(entry.name) and entry.name.upper() != DIRECTORY
    return is_candidate and os.path.isfile(entry.path) and is_dicom_file(entry.path)


def expand_entry(path: str) -> list[str]:
    """The images of a file that stands in a folder: frames of DICOM, else the file itself."""
    suffix = os.path.splitext(path)[1].lower()
    return [path] if suffix in SUFFIXES - DICOM_SUFFIXES else expand_file(path)


def describe_unreadable(folder: str, error: OSError) -> Problem:
    """The problem of a folder that cannot be read."""
    return Problem(
        spell_name(folder),
        f"the folder cannot be read ({error.strerror or error}); expected one that you may read: change its "
        "permissions",
    )


def describe_no_file(path: str) -> str:
    """Why what has the name of a photograph is no regular file."""
    if os.path.exists(path):
        return "a pipe, a socket or a device, not a file; expected a photograph"
    return "no file, or a link that leads nowhere; expected a photograph"


def list_visible(folder: str) -> list[os.DirEntry[str]]:
    """Lists what a folder holds, sorted by name, without hidden entries.

    Args:
        folder: Its path.

    Returns:
        Files, folders and links.

    Raises:
        OSError: Where the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    return sorted(visible, key=lambda entry: entry.name)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link in a circle is neither.

    Args:
        entry: As `list_visible` gives it.
    """
    if entry.is_symlink():
        return os.path.isdir(entry.path)
    return entry.is_dir(follow_symlinks=False)


def has_image_name(name: str) -> bool:
    """Whether a file has the name of a photograph, if only of one that will be listed as a problem.

    Args:
        name: Without its folder. Hidden files are no photographs.

    >>> has_image_name("mole.JPG"), has_image_name(".mole.jpg"), has_image_name("mole.txt")
    (True, False, False)
    """
    suffix = os.path.splitext(name)[1].lower()
    return suffix in SUFFIXES | UNREAD and not name.startswith(".")


def collect_images(inputs: Iterable[ImageSource]) -> tuple[list[ImageSource], list[Problem]]:
    """Lists the photographs that are to be predicted, without opening them.

    Args:
        inputs: Files, folders, addresses and photographs in memory.

    Returns:
        The photographs, and a problem for each folder that holds none.

    Raises:
        DataError: There is no photograph at all.
    """
    paths: list[ImageSource]
    paths, problems, _ = separate_problems(list_images(inputs))
    if paths:
        return paths, problems
    if problems:
        raise DataError(f"{problems[0].image}: {problems[0].error}")
    raise DataError("no photograph was named; give files, folders, addresses, or paths on standard input")


@dataclass(frozen=True)
class Request:
    """The photographs that a caller of Python gave.

    Attributes:
        images: Paths, addresses and photographs in memory.
        problems: Folders that hold none.
        is_single: Whether one photograph was given, not several and no folder: its result comes alone.
    """

    images: list[ImageSource]
    problems: list[Problem]
    is_single: bool


def read_request(inputs: ImageInputs) -> Request:
    """Takes the photographs that a caller of Python gives.

    Args:
        inputs: One photograph, a folder, or several, as `predict` takes them.

    Returns:
        The photographs, without opening them.

    Raises:
        UsageError: One of them is no photograph.
        DataError: There is no photograph at all.
    """
    sources = hold_images(inputs)
    if not sources:
        raise DataError("no photograph was given: the list is empty; expected one at least")
    images, problems = collect_images(sources)
    is_alone = is_single(inputs) and len(images) == 1 and not is_place(sources[0])
    return Request(images, problems, is_alone)


def is_place(source: ImageSource) -> bool:
    """Whether a source may stand for several photographs: a folder, or an address below which they are."""
    if isinstance(source, HeldImage):
        return False
    if is_address(source):
        return not has_image_name(source.rpartition("/")[2])
    return os.path.isdir(source)
