"""The commands that choose: `lentigo compare` and `lentigo tune`."""

from __future__ import annotations

import logging
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from lentigo.cli.options import Fp32, Json, OnCluster, load_data, recipe_options, table_options
from lentigo.cli.prediction_output import open_cluster
from lentigo.cli.summary import print_start
from lentigo.cli.terminal import (
    FAILED_INPUTS,
    Bars,
    count_of,
    emit,
    mute_stderr,
    print_columns,
    print_line,
    report_problems,
    say,
)
from lentigo.errors import UsageError

growing_app = typer.Typer(rich_markup_mode=None)
Folds = Annotated[
    int,
    Option(
        "--folds",
        help="Parts of the photographs, each held out once; patients, lesions and duplicates stay together.",
    ),
]
Duplicates = Annotated[
    bool,
    Option(
        "--duplicates/--no-duplicates",
        help="Looks for photographs that show the same picture; --no-duplicates goes by ids alone.",
    ),
]
BaseRecipe = Annotated[
    str, Option("--recipe", help="best, seed or a JSON file; the backbone stays frozen without --finetune.")
]


@growing_app.command(
    epilog="Example: lentigo compare photos/ --backbones densenet121,mobilenetv2 --out comparison/"
)
@recipe_options
@table_options
def compare(
    data: Annotated[
        Path | None,
        Argument(help="Labelled photographs; their test split is not opened. Not needed for --cost-only."),
    ] = None,
    out: Annotated[
        Path | None,
        Option(
            "--out",
            help="Folder of the answer and of each finished training; the same call goes on where it was "
            "stopped.",
        ),
    ] = None,
    backbones: Annotated[
        str, Option("--backbones", help="Names with commas between; all of the table by default.")
    ] = "",
    seeds: Annotated[
        int, Option("--seeds", help="How often, from --seed on, with other folds and another start each.")
    ] = 2,
    folds: Folds = 5,
    recipe: BaseRecipe = "best",
    weights_dir: Annotated[
        Path | None,
        Option(
            "--weights-dir",
            help="Folder of files BACKBONE*.h5; what it lacks Keras looks for in its cache, or downloads.",
        ),
    ] = None,
    costs: Annotated[
        bool, Option("--costs/--no-costs", help="Measures time, memory and size of each backbone, too.")
    ] = True,
    cost_only: Annotated[
        bool, Option("--cost-only", help="Measures nothing but these; needs no weights.")
    ] = False,
    fp32: Fp32 = False,
    duplicates: Duplicates = True,
    cluster: OnCluster = None,
    as_json: Json = False,
    columns: Any = None,
    **changes: Any,
) -> None:
    """Compares backbones: the same photographs, folds, seeds and head; quality with intervals and tests,
    beside the cost of an answer.
    """
    with mute_stderr():  # TensorFlow greets whoever imports it
        from lentigo.models.networks.backbones import BACKBONES
        from lentigo.training.selection.comparison import (
            Protocol,
            compare_backbones,
            list_backbones,
            measure_costs,
        )
    from lentigo.training.recipes import find_head_recipe

    quieten()
    names = backbones.split(",") if backbones else list(BACKBONES)
    if changes.pop("backbone", None):
        raise UsageError("--backbone: a comparison is of several; name them with --backbones a,b")
    if cost_only:
        with Bars() as bars:
            found = measure_costs(list_backbones(names), out, fp32, bars)
        return print_costs(found, as_json)
    if data is None or out is None:
        raise UsageError(
            "compare: expected photographs and a folder for the answer (lentigo compare DATA --out DIR), or "
            "--cost-only"
        )
    protocol = Protocol(
        find_head_recipe(recipe, **changes),
        folds,
        seeds,
        weights_dir and str(weights_dir),
        duplicates,
        fp32,
        costs,
    )
    with (
        open_cluster(cluster) as joined,
        Bars() as bars,
        redirect_stdout(sys.stderr),
    ):  # Keras says there that it downloads
        ranking = compare_backbones(
            load_data(data, columns), out, names, protocol, cluster=joined, progress=bars
        )
    figure = ranking.save(out)
    if as_json:
        emit(ranking.to_json())
    else:
        print_ranking(ranking, out, figure)
    report_missing(ranking.missing)
    report_problems(ranking.problems)


@growing_app.command(epilog="Example: lentigo tune photos/ --trials 30 --out tuning/")
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
    columns: Any = None,
    **changes: Any,
) -> None:
    """Searches a better recipe on folds, starting from the one given, and confirms what it gained on
    photographs that the search never saw.
    """
    with mute_stderr():  # TensorFlow greets whoever imports it
        import optuna

        from lentigo.training.selection.tuning import Plan
        from lentigo.training.selection.tuning import tune as run
    from lentigo.training.recipes import find_head_recipe

    quieten()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    plan = Plan(
        find_head_recipe(recipe, **changes), trials, folds, weights, storage, duplicates, fp32, confirm_share
    )
    with open_cluster(cluster) as joined, Bars() as bars, redirect_stdout(sys.stderr):
        tuning = run(load_data(data, columns), out, plan, cluster=joined, progress=bars)
    path = tuning.save(out)
    if as_json:
        emit(tuning.to_json() | {"recipe_file": str(path)})
    else:
        print_tuning(tuning, data, path)
        print_start(tuning.facts["start"])
    report_failed(tuning.failed)
    report_problems(tuning.problems)


