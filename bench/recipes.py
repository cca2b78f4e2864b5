"""Trains recipes over several seeds and says which is better, by how much, and how much of that is chance.
Example:

    python bench/recipes.py DATA --weights FILE --backbone mobilenetv2 --seeds 0 1 2 \\
        --try learning_rate=1e-4 --try "learning_rate=2e-4 ema=0"

A seed decides the split as well as the training, so the spread holds both. Nothing is learned or chosen on
the test split; training photographs that belong with one of it are left out, unless --leaks says otherwise.
RUNs are kept below --out, under a name that changes with the recipe, the weights, the photographs' folder and
the guard against leaks: a finished one is read and not trained again, an unfinished one is resumed. LOG.md
names this program beside its numbers.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev

from tables import describe_machine, make_parser, print_table

from lentigo.errors import UsageError
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.recipes import RECIPES, Recipe

SWITCH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
READERS: dict[str, Callable[[str], object]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: SWITCH[text.lower()],
}
GUARDS = {"drop": ["--leaks", "drop"], "allow": ["--leaks", "allow"], "refuse": []}  # flags
TYPES = {field.name: str(field.type) for field in dataclasses.fields(Recipe) if field.name != "name"}


@dataclass(frozen=True)
class Run:
    """One training to be made: the row of the table it belongs to, its recipe, and its folder."""

    row: str
    recipe: Recipe
    folder: Path


def main() -> None:
    """Trains what is not yet trained, one process each, then prints a row for each set of changes, the best
    first.
    """
    options = parse_options()
    try:
        runs = plan_runs(options)
    except UsageError as error:
        print(f"recipes: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    for number, run in enumerate(runs, 1):
        print(
            f"[{number}/{len(runs)}] {run.row}, seed {run.recipe.seed}: {train(run, options)}",
            file=sys.stderr,
            flush=True,
        )
    print(describe_machine())
    print(
        f"\n{options.data}; weights: {options.weights}; validation photographs; mean ± standard deviation "
        f"over seeds {options.seeds}"
    )
    print_table(
        ["recipe", "runs", "AUROC", "lowest to highest", "accuracy", "best epoch", "seconds a run"],
        tabulate(runs),
    )
    if any(read_card(run.folder) is None for run in runs):
        sys.exit("recipes: some runs failed; the same call tries them again")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="whatever `lentigo train` takes")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/recipes"), help="where the RUNs are kept; %(default)s"
    )
    parser.add_argument(
        "--recipe", choices=list(RECIPES), default="best", help="what the changes are made to; %(default)s"
    )
    parser.add_argument(
        "--weights", default="imagenet", help="of the backbone: imagenet, none or a file; %(default)s"
    )
    parser.add_argument("--backbone", help="the recipe's own, where it is not given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="0 1 2")
    parser.add_argument(
        "--leaks",
        choices=list(GUARDS),
        default="drop",
        help="what to do about a split that leaks, as `lentigo train` has it; %(default)s",
    )
    parser.add_argument(
        "--no-duplicates", action="store_true", help="go by ids alone, as `lentigo train --no-duplicates`"
    )
    parser.add_argument(
        "--all", default="", metavar="CHANGES", help='changes to every row, such as "epochs=8 patience=0"'
    )
    parser.add_argument(
        "--try",
        dest="tries",
        action="append",
        metavar="CHANGES",
        help="changes of one row; may be repeated; without any: none",
    )
    return parser.parse_args()


def plan_runs(options: argparse.Namespace) -> list[Run]:
    """A run for each set of changes and each seed. Raises `UsageError` for changes that are no recipe."""
    runs = []
    for text in dict.fromkeys(options.tries or [""]):
        changes = {"backbone": options.backbone, **read_changes(options.all), **read_changes(text)}
        for seed in dict.fromkeys(options.seeds):
            recipe = find_recipe(options.recipe, **{**changes, "seed": seed})
            runs.append(Run(text or "as it is", recipe, options.out / name_folder(recipe, text, options)))
    return runs


def read_changes(text: str) -> dict[str, object]:
    """Changes of a recipe from "name=value name=value".

    >>> read_changes("learning_rate=2e-4 finetune=no")
    {'learning_rate': 0.0002, 'finetune': False}
    """
    changes: dict[str, object] = {}
    for word in text.split():
        name, _, value = word.partition("=")
        name = name.replace("-", "_")
        if name not in TYPES or name == "seed":
            raise UsageError(
                f"{word!r}: expected name=value with one of "
                f"{', '.join(key for key in TYPES if key != 'seed')}; seeds are given by --seeds"
            )
        try:
            changes[name] = READERS[TYPES[name]](value)
        except (ValueError, KeyError) as error:
            raise UsageError(f"{word!r}: expected a value of type {TYPES[name]}") from error
    return changes


def name_folder(recipe: Recipe, text: str, options: argparse.Namespace) -> str:
    """A readable name, and a hash of all that decides the run: when a default of the recipe changes, so does
    the folder.
    """
    weights = Path(options.weights)
    decides = json.dumps(
        [
            asdict(recipe),
            str(weights.resolve() if weights.is_file() else weights),
            str(options.data.resolve()),
            list_guards(options),
        ]
    )
    words = re.sub(r"[^A-Za-z0-9.=_-]+", ",", text) or "as_it_is"
    return f"{recipe.name}-{recipe.backbone}-{words[:60]}-{hashlib.sha256(decides.encode()).hexdigest()[:8]}/seed{recipe.seed}"


def train(run: Run, options: argparse.Namespace) -> str:
    """Trains in a process of its own unless the run is finished; what happened, in words."""
    known = "finished before" if read_card(run.folder) else ""
    if not known:
        command = [
            sys.executable,
            "-m",
            "lentigo",
            "train",
            str(options.data),
            "--out",
            str(run.folder),
            "--resume",
            "--weights",
            options.weights,
        ]
        flags = ["--recipe", run.recipe.name, *list_flags(run.recipe), *list_guards(options)]
        status = subprocess.run([*command, *flags], stdout=subprocess.DEVNULL).returncode
        known = f"ended with code {status}"
    scores = read_scores(run.folder)
    return f"{known}; AUROC {scores['auroc']:.4f}, accuracy {scores['accuracy']:.4f}" if scores else known


def list_guards(options: argparse.Namespace) -> list[str]:
    """The options of `lentigo train` that guard against leaks."""
    return [*GUARDS[options.leaks], *(["--no-duplicates"] if options.no_duplicates else [])]


def list_flags(recipe: Recipe) -> list[str]:
    """The options of `lentigo train` that make this recipe of the one it is named after."""
    flags = []
    for name, value in asdict(recipe).items():
        if value != getattr(RECIPES[recipe.name], name):
            flag = name.replace("_", "-")
            flags += (
                [f"--{flag}" if value else f"--no-{flag}"]
                if TYPES[name] == "bool"
                else [f"--{flag}", str(value)]
            )
    return flags


def read_card(folder: Path) -> dict | None:
    """The card of a finished RUN, else None."""
    path = folder / "card.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def read_scores(folder: Path) -> dict | None:
    """What a finished RUN reached on its validation photographs, with its best epoch and seconds, else
    None.
    """
    card = read_card(folder)
    return card and {
        **card["metrics"]["validation"],
        "best_epoch": card["best_epoch"],
        "seconds": card["seconds"],
    }


def tabulate(runs: list[Run]) -> list[list[str]]:
    """A row for each set of changes, the highest mean AUROC first; rows without a finished run last."""
    rows = []
    for row in dict.fromkeys(run.row for run in runs):
        mine = [run for run in runs if run.row == row]
        scores = [found for run in mine if (found := read_scores(run.folder))]
        rows.append(
            (
                mean(s["auroc"] for s in scores) if scores else -1.0,
                [row, f"{len(scores)} of {len(mine)}", *describe(scores)],
            )
        )
    return [cells for _, cells in sorted(rows, key=lambda item: -item[0])]


def describe(scores: list[dict]) -> list[str]:
    """AUROC, its range, accuracy, best epochs and seconds, as text."""
    if not scores:
        return ["failed", "", "", "", ""]
    aurocs = [score["auroc"] for score in scores]
    return [
        spread(aurocs),
        f"{min(aurocs):.4f} to {max(aurocs):.4f}",
        spread([score["accuracy"] for score in scores]),
        ", ".join(str(score["best_epoch"]) for score in scores),
        f"{mean(score['seconds'] for score in scores):.0f}",
    ]


def spread(values: list[float]) -> str:
    """Mean and standard deviation; of one value no deviation is known.

    >>> spread([0.9, 0.92])
    '0.9100 ± 0.0141'
    """
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
