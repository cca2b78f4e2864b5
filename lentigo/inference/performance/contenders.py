"""The ways to predict that are compared: each as a function that predicts, and gives the seconds that a
photograph took.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.images.photographs import stream_images
from lentigo.inference.performance.machine_limits import list_precisions
from lentigo.inference.performance.timing import time_each
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import CLASSIFIER, GRAPH, INT8_GRAPH, Bundle
from lentigo.models.inference_session import BATCH, InferenceSession
from lentigo.models.runtime import Session

KERAS_ROW = "Keras predict, fp32"
IN_MEMORY = "in memory, as predict"  # how the name of that row begins
DECODER_ROW = "limit: decoding alone"
FILES_ROW = "files, from disk to answer"
KERAS_IMAGES = 64
KERAS_BATCH = 32
Contender = Callable[[], float]  # predicts, and gives the seconds that a photograph took


def list_contenders(
    bundle: Bundle, pixels: list[np.ndarray], images: Sequence[str | Path], keras: bool
) -> dict[str, Contender]:
    """Lists the ways to predict.

    Args:
        bundle: The RUN.
        pixels: Photographs in memory, uint8 (side, side, 3).
        images: Paths of the same.
        keras: Whether Keras is one of them.

    Returns:
        By its name each way.
    """
    graph = bundle.folder / GRAPH
    contenders: dict[str, Contender] = {}
    if keras:
        contenders[KERAS_ROW] = prepare_keras(bundle, np.stack(pixels[:KERAS_IMAGES]))
    for precision in list_precisions():
        session = Session(graph, precision=precision)
        contenders[f"in memory, {precision}"] = prepare_session(session, pixels)
    if INT8_GRAPH in bundle.card["files"]:
        contenders["in memory, int8"] = prepare_session(Session(bundle.folder / INT8_GRAPH), pixels)
    predictor = Predictor(bundle, explained=False)
    as_served = f"{IN_MEMORY} does ({predictor.session.precision})"
    contenders[DECODER_ROW] = lambda: time_each(lambda: exhaust(stream_images(images)), len(images))
    contenders[as_served] = prepare_session(predictor.session, pixels)
    contenders[FILES_ROW] = lambda: time_each(lambda: exhaust(predictor.predict(images)), len(images))
    return contenders


def exhaust(iterator: Iterable[Any]) -> None:
    """Draws everything, and keeps nothing."""
    deque(iterator, maxlen=0)


def prepare_session(session: InferenceSession, pixels: list[np.ndarray]) -> Contender:
    """A warm session as a contender."""
    session.run(np.stack(pixels[: 4 * BATCH]))  # warms up
    return lambda: time_each(lambda: exhaust(session.stream(pixels)), len(pixels))


def prepare_keras(bundle: Bundle, pixels: np.ndarray) -> Contender:
    """The RUN's Keras model, warm, as a contender; where it has none, the same network with random weights,
    which is as fast.
    """
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import build_network, open_network

    backbone = find_backbone(bundle.card["backbone"])
    if has_network(bundle):
        network = open_network(bundle.folder / CLASSIFIER, backbone)
    else:
        network = build_network(backbone, "none")
    # A RUN without a classifier has no logit
    model = network.classifier or network.feature_extractor
    model.predict(pixels[:KERAS_BATCH], verbose=0)
    return lambda: time_each(lambda: model.predict(pixels, batch_size=KERAS_BATCH, verbose=0), len(pixels))


def has_network(bundle: Bundle) -> bool:
    """Whether a RUN has its Keras model, for further training.

    Args:
        bundle: The RUN.
    """
    return (bundle.folder / CLASSIFIER).is_file()
