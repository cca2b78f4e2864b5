"""A study: trials of recipes in a database, which another process may share, and which go on after an
interruption.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from lentigo.errors import ModelError, StoreError, UsageError
from lentigo.training.recipes import Recipe, Search
from lentigo.training.selection.folds import Watch

# Attributes of a trial in the database.
DEFAULT = "default"  # True for the trial of the default recipe
REPLACES = "replaces"  # number of the interrupted trial that this one makes again
WORKER = "worker"  # host and process that makes the trial
FOLDS = "folds"  # AUROC of each fold so far
ERROR = "error"  # why the trial failed
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
RANDOM_TRIALS = 10  # before the sampler has something to go by
Measure = Callable[[Recipe, Watch], Sequence[float]]  # the AUROC of each fold; `Watch` is told each


@dataclass(frozen=True)
class StudyAddress:
    """Where a study is kept: a few words, to be sent to another process.

    Attributes:
        storage: The address of its database.
        name: Its name there.
    """

    storage: str
    name: str


def list_searched(recipe: Recipe) -> dict[str, BaseDistribution]:
    """Lists the fields that are worth searching, of those that a recipe makes use of.

    Args:
        recipe: That the search starts from.

    Returns:
        The distribution to draw from, by the field's name.

    >>> list_searched(Recipe(finetune=False))["head_learning_rate"].log
    True
    """
    searched = {}
    for recipe_field in fields(Recipe):
        search = recipe_field.metadata.get("search")
        if search is None or (search.whole and not recipe.finetune):
            continue
        searched[recipe_field.name] = make_distribution(str(recipe_field.type), search)
    return searched


class NumberedSampler(BaseSampler):
    """TPE (Bergstra 2011) with the joint density of all fields; what it draws for a trial is a function of
    the seed, the trial's number and the trials before.

    Each number is given once, whoever asks for it. So an interrupted search draws what an uninterrupted one
    would have drawn, and two processes that ask at the same moment draw different recipes.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.samplers: dict[int, TPESampler] = {}

    def find_sampler(self, trial: FrozenTrial) -> TPESampler:
        """Gives the sampler of one trial.

        Args:
            trial: It has a number.

        Returns:
            The same sampler each time.
        """
        if trial.number not in self.samplers:
            self.samplers[trial.number] = TPESampler(
                seed=1000 * self.seed + trial.number, multivariate=True, n_startup_trials=RANDOM_TRIALS
            )
        return self.samplers[trial.number]

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self.find_sampler(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self.find_sampler(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.find_sampler(trial).sample_independent(study, trial, param_name, param_distribution)


def make_distribution(kind: str, search: Search) -> BaseDistribution:
    """Optuna's form of a search."""
    if search.choices:
        return CategoricalDistribution(search.choices)
    if kind == "int":
        return IntDistribution(int(search.low), int(search.high), log=search.log)
    return FloatDistribution(search.low, search.high, log=search.log)


def open_study(address: StudyAddress, seed: int = 0) -> optuna.Study:
    """Opens a study, and makes it where there is none.

    Trials are pruned by the median of differences from the default recipe on the same folds: Hyperband shares
    out epochs, of which a head needs few, and Wilcoxon's test needs four folds before it may say anything.

    Args:
        address: Of the study.
        seed: Decides what is drawn.

    Returns:
        The study with its sampler and its pruner.

    Raises:
        UsageError: The address is no database's.
        StoreError: The database does not answer.
    """
    try:
        study = optuna.create_study(
            storage=open_storage(address.storage),
            study_name=address.name,
            direction="maximize",
            load_if_exists=True,
        )
        study.get_trials(deepcopy=False)
    except (optuna.exceptions.OptunaError, SQLAlchemyError, RuntimeError, ImportError) as error:
        raise explain_failure(address.storage, error) from error
    study.sampler = NumberedSampler(seed)
    study.pruner = MedianPruner(n_startup_trials=5, n_warmup_steps=1)
    return study


@cache
def open_storage(address: str) -> optuna.storages.RDBStorage:
    """The database of an address, opened once in a process; PostgreSQL through psycopg 3."""
    address = re.sub("^postgres(ql)?://", "postgresql+psycopg://", address)
    return optuna.storages.RDBStorage(address, engine_kwargs={"pool_pre_ping": True})


def explain_failure(storage: str, error: Exception) -> UsageError | StoreError:
    """A storage that cannot be used, in one line, without the password.

    Args:
        storage: Its address.
        error: Of Optuna or SQLAlchemy.
    """
    shown = hide_password(storage)
    lines = str(error.__cause__ or error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    reason = reason.replace(storage, shown)
    is_unknown_driver = "load_dialect" in reason or "Can't load plugin" in reason
    if "://" not in storage or "Could not parse" in str(error) or is_unknown_driver:
        return UsageError(
            f"storage {shown!r} is no address of a database ({reason}); expected sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    return StoreError(
        f"{shown}: does not answer ({reason}); expected a database that may be written to: start it, or "
        "leave --storage out to use a file"
    )


def hide_password(address: str) -> str:
    """An address that may be shown.

    >>> hide_password("postgresql://me:secret@host/trials")
    'postgresql://me:***@host/trials'
    """
    scheme, separator, rest = address.partition("://")
    credentials, at, host = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    hidden = ":***" if colon else ""
    return f"{scheme}{separator}{user}{hidden}{at}{host}"


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
            study.tell(trial.number, state=TrialState.FAIL)
            attributes: dict[str, Any] = {REPLACES: trial.number}
            if DEFAULT in trial.user_attrs:
                attributes[DEFAULT] = True
            study.enqueue_trial(trial.params, user_attrs=attributes)


def is_gone(trial: FrozenTrial) -> bool:
    """Whether the process of this machine that made a trial has ended; False for another machine's."""
    host, _, process = str(trial.user_attrs.get(WORKER, "")).rpartition(":")
    if host != platform.node() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


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
    return [trial for trial in trials if trial.state in FINISHED and trial.number not in replaced]


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
            trial.report(0.0, fold)
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
