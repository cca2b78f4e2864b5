"""The files that a table names: as written, or as people write them, with backslashes, without suffix or
folder, in other capitals.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from lentigo.common.file_names import find_name, is_file, spell_name
from lentigo.common.hashing import are_different
from lentigo.images.decoding.formats import SUFFIXES, UNREAD
from lentigo.images.mask_names import MASK_FOLDER
from lentigo.images.problems import Problem

MAX_FILES = 500_000  # looked at in search of photographs that are not where the table has them
MAX_DEPTH = 6  # folders below that of the table


class NamedFiles:
    """The photographs that a table may name: below its folder, or below `roots` after it."""

    def __init__(self, home: Path, roots: Sequence[Path] = ()) -> None:
        self.home = home
        self.roots = [home, *(root for root in roots if root != home)]

    def place(self, name: str) -> str:
        """Where a name leads as it is written, or in another spelling of the same path; whether a file is
        there or not.

        Backslashes part folders where no file has one in its name.

        Args:
            name: As the table has it.
        """
        # A path of Windows is tried as it is first: a backslash may be part of a name
        spellings = [name]
        if "\\" in name:
            spellings.append(name.replace("\\", "/"))
        for root in self.roots:
            for spelling in spellings:
                place = spell_name(root / spelling)
                if is_file(place):
                    return place
        return spell_name(self.home / spellings[-1])

    def find_all(self, names: Sequence[str]) -> list[str | Problem]:
        """A path for each name, or the problem that several files may be meant. A name of which nothing is
        found keeps its path.

        Files in other folders are looked for where names have no suffix, or where most are not where the
        table has them: a file that is missing among many is not replaced by a namesake.

        Args:
            names: As the table has them.
        """
        places: list[str | Problem] = []
        missing = []
        for number, name in enumerate(names):
            place = self.place(name)
            places.append(place)
            if not is_file(place):
                missing.append((number, name, place))
        # Most names lead nowhere: the photographs were moved, so they are looked for below
        moved = len(missing) > len(names) / 2
        for number, name, place in missing:
            found: str | Problem | None = self.find_beside(place)
            if found is None and (moved or not has_suffix(name)):
                found = self.find_below(name)
            if found is not None:
                places[number] = found
        return places

    def find_beside(self, place: str) -> str | None:
        """The one photograph in the folder of a path that has its name in other capitals, or with a suffix
        where it has none.

        Args:
            place: The path that the name leads to.
        """
        folder, wanted = os.path.split(place)
        found = [entry for entry in self.list_folder(folder) if means(entry, wanted)]
        # Two files that differ in capitals alone: neither is meant
        return os.path.join(folder, found[0]) if len(found) == 1 else None

    def list_folder(self, folder: str) -> list[str]:
        """The names in a folder, read once; none where it cannot be read.

        Args:
            folder: Its path.
        """
        if folder not in self.listed:
            try:
                self.listed[folder] = sorted(map(spell_name, os.listdir(find_name(folder))))
            except (OSError, ValueError):
                self.listed[folder] = []
        return self.listed[folder]

    @cached_property
    def listed(self) -> dict[str, list[str]]:
        """Names by folder."""
        return {}

    def find_below(self, name: str) -> str | Problem | None:
        """The photograph of that name in folders below, whose last folders are those of the name; the nearest
        one.

        Several that are equally near are one where their content is the same, else a problem: which is meant
        is not guessed.

        Args:
            name: As the table has it.
        """
        parts = [part for part in re.split(r"[\\/]", name.strip()) if part not in ("", ".", "..")]
        if not parts:
            return None
        *folders, last = map(str.casefold, parts)
        candidates = []
        for path in self.index.get(strip_suffix(last), []):
            if means(path.name, parts[-1]) and ends_with(path, folders):
                # The last folders must agree: `benign/1.jpg` is not `malignant/1.jpg`
                candidates.append(path)
        if not candidates:
            return None
        nearest = min(len(path.parts) for path in candidates)
        meant = [path for path in candidates if len(path.parts) == nearest]
        # Equal files are one photograph
        if are_different(meant):
            return Problem(
                name,
                f"{len(meant)} different files have that name ({meant[0]}, {meant[1]}); expected one: write "
                "the folder before it",
            )
        return str(meant[0])

    @cached_property
    def index(self) -> dict[str, list[Path]]:
        """The photographs below the roots by the stem of their name in lower case; folders of masks are left
        out.
        """
        index: dict[str, list[Path]] = {}
        count = 0
        for root in self.roots:
            for here, folders, names in os.walk(root):
                # The count ends a search through a whole disk
                count += len(names)
                inner = Path(here).relative_to(root).parts
                deeper = len(inner) < MAX_DEPTH and count < MAX_FILES
                # Changed in place: `os.walk` then goes no deeper
                folders[:] = sorted(filter(is_searched, folders)) if deeper else []
                for file_name in sorted(names):
                    if has_suffix(file_name) and not file_name.startswith("."):
                        path = Path(spell_name(Path(here, file_name)))
                        index.setdefault(strip_suffix(spell_name(file_name)), []).append(path)
        return index


def is_searched(folder: str) -> bool:
    """Whether photographs are looked for in a folder of that name: not where it is hidden or one of masks."""
    return not folder.startswith(".") and not MASK_FOLDER.search(folder)


def has_suffix(name: str) -> bool:
    """Whether a name ends as a photograph's."""
    return os.path.splitext(name)[1].lower() in SUFFIXES | UNREAD


def strip_suffix(name: str) -> str:
    """A name without the suffix of a photograph, in lower case."""
    stem = os.path.splitext(name)[0] if has_suffix(name) else name
    return stem.casefold()


def means(entry: str, wanted: str) -> bool:
    """Whether a file is what a name means: in other capitals, or with the suffix that the name lacks.

    >>> means("3.JPG", "3.jpg"), means("3.jpg", "3"), means("3.png", "3.jpg"), means("3_mask.png", "3")
    (True, True, False, False)
    """
    if has_suffix(wanted):
        return entry.casefold() == wanted.casefold()
    return has_suffix(entry) and strip_suffix(entry) == wanted.casefold()


def ends_with(path: Path, folders: Sequence[str]) -> bool:
    """Whether a path's last folders are these, in lower case."""
    inner = [part.casefold() for part in path.parts[:-1]]
    return not folders or inner[-len(folders) :] == list(folders)