def train_folds(
    data: Path, out: Path, recipe: str, folds: int, changes: dict[str, Any], options: dict[str, Any]
) -> Any:
    """`lentigo train --folds`: the training; `changes` are those of the recipe, `options` those of
    `lentigo.training.selection.ensemble.train_folds`.
    """
    from lentigo.training.recipes import find_head_recipe, find_recipe
    from lentigo.training.selection.ensemble import train_folds as run

    quieten()
    if find_recipe(recipe).finetune and not changes.get("finetune"):
        say(f"--folds: the backbone stays frozen; of recipe {recipe} the head's part is trained")
    return run(data, out, find_head_recipe(recipe, **changes), folds=folds, **options)


def quieten() -> None:
    """TensorFlow finds many small trainings worth a warning each."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def print_tuning(tuning: Any, data: Path, path: Path) -> None:
    """What was found, for people."""
    facts, found = tuning.to_json(), tuning.confirmation
    print_line(
        f"trials: {', '.join(f'{count} {state}' for state, count in facts['trials'].items())}; "
        f"{facts['folds']} folds of {facts['n_searched']} photographs"
    )
    print_line(
        f"  AUROC, default recipe  {tuning.default_auroc:.4f}\n  AUROC, best recipe     {tuning.auroc:.4f}  "
        "(chosen for it: too good)"
    )
    if found is None:
        print_line("  no recipe was better than the default")
    else:
        low, high = found.gain.ci
        print_line(
            f"  gain on {found.n} photographs held out of the search {found.gain.mean:+.4f} ({low:+.4f} to "
            f"{high:+.4f}, p {found.gain.p:.3f})"
        )
    for name in tuning.searched:
        print_line(
            f"  {name:<22} {getattr(tuning.recipe, name)!s:<12.12} importance "
            f"{tuning.importance.get(name, 0):.2f}"
        )
    say(
        f"recipe: {path}; use it: lentigo train {data} --recipe {path} --out RUN; table and figures: "
        f"{path.parent}"
    )


def report_failed(failed: list[dict[str, Any]]) -> None:
    """Lists trials that failed, and ends with exit code 3 where there is any."""
    if failed:
        say(f"{count_of(len(failed), 'trial')} failed:")
        for one in failed:
            say(f"  {one['trial']}: {one['error']}")
        raise typer.Exit(FAILED_INPUTS)


def print_costs(costs: dict[str, Any], as_json: bool) -> None:
    """Costs alone, the fastest first."""
    rows = sorted(costs.items(), key=lambda item: item[1].milliseconds_among_many)
    if as_json:
        return emit({"backbones": [{"backbone": name, "cost": cost.to_json()} for name, cost in rows]})
    print_columns(["backbone", *COST_TITLES], [[name, *tell_cost(cost)] for name, cost in rows])


COST_TITLES = ["parameters", "multiplications", "ms alone", "ms of many", "memory MB", "disk MB"]


def tell_cost(cost: Any) -> list[str]:
    """A cost as cells."""
    if cost is None:
        return [""] * len(COST_TITLES)
    memory = "" if cost.memory_megabytes is None else f"{cost.memory_megabytes:.0f}"
    return [
        f"{cost.parameters / 1e6:.2f} M",
        f"{cost.multiplications / 1e9:.2f} G",
        f"{cost.milliseconds_alone:.1f}",
        f"{cost.milliseconds_among_many:.1f}",
        memory,
        f"{cost.megabytes:.1f}",
    ]


def print_ranking(ranking: Any, out: Path, figure: Path) -> None:
    """The table for people, and how to read it."""
    rows = [
        [
            standing.backbone,
            tell_mean(standing.auroc),
            tell_mean(standing.accuracy),
            *tell_behind(standing),
            *tell_cost(standing.cost),
        ]
        for standing in ranking.ranked
    ]
    print_columns(
        ["backbone", "AUROC (95 %)", "accuracy (95 %)", "behind the best", "p (Holm)", *COST_TITLES], rows
    )
    facts = ranking.to_json()
    split = f"{facts['folds']} folds" if facts["folds"] else "one split"
    print_line(
        f"{count_of(facts['n'], 'photograph')}, {facts['n_malignant']} malignant, {facts['groups']} groups; "
        f"{split}, {count_of(facts['seeds'], 'seed')}: {facts['trainings']} trainings each"
    )
    print_line(facts["method"])
    say(f"table: {out / 'comparison.csv'}; figure: {figure}")


def tell_mean(mean: Any) -> str:
    """A mean with its interval, where one training more says anything of it."""
    return f"{mean.mean:.4f}" + (
        f" ({mean.ci[0]:.4f} to {mean.ci[1]:.4f})" if mean.ci[0] == mean.ci[0] else ""
    )


def tell_behind(standing: Any) -> tuple[str, str]:
    """The difference from the best, and its p."""
    if standing.behind is None:
        return "the best", ""
    return (
        f"{standing.behind.mean:+.4f}",
        f"{standing.p_adjusted:.3f}" if standing.p_adjusted == standing.p_adjusted else "",
    )


def report_missing(missing: tuple[Any, ...]) -> None:
    """Lists backbones that could not be compared, and ends with exit code 3 where there is any."""
    if missing:
        say(f"{len(missing)} not compared:")
        for one in missing:
            say(f"  {one.backbone}: {one.reason}")
        raise typer.Exit(FAILED_INPUTS)
