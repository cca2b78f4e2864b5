"""The database that keeps the trials of a study."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import optuna
from optuna.pruners import MedianPruner
from sqlalchemy.exc import SQLAlchemyError

from lentigo.errors import StoreError, UsageError, first_line
from lentigo.training.selection.tuning.sampling import NumberedSampler


@dataclass(frozen=True)
class StudyAddress:
    """Where a study is kept: a few words, to be sent to another process.

    Attributes:
        storage: The address of its database.
        name: Its name there.
    """

    storage: str
    name: str


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
        # The first question: an unusable database is told before any photograph is read
        study.get_trials(deepcopy=False)
    except (optuna.exceptions.OptunaError, SQLAlchemyError, RuntimeError, ImportError) as error:
        raise explain_failure(address.storage, error) from error
    study.sampler = NumberedSampler(seed)
    # Not before five trials, nor after one fold: early differences are noise
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
    reason = first_line(error.__cause__ or error).replace(storage, shown)
    if is_no_address(storage, str(error), reason):
        return UsageError(
            f"storage {shown!r} is no address of a database ({reason}); expected sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    return StoreError(
        f"{shown}: does not answer ({reason}); expected a database that may be written to: start it, or "
        "leave --storage out to use a file"
    )


def is_no_address(storage: str, message: str, reason: str) -> bool:
    """Whether an error is one of the address itself, by the message and the first line of its cause."""
    is_unknown_driver = "load_dialect" in reason or "Can't load plugin" in reason
    return "://" not in storage or "Could not parse" in message or is_unknown_driver


def hide_password(address: str) -> str:
    """An address that may be shown.

    >>> hide_password("postgresql://me:secret@host/trials")
    'postgresql://me:***@host/trials'
    """
    scheme, separator, rest = address.partition("://")
    # From the right: a password may hold an @
    credentials, at, host = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    hidden = ":***" if colon else ""
    return f"{scheme}{separator}{user}{hidden}{at}{host}"
