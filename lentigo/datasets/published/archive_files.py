"""The files of public data sets: which tables there are, what columns they have, and how they are read."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from lentigo.datasets.published.catalogue import Archive
from lentigo.datasets.published.layouts import CLASS_WORDS, HEADLESS, PH2
from lentigo.datasets.published.zip_members import is_table
from lentigo.datasets.tables.delimited import (
    guess_separator,
    read_delimited,
    read_head,
    split_header,
)
from lentigo.errors import DataError, first_line

CURE = ": download it again, or write a manifest.csv (image,label)"
MAX_DEPTH = 4  # folders below a source in which tables are looked for
# Columns that are words even where they look like numbers
WORD_COLUMNS = ("patient_id", "lesion_id", "img_id", "fitspatrick", "fitzpatrick_skin_type")
PH2_NAME = re.compile(r"IMD\d{3}", re.IGNORECASE)
PH2_DIAGNOSES = {"0": "common nevus", "1": "atypical nevus", "2": "melanoma"}  # by PH2's numbers
SPLIT_WORDS = {"train": "train", "val": "validation", "test": "test"}


def find_tables(root: Path, depth: int = MAX_DEPTH) -> list[Path]:
    """Finds the tables in a folder and in folders of it.

    Args:
        root: The folder.
        depth: How many layers of folders are looked through, the folder itself included.

    Returns:
        The tables, sorted, without what is hidden.
    """
    found = []
    for here, folders, names in os.walk(root):
        layer = len(Path(here).relative_to(root).parts) + 1
        deeper = [name for name in folders if not name.startswith(".")]
        # Changed in place: `os.walk` then goes no deeper
        folders[:] = sorted(deeper) if layer < depth else []
        for name in names:
            if is_table(Path(name)) and not name.startswith("."):
                found.append(Path(here) / name)
    return sorted(found)


def peek_columns(path: Path) -> frozenset[str]:
    """Finds the columns of a table by its first lines.

    Args:
        path: A delimited table.

    Returns:
        The columns in lower case; none where it cannot be read.
    """
    try:
        if is_ph2(path):
            return frozenset(PH2)
        if is_headless(path):
            return frozenset(HEADLESS)
        # The first lines are enough: tables of an archive may be large
        return frozenset(name.strip().lower() for name in split_header(path))
    except (OSError, ValueError):
        return frozenset()


def is_headless(path: Path) -> bool:
    """Whether a table begins with a photograph and its class, as that of ISIC 2016 does."""
    # Two cells in the first line, both of them values: no header stands there
    _, line = read_head(path)
    cells = [clean_cell(cell).lower() for cell in line.split(guess_separator(line))]
    if len(cells) != 2:
        return False
    return re.fullmatch(r"isic_\d{7}", cells[0]) is not None and cells[1] in CLASS_WORDS


def is_ph2(path: Path) -> bool:
    """Whether a table is PH2's, drawn with bars, or its sheet as CSV, which has a legend above its header."""
    if not path.stem.lower().startswith("ph2"):
        return False
    return re.search(r"\bIMD\d{3}\b", path.read_text("utf-8", "replace")) is not None


def read_metadata(path: Path, archive: Archive) -> pd.DataFrame:
    """Reads a table of a public data set.

    Args:
        path: The table.
        archive: The data set.

    Returns:
        The table, its columns in lower case.

    Raises:
        DataError: It is none, or lacks a column.
    """
    table = read_lower(path)
    needs = (archive.key, *archive.needs)
    missing = [column for column in needs if column not in table]
    if missing:
        raise DataError(
            f"{path}: lacks the column {' and '.join(missing)}; expected {', '.join(needs)}{CURE}"
        )
    if archive.some and not set(archive.some) & set(table):
        raise DataError(f"{path}: has neither {' nor '.join(archive.some)}; expected {archive.looks}{CURE}")
    return table


def read_lower(path: Path) -> pd.DataFrame:
    """Reads a table of any layout.

    Args:
        path: The table.

    Returns:
        The table, its columns in lower case; the first of equal ones stays.

    Raises:
        DataError: It cannot be read.
    """
    try:
        table = read_any_layout(path)
    # pandas names no file, and ends a message with several lines
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable table ({first_line(error)}); expected CSV{CURE}") from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    # The first of columns with one name: a spreadsheet may repeat them
    return table.loc[:, ~table.columns.duplicated()]


def read_any_layout(path: Path) -> pd.DataFrame:
    """Reads a table of PH2, one without a header, or an ordinary one. Raises `OSError` and `ValueError`."""
    if is_ph2(path):
        return read_bars(path)
    return read_delimited(path, WORD_COLUMNS, HEADLESS if is_headless(path) else None)


def read_bars(path: Path) -> pd.DataFrame:
    """PH2's table: `PH2_dataset.txt`, where a number stands for the clinical diagnosis, or its sheet as CSV,
    where a cross stands in one of three columns.
    """
    # With a byte order mark, as spreadsheets write it
    lines = path.read_text("utf-8-sig", "replace").splitlines()
    rows = [split_bars(line) for line in lines]
    places = find_ph2_columns(rows)
    diagnoses = []
    for cells in rows:
        name = next(filter(PH2_NAME.fullmatch, cells), None)
        if name is not None:
            diagnoses.append((name.upper(), read_ph2_diagnosis(cells, places)))
    return pd.DataFrame(diagnoses, columns=list(PH2))


def split_bars(line: str) -> list[str]:
    """The cells of a line, between double bars or separators."""
    cells = line.split("||") if "||" in line else re.split(r"[,;\t]", line)
    return [clean_cell(cell) for cell in cells]


def clean_cell(cell: str) -> str:
    """A cell without spaces and quotation marks around."""
    return cell.strip().strip('"').strip()


def find_ph2_columns(rows: list[list[str]]) -> dict[str, int]:
    """The places of PH2's columns by their names in lower case; none without a header."""
    for cells in rows:
        names = [cell.lower() for cell in cells]
        if "name" in names or "image name" in names:
            return {name: place for place, name in enumerate(names)}
    return {}


def read_ph2_diagnosis(cells: list[str], places: dict[str, int]) -> str | None:
    """The diagnosis of a row of PH2: the column with a cross, else what the number means, or None."""

    def read_cell(column: str) -> str:
        """A cell, "" where the row or the table lacks it."""
        place = places.get(column)
        return "" if place is None or place >= len(cells) else cells[place]

    # One cross: a row with two is read by its number
    crossed = [word for word in PH2_DIAGNOSES.values() if read_cell(word)]
    if len(crossed) == 1:
        return crossed[0]
    return PH2_DIAGNOSES.get(read_cell("clinical diagnosis").removesuffix(".0"))


def split_of(path: Path) -> str | None:
    """The split that a table's name speaks of.

    Args:
        path: The table.

    Returns:
        train, validation or test, or None.

    >>> split_of(Path("ISIC-2017_Test_v2_Part3_GroundTruth.csv")), split_of(Path("HAM10000_metadata.csv"))
    ('test', None)
    """
    match = re.search(r"(?<![a-z])(train|val|test)(?:ing|id|idation)?(?![a-z])", path.stem.lower())
    return None if match is None else SPLIT_WORDS[match.group(1)]
