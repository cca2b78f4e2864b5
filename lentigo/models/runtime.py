"""The runtime: a graph, photographs in, answers out, no deep-learning framework.

OpenVINO answers on CPUs, in the precision that `choose_precision` gives; ONNX Runtime where another device is
asked for.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.cache import keep_in_cache, list_cache, read_from_cache
from lentigo.common.hashing import hash_bytes, hash_file
from lentigo.common.user_folders import cache_folder
from lentigo.errors import ModelError, UsageError
from lentigo.images.photographs import SIDE, DecodedImage, stream_images
from lentigo.models.bundle import GRAPH, INT8_GRAPH, INT8_WEIGHTS, Bundle, check_hashes
from lentigo.models.engine import openvino

BATCH = 4  # photographs a request where many are to come; bench/inference.py compares sizes
KEPT = 24  # compiled graphs in the cache, of about the size of their weights each
PROVIDERS = {  # of ONNX Runtime, by the name of the device
    "cuda": "CUDAExecutionProvider", "rocm": "MIGraphXExecutionProvider", "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider", "onnxruntime": "CPUExecutionProvider",
}  # fmt: skip
DEVICES = ("cpu", *PROVIDERS)
OUTPUTS = (
    "logit",
    "embedding",
    "heatmap",
    "mask",
    "middle",
    "diagnosis",
    "reference",
)  # what a graph of ours may give
Answers = dict[str, np.ndarray]  # the graph's outputs by name
_LEFT_BEHIND: list[Any] = []  # compiled graphs of the process that this one was forked from


class Session:
    """A graph compiled by OpenVINO for the CPU, for requests of `batch` photographs.

    Requests run side by side; answers come in the order of the questions. `precision` is "f32" or "bf16";
    None is the processor's fastest. `digest` is the hash of a model that is a file, where it is known.
    `threads` is how many processors are used, all without it. A session can be pickled, and used after
    `fork`: the graph is then opened again. Raises `ModelError` for a graph that cannot be compiled or does
    not take photographs.
    """

    def __init__(
        self,
        model: str | Path | bytes,
        *,
        precision: str | None = None,
        batch: int = BATCH,
        digest: str | None = None,
        threads: int | None = None,
    ):
        core = openvino.Core()
        self.model = model if isinstance(model, bytes) else Path(os.path.abspath(model))
        self.batch = batch
        self.precision = precision or fastest_precision(core)
        hint = "THROUGHPUT" if batch > 1 else "LATENCY"
        self.options = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": self.precision}
        if threads:
            self.options |= bound_threads(threads)
        self.digest = digest
        # Whose files must still be those of its card where the graph is compiled once more
        self.bundle: Bundle | None = None
        self._open(core)
        self.names = [name_output(output) for output in self._compiled.outputs]

    def _open(self, core: openvino.Core) -> None:
        try:
            if isinstance(self.model, bytes):
                self._compiled = compile_graph(core, self.model, self.batch, self.options)
            else:
                self._compiled = recall_graph(core, self.model, self.batch, self.options, self.digest)
        except RuntimeError as error:
            raise explain_failure(self.model, str(error)) from error
        self._process = os.getpid()

    @property
    def compiled(self) -> openvino.CompiledModel:
        """The compiled graph of this process. OpenVINO's threads do not live on in a process that was forked:
        there the graph is opened anew.
        """
        if self._process != os.getpid():
            if self._compiled is not None:
                _LEFT_BEHIND.append(
                    self._compiled
                )  # taking it down would wait for threads that are not there
            if self.bundle is not None:
                check_hashes(self.bundle)
            self._open(openvino.Core())
        return self._compiled

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process opens the graph again with, when it is first asked."""
        return self.__dict__ | {"_compiled": None, "_process": None}

    def answer(self, images: np.ndarray) -> Answers:
        """Answers for an array of photographs, uint8 (n, side, side, 3)."""
        return stack_answers(self.stream(images))

    def stream(self, images: Iterable[np.ndarray]) -> Iterator[Answers]:
        """One answer for each photograph, in order. Photographs are drawn as requests fall free: memory stays
        flat.
        """
        for answers, count in self._run(gather(images, self.batch)):
            for row in range(count):
                yield {name: array[row] for name, array in answers.items()}

    def _run(self, batches: Iterable[tuple[np.ndarray, int]]) -> Iterator[tuple[Answers, int]]:
        compiled = self.compiled
        width = 1 + compiled.get_property(
            "OPTIMAL_NUMBER_OF_INFER_REQUESTS"
        )  # one waits while the others run
        free, busy = [compiled.create_infer_request() for _ in range(width)], deque()
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


