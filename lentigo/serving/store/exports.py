"""Exports: records as CSV, safe to be opened by a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from lentigo.common.results.spreadsheet_cells import neutralise
from lentigo.serving.predictions.record_json import write_record
from lentigo.serving.store.records import Record

RECORD_COLUMNS = (
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
MEASURE_COLUMNS = (
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
REVIEW_COLUMNS = ("created", "who", "verdict", "note")
COLUMNS = (*RECORD_COLUMNS, *MEASURE_COLUMNS, *(f"review_{name}" for name in REVIEW_COLUMNS))


def write_table(records: Iterable[Record]) -> Iterator[str]:
    """Writes records as CSV (RFC 4180).

    Args:
        records: the records, each with its last review.

    Yields:
        Lines with their ends, the head first.
    """
    yield write_line(COLUMNS)
    for record in records:
        yield write_line(list_cells(record))


def list_cells(record: Record) -> Iterator[Any]:
    """The cells of a record, in the order of `COLUMNS`."""
    facts = write_record(record)
    measures = facts["measures"] or {}
    review = facts["review"] or {}
    for name in RECORD_COLUMNS:
        yield neutralise(facts.get(name))
    for name in MEASURE_COLUMNS:
        yield neutralise(measures.get(name))
    for name in REVIEW_COLUMNS:
        yield neutralise(review.get(name))


def write_line(cells: Iterable[Any]) -> str:
    """One line, with its end."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
