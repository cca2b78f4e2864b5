"""What a study is of: its photographs and its choices, and the single commands that do the same."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.datasets.tables.options import TableOptions
from lentigo.errors import UsageError
from lentigo.training.fitting.study_folder import StudyFolder
from lentigo.training.recipes import FIELDS, RECIPES, Recipe
from lentigo.training.start.weights import name_source
from lentigo.training.training_set import LeakPolicy


@dataclass(frozen=True)
class StudyPlan:
    """The choices of a study.

    Attributes:
        recipe: Of the training.
        weights: Those of the backbone.
        test: The share of the photographs for the test, where the data have no test split of their own.
        leak_policy: What is done about leaks of a split that the data have.
        fp32: Whether features are computed, and the RUN is served, in fp32.
        options: What the user says of columns and labels.

    Raises:
        UsageError: The share makes no sense.
    """

    recipe: Recipe
    weights: str = "imagenet"
    test: float = 0.2
    leak_policy: LeakPolicy = field(default_factory=lambda: LeakPolicy(leaks="drop"))
    fp32: bool = False
    options: TableOptions = field(default_factory=TableOptions)

    def __post_init__(self) -> None:
        if not 0 < self.test < 1:  # NaN fails too
            raise UsageError(f"test is {self.test:g}; expected a share above 0 and below 1, such as 0.2")

    def describe(self, data: DataSource) -> dict[str, Any]:
        """What a call that goes on must share.

        Args:
            data: The photographs as the caller named them.
        """
        # Whatever changes the result: a call that goes on with other values would mix two studies
        return {
            "data": name_data(data),
            "recipe": asdict(self.recipe),
            "weights": name_source(self.weights),
            "test": self.test,
            "leak_policy": asdict(self.leak_policy),
            "fp32": self.fp32,
            "columns": asdict(self.options),
        }


def name_data(data: DataSource) -> str:
    """How a data set is known again: by its place, or by what it holds.

    Args:
        data: A path, a pandas table or a data set.
    """
    if isinstance(data, str | Path):
        return str(Path(data).resolve())
    if isinstance(data, Dataset):
        return f"{data.name} ({data.fingerprint})"
    from lentigo.datasets.manifests import load_dataset

    return f"table ({load_dataset(data).fingerprint})"


def list_commands(plan: StudyPlan, folder: StudyFolder, read: dict[str, Any]) -> dict[str, str]:
    """The single commands that do what a study does.

    Args:
        plan: Its choices.
        folder: Where it is.
        read: The facts of the step `read`.

    Returns:
        A command for each step; none for a step that no command is needed for.
    """
    # A manifest has our columns, so options for columns would name what is not there
    data = str(folder.manifest) if read["has_manifest"] else read["source"]
    columns = [] if read["has_manifest"] else list_table_words(plan.options)
    commands = {}
    if read["imported"]:
        commands["read"] = join_words("data", "import", read["source"], "--out", data)
    commands["audit"] = join_words("audit", data, *columns, "--out", folder.audit_report)
    # A test split that the data have is kept, and needs no command
    split = data
    if not read["has_test"]:
        split = str(folder.split)
        commands["split"] = join_words(
            *("data", "split", data, *columns, "--test", f"{plan.test:g}", "--validation", "0"),
            *("--seed", plan.recipe.seed, *list_duplicate_words(plan), "--drop-conflicts", "--out", split),
        )
        columns = []
    commands["train"] = join_words(
        *("train", split, *columns, "--out", folder.run, *list_recipe_words(plan.recipe)),
        *("--weights", plan.weights, "--leaks", plan.leak_policy.leaks, *list_duplicate_words(plan)),
        *(["--fp32"] if plan.fp32 else []),
    )
    commands["evaluate"] = join_words(
        *("evaluate", folder.run, split, *columns, "--split", "test"),
        *(*list_duplicate_words(plan), "--out", folder.evaluation_report),
    )
    return commands


def join_words(*words: object) -> str:
    """A command line, its words quoted where a shell needs that.

    >>> join_words("audit", "my photos", "--out", "audit.html")
    "lentigo audit 'my photos' --out audit.html"
    """
    return shlex.join(["lentigo", *map(str, words)])


def list_duplicate_words(plan: StudyPlan) -> list[str]:
    """The option that says whether duplicates are searched; none by default."""
    return [] if plan.leak_policy.duplicates else ["--no-duplicates"]


def list_table_words(options: TableOptions) -> list[str]:
    """The options of a command that say how a table is read."""
    words = []
    if options.image is not None:
        words += ["--image-column", options.image]
    if options.label is not None:
        words += ["--label-column", options.label]
    for word, meaning in options.mapping.items():
        words += ["--map", f"{word}={meaning}"]
    if options.addresses:
        words += ["--addresses"]
    return words


def list_recipe_words(recipe: Recipe) -> list[str]:
    """The options of `lentigo train` that make a recipe: one of ours, and what differs from it."""
    # A recipe of the user's own is told by its differences from ours
    base = RECIPES.get(recipe.name, RECIPES["best"])
    words = ["--recipe", base.name]
    for name in FIELDS:
        value = getattr(recipe, name)
        if name == "name" or value == getattr(base, name):
            continue
        words += spell_option(name.replace("_", "-"), value)
    return words


def spell_option(name: str, value: Any) -> list[str]:
    """The words of an option with a value: switches have none."""
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", str(value)]
