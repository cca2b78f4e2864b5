"""What an answer costs: time, memory, size and arithmetic of a graph, measured in a process of its own."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.images.photographs import SIDE
from lentigo.inference.benchmark import count_flops, run_quietly
from lentigo.models.engine import openvino
from lentigo.models.runtime import BATCH, Session

WARM_UP, CALLS, MOST_SECONDS = 3, 30, 5.0  # single photographs; a slow graph gets fewer
PHOTOS = 8 * BATCH  # at a time, for the rate
PROGRAM = "import sys; from lentigo.inference.costs import report_use; report_use(sys.argv[1], sys.argv[2])"


@dataclass(frozen=True)
class Cost:
    """Of one photograph: `multiplications`, and milliseconds on this machine, alone and among many; medians.

    `megabytes` are those of the graph on disk, `memory_megabytes` those that a process which only answers
    holds at its peak, None where the system does not say; `precision` is what was computed in.
    """

    parameters: int
    multiplications: int
    milliseconds_alone: float
    milliseconds_among_many: float
    memory_megabytes: float | None
    megabytes: float
    precision: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_cost(graph: Path, parameters: int, precision: str) -> Cost:
    """The cost of an ONNX graph at "f32" or "bf16". Raises `ModelError` where it cannot be run."""
    use = json.loads(run_quietly([sys.executable, "-c", PROGRAM, str(graph), precision]).splitlines()[-1])
    return Cost(
        parameters,
        round(count_flops(graph) / 2),
        **use,
        megabytes=graph.stat().st_size / 1e6,
        precision=precision,
    )


def report_use(graph: str, precision: str) -> None:
    """Prints what answering takes here, as JSON; the whole of a measuring process."""
    noise = np.random.default_rng(0).integers(0, 256, (PHOTOS, SIDE, SIDE, 3), dtype=np.uint8)
    use = {
        "milliseconds_alone": 1000
        * time_alone(Session(Path(graph).read_bytes(), precision=precision, batch=1), noise[:1]),
        "milliseconds_among_many": 1000
        * time_many(Session(Path(graph).read_bytes(), precision=precision), noise),
        "memory_megabytes": read_peak(),
    }
    print(json.dumps(use))


def time_alone(session: Session, image: np.ndarray) -> float:
    """Seconds of one photograph, (1, side, side, 3), by itself: the median of at most 30 calls in about five
    seconds.
    """
    times: list[float] = []
    while len(times) < WARM_UP + CALLS and (len(times) <= WARM_UP or sum(times) < MOST_SECONDS):
        times.append(time_call(session, image))
    return statistics.median(times[WARM_UP:])


def time_many(session: Session, images: np.ndarray) -> float:
    """Seconds of each of many photographs, (n, side, side, 3): the median of three rounds after one to warm
    up.
    """
    return statistics.median([time_call(session, images) for _ in range(4)][1:]) / len(images)


def time_call(session: Session, images: np.ndarray) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    session.answer(images)
    return time.perf_counter() - started


def read_peak() -> float | None:
    """The most memory that this process has held, in megabytes; None where the system does not say.

    Linux' own mark: that of `getrusage` passes from the process that started this one.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), None)


def name_machine() -> str:
    """What times depend on: processor, cores, system."""
    return f"{openvino.Core().get_property('CPU', 'FULL_DEVICE_NAME')}, {os.cpu_count()} cores, {platform.system()}"
