"""Tuning: which recipe is best on folds of the photographs outside the test split, and what the search
gained.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.files import require_writable, write_whole
from lentigo.common.json_values import write_json
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.plots import ShownFigure, new_figure
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.results.summaries import Summarized, add_problems, format_count
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.errors import UsageError
from lentigo.images.problems import Problem
from lentigo.splits.splits import split_validation
from lentigo.training.features import Features
from lentigo.training.preparation import start_with_features
from lentigo.training.recipes import Recipe
from lentigo.training.run_folder import keep_settings
from lentigo.training.selection.charts import draw_importance, draw_progress, draw_slices, plot_progress
from lentigo.training.selection.confirmation import Confirmation, confirm
from lentigo.training.selection.fold_evaluation import FeaturedDataset, FoldEvaluator
from lentigo.training.selection.folds import Pool, assign_folds, gather_pool
from lentigo.training.selection.study import (
    DEFAULT,
    find_default,
    list_searched,
    open_study,
    rate_importance,
    read_value,
)
from lentigo.training.selection.trials import (
    TrialWork,
    choose_best,
    find_address,
    run_trials,
    run_trials_on_cluster,
    tabulate,
)
from lentigo.training.validation import find_start, refuse_learned
from lentigo.training.weights import name_source

TUNING_SETTINGS = Path("study") / "settings.json"  # within the folder of a search


@dataclass(frozen=True)
class Plan:
    """What a search is of.

    Attributes:
        recipe: That it starts from.
        trials: How many are to be finished.
        folds: On which each trial is measured.
        weights: Those of the backbone.
        storage: The address of a database that keeps the trials; None for a file.
        duplicates: Whether duplicates are searched, and share a fold.
        fp32: Whether features are computed in fp32 even where bf16 is faster.
        confirm_share: Of the photographs, which the search never sees.

    Raises:
        UsageError: A number makes no sense.
    """

    recipe: Recipe
    trials: int = 30
    folds: int = 5
    weights: str = "imagenet"
    storage: str | None = None
    duplicates: bool = True
    fp32: bool = False
    confirm_share: float = 0.2

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise UsageError(f"trials is {self.trials}; expected 1 at least")
        if not 0 < self.confirm_share < 1:  # NaN fails too
            raise UsageError(f"confirm-share is {self.confirm_share:g}; expected above 0 and below 1")

    def describe(self, pool: Pool) -> dict[str, Any]:
        """Describes what the trials of one search share.

        Args:
            pool: The photographs.

        Returns:
            The settings.
        """
        return {
            "recipe": asdict(self.recipe),
            "weights": name_source(self.weights),
            "folds": self.folds,
            "fp32": self.fp32,
            "confirm_share": self.confirm_share,
            "data_fingerprint": pool.dataset.fingerprint,
            "groups": len(np.unique(pool.dataset.groups)),
        }


@dataclass(frozen=True, repr=False, eq=False)
class Tuning(Summarized):
    """A finished search.

    Attributes:
        recipe: The best.
        auroc: Its mean over folds.
        default_auroc: That of the default recipe.
        confirmation: Of its gain; None where the default recipe is best.
        importance: The share of each field in what the trials differ by.
        table: A row for each trial, the default recipe first.
        searched: The fields that were searched.
        problems: The photographs that could not be read.
        facts: Of photographs and plan.
    """

    recipe: Recipe
    auroc: float
    default_auroc: float
    confirmation: Confirmation | None
    importance: dict[str, float]
    table: pd.DataFrame
    searched: tuple[str, ...]
    problems: tuple[Problem, ...]
    facts: dict[str, Any]

    def summarize(self) -> str:
        """What matters most, in a few words."""
        words = f"{format_count(len(self.table), 'recipe')}, AUROC {self.auroc:.3f}, default recipe {self.default_auroc:.3f}"
        return add_problems(words, self.problems)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Number and error of each trial that failed."""
        rows = self.table[self.table["state"] == "fail"]
        failed = []
        for number, error in zip(rows["number"], rows["error"], strict=True):
            failed.append({"trial": int(number), "error": error})
        return failed

    def to_json(self) -> dict[str, Any]:
        """Every number; the trials themselves are in the table."""
        counts = self.table["state"].value_counts()
        return {
            **self.facts,
            "recipe": asdict(self.recipe),
            "auroc": self.auroc,
            "default_auroc": self.default_auroc,
            "gain": self.auroc - self.default_auroc,
            "confirmation": self.confirmation and self.confirmation.to_json(),
            "importance": self.importance,
            "trials": {state: int(count) for state, count in counts.items()},
            "failed": self.failed,
            "problems": [asdict(problem) for problem in self.problems],
        }

    def to_frame(self) -> pd.DataFrame:
        """The table of the trials."""
        return self.table.copy()

    def figure(self) -> ShownFigure:
        """The AUROC of each finished trial and the best so far, as a Matplotlib figure."""
        figure = new_figure(6.0, 3.8)
        plot_progress(figure.subplots(), self.table[self.table["state"] == "complete"])
        return figure

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        words = (
            f"<p><b>best recipe: AUROC {self.auroc:.4f}</b>, the default {self.default_auroc:.4f}; "
            f"{len(self.table)} trials</p>"
        )
        searched = [name for name in self.searched if name in self.table]
        best = self.table.sort_values("auroc", ascending=False).head(10)[["number", "auroc", *searched]]
        table = best.to_html(index=False, float_format="{:.4g}".format)
        return words + table + self.figure().to_html()

    def save(self, out: str | Path) -> Path:
        """Writes `recipe.json`, `trials.csv`, `tuning.json` and the figures into a folder.

        Args:
            out: The folder.

        Returns:
            The recipe's path.
        """
        folder = Path(out)
        write_json(folder / "recipe.json", asdict(self.recipe))
        write_json(folder / "tuning.json", self.to_json())
        with write_whole(folder / "trials.csv") as temporary:
            self.table.to_csv(temporary, index=False)
        complete = self.table[self.table["state"] == "complete"]
        draw_progress(complete, folder / "figures" / "trials.png")
        draw_slices(complete, self.searched, folder / "figures" / "slices.png")
        if self.importance:
            draw_importance(self.importance, folder / "figures" / "importance.png")
        return folder / "recipe.json"


