"""Making an index: labelled photographs become embeddings, thumbnails and rows."""

from __future__ import annotations

import zipfile
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo._version import __version__
from lentigo.common.file_names import take_path
from lentigo.common.files import require_writable, write_whole
from lentigo.common.hashing import hash_file
from lentigo.common.json_values import list_fields, write_json
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.results.summaries import Summarized, add_problems, format_count
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, ImageError, ModelError, UsageError
from lentigo.images.photographs import DecodedImage, collect_pixels, stream_images
from lentigo.images.problems import Problem
from lentigo.inference.notebooks.thumbnails import draw_thumbnail
from lentigo.inference.similarity.case_index import (
    CARD,
    CASES,
    FILES,
    THUMBNAILS,
    VECTORS,
    import_usearch,
)
from lentigo.inference.similarity.known_cases import KnownCase
from lentigo.models.bundle import GRAPH, Bundle, check_hashes, find_bundle
from lentigo.models.runtime import open_session

COLUMNS = ("diagnosis", "source", "license", "patient_id", "lesion_id")  # kept where the data set has them


@dataclass(frozen=True, repr=False, eq=False)
class IndexedCases(Summarized):
    """An index that was made.

    Attributes:
        folder: Where it is.
        n: Its photographs.
        n_malignant: The malignant ones among them.
        diagnoses: Counts by diagnosis; empty where the data set has none.
        licenses: Counts by licence; "" stands for those not known.
        model: The name of the RUN.
        problems: Photographs that were left out.
    """

    folder: Path
    n: int
    n_malignant: int
    diagnoses: dict[str, int]
    licenses: dict[str, int]
    model: str
    problems: tuple[Problem, ...]

    def summarize(self) -> str:
        """What matters most, in a few words."""
        words = f"{str(self.folder)!r}: {format_count(self.n, 'photograph')}, {self.n_malignant:,} malignant"
        return add_problems(words, self.problems)

    def to_json(self) -> dict[str, Any]:
        """The object that `lentigo index --json` writes."""
        return {
            "index": str(self.folder),
            "n": self.n,
            "n_malignant": self.n_malignant,
            "diagnoses": self.diagnoses,
            "licenses": self.licenses,
            "model": self.model,
            "problems": list_fields(self.problems),
        }


def index_cases(
    data: DataSource,
    out: str | Path,
    model: str | Path = "bundled",
    *,
    split: str | None = None,
    progress: Progress = show_nothing,
) -> IndexedCases:
    """Makes an index of known lesions, among which `predict` finds the similar ones.

    Args:
        data: Labelled photographs: a folder, a table's file, a pandas table or a data set.
        out: The folder to be made.
        model: The RUN whose embeddings are compared, or "bundled".
        split: The split that is taken, such as "train"; None for all photographs.
        progress: Watches the photographs go by.

    Returns:
        What was indexed. Photographs that cannot be read are left out and listed.

    Raises:
        UsageError: The folder holds something already.
        DataError: No photograph can be read.
        ModelError: The RUN cannot be used, or its graph gives no embedding.
        MissingError: usearch is not installed.
        SpaceError: The disk is full.
    """
    usearch = import_usearch()
    out = take_path(out, "out", "the name of a folder")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UsageError(f"{out}: is there already; expected a new folder for the index")
    require_writable(out)
    bundle = find_bundle(model)
    check_hashes(bundle)
    dataset = load_dataset(data)
    if split is not None:
        dataset = take_split(dataset, split)
    with write_whole(out / THUMBNAILS) as temporary, zipfile.ZipFile(temporary, "w") as thumbnails:
        cases, vectors, problems = embed_cases(dataset, bundle, thumbnails, progress)
    if not cases:
        raise DataError(f"{dataset.name}: none of its {len(dataset)} photographs can be read; expected some")
    matrix = np.stack(vectors).astype(np.float32)  # (n, d)
    vector_index = usearch.Index(ndim=matrix.shape[1], metric="cos", dtype="f32")
    vector_index.add(np.arange(len(matrix)), matrix)
    with write_whole(out / VECTORS) as temporary:
        vector_index.save(str(temporary))
    write_json(out / CASES, [asdict(case) for case in cases])
    indexed = count_cases(out, cases, bundle.name, tuple(problems))
    write_json(out / CARD, describe_index(indexed, bundle, dataset, matrix.shape[1]))
    return indexed