class ProviderSession:
    """A graph run by ONNX Runtime on another device, in fp32; the same questions and answers as `Session`.

    Raises `ModelError` where ONNX Runtime or the device is not there.
    """

    precision = "f32"

    def __init__(self, model: str | Path, device: str, *, batch: int = BATCH):
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                f"device {device} needs ONNX Runtime; install onnxruntime (-gpu, -directml), or use "
                "--device cpu"
            ) from error
        available, provider = onnxruntime.get_available_providers(), PROVIDERS[device]
        if provider not in available:
            raise ModelError(
                f"device {device} is not there: ONNX Runtime offers {', '.join(available)}; expected "
                f"{provider}, or use --device cpu"
            )
        self.model = Path(os.path.abspath(model))
        self.device, self.batch = device, batch
        self.bundle: Bundle | None = None  # see `Session`
        self._open()
        self.names = [output.name for output in self._compiled.get_outputs()]

    def _open(self) -> None:
        import onnxruntime

        try:
            self._compiled = onnxruntime.InferenceSession(str(self.model), providers=[PROVIDERS[self.device]])
        except Exception as error:  # ONNX Runtime's own errors share no base class
            raise explain_failure(self.model, str(error)) from error
        self._process = os.getpid()

    @property
    def compiled(self) -> Any:
        """The graph opened in this process; see `Session.compiled`."""
        if self._process != os.getpid():
            if self._compiled is not None:
                _LEFT_BEHIND.append(self._compiled)
            if self.bundle is not None:
                check_hashes(self.bundle)
            self._open()
        return self._compiled

    def __getstate__(self) -> dict[str, Any]:
        """See `Session.__getstate__`."""
        return self.__dict__ | {"_compiled": None, "_process": None}

    def answer(self, images: np.ndarray) -> Answers:
        """Answers for an array of photographs, uint8 (n, side, side, 3)."""
        return stack_answers(self.stream(images))

    def stream(self, images: Iterable[np.ndarray]) -> Iterator[Answers]:
        """One answer for each photograph, in order."""
        compiled = self.compiled
        for pixels, count in gather(images, self.batch):
            answers = compiled.run(self.names, {"image": pixels})
            for row in range(count):
                yield {name: array[row] for name, array in zip(self.names, answers, strict=True)}


def open_session(
    bundle: Bundle,
    *,
    device: str = "cpu",
    fp32: bool = False,
    batch: int = BATCH,
    threads: int | None = None,
) -> Session | ProviderSession:
    """A session for a RUN: on the CPU its int8 form where it has one, else its graph in the precision that
    was measured to be safe for it; `exact` takes the graph in fp32. `threads` are those of the CPU.

    Raises `UsageError` for an unknown device, `ModelError` for one that is not there.
    """
    if device not in DEVICES:
        raise UsageError(f"device {device!r} is unknown; expected {', '.join(DEVICES)}")
    files, precision = bundle.card["files"], choose_precision(bundle, fp32=fp32)
    if device != "cpu":
        session = ProviderSession(bundle.graph, device, batch=batch)
    elif precision == "int8":
        digest = hash_bytes(files[INT8_GRAPH].encode(), files[INT8_WEIGHTS].encode())
        session = Session(bundle.folder / INT8_GRAPH, batch=batch, digest=digest, threads=threads)
        session.precision = "int8"
    else:
        session = Session(
            bundle.graph, precision=precision, batch=batch, digest=files[GRAPH], threads=threads
        )
    session.bundle = bundle
    return session


def bound_threads(threads: int) -> dict[str, str]:
    """Options for so many threads, free to run on any processor: pinned, those of two processes would share
    the same ones.
    """
    return {"INFERENCE_NUM_THREADS": str(threads), "ENABLE_CPU_PINNING": "NO"}


def choose_precision(bundle: Bundle, *, fp32: bool = False) -> str:
    """ "int8", "bf16" or "f32": the fastest that both this processor computes in and the card of the RUN
    vouches for.
    """
    files, capabilities = bundle.card["files"], list_capabilities()
    if fp32:
        return "f32"
    neutral = (bundle.card.get("int8") or {}).get("neutral", False)
    if neutral and "INT8" in capabilities and INT8_GRAPH in files and INT8_WEIGHTS in files:
        return "int8"
    return "bf16" if "BF16" in capabilities and (bundle.card.get("bf16") or {}).get("neutral") else "f32"


