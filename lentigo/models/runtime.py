"""The runtime: a graph, photographs in, answers out, no deep-learning framework."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import openvino

from lentigo.data.files import cache_folder
from lentigo.errors import ModelError

BATCH = 8


class Session:
    """A compiled graph. Requests run side by side; answers come in the order of the questions.

    `exact` computes in fp32; otherwise the processor's own best precision (bf16 where it has it).
    """

    def __init__(self, model: str | Path | bytes, *, exact: bool = False, throughput: bool = True):
        core = openvino.Core()
        options = {
            "PERFORMANCE_HINT": "THROUGHPUT" if throughput else "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32" if exact else fastest_precision(core),
        }
        if not isinstance(model, bytes):
            options["CACHE_DIR"] = str(cache_folder() / "compiled")
        try:
            self.compiled = core.compile_model(core.read_model(model), "CPU", options)
        except RuntimeError as error:
            name = "the graph" if isinstance(model, bytes) else model
            raise ModelError(f"{name}: cannot be compiled ({str(error).strip().splitlines()[-1]}); export the model again") from error
        self.names = [output.get_any_name() for output in self.compiled.outputs]

    def answer(self, photos: np.ndarray) -> dict[str, np.ndarray]:
        """Answers for a batch, uint8 (n, side, side, 3)."""
        result = self.compiled(photos)
        return {name: result[name] for name in self.names}

    def stream(self, photos: Iterable[np.ndarray], batch: int = BATCH) -> Iterator[dict[str, np.ndarray]]:
        """One answer for each photograph, in order. Photographs are drawn as requests fall free: memory stays flat."""
        for result, count in self._batches(gather(photos, batch)):
            for row in range(count):
                yield {name: array[row] for name, array in result.items()}

    def _batches(self, batches: Iterable[np.ndarray]) -> Iterator[tuple[dict[str, np.ndarray], int]]:
        width = max(2, self.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        free, busy = [self.compiled.create_infer_request() for _ in range(width)], deque()
        for pixels in batches:
            if not free:
                yield self._collect(busy, free)
            request = free.pop()
            request.start_async({0: pixels}, share_inputs=True)
            busy.append((request, pixels))  # the pixels must outlive the request
        while busy:
            yield self._collect(busy, free)

    def _collect(self, busy: deque, free: list) -> tuple[dict[str, np.ndarray], int]:
        request, pixels = busy.popleft()
        request.wait()
        answers = {name: request.get_tensor(name).data.copy() for name in self.names}
        free.append(request)
        return answers, len(pixels)


def gather(photos: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Stacks single photographs into batches of at most `size`."""
    waiting: list[np.ndarray] = []
    for photo in photos:
        waiting.append(photo)
        if len(waiting) == size:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)


def fastest_precision(core: openvino.Core) -> str:
    """"bf16" where the processor computes in it, else "f32"."""
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def count_threads() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
