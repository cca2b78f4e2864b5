"""The last layer fitted anew, once all others have been learned: the same say for each class of a source.

While a network learns from several sources, its last layer comes to lean on whatever tells them apart. The
features below it say more than that. A last layer that is fitted to them anew, on balanced groups, holds
better on sources that nobody has seen (Kirichenko et al. 2022, last layer re-training is sufficient for
robustness to spurious correlations, arXiv 2204.02937).

Each photograph is shown twice: as it is, and as a view that the recipe draws. Of photographs as they are
alone the layer would learn fine texture, and lose what the views have taught: compression, colours, and that
skin without its lesion has no class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from lentigo.datasets.dataset import Dataset
from lentigo.images.photographs import SIDE, read_image
from lentigo.models.inference_session import InferenceSession
from lentigo.models.runtime import Session
from lentigo.training.holdout import list_sources
from lentigo.training.loop.sampling import plan_cells
from lentigo.training.recipes import Recipe
from lentigo.training.views.lesion_removal import NO_CLASS
from lentigo.training.views.view_batches import load_views

if TYPE_CHECKING:
    from lentigo.models.networks.network import Network

INVERSE_PENALTY = 0.03  # of the weights' squares; chosen on sources left out (bench/left_out.py)
MOST_OF_A_CELL = 1500  # photographs of one class of one source: more of them tell a linear layer little
MOST_STEPS = 3000  # of the solver
CHUNK = 32  # photographs at a time
NO_SOURCE = "not named"


def refit_head(network: Network, graph: Path, training: Dataset, recipe: Recipe) -> None:
    """Fits the last layer of a network anew, by logistic regression on the embeddings of photographs that it
    has learned from.

    Args:
        network: Its head is linear; the weights of its last layer are changed.
        graph: The network as ONNX, which gives the embeddings.
        training: The photographs that it has learned from; both classes.
        recipe: Of the training: how views are drawn, and the seed.
    """
    session = Session(graph, precision="f32", outputs=("embedding",))
    kernel, bias = fit_last_layer(*embed_photographs(session, training, recipe))
    network.require_head().layers[-1].set_weights([kernel, bias])


def embed_photographs(
    session: InferenceSession, training: Dataset, recipe: Recipe, side: int = SIDE
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeds the photographs that a last layer is fitted on, each as it is and as a view.

    Args:
        session: A graph that gives the embedding.
        training: The photographs that its network has learned from.
        recipe: How views are drawn, and the seed.
        side: Of the photographs that the graph takes, in pixels.

    Returns:
        Embeddings, float32 (k, d), labels, float (k,), 0.5 for skin without its lesion, and weights, float
        (k,).
    """
    rows, weights = draw_balanced(training, recipe.seed)
    embeddings = []
    labels = []
    for pixels, shown in show_photographs(training, recipe, rows, side):
        embeddings.append(session.run(pixels)["embedding"])
        labels.append(shown)
    return np.concatenate(embeddings), np.concatenate(labels), np.tile(weights, 2)


def show_photographs(
    training: Dataset, recipe: Recipe, rows: np.ndarray, side: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields photographs, uint8 (n, side, side, 3), with their labels, float (n,): first as they are, then as
    views of the recipe.
    """
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    for chunk in chunks:
        images = training.table["image"].iloc[chunk]
        yield np.stack([read_image(image, side).pixels for image in images]), training.malignant[chunk]
    class_alone = replace(recipe, diagnosis="", outline_weight=0.0, mixup=0.0)
    for chunk in chunks:
        views, labels, _ = load_views(training, class_alone, 0, chunk, np.ones(len(chunk), np.float32), side)
        yield views, labels[:, 0]


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
    embeddings: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fits a linear layer from embedding to logit.

    Args:
        embeddings: Float (k, d).
        labels: 0 for benign, 1 for malignant, 0.5 for what has no class and counts half for each, (k,).
        weights: How much each photograph counts, float (k,), in any unit.

    Returns:
        Its kernel, float32 (d, 1), and its bias, float32 (1,).
    """
    neither = labels == NO_CLASS
    shown = np.concatenate([embeddings, embeddings[neither]])
    malignant = np.concatenate([labels > NO_CLASS, np.ones(neither.sum(), bool)])
    counted = np.concatenate([np.where(neither, weights / 2, weights), weights[neither] / 2])
    regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=MOST_STEPS)
    regression.fit(shown, malignant, sample_weight=counted / weights.mean())
    return regression.coef_.T.astype(np.float32), regression.intercept_.astype(np.float32)
