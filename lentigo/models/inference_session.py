"""A session: an opened graph, photographs in, the network's outputs out, whatever runtime computes them."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from lentigo.models.bundle import Bundle, check_hashes

BATCH = 4  # photographs a request where many are to come; bench/inference.py compares sizes
PROVIDERS = {  # of ONNX Runtime, by the name of the device
    "cuda": "CUDAExecutionProvider", "rocm": "MIGraphXExecutionProvider", "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider", "onnxruntime": "CPUExecutionProvider",
}  # fmt: skip
DEVICES = ("cpu", *PROVIDERS)
# What a graph of ours may give; "middle" are the mid-level features
OUTPUT_NAMES = ("logit", "embedding", "heatmap", "mask", "middle", "diagnosis", "reference", "lesion")
Outputs = dict[str, np.ndarray]  # of a graph, by name
# Compiled graphs of the process that this one was forked from: taking them down would wait for threads that
# are not there
_GRAPHS_OF_PARENT: list[Any] = []


class InferenceSession(ABC):
    """A graph that is opened for requests of `batch` photographs.

    A session can be pickled, and used after `fork`: the graph is then opened again, as the runtime's threads
    do not live on in another process.

    Attributes:
        batch: Photographs in a request.
        precision: "f32", "bf16" or "int8".
        names: Of the graph's outputs.
        bundle: The RUN whose files must still be those of its card where the graph is opened again.
    """

    batch: int
    precision: str
    names: list[str]

    def __init__(self) -> None:
        self.bundle: Bundle | None = None
        self._graph: Any = None
        self._process: int | None = None  # in which the graph was opened

    @abstractmethod
    def open_graph(self) -> Any:
        """The graph as the runtime has it, opened in this process."""

    @abstractmethod
    def stream(self, images: Iterable[np.ndarray]) -> Iterator[Outputs]:
        """Yields the outputs for each photograph, in order, without the batch's dimension.

        Photographs are drawn as requests fall free: memory stays flat.

        Args:
            images: Photographs, uint8 (side, side, 3).
        """

    @property
    def graph(self) -> Any:
        """The opened graph of this process."""
        if self._process != os.getpid():
            if self._graph is not None:  # of the process that this one was forked from
                _GRAPHS_OF_PARENT.append(self._graph)
            if self.bundle is not None:  # its file may be another one by now
                check_hashes(self.bundle)
            self._graph = self.open_graph()
            self._process = os.getpid()
        return self._graph

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process opens the graph again with, when it is first used."""
        return self.__dict__ | {"_graph": None, "_process": None}

    def run(self, images: np.ndarray) -> Outputs:
        """Runs the graph on an array of photographs.

        Args:
            images: Uint8 (n, side, side, 3).

        Returns:
            The outputs by name, (n, ...) each.
        """
        rows = list(self.stream(images))
        outputs = {}
        for name in rows[0]:
            outputs[name] = np.stack([row[name] for row in rows])
        return outputs


def batch_images(images: Iterable[np.ndarray], size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields batches of one size with their true counts: the last one is filled up with black photographs.

    Args:
        images: Photographs, uint8 (side, side, 3).
        size: Photographs in a batch.

    Yields:
        Uint8 (size, side, side, 3), and how many of them are photographs.
    """
    waiting: list[np.ndarray] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == size:
            yield np.stack(waiting), size
            waiting = []
    if waiting:
        black = np.zeros_like(waiting[0])
        filling = [black] * (size - len(waiting))
        yield np.stack(waiting + filling), len(waiting)
