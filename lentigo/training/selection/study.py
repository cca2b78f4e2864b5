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

from lentigo.errors import StoreError, UsageError
from lentigo.training.recipes import Recipe, Search

DEFAULT, REPLACES, WORKER, FOLDS, ERROR = (
    "default",
    "replaces",
    "worker",
    "folds",
    "error",
)  # what a trial says of itself
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
RANDOM = 10  # trials before the sampler has something to go by
Watch = Callable[[int, float], None]  # after each fold: its number, its AUROC; may end the trial


@dataclass(frozen=True)
class Place:
    """Where a study is kept: the address of its database, and its name there. A few words, to be sent to
    another process.
    """

    storage: str
    name: str


def list_searched(recipe: Recipe) -> dict[str, BaseDistribution]:
    """By its name each field of `Recipe` that is worth searching, and where: of those that this recipe makes
    use of.

    >>> list_searched(Recipe(finetune=False))["head_learning_rate"].log
    True
    """
    searched = {item.name: (item.type, item.metadata.get("search")) for item in fields(Recipe)}
    return {
        name: make_distribution(kind, search)
        for name, (kind, search) in searched.items()
        if search and (recipe.finetune or not search.whole)
    }


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
        """The sampler of one trial."""
        if trial.number not in self.samplers:
            self.samplers[trial.number] = TPESampler(
                seed=1000 * self.seed + trial.number, multivariate=True, n_startup_trials=RANDOM
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


def open_study(place: Place, seed: int = 0) -> optuna.Study:
    """The study of a place, made where there is none. Raises `UsageError` for an address that is none,
    `StoreError` where nobody answers there.

    Pruned is by the median, of differences from the default recipe on the same folds: Hyperband shares out
    epochs, of which a head needs few, and Wilcoxon's test needs four folds before it may say anything.
    """
    try:
        study = optuna.create_study(
            storage=open_storage(place.storage),
            study_name=place.name,
            direction="maximize",
            load_if_exists=True,
        )
        study.get_trials(deepcopy=False)
    except (optuna.exceptions.OptunaError, SQLAlchemyError, RuntimeError, ImportError) as error:
        raise explain_failure(place.storage, error) from error
    study.sampler = NumberedSampler(seed)
    study.pruner = MedianPruner(n_startup_trials=5, n_warmup_steps=1)
    return study


@cache
def open_storage(address: str) -> optuna.storages.RDBStorage:
    """The database of an address, opened once in a process; PostgreSQL through psycopg 3."""
    address = re.sub("^postgres(ql)?://", "postgresql+psycopg://", address)
    return optuna.storages.RDBStorage(address, engine_kwargs={"pool_pre_ping": True})


def explain_failure(storage: str, error: Exception) -> UsageError | StoreError:
    """A storage that cannot be used, in one line, without the password."""
    shown = hide_password(storage)
    reason = next(iter(str(error.__cause__ or error).strip().splitlines()), type(error).__name__).replace(
        storage, shown
    )
    if (
        "://" not in storage
        or "Could not parse" in str(error)
        or "load_dialect" in reason
        or "Can't load plugin" in reason
    ):
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
    scheme, middle, rest = address.partition("://")
    who, at, where = rest.rpartition("@")
    user, colon, _ = who.partition(":")
    return f"{scheme}{middle}{user}{colon}{'***' if colon else ''}{at}{where}"


def begin_study(study: optuna.Study, recipe: Recipe) -> None:
    """Puts the default recipe first, and what processes of this machine that are gone left unfinished
    next.
    """
    trials = study.get_trials(deepcopy=False)
    if not any(DEFAULT in trial.user_attrs for trial in trials):
        study.enqueue_trial(
            {name: getattr(recipe, name) for name in list_searched(recipe)}, user_attrs={DEFAULT: True}
        )
    for trial in trials:
        if trial.state is TrialState.RUNNING and is_gone(trial):
            study.tell(trial.number, state=TrialState.FAIL)
            again = {REPLACES: trial.number} | ({DEFAULT: True} if DEFAULT in trial.user_attrs else {})
            study.enqueue_trial(trial.params, user_attrs=again)


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
    """Trials that are complete, pruned or failed; those that were stopped from outside do not count."""
    return len(list_finished(study))


def list_finished(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that are complete, pruned or failed, but for those that were stopped and made again."""
    trials = study.get_trials(deepcopy=False)
    replaced = {trial.user_attrs.get(REPLACES) for trial in trials}
    return [trial for trial in trials if trial.state in FINISHED and trial.number not in replaced]


def advance_study(
    place: Place, recipe: Recipe, measure: Callable[[Recipe, Watch], Sequence[float]], seed: int
) -> TrialState:
    """Makes one trial: asks for a recipe, measures it fold by fold, tells the study. What fails in it is
    recorded there, and is no error here.

    `measure` gives the AUROC of each fold, and lets `watch` know of each. Any process that reaches the
    database may call this.
    """
    study = open_study(place, seed)
    trial = study.ask(list_searched(recipe))
    trial.set_user_attr(WORKER, f"{platform.node()}:{os.getpid()}")
    try:
        aurocs = measure(replace(recipe, **trial.params), make_watch(study, trial))
    except optuna.TrialPruned:
        return study.tell(trial, state=TrialState.PRUNED).state
    except Exception as error:  # whatever a recipe may bring about: a number that is none, too large a batch
        trial.set_user_attr(ERROR, f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}")
        return study.tell(trial, state=TrialState.FAIL).state
    return study.tell(trial, sum(aurocs) / len(aurocs)).state


def make_watch(study: optuna.Study, trial: Trial) -> Watch:
    """Reports the mean difference from the default recipe on the folds so far: folds differ in difficulty,
    and that would look like a difference of recipes.

    While the default recipe is not finished nothing is pruned. Raises `TrialPruned`.
    """
    default = find_default(study)
    before = None if default is None or default.number == trial.number else default.user_attrs.get(FOLDS)
    seen: list[float] = []

    def watch(fold: int, auroc: float) -> None:
        seen.append(auroc)
        trial.set_user_attr(FOLDS, seen)
        if DEFAULT in trial.user_attrs:
            trial.report(0.0, fold)
        elif before:
            trial.report(sum(seen) / len(seen) - sum(before[: len(seen)]) / len(seen), fold)
            if trial.should_prune():
                raise optuna.TrialPruned

    return watch


def find_default(study: optuna.Study) -> FrozenTrial | None:
    """The finished trial of the default recipe."""
    return next(
        (
            trial
            for trial in study.get_trials(deepcopy=False)
            if DEFAULT in trial.user_attrs and trial.state is TrialState.COMPLETE
        ),
        None,
    )


def rate_importance(study: optuna.Study) -> dict[str, float]:
    """The share of each searched field in what the trials differ by (PED-ANOVA, Watanabe 2023, arXiv
    2304.10255); none where there are too few trials.
    """
    with suppress(ValueError, RuntimeError):
        return {name: float(share) for name, share in optuna.importance.get_param_importances(study).items()}
    return {}
