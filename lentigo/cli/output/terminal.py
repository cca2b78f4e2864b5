"""What the command line writes to a terminal: words for people on stderr, JSON for machines on stdout."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import typer

from lentigo.common.file_names import spell_all, spell_controls, spell_name
from lentigo.common.files import require_writable
from lentigo.common.results.summaries import format_count
from lentigo.errors import SpaceError, UsageError

FAILED_INPUTS = 3  # exit code: done, but some inputs failed
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", "")  # endings of a table's name that a spreadsheet takes for text
PAGE_SUFFIXES = (".html", ".htm")  # endings of a report's name
QUIET_LOGS = ("PIL", "retrying", "pydicom")  # of libraries that log what also comes as an exception
MAX_MASKS_NAMED = 3  # of those that were left out
LAYOUT = "\n\t"  # of the letters that command a terminal those that lay out a text of ours


def print_message(*words: Any) -> None:
    """Writes a line for people to stderr; what would command the terminal is spelled out.

    Args:
        *words: What `print` would take; spaces go between.
    """
    spelled = []
    for word in words:
        spelled.append(spell_controls(spell_name(str(word)), keep=LAYOUT))
    with suppress(OSError):  # nobody listens
        print(*spelled, file=sys.stderr)


def print_notes(notes: Iterable[str]) -> None:
    """Writes for people what one should know and that is no problem.

    Args:
        notes: A sentence each.
    """
    for note in notes:
        print_message(f"note: {note}")


def print_json(value: Any) -> None:
    """Writes one JSON value as a line, for machines.

    Args:
        value: What `json` takes; NaN is null before it comes here.

    Raises:
        SpaceError: stdout cannot be written.
    """
    print_line(json.dumps(spell_all(value), allow_nan=False))


def print_line(text: str) -> None:
    """Writes a line of a result to stdout, at once.

    Args:
        text: The line; what would command the terminal is spelled out.

    Raises:
        BrokenPipeError: The reader has left.
        SpaceError: stdout cannot be written: what it would have said is lost.
    """
    # A letter that stdout's encoding lacks is spelled: a result is not lost for a letter of a name
    encoding = sys.stdout.encoding or "utf-8"
    spelled = spell_controls(text, keep=LAYOUT).encode(encoding, "backslashreplace").decode(encoding)
    with explain_stdout_errors():
        print(spelled, flush=True)


@contextmanager
def explain_stdout_errors() -> Iterator[None]:
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
    """Writes what waits; a reader that has left is none of our business.

    Raises:
        SpaceError: stdout cannot be written.
    """
    try:
        with explain_stdout_errors():
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
    """Shows the warnings of this package as one line, others as Python does, and none of Pillow's.

    Pillow's tell of a damaged file without its name; the command's own line names it. Nor is anything shown of
    the logs of libraries whose failures the command tells in its own words.
    """
    for name in QUIET_LOGS:
        logging.getLogger(name).addHandler(logging.NullHandler())
    from lentigo.common.cache import CacheWarning

    show_usual = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Stands in for `warnings.showwarning`."""
        if issubclass(category, CacheWarning):
            print_message(f"lentigo: {message}")
        elif Path(filename).parent.name != "PIL":
            show_usual(message, category, filename, lineno, file, line)

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
        UsageError: The name ends otherwise, or is that of a folder.
        SpaceError: No file can be made there.
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


def report_problems(results: Iterable[Any]) -> None:
    """Lists the problems among results, and ends the command where there is any.

    Args:
        results: Results and `Problem`s.

    Raises:
        typer.Exit: With exit code 3, where there is a problem.
    """
    from lentigo.images.problems import Problem

    found = [result for result in results if isinstance(result, Problem)]
    problems = list(pass_over_masks(found))
    if problems:
        print_problems(problems)
        raise typer.Exit(FAILED_INPUTS)


def pass_over_masks(images: Iterable[Any]) -> Iterator[Any]:
    """Leaves out masks that lie beside their photographs, and says at the end which: they are no failures.

    Args:
        images: Photographs, results and problems.

    Yields:
        All others, as they come.
    """
    from lentigo.images.problems import SkippedMask

    masks = []
    for image in images:
        if isinstance(image, SkippedMask):
            masks.append(image.image)
        else:
            yield image
    if masks:
        names = ", ".join(map(spell_controls, masks[:MAX_MASKS_NAMED]))
        more = ", ..." if len(masks) > MAX_MASKS_NAMED else ""
        count = format_count(len(masks), "mask")
        print_message(f"{count} beside the photographs left out, by name: {names}{more}")


def print_problems(problems: Iterable[Any]) -> None:
    """Says what was left out, and why.

    Args:
        problems: `Problem`s.
    """
    problems = list(problems)
    print_message(f"{len(problems)} left out:")
    for problem in problems:
        print_message(spell_controls(f"  {problem.image}: {problem.error}"))


def print_columns(columns: list[str], rows: list[list[str]]) -> None:
    """Writes a table for people: columns as wide as their widest cell.

    Args:
        columns: Titles.
        rows: Cells, as many a row as there are titles.
    """
    table = [columns, *rows]
    widths = []
    for cells in zip(*table, strict=True):
        widths.append(max(map(len, cells)))
    for row in table:
        padded = map(str.ljust, row, widths)
        print_line("  ".join(padded).rstrip())
    print_line("")


@contextmanager
def mute_stderr() -> Iterator[None]:
    """Drops what native libraries write to stderr meanwhile; Python's errors still come out as exceptions."""
    sys.stderr.flush()
    kept = os.dup(2)  # native code writes to the descriptor itself, past `sys.stderr`
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def mute_tensorflow() -> None:
    """Silences TensorFlow's warnings: it finds many small trainings worth one each."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
