"""The commands that people wait for, whole, from the shell and back: a folder, one photograph, masks, the
service, the audit, a training. Two versions of the package can be timed in turn.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lentigo.cli.benchmark.service_load import CLIENTS, measure_service
from lentigo.cli.benchmark.timing import Measurement, Timed, summarise, time_command
from lentigo.errors import ModelError

ROUNDS = 3  # of each command, all of them in turn, so that a busy minute hurts none alone
COLD_ROUNDS = 7  # of the one photograph, whose time is short
SERVICE_PHOTOGRAPHS = 400  # sent to the service
MAX_STEP_SECONDS = 60.0  # of the rounds of one command, after which no further one begins
TRAINING_EPOCHS = 150  # of the recipe `seed`
# Names of the commands, as the table has them
FOLDER = "lentigo predict PHOTOGRAPHS"
ONE = "lentigo predict one.jpg"
SEGMENT = "lentigo segment PHOTOGRAPHS"
SERVICE = f"lentigo serve, {CLIENTS} clients"
AUDIT = "lentigo audit DATA"
SEED = "lentigo train --recipe seed"
# The order in which they are measured: what takes long comes last
ORDER = (ONE, FOLDER, SEGMENT, SERVICE, AUDIT, SEED)
Run = TypeVar("Run", Timed, Measurement)


@dataclass(frozen=True)
class Job:
    """What is measured: a model on photographs.

    Attributes:
        model: A RUN or "bundled".
        images: The photographs.
        data: A data set, to audit and to train on.
        data_count: How many photographs it holds.
        start: The words of `lentigo train` that say backbone and weights.
        work: A folder for what commands write.
        trees: By a name the folders of the versions to be measured; None is this one.
    """

    model: str
    images: Sequence[str]
    data: str
    data_count: int
    start: Sequence[str]
    work: Path
    trees: dict[str, Path | None]


@dataclass(frozen=True)
class Command:
    """A command that is timed.

    Attributes:
        make_words: Gives its words, with nothing kept from the run before.
        photographs: How many it works on.
    """

    make_words: Callable[[], list[str]]
    photographs: int


def measure_command(what: str, job: Job, deadline: float) -> list[Measurement]:
    """Measures one command, or the service, in each version: several rounds, the versions in turn, so that a
    busy minute hurts none alone; a command that takes long has fewer.

    Args:
        what: Its name, one of `list_commands` or `SERVICE`.
        job: What is measured.
        deadline: When all has to be done, by `time.monotonic`.

    Returns:
        Of each version one.

    Raises:
        ModelError: It fails, or there is no time left for it.
    """
    if what == SERVICE:
        contents = [Path(image).read_bytes() for image in job.images]

        def serve(tree: Path | None) -> Measurement:
            return measure_service(job.model, contents, SERVICE_PHOTOGRAPHS, tree)

        return [take_middle(runs) for runs in take_turns(what, serve, job, ROUNDS, deadline)]
    command = list_commands(job)[what]

    def call(tree: Path | None) -> Timed:
        return time_command(command.make_words(), tree, timeout=deadline - time.monotonic())

    rounds = COLD_ROUNDS if command.photographs == 1 else ROUNDS
    turns = take_turns(what, call, job, rounds, deadline)
    return [summarise(what, command.photographs, runs) for runs in turns]


def take_turns(
    what: str, call: Callable[[Path | None], Run], job: Job, rounds: int, deadline: float
) -> list[list[Run]]:
    """The runs of each version, in turn; no further round after `MAX_STEP_SECONDS`."""
    started = time.monotonic()
    runs: list[list[Run]] = [[] for _ in job.trees]
    for _ in range(rounds):
        for index, tree in enumerate(job.trees.values()):
            if time.monotonic() >= deadline:
                raise ModelError(f"{what}: no time is left; expected fewer photographs, or a faster machine")
            runs[index].append(call(tree))
        if time.monotonic() - started > MAX_STEP_SECONDS:
            break
    return runs


def take_middle(measurements: Sequence[Measurement]) -> Measurement:
    """The run of the median time, whose percentiles belong together; the slower of two."""
    by_time = sorted(measurements, key=lambda measurement: measurement.seconds)
    return by_time[len(by_time) // 2]


def list_commands(job: Job) -> dict[str, Command]:
    """By its name each command.

    Args:
        job: Model, photographs and folders.
    """
    count = len(job.images)

    def segment() -> list[str]:
        out = renew(job.work / "masks")
        return ["segment", *job.images, "--model", job.model, "--out", str(out), "--json"]

    def train() -> list[str]:
        out = renew(job.work / "seed")
        recipe = ["--recipe", "seed", "--epochs", str(TRAINING_EPOCHS), *job.start]
        return ["train", job.data, "--out", str(out), *recipe, "--no-duplicates", "--json"]

    return {
        FOLDER: Command(lambda: ["predict", *job.images, "--model", job.model, "--json"], count),
        ONE: Command(lambda: ["predict", job.images[0], "--model", job.model, "--json"], 1),
        SEGMENT: Command(segment, count),
        AUDIT: Command(lambda: ["audit", job.data, "--json"], job.data_count),
        SEED: Command(train, job.data_count),
    }


def renew(folder: Path) -> Path:
    """A folder that is not there."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def name_columns(names: Sequence[str]) -> list[str]:
    """The titles of the table of commands.

    Args:
        names: Of the versions; of two the last one is compared with the first.
    """
    columns = ["what"]
    for name in names:
        columns += [f"photographs/s{name}", f"CPU ms each{name}"]
    columns += ["first answer, s", "p50, p99 (ms)", "of in memory", "of Keras"]
    if len(names) > 1:
        columns += ["faster", "less CPU"]
    return columns


def describe_command(versions: Sequence[Measurement], limits: dict[str, float | None]) -> list[str]:
    """The row of one command, as text.

    Args:
        versions: What was measured of it, in one version or two.
        limits: Photographs a second in memory, and of Keras' `predict`, by those words; None where not
            measured.
    """
    last = versions[-1]
    row = [last.what]
    for each in versions:
        row += [f"{each.rate:.1f}", "" if each.cpu_ms is None else f"{each.cpu_ms:.1f}"]
    row.append("" if last.first is None else f"{last.first:.2f}")
    row.append("" if last.p50_ms is None else f"{last.p50_ms:.0f}, {last.p99_ms:.0f}")
    is_prediction = last.photographs > 1 and last.what not in (AUDIT, SEED)
    for limit in (limits["memory"], limits["keras"]):
        row.append(f"{last.rate / limit:.2f}x" if limit and is_prediction else "")
    if last.what == SEED and limits["keras"]:
        # Plain Keras passes every photograph through the frozen network in every epoch
        row[-1] = f"{last.rate * TRAINING_EPOCHS / limits['keras']:.0f}x"
    if len(versions) > 1:
        row.append(f"{versions[0].seconds / last.seconds:.2f}x")
        row.append(f"{versions[0].cpu_ms / last.cpu_ms:.2f}x" if versions[0].cpu_ms and last.cpu_ms else "")
    return row
