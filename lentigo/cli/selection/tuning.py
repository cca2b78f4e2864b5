"""`lentigo tune`: searches a better recipe."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from lentigo.cli.options import (
    BaseRecipe,
    Duplicates,
    Folds,
    Fp32,
    Json,
    OnCluster,
    load_data,
    recipe_options,
    table_options,
)
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.evaluations import print_start
from lentigo.cli.output.predictions import open_cluster
from lentigo.cli.output.terminal import (
    FAILED_INPUTS,
    mute_stderr,
    mute_tensorflow,
    print_json,
    print_line,
    print_message,
    report_problems,
)
from lentigo.common.results.summaries import format_count

if TYPE_CHECKING:
    from lentigo.datasets.tables.options import TableOptions
    from lentigo.training.selection.tuning.tuning_results import Tuning

tuning_app = typer.Typer(rich_markup_mode=None)


@tuning_app.command(epilog="Example: lentigo tune photos/ --trials 30 --out tuning/")
@recipe_options
@table_options
def tune(
    data: Annotated[Path, Argument(help="Labelled photographs; their test split is not opened.")],
    out: Annotated[
        Path,
        Option(
            "--out", help="Folder of the answer and of the study; the same call goes on where it was stopped."
        ),
    ],
    trials: Annotated[
        int, Option("--trials", help="Recipes to be tried, those of earlier calls included.")
    ] = 30,
    folds: Folds = 5,
    confirm_share: Annotated[
        float,
        Option(
            "--confirm-share",
            help="Share of the photographs that the search never sees; what it gained is measured on them.",
        ),
    ] = 0.2,
    storage: Annotated[
        str | None,
        Option(
            "--storage",
            help="Address of a database that several processes may share, such as "
            "postgresql://USER@HOST/NAME; a file in --out by default.",
        ),
    ] = None,
    recipe: BaseRecipe = "best",
    weights: Annotated[
        str, Option("--weights", help="Of the backbone: imagenet, none, bundled, a file or a RUN.")
    ] = "imagenet",
    fp32: Fp32 = False,
    duplicates: Duplicates = True,
    cluster: OnCluster = None,
    as_json: Json = False,
    columns: TableOptions | None = None,
    **changes: Any,
) -> None:
    """Searches a better recipe on folds, starting from the one given, and confirms what it gained on
    photographs that the search never saw.
    """
    with mute_stderr():  # TensorFlow greets whoever imports it
        import optuna

        from lentigo.training.selection.tuning.tuning import Plan
        from lentigo.training.selection.tuning.tuning import tune as search_recipe
    from lentigo.training.recipe_lookup import find_head_recipe
    from lentigo.training.start.weights import take_backbone

    mute_tensorflow()
    # Optuna's lines would stand between the bars
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    base = find_head_recipe(recipe, **take_backbone(recipe, weights, changes))
    plan = Plan(
        base,
        trials=trials,
        folds=folds,
        weights=weights,
        storage=storage,
        duplicates=duplicates,
        fp32=fp32,
        confirm_share=confirm_share,
    )
    # Keras says on stdout that it downloads
    with open_cluster(cluster) as joined, Bars() as bars, redirect_stdout(sys.stderr):
        tuning = search_recipe(load_data(data, columns), out, plan, cluster=joined, progress=bars)
    path = tuning.save(out)
    if as_json:
        print_json(tuning.to_json() | {"recipe_file": str(path)})
    else:
        print_tuning(tuning, data, path)
        print_start(tuning.facts["start"])
    # At the end, since both end with an exit code of their own
    report_failed_trials(tuning.failed)
    report_problems(tuning.problems)


def print_tuning(tuning: Tuning, data: Path, path: Path) -> None:
    """What was found, for people."""
    facts = tuning.to_json()
    states = ", ".join(f"{count} {state}" for state, count in facts["trials"].items())
    print_line(f"trials: {states}; {facts['folds']} folds of {facts['n_searched']} photographs")
    print_line(f"  AUROC, default recipe  {tuning.default_auroc:.4f}")
    # The score by which it was chosen is never what it will reach
    print_line(f"  AUROC, best recipe     {tuning.auroc:.4f}  (chosen for it: too good)")
    if tuning.confirmation is None:
        print_line("  no recipe was better than the default")
    else:
        gain = tuning.confirmation.gain
        low, high = gain.ci
        print_line(
            f"  gain on {tuning.confirmation.n} photographs held out of the search {gain.mean:+.4f} "
            f"({low:+.4f} to {high:+.4f}, p {gain.p:.3f})"
        )
    for name in tuning.searched:
        value = str(getattr(tuning.recipe, name))
        importance = tuning.importance.get(name, 0)
        print_line(f"  {name:<22} {value:<12.12} importance {importance:.2f}")
    print_message(
        f"recipe: {path}; use it: lentigo train {data} --recipe {path} --out RUN; table and figures: "
        f"{path.parent}"
    )


def report_failed_trials(failed: list[dict[str, Any]]) -> None:
    """Lists trials that failed, and ends with exit code 3 where there is any."""
    if not failed:
        return
    print_message(f"{format_count(len(failed), 'trial')} failed:")
    for trial in failed:
        print_message(f"  {trial['trial']}: {trial['error']}")
    raise typer.Exit(FAILED_INPUTS)
