"""`lentigo compare`: backbones on the same photographs, folds, seeds and head."""

from __future__ import annotations

import math
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
from lentigo.cli.output.predictions import open_cluster
from lentigo.cli.output.terminal import (
    FAILED_INPUTS,
    mute_stderr,
    mute_tensorflow,
    print_columns,
    print_json,
    print_line,
    print_message,
    report_problems,
)
from lentigo.common.results.summaries import format_count
from lentigo.errors import UsageError

if TYPE_CHECKING:
    from lentigo.datasets.tables.options import TableOptions
    from lentigo.inference.performance.costs import Cost
    from lentigo.training.selection.ranking import Missing, RankedBackbone, Ranking
    from lentigo.training.selection.repeated_scores import Mean

comparison_app = typer.Typer(rich_markup_mode=None)
COST_TITLES = ["parameters", "multiplications", "ms alone", "ms of many", "memory MB", "disk MB"]


@comparison_app.command(
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
    columns: TableOptions | None = None,
    **changes: Any,
) -> None:
    """Compares backbones: the same photographs, folds, seeds and head; quality with intervals and tests,
    beside the cost of an answer.
    """
    with mute_stderr():  # TensorFlow greets whoever imports it
        from lentigo.models.networks.backbones import BACKBONES
        from lentigo.training.selection.backbone_costs import measure_costs
        from lentigo.training.selection.comparison import Protocol, compare_backbones, list_backbones
    from lentigo.training.recipe_lookup import find_head_recipe

    mute_tensorflow()
    names = backbones.split(",") if backbones else list(BACKBONES)
    # Popped: it is a field of the recipe, which a comparison sets itself
    if changes.pop("backbone", None):
        raise UsageError("--backbone: a comparison is of several; name them with --backbones a,b")
    # Before photographs are asked for: costs need none
    if cost_only:
        with Bars() as bars:
            measured = measure_costs(list_backbones(names), out, fp32, bars)
        return print_costs(measured, as_json)
    if data is None or out is None:
        raise UsageError(
            "compare: expected photographs and a folder for the answer (lentigo compare DATA --out DIR), or "
            "--cost-only"
        )
    protocol = Protocol(
        find_head_recipe(recipe, **changes),
        folds=folds,
        seeds=seeds,
        weights=str(weights_dir) if weights_dir else None,
        duplicates=duplicates,
        fp32=fp32,
        costs=costs,
    )
    # Keras says on stdout that it downloads
    with open_cluster(cluster) as joined, Bars() as bars, redirect_stdout(sys.stderr):
        dataset = load_data(data, columns)
        ranking = compare_backbones(dataset, out, names, protocol, cluster=joined, progress=bars)
    figure = ranking.save(out)
    if as_json:
        print_json(ranking.to_json())
    else:
        print_ranking(ranking, out, figure)
    # At the end, since it ends with an exit code of its own
    report_missing(ranking.missing)
    report_problems(ranking.problems)


def print_costs(costs: dict[str, Cost], as_json: bool) -> None:
    """Costs alone, the fastest first."""
    fastest_first = sorted(costs.items(), key=lambda item: item[1].milliseconds_among_many)
    entries = []
    rows = []
    for name, cost in fastest_first:
        entries.append({"backbone": name, "cost": cost.to_json()})
        rows.append([name, *format_cost(cost)])
    if as_json:
        print_json({"backbones": entries})
    else:
        print_columns(["backbone", *COST_TITLES], rows)


def format_cost(cost: Cost | None) -> list[str]:
    """A cost as the cells below `COST_TITLES`."""
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


def print_ranking(ranking: Ranking, out: Path, figure: Path) -> None:
    """The table for people, and how to read it."""
    titles = ["backbone", "AUROC (95 %)", "accuracy (95 %)", "behind the best", "p (Holm)", *COST_TITLES]
    rows = []
    for ranked in ranking.ranked:
        auroc = format_mean(ranked.auroc)
        accuracy = format_mean(ranked.accuracy)
        rows.append([ranked.backbone, auroc, accuracy, *format_gap(ranked), *format_cost(ranked.cost)])
    print_columns(titles, rows)
    facts = ranking.to_json()
    split = f"{facts['folds']} folds" if facts["folds"] else "one split"
    print_line(
        f"{format_count(facts['n'], 'photograph')}, {facts['n_malignant']} malignant, {facts['groups']} "
        f"groups; {split}, {format_count(facts['seeds'], 'seed')}: {facts['trainings']} trainings each"
    )
    print_line(facts["method"])
    print_message(f"table: {out / 'comparison.csv'}; figure: {figure}")


def format_mean(mean: Mean) -> str:
    """A mean with its interval; the mean alone where one training more says nothing of it."""
    low, high = mean.ci
    if math.isnan(low):
        return f"{mean.mean:.4f}"
    return f"{mean.mean:.4f} ({low:.4f} to {high:.4f})"


def format_gap(ranked: RankedBackbone) -> tuple[str, str]:
    """The difference from the best backbone, and its p."""
    if ranked.behind is None:
        return "the best", ""
    p = ""
    if ranked.p_adjusted is not None and not math.isnan(ranked.p_adjusted):
        p = f"{ranked.p_adjusted:.3f}"
    return f"{ranked.behind.mean:+.4f}", p


def report_missing(missing: tuple[Missing, ...]) -> None:
    """Lists backbones that could not be compared, and ends with exit code 3 where there is any."""
    if not missing:
        return
    print_message(f"{len(missing)} not compared:")
    for backbone in missing:
        print_message(f"  {backbone.backbone}: {backbone.reason}")
    raise typer.Exit(FAILED_INPUTS)
