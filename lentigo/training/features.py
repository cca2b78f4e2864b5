"""The frozen trunk's features, computed once and kept on disk.

A frozen trunk without augmentation gives the same features at every epoch. A shard of the cache holds some
photographs' features under the hashes of their files, in a folder named after everything else that decides
them: backbone, weights, preprocessing, precision. A changed photograph is simply not found.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lentigo.common.cache import keep_in_cache, list_cache, read_from_cache, remove_from_cache
from lentigo.common.hashing import hash_bytes
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.user_folders import cache_folder
from lentigo.datasets.dataset import Dataset
from lentigo.errors import ModelError
from lentigo.images.photographs import SIDE, DecodedImage, stream_images
from lentigo.images.problems import Problem, give_up_image
from lentigo.models.compilation import fastest_precision
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.networks.network import Network, hash_weights
from lentigo.models.runtime import Session

SHARD_SUFFIX, LIST_SUFFIX = ".sealed", ".photographs"  # features, and whose they are
SHARD = 1024  # photographs; what a killed extraction loses at most
# Of the liveliest feature; below it a head gives every photograph the same answer (LOG.md, 2026-11-24)
LEAST_RANGE = 1e-6


@dataclass(frozen=True)
class Features:
    """`values` float32 (n, d) for the photographs of a data set in its order; rows that could not be read are
    missing in `readable` (n,) and listed in `problems`."""

    values: np.ndarray
    readable: np.ndarray
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Featuring:
    """A trunk's graph, as the work of a cluster: of each photograph the hash of its file and its features,
    float32 (d,).
    """

    graph: bytes
    fp32: bool

    def open(self, cores: int) -> Callable[[list[str]], list[tuple[str, np.ndarray] | Problem]]:
        session = Session(self.graph, precision="f32" if self.fp32 else None, threads=cores)
        return partial(embed_images, session, threads=cores)


def embed_images(session: Session, paths: list[str], threads: int) -> list[tuple[str, np.ndarray] | Problem]:
    """See `Featuring`."""
    images = list(stream_images(paths, threads=threads))
    answers = session.stream(image.pixels for image in images if isinstance(image, DecodedImage))
    return [
        image if isinstance(image, Problem) else (image.digest, next(answers)["embedding"].astype(np.float32))
        for image in images
    ]


def extract_features(
    network: Network,
    dataset: Dataset,
    *,
    fp32: bool = False,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Features:
    """Features of each photograph, from the cache where it has them; the others are computed by the workers
    of `cluster`, where there is one.
    """
    folder = features_folder(network, fp32)
    known = load_shards(folder, set(dataset.digests))
    missing = [n for n, digest in enumerate(dataset.digests) if digest not in known]
    problems = []
    if missing:
        paths = dataset.table["image"].iloc[missing].tolist()
        graph = to_onnx(network.feature_extractor).SerializeToString()
        if cluster is not None:
            answers = cluster.map(Featuring(graph, fp32), paths, count=len(paths), give_up=give_up_image)
            problems = gather_shards(progress(answers, total=len(paths), label="features"), folder, known)
        else:
            images = progress(stream_images(paths), total=len(paths), label="features")
            problems = compute_shards(
                Session(graph, precision="f32" if fp32 else None), images, folder, known
            )
    readable = np.array([digest in known for digest in dataset.digests], dtype=bool)
    rows = [known[digest] for digest, there in zip(dataset.digests, readable, strict=True) if there]
    return Features(
        np.stack(rows) if rows else np.empty((0, network.backbone.features), np.float32),
        readable,
        tuple(problems),
    )


def find_readable(dataset: Dataset, progress: Progress = show_nothing) -> Features:
    """Which photographs can be read, where nothing learns from their features: these are (n, 0)."""
    readable = []
    problems = []
    for image in progress(stream_images(dataset.table["image"]), total=len(dataset), label="reading"):
        readable.append(isinstance(image, DecodedImage))
        if isinstance(image, Problem):
            problems.append(image)
    return Features(np.empty((sum(readable), 0), np.float32), np.array(readable, dtype=bool), tuple(problems))


def refuse_frozen_features(features: Features, backbone: str, weights: str | Path) -> None:
    """Raises `ModelError` where all photographs have the same features, or features that are no numbers: no
    head, and no fine-tuning, learns from such a trunk.
    """
    broken = int((~np.isfinite(features.values)).any(axis=1).sum())
    if broken:
        raise ModelError(
            f"{backbone} with --weights {weights}: gives {broken} of {len(features.values)} photographs "
            "features that are no numbers; "
            f"expected finite ones: choose other weights (--weights imagenet or FILE)"
        )
    if len(features.values) > 1 and np.ptp(features.values, axis=0).max() < LEAST_RANGE:
        raise ModelError(
            f"{backbone} with --weights {weights}: gives {len(features.values)} photographs the same "
            f"features, to within {LEAST_RANGE:g}; "
            "expected features that differ: choose other weights (--weights imagenet or FILE) or another "
            "backbone"
        )


def features_folder(network: Network, fp32: bool) -> Path:
    """The cache folder of one trunk at one precision."""
    precision = "f32" if fp32 else fastest_precision()
    return (
        cache_folder()
        / "features"
        / hash_bytes(hash_weights(network).encode(), precision.encode(), str(SIDE).encode())[:32]
    )


def compute_shards(
    session: Session, images: Iterator[DecodedImage | Problem], folder: Path, known: dict[str, np.ndarray]
) -> list[Problem]:
    """Runs the trunk, adds to `known`, writes a shard each time one is full; gives what could not be read."""
    problems: list[Problem] = []
    digests: list[str] = []

    def pixels() -> Iterator[np.ndarray]:
        for image in images:
            if isinstance(image, Problem):
                problems.append(image)
            else:
                digests.append(image.digest)
                yield image.pixels

    found = enumerate(session.stream(pixels()))
    gather_shards(
        ((digests[number], answer["embedding"].astype(np.float32)) for number, answer in found), folder, known
    )
    return problems


def gather_shards(
    answers: Iterable[tuple[str, np.ndarray] | Problem], folder: Path, known: dict[str, np.ndarray]
) -> list[Problem]:
    """Adds features, by the hash of their file, to `known`, and writes a shard each time one is full; gives
    the problems among the answers.
    """
    problems: list[Problem] = []
    shard: dict[str, np.ndarray] = {}
    for answer in answers:
        if isinstance(answer, Problem):
            problems.append(answer)
            continue
        shard[answer[0]] = answer[1]
        if len(shard) == SHARD:
            keep_shard(folder, shard, known)
            shard = {}
    if shard:
        keep_shard(folder, shard, known)
    return problems


def keep_shard(folder: Path, shard: dict[str, np.ndarray], known: dict[str, np.ndarray]) -> None:
    """Writes a shard and the list of its photographs, both under the hash of these, and adds it to what is
    known.
    """
    known.update(shard)
    listed, content = "\n".join(shard).encode(), io.BytesIO()
    np.save(content, np.stack(list(shard.values())))
    path = folder / f"{hash_bytes(listed)[:16]}{SHARD_SUFFIX}"
    if keep_in_cache(path, content.getvalue()):
        keep_in_cache(path.with_suffix(LIST_SUFFIX), listed)


def load_shards(folder: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    """The features of some photographs, by the hash of their files, as far as a cache folder has them.

    Of a shard that holds none of them only the list of its photographs is read: a cache grows with every data
    set. A shard that is torn or foreign is removed, to be computed again.
    """
    known: dict[str, np.ndarray] = {}
    for path in list_cache(folder, LIST_SUFFIX):
        listed = read_from_cache(path)
        digests = [] if listed is None else listed.decode().split()
        if wanted.isdisjoint(digests):
            continue
        values = read_values(path.with_suffix(SHARD_SUFFIX))
        if values is None or len(values) != len(digests):
            remove_from_cache(path)
            continue
        known.update((digest, row) for digest, row in zip(digests, values, strict=True) if digest in wanted)
    return known


def read_values(path: Path) -> np.ndarray | None:
    """The features of a shard, float32 (n, d); None where they are not there any more, or not as they were
    kept.
    """
    content = read_from_cache(path)
    if content is None:
        return None
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError):
        remove_from_cache(path)
        return None
