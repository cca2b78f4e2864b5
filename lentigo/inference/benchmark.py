"""How fast this machine answers: rates, latency, cold start, beside Keras and beside what the processor could
do at most.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import ModelError
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.inference.prediction import Predictor
from lentigo.models.bundle import CLASSIFIER, GRAPH, INT8_GRAPH, Bundle
from lentigo.models.engine import openvino
from lentigo.models.runtime import BATCH, Session, fastest_precision

KERAS, FILES = "Keras predict, fp32", "files, from disk to answer"
REPEATS = 5  # of each measurement, all of them in turn, so that a busy minute hurts none alone
IN_MEMORY = 256  # photographs
KERAS_PHOTOS, KERAS_BATCH = 64, 32
WARM_UP, CALLS = 10, 300  # single photographs for the percentiles
GEMM_SIDE = 2048

opset = openvino.opset13

COLD_PARTS = """
import json, sys, time
laps, last = {}, time.perf_counter()
def lap(name):
    global last
    laps[name], last = time.perf_counter() - last, time.perf_counter()
import lentigo.cli.app; lap("import lentigo.cli.app")
import numpy, PIL.Image; lap("import numpy, pillow")
import lentigo.models.engine; lap("import openvino")
from lentigo.inference.prediction import Predictor; lap("import the rest")
predictor = Predictor(sys.argv[1], count=1); lap("load the compiled graph, check the hashes meanwhile")
list(predictor.predict([sys.argv[2]])); lap("read and answer")
print(json.dumps(laps))
"""
COLD_KERAS = "import sys, keras, numpy as np; m = keras.models.load_model(sys.argv[1]); i = keras.utils.load_img(sys.argv[2], target_size=(224, 224)); print(m.predict(np.array(i)[None], verbose=0))"


@dataclass(frozen=True)
class Rate:
    """Photographs a second of one way to answer: the median of the repeats. `share` is that of the measured
    GEMM limit.
    """

    what: str
    rate: float
    share: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """What was measured on this machine; times in seconds. What could not be measured is missing from
    `rates`, or None.
    """

    model: str
    rates: tuple[Rate, ...]
    gemm: dict[str, float]  # FLOP/s by precision
    flops: float  # of one photograph
    latency_p50: float
    latency_p99: float
    cold: float
    cold_parts: dict[str, float]
    cold_keras: float | None

    def rate(self, what: str) -> float | None:
        """The rate of a row, None where it was not measured."""
        return next((row.rate for row in self.rates if row.what == what), None)

    def tabulate_rates(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows, as text: the rates beside Keras', and the limits."""
        keras, memory = (
            self.rate(KERAS),
            next(row.rate for row in self.rates if row.what.startswith("in memory, as predict")),
        )
        rows = [
            [
                row.what,
                f"{row.rate:.1f}",
                f"{row.rate / keras:.1f}x" if keras else "",
                f"{row.share:.0%}" if row.share else "",
                f"{row.rate / memory:.0%} of the row above" if row.what == FILES else "",
            ]
            for row in self.rates
        ]
        limits = [
            [
                f"limit: matrix product, {name}",
                f"{limit / self.flops:.0f}",
                "",
                f"{limit / 1e12:.2f} TFLOP/s",
                "",
            ]
            for name, limit in self.gemm.items()
        ]
        return ["what", "photographs/s", "of Keras", "of the limit", ""], rows + limits

    def tabulate_times(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows, as text: one warm photograph, and where the time of the first answer goes."""
        rows = [
            ["one photograph in memory, warm: median", f"{1000 * self.latency_p50:.1f}"],
            ["the same: 99th percentile", f"{1000 * self.latency_p99:.1f}"],
        ]
        rows += [["`lentigo predict one.jpg`, from the shell and back", f"{1000 * self.cold:.0f}"]]
        rows += [[f"of it: {name}", f"{1000 * seconds:.0f}"] for name, seconds in self.cold_parts.items()]
        rows += [
            [
                "of it: start and end of the process",
                f"{1000 * (self.cold - sum(self.cold_parts.values())):.0f}",
            ]
        ]
        if self.cold_keras is not None:
            rows += [
                [
                    "a minimal Keras script",
                    f"{1000 * self.cold_keras:.0f} ({self.cold_keras / self.cold:.1f}x)",
                ]
            ]
        return ["what", "ms"], rows

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_machine(
    bundle: Bundle, images: Sequence[str | Path], *, keras: bool = True, progress: Progress = show_nothing
) -> Benchmark:
    """Measures a RUN on photographs: in memory in every precision, from their files, one at a time, and from
    a cold start.

    `keras` adds the rows of Keras where it is installed. Raises `ModelError` when none of `images` can be
    read.
    """
    pixels = [image.pixels for image in stream_images(images[:IN_MEMORY]) if isinstance(image, DecodedImage)]
    if not pixels:
        raise ModelError("none of the photographs can be read; expected some to measure with")
    with_keras = keras and can_import("keras") and (bundle.folder / CLASSIFIER).is_file()
    contenders = list_contenders(bundle, pixels, images, with_keras)
    seconds: dict[str, list[float]] = {what: [] for what in contenders}
    rounds = [(what, run) for _ in range(REPEATS) for what, run in contenders.items()]
    for what, run in progress(rounds, total=len(rounds), label="measurements"):
        seconds[what].append(run())
    gemm, flops = {p: measure_gemm(p) for p in list_precisions()}, count_flops(bundle.folder / GRAPH)
    rates = tuple(
        Rate(what, 1 / statistics.median(times), share_of_limit(what, statistics.median(times), gemm, flops))
        for what, times in seconds.items()
    )
    p50, p99 = measure_latency(Predictor(bundle, count=1).session, pixels[0])
    cold = statistics.median(
        time_command(
            [sys.executable, "-m", "lentigo", "predict", str(images[0]), "--model", str(bundle.folder)]
        )
        for _ in range(REPEATS)
    )
    parts = json.loads(run_quietly([sys.executable, "-c", COLD_PARTS, str(bundle.folder), str(images[0])]))
    cold_keras = (
        time_command([sys.executable, "-c", COLD_KERAS, str(bundle.folder / CLASSIFIER), str(images[0])])
        if with_keras
        else None
    )
    return Benchmark(bundle.name, rates, gemm, flops, p50, p99, cold, parts, cold_keras)


def list_contenders(
    bundle: Bundle, pixels: list[np.ndarray], images: Sequence[str | Path], keras: bool
) -> dict[str, Callable[[], float]]:
    """By its name each way to answer: a function that answers and gives the seconds a photograph took."""
    contenders: dict[str, Callable[[], float]] = {}
    if keras:
        contenders[KERAS] = prepare_keras(bundle, np.stack(pixels[:KERAS_PHOTOS]))
    for precision in list_precisions():
        contenders[f"in memory, {precision}"] = prepare_session(
            Session(bundle.folder / GRAPH, precision=precision), pixels
        )
    if INT8_GRAPH in bundle.card["files"]:
        contenders["in memory, int8"] = prepare_session(Session(bundle.folder / INT8_GRAPH), pixels)
    predictor = Predictor(bundle)
    contenders[f"in memory, as predict does ({predictor.session.precision})"] = prepare_session(
        predictor.session, pixels
    )
    contenders[FILES] = lambda: time_each(lambda: sum(1 for _ in predictor.predict(images)), len(images))
    return contenders


def prepare_session(session: Any, pixels: list[np.ndarray]) -> Callable[[], float]:
    """A warm session as a contender."""
    session.answer(np.stack(pixels[: 4 * BATCH]))
    return lambda: time_each(lambda: sum(1 for _ in session.stream(pixels)), len(pixels))


def prepare_keras(bundle: Bundle, pixels: np.ndarray) -> Callable[[], float]:
    """The RUN's Keras model, warm, as a contender."""
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import open_network

    network = open_network(bundle.folder / CLASSIFIER, find_backbone(bundle.card["backbone"]))
    model = network.classifier or network.feature_extractor  # a RUN without a classifier has no logit
    model.predict(pixels[:KERAS_BATCH], verbose=0)
    return lambda: time_each(lambda: model.predict(pixels, batch_size=KERAS_BATCH, verbose=0), len(pixels))


def time_each(answer: Callable[[], Any], count: int) -> float:
    """Seconds for each of `count` photographs that one call answers."""
    started = time.perf_counter()
    answer()
    return (time.perf_counter() - started) / count


def list_precisions() -> list[str]:
    """ "f32", and "bf16" where the processor has it."""
    return sorted({"f32", fastest_precision()}, reverse=True)


def share_of_limit(what: str, seconds: float, gemm: dict[str, float], flops: float) -> float | None:
    """The share of the GEMM limit that a row reaches, for the rows whose precision has a limit."""
    limit = next((limit for precision, limit in gemm.items() if what == f"in memory, {precision}"), None)
    return flops / seconds / limit if limit else None


def measure_latency(session: Any, image: np.ndarray) -> tuple[float, float]:
    """Median and 99th percentile, in seconds, of a single photograph in memory, the session warm."""
    times = [time_each(lambda: session.answer(image[None]), 1) for _ in range(WARM_UP + CALLS)][WARM_UP:]
    return tuple(np.percentile(times, [50, 99]).tolist())


def measure_gemm(precision: str) -> float:
    """FLOP/s of a product of two square matrices, the most that a network could reach: the best of
    several.
    """
    left = opset.parameter([GEMM_SIDE, GEMM_SIDE], np.float32)
    right = opset.constant(
        np.random.default_rng(0).standard_normal((GEMM_SIDE, GEMM_SIDE)).astype(np.float32)
    )
    model = openvino.Model([opset.matmul(left, right, False, False)], [left])
    compiled = openvino.Core().compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    )
    request, values = compiled.create_infer_request(), np.ones((GEMM_SIDE, GEMM_SIDE), np.float32)
    return (
        2
        * GEMM_SIDE**3
        / min(time_each(lambda: request.infer({0: values}, share_inputs=True), 1) for _ in range(4 * REPEATS))
    )


