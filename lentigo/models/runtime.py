"""The runtime: a graph, photographs in, answers out, no deep-learning framework. OpenVINO answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import openvino

from lentigo.data.files import cache_folder
from lentigo.data.photos import Photo, stream_photos
from lentigo.errors import ModelError

BATCH = 8  # photographs a request; bench/inference.py compares sizes
Answers = dict[str, np.ndarray]  # the graph's outputs by name


class Session:
    """A graph compiled by OpenVINO for the CPU, for requests of `batch` photographs.

    Requests run side by side; answers come in the order of the questions. `exact` computes in fp32; otherwise in the
    processor's own best precision (bf16 where it has it). Raises `ModelError` for a graph that cannot be compiled.
    """

    def __init__(self, model: str | Path | bytes, *, exact: bool = False, batch: int = BATCH):
        core, self.batch = openvino.Core(), batch
        options = {
            "PERFORMANCE_HINT": "THROUGHPUT" if batch > 1 else "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32" if exact else fastest_precision(core),
        }
        if not isinstance(model, bytes):
            options["CACHE_DIR"] = str(cache_folder() / "compiled")
        try:
            graph = core.read_model(model)
            graph.reshape([batch, *list(graph.inputs[0].partial_shape)[1:]])
            self.compiled = core.compile_model(graph, "CPU", options)
        except RuntimeError as error:
            raise explain_failure(model, error) from error
        self.names = [output.get_any_name() for output in self.compiled.outputs]

    def answer(self, photos: np.ndarray) -> Answers:
        """Answers for an array of photographs, uint8 (n, side, side, 3)."""
        rows = list(self.stream(photos))
        return {name: np.stack([row[name] for row in rows]) for name in self.names}

    def stream(self, photos: Iterable[np.ndarray]) -> Iterator[Answers]:
        """One answer for each photograph, in order. Photographs are drawn as requests fall free: memory stays flat."""
        for answers, count in self._run(gather(photos, self.batch)):
            for row in range(count):
                yield {name: array[row] for name, array in answers.items()}

    def _run(self, batches: Iterable[tuple[np.ndarray, int]]) -> Iterator[tuple[Answers, int]]:
        width = 1 + self.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")  # one waits while the others run
        free, busy = [self.compiled.create_infer_request() for _ in range(width)], deque()
        for pixels, count in batches:
            if not free:
                yield self._collect(busy, free)
            request = free.pop()
            request.start_async({0: pixels}, share_inputs=True)
            busy.append((request, pixels, count))  # the pixels must outlive the request
        while busy:
            yield self._collect(busy, free)

    def _collect(self, busy: deque, free: list) -> tuple[Answers, int]:
        request, _, count = busy.popleft()
        request.wait()
        answers = {name: request.get_tensor(name).data.copy() for name in self.names}
        free.append(request)
        return answers, count


def measure_logits(session: Session, images: Iterable[str]) -> np.ndarray:
    """Logits, float (n,), of photographs by their paths; NaN for one that cannot be read."""
    readable: list[bool] = []

    def pixels() -> Iterator[np.ndarray]:
        for photo in stream_photos(images):
            readable.append(isinstance(photo, Photo))
            if readable[-1]:
                yield photo.pixels

    answers = [float(answer["logit"][0]) for answer in session.stream(pixels())]
    logits = np.full(len(readable), np.nan)
    logits[readable] = answers
    return logits


def explain_failure(model: str | Path | bytes, error: Exception) -> ModelError:
    """A graph that cannot be compiled, in one line."""
    name = "the graph" if isinstance(model, bytes) else model
    return ModelError(f"{name}: cannot be compiled ({str(error).strip().splitlines()[-1]}); expected the model.onnx of a RUN, copy it again")


def gather(photos: Iterable[np.ndarray], size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Stacks single photographs into batches of `size`, the last one filled up with nothing; with their true counts."""
    waiting: list[np.ndarray] = []
    for photo in photos:
        waiting.append(photo)
        if len(waiting) == size:
            yield np.stack(waiting), size
            waiting = []
    if waiting:
        empty = [np.zeros_like(waiting[0])] * (size - len(waiting))
        yield np.stack(waiting + empty), len(waiting)


def fastest_precision(core: openvino.Core) -> str:
    """ "bf16" where the processor computes in it, else "f32"."""
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
