"""Tuning: which recipe is best on folds of the photographs outside the test split, and what the search
gained.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from lentigo.common.cache import shared_folder
from lentigo.common.files import require_writable, stage_folder, write_json, write_whole
from lentigo.common.hashing import hash_bytes
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.errors import ModelError, UsageError
from lentigo.images.problems import Problem
from lentigo.models.graphs.graph_weights import start_network
from lentigo.models.networks.backbones import find_backbone
from lentigo.splits.splits import split_validation
from lentigo.training.features import Features, extract_features, refuse_frozen_features
from lentigo.training.heads import Sample, answer_head, score_head, train_head
from lentigo.training.loop.devices import set_threads
from lentigo.training.preparation import find_start, keep_settings, refuse_known
from lentigo.training.recipes import Recipe
from lentigo.training.selection.charts import draw_importance, draw_progress, draw_slices
from lentigo.training.selection.confirmation import Confirmation, confirm
from lentigo.training.selection.folds import assign_folds, gather_pool
from lentigo.training.selection.study import (
    DEFAULT,
    ERROR,
    FOLDS,
    Place,
    Watch,
    advance_study,
    begin_study,
    count_finished,
    find_default,
    list_finished,
    list_searched,
    open_study,
    rate_importance,
)
from lentigo.training.trainer import answer_whole, name_source, score_whole, settle_random

SETTINGS = Path("study") / "settings.json"
Measure = Callable[[Recipe, Watch], list[float]]


@dataclass(frozen=True)
class Plan:
    """What a search is of: the recipe that it starts from, and how each trial is measured."""

    recipe: Recipe
    trials: int = 30
    folds: int = 5
    weights: str = "imagenet"
    storage: str | None = None
    duplicates: bool = True
    fp32: bool = False
    confirm_share: float = 0.2  # of the photographs, which the search never sees

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise UsageError(f"trials is {self.trials}; expected 1 at least")
        if not 0 < self.confirm_share < 1:  # NaN fails too
            raise UsageError(f"confirm-share is {self.confirm_share:g}; expected above 0 and below 1")


@dataclass(frozen=True)
class Tuning:
    """A finished plan. `table` has a row for each trial, the default recipe first; AUROCs are means over
    folds. `confirmation` is None where the default is best.
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

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Number and error of each trial that failed."""
        rows = self.table[self.table["state"] == "fail"]
        return [
            {"trial": int(number), "error": error}
            for number, error in zip(rows["number"], rows["error"], strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """Every number; the trials themselves are in the table."""
        return {
            **self.facts,
            "recipe": asdict(self.recipe),
            "auroc": self.auroc,
            "default_auroc": self.default_auroc,
            "gain": self.auroc - self.default_auroc,
            "confirmation": self.confirmation and self.confirmation.to_json(),
            "importance": self.importance,
            "trials": {state: int(count) for state, count in self.table["state"].value_counts().items()},
            "failed": self.failed,
            "problems": [asdict(problem) for problem in self.problems],
        }

    def save(self, out: str | Path) -> Path:
        """Writes `recipe.json`, `trials.csv`, `tuning.json` and the figures into a folder; gives the recipe's
        path.
        """
        out, complete = Path(out), self.table[self.table["state"] == "complete"]
        write_json(out / "recipe.json", asdict(self.recipe))
        write_json(out / "tuning.json", self.to_json())
        with write_whole(out / "trials.csv") as temporary:
            self.table.to_csv(temporary, index=False)
        draw_progress(complete, out / "figures" / "trials.png")
        draw_slices(complete, self.searched, out / "figures" / "slices.png")
        if self.importance:
            draw_importance(self.importance, out / "figures" / "importance.png")
        return out / "recipe.json"


def tune(
    data: str | Path | Dataset,
    out: str | Path,
    plan: Plan,
    *,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Tuning:
    """Tries recipes until there are as many finished trials as asked for, those of earlier calls included,
    and confirms the best on photographs that the search never saw.

    The default recipe is the first trial. The test split is never opened. Trials are the work of `cluster`,
    where there is one. Raises `UsageError` where `out` was begun with another recipe or other photographs,
    `DataError`, `StoreError`, and `ModelError` where no weights can be had or every trial fails.
    """
    recipe, out = plan.recipe, Path(out)
    check_reach(plan, cluster)
    require_writable(out)
    pool = gather_pool(data, plan.duplicates, progress)
    start = find_start(plan.weights)
    refuse_known(pool.dataset, start, progress)
    network = start_network(find_backbone(recipe.backbone), plan.weights)
    settings = {
        "recipe": asdict(recipe),
        "weights": name_source(plan.weights),
        "folds": plan.folds,
        "fp32": plan.fp32,
        "confirm_share": plan.confirm_share,
        "data_fingerprint": pool.dataset.fingerprint,
        "groups": len(np.unique(pool.dataset.groups)),
    }
    settle_random(network, plan.weights, pool.dataset)
    features = extract_features(network, pool.dataset, fp32=plan.fp32, cluster=cluster, progress=progress)
    refuse_frozen_features(features, recipe.backbone, plan.weights)
    held, reserve = set_apart(pool.dataset, features, plan, out / "work")
    keep_settings(out / SETTINGS, settings)
    place = find_place(out, plan.storage, settings)
    if cluster is None:
        run_trials(place, recipe, held.measure, plan.trials, progress)
    else:
        run_trials_on(cluster, Trying(place, recipe, held), plan.trials, progress)
    study = open_study(place)
    facts = {
        "folds": plan.folds,
        "seed": recipe.seed,
        "n": len(pool.dataset),
        "n_malignant": int(pool.dataset.malignant.sum()),
        "n_searched": len(held.dataset),
        "n_confirming": len(reserve.dataset),
        "duplicates": pool.duplicates,
        "data_fingerprint": pool.dataset.fingerprint,
        "weights": settings["weights"],
        "start": start.describe(),
        "study": place.name,
    }
    best = choose_best(study)
    chosen = replace(recipe, **{name: best.params[name] for name in list_searched(recipe)}, name="tuned")
    confirmation = None
    if DEFAULT not in best.user_attrs:
        confirmation = confirm(
            out / "study" / "confirmation.json",
            reserve.dataset,
            recipe,
            chosen,
            lambda one: held.answer(one, reserve),
        )
    return Tuning(
        chosen,
        best.value,
        find_default(study).value,
        confirmation,
        rate_importance(study),
        tabulate(study, list_searched(recipe)),
        tuple(list_searched(recipe)),
        pool.problems + features.problems,
        facts,
    )


@dataclass(frozen=True)
class Reserve:
    """Photographs that the search never sees, and their features (m, d)."""

    dataset: Dataset
    features: np.ndarray


def set_apart(dataset: Dataset, features: Features, plan: Plan, work: Path) -> tuple[FoldEvaluator, Reserve]:
    """The photographs to search on, in folds, and those to confirm on: whole groups, both classes in their
    shares, a function of contents and seed.

    Args:
        dataset: All photographs outside the test split, n of them.
        features: Their features.
        plan: Says the share to confirm on, the number of folds and the seed.
        work: Folder for what a training of a whole network keeps meanwhile.

    Raises:
        DataError: A class has too few groups.
    """
    apart = split_validation(
        dataset.malignant, dataset.groups, dataset.digests, plan.confirm_share, plan.recipe.seed
    )
    searched = dataset.take(~apart)
    folds = assign_folds(searched, plan.folds, plan.recipe.seed)[features.readable[~apart]]
    apart_readable = apart[features.readable]
    held = FoldEvaluator(
        plan, searched.take(features.readable[~apart]), features.values[~apart_readable], folds, work
    )
    return held, Reserve(dataset.take(apart & features.readable), features.values[apart_readable])


@dataclass(frozen=True)
class FoldEvaluator:
    """Photographs, their features (n, d) and their folds, int (n,), on which recipes are measured."""

    plan: Plan
    dataset: Dataset
    features: np.ndarray
    folds: np.ndarray
    work: Path

    def measure(self, recipe: Recipe, watch: Watch = lambda fold, auroc: None) -> list[float]:
        """The AUROC of each fold by what was learned on the others."""
        aurocs = []
        for fold in range(self.plan.folds):
            aurocs.append(self.measure_fold(recipe, self.folds == fold))
            watch(fold, aurocs[-1])
        return aurocs

    def measure_fold(self, recipe: Recipe, held_out: np.ndarray) -> float:
        """The AUROC of the photographs that are held out, bool (n,)."""
        if recipe.finetune:
            with stage_folder(self.work) as work:
                return score_whole(
                    recipe, self.plan.weights, self.dataset, self.features, held_out, work, self.plan.fp32
                ).auroc
        return score_head(recipe, Sample(self.features, self.dataset.malignant), held_out).auroc

    def answer(self, recipe: Recipe, reserve: Reserve) -> np.ndarray:
        """Logits, float (folds, m), of the m photographs of `reserve` by what was learned without each fold;
        the fold says when to stop.
        """
        return np.stack(
            [self.answer_fold(recipe, self.folds == fold, reserve) for fold in range(self.plan.folds)]
        )

    def answer_fold(self, recipe: Recipe, held_out: np.ndarray, reserve: Reserve) -> np.ndarray:
        """Logits, float (m,), by what was learned without the photographs that are held out, bool (n,)."""
        if recipe.finetune:
            with stage_folder(self.work) as work:
                return answer_whole(
                    recipe,
                    self.plan.weights,
                    self.dataset,
                    self.features,
                    held_out,
                    reserve.dataset,
                    work,
                    self.plan.fp32,
                )
        head, _ = train_head(recipe, Sample(self.features, self.dataset.malignant), held_out)
        return answer_head(head, reserve.features)


def find_place(out: Path, storage: str | None, settings: dict[str, Any]) -> Place:
    """Where the study is kept: a file in `out`, or the database given, where the same search has the same
    name for every process that shares it.
    """
    name = f"lentigo-{hash_bytes(json.dumps(settings, sort_keys=True).encode())[:16]}"
    return Place(storage or f"sqlite:///{(out / 'study' / 'trials.db').resolve()}", name)


def run_trials(place: Place, recipe: Recipe, measure: Measure, trials: int, progress: Progress) -> None:
    """Makes trials until as many are finished."""
    study = open_study(place, recipe.seed)
    begin_study(study, recipe)
    missing = max(0, trials - count_finished(study))
    for _ in progress(range(missing), total=missing, label="trials"):
        if count_finished(study) >= trials:  # others may share the study
            break
        advance_study(place, recipe, measure, recipe.seed)


@dataclass(frozen=True)
class Trying:
    """A study and what its trials are measured on, as the work of a cluster: an item is a trial, whose recipe
    the study draws.
    """

    place: Place
    recipe: Recipe
    held: FoldEvaluator

    def open(self, cores: int) -> Callable[[list[int]], list[str]]:
        set_threads(cores)
        held = replace(self.held, work=shared_folder("work") / self.place.name)
        return lambda trials: [
            advance_study(self.place, self.recipe, held.measure, self.recipe.seed).name for _ in trials
        ]


def run_trials_on(cluster: Cluster, trying: Trying, trials: int, progress: Progress) -> None:
    """Makes trials on the workers of a cluster until as many are finished. The default recipe is first,
    alone: the others are compared with it.

    A trial whose worker was lost is made again, drawn anew; what the lost one had stays unfinished in the
    study.
    """
    study = open_study(trying.place, trying.recipe.seed)
    begin_study(study, trying.recipe)
    missing = max(0, trials - count_finished(study))
    first = min(missing, int(find_default(study) is None))
    numbers = [range(first), range(first, missing)]
    made = (
        state
        for part in numbers
        for state in cluster.map(trying, part, size=1, give_up=lambda trial, lost: "LOST")
    )
    for _ in progress(made, total=missing, label="trials"):
        pass


def check_reach(plan: Plan, cluster: Cluster | None) -> None:
    """Raises `UsageError` where nodes of another machine are to share a study in a file of this one."""
    if cluster is not None and not cluster.shared and plan.storage is None:
        raise UsageError(
            "tune on a cluster: expected a database that every node reaches, such as --storage "
            "postgresql://USER@HOST/NAME"
        )


def choose_best(study: optuna.Study) -> FrozenTrial:
    """The complete trial with the highest AUROC, the first of equals. Raises `ModelError` where there is
    none, or the default recipe failed.
    """
    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if not complete or find_default(study) is None:
        first = next(
            (trial.user_attrs[ERROR] for trial in trials if ERROR in trial.user_attrs),
            "no trial is complete yet",
        )
        raise ModelError(
            f"{len(complete)} of {len(trials)} trials are complete, and the default recipe's is not "
            f"({first}); expected it to train: try `lentigo train` with it"
        )
    return max(complete, key=lambda trial: (trial.value, -trial.number))


def tabulate(study: optuna.Study, searched: dict[str, Any]) -> pd.DataFrame:
    """A row for each finished trial, the default recipe first.

    Columns: `number`, `state`, `default`, `auroc` (the mean of the folds that were measured; a pruned trial
    has fewer), `gain` (against the default recipe on the same folds), `folds`, `seconds`, `error`, and the
    value of each field that is searched.
    """
    default = find_default(study)
    reference = [] if default is None else default.user_attrs[FOLDS]
    rows = []
    for trial in sorted(
        list_finished(study), key=lambda trial: (DEFAULT not in trial.user_attrs, trial.number)
    ):
        folds = list(trial.user_attrs.get(FOLDS, ()))
        measured = folds if trial.state is not TrialState.FAIL else []
        auroc = (
            sum(measured) / len(measured) if measured else None
        )  # not trial.value: of a pruned trial that is what it was pruned by, a difference
        gain = auroc - sum(reference[: len(measured)]) / len(measured) if measured and reference else None
        row = {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "default": DEFAULT in trial.user_attrs,
            "auroc": auroc,
            "gain": gain,
        }
        row["folds"] = " ".join(f"{value:.4f}" for value in folds)
        row["seconds"] = trial.duration and trial.duration.total_seconds()
        row["error"] = trial.user_attrs.get(ERROR)
        rows.append(row | {name: trial.params.get(name) for name in searched})
    return pd.DataFrame(rows)