def tune(
    data: DataSource,
    out: str | Path,
    plan: Plan,
    *,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Tuning:
    """Tries recipes until enough trials are finished, and confirms the best on photographs not seen before.

    The default recipe is the first trial. The test split is never opened.

    Args:
        data: A path, or a data set that is loaded already.
        out: A folder that keeps the trials: the same call goes on.
        plan: What is searched, and how each trial is measured.
        cluster: The workers that compute features and trials; None: this machine.
        progress: Watches the work.

    Returns:
        The best recipe, its gain, and all trials.

    Raises:
        UsageError: `out` was begun with another recipe or other photographs.
        DataError: The photographs cannot be used.
        StoreError: The database does not answer.
        ModelError: No weights can be had, or every trial fails.
    """
    recipe = plan.recipe
    folder = Path(out)
    check_storage(plan, cluster)
    require_writable(folder)
    pool = gather_pool(data, plan.duplicates, progress)
    start = find_start(plan.weights)
    refuse_learned(pool.dataset, start, progress)
    _, features = start_with_features(
        recipe, plan.weights, pool.dataset, fp32=plan.fp32, cluster=cluster, progress=progress
    )
    settings = plan.describe(pool)
    evaluator, reserve = set_apart(pool.dataset, features, plan, folder / "work")
    keep_settings(folder / TUNING_SETTINGS, settings)
    address = find_address(folder, plan.storage, settings)
    if cluster is None:
        run_trials(address, recipe, evaluator.measure, plan.trials, progress)
    else:
        run_trials_on_cluster(cluster, TrialWork(address, recipe, evaluator), plan.trials, progress)
    study = open_study(address)
    searched = list_searched(recipe)
    best = choose_best(study)  # complete, and the default recipe is, too
    default_auroc = read_value(find_default(study))
    chosen = replace(recipe, **{name: best.params[name] for name in searched}, name="tuned")
    confirmation = None
    if DEFAULT not in best.user_attrs:
        path = folder / "study" / "confirmation.json"
        confirmation = confirm(
            path, reserve.dataset, recipe, chosen, lambda one: evaluator.predict(one, reserve)
        )
    facts = {
        "folds": plan.folds,
        "seed": recipe.seed,
        "n": len(pool.dataset),
        "n_malignant": int(pool.dataset.malignant.sum()),
        "n_searched": len(evaluator.photographs.dataset),
        "n_confirming": len(reserve.dataset),
        "duplicates": pool.duplicates,
        "data_fingerprint": pool.dataset.fingerprint,
        "weights": settings["weights"],
        "start": start.describe(),
        "study": address.name,
    }
    return Tuning(
        recipe=chosen,
        auroc=read_value(best),
        default_auroc=default_auroc,
        confirmation=confirmation,
        importance=rate_importance(study),
        table=tabulate(study, searched),
        searched=tuple(searched),
        problems=pool.problems + features.problems,
        facts=facts,
    )


def set_apart(
    dataset: Dataset, features: Features, plan: Plan, work: Path
) -> tuple[FoldEvaluator, FeaturedDataset]:
    """Sets apart the photographs that confirm: whole groups, both classes in their shares.

    It is a function of contents and seed.

    Args:
        dataset: All photographs outside the test split, n of them.
        features: Their features.
        plan: Says the share to confirm on, the number of folds and the seed.
        work: Folder for what a training of a whole network keeps meanwhile.

    Returns:
        The photographs to search on, in folds, and those to confirm on.

    Raises:
        DataError: A class has too few groups.
    """
    seed = plan.recipe.seed
    apart = split_validation(dataset.malignant, dataset.groups, dataset.digests, plan.confirm_share, seed)
    folds = np.full(len(dataset), -1)
    folds[~apart] = assign_folds(dataset.take(~apart), plan.folds, seed)
    # From here on, of the photographs that can be read alone.
    readable = dataset.take(features.readable)
    photographs = FeaturedDataset(readable, features.values, plan.weights, plan.fp32)
    apart = apart[features.readable]
    folds = folds[features.readable]
    return FoldEvaluator(photographs.take(~apart), folds[~apart], work), photographs.take(apart)


def check_storage(plan: Plan, cluster: Cluster | None) -> None:
    """Checks that every node can reach the study.

    Args:
        plan: Says where the study is kept.
        cluster: The workers, or None.

    Raises:
        UsageError: Nodes of another machine are to share a study in a file of this one.
    """
    if cluster is not None and not cluster.shared and plan.storage is None:
        raise UsageError(
            "tune on a cluster: expected a database that every node reaches, such as --storage "
            "postgresql://USER@HOST/NAME"
        )
