"""The index of known cases on disk, and the search in it.

An index is a folder: `index.json` (what it is, with the hashes of the other files), `vectors.usearch` (embeddings, by
usearch), `cases.json` (a row for each) and `thumbnails.zip`. `index.json` is written last and makes it whole.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.file_names import take_path
from lentigo.common.json_values import parse_json
from lentigo.errors import ModelError, UsageError, explain_missing
from lentigo.inference.similarity.known_cases import KnownCase, SimilarCase
from lentigo.models.bundle import GRAPH, Bundle

CARD = "index.json"
VECTORS = "vectors.usearch"
CASES = "cases.json"
THUMBNAILS = "thumbnails.zip"
FILES = (VECTORS, CASES, THUMBNAILS)
DESCRIPTION = ("data", "n", "n_malignant", "diagnoses", "licenses", "dimensions", "model", "graph_sha256")
MAX_EXACT = 50_000  # cases up to which every one is compared; beyond, usearch's graph finds nearly all
MAX_SIMILAR = 100  # cases that may be asked for


@dataclass(frozen=True)
class Query:
    """What is searched for.

    Attributes:
        embedding: Float32 (d,).
        count: Of cases, at most.
        sha256: Of the photograph itself, which is no similar case; "" where it is not known.
        patient_id: Of its patient, whose photographs are left out; "" where it is not known.
    """

    embedding: np.ndarray
    count: int
    sha256: str = ""
    patient_id: str = ""


@dataclass(frozen=True)
class CaseIndex:
    """An index of known cases.

    Attributes:
        folder: Where it is.
        card: What `index.json` says.
        cases: In the order of the vectors.
        vectors: The embeddings as usearch has them.
        thumbnails: By the numbers of their cases.
        lock: Held by a search: usearch has as many places for searches as there are processors.
    """

    folder: Path
    card: dict[str, Any]
    cases: tuple[KnownCase, ...] = field(repr=False)
    vectors: Any = field(repr=False)
    thumbnails: zipfile.ZipFile = field(repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.cases)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of a case by the SHA-256 of its photograph."""
        return {case.sha256: number for number, case in enumerate(self.cases)}

    def read_thumbnail(self, sha256: str) -> bytes | None:
        """A small JPEG of a known case.

        Args:
            sha256: Of its photograph.

        Returns:
            The JPEG; None where the index has no such case.
        """
        number = self.numbers.get(sha256)
        return None if number is None else self.thumbnails.read(f"{number}.jpg")

    def search(self, query: Query) -> tuple[SimilarCase, ...]:
        """Finds the nearest known lesions.

        Of photographs of one lesion the nearest counts. The photograph itself, by its content, and the
        photographs of its patient are left out.

        Args:
            query: What is searched for.

        Returns:
            The nearest first; fewer than asked for where the index has no more.
        """
        # More than asked for: photographs of one lesion or patient are left out
        wanted = min(len(self), 4 * query.count + 16)
        while True:
            with self.lock:
                found = self.vectors.search(query.embedding, wanted, exact=len(self) <= MAX_EXACT)
            chosen = self.choose(found, query)
            if len(chosen) >= query.count or wanted == len(self):
                break
            wanted = min(len(self), 4 * wanted)
        return tuple(self.describe(number, distance) for number, distance in chosen)

    def choose(self, found: Any, query: Query) -> list[tuple[int, float]]:
        """Numbers and distances of the cases that may be shown, of what usearch found.

        Args:
            found: The matches of usearch.
            query: What was asked.
        """
        chosen: list[tuple[int, float]] = []
        lesions: set[str] = set()
        for key, distance in zip(found.keys, found.distances, strict=True):
            case = self.cases[int(key)]
            is_same = bool(query.sha256) and case.sha256 == query.sha256
            is_of_patient = bool(query.patient_id) and case.patient_id == query.patient_id
            if is_same or is_of_patient or (case.lesion_id and case.lesion_id in lesions):
                continue
            lesions.add(case.lesion_id)
            chosen.append((int(key), float(distance)))
            if len(chosen) == query.count:
                break
        return chosen

    def describe(self, number: int, distance: float) -> SimilarCase:
        """A case as it is shown beside a photograph.

        Args:
            number: Of the case in the index.
            distance: Between the two embeddings.
        """
        case = self.cases[number]
        return SimilarCase(
            image=case.image,
            label=case.label,
            diagnosis=case.diagnosis,
            similarity=1 - distance,
            source=case.source,
            license=case.license,
            sha256=case.sha256,
            thumbnail=self.thumbnails.read(f"{number}.jpg"),
        )


