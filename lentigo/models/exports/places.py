"""Where an export goes: a file or a folder that is not there yet, and both whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from lentigo.errors import UsageError
from lentigo.models.exports.formats import FORMATS, Format


def find_place(out: Path, kind: Format) -> Path:
    """Finds where the artefact will be: `out` itself, or model.SUFFIX in the folder `out`.

    Args:
        out: What was asked for.
        kind: The format.

    Raises:
        UsageError: Something is there already, or the name is one of another format.
    """
    is_empty = out.is_dir() and not any(out.iterdir())
    is_file = bool(kind.suffix) and out.suffix == kind.suffix and not is_empty
    if not is_empty:
        refuse_existing(out)
        if is_file and kind.suffix == ".xml":
            refuse_existing(out.with_suffix(".bin"))  # OpenVINO's weights
    # A name that ends as another format's is a mistake, not a folder
    suffixes = {other.suffix for other in FORMATS.values()} - {""}
    if not is_file and out.suffix in suffixes:
        wanted = f"a name ending in {kind.suffix}, or a folder" if kind.suffix else "a folder"
        raise UsageError(f"{out}: is a name for another format; expected {wanted}")
    return out if is_file or not kind.suffix else out / f"model{kind.suffix}"


def refuse_existing(path: Path) -> None:
    """Raises `UsageError` where a path is taken."""
    if path.exists():
        raise UsageError(
            f"{path}: is there already; expected a new name or an empty folder: choose another, or remove it"
        )


def measure_megabytes(folder: Path) -> float:
    """Adds up all files below a folder, in megabytes.

    Args:
        folder: The folder.
    """
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def publish(folder: Path, out: Path) -> None:
    """Moves what was made to its place; of two files the one that names the artefact last.

    Args:
        folder: What was made.
        out: The place: its own name is among the names in `folder`.
    """
    if out.is_dir():
        out.rmdir()  # empty
    for path in sorted(folder.iterdir()):
        os.replace(path, out.parent / path.name)
