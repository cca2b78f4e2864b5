"""The files of a RUN in which its training record stands: `learned.npz`, and the tables of RUNs made before."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.array_files import read_arrays
from lentigo.common.progress import Progress, show_nothing
from lentigo.duplicates.perceptual_hashes import BYTES, METHOD, hash_images
from lentigo.errors import ModelError
from lentigo.models.bundle import LEARNED, MASKS, PAST, SPLITS, Bundle, find_bundle, is_run
from lentigo.models.training_record import (
    DIGEST_BYTES,
    PARTS,
    USES,
    TrainingRecord,
    forget_everything,
    list_training_record,
)


def find_training_record(weights: str | Path) -> TrainingRecord:
    """The photographs that weights know: of a RUN as `read_training_record` tells, of other weights none.

    Args:
        weights: A RUN, "bundled", a file, or the name of published weights.
    """
    return read_training_record(find_bundle(weights)) if is_run(weights) else forget_everything()


def read_training_record(bundle: Bundle) -> TrainingRecord:
    """The photographs that a RUN knows. One that was made without `learned.npz` knows files alone.

    Args:
        bundle: The RUN.

    Raises:
        ModelError: the file is damaged.
    """
    path = bundle.folder / LEARNED
    if not path.is_file():
        return read_tables(bundle)
    try:
        arrays = read_arrays(path)
        digests = arrays["digests"]
        hashes = arrays["hashes"]
        uses = arrays["uses"]
        method = int(arrays["method"])
        unlisted = int(arrays["unlisted"])
        require_rows(digests, hashes, uses)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{path}: is damaged ({error}); copy the RUN again from its source") from error
    if method != METHOD or hashes.shape[1:] != (BYTES,):
        # Made by another version: what the photographs show is not known
        hashes = np.zeros((len(digests), BYTES), np.uint8)
    return TrainingRecord(digests, hashes, uses, unlisted)


def require_rows(digests: np.ndarray, hashes: np.ndarray, uses: np.ndarray) -> None:
    """Raises `ValueError` where the arrays of a record do not go together."""
    are_bytes = digests.dtype == hashes.dtype == uses.dtype == np.uint8
    has_rows = digests.ndim == hashes.ndim == uses.ndim == 2 and len(digests) == len(hashes) == len(uses)
    is_wide = has_rows and digests.shape[1] == DIGEST_BYTES and uses.shape[1] == len(PARTS)
    if not are_bytes or not is_wide or uses.max(initial=0) >= len(USES):
        raise ValueError(f"arrays of {digests.shape}, {hashes.shape}, {uses.shape}")


def read_tables(bundle: Bundle) -> TrainingRecord:
    """What the tables of a RUN say that has no `learned.npz`; where it has none, how many photographs its
    card counts.
    """
    learned = forget_everything()
    # The latest last: of a photograph that several tables name its last use counts
    for name, part in ((PAST, "classifier"), (SPLITS, "classifier"), (MASKS, "decoder")):
        path = bundle.folder / name
        if path.is_file():
            listed = list_table(path, part)
            learned = learned.add(listed)
    if not len(learned.of_part("classifier")):
        learned = replace(learned, unlisted=count_images(bundle.card.get("data")))
    return learned


def list_table(path: Path, part: str) -> TrainingRecord:
    """What one table of a RUN says. Raises `ModelError` where it is damaged."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        digests = [row["sha256"] for row in rows]
        splits = [row["split"] for row in rows]
        return list_training_record(digests, splits, parts=(part,))
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise ModelError(f"{path}: is damaged ({error}); copy the RUN again from its source") from error


def count_images(data: Any) -> int:
    """How many photographs a card's entry on the data counts; 0 where it says nothing."""
    if not isinstance(data, dict):
        return 0
    return int(data.get("training") or 0) + int(data.get("validation") or 0)


def write_training_record(
    path: Path,
    images: Sequence[str],
    digests: Sequence[str],
    held_out: np.ndarray,
    *,
    start: TrainingRecord,
    parts: Sequence[str] = ("classifier",),
    progress: Progress = show_nothing,
) -> TrainingRecord:
    """Writes what a RUN knows once it is trained: its own photographs, and those that its start knows.

    Args:
        path: of the `learned.npz` to be written.
        images: paths of the n photographs of the training, those of validation among them.
        digests: the SHA-256 of each file.
        held_out: bool (n,), the validation photographs.
        start: what the weights know that the training starts from.
        parts: which of `PARTS` learn from these.
        progress: watches the photographs go by.

    Returns:
        What was written.
    """
    hashes = hash_images(images, progress=progress)
    splits = np.where(held_out, "validation", "train")
    learned = start.add(list_training_record(digests, splits, hashes, parts=parts))
    learned.write(path)
    return learned
