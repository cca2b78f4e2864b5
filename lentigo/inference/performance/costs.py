"""What a prediction costs: time, memory, size and arithmetic of a graph, measured in a process of its own."""

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
from lentigo.inference.performance.machine_limits import count_flops
from lentigo.inference.performance.timing import run_quietly
from lentigo.models.engine import openvino
from lentigo.models.inference_session import BATCH
from lentigo.models.runtime import Session

WARM_UP_CALLS = 3  # single photographs before those that are timed
MAX_TIMED_CALLS = 30  # single photographs
MAX_SECONDS = 5.0  # of all calls: a slow graph gets fewer
ROUNDS = 4  # of many photographs, the first to warm up
IMAGES = 8 * BATCH  # at a time, for the rate
# What the measuring process runs
PROGRAM = (
    "import sys; "
    "from lentigo.inference.performance.costs import report_use; report_use(sys.argv[1], sys.argv[2])"
)


@dataclass(frozen=True)
class Cost:
    """What one photograph costs on this machine.

    Attributes:
        parameters: Of the model.
        multiplications: Of one photograph.
        milliseconds_alone: Of a photograph by itself, the median.
        milliseconds_among_many: Of each of many, the median.
        memory_megabytes: What a process that only predicts holds at its peak; None where the system does not
            say.
        megabytes: Of the graph on disk.
        precision: What was computed in.
    """

    parameters: int
    multiplications: int
    milliseconds_alone: float
    milliseconds_among_many: float
    memory_megabytes: float | None
    megabytes: float
    precision: str

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def measure_cost(graph: Path, parameters: int, precision: str) -> Cost:
    """Measures the cost of an ONNX graph.

    Args:
        graph: The file.
        parameters: Of the model.
        precision: "f32" or "bf16".

    Raises:
        ModelError: It cannot be run.
    """
    printed = run_quietly([sys.executable, "-c", PROGRAM, str(graph), precision])
    use = json.loads(printed.splitlines()[-1])  # libraries may have said something before
    return Cost(
        parameters=parameters,
        multiplications=round(count_flops(graph) / 2),
        **use,
        megabytes=graph.stat().st_size / 1e6,
        precision=precision,
    )


def report_use(graph: str, precision: str) -> None:
    """Prints what predicting takes here, as JSON; the whole of a measuring process.

    Args:
        graph: The file of an ONNX graph.
        precision: "f32" or "bf16".
    """
    content = Path(graph).read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    seconds_alone = time_alone(Session(content, precision=precision, batch=1), noise[:1])
    seconds_among_many = time_many(Session(content, precision=precision), noise)
    use = {
        "milliseconds_alone": 1000 * seconds_alone,
        "milliseconds_among_many": 1000 * seconds_among_many,
        "memory_megabytes": read_peak(),
    }
    print(json.dumps(use))


def time_alone(session: Session, image: np.ndarray) -> float:
    """Seconds of one photograph, (1, side, side, 3), by itself: the median of at most 30 calls in about five
    seconds.
    """
    times: list[float] = []
    while len(times) < WARM_UP_CALLS + MAX_TIMED_CALLS:
        if len(times) > WARM_UP_CALLS and sum(times) >= MAX_SECONDS:
            break
        times.append(time_call(session, image))
    return statistics.median(times[WARM_UP_CALLS:])


def time_many(session: Session, images: np.ndarray) -> float:
    """Seconds of each of many photographs, (n, side, side, 3): the median of three rounds after one to warm
    up.
    """
    times = [time_call(session, images) for _ in range(ROUNDS)]
    return statistics.median(times[1:]) / len(images)


def time_call(session: Session, images: np.ndarray) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    session.run(images)
    return time.perf_counter() - started


def read_peak() -> float | None:
    """The most memory that this process has held, in megabytes; None where the system does not say.

    Linux' own mark: that of `getrusage` passes from the process that started this one.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM:"):
            kibibytes = int(line.split()[1])
            return kibibytes * 1024 / 1e6
    return None


def name_machine() -> str:
    """What times depend on: processor, cores, system."""
    processor = openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}"
