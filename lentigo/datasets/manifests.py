"""Loads a data set: class folders, split folders, a manifest, or a folder that an archive published."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from lentigo.common.file_names import take_path
from lentigo.datasets.class_folders import load_tree
from lentigo.datasets.dataset import Dataset, DataSource, make_dataset
from lentigo.datasets.folders import list_subfolders
from lentigo.datasets.published.archive_files import find_tables, peek_columns
from lentigo.datasets.published.archive_tables import read_archive
from lentigo.datasets.published.catalogue import IN_COLUMNS, find_archive
from lentigo.datasets.tables.columns import describe_images, find_image_column, find_label_column
from lentigo.datasets.tables.diagnosis_columns import add_diagnoses
from lentigo.datasets.tables.frames import NAME, read_frame
from lentigo.datasets.tables.image_rows import drop_refused, drop_repeats, locate_images, locate_mask
from lentigo.datasets.tables.labels import read_labels
from lentigo.datasets.tables.options import TableOptions, TableReading
from lentigo.datasets.tables.table_files import read_table
from lentigo.errors import DataError

MANIFESTS = ("manifest.csv", "manifest.parquet")
TABLE_DEPTH = 3  # the folder itself and folders below it in which a table is looked for


def load_dataset(path: DataSource, options: TableOptions = TableOptions()) -> Dataset:
    """Reads a class folder tree, a split tree, a CSV or Parquet manifest, a HAM10000 folder, an ISIC
    archive folder, or a pandas table.

    Photographs are listed, not opened. Entries that cannot be used are in `problems`.

    Args:
        path: A folder, a table's file, or a pandas table with a row for each photograph: `image` (a path,
            relative to the current folder, or an address) and `label`, and what else a manifest may have
            (`split`, `patient_id`, `lesion_id`, `source`, `license`, ...). A data set stays as it is.
        options: What the user says of columns, of labels and of addresses (see
            `lentigo.datasets.tables.options.make_options`).

    Returns:
        The data set.

    Raises:
        DataError: What is wrong with the whole, what was expected, and the option or command that helps.
    """
    if isinstance(path, Dataset):
        return path
    if isinstance(path, pd.DataFrame):
        return interpret_table(Path(NAME), read_frame(path, options), options=options)
    path = take_path(path, "data", "a folder, a table's file, a pandas table or a data set")
    if os.path.isfile(path):
        return load_manifest(path, options=options)
    if not os.path.isdir(path):
        raise DataError(
            f"{path}: no such folder or file; expected class folders (benign/, malignant/), a manifest or "
            "an archive folder"
        )
    list_subfolders(path)  # says so where the folder cannot be read
    # A manifest says more than folders do, so it comes first
    for name in MANIFESTS:
        if (path / name).is_file():
            return load_manifest(path / name, options=options)
    # Who names a column means a table
    if options.image is not None or options.label is not None:
        return load_only_table(path, options)
    # Before class folders: an archive's folder may hold folders with other meanings
    archive = read_archive(path, options.mapping)
    if archive is not None:
        return make_dataset(path, *archive)
    return load_folder(path, options)


def load_only_table(path: Path, options: TableOptions) -> Dataset:
    """The one table in a folder, whose columns the user has named. Raises `DataError`."""
    table = find_table(path, strict=False)
    if table is None:
        raise DataError(
            f"{path}: --image-column and --label-column are for a table; the folder holds none, or "
            "several: name the table itself"
        )
    return load_manifest(table, options=options, roots=[path])


def load_folder(path: Path, options: TableOptions) -> Dataset:
    """Class folders or split folders; else the one table in the folder that says what its photographs show.

    Raises `DataError` where there is neither, with `lentigo data import` where the tables are those of a
    public data set.
    """
    try:
        return load_tree(path, options)
    except DataError:
        # The error of the folders stays, unless a table explains them
        table = find_table(path)
        if table is None:
            raise
    return load_manifest(table, options=options, roots=[path])


def find_table(path: Path, *, strict: bool = True) -> Path | None:
    """Looks for the one table in a folder.

    Args:
        path: The folder.
        strict: Whether its columns have to say what its photographs show.

    Returns:
        The table; None where there is none, or several.

    Raises:
        DataError: With `strict`, a table is that of a public data set that is imported.
    """
    tables = find_tables(path, depth=TABLE_DEPTH)
    if strict:
        columns = {table: peek_columns(table) for table in tables}
        archive = find_archive(columns.values())
        # A manifest may have any columns; those of an archive have a reader of their own
        if archive is not None:
            raise DataError(
                f"{path}: looks like {archive.source} as it is published; expected class folders, a "
                "manifest, HAM10000 or the ISIC archive: "
                f"lentigo data import {path} --out manifest.csv"
            )
        # A list of licences or a read-me as a table says nothing of photographs
        tables = [table for table in tables if describe_images(columns[table])]
    return tables[0] if len(tables) == 1 else None


def follow_any_path(image: str) -> str | None:
    """Lets every path in a manifest be followed as it is written.

    Args:
        image: The path as the manifest has it.
    """
    return None


def load_manifest(
    path: Path,
    refuse: Callable[[str], str | None] = follow_any_path,
    options: TableOptions = TableOptions(),
    roots: Sequence[Path] = (),
) -> Dataset:
    """Reads a table of photographs and labels.

    Image paths are relative to the table, absolute, or names below its folder. A photograph that is listed
    twice is taken once, with two labels or none not at all; `problems` say so.

    Args:
        path: CSV or Parquet; columns are found by their names (see `lentigo.datasets.tables.columns`).
        refuse: Gives the reason not to follow a path as it is written, or None.
        options: What the user says of columns, of labels and of addresses.
        roots: Further folders in which photographs are looked for.

    Returns:
        The data set.

    Raises:
        DataError: The table cannot be read or understood, or nothing is left of it.
    """
    return interpret_table(path, read_table(path), refuse, options, roots)


def interpret_table(
    path: Path,
    table: pd.DataFrame,
    refuse: Callable[[str], str | None] = follow_any_path,
    options: TableOptions = TableOptions(),
    roots: Sequence[Path] = (),
) -> Dataset:
    """The data set of a table that was read.

    Args:
        path: Its file, for messages; paths in it are relative to the file's folder.
        table: Its columns spelled, blank words missing.
        refuse: As `load_manifest` takes it.
        options: As `load_manifest` takes it.
        roots: As `load_manifest` takes it.

    Returns:
        The data set.

    Raises:
        DataError: As `load_manifest`.
    """
    image_column = find_image_column(table, options, path)
    refuse_spread_diagnoses(path, table, options)
    label_column = find_label_column(table, options, path, but=image_column)
    labels = read_labels(table, label_column, options, path)  # before diagnoses take the place of their words
    table, diagnosis_column = add_diagnoses(table)
    images = list(map(str, table[image_column]))  # a pandas table may hold paths, or numbers
    table = table.assign(label=labels.classes, image=pd.Series(images, index=table.index, dtype=object))
    if image_column != "image":
        table = table.drop(columns=image_column)
    # Before files are looked for: what is left out need not be there
    table, left_out = drop_refused(path, table, labels.reasons, refuse, options)
    table, ambiguous = locate_images(path, table, roots)
    table, repeated = drop_repeats(table)
    if "mask" in table:
        masks = [locate_mask(path, mask) for mask in table["mask"]]
        table = table.assign(mask=pd.Series(masks, index=table.index, dtype=object))
    first = ["image", "label"]
    table = table[[*first, *table.columns.drop(first)]]
    reading = TableReading(image_column, label_column, diagnosis_column, labels.policy, labels.meanings)
    dataset = make_dataset(path, table, [*left_out, *ambiguous, *repeated])
    return replace(dataset, reading=reading)


def refuse_spread_diagnoses(path: Path, table: pd.DataFrame, options: TableOptions) -> None:
    """Raises `DataError` for a table of a public data set that says what photographs show in several columns
    at once.
    """
    if options.label is not None or "label" in table:
        return
    archive = find_archive([frozenset(table.columns)])
    if archive is not None and archive.name in IN_COLUMNS:
        raise DataError(
            f"{path}: looks like the table of {archive.source}, a column for each diagnosis; expected one "
            f"column: lentigo data import {path} --out manifest.csv"
        )
