"""What can be imported, and how each kind of source is known."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lentigo.common.progress import Progress
from lentigo.datasets.diagnosis_words import NAME_OF, normalise
from lentigo.datasets.folders import list_subfolders
from lentigo.datasets.groups import SPLIT_NAMES
from lentigo.datasets.manifests import MANIFESTS
from lentigo.datasets.published.archive_files import MAX_DEPTH, find_tables, peek_columns
from lentigo.datasets.published.catalogue import ARCHIVES, find_archive
from lentigo.datasets.published.zip_members import is_table, is_zip
from lentigo.datasets.published.zips import unpack
from lentigo.datasets.tables.columns import describe_images
from lentigo.datasets.tables.options import TableOptions
from lentigo.datasets.tables.words import spell_word
from lentigo.errors import DataError, UsageError
from lentigo.images.problems import Problem

OTHER_KINDS = {  # beside the public data sets of `ARCHIVES`, with what each looks like
    "med-node": "folders melanoma/ and naevus/, as in complete_mednode_dataset",
    "manifest": "a CSV or Parquet table image,label",
    "folders": "class folders (benign/ malignant/, or diagnoses such as melanoma/ nevus/), also below "
    "train/ validation/ test/",
}
KINDS = {**{archive.name: archive.looks for archive in ARCHIVES}, **OTHER_KINDS}
MEDNODE_FOLDERS = {"melanoma", "naevus"}


@dataclass(frozen=True)
class Place:
    """A source, opened.

    Attributes:
        given: Its name as it was given.
        root: The folder.
        out: The manifest to be written, which is not read.
        only: The one table, where that was named.
        foreign: Whether it comes from a ZIP.
        problems: What was left out on opening.
        columns: What the user says of tables and class folders.
    """

    given: str
    root: Path
    out: Path
    only: Path | None = None
    foreign: bool = False
    problems: list[Problem] = field(default_factory=list)
    columns: TableOptions = field(default_factory=TableOptions)

    @cached_property
    def tables(self) -> list[Path]:
        """The tables in the folder, in folders of it too, but not what was submitted to a challenge, nor the
        manifest to be written.
        """
        candidates = find_tables(self.root) if self.only is None else [self.only]
        tables = []
        for path in candidates:
            # What was submitted to a challenge is what somebody predicted, not what a photograph shows
            if not is_same_file(path, self.out) and "submission" not in path.stem.lower():
                tables.append(path)
        return tables

    @cached_property
    def claimed(self) -> dict[str, list[Path]]:
        """The tables by the kind that they are of."""
        claimed: dict[str, list[Path]] = {}
        for path in self.tables:
            kind = self.name_table(path)
            if kind is not None:
                claimed.setdefault(kind, []).append(path)
        return claimed

    def name_table(self, path: Path) -> str | None:
        """The kind that a table is of, None where it is none. A table that was named is a manifest where its
        columns say what photographs show.

        Args:
            path: Of a table.
        """
        named = path == self.only
        if path.suffix.lower() == ".parquet":
            return "manifest" if named or path.name in MANIFESTS else None
        if named and (self.columns.image is not None or self.columns.label is not None):
            return "manifest"
        columns = peek_columns(path)
        archive = find_archive([columns])
        if archive is not None:
            return archive.name
        if {"image", "label"} <= columns or (named and describe_images(columns)):
            return "manifest"
        return None

    @cached_property
    def class_root(self) -> Path | None:
        """The folder whose folders are classes or splits, the root or one below it; None where there is none,
        or a table was named.
        """
        if self.only is not None:
            return None
        # Layer by layer: the nearest folder to the root is meant
        layer = [self.root]
        for _ in range(MAX_DEPTH):
            for folder in layer:
                if self.holds_classes(folder):
                    return folder
            children = []
            for folder in layer:
                children += list_subfolders(folder)
            layer = children
        return None

    def holds_classes(self, folder: Path) -> bool:
        """Whether a folder holds class folders, or split folders with class folders in them.

        Args:
            folder: A folder of the place.
        """
        splits = [child for child in list_subfolders(folder) if child.name.lower() in SPLIT_NAMES]
        return any(holds_diagnoses(each, self.columns) for each in (folder, *splits))

    def is_pool(self, kind: str | None) -> bool:
        """Whether it holds photographs and nothing that says what they show: then tables of other sources may
        mean them.

        Args:
            kind: Of the place, as it was recognised.
        """
        if kind in OTHER_KINDS or self.only is not None:
            return False
        return not self.claimed and self.class_root is None

    def name_kinds(self) -> list[str]:
        """The kinds that are read: the archives whose tables are there, else a manifest, else folders."""
        # Tables of an archive say more than a manifest that somebody made of them
        archives = [archive.name for archive in ARCHIVES if archive.name in self.claimed]
        if archives:
            return archives
        if "manifest" in self.claimed:
            return ["manifest"]
        if self.class_root is None:
            return []
        # MED-NODE has no table, only these two folders
        names = {child.name.lower() for child in list_subfolders(self.class_root)}
        return ["med-node" if names == MEDNODE_FOLDERS else "folders"]


def check_kind(kind: str | None) -> None:
    """Makes sure that a kind can be imported.

    Args:
        kind: Its name; None for whatever is found.

    Raises:
        UsageError: There is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"kind {kind!r} is unknown; expected one of {list_kinds()}")


def list_kinds() -> str:
    """All kinds, and what each looks like, in one line."""
    return "; ".join(f"{name}: {looks}" for name, looks in KINDS.items())


def open_place(
    path: Path, folder: Path, out: Path, progress: Progress, columns: TableOptions | None = None
) -> Place:
    """Opens a source.

    Args:
        path: A folder, a table or a ZIP file.
        folder: Below which a ZIP is unpacked.
        out: The manifest to be written.
        progress: Of the unpacking.
        columns: What the user says of tables and class folders.

    Returns:
        The source.

    Raises:
        DataError: There is nothing that could be read.
        SpaceError: The disk is too small for what a ZIP holds.
    """
    columns = columns or TableOptions()
    if os.path.isdir(path):
        list_subfolders(path)  # says so where it cannot be read
        return Place(str(path), path, out, columns=columns)
    if not os.path.isfile(path):
        raise DataError(
            f"{path}: no such file or folder; expected a folder, a table or a ZIP of a public data set"
        )
    if is_zip(path):
        root, problems = unpack(path, folder, progress=progress)
        return Place(str(path), root, out, foreign=True, problems=problems, columns=columns)
    if not is_table(path):
        raise DataError(
            f"{path}: neither folder nor table nor ZIP; expected one of these: unpack it yourself and name "
            "the folder"
        )
    return Place(str(path), path.parent, out, only=path, columns=columns)


def holds_diagnoses(folder: Path, columns: TableOptions = TableOptions()) -> bool:
    """Whether a folder's folders have names of classes or diagnoses, or such as `--map` names, one of them at
    least.
    """
    for child in list_subfolders(folder):
        if normalise(child.name) in NAME_OF or spell_word(child.name) in columns.mapping:
            return True
    return False


def is_same_file(path: Path, other: Path) -> bool:
    """Whether two names are those of one file.

    Args:
        path: One name.
        other: The other.

    Returns:
        True where it is there and both lead to it.
    """
    return os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)
