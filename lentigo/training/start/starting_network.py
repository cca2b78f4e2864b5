"""The network that a training starts from: its weights, batch norms that are usable, the features of its
backbone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.statistics.resampling import spread_rows
from lentigo.datasets.dataset import Dataset
from lentigo.errors import DataError
from lentigo.images.photographs import read_all
from lentigo.models.graphs.graph_weights import start_network
from lentigo.models.networks.backbones import find_backbone
from lentigo.models.networks.feature_extractor import fit_batch_norms
from lentigo.models.networks.network import Network
from lentigo.training.recipes import Recipe
from lentigo.training.start.features import Features, extract_features, refuse_frozen_features

MAX_NORM_IMAGES = 64  # photographs from which a random backbone takes the statistics of its batch norms


def build_start(recipe: Recipe, weights: str | Path) -> Network:
    """Builds the network of a recipe with its backbone frozen.

    Args:
        recipe: Names the backbone, the head, its dropout and the seed.
        weights: Those of the backbone: a word, a file or a RUN.

    Returns:
        The network, before it has learned anything.

    Raises:
        ModelError: The weights cannot be had, or are of another backbone.
    """
    dropouts = (recipe.dropout_1, recipe.dropout_2)
    backbone = find_backbone(recipe.backbone)
    return start_network(backbone, weights, dropouts, recipe.seed, recipe.units, recipe.input_size)


def start_training(recipe: Recipe, weights: str | Path, dataset: Dataset) -> Network:
    """Builds the network of a recipe, as `build_start` does, and makes random weights usable.

    Args:
        recipe: Names the backbone, the head, its dropout and the seed.
        weights: Those of the backbone: a word, a file or a RUN.
        dataset: The photographs that it is going to learn from.

    Returns:
        The network, before it has learned anything.

    Raises:
        DataError: No photograph can be read.
        ModelError: The weights cannot be had, or are of another backbone.
    """
    network = build_start(recipe, weights)
    settle_random(network, weights, dataset)
    return network


def extract_start_features(
    network: Network,
    weights: str | Path,
    dataset: Dataset,
    *,
    fp32: bool,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Features:
    """Computes the features of a backbone that has not learned anything yet, and checks that they are usable.

    Args:
        network: As `start_training` gives it.
        weights: Those of its backbone, for the message.
        dataset: n photographs.
        fp32: Whether they are computed in fp32, even where bf16 is faster.
        cluster: The workers that compute them; None: this machine.
        progress: Watches the photographs go by.

    Returns:
        The features, (n, d).

    Raises:
        ModelError: All photographs have the same features, or some are no numbers.
    """
    features = extract_features(network, dataset, fp32=fp32, cluster=cluster, progress=progress)
    refuse_frozen_features(features, network.backbone.name, weights)
    return features


def start_with_features(
    recipe: Recipe,
    weights: str | Path,
    dataset: Dataset,
    *,
    fp32: bool,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> tuple[Network, Features]:
    """Builds the network of a recipe and computes the features of its frozen backbone.

    Args:
        recipe: Names the backbone, the head, its dropout and the seed.
        weights: Those of the backbone: a word, a file or a RUN.
        dataset: n photographs.
        fp32: Whether features are computed in fp32, even where bf16 is faster.
        cluster: The workers that compute them; None: this machine.
        progress: Watches the photographs go by.

    Returns:
        The network, and the features, (n, d).

    Raises:
        DataError: No photograph can be read.
        ModelError: The weights cannot be had, or give unusable features.
    """
    network = start_training(recipe, weights, dataset)
    features = extract_start_features(
        network, weights, dataset, fp32=fp32, cluster=cluster, progress=progress
    )
    return network, features


def settle_random(network: Network, weights: str | Path, dataset: Dataset) -> None:
    """Gives the batch norms of a backbone with random weights the means and variances of some photographs.

    Args:
        network: A network whose backbone is frozen.
        weights: Those of its backbone; nothing happens unless they are "none".
        dataset: The photographs.

    Raises:
        DataError: None of the photographs can be read.
    """
    if str(weights) == "none":
        fit_batch_norms(network.feature_extractor, read_sample(dataset))


def read_sample(dataset: Dataset) -> np.ndarray:
    """At most 64 photographs that are spread over the data set, uint8 (n, side, side, 3)."""
    rows = spread_rows(len(dataset), MAX_NORM_IMAGES)
    images, problems = read_all(dataset.table["image"].iloc[rows])
    if not images:
        raise DataError(f"{dataset.name}: none of {len(rows)} photographs can be read ({problems[0].error})")
    return np.stack([image.pixels for image in images])
