"""A pandas table of a caller's as a manifest: checked, and with nothing of its own changed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lentigo.datasets.tables.columns import find_image_column, rename_columns
from lentigo.datasets.tables.options import TableOptions
from lentigo.datasets.tables.table_files import blank_words
from lentigo.errors import DataError

NAME = "DataFrame"  # what messages call it; relative paths in it are relative to the current folder


def read_frame(frame: pd.DataFrame, options: TableOptions = TableOptions()) -> pd.DataFrame:
    """Reads a table as a manifest's file would be read.

    Args:
        frame: A row for each photograph; paths or addresses, not the photographs themselves.
        options: What the user says of columns.

    Returns:
        A copy, its columns spelled; words that are blank are missing.

    Raises:
        DataError: It has no row, no column that names photographs, a cell there that is no path, or one
            photograph in several rows.
    """
    if not len(frame):
        raise DataError(f"{NAME}: has no row; expected one for each photograph, with image and label")
    table = rename_columns(frame.reset_index(drop=True))
    for column in table.columns:
        # Categories have no value for what is filled in later
        if isinstance(table[column].dtype, pd.CategoricalDtype):
            table[column] = table[column].astype(object)
    table = blank_words(table)
    column = find_image_column(table, options, NAME)
    require_paths(table[column])
    table[column] = table[column].map(str)
    require_unique(table[column])
    return table


def require_paths(images: pd.Series) -> None:
    """Raises `DataError` for a cell that names no file."""
    is_path = images.map(lambda image: isinstance(image, str | Path))
    if not is_path.all():
        row = int((~is_path).to_numpy().argmax())
        raise DataError(
            f"{NAME}: row {row} of the column {images.name!r} holds {type(images[row]).__name__}; expected a "
            "path or an address: save photographs that are in memory as files"
        )


def require_unique(images: pd.Series) -> None:
    """Raises `DataError` for a photograph that is named twice."""
    repeated = images.duplicated(keep=False)
    if repeated.any():
        first = images[repeated].iloc[0]
        rows = ", ".join(map(str, images.index[images == first][:5]))
        raise DataError(
            f"{NAME}: {first} stands in several rows ({rows}); expected each photograph once: "
            f"frame.drop_duplicates({images.name!r})"
        )
