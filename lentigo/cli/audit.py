"""`lentigo audit`: what is wrong with a data set before it is learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from lentigo.cli.options import Json, OnCluster, table_options
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.datasets import print_audit
from lentigo.cli.output.predictions import open_cluster
from lentigo.cli.output.terminal import (
    PAGE_SUFFIXES,
    print_json,
    print_message,
    print_notes,
    report_problems,
    require_ending,
)

if TYPE_CHECKING:
    from lentigo.datasets.dataset import Dataset
    from lentigo.datasets.tables.options import TableOptions

audit_app = typer.Typer(rich_markup_mode=None)


@audit_app.command(epilog="Example: lentigo audit photos/ --out audit.html")
@table_options
def audit(
    data: Annotated[str, Argument(help="Labelled photographs, or a folder of photographs without classes.")],
    against: Annotated[
        str | None,
        Option(
            "--against", help="Another set, in which duplicates of these photographs are looked for, too."
        ),
    ] = None,
    out: Annotated[
        Path | None, Option("--out", help="Writes a report (HTML) with the pairs side by side.")
    ] = None,
    model: Annotated[
        str,
        Option(
            "--model",
            help="A RUN whose frozen branch finds gel, patches and more; 'none' for image processing alone.",
        ),
    ] = "bundled",
    cluster: OnCluster = None,
    as_json: Json = False,
    columns: TableOptions | None = None,
) -> None:
    """Finds duplicates, leaks, labels that disagree, shortcuts, artefacts and flawed photographs."""
    from lentigo.inference.auditing.dataset_audit import audit as audit_dataset

    require_ending("--out", out, PAGE_SUFFIXES, "a report in HTML")
    dataset = open_audited(data, columns)
    other = None if against is None else open_audited(against, columns)
    with open_cluster(cluster) as joined, Bars() as bars:
        result = audit_dataset(dataset, against=other, model=model, cluster=joined, progress=bars)
    if as_json:
        print_json(result.to_json())
    else:
        print_audit(result.to_json())
    if out is not None:  # after the results, which a full disk must not take along
        from lentigo.audit.report import write_audit
        from lentigo.common.files import write_text

        write_text(out, write_audit(result))
        print_message(f"report: {out}")
    print_notes(result.notes)
    report_problems(result.problems)


def open_audited(data: str, columns: TableOptions | None) -> str | Dataset:
    """A data set where options say how it is read, else its name."""
    if columns is None:
        return data
    from lentigo.audit.audited_set import open_set

    return open_set(data, columns)
