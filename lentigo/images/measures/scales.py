"""Scales: how many millimetres a pixel is, where somebody measured that.

A file's own resolution (EXIF, PNG) says how it was meant to be printed, and nothing of the lesion: it is
never used.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from lentigo.common.file_names import resolve_name
from lentigo.errors import DataError, UsageError

# Columns that name a photograph: a path relative to the table, or the name of its file without suffix
NAME_COLUMNS = ("image", "isic_id")
SCALE_COLUMN = "mm_per_pixel"
INVERSE_COLUMN = "pixels_per_mm"
MIN_MM_PER_PIXEL = 0.0002  # of a microscope
MAX_MM_PER_PIXEL = 10.0  # of a photograph of a whole person


def require_scale(mm_per_pixel: float) -> float:
    """Checks a scale.

    Args:
        mm_per_pixel: Millimetres of a pixel.

    Returns:
        The same.

    Raises:
        UsageError: For one that no photograph has.
    """
    if not MIN_MM_PER_PIXEL <= mm_per_pixel <= MAX_MM_PER_PIXEL:  # nor is what is no number
        raise UsageError(
            f"a scale of {mm_per_pixel} mm per pixel: expected a number above 0, such as 0.02, from "
            f"{MIN_MM_PER_PIXEL} to {MAX_MM_PER_PIXEL:g}"
        )
    return float(mm_per_pixel)


def read_scales(path: str | Path) -> dict[str, float]:
    """Reads the scales of photographs from a CSV table.

    A manifest or the archive's metadata.csv will do. Rows without a scale or a name are left out.

    Args:
        path: Of a table with `image` (or `isic_id`) and `mm_per_pixel` (or `pixels_per_mm`).

    Returns:
        Millimetres of a pixel by the photograph's path, and by the stem of its file where no two photographs
        with other scales have it.

    Raises:
        DataError: Where the table cannot be read, has other columns, or a scale that is none.
    """
    path = Path(path)
    columns, rows = read_rows(path)
    name_column = find_column(columns, NAME_COLUMNS)
    scale_column = find_column(columns, (SCALE_COLUMN, INVERSE_COLUMN))
    if name_column is None or scale_column is None:
        raise DataError(
            f"{path}: has {', '.join(columns) or 'no columns'}; expected image (or isic_id) and "
            f"{SCALE_COLUMN} (or {INVERSE_COLUMN})"
        )
    scales: dict[str, float] = {}
    ambiguous = set()  # stems of two photographs with other scales
    for row in rows:
        text = (row[scale_column] or "").strip()
        name = row[name_column]
        if not text or not name:
            continue
        scale = read_value(path, name, text, inverse=scale_column == INVERSE_COLUMN)
        stem = Path(name).stem
        if scales.get(stem, scale) != scale:
            ambiguous.add(stem)
        scales[resolve_name(path.parent / name)] = scale
        scales[stem] = scale
    return {name: scale for name, scale in scales.items() if name not in ambiguous}


def read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and the rows of a CSV table. Raises `DataError`.

    Args:
        path: Of the table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path}: not a readable table ({reason}); expected CSV with image,{SCALE_COLUMN}"
        ) from error
    return columns, rows


def find_column(columns: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the wanted columns that a table has."""
    return next((column for column in wanted if column in columns), None)


def read_value(path: Path, name: str, text: str, *, inverse: bool) -> float:
    """A scale as written in a table. Raises `DataError`.

    Args:
        path: Of the table, for the error.
        name: Of the column.
        text: The cell.
        inverse: Whether it is in pixels a millimetre, not millimetres a pixel.
    """
    try:
        value = float(text)
        return require_scale(1 / value if inverse else value)
    except (ValueError, ZeroDivisionError, UsageError) as error:
        raise DataError(f"{path}: the scale {text!r} of {name} is none; expected a number above 0") from error


def find_scale(image: str, scales: float | Mapping[str, float] | None) -> float | None:
    """Finds the scale of a photograph.

    Args:
        image: Its path.
        scales: One for all, or those of `read_scales`.

    Returns:
        Millimetres of a pixel; None where it is not known.
    """
    if not isinstance(scales, Mapping):
        return scales
    for name in (resolve_name(image), Path(image).stem):
        if name in scales:
            return scales[name]
    return None
