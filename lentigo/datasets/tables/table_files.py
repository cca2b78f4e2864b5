"""A CSV or Parquet file as a table, or what it is instead, and the cure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lentigo.datasets.groups import GROUP_COLUMNS
from lentigo.datasets.tables.cells import SUBJECT_COLUMNS
from lentigo.datasets.tables.columns import (
    CLASS_COLUMNS,
    DIAGNOSIS_COLUMNS,
    IMAGE_COLUMNS,
    TEXT_COLUMNS,
    rename_columns,
)
from lentigo.datasets.tables.delimited import (
    COMPRESSED_MARKS,
    SAMPLE_BYTES,
    find_wide_encoding,
    read_delimited,
)
from lentigo.errors import DataError, first_line, tell_install
from lentigo.images.decoding.file_kinds import find_kind

START_BYTES = 512  # of a file, by which its kind is known
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # of UTF-8
OTHER_KINDS = {  # what a file is, by its first bytes, and the cure
    b"\xff\xd8": "a photograph",
    b"PAR1": "a Parquet table under another name: rename it to end in .parquet",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of an old Excel: save it as CSV",
    b"[": "JSON: write its entries as rows of a table",
    b"{": "JSON: write its entries as rows of a table",
    b"<": "a page of HTML or XML: download the table itself",
    b"version https://git-lfs": "a Git LFS pointer: run `git lfs pull` where it was cloned",
}
WORD_COLUMNS = (  # words even where they look like numbers
    *IMAGE_COLUMNS,
    *CLASS_COLUMNS,
    *DIAGNOSIS_COLUMNS,
    *TEXT_COLUMNS,
    *GROUP_COLUMNS,
    "skin_type",
    *SUBJECT_COLUMNS["skin_type"],
)


def read_table(path: Path) -> pd.DataFrame:
    """Reads a manifest's file.

    Args:
        path: A CSV or Parquet file.

    Returns:
        The table, its columns spelled; words that are blank are missing.

    Raises:
        DataError: It is no such file, or cannot be read.
    """
    try:
        table = read_any_file(path)
    except ImportError as error:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; expected it to be installed: {tell_install('parquet')}"
        ) from error
    except (OSError, ValueError) as error:  # pandas' and Arrow's parser errors are ValueErrors
        raise DataError(explain_table(path, error)) from error
    return blank_words(rename_columns(table))


def read_any_file(path: Path) -> pd.DataFrame:
    """The rows of a Parquet file, or of one with separators. Raises `ImportError`, `OSError`, `ValueError`."""
    if path.suffix.lower() == ".parquet":
        return tidy_parquet(pd.read_parquet(path))
    refuse_other_kinds(path)
    return read_delimited(path, WORD_COLUMNS)


def blank_words(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose words that are blank are missing.

    Args:
        table: Its columns spelled.

    Returns:
        The table; columns of numbers are as they were.
    """
    words = {}
    for column in WORD_COLUMNS:
        if column in table:
            filled = table[column].astype(str).str.strip() != ""
            words[column] = table[column].where(filled)
    return table.assign(**words)


def tidy_parquet(table: pd.DataFrame) -> pd.DataFrame:
    """A table as a CSV would have it: a named index is a column, bytes are words, and lists are left out."""
    # An index with a name was a column before it became one
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    columns = {}
    for name, cells in table.items():
        # The first value tells the type of the column: Parquet has one for each
        first = next(iter(cells.dropna()), None)
        if isinstance(first, bytes):
            columns[name] = cells.map(lambda cell: cell.decode("utf-8", "replace"), na_action="ignore")
        elif first is None or pd.api.types.is_scalar(first):
            columns[name] = cells
    return pd.DataFrame(columns, index=table.index)


def explain_table(path: Path, error: Exception) -> str:
    """What a table is that cannot be read, and the cure, in one line."""
    if read_start(path).startswith(b"PK"):
        return (
            f"{path}: is a ZIP file, or a spreadsheet; expected a folder, or CSV or Parquet with "
            "image,label: "
            f"unpack it; `lentigo data import {path} --out manifest.csv` reads a published data set as it "
            "is; "
            "save a spreadsheet as CSV"
        )
    return f"{path}: not a readable manifest ({first_line(error)}); expected CSV or Parquet with image,label"


def refuse_other_kinds(path: Path) -> None:
    """Raises `ValueError` for a file that is plainly no text, though pandas would make columns of it."""
    start = read_start(path)
    text = start.removeprefix(BYTE_ORDER_MARK).lstrip()
    # Past spaces and the byte order mark: JSON may begin with either
    for mark, words in OTHER_KINDS.items():
        if text.startswith(mark):
            raise ValueError(words)
    # pandas unpacks a table that is the only file of a .zip
    if start.startswith(b"PK") and path.suffix.lower() != ".zip":
        raise ValueError("a ZIP file")
    # A text of two bytes a letter holds zeros, too
    is_text = b"\0" not in start or find_wide_encoding(start[:SAMPLE_BYTES]) is not None
    if is_text and not start.startswith(b"%PDF-"):
        return
    if not start.startswith(COMPRESSED_MARKS):  # which may be a table that is compressed
        words, _ = find_kind(start) or ("no text", "")
        raise ValueError(words)


def read_start(path: Path) -> bytes:
    """The first bytes of a file, none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(START_BYTES)
    except OSError:
        return b""
