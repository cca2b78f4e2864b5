"""How fast this machine predicts: rates, latency and cold start, beside Keras and beside the processor's
limit. Each is a step of its own, so that what was measured stands when a later step fails or is stopped.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import ModelError
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.inference.performance.cold_start import (
    measure_cold_keras,
    measure_cold_parts,
    measure_cold_start,
)
from lentigo.inference.performance.contenders import (
    FILES_ROW,
    IN_MEMORY,
    KERAS_ROW,
    has_network,
    list_contenders,
)
from lentigo.inference.performance.machine_limits import count_flops, list_precisions, measure_gemm
from lentigo.inference.performance.timing import REPEATS, time_each
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import GRAPH, Bundle
from lentigo.models.inference_session import InferenceSession

MAX_IN_MEMORY = 256  # photographs
WARM_UP_CALLS = 10  # single photographs before those that are timed
TIMED_CALLS = 300  # single photographs for the percentiles
COLD_ROW = "`lentigo predict one.jpg`, from the shell and back"


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
    """What was measured on this machine so far; times in seconds, None where they are not measured.

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
    rates: tuple[Rate, ...] = ()
    gemm: dict[str, float] = field(default_factory=dict)
    flops: float | None = None
    latency_p50: float | None = None
    latency_p99: float | None = None
    cold: float | None = None
    cold_parts: dict[str, float] = field(default_factory=dict)
    cold_keras: float | None = None

    def find_rate(self, start: str) -> float | None:
        """Finds the rate of the first row whose name starts so; None where it was not measured.

        Args:
            start: Of the name.
        """
        for row in self.rates:
            if row.what.startswith(start):
                return row.rate
        return None

    def list_limits(self) -> dict[str, float | None]:
        """What whole commands are compared with: photographs a second in memory (`memory`), and of Keras
        (`keras`); None where not measured.
        """
        return {"memory": self.find_rate(IN_MEMORY), "keras": self.find_rate(KERAS_ROW)}

    def tabulate_rates(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows, as text: the rates beside Keras', and the limits."""
        rows = [self.describe_rate(row) for row in self.rates]
        for name, limit in self.gemm.items():
            per_second = f"{limit / self.flops:.0f}" if self.flops else ""
            rows.append([f"limit: matrix product, {name}", per_second, "", f"{limit / 1e12:.2f} TFLOP/s", ""])
        return ["what", "photographs/s", "of Keras", "of the limit", ""], rows

    def describe_rate(self, row: Rate) -> list[str]:
        """A row of the table of rates, as text.

        Args:
            row: Of one way to predict.
        """
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
        named = {
            "one photograph in memory, warm: median": self.latency_p50,
            "the same: 99th percentile": self.latency_p99,
            COLD_ROW: self.cold,
        }
        rows = []
        for name, seconds in named.items():
            if seconds is not None:
                rows.append([name, f"{1000 * seconds:.1f}"])
        if self.cold is not None:
            parts = self.cold_parts | {
                "start and end of the process": self.cold - sum(self.cold_parts.values())
            }
            rows += [[f"of it: {name}", f"{1000 * seconds:.1f}"] for name, seconds in parts.items()]
        if self.cold_keras is not None:
            factor = f" ({self.cold_keras / self.cold:.1f}x)" if self.cold else ""
            rows.append(["a minimal Keras script", f"{1000 * self.cold_keras:.1f}{factor}"])
        return ["what", "ms"], rows

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


MachineStep = Callable[[Benchmark], Benchmark]  # measures something more


def list_machine_steps(
    bundle: Bundle, images: Sequence[str | Path], *, keras: bool = True, progress: Progress = show_nothing
) -> dict[str, MachineStep]:
    """Lists what is measured of a RUN on photographs: in memory in every precision and from their files, one
    at a time, and from a cold start.

    Args:
        bundle: The RUN.
        images: Paths of photographs.
        keras: Whether Keras is measured too, where it is installed.
        progress: Watches the measurements go by.

    Returns:
        By its name each step, in the order in which they are taken.

    Raises:
        ModelError: None of the photographs can be read.
    """
    decoded = stream_images(images[:MAX_IN_MEMORY])
    pixels = [image.pixels for image in decoded if isinstance(image, DecodedImage)]
    if not pixels:
        raise ModelError("none of the photographs can be read; expected some to measure with")
    with_keras = keras and find_spec("keras") is not None

    def measure_rates(result: Benchmark) -> Benchmark:
        seconds = time_contenders(bundle, pixels, images, with_keras, progress)
        gemm = {precision: measure_gemm(precision) for precision in list_precisions()}
        flops = count_flops(bundle.folder / GRAPH)
        rates = []
        for what, median in seconds.items():
            rates.append(Rate(what, 1 / median, share_of_limit(what, median, gemm, flops)))
        return replace(result, rates=tuple(rates), gemm=gemm, flops=flops)

    def measure_warm(result: Benchmark) -> Benchmark:
        median, late = measure_latency(Predictor(bundle, count=1).session, pixels[0])
        return replace(result, latency_p50=median, latency_p99=late)

    def measure_cold(result: Benchmark) -> Benchmark:
        seconds = measure_cold_start(bundle, images[0])
        return replace(result, cold=seconds, cold_parts=measure_cold_parts(bundle, images[0]))

    steps: dict[str, MachineStep] = {
        "ways to predict": measure_rates,
        "one warm photograph": measure_warm,
        "a cold start": measure_cold,
    }
    if with_keras and has_network(bundle):
        steps["a minimal Keras script"] = lambda result: replace(
            result, cold_keras=measure_cold_keras(bundle, images[0])
        )
    return steps


def time_contenders(
    bundle: Bundle,
    pixels: list[np.ndarray],
    images: Sequence[str | Path],
    with_keras: bool,
    progress: Progress,
) -> dict[str, float]:
    """By its name the seconds that a photograph takes each way to predict: the median of several rounds."""
    contenders = list_contenders(bundle, pixels, images, with_keras)
    seconds: dict[str, list[float]] = {what: [] for what in contenders}
    rounds = list(contenders.items()) * REPEATS  # all in turn: a busy minute hurts none alone
    for what, run in progress(rounds, total=len(rounds), label="measurements"):
        seconds[what].append(run())
    return {what: statistics.median(times) for what, times in seconds.items()}


def share_of_limit(what: str, seconds: float, gemm: dict[str, float], flops: float) -> float | None:
    """The share of the GEMM limit that a row reaches, for the rows whose precision has a limit."""
    for precision, limit in gemm.items():
        if what == f"in memory, {precision}":
            return flops / seconds / limit
    return None


def measure_latency(session: InferenceSession, image: np.ndarray) -> tuple[float, float]:
    """Median and 99th percentile, in seconds, of a single photograph in memory, the session warm."""
    times = [time_each(lambda: session.run(image[None]), 1) for _ in range(WARM_UP_CALLS + TIMED_CALLS)]
    # The first calls allocate memory, and find the processor slow
    median, late = np.percentile(times[WARM_UP_CALLS:], [50, 99])
    return float(median), float(late)
