"""The last layer fitted anew, once all others have learned: the same say for each class of a source.

While a network learns from several sources, its last layer comes to lean on whatever tells them apart. The
features below it say more than that. A last layer that is fitted to them anew, on balanced groups of plain
photographs, holds better on sources that nobody has seen (Kirichenko et al. 2022, last layer re-training is
sufficient for robustness to spurious correlations, arXiv 2204.02937).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from lentigo.datasets.dataset import Dataset
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.models.runtime import Session
from lentigo.training.holdout import list_sources
from lentigo.training.loop.sampling import plan_cells

if TYPE_CHECKING:
    from lentigo.models.networks.network import Network

INVERSE_PENALTY = 0.03  # of the weights' squares; chosen on sources left out (bench/left_out.py)
MOST_OF_A_CELL = 3000  # photographs of one class of one source: more of them tell a linear layer little
MOST_STEPS = 3000  # of the solver
NO_SOURCE = "not named"


def refit_head(network: Network, graph: Path, training: Dataset, seed: int) -> None:
    """Fits the last layer of a network anew, by logistic regression on the embeddings of its training
    photographs as they are, without augmentation.

    Args:
        network: Its head is linear; the weights of its last layer are changed.
        graph: The network as ONNX, which gives the embeddings.
        training: The photographs that it has learned from; both classes.
        seed: Draws the photographs of a class of a source where there are more than are needed.
    """
    rows, weights = draw_balanced(training, seed)
    readable: list[bool] = []  # filled as the photographs stream by

    def read_pixels() -> Iterator[np.ndarray]:
        for image in stream_images(training.table["image"].iloc[rows]):
            readable.append(isinstance(image, DecodedImage))
            if isinstance(image, DecodedImage):
                yield image.pixels

    session = Session(graph, precision="f32", outputs=("embedding",))
    embeddings = np.stack([answer["embedding"] for answer in session.stream(read_pixels())])
    kernel, bias = fit_last_layer(embeddings, training.malignant[rows][readable], weights[readable])
    network.require_head().layers[-1].set_weights([kernel, bias])


def draw_balanced(training: Dataset, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws the photographs that a last layer is fitted on, and says how much each of them counts.

    A source counts as `--balance source` draws it, and half of that is malignant; all photographs are of one
    source where the data set names none.

    Args:
        training: The photographs that a network has learned from; both classes.
        seed: Draws `MOST_OF_A_CELL` of the photographs of a class of a source, where there are more.

    Returns:
        Rows of the data set, int (k,), and their weights, float (k,).
    """
    sources = list_sources(training) if "source" in training.table else np.full(len(training), "")
    named = np.array([source or NO_SOURCE for source in sources], dtype=object)
    rng = np.random.default_rng(seed)
    rows = []
    weights = []
    for cell in plan_cells(named, training.malignant):
        drawn = rng.permutation(cell.rows)[:MOST_OF_A_CELL]
        rows.append(drawn)
        weights.append(np.full(len(drawn), cell.share / len(drawn)))
    return np.concatenate(rows), np.concatenate(weights)


def fit_last_layer(
    embeddings: np.ndarray, malignant: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fits a linear layer from embedding to logit.

    Args:
        embeddings: Float (k, d).
        malignant: The truth, 0 or 1, int (k,).
        weights: How much each photograph counts, float (k,), in any unit.

    Returns:
        Its kernel, float32 (d, 1), and its bias, float32 (1,).
    """
    regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=MOST_STEPS)
    regression.fit(embeddings, malignant, sample_weight=weights / weights.mean())
    return regression.coef_.T.astype(np.float32), regression.intercept_.astype(np.float32)
