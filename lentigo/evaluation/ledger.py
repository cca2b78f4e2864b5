"""The ledger: how often each photograph has been evaluated, in whatever set and with whatever model.

One JSON object a line, one line an evaluation. `photographs` holds the identities of its photographs: the
start of the SHA-256 of the file in which each was first evaluated. `new` holds, of each file that was not in
the ledger, the start of its SHA-256, the identity, and a perceptual hash, by which the photograph is
recognised in another file.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.json_values import parse_json
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.user_folders import NO_HOME, data_folder
from lentigo.datasets.dataset import Dataset
from lentigo.duplicates.perceptual_hashes import BYTES, METHOD, hash_images
from lentigo.errors import SpaceError
from lentigo.evaluation.ledger_entries import ID_BYTES, Ledger

LEDGER_VARIABLE = "LENTIGO_LEDGER"


@dataclass(frozen=True)
class Exposure:
    """How often the photographs of a set were evaluated on this machine before this time.

    Attributes:
        photographs: Of the set.
        evaluated_before: How many of them were evaluated before, in this set or in another.
        most_often: How many times the one of them was evaluated that was evaluated most often.
        same_set: How many times this very set, with these labels, was evaluated.
        damaged: What is wrong with the ledger, in a sentence; "" where nothing is.
    """

    photographs: int
    evaluated_before: int
    most_often: int
    same_set: int
    damaged: str = ""

    @property
    def times(self) -> int:
        """How often a photograph of the set has been evaluated at most, this time included."""
        return self.most_often + 1

    @property
    def note(self) -> str:
        """How often the photographs were evaluated before, in one line."""
        counted = "none of these photographs was evaluated before on this machine"
        if self.evaluated_before:
            times = "once" if self.most_often == 1 else f"up to {self.most_often} times"
            counted = (
                f"{self.evaluated_before:,} of these {self.photographs:,} photographs were evaluated before "
                "on "
                f"this machine, {times}"
            )
        if self.damaged:
            return f"{counted}; {self.damaged}"
        return counted

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return {
            "photographs": self.photographs,
            "evaluated_before": self.evaluated_before,
            "most_often": self.most_often,
            "same_set": self.same_set,
            "note": self.note,
        }


def ledger_path() -> Path:
    """Says where the ledger is.

    Returns:
        $LENTIGO_LEDGER, else a file in the user's own data folder.
    """
    chosen = os.environ.get(LEDGER_VARIABLE)
    if chosen:
        return Path(chosen)
    return data_folder() / "ledger.jsonl"


def require_ledger() -> None:
    """Makes sure that an evaluation can be recorded, before it is made.

    Raises:
        SpaceError: The ledger cannot be written; the error names the variable that chooses another.
    """
    path = ledger_path()
    with name_ledger(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Appending nothing shows whether the file can be written, and changes nothing
        path.open("ab").close()


def read_ledger() -> Ledger:
    """Reads the ledger; one that is not there is empty, and damaged lines count for nothing.

    Raises:
        SpaceError: It cannot be read.
    """
    path = ledger_path()
    ledger = Ledger()
    with name_ledger(path):
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return ledger
    for number, line in enumerate(lines, start=1):
        # A crash may leave an empty line before the next entry
        if not line.strip():
            continue
        try:
            ledger.read_entry(parse_json(line))
        except (ValueError, KeyError, TypeError):
            ledger.damaged.append(number)
    return ledger


def record_evaluation(
    dataset: Dataset,
    split: str,
    model: str,
    *,
    by_content: bool = True,
    progress: Progress = show_nothing,
) -> Exposure:
    """Records in the ledger that photographs were evaluated.

    Args:
        dataset: The photographs.
        split: The name of their split.
        model: The name of the model that was evaluated on them.
        by_content: Whether photographs are also recognised in other files, by what they show.
        progress: Shows how many photographs have been compared.

    Returns:
        How often they had been evaluated before.

    Raises:
        SpaceError: The ledger cannot be read or written.
    """
    ledger = read_ledger()
    # By digest: equal files count once
    files = list_files(dataset)
    new = [digest for digest in files if digest not in ledger.identities]
    images = list(map(files.__getitem__, new))
    new_identities = new
    # Zeros stand for photographs that were not compared by content
    hashes = np.zeros((len(new), BYTES), np.uint8)
    if by_content:
        hashes = hash_images(images, progress=progress)
        # A photograph in another file keeps the identity of the first one
        new_identities = ledger.identify(images, new, progress)
    identities = ledger.identities | dict(zip(new, new_identities, strict=True))
    photographs = list(map(identities.__getitem__, files))
    exposure = count_evaluations(ledger, dataset.fingerprint, photographs)
    append_entry(
        {
            "fingerprint": dataset.fingerprint,
            "split": split,
            "model": model,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "method": METHOD,
            "photographs": b64encode(b"".join(photographs)).decode(),
            "new": b64encode(pack_new(new, new_identities, hashes)).decode(),
        }
    )
    return exposure


def list_files(dataset: Dataset) -> dict[bytes, str]:
    """The path of each photograph that can be read, by the start of the SHA-256 of its file; equal files
    once.
    """
    files = {}
    for file_digest, image in zip(dataset.digests, dataset.table["image"], strict=True):
        if file_digest:
            start = file_digest[: 2 * ID_BYTES]  # two hexadecimal digits a byte
            files[bytes.fromhex(start)] = str(image)
    return files


def pack_new(digests: list[bytes], identities: list[bytes], hashes: np.ndarray) -> bytes:
    """The field `new` of an entry: `NEW_BYTES` of each file that was not in the ledger."""
    rows = []
    for digest, identity, perceptual_hash in zip(digests, identities, hashes, strict=True):
        rows.append(digest + identity + perceptual_hash.tobytes())
    return b"".join(rows)


def count_evaluations(ledger: Ledger, fingerprint: str, identities: Sequence[bytes]) -> Exposure:
    """How often photographs, by their identities, and a set, by its fingerprint, were evaluated."""
    unnamed = ledger.unnamed[fingerprint]
    # Which photographs an unnamed evaluation held is known by its fingerprint alone: all of this very set
    counts = [ledger.counts[identity] + unnamed for identity in identities]
    return Exposure(
        photographs=len(identities),
        evaluated_before=sum(count > 0 for count in counts),
        most_often=max(counts, default=0),
        same_set=ledger.sets[fingerprint],
        damaged=describe_damage(ledger.damaged),
    )


def describe_damage(lines: Sequence[int]) -> str:
    """What to know of a ledger with damaged lines, by their numbers; "" where there are none."""
    if not lines:
        return ""
    subject = f"{len(lines)} lines of the ledger are damaged (the first: {lines[0]}) and count"
    if len(lines) == 1:
        subject = f"line {lines[0]} of the ledger is damaged and counts"
    return (
        f"{subject} for nothing, so it may have been more often: restore {ledger_path()} from a copy, or "
        "remove what is damaged"
    )


def is_torn(path: Path) -> bool:
    """Whether the last entry of a ledger was not written to its end."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    return not path.read_bytes().endswith(b"\n")


def append_entry(entry: dict[str, Any]) -> None:
    """Writes a line at the end of the ledger, and to the disk. Raises `SpaceError`."""
    path = ledger_path()
    with name_ledger(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(entry) + "\n"
        if is_torn(path):  # what a crash left of the last entry stays a line of its own
            line = f"\n{line}"
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            # To the disk at once: an evaluation that was seen must count, even if the power fails now
            os.fsync(file.fileno())


@contextmanager
def name_ledger(path: Path) -> Iterator[None]:
    """Turns what the system refuses into a `SpaceError` that says how to choose another ledger."""
    try:
        yield
    except OSError as error:
        # A folder that stands for "none" would puzzle whoever reads its path
        place = "no home folder is known" if path.is_relative_to(NO_HOME) else str(path)
        raise SpaceError(
            f"{place}: the ledger, which counts how often a test set has been opened, cannot be written "
            f"({error.strerror}); "
            f"set {LEDGER_VARIABLE} to a file that can"
        ) from error