def embed_cases(
    dataset: Dataset, bundle: Bundle, thumbnails: zipfile.ZipFile, progress: Progress
) -> tuple[list[KnownCase], list[np.ndarray], list[Problem]]:
    """The cases of a data set, the embedding of each, float32 (d,), and the photographs that cannot be read.

    Their thumbnails go into an archive, under the numbers of the cases.
    """
    images = dataset.table["image"].tolist()
    cases: list[KnownCase] = []
    vectors: list[np.ndarray] = []
    problems: list[Problem] = list(dataset.problems)
    embedded = embed_images(bundle, images)
    for row, (image, vector) in enumerate(progress(embedded, total=len(images), label="photographs")):
        if isinstance(image, Problem):
            problems.append(image)
            continue
        try:
            thumbnails.writestr(f"{len(cases)}.jpg", draw_thumbnail(image.image))
        except ImageError as error:  # it was there a moment ago
            problems.append(Problem.from_error(image.image, error))
            continue
        cases.append(describe_case(dataset, row, image))
        vectors.append(vector)
    return cases, vectors, problems


def take_split(dataset: Dataset, split: str) -> Dataset:
    """The photographs of a split. Raises `DataError` where it is empty, `UsageError` where it is unknown."""
    from lentigo.datasets.dataset import select_split

    return select_split(dataset, split)


def embed_images(bundle: Bundle, images: list[str]) -> Iterator[tuple[DecodedImage | Problem, np.ndarray]]:
    """Each photograph with its embedding, float32 (d,), in order; a problem with an empty one."""
    session = open_session(bundle)
    if "embedding" not in session.names:
        raise ModelError(
            f"{bundle.folder}: its graph gives no embedding; expected a RUN with a classifier: `lentigo train "
            "PHOTOS --out RUN`"
        )
    waiting: deque[DecodedImage | Problem] = deque()  # drawn, and not yet embedded
    for outputs in session.stream(collect_pixels(stream_images(images), waiting)):
        # Problems gave the network no pixels: they stand before the photograph of these outputs
        image = waiting.popleft()
        while isinstance(image, Problem):
            yield image, np.empty(0, np.float32)
            image = waiting.popleft()
        yield image, outputs["embedding"]
    for left in waiting:
        yield left, np.empty(0, np.float32)


def describe_case(dataset: Dataset, row: int, image: DecodedImage) -> KnownCase:
    """What is kept of a photograph."""
    facts = dataset.table.iloc[row]
    known = {}
    for column in COLUMNS:
        value = facts.get(column)
        known[column] = "" if pd.isna(value) else str(value)
    return KnownCase(image=image.image, sha256=image.digest, label=str(facts["label"]), **known)


def count_cases(
    folder: Path, cases: list[KnownCase], model: str, problems: tuple[Problem, ...]
) -> IndexedCases:
    """The counts of an index.

    Args:
        folder: Of the index.
        cases: Those that it holds.
        model: The name of the RUN.
        problems: Photographs that could not be read.
    """
    # The commonest first
    diagnoses = Counter(case.diagnosis for case in cases if case.diagnosis)
    licenses = Counter(case.license for case in cases)
    return IndexedCases(
        folder=folder,
        n=len(cases),
        n_malignant=sum(case.label == "malignant" for case in cases),
        diagnoses=dict(diagnoses.most_common()),
        licenses=dict(licenses.most_common()),
        model=model,
        problems=problems,
    )


def describe_index(
    indexed: IndexedCases, bundle: Bundle, dataset: Dataset, dimensions: int
) -> dict[str, Any]:
    """What `index.json` says.

    Args:
        indexed: What was indexed.
        bundle: The RUN whose embeddings are compared.
        dataset: Where the cases are from.
        dimensions: Of an embedding.
    """
    facts = indexed.to_json()
    del facts["index"], facts["problems"]
    return {
        "format": 1,
        "lentigo": __version__,
        "data": Path(dataset.name).name,
        "graph_sha256": bundle.card["files"][GRAPH],
        "dimensions": dimensions,
        "metric": "cosine",
        **facts,
        "files": {name: hash_file(indexed.folder / name) for name in FILES},
    }
