"""The folders of the user that Lentigo writes to, and the environment variables that name them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CACHE_VARIABLE = "LENTIGO_CACHE"
NO_HOME = Path(os.devnull) / "lentigo"  # nothing can be written there, nor read


def cache_folder() -> Path:
    """Gives the folder in which Lentigo keeps what it can compute again.

    Returns:
        $LENTIGO_CACHE, else the user's own cache folder; `NO_HOME` for a user without a home.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else user_folder("XDG_CACHE_HOME", ".cache")


def data_folder() -> Path:
    """Gives the folder in which Lentigo keeps what must stay: the ledger and the service's store.

    Returns:
        The folder of this program in the user's own data folder; `NO_HOME` for a user without a home.
    """
    return user_folder("XDG_DATA_HOME", ".local", "share")


def user_folder(variable: str, *names: str) -> Path:
    """The folder of this program in the one that a variable names, else in one below the user's home."""
    chosen = os.environ.get(variable)
    if chosen:
        return Path(chosen) / "lentigo"
    try:
        home = Path.home()
    except RuntimeError:  # neither $HOME nor the list of users says where
        return NO_HOME
    return home.joinpath(*names, "lentigo")


@contextmanager
def set_environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Sets environment variables, and puts back what there was.

    Args:
        values: The value of each variable meanwhile, by its name; None leaves one as it is.
    """
    before = {name: os.environ.get(name) for name in values}
    for name, value in values.items():
        if value is not None:
            os.environ[name] = value
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
