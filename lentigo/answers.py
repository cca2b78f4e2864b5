"""From names on the command line to answers on stdout, in figures and in a table."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lentigo.errors import DataError
from lentigo.terminal import Bars, emit


def find_inputs(images: list[str], *, whole: bool) -> tuple[Iterable[Any], int | None]:
    """Photographs and problems, and their number. Names on standard input are taken as they come, their number None, unless the
    `whole` list is wanted first."""
    from lentigo.data.photos import list_photos
    from lentigo.inference.prediction import gather_photos

    if "-" in images and not whole:
        return list_photos(read_names(images)), None
    paths, problems = gather_photos(read_names(images))
    return [*problems, *paths], len(problems) + len(paths)


def draw_answers(predictor: Any, photos: Iterable[Any], out: Path, *, heatmaps: bool = False) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Predictions and problems, each with what its explanation adds to the JSON; figures are drawn on the way."""
    from lentigo.inference.explanation import Explanation, explain_photos, name_figures

    def describe(answer: Explanation) -> dict[str, Any]:
        return {"figure": str(answer.figure)} | ({"heatmap": answer.heatmap.tolist()} if heatmaps else {})

    paths = [photo for photo in photos if isinstance(photo, Path)]
    answers = explain_photos(predictor, photos, name_figures(paths, out))
    return ((a.prediction, describe(a)) if isinstance(a, Explanation) else (a, {}) for a in answers)


def print_answers(
    answers: list[Any], stream: Iterable[tuple[Any, dict[str, Any]]], count: int | None, as_json: bool, show: Callable[..., None] | None = None
) -> None:
    """Prints answers as they come, and adds the predictions and problems to `answers`: they are small, whatever else came with them is not.

    `show` prints one answer, as `print_answer` does.

    Raises `DataError` where there is none, and `KeyboardInterrupt` with how far it came.
    """
    from lentigo.data.photos import Problem

    try:
        with Bars() as bars:
            for answer, more in bars(stream, total=count, label="photographs"):
                answers.append(answer)
                (show or print_answer)(answer, more, as_json)
    except KeyboardInterrupt:
        done = sum(not isinstance(answer, Problem) for answer in answers)
        raise KeyboardInterrupt(f"; {done} {f'of {count} ' if count else ''}photographs answered") from None
    if not answers:
        raise DataError("no photograph was named on standard input; expected a path a line")


def print_answer(answer: Any, more: dict[str, Any], as_json: bool) -> None:
    """A prediction or a problem with what its explanation adds, as JSON; for people a line for each prediction."""
    from lentigo.data.photos import Problem

    if as_json:
        emit(dataclasses.asdict(answer) | more)
    elif not isinstance(answer, Problem):
        words = (f"{answer.label:<10} {answer.probability:.3f}  {answer.image}", more.get("figure"), answer.reason)
        print(*filter(None, words), sep="  ", flush=True)
        for warning in answer.warnings:
            print(f"{'':<10}        {warning}", flush=True)


def read_names(images: Iterable[str]) -> Iterator[str]:
    """The names given, '-' replaced by the lines of standard input."""
    for name in images:
        if name == "-":
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield name


def write_answers(path: Path, answers: list[Any]) -> None:
    """The predictions among the answers as CSV."""
    from lentigo.data.files import write_whole
    from lentigo.inference.prediction import Prediction

    with write_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Prediction)])
        writer.writeheader()
        for answer in answers:
            if isinstance(answer, Prediction):
                writer.writerow(dataclasses.asdict(answer) | {"warnings": "; ".join(answer.warnings)})
