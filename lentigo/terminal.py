"""What the command line shows: words for people on stderr, JSON for machines on stdout, progress bars."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

FAILED_INPUTS = 3  # exit code


def say(*words: Any) -> None:
    """For people."""
    print(*words, file=sys.stderr)


def emit(value: Any) -> None:
    """For machines: one JSON value a line; NaN is null before it comes here."""
    print(json.dumps(value, allow_nan=False), flush=True)


def report_problems(answers: Iterable[Any]) -> None:
    """Lists the problems among answers, and ends with exit code 3 where there was any."""
    from lentigo.data.photos import Problem

    problems = [answer for answer in answers if isinstance(answer, Problem)]
    if problems:
        say(f"{len(problems)} left out:")
        for problem in problems:
            say(f"  {problem.image}: {problem.error}")
        raise typer.Exit(FAILED_INPUTS)


@contextmanager
def mute_stderr() -> Iterator[None]:
    """Drops what native libraries write to stderr meanwhile; Python's errors still come out as exceptions."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class Bars:
    """Progress bars on stderr: rate and time left; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
                   TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
        console = Console(stderr=True)
        self.progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def __enter__(self) -> Bars:
        self.progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.progress.stop()

    def __call__(self, items: Iterable, total: int | None = None, label: str = "") -> Iterator:
        task = self.progress.add_task(label, total=total, rate="")
        for item in items:
            yield item
            speed = self.progress.tasks[self.progress.task_ids.index(task)].speed
            self.progress.update(task, advance=1, rate=f"{speed:.1f}/s" if speed else "")
        self.progress.remove_task(task)


def print_columns(columns: list[str], rows: list[list[str]]) -> None:
    """A table for people: columns as wide as their widest cell."""
    widths = [max(len(row[n]) for row in [columns, *rows]) for n in range(len(columns))]
    for row in [columns, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
