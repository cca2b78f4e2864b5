"""Where the photograph of a name lies: the public tables name photographs without folder and suffix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lentigo.common.file_names import spell_name
from lentigo.common.hashing import are_different
from lentigo.images.decoding.formats import SUFFIXES, UNREAD
from lentigo.images.listing import scan_folder
from lentigo.images.mask_names import MASK_FOLDER
from lentigo.images.problems import Problem

MASK_SUFFIXES = ("_segmentation", "_lesion", "_mask")  # HAM10000 and the ISIC challenges, PH2, others
ROOT_RANK = 1000  # more than any path has folders
ISIC_ID = re.compile(r"ISIC_\d{7}", re.IGNORECASE)


class FileLookup:
    """The photographs below some folders, by name. `problems` are folders and links that could not be looked
    at.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        # By stem: whether it cannot be read, whether it lies among masks, rank, path; the least is meant
        self.files: dict[str, list[tuple[bool, bool, int, Path]]] = {}
        self.problems: list[Problem] = []
        for number, root in enumerate(roots):
            paths, problems = scan_folder(root)
            self.problems += problems
            for path in paths:
                self._add(path, path.relative_to(spell_name(root)).parts, ROOT_RANK * number)

    def _add(self, path: Path, parts: Sequence[str], root_rank: int) -> None:
        """Takes up a photograph; `parts` are its names below its root."""
        unread = path.suffix.lower() in UNREAD
        aside = any(MASK_FOLDER.search(part) for part in parts[:-1])
        rank = root_rank + len(parts)  # the first root, then the nearest
        self.files.setdefault(path.stem.casefold(), []).append((unread, aside, rank, path))

    def find(self, name: str) -> Path | Problem | None:
        """The photograph of that name, with or without folder and suffix; the nearest to the root. None where
        there is none.

        Several that are equally near are one where their content is the same, else a problem: which is meant
        is not guessed.

        Args:
            name: As a table has it.
        """
        found = sorted(self.files.get(strip_name(name).casefold(), []))
        # Files of the same rank are equally near: only if they are equal does it not matter which
        meant = [path for *rank, path in found if rank == list(found[0][:3])]
        if are_different(meant):
            return Problem(
                name,
                f"{len(meant)} different files have that name ({meant[0]}, {meant[1]}); expected one: "
                "rename or remove the others",
            )
        return meant[0] if meant else None

    def find_mask(self, name: str) -> Path | None:
        """The outline of the lesion that goes with a photograph's name, or None.

        Args:
            name: Of the photograph.
        """
        stem = strip_name(name).casefold()
        for suffix in MASK_SUFFIXES:
            # The lowest rank is meant, as for photographs
            if stem + suffix in self.files:
                return self.files[stem + suffix][0][-1]
        return None


def strip_name(name: str) -> str:
    r"""A photograph's name without folders and suffix.

    Args:
        name: As a table has it.

    Returns:
        The stem; a suffix that no photograph has stays.

    >>> strip_name("imgs_part_1/PAT_46_881_939.png"), strip_name("ISIC_0024306"), strip_name("Dr. Who")
    ('PAT_46_881_939', 'ISIC_0024306', 'Dr. Who')
    """
    last = re.split(r"[\\/]", name.strip())[-1]
    stem, dot, suffix = last.rpartition(".")
    # A point may belong to the name: ISIC_0024306.cropped
    return stem if dot and f".{suffix.lower()}" in SUFFIXES | UNREAD else last


def find_isic_id(name: str) -> str | None:
    """The ISIC archive's number in a photograph's name.

    Args:
        name: As a table has it.

    Returns:
        The number in capitals, or None.

    >>> find_isic_id("isic_0024306_downsampled"), find_isic_id("mole") is None
    ('ISIC_0024306', True)
    """
    match = ISIC_ID.match(strip_name(name))
    return match.group().upper() if match else None
