"""How fast this machine predicts: rates, latency and cold start, beside Keras and beside the processor's limit."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import ModelError
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.inference.prediction import Predictor
from lentigo.models.bundle import CLASSIFIER, GRAPH, INT8_GRAPH, Bundle
from lentigo.models.compilation import fastest_precision
from lentigo.models.engine import openvino
from lentigo.models.runtime import BATCH, InferenceSession, Session

KERAS_ROW = "Keras predict, fp32"
IN_MEMORY = "in memory, as predict"  # how the name of that row begins
DECODER_ROW = "limit: decoding alone"
FILES_ROW = "files, from disk to answer"
REPEATS = 5  # of each measurement, all of them in turn, so that a busy minute hurts none alone
MAX_IN_MEMORY = 256  # photographs
KERAS_IMAGES = 64
KERAS_BATCH = 32
WARM_UP_CALLS = 10  # single photographs before those that are timed
TIMED_CALLS = 300  # single photographs for the percentiles
GEMM_SIDE = 2048  # rows and columns of the matrices

opset = openvino.opset13

# A cold `lentigo predict` in parts; prints the seconds of each as JSON
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
predictor = Predictor(sys.argv[1], count=1, explained=False); lap("load the compiled graph, check the hashes meanwhile")
list(predictor.predict([sys.argv[2]])); lap("read and answer")
print(json.dumps(laps))
"""
# The least that a script with Keras does for one photograph
COLD_KERAS = """
import sys, keras, numpy as np
model = keras.models.load_model(sys.argv[1])
image = keras.utils.load_img(sys.argv[2], target_size=(224, 224))
print(model.predict(np.array(image)[None], verbose=0))
"""


