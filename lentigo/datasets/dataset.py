"""A data set: labelled photographs as one table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

import numpy as np
import pandas as pd

from lentigo.common.file_names import find_name, is_file, spell_name
from lentigo.common.hashing import hash_readable, hash_unordered
from lentigo.common.results.summaries import Summarized, add_problems, format_count
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.datasets.groups import GROUP_COLUMNS, SPLIT_NAMES, SPLITS, group_images
from lentigo.datasets.tables.cells import rename_subjects, tidy_cells
from lentigo.datasets.tables.diagnosis_columns import add_diagnoses
from lentigo.datasets.tables.dicom_columns import add_dicom_columns
from lentigo.datasets.tables.options import TableReading
from lentigo.datasets.tables.placeholders import blank_placeholders
from lentigo.datasets.tables.words import shorten_word
from lentigo.errors import DataError, UsageError
from lentigo.images.addresses import hash_address, is_address
from lentigo.images.problems import Problem, quote_first

CLASSES = ("benign", "malignant")  # the order of the network's output: 0, 1
NO_FILE = "no such file"
EMPTY_FILE = "the file is empty; copy it again from its source"


@dataclass(frozen=True, repr=False, eq=False)
class Dataset(Summarized):
    """Labelled photographs. `table` has a row for each: `image` (path), `label`, and where known `split`,
    `patient_id`, `lesion_id`, `source`, `license`, `age` (years), `sex`, `site`, `skin_type` (Fitzpatrick's),
    `skin_tone` (see `lentigo.images.measures.skin_tone`), `diagnosis` (one of the seven `DIAGNOSES`, else the word as
    it is written), `diagnosis_word` (as written), `also_in` (where the same photograph stands in other sets),
    `mask`, and whatever else the manifest holds.

    Attributes:
        name: The path it was read from.
        table: The photographs.
        problems: What was left out, and why.
        reading: How columns and labels were understood, None where there was nothing to understand.
        notes: What a user should know and that is no problem.
    """

    name: str
    table: pd.DataFrame
    problems: tuple[Problem, ...] = field(default=())
    reading: TableReading | None = field(default=None)
    notes: tuple[str, ...] = field(default=())

    def summarize(self) -> str:
        """What matters most, in a few words."""
        malignant = int(self.malignant.sum())
        words = f"{self.name!r}: {format_count(len(self), 'photograph')}, {malignant:,} malignant"
        return add_problems(words, self.problems)

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def malignant(self) -> np.ndarray:
        """1 for malignant, 0 for benign; int (n,)."""
        return (self.table["label"] == CLASSES[1]).to_numpy(dtype=int)

    @cached_property
    def diagnosis_numbers(self) -> np.ndarray:
        """The place in `DIAGNOSES` of each photograph's diagnosis, -1 where it is unknown or none of the
        seven; int (n,).
        """
        # Whoever asks gets an array in any case: a loss masks what is -1
        if "diagnosis" not in self.table:
            return np.full(len(self), -1)
        places = {name: number for number, name in enumerate(DIAGNOSES)}
        return self.table["diagnosis"].map(places).fillna(-1).to_numpy(dtype=int)

    @cached_property
    def groups(self) -> np.ndarray:
        """Numbers of patients, lesions, duplicates or, without ids, of files with the same content; int
        (n,).
        """
        digests = pd.Series(self.digests, index=self.table.index, dtype=object)
        files = digests.where(digests != "", None)  # unreadable files are no duplicates of each other
        return group_images(self.table.assign(file=files), (*GROUP_COLUMNS, "file"))

    @property
    def n_groups(self) -> int:
        """How many groups there are: what counts in an interval, and in a split."""
        return len(np.unique(self.groups))

    @cached_property
    def digests(self) -> list[str]:
        """The SHA-256 of each file, "" where it cannot be read."""
        return [hash_image(path) for path in self.table["image"]]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of contents and labels, whatever the order, names or place of the files."""
        return hash_unordered(self.digests, self.table["label"])

    def know_digests(self, digests: Sequence[str]) -> Self:
        """The same photographs, whose files were hashed before.

        Args:
            digests: The SHA-256 of each file, "" where it cannot be read.
        """
        hashed = replace(self)
        vars(hashed)["digests"] = list(digests)
        return hashed

    def require_column(self, name: str, cure: str) -> pd.Series:
        """A column of the table.

        Args:
            name: Of the column.
            cure: What the error says was expected.

        Raises:
            DataError: There is none.
        """
        if name not in self.table:
            raise DataError(f"{self.name}: has no column {name!r}; {cure}")
        return self.table[name]

    def of_split(self, *splits: str) -> Self:
        """The photographs of the given splits."""
        return self.take(self.table["split"].isin(splits).to_numpy())

    def take(self, rows: np.ndarray) -> Self:
        """The photographs of a boolean mask or of row numbers; no file that was hashed is hashed again.

        Args:
            rows: Bool (n,), or row numbers, int (m,).
        """
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        taken = replace(self, table=self.table.iloc[rows].reset_index(drop=True))
        if "digests" in vars(self):
            # Hashes follow their rows: hashing is the slow part of opening a set
            vars(taken)["digests"] = [self.digests[row] for row in rows]
        return taken

    def assign(self, **columns: Any) -> Self:
        """The same photographs with other columns; no file that was hashed is hashed again."""
        changed = replace(self, table=self.table.assign(**columns))
        if "digests" in vars(self):
            vars(changed)["digests"] = self.digests
        return changed

    def require_both_classes(self) -> None:
        """Raises `DataError` when a class has no photograph."""
        for name in CLASSES:
            if not (self.table["label"] == name).any():
                raise DataError(f"{self.name}: no {name} photograph; expected both {' and '.join(CLASSES)}")


# What a caller may give for a data set: a folder, a table's file, a pandas table, or what was loaded before
DataSource: TypeAlias = str | Path | pd.DataFrame | Dataset
AnyDataset = TypeVar("AnyDataset", bound=Dataset)


def make_dataset(path: Path, table: pd.DataFrame, problems: list[Problem]) -> Dataset:
    """Makes a data set of a table, and checks what all kinds share.

    Args:
        path: What it was read from.
        table: `image`, `label` and what else is known.
        problems: What was left out before.

    Returns:
        The data set; photographs that are not there, or empty, are among its problems.

    Raises:
        DataError: A split is unknown, or nothing is left.
    """
    if not len(table):
        raise DataError(
            f"{path}: lists no photograph with a class; expected rows that say {' or '.join(CLASSES)}"
            f"{quote_first(problems)}"
        )
    # Before anything else is looked at: an unknown split is an error of the whole table
    table = table.assign(split=read_splits(path, table))
    table, _ = add_diagnoses(tidy_cells(rename_subjects(table)))
    present, missing = look_for_files(table["image"])
    # One wrong folder makes all names wrong: that is one error, not a thousand problems
    if not any(present):
        raise DataError(
            f"{path}: none of its {len(present)} photographs is there; expected files such as "
            f"{table['image'].iloc[0]}"
        )
    kept = add_dicom_columns(table[np.array(present)].reset_index(drop=True))
    return Dataset(spell_name(path), kept, (*problems, *missing))


def read_splits(path: Path, table: pd.DataFrame) -> pd.Series:
    """The split of each row by our names, None without one. Raises `DataError` for an unknown name."""
    if "split" not in table:
        return pd.Series(None, index=table.index, dtype=object)
    words = blank_placeholders(table["split"])
    splits = words.map(find_split, na_action="ignore")  # a row without a split keeps none
    unknown = words[splits.isna() & words.notna()]
    if len(unknown):
        raise DataError(
            f"{path}: split {shorten_word(unknown.iloc[0])!r} is unknown; expected {', '.join(SPLITS)} or nothing"
        )
    return splits.astype(object)


def hash_image(image: str) -> str:
    """The SHA-256 of a photograph.

    Args:
        image: A file or an address.

    Returns:
        64 hexadecimal digits; "" where it cannot be read.
    """
    return hash_address(image) if is_address(image) else hash_readable(image)


def find_split(word: Any) -> str | None:
    """The split that a word of a table stands for, None for one that is unknown."""
    return SPLIT_NAMES.get(str(word).strip().lower())


def look_for_files(images: Iterable[str]) -> tuple[list[bool], list[Problem]]:
    """Whether each photograph is there, and the problems of those that are missing or empty."""
    present = []
    missing = []
    for image in images:
        size = measure_file(image)
        present.append(bool(size))
        if not size:
            missing.append(Problem(image, NO_FILE if size is None else EMPTY_FILE))
    return present, missing


def measure_file(path: str) -> int | None:
    """The bytes of a file, None where there is none; 1 of an address, where nobody looks yet."""
    if is_address(path):
        return 1
    try:
        return os.path.getsize(find_name(path)) if is_file(path) else None
    except (OSError, ValueError):
        return None


def name_split(dataset: Dataset, split: str) -> str:
    """The split that `select_split` has taken.

    Args:
        dataset: The whole, or what it took.
        split: What was asked for.

    Returns:
        `split`; "all" where the data set has none.
    """
    return "all" if dataset.table["split"].isna().all() else split


def select_split(dataset: AnyDataset, split: str) -> AnyDataset:
    """The photographs of one split; those of a data set without splits are all taken.

    Args:
        dataset: The whole.
        split: train, validation, test or all.

    Returns:
        The photographs.

    Raises:
        UsageError: The name is unknown.
        DataError: The split is empty.
    """
    if split not in (*SPLITS, "all"):
        raise UsageError(f"split {split!r} is unknown; expected {', '.join(SPLITS)} or all")
    # A folder without splits is one set, whatever split is asked for
    if split == "all" or dataset.table["split"].isna().all():
        return dataset
    chosen = dataset.of_split(split)
    if not len(chosen):
        present = ", ".join(sorted(dataset.table["split"].dropna().unique()))
        raise DataError(f"{dataset.name}: no photograph in the split {split!r}; it has {present}")
    return chosen
