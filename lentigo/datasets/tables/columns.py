"""Which column of a table names the photograph, and which says benign or malignant.

Tables come from spreadsheets, notebooks and public data sets, each with its own header. What is clear is
read; what is not clear is an error that names the option by which a user decides.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from lentigo.datasets.tables.options import TableOptions
from lentigo.datasets.tables.words import quote, spell_column
from lentigo.errors import DataError
from lentigo.images.decoding.formats import SUFFIXES

# Names of columns as `spell_column` writes them, the first that a table has is meant.
IMAGE_COLUMNS = (
    "image",
    "image_id",
    "image_name",
    "isic_id",
    "img_id",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image_path",
    "image_file",
    "img_path",
    "img_name",
    "img",
    "file",
    "path",
    "photo",
    "photograph",
    "picture",
    "images",
    "ddi_file",
    "bcn_filename",
    "md5hash",
    "derm",
    "name",
    "id",
)
CLASS_COLUMNS = (
    "benign_malignant",
    "malignant",
    "is_malignant",
    "malignancy",
    "three_partition_label",
    "label",
    "target",
    "class",
    "class_name",
    "labels",
    "category",
    "y",
    "ground_truth",
    "gt",
    "outcome",
)
DIAGNOSIS_COLUMNS = (
    "diagnosis",
    "dx",
    "diagnostic",
    "disease",
    "diagnosis_full",
    "iddx_full",
    "diagnosis_name",
    "diagnosis_word",
    "diagnosis_5",
    "diagnosis_4",
    "diagnosis_3",
    "diagnosis_2",
    "diagnosis_1",
    "iddx_5",
    "iddx_4",
    "iddx_3",
    "iddx_2",
    "iddx_1",
    "label",
    "class",
    "class_name",
)
TEXT_COLUMNS = (  # words even where they look like numbers
    "also_in",
    "source",
    "license",
    "mask",
    "sha256",
    "split",
    "sex",
    "site",
)
MIN_IMAGE_NAMES = 0.9  # share of a column's words that end as photographs' names do


def rename_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Spells the columns of a table.

    Args:
        table: Any table.

    Returns:
        The table with columns as `spell_column` spells them, where no two become one; the first of equal ones
        stays.
    """
    names = [str(name).strip() for name in table.columns]  # a pandas table may have numbers for names
    spelled = [spell_column(name) for name in names]
    renamed = []
    for name, spelling in zip(names, spelled, strict=True):
        # Two columns that would get the same name keep their own, which options can then name
        renamed.append(spelling if spelled.count(spelling) == 1 else name)
    table = table.set_axis(renamed, axis="columns")
    return table.loc[:, ~table.columns.duplicated()]


def choose_column(table: pd.DataFrame, wanted: str | None, option: str, place: object) -> str | None:
    """The column that an option names.

    Args:
        table: The table.
        wanted: The column's name as a user gave it; None for none.
        option: The option, for the message.
        place: The table's file, for the message.

    Returns:
        The column; None where none is named.

    Raises:
        DataError: The table has none of that name.
    """
    if wanted is None:
        return None
    for name in table.columns:
        if name == wanted or spell_column(name) == spell_column(wanted):
            return name
    raise DataError(
        f"{place}: has no column {wanted!r}; it has {quote(table.columns)}: {option} names one of these"
    )


def find_image_column(table: pd.DataFrame, options: TableOptions, place: object) -> str:
    """The column that names photographs.

    Args:
        table: The table, its columns spelled.
        options: What the user says.
        place: The table's file, for the message.

    Returns:
        The column.

    Raises:
        DataError: No column is known to name them, or several may.
    """
    chosen = choose_column(table, options.image, "--image-column", place)
    if chosen is not None:
        return chosen
    for name in IMAGE_COLUMNS:
        if name in table:
            return name
    # Without a name that is known: the column whose words look like names of photographs
    candidates = [name for name in table.columns if names_images(table[name])]
    if len(candidates) == 1:
        return candidates[0]
    problem = f"no column is known to name the photographs; it has {quote(table.columns)}"
    if candidates:
        problem = f"several columns name photographs ({quote(candidates)})"
    raise DataError(
        f"{place}: {problem}; expected image, image_id, filename or path: say which it is with "
        "--image-column NAME"
    )


def names_images(words: pd.Series) -> bool:
    """Whether nearly all words of a column end as photographs' names do."""
    names = words.dropna().astype(str).str.strip().str.lower()
    return len(names) > 0 and names.str.endswith(tuple(SUFFIXES)).mean() > MIN_IMAGE_NAMES


def find_label_column(table: pd.DataFrame, options: TableOptions, place: object, *, but: str) -> str:
    """The column that says benign or malignant, or from what that follows.

    Args:
        table: The table, its columns spelled.
        options: What the user says.
        place: The table's file, for the message.
        but: The column that names photographs, which is not it.

    Returns:
        The column.

    Raises:
        DataError: There is none.
    """
    chosen = choose_column(table, options.label, "--label-column", place)
    if chosen is not None:
        return chosen
    # Beside `three_partition_label` (Fitzpatrick17k) `label` is a diagnosis, one of a hundred
    if "label" in table and "three_partition_label" not in table and but != "label":
        return "label"
    for name in (*CLASS_COLUMNS, *DIAGNOSIS_COLUMNS):
        # A column of gaps says nothing, whatever its name
        if name in table and name != but and table[name].notna().any():
            return name
    raise DataError(
        f"{place}: no column says benign or malignant; it has {quote(table.columns)}; expected label, class, "
        "target, malignant or diagnosis: say which it is with --label-column NAME"
    )


def describe_images(columns: Iterable[str]) -> bool:
    """Whether columns name a photograph and say what it shows.

    Args:
        columns: Names of columns.

    Returns:
        True where both are among them.
    """
    spelled = {spell_column(name) for name in columns}
    return bool(spelled & set(IMAGE_COLUMNS)) and bool(spelled & {*CLASS_COLUMNS, *DIAGNOSIS_COLUMNS})
