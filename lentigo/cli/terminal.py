"""What the command line shows: words for people on stderr, JSON for machines on stdout, progress bars."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import typer

from lentigo.common.file_names import spell_all, spell_controls, spell_name
from lentigo.common.files import require_writable
from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import SpaceError, UsageError

FAILED_INPUTS = 3  # exit code
TABLES = (".csv", ".tsv", ".txt", "")  # endings of a table's name that a spreadsheet takes for text
PAGES = (".html", ".htm")
LAYOUT = "\n\t"  # of the letters that command a terminal those that lay out a text of ours


def say(*words: Any) -> None:
    """For people."""
    with suppress(OSError):  # nobody listens
        print(*(spell_controls(spell_name(str(word)), keep=LAYOUT) for word in words), file=sys.stderr)


def say_notes(notes: Iterable[str]) -> None:
    """What one should know and that is no problem, for people."""
    for note in notes:
        say(f"note: {note}")


def emit(value: Any) -> None:
    """For machines: one JSON value a line; NaN is null before it comes here."""
    print_line(json.dumps(spell_all(value), allow_nan=False))


def print_line(text: str) -> None:
    """Writes a line of an answer to stdout, at once.

    Raises:
        BrokenPipeError: Where the reader has left.
        SpaceError: Where stdout cannot be written: what it would have said is lost.
    """
    code = (
        sys.stdout.encoding or "utf-8"
    )  # what it lacks is spelled: an answer is not lost for a letter of a name
    with name_stdout():
        print(spell_controls(text, keep=LAYOUT).encode(code, "backslashreplace").decode(code), flush=True)


@contextmanager
def name_stdout() -> Iterator[None]:
    """Turns what the system says of a stdout that cannot be written into a `SpaceError`; `BrokenPipeError`
    stays.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        leave_stdout()
        raise SpaceError(
            f"standard output: could not be written ({error.strerror or error}); free some space or send it "
            "elsewhere"
        ) from error


def leave_stdout() -> None:
    """Lets what still waits to be written to stdout go nowhere."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def flush_stdout() -> None:
    """Writes what waits. Raises `SpaceError` where that cannot be; a reader that has left is none of our
    business.
    """
    try:
        with name_stdout():
            sys.stdout.flush()
    except BrokenPipeError:
        leave_stdout()


def open_closed_streams() -> None:
    """Opens stdin, stdout and stderr on nothing where they are closed.

    Else the next file that is opened would take their number and get what is meant for them, and Python would
    print to stdout what is meant for a closed stderr.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  for as long as the process lives


def show_own_warnings() -> None:
    """Shows the warnings of this package as one line, others as Python does."""
    from lentigo.common.cache import CacheWarning

    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, CacheWarning):
            say(f"lentigo: {message}")
        else:
            usual(message, category, *place, **more)

    warnings.showwarning = show


def require_ending(option: str, path: Path | None, endings: tuple[str, ...], content: str) -> None:
    """Makes sure, before the work, that a file's name does not promise another format than the one that is
    written, and that it can be written.

    Args:
        option: The option that named the file, such as "--out".
        path: The file; None where none was named.
        endings: What its name may end in, in small letters; "" for a name without an ending.
        content: What is written there, for the message.

    Raises:
        UsageError: Where the name ends otherwise, or is that of a folder.
        SpaceError: Where no file can be made there.
    """
    if path is None:
        return
    if path.suffix.lower() not in endings:
        raise UsageError(
            f"{option} {path}: {content} is written there; expected a name ending in {endings[0]}"
        )
    if path.is_dir():
        raise UsageError(
            f"{option} {path}: is a folder; expected a file's name, such as {path / f'report{endings[0]}'}"
        )
    require_writable(path)


def report_problems(answers: Iterable[Any]) -> None:
    """Lists the problems among answers, and ends with exit code 3 where there was any."""
    from lentigo.images.problems import Problem

    problems = [answer for answer in answers if isinstance(answer, Problem)]
    if problems:
        list_problems(problems)
        raise typer.Exit(FAILED_INPUTS)


def list_problems(problems: Iterable[Any]) -> None:
    """Says what was left out, and why."""
    problems = list(problems)
    say(f"{len(problems)} left out:")
    for problem in problems:
        say(spell_controls(f"  {problem.image}: {problem.error}"))


def count_of(number: int, one: str, many: str = "") -> str:
    """A number of things in words.

    Args:
        number: How many.
        one: The word for one of them.
        many: The word for several, where it is not made with an s.

    >>> count_of(1, "pair"), count_of(2, "pair"), count_of(0, "copy", "copies"), count_of(1200, "photograph")
    ('1 pair', '2 pairs', '0 copies', '1,200 photographs')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


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
    """Progress bars on stderr: rate and time left; nothing where stderr is no terminal. stdout is left
    alone.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<26}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True)
        shown = (
            is_terminal(sys.stderr) and not console.is_dumb_terminal
        )  # Rich takes a file for a terminal where FORCE_COLOR is set
        # By itself Rich sends what is printed meanwhile to its own console, cut to its width: answers would
        # not reach stdout.
        self.progress = Progress(
            *columns,
            console=console,
            transient=True,
            disable=not shown,
            redirect_stdout=False,
            redirect_stderr=False,
        )

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


def is_terminal(stream: Any) -> bool:
    """Whether a stream goes to a terminal; one that is closed does not."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def watch_answers() -> Bars | AbstractContextManager[Progress]:
    """Bars for answers that are printed one by one; where those appear on a terminal they show the progress
    themselves.
    """
    return nullcontext(show_nothing) if is_terminal(sys.stdout) else Bars()


def print_columns(columns: list[str], rows: list[list[str]]) -> None:
    """A table for people: columns as wide as their widest cell."""
    widths = [max(len(row[n]) for row in [columns, *rows]) for n in range(len(columns))]
    for row in [columns, *rows]:
        print_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print_line("")
