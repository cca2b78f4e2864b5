"""Names of the files that are made for photographs: no two alike, and none that replaces a photograph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from lentigo.common.file_names import resolve_name, shorten_name, take_path
from lentigo.errors import UsageError
from lentigo.images.dicom.dicom_frames import find_frame
from lentigo.images.held_images import ImageSource


def name_files(paths: Iterable[ImageSource], out: str | Path, *endings: str) -> dict[str, tuple[Path, ...]]:
    """Names the files that are made for photographs in a folder.

    Where two photographs share a name, the folder's name comes before, then a number.

    Args:
        paths: Of the photographs; one that is named twice has one set of files.
        out: The folder.
        *endings: What comes after the photograph's name, one for each of its files.

    Returns:
        By its path the files of each photograph.

    Raises:
        UsageError: A file would replace a photograph, or `out` is a file.

    >>> files = name_files(["a/mole.jpg", "b/mole.jpg", "b/spot.jpg"], "out", "_mask.png")
    >>> [mask.name for (mask,) in files.values()]
    ['a_mole_mask.png', 'b_mole_mask.png', 'spot_mask.png']
    """
    images = {str(path): Path(str(path)) for path in paths}
    out = take_path(out, "out", "the name of a folder")
    if out.is_file():
        raise UsageError(f"{out}: is a file; expected a folder, or a name for one to be made")
    files: dict[str, tuple[Path, ...]] = {}
    for image, name in zip(images, make_unique_names(images.values()), strict=True):
        files[image] = tuple(out / f"{name}{ending}" for ending in endings)
    refuse_overwriting(images.values(), chain.from_iterable(files.values()))
    return files


def refuse_overwriting(images: Iterable[Path], files: Iterable[Path]) -> None:
    """Raises `UsageError` where a file that is to be made is one of the photographs.

    Args:
        images: The photographs.
        files: What is to be made.
    """
    sources = {resolve_name(path) for path in images}
    for file in files:
        if resolve_name(file) in sources:
            raise UsageError(
                f"{file.parent}: the figure would replace the photograph {file}; choose another folder"
            )


def make_unique_names(paths: Iterable[Path]) -> Iterator[str]:
    """Yields a name for each path, no two alike on any file system.

    Args:
        paths: Their names are kept where they can be.
    """
    paths = list(paths)
    # Without regard to case: on many systems `Mole.png` and `mole.png` are one file
    shared = Counter(name_stem(path).casefold() for path in paths)
    taken: set[str] = set()
    tries: Counter[str] = Counter()
    for path in paths:
        stem = name_stem(path)
        if shared[stem.casefold()] > 1:
            stem = f"{Path(resolve_name(path)).parent.name}_{stem}"
        name = shorten_name(stem)
        unique = name
        while unique.casefold() in taken:
            tries[name.casefold()] += 1
            unique = f"{name}_{tries[name.casefold()] + 1}"
        taken.add(unique.casefold())
        yield unique


def name_stem(path: Path) -> str:
    """The name of a photograph without its suffix; the frame of a file of several is named by its number.

    >>> name_stem(Path("scans/film.dcm#2")), name_stem(Path("mole.jpg"))
    ('film_frame2', 'mole')
    """
    frame = find_frame(path.name)
    return path.stem if frame is None else f"{path.stem}_frame{frame}"
