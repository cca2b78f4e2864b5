"""`lentigo fit`: from photographs to an evaluated model and a page that leads through all of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from lentigo.cli.options import (
    Callbacks,
    Duplicates,
    Fp32,
    Json,
    Leaks,
    Recipe,
    Weights,
    recipe_options,
    table_options,
)
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.evaluations import print_scores
from lentigo.cli.output.terminal import (
    mute_stderr,
    print_json,
    print_line,
    print_message,
    report_problems,
)
from lentigo.common.results.summaries import format_count, format_counts

if TYPE_CHECKING:
    from lentigo.datasets.tables.options import TableOptions
    from lentigo.training.fitting.fit import Study

fit_app = typer.Typer(rich_markup_mode=None)


@fit_app.command(epilog="Example: lentigo fit photos/ --out study --recipe seed --epochs 20")
@recipe_options
@table_options
def fit(
    data: Annotated[
        Path,
        Argument(help="Class folders, a manifest, an archive folder, or a public data set as published."),
    ],
    out: Annotated[
        Path, Option("--out", help="Folder of the study; the same call goes on where it was stopped.")
    ],
    recipe: Recipe = "best",
    weights: Weights = "imagenet",
    test: Annotated[
        float,
        Option("--test", help="Share of the photographs for the test, where they have no test split."),
    ] = 0.2,
    fp32: Fp32 = False,
    duplicates: Duplicates = True,
    leaks: Leaks = "drop",
    callback: Callbacks = None,
    as_json: Json = False,
    columns: TableOptions | None = None,
    **changes: Any,
) -> None:
    """Reads or imports, audits, splits without leaks, trains, evaluates once, and writes a page of it all."""
    with mute_stderr():  # TensorFlow greets whoever imports it
        from lentigo.datasets.tables.options import TableOptions
        from lentigo.training.fitting.fit import fit as fit_study
        from lentigo.training.training_set import LeakPolicy

    with Bars() as bars:
        study = fit_study(
            data,
            out,
            recipe,
            weights=weights,
            test=test,
            leak_policy=LeakPolicy(duplicates, leaks),
            fp32=fp32,
            options=columns or TableOptions(),
            callbacks=callback or [],
            progress=bars,
            **changes,
        )
    if as_json:
        print_json(study.to_json())
    else:
        print_study(study)
    report_problems(study.problems)


def print_study(study: Study) -> None:
    """A study for people: what was found, the scores on the test split, and the single commands."""
    read = study.steps["read"]
    audit = study.steps["audit"]
    print_line(
        f"{read['source']}: {format_count(read['n'], 'photograph')}, {read['n_malignant']} malignant; "
        f"{format_count(audit['groups'], 'group')} of duplicates, {audit['leaks']} leaks, "
        f"{audit['label_conflicts']} lesions with both labels"
    )
    print_line(f"split: {format_counts(study.steps['split']['splits'])}")
    print_scores(f"{study.run}, test", study.evaluation)
    print_message("the same, one command at a time:")
    for command in study.commands.values():
        print_message(f"  {command}")
    print_message(f"page: {study.index}")