def fastest_precision(core: openvino.Core | None = None) -> str:
    """ "bf16" where the processor computes in it, else "f32"."""
    return "bf16" if "BF16" in list_capabilities(core) else "f32"


def list_capabilities(core: openvino.Core | None = None) -> list[str]:
    """What this processor computes in, by OpenVINO's names: FP32, BF16, INT8 and others."""
    return (core or openvino.Core()).get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def compile_graph(
    core: openvino.Core, model: str | Path | bytes, batch: int, options: dict[str, str]
) -> openvino.CompiledModel:
    """Compiles a graph for batches of one size."""
    graph = core.read_model(model)
    shape = [size.get_length() if size.is_static else 0 for size in graph.inputs[0].partial_shape]
    if (
        len(graph.inputs) != 1
        or len(shape) != 4
        or shape[3] != 3
        or graph.inputs[0].element_type != openvino.Type.u8
    ):
        raise explain_failure(
            model,
            f"takes {graph.inputs[0].element_type.to_string()} {shape} instead of uint8 photographs (n, "
            "side, side, 3)",
        )
    graph.reshape([batch, *shape[1:]])
    return core.compile_model(graph, "CPU", options)


def recall_graph(
    core: openvino.Core, path: str | Path, batch: int, options: dict[str, str], digest: str | None
) -> openvino.CompiledModel:
    """As `compile_graph` for a file, from the cache where it has been compiled before."""
    facts = [
        digest or hash_file(path),
        batch,
        sorted(options.items()),
        openvino.__version__,
        core.get_property("CPU", "FULL_DEVICE_NAME"),
    ]
    blob = cache_folder() / "compiled" / f"{hash_bytes(repr(facts).encode())[:32]}.blob"
    kept = read_from_cache(blob)
    if kept is not None:
        with suppress(RuntimeError):  # of another build
            compiled = core.import_model(kept, "CPU", options)
            with suppress(OSError):  # a cache that can only be read
                blob.touch()
            return compiled
    compiled = compile_graph(core, path, batch, options)
    if keep_in_cache(blob, compiled.export_model().getvalue()):
        forget_oldest(blob.parent)
    return compiled


def forget_oldest(folder: Path) -> None:
    """Removes the compiled graphs that were not used for longest."""
    with suppress(OSError):  # another process may do the same
        for blob in sorted(list_cache(folder, ".blob"), key=lambda path: -path.stat().st_mtime)[KEPT:]:
            blob.unlink()


def measure_logits(session: Session, images: Iterable[str], side: int = SIDE) -> np.ndarray:
    """Logits, float (n,), of photographs by their paths, at the `side` that the graph takes; NaN for one that
    cannot be read.
    """
    readable: list[bool] = []

    def pixels() -> Iterator[np.ndarray]:
        for image in stream_images(images, side):
            readable.append(isinstance(image, DecodedImage))
            if readable[-1]:
                yield image.pixels

    answers = [float(answer["logit"][0]) for answer in session.stream(pixels())]
    logits = np.full(len(readable), np.nan)
    logits[readable] = answers
    return logits


def explain_failure(model: str | Path | bytes, reason: str) -> ModelError:
    """A graph that cannot be used, in one line."""
    name = "the graph" if isinstance(model, bytes) else model
    return ModelError(
        f"{name}: cannot be compiled ({reason.strip().splitlines()[-1]}); expected the model.onnx of a RUN, "
        "copy it again"
    )


def name_output(output: openvino.ConstOutput) -> str:
    """The public name of an output; the compiler may have added names of what it merged with it."""
    names = output.get_names()
    return next((name for name in OUTPUTS if name in names), output.get_any_name())


def stack_answers(answers: Iterable[Answers]) -> Answers:
    """Answers of single photographs as arrays."""
    rows = list(answers)
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def gather(images: Iterable[np.ndarray], size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Stacks single photographs into batches of `size`, the last one filled up with nothing; with their true
    counts.
    """
    waiting: list[np.ndarray] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == size:
            yield np.stack(waiting), size
            waiting = []
    if waiting:
        empty = [np.zeros_like(waiting[0])] * (size - len(waiting))
        yield np.stack(waiting + empty), len(waiting)
