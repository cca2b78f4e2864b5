"""The runtime: a graph, photographs in, the network's outputs out, no deep-learning framework.

OpenVINO computes on CPUs, in the precision that `choose_precision` gives; ONNX Runtime where another device
is asked for.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.hashing import hash_bytes
from lentigo.errors import ModelError, UsageError
from lentigo.models.bundle import GRAPH, INT8_GRAPH, INT8_WEIGHTS, Bundle
from lentigo.models.compilation import (
    bound_threads,
    choose_precision,
    compile_graph,
    explain_failure,
    fastest_precision,
    recall_graph,
)
from lentigo.models.engine import openvino
from lentigo.models.inference_session import (
    BATCH,
    DEVICES,
    OUTPUT_NAMES,
    InferenceSession,
    Outputs,
    batch_images,
)


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
        # Many photographs are computed side by side, each by few threads; one by all of them
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
        """As `InferenceSession.stream`.

        Args:
            images: Photographs, uint8 (side, side, 3).
        """
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
        # Copied: the next photographs of this request are written to the same memory
        outputs = {name: request.get_tensor(name).data.copy() for name in self.names}
        free.append(request)
        return outputs, count


def open_session(
    bundle: Bundle,
    *,
    device: str = "cpu",
    fp32: bool = False,
    batch: int = BATCH,
    threads: int | None = None,
    outputs: Collection[str] | None = None,
) -> InferenceSession:
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
    session: InferenceSession
    if device != "cpu":
        from lentigo.models.provider_session import ProviderSession

        session = ProviderSession(bundle.graph, device, batch=batch, outputs=outputs)
    else:
        options = {"batch": batch, "threads": threads, "outputs": outputs}
        session = open_cpu_session(bundle, choose_precision(bundle, fp32=fp32), options)
    require_outputs(session, bundle, outputs)
    session.bundle = bundle
    return session


def require_outputs(session: InferenceSession, bundle: Bundle, wanted: Collection[str] | None) -> None:
    """Makes sure that a graph gives what its card names.

    Args:
        session: The opened graph.
        bundle: Its RUN.
        wanted: Names of the outputs that were asked for; None for all.

    Raises:
        ModelError: It lacks the classifier or the decoder.
    """
    for name in ("logit", "mask"):
        is_wanted = name in bundle.outputs and (wanted is None or name in wanted)
        if is_wanted and name not in session.names:
            raise ModelError(
                f"{bundle.graph}: gives no `{name}`, which card.json names; expected the model.onnx of this "
                "RUN, copy it again"
            )


def open_cpu_session(bundle: Bundle, precision: str, options: dict[str, Any]) -> Session:
    """The graph of a RUN on the CPU, in one of its precisions; `options` are those of `Session`."""
    files = bundle.card["files"]
    if precision != "int8":
        return Session(bundle.graph, precision=precision, digest=files[GRAPH], **options)
    # Two files make one compiled graph, hence one name in the cache
    digest = hash_bytes(files[INT8_GRAPH].encode(), files[INT8_WEIGHTS].encode())
    session = Session(bundle.folder / INT8_GRAPH, digest=digest, **options)
    session.precision = "int8"
    return session


def name_output(output: openvino.ConstOutput) -> str:
    """The public name of an output; the compiler may have added names of what it merged with it."""
    names = output.get_names()
    for name in OUTPUT_NAMES:
        if name in names:
            return name
    return output.get_any_name()
