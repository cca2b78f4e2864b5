"""A study: trials of recipes in a database, which another process may share, and which go on after an
interruption.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from lentigo.common.staging import is_running
from lentigo.errors import ModelError
from lentigo.training.recipes import Recipe
from lentigo.training.selection.folds import Watch
from lentigo.training.selection.tuning.sampling import list_searched
from lentigo.training.selection.tuning.study_database import StudyAddress, open_study

# Attributes of a trial in the database.
DEFAULT = "default"  # True for the trial of the default recipe
REPLACES = "replaces"  # number of the interrupted trial that this one makes again
WORKER = "worker"  # host and process that makes the trial
FOLDS = "folds"  # AUROC of each fold so far
ERROR = "error"  # why the trial failed
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
Measure = Callable[[Recipe, Watch], Sequence[float]]  # the AUROC of each fold; `Watch` is told each


def begin_study(study: optuna.Study, recipe: Recipe) -> None:
    """Puts the default recipe first, and next what processes of this machine that are gone left unfinished.

    Args:
        study: New, or interrupted.
        recipe: The default.
    """
    trials = study.get_trials(deepcopy=False)
    if not any(DEFAULT in trial.user_attrs for trial in trials):
        values = {name: getattr(recipe, name) for name in list_searched(recipe)}
        study.enqueue_trial(values, user_attrs={DEFAULT: True})
    for trial in trials:
        if trial.state is TrialState.RUNNING and is_gone(trial):
            # Its recipe is tried again under a new number, and the old trial counts for nothing
            study.tell(trial.number, state=TrialState.FAIL)
            attributes: dict[str, Any] = {REPLACES: trial.number}
            if DEFAULT in trial.user_attrs:
                attributes[DEFAULT] = True
            study.enqueue_trial(trial.params, user_attrs=attributes)


def is_gone(trial: FrozenTrial) -> bool:
    """Whether the process of this machine that made a trial has ended; False for another machine's."""
    host, _, process = str(trial.user_attrs.get(WORKER, "")).rpartition(":")
    # What another machine is doing cannot be seen from here
    return host == platform.node() and not is_running(int(process))


def count_finished(study: optuna.Study) -> int:
    """Counts the trials that are complete, pruned or failed.

    Args:
        study: The study.

    Returns:
        Their number; those that were stopped from outside do not count.
    """
    return len(list_finished(study))


def list_finished(study: optuna.Study) -> list[FrozenTrial]:
    """Lists the trials that are complete, pruned or failed.

    Args:
        study: The study.

    Returns:
        All but those that were stopped and made again.
    """
    trials = study.get_trials(deepcopy=False)
    replaced = {trial.user_attrs.get(REPLACES) for trial in trials}
    finished = []
    for trial in trials:
        if trial.state in FINISHED and trial.number not in replaced:
            finished.append(trial)
    return finished


def advance_study(address: StudyAddress, recipe: Recipe, measure: Measure, seed: int) -> TrialState:
    """Makes one trial: draws a recipe, measures it fold by fold, tells the study.

    What fails in it is recorded there, and is no error here. Any process that reaches the database may call
    this.

    Args:
        address: Of the study.
        recipe: The default; other values are drawn for the fields that are searched.
        measure: Gives the AUROC of each fold, and tells each to what watches the trial.
        seed: Decides what is drawn.

    Returns:
        How the trial ended.
    """
    study = open_study(address, seed)
    trial = study.ask(list_searched(recipe))
    trial.set_user_attr(WORKER, f"{platform.node()}:{os.getpid()}")
    try:
        aurocs = measure(replace(recipe, **trial.params), make_watch(study, trial))
    except optuna.TrialPruned:
        return study.tell(trial, state=TrialState.PRUNED).state
    except Exception as error:  # whatever a recipe may bring about: a number that is none, too large a batch
        lines = str(error).splitlines()
        trial.set_user_attr(ERROR, f"{type(error).__name__}: {lines[0] if lines else ''}")
        return study.tell(trial, state=TrialState.FAIL).state
    return study.tell(trial, sum(aurocs) / len(aurocs)).state


def make_watch(study: optuna.Study, trial: Trial) -> Watch:
    """Reports the mean difference from the default recipe on the folds so far: folds differ in difficulty,
    and that would look like a difference of recipes.

    While the default recipe is not finished nothing is pruned. Raises `TrialPruned`.
    """
    default = find_default(study)
    default_aurocs: list[float] = []
    if default is not None and default.number != trial.number:
        default_aurocs = default.user_attrs.get(FOLDS, [])
    aurocs: list[float] = []

    def watch(fold: int, auroc: float) -> None:
        aurocs.append(auroc)
        trial.set_user_attr(FOLDS, aurocs)
        if DEFAULT in trial.user_attrs:
            trial.report(0.0, fold)  # its difference from itself: what the median is taken with
        elif default_aurocs:
            default_mean = sum(default_aurocs[: len(aurocs)]) / len(aurocs)
            trial.report(sum(aurocs) / len(aurocs) - default_mean, fold)
            if trial.should_prune():
                raise optuna.TrialPruned

    return watch


def find_default(study: optuna.Study) -> FrozenTrial | None:
    """Finds the finished trial of the default recipe.

    Args:
        study: The study.

    Returns:
        The trial; None where it is not finished.
    """
    for trial in study.get_trials(deepcopy=False):
        if DEFAULT in trial.user_attrs and trial.state is TrialState.COMPLETE:
            return trial
    return None


def read_value(trial: FrozenTrial | None) -> float:
    """Reads what a finished trial reached.

    Args:
        trial: The trial.

    Returns:
        The mean AUROC over its folds.

    Raises:
        ModelError: It is not finished.
    """
    if trial is None or trial.value is None:
        raise ModelError("a trial is not finished; expected one with a value: the same call goes on")
    return trial.value


def rate_importance(study: optuna.Study) -> dict[str, float]:
    """Rates how much each searched field matters (PED-ANOVA, Watanabe 2023, arXiv 2304.10255).

    Args:
        study: The study.

    Returns:
        The share of each field in what the trials differ by; none where there are too few trials.
    """
    with suppress(ValueError, RuntimeError):
        importances = optuna.importance.get_param_importances(study)
        return {name: float(share) for name, share in importances.items()}
    return {}
