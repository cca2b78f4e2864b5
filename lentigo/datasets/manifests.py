"""Data sets: from class folders, split folders, manifests and archive folders to one table."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.file_names import find_name, is_file, spell_name
from lentigo.common.hashing import hash_bytes, hash_readable
from lentigo.datasets.columns import (
    CLASS_COLUMNS,
    DIAGNOSIS_COLUMNS,
    IMAGE_COLUMNS,
    LEFT_OUT,
    MOST_NAMED,
    TEXT_COLUMNS,
    TableOptions,
    TableReading,
    add_diagnoses,
    find_image_column,
    find_label_column,
    read_labels,
    rename_columns,
    spell_column,
    tidy_cells,
    understand_words,
)
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.datasets.folders import list_tree, subfolders
from lentigo.datasets.groups import GROUP_COLUMNS, SPLIT_NAMES, SPLITS, group_images
from lentigo.datasets.named_files import NamedFiles
from lentigo.datasets.placeholders import blank_placeholders
from lentigo.datasets.published import archive_tables as archives
from lentigo.datasets.published import catalogue
from lentigo.datasets.tables import read_delimited
from lentigo.errors import DataError, UsageError, tell_install
from lentigo.images.addresses import hash_address, is_address
from lentigo.images.decoding.file_kinds import find_kind
from lentigo.images.problems import Problem

CLASSES = ("benign", "malignant")  # the order of the network's answer: 0, 1
MANIFESTS = ("manifest.csv", "manifest.parquet")
# What is known of the person and the place, and the names that the public data sets have for it
SUBJECT_COLUMNS = {
    "age": ("age_approx", "age_approximate"),
    "sex": ("gender",),
    "site": (
        "anatom_site_general",
        "anatom_site_general_challenge",
        "localization",
        "anatom_site_1",
        "region",
    ),
    "skin_type": ("fitzpatrick_skin_type", "fitzpatrick", "fitspatrick", "fitzpatrick_scale"),
    "skin_tone": (),
}
FOLDERS_OF_TABLES = 3  # the folder itself and folders below it in which a table is looked for
# Words even where they look like numbers.
TEXT = (
    *IMAGE_COLUMNS,
    *CLASS_COLUMNS,
    *DIAGNOSIS_COLUMNS,
    *TEXT_COLUMNS,
    *GROUP_COLUMNS,
    "skin_type",
    *SUBJECT_COLUMNS["skin_type"],
)


@dataclass(frozen=True)
class Dataset:
    """Labelled photographs. `table` has a row for each: `image` (path), `label`, and where known `split`,
    `patient_id`, `lesion_id`, `source`, `license`, `age` (years), `sex`, `site`, `skin_type` (Fitzpatrick's),
    `skin_tone` (see `lentigo.images.skin_tone`), `diagnosis` (one of the seven `DIAGNOSES`, else the word as
    it is written), `diagnosis_word` (as written), `also_in` (where the same photograph stands in other sets),
    `mask`, and whatever else the manifest holds.

    Attributes:
        name: the path it was read from.
        table: the photographs.
        problems: what was left out, and why.
        reading: how columns and labels were understood, None where there was nothing to understand.
        notes: what a user should know and that is no problem.
    """

    name: str
    table: pd.DataFrame
    problems: tuple[Problem, ...] = field(default=())
    reading: TableReading | None = field(default=None)
    notes: tuple[str, ...] = field(default=())

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
        if "diagnosis" not in self.table:
            return np.full(len(self), -1)
        places = {name: number for number, name in enumerate(DIAGNOSES)}
        return self.table["diagnosis"].map(places).fillna(-1).to_numpy(dtype=int)

    @cached_property
    def groups(self) -> np.ndarray:
        """Numbers of patients, lesions, duplicates or, without ids, of files with the same content; int
        (n,).
        """
        files = [digest or None for digest in self.digests]  # unreadable files are not copies of each other
        return group_images(self.table.assign(file=files), (*GROUP_COLUMNS, "file"))

    @cached_property
    def digests(self) -> list[str]:
        """The SHA-256 of each file, "" where it cannot be read."""
        return [hash_image(path) for path in self.table["image"]]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of contents and labels, whatever the order, names or place of the files."""
        return hash_bytes(
            *sorted(
                f"{d} {label}".encode() for d, label in zip(self.digests, self.table["label"], strict=True)
            )
        )

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


def load_dataset(path: str | Path, options: TableOptions = TableOptions()) -> Dataset:
    """Reads a class folder tree, a split tree, a CSV or Parquet manifest, a HAM10000 folder or an ISIC
    archive folder.

    Photographs are listed, not opened. Entries that cannot be used are in `problems`.

    Args:
        path: a folder or a table.
        options: what the user says of columns, of labels and of addresses (see
            `lentigo.datasets.columns.make_options`).

    Raises:
        DataError: what is wrong with the whole, what was expected, and the option or command that helps.
    """
    path = Path(path)
    if os.path.isfile(path):
        return load_manifest(path, options=options)
    if not os.path.isdir(path):
        raise DataError(
            f"{path}: no such folder or file; expected class folders (benign/, malignant/), a manifest or "
            "an archive folder"
        )
    subfolders(path)  # says so where the folder cannot be read
    for name in MANIFESTS:
        if (path / name).is_file():
            return load_manifest(path / name, options=options)
    if options.image is None and options.label is None:
        archive = archives.read_archive(path, options.mapping)
        if archive is not None:
            return make_dataset(path, *archive)
    return load_folder(path, options)


def load_folder(path: Path, options: TableOptions) -> Dataset:
    """Class folders or split folders; else the one table in the folder that says what its photographs show.

    Raises `DataError` where there is neither, with `lentigo data import` where the tables are those of a
    public data set.
    """
    if options.image is not None or options.label is not None:
        only = find_table(path, strict=False)
        if only is None:
            raise DataError(
                f"{path}: --image-column and --label-column are for a table; the folder holds none, or "
                "several: name the table itself"
            )
        return load_manifest(only, options=options, roots=[path])
    try:
        return load_tree(path, options)
    except DataError:
        table = find_table(path)
        if table is None:
            raise
    return load_manifest(table, options=options, roots=[path])


def find_table(path: Path, *, strict: bool = True) -> Path | None:
    """The one table in a folder whose columns say what its photographs show; without `strict` the one table.
    None where there is none, or several.

    Raises `DataError` for the tables of a public data set that is imported.
    """
    tables = catalogue.find_tables(path, depth=FOLDERS_OF_TABLES)
    columns = {table: catalogue.peek_columns(table) for table in tables}
    archive = next(
        (archive for archive in catalogue.ARCHIVES for table in tables if archive.claims(columns[table])),
        None,
    )
    if archive is not None and strict:
        raise DataError(
            f"{path}: looks like {archive.source} as it is published; expected class folders, a manifest, "
            "HAM10000 or the ISIC archive: "
            f"lentigo data import {path} --out manifest.csv"
        )
    speaking = [table for table in tables if not strict or speaks(columns[table])]
    return speaking[0] if len(speaking) == 1 else None


def speaks(columns: Iterable[str]) -> bool:
    """Whether columns name a photograph and say what it shows."""
    spelled = {spell_column(name) for name in columns}
    return bool(spelled & set(IMAGE_COLUMNS)) and bool(spelled & {*CLASS_COLUMNS, *DIAGNOSIS_COLUMNS})


def load_tree(path: Path, options: TableOptions) -> Dataset:
    """Class folders or split folders; names of classes are benign and malignant, 0 and 1, diagnoses, or what
    `--map` says.
    """
    table, problems = list_tree(path, partial(require_classes, options=options))
    meanings, policy = understand_words(table["label"].unique(), options)
    table, _ = add_diagnoses(table)
    labels = table["label"].map(meanings)
    kept = labels.isin(CLASSES).to_numpy(dtype=bool)
    left_out = table.loc[~kept].groupby("label", sort=False)["image"].agg(["first", "size"])
    for word, row in left_out.iterrows():
        count, reason = (
            int(row["size"]),
            f"is neither benign nor malignant by the policy {policy}; --map {word}=malignant takes it",
        )
        if meanings[word] == LEFT_OUT:
            reason = "is left out, as --map says"
        problems = [
            *problems,
            Problem(
                str(Path(row["first"]).parent),
                f"{count} photographs of the class {word!r} left out: it {reason}",
            ),
        ]
    became = {str(word): meant if meant in CLASSES else "left out" for word, meant in meanings.items()}
    reading = TableReading(
        None, None, "the folders' names" if "diagnosis_word" in table else None, policy, became
    )
    return replace(make_dataset(path, table.assign(label=labels)[kept], problems), reading=reading)


def require_classes(path: Path, names: Iterable[str], options: TableOptions = TableOptions()) -> None:
    """Raises `DataError` for a class folder whose name is not understood, with the name that was meant or
    what else to do.
    """
    names = list(names)
    meanings, _ = understand_words([name.lower() for name in names], options)
    unknown = [name for name in names if meanings[name.lower()] is None]
    if not unknown:
        return
    near = difflib.get_close_matches(unknown[0].lower(), CLASSES, n=1)
    pairs = ",".join(f"{name}=benign" for name in unknown[:MOST_NAMED])
    cure = (
        f"rename it to {near[0]}"
        if near
        else f"rename or remove it, say what it means (--map {pairs}), or write a manifest (image,label)"
    )
    others = (
        f" ({len(unknown)} of {len(names)} are: {', '.join(unknown[:MOST_NAMED])})"
        if len(unknown) > 1
        else ""
    )
    raise DataError(
        f"{path}: class folder {unknown[0]!r} is unknown{others}; expected {' and '.join(CLASSES)}: {cure}"
    )


def load_manifest(
    path: Path,
    refuse: Callable[[str], str | None] = lambda place: None,
    options: TableOptions = TableOptions(),
    roots: Sequence[Path] = (),
) -> Dataset:
    """Reads a table of photographs and labels; image paths are relative to the table, absolute, or names
    below its folder.

    A photograph that is listed twice is taken once, with two labels or none not at all; `problems` say so.

    Args:
        path: CSV or Parquet; columns are found by their names (see `lentigo.datasets.columns`).
        refuse: gives the reason not to follow a path as it is written, or None.
        options: what the user says of columns, of labels and of addresses.
        roots: further folders in which photographs are looked for.
    """
    table = read_table(path)
    image_column = find_image_column(table, options, path)
    refuse_layout(path, table, options)
    label_column = find_label_column(table, options, path, but=image_column)
    labels, reasons, became, policy = read_labels(
        table, label_column, options, path
    )  # before diagnoses take the place of their words
    table, diagnosis_column = add_diagnoses(table)
    names = [str(image) for image in table[image_column]]
    reasons = [
        reason or refuse_address(name, options) or refuse(name)
        for name, reason in zip(names, reasons, strict=True)
    ]
    kept = np.array([reason is None for reason in reasons], dtype=bool)
    left_out = [Problem(name, reason) for name, reason in zip(names, reasons, strict=True) if reason]
    if left_out and not kept.any():
        raise DataError(
            f"{path}: none of its {len(left_out)} photographs can be used; the first: {left_out[0].image}: "
            f"{left_out[0].error}"
        )
    placed = place_images(path, [name for name, good in zip(names, kept, strict=True) if good], roots)
    ambiguous = [answer for answer in placed if isinstance(answer, Problem)]
    clear = np.array([not isinstance(answer, Problem) for answer in placed], dtype=bool)
    table = table.drop(columns=[name for name in (image_column,) if name != "image"])
    trusted = table.assign(label=labels)[kept][clear].assign(
        image=[answer for answer in placed if not isinstance(answer, Problem)]
    )
    single, repeated = drop_repeats(
        trusted[["image", "label", *(name for name in trusted if name not in ("image", "label"))]]
    )
    reading = TableReading(image_column, label_column, diagnosis_column, policy, became)
    return replace(make_dataset(path, single, left_out + ambiguous + repeated), reading=reading)


def refuse_layout(path: Path, table: pd.DataFrame, options: TableOptions) -> None:
    """Raises `DataError` for a table of a public data set that says what photographs show in several columns
    at once.
    """
    archive = next(
        (archive for archive in catalogue.ARCHIVES if archive.claims(frozenset(table.columns))), None
    )
    if (
        archive is not None
        and archive.name in catalogue.IN_COLUMNS
        and options.label is None
        and "label" not in table
    ):
        raise DataError(
            f"{path}: looks like the table of {archive.source}, a column for each diagnosis; expected one "
            f"column: lentigo data import {path} --out manifest.csv"
        )


def refuse_address(name: str, options: TableOptions) -> str | None:
    """Why an address in a table is not asked, or None where it is none, or may be."""
    if options.addresses or not is_address(name):
        return None
    return "an address in a table: not asked, since a table may come from anybody; --addresses allows it where you trust the table"


def place_images(path: Path, names: Sequence[str], roots: Sequence[Path] = ()) -> list[str | Problem]:
    """Where the photographs of a table are; addresses stay as they are."""
    files = NamedFiles(path.parent, roots)
    found = iter(files.find_all([name for name in names if not is_address(name)]))
    return [name if is_address(name) else next(found) for name in names]


def drop_repeats(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows with each image once, those with two labels left out, and what was left out."""
    again = table["image"].duplicated() & table["image"].map(
        lambda image: is_address(image) or is_file(image)
    )
    torn = table.groupby("image")["label"].transform("nunique") > 1
    problems = [
        Problem(
            image, "is listed as benign and as malignant: left out; expected one label: correct the manifest"
        )
        for image in table.loc[torn, "image"].unique()
    ]
    problems += [
        Problem(image, "is listed more than once: taken once")
        for image in table.loc[again & ~torn, "image"].unique()
    ]
    return table[~again & ~torn], problems


def explain_table(path: Path, error: Exception) -> str:
    """What a table is that cannot be read, and the cure, in one line."""
    start = read_start(path)
    if start.startswith(b"PK"):
        cure = f"unpack it; `lentigo data import {path} --out manifest.csv` reads a published data set as it is; save a spreadsheet as CSV"
        return f"{path}: is a ZIP file, or a spreadsheet; expected a folder, or CSV or Parquet with image,label: {cure}"
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return f"{path}: not a readable manifest ({reason}); expected CSV or Parquet with image,label"


BOM = b"\xef\xbb\xbf"
OTHER_KINDS = {  # what a file is, by its first bytes, and the cure
    b"\xff\xd8": "a photograph",
    b"PAR1": "a Parquet table under another name: rename it to end in .parquet",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of an old Excel: save it as CSV",
    b"[": "JSON: write its entries as rows of a table",
    b"{": "JSON: write its entries as rows of a table",
    b"<": "a page of HTML or XML: download the table itself",
    b"version https://git-lfs": "a Git LFS pointer: run `git lfs pull` where it was cloned",
}


def refuse_other_kinds(path: Path) -> None:
    """Raises `ValueError` for a file that is plainly no text, though pandas would make columns of it."""
    start = read_start(path)
    is_text = b"\0" not in start or start.startswith((b"\xff\xfe", b"\xfe\xff"))  # UTF-16 begins so
    for mark, words in OTHER_KINDS.items():
        if start.removeprefix(BOM).lstrip().startswith(mark):
            raise ValueError(words)
    if (
        start.startswith(b"PK") and path.suffix.lower() != ".zip"
    ):  # pandas unpacks a table that is the only file of a .zip
        raise ValueError("a ZIP file")
    if start.startswith(b"%PDF-") or not is_text:
        words, _ = find_kind(start) or ("no text", "")
        if not start.startswith((b"PK", b"\x1f\x8b")):  # which may be a table that is compressed
            raise ValueError(words)


def read_start(path: Path) -> bytes:
    """The first bytes of a file, none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(512)
    except OSError:
        return b""


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as a table; words that are blank are missing."""
    try:
        parquet = path.suffix.lower() == ".parquet"
        if not parquet:
            refuse_other_kinds(path)
        table = pd.read_parquet(path) if parquet else read_delimited(path, TEXT)
    except ImportError as error:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; expected it to be installed: {tell_install('parquet')}"
        ) from error
    except (OSError, ValueError) as error:  # pandas' and Arrow's parser errors are ValueErrors
        raise DataError(explain_table(path, error)) from error
    table = rename_columns(table)
    words = [column for column in TEXT if column in table]
    return table.assign(
        **{column: table[column].where(table[column].astype(str).str.strip() != "") for column in words}
    )


def make_dataset(path: Path, table: pd.DataFrame, problems: list[Problem]) -> Dataset:
    """Checks what all kinds share: the files are there, the splits have known names, something is left."""
    if not len(table):
        first = (
            f"; the first of {len(problems)} problems: {problems[0].image}: {problems[0].error}"
            if problems
            else ""
        )
        raise DataError(
            f"{path}: lists no photograph with a class; expected rows that say {' or '.join(CLASSES)}{first}"
        )
    if "split" not in table:
        table = table.assign(split=None)
    table = table.assign(split=blank_placeholders(table["split"]))
    splits = table["split"].map(lambda v: SPLIT_NAMES.get(str(v).strip().lower()), na_action="ignore")
    unknown = table.loc[splits.isna() & table["split"].notna(), "split"]
    if len(unknown):
        raise DataError(
            f"{path}: split {str(unknown.iloc[0])!r} is unknown; expected {', '.join(SPLITS)} or nothing"
        )
    table, _ = add_diagnoses(tidy_cells(rename_subjects(table.assign(split=splits.astype(object)))))
    sizes = [measure_file(image) for image in table["image"]]
    there = np.array([bool(size) for size in sizes], dtype=bool)
    problems = problems + [
        Problem(image, "no such file" if size is None else "the file is empty; copy it again from its source")
        for image, size in zip(table["image"], sizes, strict=True)
        if not size
    ]
    if not there.any():
        raise DataError(
            f"{path}: none of its {len(there)} photographs is there; expected files such as "
            f"{table['image'].iloc[0]}"
        )
    return Dataset(spell_name(path), table[there].reset_index(drop=True), tuple(problems))


def hash_image(image: str) -> str:
    """The SHA-256 of a file or of what stands at an address, "" where it cannot be read."""
    return hash_address(image) if is_address(image) else hash_readable(image)


def measure_file(path: str) -> int | None:
    """The bytes of a file, None where there is none; 1 of an address, where nobody looks yet."""
    if is_address(path):
        return 1
    try:
        return os.path.getsize(find_name(path)) if is_file(path) else None
    except (OSError, ValueError):
        return None


def rename_subjects(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with the archives' names for age, sex, site and skin replaced by ours, where those are
    not there already.

    >>> rename_subjects(pd.DataFrame({"age_approx": [50], "dx": ["nv"]})).columns.tolist()
    ['age', 'dx']
    """
    missing = {name: aliases for name, aliases in SUBJECT_COLUMNS.items() if name not in table}
    found = {
        name: next((alias for alias in aliases if alias in table), None) for name, aliases in missing.items()
    }
    return table.rename(columns={alias: name for name, alias in found.items() if alias})


def name_split(dataset: Dataset, split: str) -> str:
    """The split that `select_split` has taken, of the whole or of what it took: "all" where the data set has
    none.
    """
    return "all" if dataset.table["split"].isna().all() else split


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
