"""Scales: how many millimetres a pixel is, where somebody measured that. A file's own resolution (EXIF, PNG)
says how it was meant to be printed, and nothing of the lesion: it is never used."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from lentigo.common.file_names import resolve_name
from lentigo.errors import DataError, UsageError

NAMES = (
    "image",
    "isic_id",
)  # columns that name a photograph: a path relative to the table, or the name of its file without suffix
COLUMN, INVERSE = "mm_per_pixel", "pixels_per_mm"


def require_scale(mm_per_pixel: float) -> float:
    """A scale that can be one. Raises `UsageError`."""
    if not (math.isfinite(mm_per_pixel) and mm_per_pixel > 0):
        raise UsageError(f"a scale of {mm_per_pixel} mm per pixel: expected a number above 0, such as 0.02")
    return float(mm_per_pixel)


def read_scales(path: str | Path) -> dict[str, float]:
    """Millimetres of a pixel by the photograph, from a CSV table with `image` (or `isic_id`) and
    `mm_per_pixel` (or `pixels_per_mm`).

    A manifest or the archive's metadata.csv will do. Rows without a scale are left out. Raises `DataError`.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns, rows = reader.fieldnames or [], list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path}: not a readable table ({getattr(error, 'strerror', None) or error}); expected CSV with "
            f"image,{COLUMN}"
        ) from error
    name, scale = (
        next((column for column in wanted if column in columns), None)
        for wanted in (NAMES, (COLUMN, INVERSE))
    )
    if name is None or scale is None:
        raise DataError(
            f"{path}: has {', '.join(columns) or 'no columns'}; expected image (or isic_id) and {COLUMN} "
            f"(or {INVERSE})"
        )
    found: dict[str, float] = {}
    doubtful = set()  # file names that stand for two photographs
    for row in rows:
        value = (row[scale] or "").strip()
        if value:
            measured, stem = (
                read_value(path, row[name], value, inverse=scale == INVERSE),
                Path(row[name]).stem,
            )
            doubtful |= {stem} if found.get(stem, measured) != measured else set()
            found |= {resolve_name(path.parent / row[name]): measured, stem: measured}
    return {key: value for key, value in found.items() if key not in doubtful}


def read_value(path: Path, name: str, text: str, *, inverse: bool) -> float:
    """A scale as written in a table. Raises `DataError`."""
    try:
        value = float(text)
        return require_scale(1 / value if inverse else value)
    except (ValueError, ZeroDivisionError, UsageError) as error:
        raise DataError(f"{path}: the scale {text!r} of {name} is none; expected a number above 0") from error


def find_scale(image: str, scales: float | Mapping[str, float] | None) -> float | None:
    """The scale of a photograph among `scales`: one for all, or those of `read_scales`; None where it is not
    known.
    """
    if not isinstance(scales, Mapping):
        return scales
    return next((scales[name] for name in (resolve_name(image), Path(image).stem) if name in scales), None)
