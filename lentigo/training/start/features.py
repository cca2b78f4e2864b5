"""The frozen backbone's features, computed once and kept on disk.

A frozen backbone without augmentation gives the same features at every epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.errors import ModelError
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.images.problems import Problem, give_up_image
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.networks.network import Network
from lentigo.models.runtime import Session
from lentigo.training.start.feature_shards import Extracted, features_folder, gather_shards, load_shards

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
    # By content: a photograph under another name has its features already
    cached = load_shards(folder, set(dataset.digests))
    missing = [row for row, digest in enumerate(dataset.digests) if digest not in cached]
    problems: list[Problem] = []
    if missing:
        paths = dataset.table["image"].iloc[missing].tolist()
        # OpenVINO computes them several times as fast as Keras does
        graph = to_onnx(network.feature_extractor).SerializeToString()
        if cluster is not None:
            extraction = FeatureExtraction(graph, fp32)
            answers = cluster.map(extraction, paths, count=len(paths), give_up=give_up_image)
            watched = progress(answers, total=len(paths), label="features")
            problems = gather_shards(watched, folder, cached)
        else:
            images = progress(stream_images(paths), total=len(paths), label="features")
            problems = compute_shards(open_session(graph, fp32), images, folder, cached)
    values = stack_features(dataset.digests, cached, network.backbone.features)
    readable = np.array([digest in cached for digest in dataset.digests], dtype=bool)
    return Features(values, readable, tuple(problems))


def stack_features(digests: Sequence[str], cached: dict[str, np.ndarray], width: int) -> np.ndarray:
    """The features of the photographs that have some, float32 (m, width), in their order."""
    # Equal files have one digest: each of them has the features
    rows = [cached[digest] for digest in digests if digest in cached]
    return np.stack(rows) if rows else np.empty((0, width), np.float32)


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
    # NaN and infinity come from weights that do not belong to this architecture
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