@dataclass(frozen=True)
class Rate:
    """How fast one way to predict is.

    Attributes:
        what: The way.
        rate: Photographs a second, the median of the repeats.
        share: Of the measured limit of matrix products; None where there is none for it.
    """

    what: str
    rate: float
    share: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """What was measured on this machine; times in seconds.

    Attributes:
        model: The name of the RUN.
        rates: Of each way to predict that could be measured.
        gemm: FLOP/s of a matrix product, by precision.
        flops: Floating-point operations of one photograph.
        latency_p50: Of one warm photograph in memory, the median.
        latency_p99: The same, the 99th percentile.
        cold: Of `lentigo predict one.jpg`, from the shell and back.
        cold_parts: Where that time goes.
        cold_keras: Of a minimal Keras script; None where it was not measured.
    """

    model: str
    rates: tuple[Rate, ...]
    gemm: dict[str, float]
    flops: float
    latency_p50: float
    latency_p99: float
    cold: float
    cold_parts: dict[str, float]
    cold_keras: float | None

    def find_rate(self, start: str) -> float | None:
        """Finds the rate of the first row whose name starts so; None where it was not measured.

        Args:
            start: Of the name.
        """
        return next((row.rate for row in self.rates if row.what.startswith(start)), None)

    def list_limits(self) -> dict[str, float | None]:
        """What whole commands are compared with: photographs a second in memory (`memory`), and of Keras
        (`keras`); None where not measured.
        """
        return {"memory": self.find_rate(IN_MEMORY), "keras": self.find_rate(KERAS_ROW)}

    def tabulate_rates(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows, as text: the rates beside Keras', and the limits."""
        rows = [self.describe_rate(row) for row in self.rates]
        for name, limit in self.gemm.items():
            per_second = f"{limit / self.flops:.0f}"
            rows.append([f"limit: matrix product, {name}", per_second, "", f"{limit / 1e12:.2f} TFLOP/s", ""])
        return ["what", "photographs/s", "of Keras", "of the limit", ""], rows

    def describe_rate(self, row: Rate) -> list[str]:
        """A row of the table of rates."""
        keras = self.find_rate(KERAS_ROW)
        in_memory = self.find_rate(IN_MEMORY)
        note = ""
        if row.what == FILES_ROW and in_memory:
            note = f"{row.rate / in_memory:.0%} of the row above"
        return [
            row.what,
            f"{row.rate:.1f}",
            f"{row.rate / keras:.1f}x" if keras else "",
            f"{row.share:.0%}" if row.share else "",
            note,
        ]

    def tabulate_times(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows, as text: one warm photograph, and where the time of the first answer goes."""
        around = self.cold - sum(self.cold_parts.values())
        rows = [
            ["one photograph in memory, warm: median", f"{1000 * self.latency_p50:.1f}"],
            ["the same: 99th percentile", f"{1000 * self.latency_p99:.1f}"],
            ["`lentigo predict one.jpg`, from the shell and back", f"{1000 * self.cold:.0f}"],
        ]
        for name, seconds in self.cold_parts.items():
            rows.append([f"of it: {name}", f"{1000 * seconds:.0f}"])
        rows.append(["of it: start and end of the process", f"{1000 * around:.0f}"])
        if self.cold_keras is not None:
            factor = self.cold_keras / self.cold
            rows.append(["a minimal Keras script", f"{1000 * self.cold_keras:.0f} ({factor:.1f}x)"])
        return ["what", "ms"], rows

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def measure_machine(
    bundle: Bundle, images: Sequence[str | Path], *, keras: bool = True, progress: Progress = show_nothing
) -> Benchmark:
    """Measures a RUN on photographs: in memory in every precision, from their files, one at a time, and from
    a cold start.

    Args:
        bundle: The RUN.
        images: Paths of photographs.
        keras: Whether Keras is measured too, where it is installed.
        progress: Watches the measurements go by.

    Raises:
        ModelError: None of the photographs can be read.
    """
    decoded = stream_images(images[:MAX_IN_MEMORY])
    pixels = [image.pixels for image in decoded if isinstance(image, DecodedImage)]
    if not pixels:
        raise ModelError("none of the photographs can be read; expected some to measure with")
    with_keras = keras and can_import("keras")
    contenders = list_contenders(bundle, pixels, images, with_keras)
    seconds: dict[str, list[float]] = {what: [] for what in contenders}
    rounds = list(contenders.items()) * REPEATS
    for what, run in progress(rounds, total=len(rounds), label="measurements"):
        seconds[what].append(run())
    gemm = {precision: measure_gemm(precision) for precision in list_precisions()}
    flops = count_flops(bundle.folder / GRAPH)
    rates = []
    for what, times in seconds.items():
        median = statistics.median(times)
        rates.append(Rate(what, 1 / median, share_of_limit(what, median, gemm, flops)))
    latency_p50, latency_p99 = measure_latency(Predictor(bundle, count=1).session, pixels[0])
    return Benchmark(
        model=bundle.name,
        rates=tuple(rates),
        gemm=gemm,
        flops=flops,
        latency_p50=latency_p50,
        latency_p99=latency_p99,
        cold=measure_cold_start(bundle, images[0]),
        cold_parts=measure_cold_parts(bundle, images[0]),
        cold_keras=measure_cold_keras(bundle, images[0]) if with_keras and has_network(bundle) else None,
    )


def has_network(bundle: Bundle) -> bool:
    """Whether a RUN has its Keras model, for further training."""
    return (bundle.folder / CLASSIFIER).is_file()


def measure_cold_start(bundle: Bundle, image: str | Path) -> float:
    """Seconds of `lentigo predict` for one photograph, the median of several."""
    command = [sys.executable, "-m", "lentigo", "predict", str(image), "--model", str(bundle.folder)]
    return statistics.median(time_command(command) for _ in range(REPEATS))


def measure_cold_parts(bundle: Bundle, image: str | Path) -> dict[str, float]:
    """Seconds of each part of a cold start."""
    printed = run_quietly([sys.executable, "-c", COLD_PARTS, str(bundle.folder), str(image)])
    return json.loads(printed)


def measure_cold_keras(bundle: Bundle, image: str | Path) -> float:
    """Seconds of a minimal Keras script for one photograph."""
    return time_command([sys.executable, "-c", COLD_KERAS, str(bundle.folder / CLASSIFIER), str(image)])


def list_contenders(
    bundle: Bundle, pixels: list[np.ndarray], images: Sequence[str | Path], keras: bool
) -> dict[str, Callable[[], float]]:
    """By its name each way to predict: a function that predicts and gives the seconds a photograph took."""
    graph = bundle.folder / GRAPH
    contenders: dict[str, Callable[[], float]] = {}
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


def prepare_session(session: InferenceSession, pixels: list[np.ndarray]) -> Callable[[], float]:
    """A warm session as a contender."""
    session.run(np.stack(pixels[: 4 * BATCH]))
    return lambda: time_each(lambda: exhaust(session.stream(pixels)), len(pixels))


def prepare_keras(bundle: Bundle, pixels: np.ndarray) -> Callable[[], float]:
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


def time_each(call: Callable[[], Any], count: int) -> float:
    """Times a call that predicts several photographs.

    Args:
        call: Predicts them.
        count: Their number.

    Returns:
        Seconds for each.
    """
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) / count


def list_precisions() -> list[str]:
    """ "f32", and "bf16" where the processor has it."""
    return sorted({"f32", fastest_precision()}, reverse=True)


def share_of_limit(what: str, seconds: float, gemm: dict[str, float], flops: float) -> float | None:
    """The share of the GEMM limit that a row reaches, for the rows whose precision has a limit."""
    for precision, limit in gemm.items():
        if what == f"in memory, {precision}":
            return flops / seconds / limit
    return None


def measure_latency(session: InferenceSession, image: np.ndarray) -> tuple[float, float]:
    """Median and 99th percentile, in seconds, of a single photograph in memory, the session warm."""
    times = [time_each(lambda: session.run(image[None]), 1) for _ in range(WARM_UP_CALLS + TIMED_CALLS)]
    median, late = np.percentile(times[WARM_UP_CALLS:], [50, 99])
    return float(median), float(late)


def measure_gemm(precision: str) -> float:
    """FLOP/s of a product of two square matrices, the most that a network could reach: the best of
    several.
    """
    numbers = np.random.default_rng(0).standard_normal((GEMM_SIDE, GEMM_SIDE)).astype(np.float32)
    left = opset.parameter([GEMM_SIDE, GEMM_SIDE], np.float32)
    right = opset.constant(numbers)
    model = openvino.Model([opset.matmul(left, right, False, False)], [left])
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
    ones = np.ones((GEMM_SIDE, GEMM_SIDE), np.float32)
    times = [time_each(lambda: request.infer({0: ones}, share_inputs=True), 1) for _ in range(4 * REPEATS)]
    operations = 2 * GEMM_SIDE**3  # a product and a sum for each
    return operations / min(times)


def count_flops(graph: Path) -> float:
    """Counts the floating-point operations of one photograph in convolutions and matrix products.

    Args:
        graph: The file of an ONNX graph.

    Returns:
        Two for each multiplication.
    """
    model = openvino.Core().read_model(graph)
    model.reshape([1, *list(model.inputs[0].partial_shape)[1:]])
    flops = 0
    for operation in model.get_ordered_ops():
        flops += 2 * math.prod(operation.get_output_shape(0)) * count_products(operation)
    return float(flops)


def count_products(operation: openvino.Node) -> int:
    """Multiplications for each number that an operation gives; 0 for those that do not count."""
    kind = operation.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "MatMul"):
        return 0
    shape = operation.get_input_shape(1)
    if kind == "Convolution":  # (outputs, inputs, height, width)
        return math.prod(shape[1:])
    if kind == "GroupConvolution":  # (groups, outputs, inputs, height, width)
        return math.prod(shape[2:])
    if operation.get_attributes().get("transpose_b"):
        return shape[-1]
    return shape[-2] if len(shape) > 1 else shape[0]


def can_import(name: str) -> bool:
    """Whether a package is installed, without importing it."""
    from importlib.util import find_spec

    return find_spec(name) is not None


def time_command(command: list[str]) -> float:
    """Seconds from the start of a process to its end.

    Args:
        command: Program and arguments.
    """
    started = time.perf_counter()
    run_quietly(command)
    return time.perf_counter() - started


def run_quietly(command: list[str]) -> str:
    """Runs a process and catches what it prints.

    Args:
        command: Its words.

    Returns:
        Its standard output.

    Raises:
        ModelError: It fails; the message has its last words.
    """
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ModelError(f"{' '.join(command[:4])} ... failed: {lines[-1]}")
    return done.stdout
