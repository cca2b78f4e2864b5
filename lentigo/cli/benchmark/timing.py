"""Timing a command from outside: the clock, and the processor time of it and of all that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Any

from lentigo.errors import ModelError

MAX_SECONDS = 3600.0  # of one command
CLOCK_TICKS = "SC_CLK_TCK"  # of the processor times in /proc


@dataclass(frozen=True)
class Timed:
    """One run of a command.

    Attributes:
        seconds: By the clock.
        cpu: Seconds of all processors, its own processes included; None where the system does not say.
        first: Seconds until its first line on stdout.
    """

    seconds: float
    cpu: float | None
    first: float


@dataclass(frozen=True)
class Measurement:
    """What several runs of one command took.

    Attributes:
        what: The command, for people.
        photographs: How many it worked on.
        seconds: By the clock, the median.
        cpu_ms: Milliseconds of all processors for a photograph, the median; None where the system does not
            say. Where other programs run beside, it is the more trustworthy number.
        first: Seconds until the first line on stdout, the median.
        p50_ms: Of a request, where it is a service; else None.
        p99_ms: The same, the 99th percentile.
    """

    what: str
    photographs: int
    seconds: float
    cpu_ms: float | None
    first: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None

    @property
    def rate(self) -> float:
        """Photographs a second."""
        return self.photographs / self.seconds

    def to_json(self) -> dict[str, Any]:
        """The fields, and the rate."""
        return asdict(self) | {"rate": self.rate}


def make_environment(tree: str | Path | None) -> dict[str, str]:
    """The environment of a command.

    Args:
        tree: A folder that holds another version of the package `lentigo`; None for this one.
    """
    folder = Path(tree) if tree is not None else Path(__file__).parents[3]  # above lentigo/cli/benchmark
    # Without a safe path, Python would look into the working folder first, which may be a checkout itself
    return os.environ | {"PYTHONPATH": str(folder.absolute()), "PYTHONSAFEPATH": "1"}


def time_command(words: Sequence[str], tree: str | Path | None = None, timeout: float = MAX_SECONDS) -> Timed:
    """Runs `lentigo` with some words, and throws away what it prints.

    Args:
        words: After `lentigo`.
        tree: As for `make_environment`.
        timeout: Seconds after which it is ended.

    Raises:
        ModelError: The command fails, the message has its last words; or it takes too long.
    """
    before = read_children()
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "lentigo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=make_environment(tree),
        text=True,
    )
    alarm = Timer(timeout, process.kill)
    alarm.start()
    try:
        assert process.stdout is not None
        process.stdout.readline()
        first = time.perf_counter() - started
        _, errors = process.communicate()
    finally:
        alarm.cancel()
        process.kill()  # where this process was stopped; no error where it has ended
        process.wait()
    seconds = time.perf_counter() - started
    name = f"lentigo {' '.join(words[:2])} ..."
    if process.returncode and seconds >= timeout:
        raise ModelError(f"{name} was ended after {seconds:.0f} s; expected it within the time of a bench")
    if process.returncode:
        lines = errors.strip().splitlines() or ["no message"]
        raise ModelError(
            f"{name} failed ({lines[-1]}); expected it to work on these photographs: run it by itself"
        )
    after = read_children()
    cpu = None
    if before is not None and after is not None:
        cpu = after - before
    return Timed(seconds, cpu, first)


def read_children() -> float | None:
    """Processor seconds of all child processes that have ended; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_process(pid: int) -> float | None:
    """Processor seconds that a process has used so far; None where the system does not say.

    Args:
        pid: Its number.
    """
    try:
        # Behind the name of the program, which stands in brackets and may hold spaces
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    user_ticks = int(fields[11])
    system_ticks = int(fields[12])
    return (user_ticks + system_ticks) / os.sysconf(CLOCK_TICKS)


def summarise(what: str, photographs: int, runs: Sequence[Timed]) -> Measurement:
    """The medians of several runs.

    Args:
        what: The command, for people.
        photographs: How many it worked on.
        runs: One at least.

    >>> summarise("predict", 10, [Timed(2.0, 1.0, 0.5)]).rate
    5.0
    """
    cpu = [run.cpu for run in runs if run.cpu is not None]
    return Measurement(
        what=what,
        photographs=photographs,
        seconds=median(run.seconds for run in runs),
        cpu_ms=1000 * median(cpu) / photographs if cpu else None,
        first=median(run.first for run in runs),
    )
