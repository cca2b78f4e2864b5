"""The commands that people wait for, whole, from the shell and back: a folder, one photograph, masks, the
service, the audit, a training. Two versions of the package can be timed in turn.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lentigo.cli.benchmark.service_load import measure_service
from lentigo.cli.benchmark.timing import Measurement, Timed, summarise, time_command
from lentigo.common.progress import Progress, show_nothing

ROUNDS = 3  # of each command, all of them in turn, so that a busy minute hurts none alone
COLD_ROUNDS = 7  # of the one photograph, whose time is short
SERVICE_PHOTOGRAPHS = 400  # sent to the service
TRAINING_EPOCHS = 150  # of the recipe `seed`
# Names of the commands, as the table has them
FOLDER = "lentigo predict PHOTOGRAPHS"
ONE = "lentigo predict one.jpg"
SEGMENT = "lentigo segment PHOTOGRAPHS"
AUDIT = "lentigo audit DATA"
SEED = "lentigo train --recipe seed"


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


def measure_commands(job: Job, progress: Progress = show_nothing) -> dict[str, list[Measurement]]:
    """Measures the commands of each version, in turn.

    Args:
        job: What is measured.
        progress: Watches the measurements go by.

    Returns:
        By the name of the version its measurements.
    """
    commands = list_commands(job)
    runs = time_commands(commands, job, progress)
    services = time_services(job, progress)
    measured: dict[str, list[Measurement]] = {}
    for name in job.trees:
        rows = []
        for what, command in commands.items():
            rows.append(summarise(what, command.photographs, runs[what, name]))
        rows.append(take_middle(services[name]))
        measured[name] = rows
    return measured


@dataclass(frozen=True)
class Command:
    """A command that is timed.

    Attributes:
        make_words: Gives its words, with nothing kept from the run before.
        photographs: How many it works on.
    """

    make_words: Callable[[], list[str]]
    photographs: int


def time_commands(
    commands: dict[str, Command], job: Job, progress: Progress
) -> dict[tuple[str, str], list[Timed]]:
    """Several runs of each command in each version, by both names."""
    rounds = []
    for what, command in commands.items():
        for _ in range(COLD_ROUNDS if command.photographs == 1 else ROUNDS):
            for name in job.trees:  # the versions in turn: a busy minute hurts none alone
                rounds.append((what, name))
    runs: dict[tuple[str, str], list[Timed]] = defaultdict(list)
    for what, name in progress(rounds, total=len(rounds), label="commands"):
        words = commands[what].make_words()
        runs[what, name].append(time_command(words, job.trees[name]))
    return runs


def time_services(job: Job, progress: Progress) -> dict[str, list[Measurement]]:
    """Several runs of the service of each version, by its name."""
    contents = [Path(image).read_bytes() for image in job.images]
    rounds = list(job.trees) * ROUNDS
    services: dict[str, list[Measurement]] = defaultdict(list)
    for name in progress(rounds, total=len(rounds), label="service"):
        services[name].append(measure_service(job.model, contents, SERVICE_PHOTOGRAPHS, job.trees[name]))
    return services


def take_middle(measurements: Sequence[Measurement]) -> Measurement:
    """The run of the median time, whose percentiles belong together; of an odd number."""
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


def tabulate_commands(
    measured: dict[str, list[Measurement]], limits: dict[str, float | None]
) -> tuple[list[str], list[list[str]]]:
    """Columns and rows, as text.

    Args:
        measured: As `measure_commands` gives it; of two versions the last one is compared with the first.
        limits: Photographs a second in memory, and of Keras' `predict`, by those words; None where not
            measured.
    """
    names = list(measured)
    columns = ["what"]
    for name in names:
        columns += [f"photographs/s{name}", f"CPU ms each{name}"]
    columns += ["first answer, s", "p50, p99 (ms)", "of in memory", "of Keras"]
    if len(names) > 1:
        columns += ["faster", "less CPU"]
    rows = []
    for rows_of_command in zip(*measured.values(), strict=True):
        rows.append(describe_command(rows_of_command, limits))
    return columns, rows


def describe_command(versions: Sequence[Measurement], limits: dict[str, float | None]) -> list[str]:
    """The row of one command, measured in one version or two."""
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


def list_measurements(measured: dict[str, list[Measurement]]) -> dict[str, Any]:
    """The measurements as JSON has them, by version and command.

    Args:
        measured: By version, those of its commands.
    """
    entries: dict[str, Any] = {}
    for name, rows in measured.items():
        entries[name.strip(" ,") or "now"] = {row.what: row.to_json() for row in rows}
    return entries