def count_flops(graph: Path) -> float:
    """Floating-point operations of one photograph in convolutions and matrix products: two for each
    multiplication.
    """
    model = openvino.Core().read_model(graph)
    model.reshape([1, *list(model.inputs[0].partial_shape)[1:]])
    return float(
        sum(2 * math.prod(op.get_output_shape(0)) * inner_size(op) for op in model.get_ordered_ops())
    )


def inner_size(op: openvino.Node) -> int:
    """Multiplications for each number that an operation gives; 0 for those that do not count."""
    kind = op.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "MatMul"):
        return 0
    shape = op.get_input_shape(1)
    if kind == "MatMul":
        return (
            shape[-1] if op.get_attributes().get("transpose_b") else shape[-2] if len(shape) > 1 else shape[0]
        )
    return math.prod(shape[1:] if kind == "Convolution" else shape[2:])


def can_import(name: str) -> bool:
    """Whether a package is installed, without importing it."""
    from importlib.util import find_spec

    return find_spec(name) is not None


def time_command(command: list[str]) -> float:
    """Seconds from the start of a process to its end."""
    started = time.perf_counter()
    run_quietly(command)
    return time.perf_counter() - started


def run_quietly(command: list[str]) -> str:
    """What a process prints. Raises `ModelError` with its last words where it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ModelError(
            f"{' '.join(command[:4])} ... failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
        )
    return done.stdout
