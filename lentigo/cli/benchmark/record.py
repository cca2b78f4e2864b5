"""What a bench has measured so far: printed row by row, and kept in a file after every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lentigo.cli.benchmark.timing import Measurement
from lentigo.cli.benchmark.whole_commands import describe_command, name_columns
from lentigo.cli.output.terminal import mute_stderr, print_line, print_message
from lentigo.common.json_values import write_json
from lentigo.errors import LentigoError
from lentigo.inference.performance.benchmark import Benchmark, MachineStep

FIRST_WIDTH = 54  # letters, of the names
WIDTH = 14  # letters, of the other cells, where the title is no longer


@dataclass(frozen=True)
class Failure:
    """A step that could not be measured.

    Attributes:
        what: Its name.
        error: Why.
    """

    what: str
    error: str


@dataclass
class BenchRecord:
    """What was measured of a plan.

    Attributes:
        machine: Rates and times of the model.
        versions: Names of the versions of Lentigo, as columns have them.
        missing: Names of the steps that were not taken yet.
        out: The file that has everything after each step; None for none.
        shown: Whether rows are printed.
        commands: By its name each command, of each version what was measured.
        failures: The steps that failed.
    """

    machine: Benchmark
    versions: Sequence[str]
    missing: list[str]
    out: Path | None = None
    shown: bool = True
    commands: dict[str, list[Measurement]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def measure_machine(self, what: str, step: MachineStep) -> None:
        """Takes a step of the machine, and prints what it adds.

        Args:
            what: Its name.
            step: Measures it.
        """
        tables = (Benchmark.tabulate_rates, Benchmark.tabulate_times)
        before = [len(tabulate(self.machine)[1]) for tabulate in tables]

        def measure() -> None:
            self.machine = step(self.machine)

        # TensorFlow greets whoever imports it
        self.take(what, measure, quiet=True)
        for tabulate, count in zip(tables, before, strict=True):
            columns, rows = tabulate(self.machine)
            self.print_rows(columns, rows[count:], titled=count == 0)

    def measure_command(self, what: str, measure: Callable[[], list[Measurement]]) -> None:
        """Measures a command, and prints its row.

        Args:
            what: Its name.
            measure: Gives what was measured, of each version.
        """

        def keep() -> None:
            self.commands[what] = measure()

        is_first = not self.commands
        self.take(what, keep)
        if what in self.commands:
            row = describe_command(self.commands[what], self.machine.list_limits())
            self.print_rows(name_columns(self.versions), [row], titled=is_first)

    def take(self, what: str, step: Callable[[], None], *, quiet: bool = False) -> None:
        """Takes a step: what fails is kept beside what succeeds, and the file is written anew.

        Args:
            what: It measures.
            step: Measures it, and keeps what it finds.
            quiet: Whether what native libraries write to stderr is dropped.
        """
        try:
            with mute_stderr() if quiet else nullcontext():
                step()
        except (LentigoError, OSError) as error:
            self.failures.append(Failure(what, str(error)))
            print_message(f"{what}: not measured: {error}")
        self.missing.remove(what)
        self.write()

    def print_rows(self, columns: list[str], rows: list[list[str]], *, titled: bool) -> None:
        """Prints rows at once, since the next ones may take minutes.

        Args:
            columns: Titles.
            rows: Cells, as many as there are titles.
            titled: Whether the titles stand above them, as above the first rows.
        """
        if not self.shown or not rows:
            return
        widths = [FIRST_WIDTH, *[max(len(title), WIDTH) for title in columns[1:]]]
        for row in [columns, *rows] if titled else rows:
            print_line("  ".join(map(str.ljust, row, widths)).rstrip())

    def write(self) -> None:
        """Writes the file, whole or not at all."""
        if self.out is not None:
            write_json(self.out, self.to_json())

    def close(self) -> None:
        """Writes the file, and names what was not measured."""
        self.write()
        if self.missing:
            print_message(f"not measured: {', '.join(self.missing)}")

    def to_json(self) -> dict[str, Any]:
        """Everything, as values of JSON."""
        commands: dict[str, dict[str, Any]] = {}
        if self.commands:
            commands = {name.strip(" ,") or "now": {} for name in self.versions}
        for what, versions in self.commands.items():
            for entries, measurement in zip(commands.values(), versions, strict=True):
                entries[what] = measurement.to_json()
        return self.machine.to_json() | {
            "commands": commands,
            "failed": [asdict(failure) for failure in self.failures],
            "missing": list(self.missing),
        }
