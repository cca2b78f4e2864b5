"""Data sets: from class folders, split folders, manifests and archive folders to one table."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.data import archives
from lentigo.data.addresses import hash_address, is_address
from lentigo.data.diagnoses import NAME_OF, normalise
from lentigo.data.files import hash_bytes, hash_readable
from lentigo.data.folders import list_tree, subfolders
from lentigo.data.photos import Problem
from lentigo.data.splits import GROUP_COLUMNS, SPLIT_NAMES, SPLITS, group_photos
from lentigo.data.tables import read_delimited
from lentigo.errors import DataError, UsageError

CLASSES = ("benign", "malignant")  # the order of the network's answer: 0, 1
LABELS = {"benign": "benign", "malignant": "malignant", "0": "benign", "1": "malignant"}
MANIFESTS = ("manifest.csv", "manifest.parquet")
SUBJECT_COLUMNS = {  # what is known of the person and the place, and the names that the public data sets have for it
    "age": ("age_approx", "age_approximate"),
    "sex": ("gender",),
    "site": ("anatom_site_general", "anatom_site_general_challenge", "localization", "anatom_site_1", "region"),
    "skin_type": ("fitzpatrick_skin_type", "fitzpatrick", "fitspatrick"),
    "skin_tone": (),
}
TEXT = ("image", "label", "split", *GROUP_COLUMNS, "sha256", "skin_type", *SUBJECT_COLUMNS["skin_type"])  # words even where they look like numbers


@dataclass(frozen=True)
class Dataset:
    """Labelled photographs. `table` has a row for each: `image` (path), `label`, and where known `split`,
    `patient_id`, `lesion_id`, `source`, `license`, `age` (years), `sex`, `site`, `skin_type` (Fitzpatrick's), `skin_tone`
    (see `lentigo.data.skin`) and whatever else the manifest holds."""

    name: str
    table: pd.DataFrame
    problems: tuple[Problem, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def malignant(self) -> np.ndarray:
        """1 for malignant, 0 for benign; int (n,)."""
        return (self.table["label"] == CLASSES[1]).to_numpy(dtype=int)

    @cached_property
    def groups(self) -> np.ndarray:
        """Numbers of patients, lesions, duplicates or, without ids, of files with the same content; int (n,)."""
        files = [digest or None for digest in self.digests]  # unreadable files are not copies of each other
        return group_photos(self.table.assign(file=files), (*GROUP_COLUMNS, "file"))

    @cached_property
    def digests(self) -> list[str]:
        """The SHA-256 of each file, "" where it cannot be read."""
        return [hash_photo(path) for path in self.table["image"]]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of contents and labels, whatever the order, names or place of the files."""
        return hash_bytes(*sorted(f"{d} {label}".encode() for d, label in zip(self.digests, self.table["label"], strict=True)))

    def know_digests(self, digests: Sequence[str]) -> Dataset:
        """The same photographs, whose files were hashed before."""
        known = replace(self)
        vars(known)["digests"] = list(digests)
        return known

    def of_split(self, *splits: str) -> Dataset:
        """The photographs of the given splits."""
        return self.take(self.table["split"].isin(splits).to_numpy())

    def take(self, rows: np.ndarray) -> Dataset:
        """The photographs of a boolean mask or of row numbers; no file that was hashed is hashed again."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        taken = replace(self, table=self.table.iloc[rows].reset_index(drop=True))
        if "digests" in vars(self):
            vars(taken)["digests"] = [self.digests[row] for row in rows]
        return taken

    def assign(self, **columns: Any) -> Dataset:
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


def load_dataset(path: str | Path) -> Dataset:
    """Reads a class folder tree, a split tree, a CSV or Parquet manifest, a HAM10000 folder or an ISIC archive folder.

    Photographs are listed, not opened. Entries that cannot be used are in `problems`; `DataError` says what is wrong
    with the whole.
    """
    path = Path(path)
    if os.path.isfile(path):
        return load_manifest(path)
    if not os.path.isdir(path):
        raise DataError(f"{path}: no such folder or file; expected class folders (benign/, malignant/), a manifest or an archive folder")
    subfolders(path)  # says so where the folder cannot be read
    for name in MANIFESTS:
        if (path / name).is_file():
            return load_manifest(path / name)
    return make_dataset(path, *(archives.read_archive(path) or list_tree(path, require_classes)))


def require_classes(path: Path, names: Iterable[str]) -> None:
    """Raises `DataError` for a class folder of another name, with the name that was meant or what else to do."""
    for name in names:
        if name.lower() not in CLASSES:
            near = difflib.get_close_matches(name.lower(), CLASSES, n=1)
            other = f"lentigo data import {path} --out manifest.csv" if normalise(name) in NAME_OF else "rename or remove it, or write a manifest (image,label)"
            cure = f"rename it to {near[0]}" if near else other
            raise DataError(f"{path}: class folder {name!r} is unknown; expected {' and '.join(CLASSES)}: {cure}")


def load_manifest(path: Path, refuse: Callable[[str], str | None] = lambda place: None) -> Dataset:
    """Reads `image,label[,lesion_id,patient_id,split,source,license]`; image paths are relative to the manifest, absolute, or addresses.

    `refuse` gives the reason not to follow a path as it is written, or None. A photograph that is listed twice is taken once, with two
    labels not at all; `problems` say so.
    """
    table = read_table(path)
    missing = [column for column in ("image", "label") if column not in table]
    if missing:
        raise DataError(f"{path}: lacks the column {' and '.join(missing)} (it has {', '.join(map(str, table.columns))}); expected image,label")
    labels = table["label"].astype(str).str.strip().str.lower().map(LABELS)
    if labels.isna().any():
        unknown = sorted({str(value) for value in table.loc[labels.isna(), "label"]})
        raise DataError(f"{path}: {int(labels.isna().sum())} labels are unknown ({', '.join(unknown[:5])}); expected {' or '.join(CLASSES)}")
    reasons = [refuse(str(image)) for image in table["image"]]
    refused = [Problem(str(image), reason) for image, reason in zip(table["image"], reasons, strict=True) if reason]
    images = [image if is_address(image) else str(path.parent / str(image)) for image in table["image"]]
    trusted = table.assign(image=images, label=labels)[np.array([reason is None for reason in reasons], dtype=bool)]
    if refused and not len(trusted):
        raise DataError(f"{path}: none of its {len(refused)} photographs can be used; the first: {refused[0].image}: {refused[0].error}")
    single, repeated = drop_repeats(trusted)
    return make_dataset(path, single, refused + repeated)


def drop_repeats(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows with each image once, those with two labels left out, and what was left out."""
    again = table["image"].duplicated() & table["image"].map(lambda image: is_address(image) or os.path.isfile(image))
    torn = table.groupby("image")["label"].transform("nunique") > 1
    problems = [Problem(image, "is listed as benign and as malignant: left out; expected one label: correct the manifest")
                for image in table.loc[torn, "image"].unique()]  # fmt: skip
    problems += [Problem(image, "is listed more than once: taken once") for image in table.loc[again & ~torn, "image"].unique()]
    return table[~again & ~torn], problems


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as a table; words that are blank are missing."""
    try:
        parquet = path.suffix.lower() == ".parquet"
        table = pd.read_parquet(path) if parquet else read_delimited(path, TEXT)
    except ImportError as error:
        raise DataError(f"{path}: reading Parquet needs pyarrow; expected it to be installed: pip install 'lentigo[parquet]'") from error
    except (OSError, ValueError) as error:  # pandas' and Arrow's parser errors are ValueErrors
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{path}: not a readable manifest ({reason}); expected CSV or Parquet with image,label") from error
    words = [column for column in TEXT if column in table]
    return table.assign(**{column: table[column].where(table[column].astype(str).str.strip() != "") for column in words})


def make_dataset(path: Path, table: pd.DataFrame, problems: list[Problem]) -> Dataset:
    """Checks what all kinds share: the files are there, the splits have known names, something is left."""
    if not len(table):
        raise DataError(f"{path}: lists no photograph with a class; expected rows that say {' or '.join(CLASSES)}")
    if "split" not in table:
        table = table.assign(split=None)
    splits = table["split"].map(lambda v: SPLIT_NAMES.get(str(v).strip().lower()), na_action="ignore")
    unknown = table.loc[splits.isna() & table["split"].notna(), "split"]
    if len(unknown):
        raise DataError(f"{path}: split {str(unknown.iloc[0])!r} is unknown; expected {', '.join(SPLITS)} or nothing")
    table = rename_subjects(table.assign(split=splits.astype(object)))
    sizes = [measure_file(image) for image in table["image"]]
    there = np.array([bool(size) for size in sizes], dtype=bool)
    problems = problems + [Problem(image, "no such file" if size is None else "the file is empty; copy it again from its source")
                           for image, size in zip(table["image"], sizes, strict=True) if not size]  # fmt: skip
    if not there.any():
        raise DataError(f"{path}: none of its {len(there)} photographs is there; expected files such as {table['image'].iloc[0]}")
    return Dataset(str(path), table[there].reset_index(drop=True), tuple(problems))


def hash_photo(image: str) -> str:
    """The SHA-256 of a file or of what stands at an address, "" where it cannot be read."""
    return hash_address(image) if is_address(image) else hash_readable(image)


def measure_file(path: str) -> int | None:
    """The bytes of a file, None where there is none; 1 of an address, where nobody looks yet."""
    if is_address(path):
        return 1
    try:
        return os.path.getsize(path) if os.path.isfile(path) else None
    except (OSError, ValueError):
        return None


def rename_subjects(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with the archives' names for age, sex, site and skin replaced by ours, where those are not there already.

    >>> rename_subjects(pd.DataFrame({"age_approx": [50], "dx": ["nv"]})).columns.tolist()
    ['age', 'dx']
    """
    missing = {name: aliases for name, aliases in SUBJECT_COLUMNS.items() if name not in table}
    found = {name: next((alias for alias in aliases if alias in table), None) for name, aliases in missing.items()}
    return table.rename(columns={alias: name for name, alias in found.items() if alias})


def select_split(dataset: Dataset, split: str) -> Dataset:
    """The photographs of one split; those of a data set without splits are all taken.

    Raises `UsageError` for an unknown name and `DataError` when the split is empty.
    """
    if split not in (*SPLITS, "all"):
        raise UsageError(f"split {split!r} is unknown; expected {', '.join(SPLITS)} or all")
    if split == "all" or dataset.table["split"].isna().all():
        return dataset
    chosen = dataset.of_split(split)
    if not len(chosen):
        known = ", ".join(sorted(dataset.table["split"].dropna().unique()))
        raise DataError(f"{dataset.name}: no photograph in the split {split!r}; it has {known}")
    return chosen
