"""`lentigo index`: known lesions, among which `lentigo predict --similar` finds the nearest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from lentigo.cli.options import Json, Model, load_data, table_options
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.terminal import print_json, print_line, report_problems
from lentigo.common.results.summaries import format_count, format_counts

if TYPE_CHECKING:
    from lentigo.datasets.tables.options import TableOptions
    from lentigo.inference.similarity.case_indexing import IndexedCases

similarity_app = typer.Typer(rich_markup_mode=None)


@similarity_app.command(epilog="Example: lentigo index photos/ --out known/ --model runs/first")
@table_options
def index(
    data: Annotated[Path, Argument(help="Labelled photographs.")],
    out: Annotated[Path, Option("--out", help="The folder of the index, to be made.")],
    model: Model = "bundled",
    split: Annotated[
        str | None, Option("--split", help="train, validation or test; all photographs without it.")
    ] = None,
    as_json: Json = False,
    columns: TableOptions | None = None,
) -> None:
    """Makes an index of known lesions: `lentigo predict --similar 5 --index INDEX` shows the nearest."""
    from lentigo.inference.similarity.case_indexing import index_cases

    with Bars() as bars:
        indexed = index_cases(load_data(data, columns), out, model, split=split, progress=bars)
    if as_json:
        print_json(indexed.to_json())
    else:
        print_index(indexed)
    report_problems(indexed.problems)


def print_index(indexed: IndexedCases) -> None:
    """An index for people: what it holds, and what may be shown."""
    print_line(
        f"{indexed.folder}: {format_count(indexed.n, 'photograph')}, {indexed.n_malignant} malignant; model "
        f"{indexed.model}"
    )
    if indexed.diagnoses:
        print_line(f"  diagnoses: {format_counts(indexed.diagnoses)}")
    licences = {name or "not known": count for name, count in indexed.licenses.items()}
    print_line(f"  licences: {format_counts(licences)}")
