"""The trials of a search: made here or on a cluster until there are enough, and their table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from lentigo.common.cache import shared_folder
from lentigo.common.hashing import hash_bytes
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress
from lentigo.errors import ModelError
from lentigo.training.loop.devices import set_threads
from lentigo.training.recipes import Recipe
from lentigo.training.selection.fold_evaluation import FoldEvaluator
from lentigo.training.selection.tuning.study import (
    DEFAULT,
    ERROR,
    FOLDS,
    Measure,
    advance_study,
    begin_study,
    count_finished,
    find_default,
    list_finished,
)
from lentigo.training.selection.tuning.study_database import StudyAddress, open_study


def find_address(out: Path, storage: str | None, settings: dict[str, Any]) -> StudyAddress:
    """Finds where a study is kept.

    Args:
        out: The folder of the search.
        storage: The address of a database; None for a file in `out`.
        settings: Of the search: the same search has the same name for every process that shares it.

    Returns:
        The database, and the study's name there.
    """
    # The settings name the study: trials of other photographs never mix with these
    name = f"lentigo-{hash_bytes(json.dumps(settings, sort_keys=True).encode())[:16]}"
    file = (out / "study" / "trials.db").resolve()
    return StudyAddress(storage or f"sqlite:///{file}", name)


def run_trials(
    address: StudyAddress, recipe: Recipe, measure: Measure, trials: int, progress: Progress
) -> None:
    """Makes trials until as many are finished.

    Args:
        address: Of the study.
        recipe: The default, which is tried first.
        measure: Gives the AUROC of each fold.
        trials: How many are to be finished, those of earlier calls included.
        progress: Watches the trials go by.
    """
    study = open_study(address, recipe.seed)
    begin_study(study, recipe)
    missing = max(0, trials - count_finished(study))
    for _ in progress(range(missing), total=missing, label="trials"):
        if count_finished(study) >= trials:  # others may share the study
            break
        advance_study(address, recipe, measure, recipe.seed)


@dataclass(frozen=True)
class TrialWork:
    """Trials as the work of a cluster: an item is the number of a trial, whose recipe the study draws.

    Attributes:
        address: Of the study.
        recipe: The default.
        evaluator: On which the trials are measured.
    """

    address: StudyAddress
    recipe: Recipe
    evaluator: FoldEvaluator

    def open(self, cores: int) -> Callable[[list[int]], list[str]]:
        """Makes a worker ready.

        Args:
            cores: That the worker may use.

        Returns:
            What makes some trials and says how each ended.
        """
        set_threads(cores)
        evaluator = replace(self.evaluator, work=shared_folder("work") / self.address.name)

        def make_trials(numbers: list[int]) -> list[str]:
            states = []
            for _ in numbers:
                state = advance_study(self.address, self.recipe, evaluator.measure, self.recipe.seed)
                states.append(state.name)
            return states

        return make_trials


def run_trials_on_cluster(cluster: Cluster, work: TrialWork, trials: int, progress: Progress) -> None:
    """Makes trials on the workers of a cluster until as many are finished.

    The default recipe is first, alone: the others are compared with it. A trial whose worker was lost is made
    again, drawn anew; what the lost one had stays unfinished in the study.

    Args:
        cluster: The workers.
        work: Study, recipe and photographs.
        trials: How many are to be finished, those of earlier calls included.
        progress: Watches the trials go by.
    """
    study = open_study(work.address, work.recipe.seed)
    begin_study(study, work.recipe)
    missing = max(0, trials - count_finished(study))
    # The default recipe alone first: others are pruned by comparison with it
    n_first = 1 if missing and find_default(study) is None else 0

    def make_trials() -> Iterator[str]:
        for numbers in (range(n_first), range(n_first, missing)):
            yield from cluster.map(work, numbers, size=1, give_up=lambda number, lost: "LOST")

    for _ in progress(make_trials(), total=missing, label="trials"):
        pass


def choose_best(study: optuna.Study) -> FrozenTrial:
    """Chooses the complete trial with the highest AUROC, the first of equals.

    Args:
        study: The study.

    Returns:
        The trial.

    Raises:
        ModelError: No trial is complete, or the default recipe failed.
    """
    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if not complete or find_default(study) is None:
        first_error = find_first_error(trials)
        raise ModelError(
            f"{len(complete)} of {len(trials)} trials are complete, and the default recipe's is not "
            f"({first_error}); expected it to train: try `lentigo train` with it"
        )
    return max(complete, key=lambda trial: (trial.value, -trial.number))


def find_first_error(trials: Iterable[FrozenTrial]) -> str:
    """Why the first trial that failed did, or that none is complete."""
    for trial in trials:
        if ERROR in trial.user_attrs:
            return trial.user_attrs[ERROR]
    return "no trial is complete yet"


def tabulate(study: optuna.Study, searched: dict[str, Any]) -> pd.DataFrame:
    """Makes a table with a row for each finished trial, the default recipe first.

    Args:
        study: The study.
        searched: The fields that are searched, by name.

    Returns:
        Columns `number`, `state`, `default`, `auroc` (the mean of the folds that were measured; a pruned
        trial has fewer), `gain` (against the default recipe on the same folds), `folds`, `seconds`, `error`,
        and the value of each field that is searched.
    """
    default = find_default(study)
    default_aurocs = [] if default is None else default.user_attrs[FOLDS]
    # The default recipe stands first, whatever its number
    trials = sorted(list_finished(study), key=lambda trial: (DEFAULT not in trial.user_attrs, trial.number))
    rows = []
    for trial in trials:
        row = describe_trial(trial, default_aurocs)
        for name in searched:
            row[name] = trial.params.get(name)
        rows.append(row)
    return pd.DataFrame(rows)


def describe_trial(trial: FrozenTrial, default_aurocs: list[float]) -> dict[str, Any]:
    """What the table says of a trial, but for its recipe; `default_aurocs` are those of the default's folds."""
    folds = list(trial.user_attrs.get(FOLDS, ()))
    # Not trial.value: of a pruned trial that is what it was pruned by, a difference.
    auroc = None
    gain = None
    if folds and trial.state is not TrialState.FAIL:
        auroc = sum(folds) / len(folds)
        if default_aurocs:
            gain = auroc - sum(default_aurocs[: len(folds)]) / len(folds)
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "default": DEFAULT in trial.user_attrs,
        "auroc": auroc,
        "gain": gain,
        "folds": " ".join(f"{value:.4f}" for value in folds),
        "seconds": trial.duration and trial.duration.total_seconds(),
        "error": trial.user_attrs.get(ERROR),
    }
