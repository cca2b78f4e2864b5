"""From names on the command line to answers on stdout, in figures and in a table."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any

from lentigo.cli.terminal import count_of, emit, print_line, say, watch_answers
from lentigo.common.file_names import spell_controls
from lentigo.common.spreadsheet_cells import neutralise
from lentigo.errors import DataError

LABELS = ("malignant", "benign", "uncertain")  # in the order of a summary


def find_inputs(images: list[str], *, whole: bool) -> tuple[Iterable[Any], int | None]:
    """Photographs and problems, and their number. Names on standard input are taken as they come, their
    number None, unless the `whole` list is wanted first."""
    from lentigo.images.listing import list_images
    from lentigo.inference.prediction import gather_images

    if "-" in images and not whole:
        return list_images(read_names(images)), None
    paths, problems = gather_images(read_names(images))
    return [*problems, *paths], len(problems) + len(paths)


def list_readable(images: Iterable[Any]) -> list[Any]:
    """The photographs among photographs and problems."""
    from lentigo.images.problems import Problem

    return [image for image in images if not isinstance(image, Problem)]


def draw_answers(
    predictor: Any, images: Iterable[Any], out: Path | None, *, heatmaps: bool = False
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Predictions and problems, each with what its explanation adds to the JSON; figures are drawn on the
    way, none without `out`.
    """
    from lentigo.inference.explanation import Explanation, explain_images, name_figures

    def describe(answer: Explanation) -> dict[str, Any]:
        added: dict[str, Any] = {}
        if answer.figure is not None:
            added["figure"] = str(answer.figure)
        if heatmaps:
            added["heatmap"] = answer.heatmap.tolist()
            added["heatmap_centres"] = list(answer.centres)
        return added

    figures = {} if out is None else name_figures(list_readable(images), out)
    answers = explain_images(predictor, images, figures)
    return ((a.prediction, describe(a)) if isinstance(a, Explanation) else (a, {}) for a in answers)


def print_answers(
    answers: list[Any] | Record,
    stream: Iterable[tuple[Any, dict[str, Any]]],
    count: int | None,
    as_json: bool,
    show: Callable[..., None] | None = None,
) -> None:
    """Prints answers as they come, and adds the predictions and problems to `answers`: they are small,
    whatever else came with them is not.

    `show` prints one answer, as `print_answer` does.

    Raises `DataError` where there is none, and `KeyboardInterrupt` with how far it came.
    """
    from lentigo.images.problems import Problem

    try:
        with watch_answers() as bars:
            for answer, more in bars(stream, total=count, label="photographs"):
                answers.append(answer)
                (show or print_answer)(answer, more, as_json)
    except KeyboardInterrupt:
        done = len(answers) - sum(isinstance(answer, Problem) for answer in answers)
        raise KeyboardInterrupt(f"; {done} {f'of {count} ' if count else ''}photographs answered") from None
    if not answers:
        raise DataError("no photograph was named on standard input; expected a path a line")


def print_answer(answer: Any, more: dict[str, Any], as_json: bool) -> None:
    """A prediction or a problem with what its explanation adds, as JSON; for people a line for each
    prediction.
    """
    from lentigo.images.problems import Problem

    if as_json:
        entries = dataclasses.asdict(answer) if isinstance(answer, Problem) else answer.to_json()
        emit(entries | more)
    elif not isinstance(answer, Problem):
        like = (
            f"like {answer.likeliest.replace('_', ' ')} ({answer.diagnosis[answer.likeliest]:.2f})"
            if answer.likeliest
            else None
        )
        words = (
            f"{answer.label:<10} {answer.probability:.3f}  {answer.image}",
            more.get("figure"),
            answer.reason or like,
        )
        print_line(spell_controls("  ".join(filter(None, words))))
        for warning in answer.warnings:
            print_line(f"{'':<10}        {warning}")


def read_names(images: Iterable[str]) -> Iterator[str]:
    """The names given, '-' replaced by the lines of standard input."""
    for name in images:
        if name == "-":
            with suppress(AttributeError, ValueError):  # stdin is something else
                sys.stdin.reconfigure(errors="surrogateescape")  # names need not be UTF-8
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield name


def open_cluster(address: str | None) -> AbstractContextManager[Any]:
    """The cluster at an address, in a context that leaves it at the end; None without an address."""
    if address is None:
        return nullcontext()
    from lentigo.common.parallel.cluster import join_cluster

    return join_cluster(address)


class Record:
    """What was answered: predictions go into a CSV as they come, where there is one, and are counted;
    problems are kept. Memory stays flat.

    The CSV appears whole when the context ends, however it ends; without any answer there is none.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self.count, self.problems, self.writer, self.stack = path, 0, [], None, ExitStack()
        self.labels: Counter[str] = Counter()
        self.unknown = 0  # predictions of photographs that are unlike those that the model knows
        self.threshold: float | None = None
        self.model = ""

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stack.close()  # after Ctrl-C, too

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        """The problems."""
        return iter(self.problems)

    def append(self, answer: Any) -> None:
        """A prediction or a problem more."""
        from lentigo.images.problems import Problem

        self.count += 1
        if self.path is not None and self.writer is None:
            self.writer = self.begin(self.path)
        if isinstance(answer, Problem):
            self.problems.append(answer)
            return
        self.labels[answer.label] += 1
        self.unknown += answer.in_distribution is False
        self.threshold, self.model = answer.threshold, answer.model
        if self.writer is not None:
            cells = answer.to_row()
            self.writer.writerow({name: neutralise(value) for name, value in cells.items()})

    def summarise(self) -> None:
        """Says, of more than one photograph, how many were called what, and by which threshold."""
        if self.count < 2 or self.threshold is None:
            return
        called = ", ".join(f"{self.labels[label]:,} {label}" for label in LABELS)
        refused = (
            f" ({self.unknown:,} of them unlike the photographs that the model knows)" if self.unknown else ""
        )
        left_out = f", {len(self.problems):,} left out" if self.problems else ""
        say(
            f"{count_of(self.count, 'photograph')}: {called}{refused}{left_out}; threshold "
            f"{self.threshold:.3f}, model {self.model}"
        )

    def begin(self, path: Path) -> csv.DictWriter:
        """A table with its head."""
        from lentigo.common.files import write_whole
        from lentigo.inference.prediction import ROW

        temporary = self.stack.enter_context(write_whole(path))
        file = self.stack.enter_context(
            temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace")
        )
        writer = csv.DictWriter(file, ROW)
        writer.writeheader()
        return writer
