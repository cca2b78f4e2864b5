"""The frozen backbone's features, computed once and kept on disk.

A frozen backbone without augmentation gives the same features at every epoch. A shard of the cache holds some
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

SHARD_SUFFIX = ".sealed"  # of a file with the features of some photographs
LIST_SUFFIX = ".photographs"  # of the file beside it that lists the hashes of these photographs
SHARD_IMAGES = 1024  # what a killed extraction loses at most
# Of the feature that varies most; below it a head gives every photograph the same logit (LOG.md, 2026-11-24)
MIN_FEATURE_RANGE = 1e-6


@dataclass(frozen=True)
class Features:
    """The features of the photographs of a data set that can be read, in its order.

    Attributes:
        values: float32 (m, d).
        readable: Which of the n photographs of the data set they are of, bool (n,).
        problems: The photographs that could not be read.
    """

    values: np.ndarray
    readable: np.ndarray
    problems: tuple[Problem, ...]


# Of a photograph: the hash of its file and its features, float32 (d,); or why it cannot be read.
Extracted = tuple[str, np.ndarray] | Problem


@dataclass(frozen=True)
class FeatureExtraction:
    """The graph of a feature extractor, as the work of a cluster.

    Attributes:
        graph: In ONNX.
        fp32: Whether it computes in fp32 even where bf16 is faster.
    """

    graph: bytes
    fp32: bool

    def open(self, cores: int) -> Callable[[list[str]], list[Extracted]]:
        """Makes a worker ready.

        Args:
            cores: That the worker may use.

        Returns:
            What gives the features of some photographs by their paths.
        """
        session = open_session(self.graph, self.fp32, threads=cores)
        return partial(embed_images, session, threads=cores)


def open_session(graph: bytes, fp32: bool, threads: int | None = None) -> Session:
    """A session in the fastest precision of the processor, or in fp32.

    Args:
        graph: The content of an ONNX file.
        fp32: Whether it must be fp32.
        threads: At most; None for all.
    """
    return Session(graph, precision="f32" if fp32 else None, threads=threads)


def embed_images(session: Session, paths: list[str], threads: int) -> list[Extracted]:
    """The features of some photographs, in order, and the problems of those that cannot be read."""
    images = list(stream_images(paths, threads=threads))
    answers = session.stream(image.pixels for image in images if isinstance(image, DecodedImage))
    extracted: list[Extracted] = []
    for image in images:
        if isinstance(image, Problem):
            extracted.append(image)
        else:
            extracted.append((image.digest, next(answers)["embedding"].astype(np.float32)))
    return extracted


def extract_features(
    network: Network,
    dataset: Dataset,
    *,
    fp32: bool = False,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Features:
    """Extracts the features of photographs; the cache gives those that it has.

    Args:
        network: A network whose backbone is frozen.
        dataset: n photographs.
        fp32: Whether they are computed in fp32 even where bf16 is faster.
        cluster: The workers that compute them; None: this machine.
        progress: Watches the photographs go by.

    Returns:
        The features of those that can be read.
    """
    folder = features_folder(network, fp32)
    cached = load_shards(folder, set(dataset.digests))
    missing = [row for row, digest in enumerate(dataset.digests) if digest not in cached]
    problems: list[Problem] = []
    if missing:
        paths = dataset.table["image"].iloc[missing].tolist()
        graph = to_onnx(network.feature_extractor).SerializeToString()
        if cluster is not None:
            extraction = FeatureExtraction(graph, fp32)
            answers = cluster.map(extraction, paths, count=len(paths), give_up=give_up_image)
            watched = progress(answers, total=len(paths), label="features")
            problems = gather_shards(watched, folder, cached)
        else:
            images = progress(stream_images(paths), total=len(paths), label="features")
            problems = compute_shards(open_session(graph, fp32), images, folder, cached)
    readable = np.array([digest in cached for digest in dataset.digests], dtype=bool)
    rows = [cached[digest] for digest in dataset.digests if digest in cached]
    values = np.stack(rows) if rows else np.empty((0, network.backbone.features), np.float32)
    return Features(values, readable, tuple(problems))


def find_readable(dataset: Dataset, progress: Progress = show_nothing) -> Features:
    """Finds which photographs can be read, where nothing learns from their features.

    Args:
        dataset: n photographs.
        progress: Watches the photographs go by.

    Returns:
        Features without any number, (m, 0).
    """
    readable = []
    problems = []
    for image in progress(stream_images(dataset.table["image"]), total=len(dataset), label="reading"):
        readable.append(isinstance(image, DecodedImage))
        if isinstance(image, Problem):
            problems.append(image)
    no_values = np.empty((sum(readable), 0), np.float32)
    return Features(no_values, np.array(readable, dtype=bool), tuple(problems))


def refuse_frozen_features(features: Features, backbone: str, weights: str | Path) -> None:
    """Refuses features from which no head, and no fine-tuning, could learn.

    Args:
        features: Of n photographs.
        backbone: Its name, for the message.
        weights: Its weights, for the message.

    Raises:
        ModelError: All photographs have the same features, or some have features that are no numbers.
    """
    broken = int((~np.isfinite(features.values)).any(axis=1).sum())
    if broken:
        raise ModelError(
            f"{backbone} with --weights {weights}: gives {broken} of {len(features.values)} photographs "
            "features that are no numbers; expected finite ones: choose other weights (--weights imagenet or "
            "FILE)"
        )
    if len(features.values) > 1 and np.ptp(features.values, axis=0).max() < MIN_FEATURE_RANGE:
        raise ModelError(
            f"{backbone} with --weights {weights}: gives {len(features.values)} photographs the same "
            f"features, to within {MIN_FEATURE_RANGE:g}; "
            "expected features that differ: choose other weights (--weights imagenet or FILE) or another "
            "backbone"
        )


def features_folder(network: Network, fp32: bool) -> Path:
    """Names the cache folder of one feature extractor at one precision.

    Args:
        network: Its backbone, weights and preprocessing decide the folder.
        fp32: Whether features are computed in fp32.

    Returns:
        The folder, which may not exist yet.
    """
    precision = "f32" if fp32 else fastest_precision()
    key = hash_bytes(hash_weights(network).encode(), precision.encode(), str(SIDE).encode())
    return cache_folder() / "features" / key[:32]


def compute_shards(
    session: Session, images: Iterable[DecodedImage | Problem], folder: Path, cached: dict[str, np.ndarray]
) -> list[Problem]:
    """Computes features, adds them to `cached`, and writes a shard each time one is full; gives what could
    not be read.
    """
    problems: list[Problem] = []
    digests: list[str] = []

    def read_pixels() -> Iterator[np.ndarray]:
        for image in images:
            if isinstance(image, Problem):
                problems.append(image)
            else:
                digests.append(image.digest)
                yield image.pixels

    def extract() -> Iterator[Extracted]:
        for number, answer in enumerate(session.stream(read_pixels())):
            yield digests[number], answer["embedding"].astype(np.float32)

    gather_shards(extract(), folder, cached)
    return problems


def gather_shards(
    extracted: Iterable[Extracted], folder: Path, cached: dict[str, np.ndarray]
) -> list[Problem]:
    """Adds features to `cached`, by the hash of their file, and writes a shard each time one is full; gives
    what could not be read.
    """
    problems: list[Problem] = []
    shard: dict[str, np.ndarray] = {}
    for item in extracted:
        if isinstance(item, Problem):
            problems.append(item)
            continue
        digest, features = item
        shard[digest] = features
        if len(shard) == SHARD_IMAGES:
            keep_shard(folder, shard, cached)
            shard = {}
    if shard:
        keep_shard(folder, shard, cached)
    return problems


def keep_shard(folder: Path, shard: dict[str, np.ndarray], cached: dict[str, np.ndarray]) -> None:
    """Writes a shard and the list of its photographs, both under the hash of that list, and adds it to what is
    cached.
    """
    cached.update(shard)
    listed = "\n".join(shard).encode()
    content = io.BytesIO()
    np.save(content, np.stack(list(shard.values())))
    path = folder / f"{hash_bytes(listed)[:16]}{SHARD_SUFFIX}"
    # The list comes last: a shard without its list is never read.
    if keep_in_cache(path, content.getvalue()):
        keep_in_cache(path.with_suffix(LIST_SUFFIX), listed)


def load_shards(folder: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    """The features of some photographs, by the hash of their files, as far as a cache folder has them.

    Of a shard that holds none of them only the list of its photographs is read: a cache grows with every data
    set. A shard that is torn or foreign is removed, to be computed again.
    """
    cached: dict[str, np.ndarray] = {}
    for path in list_cache(folder, LIST_SUFFIX):
        listed = read_from_cache(path)
        digests = [] if listed is None else listed.decode().split()
        if wanted.isdisjoint(digests):
            continue
        values = read_values(path.with_suffix(SHARD_SUFFIX))
        if values is None or len(values) != len(digests):
            remove_from_cache(path)
            continue
        for digest, row in zip(digests, values, strict=True):
            if digest in wanted:
                cached[digest] = row
    return cached


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
