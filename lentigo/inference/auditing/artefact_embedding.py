"""What the frozen branch of a RUN sees in a photograph, for the detection of learned artefacts.

Only the branch is computed, in fp32, so that a flag is the same on every processor.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.errors import ModelError
from lentigo.images.artefacts.learned_artefacts import ArtefactDetector, load_head
from lentigo.models.bundle import ARTEFACT_HEAD, BUNDLED, CARD, GRAPH, Bundle, check_hashes, find_bundle
from lentigo.models.compilation import explain_failure, recall_graph
from lentigo.models.engine import openvino
from lentigo.models.sent_bundle import SentBundle, pack_bundle

OUTPUT = "reference"  # of the graph: what the frozen branch gives
OPTIONS = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}


class ArtefactEmbedder:
    """Gives the embedding of one photograph at a time to many threads at once.

    It can be pickled: the RUN travels along.

    Args:
        bundle: A RUN whose graph has the output `reference`.

    Raises:
        ModelError: The graph cannot be compiled.
    """

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self._requests = threading.local()
        digest = bundle.card["files"][GRAPH]
        try:
            self._graph = recall_graph(openvino.Core(), bundle.graph, 1, OPTIONS, digest, outputs=(OUTPUT,))
        except RuntimeError as error:
            raise explain_failure(bundle.graph, str(error)) from error

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Computes the embedding.

        Args:
            pixels: uint8 (224, 224, 3) RGB.

        Returns:
            Float32 (d,).
        """
        request = getattr(self._requests, "own", None)
        if request is None:
            request = self._graph.create_infer_request()
            self._requests.own = request
        request.infer({0: pixels[None]})
        return request.get_tensor(OUTPUT).data[0].copy()

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process or machine opens the RUN again with."""
        return open_sent_embedder, (pack_bundle(self.bundle),)


def open_sent_embedder(sent: SentBundle) -> ArtefactEmbedder:
    """The embedder of a RUN that was sent."""
    return ArtefactEmbedder(sent.unpack())


def open_artefact_detector(model: str | Path) -> ArtefactDetector | None:
    """Opens the detector of learned artefacts that a RUN carries.

    Args:
        model: The RUN's folder, or "bundled".

    Returns:
        The detector; None where the RUN has no frozen branch or no head for it, and where the package came
        without the bundled weights.

    Raises:
        ModelError: The RUN is damaged or was altered, or its head and its branch do not go together.
    """
    if str(model) == "bundled" and not (BUNDLED / CARD).is_file():
        return None
    bundle = find_bundle(model)
    if OUTPUT not in bundle.outputs or ARTEFACT_HEAD not in bundle.card["files"]:
        return None
    check_hashes(bundle)
    head = load_head(bundle.folder / ARTEFACT_HEAD)
    embedder = ArtefactEmbedder(bundle)
    size = len(embedder(np.zeros(bundle.card["input"]["shape"], np.uint8)))
    if size != head.embedding_size:
        raise ModelError(
            f"{bundle.folder / ARTEFACT_HEAD}: reads {head.embedding_size} numbers, but the graph's output "
            f"{OUTPUT} has {size}; copy the RUN again from its source"
        )
    return ArtefactDetector(head, embedder)
