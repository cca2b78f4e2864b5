"""Tuning: which recipe is best on folds of the photographs outside the test split, and what the search
gained.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.file_names import take_path
from lentigo.common.files import require_writable
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.errors import UsageError
from lentigo.splits.splits import split_validation
from lentigo.training.recipes import Recipe
from lentigo.training.run_folder import keep_settings
from lentigo.training.selection.fold_evaluation import FeaturedDataset, FoldEvaluator
from lentigo.training.selection.folds import Pool, assign_folds, gather_pool
from lentigo.training.selection.tuning.confirmation import Confirmation, confirm
from lentigo.training.selection.tuning.sampling import list_searched
from lentigo.training.selection.tuning.study import DEFAULT, find_default, rate_importance, read_value
from lentigo.training.selection.tuning.study_database import open_study
from lentigo.training.selection.tuning.trials import (
    TrialWork,
    choose_best,
    find_address,
    run_trials,
    run_trials_on_cluster,
    tabulate,
)
from lentigo.training.selection.tuning.tuning_results import Tuning
from lentigo.training.start.features import Features
from lentigo.training.start.starting_network import start_with_features
from lentigo.training.start.weights import name_source
from lentigo.training.validation import find_start, refuse_learned

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
            "groups": pool.dataset.n_groups,
        }


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
    folder = take_path(out, "out", "the name of a folder")
    # Before photographs are read: a wrong address would be told after an hour
    check_storage(plan, cluster)
    require_writable(folder)
    pool = gather_pool(data, plan.duplicates, progress)
    start = find_start(plan.weights)
    refuse_learned(pool.dataset, start, progress)
    _, features = start_with_features(
        recipe, plan.weights, pool.dataset, fp32=plan.fp32, cluster=cluster, progress=progress
    )
    settings = plan.describe(pool)
    # Before the first trial: what confirms must have had no part in the search
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
    values = {name: best.params[name] for name in searched}
    chosen = replace(recipe, **values, name="tuned")
    confirmation = None
    if DEFAULT not in best.user_attrs:  # the default recipe has no gain to confirm
        confirmation = confirm_best(folder, evaluator, reserve, recipe, chosen)
    return Tuning(
        recipe=chosen,
        auroc=read_value(best),
        default_auroc=read_value(find_default(study)),
        confirmation=confirmation,
        importance=rate_importance(study),
        table=tabulate(study, searched),
        searched=tuple(searched),
        problems=pool.problems + features.problems,
        facts={
            **describe_search(plan, pool, len(reserve.dataset), len(evaluator.photographs.dataset)),
            "weights": settings["weights"],
            "start": start.describe(),
            "study": address.name,
        },
    )


def confirm_best(
    folder: Path, evaluator: FoldEvaluator, reserve: FeaturedDataset, default: Recipe, best: Recipe
) -> Confirmation:
    """What the best recipe gains on the photographs that were set apart."""

    def predict(recipe: Recipe) -> np.ndarray:
        return evaluator.predict(recipe, reserve)

    path = folder / "study" / "confirmation.json"
    return confirm(path, reserve.dataset, default, best, predict)


def describe_search(plan: Plan, pool: Pool, n_confirming: int, n_searched: int) -> dict[str, Any]:
    """What a finished search says of its photographs and its folds."""
    return {
        **pool.describe(),
        "folds": plan.folds,
        "seed": plan.recipe.seed,
        "n_searched": n_searched,
        "n_confirming": n_confirming,
    }


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
    folds = np.full(len(dataset), -1)  # the photographs apart are in none
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
