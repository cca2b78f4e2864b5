"""`fit`: a data set becomes an audited, split, trained and evaluated study. It goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from lentigo.common.file_names import take_path
from lentigo.common.files import write_text
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.results.summaries import Summarized, add_problems
from lentigo.datasets.dataset import DataSource
from lentigo.datasets.tables.options import TableOptions
from lentigo.evaluation.overview import show_scores, tabulate_scores
from lentigo.images.problems import Problem
from lentigo.training.fitting.study_folder import STEPS, StudyFolder
from lentigo.training.fitting.study_page import write_page
from lentigo.training.fitting.study_plan import StudyPlan, list_commands
from lentigo.training.fitting.study_steps import (
    audit_photographs,
    evaluate_model,
    list_problems,
    read_photographs,
    split_photographs,
    train_model,
)
from lentigo.training.loop.callbacks import check_callbacks
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.recipes import Recipe
from lentigo.training.start.weights import take_backbone
from lentigo.training.training_set import LeakPolicy

Facts = dict[str, Any]


@dataclass(frozen=True, repr=False, eq=False)
class Study(Summarized):
    """A finished study.

    Attributes:
        folder: Where it is.
        index: The page that leads through it.
        run: The folder of the model.
        steps: What each step found: `read`, `audit`, `split`, `train`, `evaluate`.
        commands: The single commands that do the same, by step.
        problems: Photographs that were left out, and why.
    """

    folder: Path
    index: Path
    run: Path
    steps: dict[str, Facts] = field(repr=False)
    commands: dict[str, str]
    problems: tuple[Problem, ...]

    def summarize(self) -> str:
        """What matters most, in a few words."""
        auroc = self.evaluation.get("auroc")
        words = f"{str(self.folder)!r}: model {str(self.run)!r}, AUROC {auroc:.3f} on test"
        return add_problems(words, self.problems)

    @property
    def evaluation(self) -> Facts:
        """The numbers on the test split, as `lentigo evaluate --json` has them."""
        return self.steps["evaluate"]

    def to_frame(self) -> pd.DataFrame:
        """The metrics on the test split as a pandas table, with the ends of their 95 % intervals."""
        return tabulate_scores(self.evaluation)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        facts = self.evaluation
        title = f"{self.run}, test: {facts['n']:,} photographs, {facts['n_malignant']:,} malignant"
        link = f'<p>The whole study: <a href="{escape(str(self.index))}">{escape(str(self.index))}</a></p>'
        return show_scores(title, self.to_frame(), facts["notes"]) + link

    def to_json(self) -> Facts:
        """The object that `lentigo fit --json` writes."""
        return {
            "study": str(self.folder),
            "index": str(self.index),
            "run": str(self.run),
            **self.steps,
            "commands": self.commands,
        }


def fit(
    data: DataSource,
    out: str | Path,
    recipe: str | Path | Recipe = "best",
    *,
    weights: str | Path = "imagenet",
    test: float = 0.2,
    leak_policy: LeakPolicy = LeakPolicy(leaks="drop"),
    fp32: bool = False,
    options: TableOptions = TableOptions(),
    callbacks: Iterable[Any] = (),
    progress: Progress = show_nothing,
    **fields: Any,
) -> Study:
    """Reads or imports photographs, audits them, splits them without leaks, trains a model, evaluates it once
    on the test split, and writes a page that leads through all of it.

    The same call goes on where an earlier one was stopped; steps that are done are not done again.

    Args:
        data: A folder, a table's file, a public data set as it is published, a pandas table or a data set.
        out: The folder of the study, which must be new or that of the same study.
        recipe: "best", "seed", a JSON file, or a recipe.
        weights: Those of the backbone: "imagenet", "none", "bundled", a file, or a RUN.
        test: The share of the photographs for the test, 0 to 1. A test split that the data have is kept.
        leak_policy: Whether duplicates are searched, and what is done about leaks of a split that the data
            have: by default photographs that belong with one of the test split are left out.
        fp32: Whether features are computed, and the RUN is served, in fp32 even where bf16 is faster.
        options: What the user says of columns and labels.
        callbacks: As `lentigo.train` takes them.
        progress: Watches the work.
        **fields: Fields of the recipe that are to differ, such as `epochs=10`.

    Returns:
        The study.

    Raises:
        UsageError: The call is wrong, or `out` holds something else.
        DataError: The photographs cannot be used.
        ModelError: The weights cannot be used, the training has diverged, or a file of the study is damaged.
        SpaceError: The disk is full.
    """
    recipe = find_recipe(recipe, **take_backbone(recipe, weights, fields))
    plan = StudyPlan(recipe, str(weights), test, leak_policy, fp32, options)
    callbacks = list(callbacks)
    # Before any work: an unknown callback would else be told after the audit
    check_callbacks(callbacks)
    folder = StudyFolder(take_path(out, "out", "the name of a folder"))
    folder.open(plan.describe(data))
    done: dict[str, Facts] = {}

    def take(step: str, run: Callable[[], Facts]) -> Facts:
        """What a step finds, or found in an earlier call; the page is written anew."""
        facts = folder.recall(step)
        if facts is None:
            facts = folder.finish(step, run())
        done[step] = facts
        # After each step, so that whoever stops has a page of what is there
        page = write_page(folder, plan, done, list_commands(plan, folder, done["read"]))
        write_text(folder.index, page)
        return facts

    # In order, each on what the one before has written
    read = take("read", lambda: read_photographs(folder, plan, data, progress))
    take("audit", lambda: audit_photographs(folder, plan, read, progress))
    take("split", lambda: split_photographs(folder, plan, read, progress))
    take("train", lambda: train_model(folder, plan, read, callbacks, progress))
    take("evaluate", lambda: evaluate_model(folder, plan, read, progress))
    return Study(
        folder=folder.path,
        index=folder.index,
        run=folder.run,
        steps={step: done[step] for step in STEPS},
        commands=list_commands(plan, folder, read),
        problems=list_problems(done.values()),
    )
