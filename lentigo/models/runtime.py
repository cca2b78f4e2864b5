"""The runtime: a graph, photographs in, the network's outputs out, no deep-learning framework.

OpenVINO computes on CPUs, in the precision that `choose_precision` gives; ONNX Runtime where another device is
asked for.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.hashing import hash_bytes
from lentigo.errors import ModelError, UsageError
from lentigo.images.photographs import SIDE, DecodedImage, stream_images
from lentigo.models.bundle import GRAPH, INT8_GRAPH, INT8_WEIGHTS, Bundle, check_hashes
from lentigo.models.compilation import (
    bound_threads,
    choose_precision,
    compile_graph,
    explain_failure,
    fastest_precision,
    recall_graph,
)
from lentigo.models.engine import openvino

BATCH = 4  # photographs a request where many are to come; bench/inference.py compares sizes
PROVIDERS = {  # of ONNX Runtime, by the name of the device
    "cuda": "CUDAExecutionProvider", "rocm": "MIGraphXExecutionProvider", "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider", "onnxruntime": "CPUExecutionProvider",
}  # fmt: skip
DEVICES = ("cpu", *PROVIDERS)
# What a graph of ours may give; "middle" are the mid-level features
OUTPUT_NAMES = ("logit", "embedding", "heatmap", "mask", "middle", "diagnosis", "reference")
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
            if self._graph is not None:
                _GRAPHS_OF_PARENT.append(self._graph)
            if self.bundle is not None:
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
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


class Session(InferenceSession):
    """A graph compiled by OpenVINO for the CPU; requests run side by side.

    Args:
        model: The file of the graph, or its content.
        precision: "f32" or "bf16"; None for the processor's fastest.
        batch: Photographs in a request.
        digest: The hash of the file, where it is known.
        threads: How many processors are used; None for all.
        outputs: Names of the outputs that are asked for; None for all.

    Raises:
        ModelError: The graph cannot be compiled, or does not take photographs.
    """

    def __init__(
        self,
        model: str | Path | bytes,
        *,
        precision: str | None = None,
        batch: int = BATCH,
        digest: str | None = None,
        threads: int | None = None,
        outputs: Collection[str] | None = None,
    ):
        super().__init__()
        self.outputs = outputs
        self.model = model if isinstance(model, bytes) else Path(os.path.abspath(model))
        self.batch = batch
        self.precision = precision or fastest_precision()
        hint = "THROUGHPUT" if batch > 1 else "LATENCY"
        self.options = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": self.precision}
        if threads:
            self.options |= bound_threads(threads)
        self.digest = digest
        self.names = [name_output(output) for output in self.graph.outputs]

    def open_graph(self) -> openvino.CompiledModel:
        """The graph compiled in this process, or taken from the cache."""
        core = openvino.Core()
        try:
            if isinstance(self.model, bytes):
                return compile_graph(core, self.model, self.batch, self.options, self.outputs)
            return recall_graph(core, self.model, self.batch, self.options, self.digest, self.outputs)
        except RuntimeError as error:
            raise explain_failure(self.model, str(error)) from error

    def stream(self, images: Iterable[np.ndarray]) -> Iterator[Outputs]:
        """See `InferenceSession.stream`."""
        for outputs, count in self._run_requests(batch_images(images, self.batch)):
            for row in range(count):
                yield {name: array[row] for name, array in outputs.items()}

    def _run_requests(self, batches: Iterable[tuple[np.ndarray, int]]) -> Iterator[tuple[Outputs, int]]:
        """The outputs of each batch and the number of its photographs, several requests under way at once."""
        graph = self.graph
        # One request waits while the others run
        width = 1 + graph.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        free = [graph.create_infer_request() for _ in range(width)]
        busy: deque[tuple[Any, np.ndarray, int]] = deque()
        for pixels, count in batches:
            if not free:
                yield self._collect_oldest(busy, free)
            request = free.pop()
            request.start_async({0: pixels}, share_inputs=True)
            busy.append((request, pixels, count))  # the pixels must outlive the request
            while busy and busy[0][0].wait_for(0):  # the first answers do not wait for the last ones
                yield self._collect_oldest(busy, free)
        while busy:
            yield self._collect_oldest(busy, free)

    def _collect_oldest(
        self, busy: deque[tuple[Any, np.ndarray, int]], free: list[Any]
    ) -> tuple[Outputs, int]:
        """Waits for the request that began first, and frees it."""
        request, _, count = busy.popleft()
        request.wait()
        outputs = {name: request.get_tensor(name).data.copy() for name in self.names}
        free.append(request)
        return outputs, count


class ProviderSession(InferenceSession):
    """A graph run by ONNX Runtime on another device, in fp32.

    Args:
        model: The file of the graph.
        device: A key of `PROVIDERS`.
        batch: Photographs in a request.
        outputs: Names of the outputs that are asked for; None for all.

    Raises:
        ModelError: ONNX Runtime or the device is not there.
    """

    precision = "f32"

    def __init__(
        self,
        model: str | Path,
        device: str,
        *,
        batch: int = BATCH,
        outputs: Collection[str] | None = None,
    ):
        super().__init__()
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                f"device {device} needs ONNX Runtime; install onnxruntime (-gpu, -directml), or use "
                "--device cpu"
            ) from error
        available = onnxruntime.get_available_providers()
        provider = PROVIDERS[device]
        if provider not in available:
            raise ModelError(
                f"device {device} is not there: ONNX Runtime offers {', '.join(available)}; expected "
                f"{provider}, or use --device cpu"
            )
        self.model = Path(os.path.abspath(model))
        self.device = device
        self.batch = batch
        names = [output.name for output in self.graph.get_outputs()]
        self.names = [name for name in names if outputs is None or name in outputs]

    def open_graph(self) -> Any:
        """The graph opened by ONNX Runtime in this process."""
        import onnxruntime

        try:
            return onnxruntime.InferenceSession(str(self.model), providers=[PROVIDERS[self.device]])
        except Exception as error:  # ONNX Runtime's own errors share no base class
            raise explain_failure(self.model, str(error)) from error

    def stream(self, images: Iterable[np.ndarray]) -> Iterator[Outputs]:
        """See `InferenceSession.stream`."""
        graph = self.graph
        for pixels, count in batch_images(images, self.batch):
            arrays = graph.run(self.names, {"image": pixels})
            for row in range(count):
                yield {name: array[row] for name, array in zip(self.names, arrays, strict=True)}


def open_session(
    bundle: Bundle,
    *,
    device: str = "cpu",
    fp32: bool = False,
    batch: int = BATCH,
    threads: int | None = None,
    outputs: Collection[str] | None = None,
) -> Session | ProviderSession:
    """Opens the graph of a RUN: on the CPU its int8 form where it has one, else the graph itself.

    Args:
        bundle: The RUN.
        device: One of `DEVICES`.
        fp32: Computes in fp32; else in the fastest precision that was measured to be safe for the RUN.
        batch: Photographs in a request.
        threads: How many processors are used; None for all.
        outputs: Names of the outputs that are asked for; None for all.

    Raises:
        UsageError: The device is unknown.
        ModelError: The device is not there, or the graph cannot be opened.
    """
    if device not in DEVICES:
        raise UsageError(f"device {device!r} is unknown; expected {', '.join(DEVICES)}")
    session: Session | ProviderSession
    if device != "cpu":
        session = ProviderSession(bundle.graph, device, batch=batch, outputs=outputs)
    else:
        options = {"batch": batch, "threads": threads, "outputs": outputs}
        session = open_cpu_session(bundle, choose_precision(bundle, fp32=fp32), options)
    session.bundle = bundle
    return session


def open_cpu_session(bundle: Bundle, precision: str, options: dict[str, Any]) -> Session:
    """The graph of a RUN on the CPU, in one of its precisions; `options` are those of `Session`."""
    files = bundle.card["files"]
    if precision != "int8":
        return Session(bundle.graph, precision=precision, digest=files[GRAPH], **options)
    digest = hash_bytes(files[INT8_GRAPH].encode(), files[INT8_WEIGHTS].encode())
    session = Session(bundle.folder / INT8_GRAPH, digest=digest, **options)
    session.precision = "int8"
    return session


def measure_logits(session: InferenceSession, images: Iterable[str], side: int = SIDE) -> np.ndarray:
    """Measures the logits of photographs.

    Args:
        session: A graph that classifies.
        images: Their paths.
        side: Pixels along the side that the graph takes.

    Returns:
        Float (n,); NaN for a photograph that cannot be read.
    """
    is_readable: list[bool] = []

    def read_pixels() -> Iterator[np.ndarray]:
        for image in stream_images(images, side):
            is_readable.append(isinstance(image, DecodedImage))
            if isinstance(image, DecodedImage):
                yield image.pixels

    found = [float(outputs["logit"][0]) for outputs in session.stream(read_pixels())]
    logits = np.full(len(is_readable), np.nan)
    logits[is_readable] = found
    return logits


def name_output(output: openvino.ConstOutput) -> str:
    """The public name of an output; the compiler may have added names of what it merged with it."""
    names = output.get_names()
    return next((name for name in OUTPUT_NAMES if name in names), output.get_any_name())


def batch_images(images: Iterable[np.ndarray], size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Batches of `size` photographs with their true counts, the last one filled up with black ones."""
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
