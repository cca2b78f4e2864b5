"""Exports: records as CSV, safe to be opened by a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from lentigo.common.spreadsheet_cells import neutralise
from lentigo.serving.predictions import write_record
from lentigo.serving.store.records import Record

PLAIN = (
    "id",
    "created",
    "model",
    "model_sha256",
    "sha256",
    "width",
    "height",
    "lesion",
    "taken",
    "label",
    "probability",
    "threshold",
    "in_distribution",
    "reason",
    "warnings",
    "kept",
)
MEASURED = (
    "area_px",
    "area_share",
    "area_mm2",
    "diameter_px",
    "diameter_mm",
    "border_irregularity",
    "asymmetry",
    "colours",
    "colour_spread",
    "cut_off",
)
REVIEWED = ("created", "who", "verdict", "note")
COLUMNS = (*PLAIN, *MEASURED, *(f"review_{name}" for name in REVIEWED))


def write_table(records: Iterable[Record]) -> Iterator[str]:
    """Lines of a CSV file, its head first (RFC 4180)."""
    yield write_line(COLUMNS)
    for record in records:
        yield write_line(list_cells(record))


def list_cells(record: Record) -> Iterator[Any]:
    """The cells of a record."""
    shown = write_record(record)
    for part, names in (
        (shown, PLAIN),
        (shown["measures"] or {}, MEASURED),
        (shown["review"] or {}, REVIEWED),
    ):
        for name in names:
            yield neutralise(part.get(name))


def write_line(cells: Iterable[Any]) -> str:
    """One line, with its end."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
