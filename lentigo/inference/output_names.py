"""Names of the files that are made for photographs: no two alike, and none that replaces a photograph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from lentigo.common.file_names import resolve_name, shorten_name
from lentigo.errors import UsageError


def name_files(paths: Iterable[str | Path], out: str | Path, *endings: str) -> dict[str, tuple[Path, ...]]:
    """Files in the folder `out` for each photograph: its name with each of the `endings`.

    Where two photographs share a name, the folder's name comes before, then a number; one that is named twice
    has one set of files.

    >>> {image: files[0].name for image, files in name_files(["a/mole.jpg", "b/mole.jpg", "b/spot.jpg"],
    "out", "_mask.png").items()} {'a/mole.jpg': 'a_mole_mask.png', 'b/mole.jpg': 'b_mole_mask.png',
    'b/spot.jpg': 'spot_mask.png'}

    Raises `UsageError` where a file would replace a photograph, or `out` is a file.
    """
    images, out = {str(path): Path(path) for path in paths}, Path(out)
    if out.is_file():
        raise UsageError(f"{out}: is a file; expected a folder, or a name for one to be made")
    files = {
        image: tuple(out / f"{name}{ending}" for ending in endings)
        for image, name in zip(images, name_apart(images.values()), strict=True)
    }
    keep_images(images.values(), (file for several in files.values() for file in several))
    return files


def keep_images(images: Iterable[Path], files: Iterable[Path]) -> None:
    """Raises `UsageError` where a file to be made is one of the photographs."""
    sources = {resolve_name(path) for path in images}
    for file in files:
        if resolve_name(file) in sources:
            raise UsageError(
                f"{file.parent}: the figure would replace the photograph {file}; choose another folder"
            )


def name_apart(paths: Iterable[Path]) -> Iterator[str]:
    """A name for each path, no two alike on any file system."""
    paths = list(paths)
    shared = Counter(path.stem.casefold() for path in paths)
    taken: set[str] = set()
    tries: Counter[str] = Counter()
    for path in paths:
        stem = (
            path.stem
            if shared[path.stem.casefold()] == 1
            else f"{Path(resolve_name(path)).parent.name}_{path.stem}"
        )
        name = unique = shorten_name(stem)
        while unique.casefold() in taken:
            tries[name.casefold()] += 1
            unique = f"{name}_{tries[name.casefold()] + 1}"
        taken.add(unique.casefold())
        yield unique
