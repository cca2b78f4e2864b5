"""The ledger: how often a set has been opened, whoever opened it and with whatever model."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from lentigo.errors import SpaceError


def ledger_path() -> Path:
    """Where the ledger stands: $LENTIGO_LEDGER, else the user's own data folder."""
    chosen = os.environ.get("LENTIGO_LEDGER")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "lentigo" / "ledger.jsonl"


def record_opening(fingerprint: str, split: str, model: str) -> int:
    """Notes that a set was opened; gives how often it now has been, this time included."""
    path = ledger_path()
    entry = {"fingerprint": fingerprint, "split": split, "model": model, "when": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
    except OSError as error:
        raise SpaceError(f"{path}: the ledger cannot be written ({error.strerror}); set LENTIGO_LEDGER to another file") from error
    return count_openings(fingerprint)


def count_openings(fingerprint: str) -> int:
    """How often the set with this fingerprint has been opened."""
    try:
        lines = ledger_path().read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    return sum(f'"fingerprint": "{fingerprint}"' in line for line in lines)
