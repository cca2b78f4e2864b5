"""The ledger: how often a set has been opened, whoever opened it and with whatever model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from lentigo.data.files import NO_HOME, data_folder
from lentigo.errors import SpaceError

LEDGER_VARIABLE = "LENTIGO_LEDGER"


def ledger_path() -> Path:
    """Where the ledger stands.

    Returns:
        $LENTIGO_LEDGER, else a file in the user's own data folder.
    """
    chosen = os.environ.get(LEDGER_VARIABLE)
    return Path(chosen) if chosen else data_folder() / "ledger.jsonl"


def require_ledger() -> None:
    """Makes sure that a look at a set can be noted, before the set is looked at.

    Raises:
        SpaceError: Where the ledger cannot be written, with the variable that names another one.
    """
    path = ledger_path()
    with name_ledger(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()


def record_opening(fingerprint: str, split: str, model: str) -> int:
    """Notes that a set was opened.

    Args:
        fingerprint: Of the photographs and their labels.
        split: Which part of the data set it was.
        model: The name of the RUN that answered.

    Returns:
        How often the set now has been opened, this time included.

    Raises:
        SpaceError: Where the ledger cannot be read or written.
    """
    path = ledger_path()
    entry = {"fingerprint": fingerprint, "split": split, "model": model, "when": datetime.now(UTC).isoformat(timespec="seconds")}
    with name_ledger(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = path.is_file() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
        line = json.dumps(entry) + "\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{line}" if torn else line)  # what a crash left of the last entry stays a line of its own
            file.flush()
            os.fsync(file.fileno())
    return count_openings(fingerprint)


def count_openings(fingerprint: str) -> int:
    """How often a set has been opened; lines that are damaged count for nothing.

    Args:
        fingerprint: As it was given to `record_opening`.

    Raises:
        SpaceError: Where the ledger cannot be read.
    """
    path = ledger_path()
    with name_ledger(path):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return 0
    mark = f'"fingerprint": "{fingerprint}"'.encode()
    return sum(mark in line for line in content.splitlines())


@contextmanager
def name_ledger(path: Path) -> Iterator[None]:
    """Turns what the system refuses into a `SpaceError` that says how to choose another ledger."""
    try:
        yield
    except OSError as error:
        place = "no home folder is known" if path.is_relative_to(NO_HOME) else str(path)
        raise SpaceError(
            f"{place}: the ledger, which counts how often a test set has been opened, cannot be written ({error.strerror}); "
            f"set {LEDGER_VARIABLE} to a file that can"
        ) from error