def open_index(folder: str | Path, bundle: Bundle) -> CaseIndex:
    """Opens an index for the searches of a model.

    Each file is read once: what is searched is what was checked, also where the folder is replaced meanwhile.

    Args:
        folder: Of the index.
        bundle: The RUN whose embeddings are searched for.

    Returns:
        The index.

    Raises:
        ModelError: There is none, it is damaged, or another model made it.
        MissingError: usearch is not installed.
    """
    folder = take_path(folder, "index", "the folder of an index, made by `lentigo index DATA --out INDEX`")
    usearch = import_usearch()
    command = f"lentigo index DATA --out {folder} --model RUN"
    cure = f"make one: `{command}`"
    if not (folder / CARD).is_file():
        raise ModelError(f"{folder}: holds no index of known cases ({CARD} is missing); {cure}")
    try:
        card = parse_json((folder / CARD).read_bytes())
        # What is hashed is what is used below
        contents = {name: (folder / name).read_bytes() for name in FILES}
        for name, content in contents.items():
            if hashlib.sha256(content).hexdigest() != card["files"][name]:
                raise ValueError(f"{name} has changed")
        cases = tuple(KnownCase(**row) for row in json.loads(contents[CASES]))
        vectors = usearch.Index.restore(contents[VECTORS])
        thumbnails = zipfile.ZipFile(io.BytesIO(contents[THUMBNAILS]))
        require_whole(card, cases, vectors, thumbnails)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{folder}: the index is damaged ({error}); remove it, and {cure}") from error
    if card["graph_sha256"] != bundle.card["files"][GRAPH]:
        raise ModelError(
            f"{folder}: was made with the model {card['model']}, not with {bundle.name}; expected the same "
            f"model, since embeddings of two models cannot be compared: make another: `{command}`"
        )
    return CaseIndex(folder, card, cases, vectors, thumbnails)


def require_whole(
    card: dict[str, Any], cases: tuple[KnownCase, ...], vectors: Any, thumbnails: zipfile.ZipFile
) -> None:
    """Checks that every case has a vector and a thumbnail, and that the card describes them. Raises
    `ValueError` and `KeyError`: hashes say that files are as they were written, not that they belong together.
    """
    missing = [name for name in DESCRIPTION if name not in card]
    if missing:
        raise ValueError(f"{CARD} has no {', '.join(missing)}")
    counts = (len(vectors), len(thumbnails.namelist()), card["n"])
    if not cases or set(counts) != {len(cases)} or vectors.ndim != card["dimensions"]:
        raise ValueError("cases, vectors, thumbnails and what it says of them do not belong together")


def import_usearch() -> Any:
    """The module of usearch that holds its index. Raises `MissingError`."""
    try:
        from usearch import index
    except ModuleNotFoundError as error:
        missing = explain_missing(error, "similar cases")
        if missing is None:
            raise
        raise missing from error
    return index


def require_count(count: int) -> int:
    """Checks how many similar cases are asked for.

    Args:
        count: Of a call.

    Returns:
        The same.

    Raises:
        UsageError: It makes no sense.
    """
    if not 1 <= count <= MAX_SIMILAR:
        raise UsageError(f"similar is {count}; expected 1 to {MAX_SIMILAR} cases")
    return count
