"""From names on the command line to predictions on stdout, in figures and in a table."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lentigo.cli.output.bars import choose_bars
from lentigo.cli.output.terminal import pass_over_masks, print_json, print_line, print_message
from lentigo.common.file_names import spell_controls
from lentigo.common.results.spreadsheet_cells import neutralise
from lentigo.common.results.summaries import format_count
from lentigo.errors import DataError

if TYPE_CHECKING:
    from lentigo.common.parallel.cluster import Cluster
    from lentigo.images.problems import Problem
    from lentigo.inference.explanation import Explanation
    from lentigo.inference.predictor import Predictor
    from lentigo.inference.results import Prediction

LABELS = ("malignant", "benign", "uncertain")  # in the order of a summary
LABEL_WIDTH = 10  # letters
Additions = dict[str, Any]  # what an explanation adds to the JSON of a prediction
# A prediction or a problem, and what goes beside it into the JSON
Answer: TypeAlias = "tuple[Prediction | Problem, Additions]"


def find_inputs(images: list[str], *, whole: bool) -> tuple[Iterable[str | Problem], int | None]:
    """Finds the photographs that a command line names.

    Args:
        images: Names of files and folders; "-" for names on standard input.
        whole: Whether all names are wanted before the first photograph. Else those on standard input are
            taken as they come.

    Returns:
        Photographs and problems, and their number; None where they are taken as they come.
    """
    from lentigo.images.listing import collect_images, list_images

    if "-" in images and not whole:
        return pass_over_masks(list_images(read_names(images))), None
    paths, found = collect_images(read_names(images))
    problems = list(pass_over_masks(found))
    return [*problems, *paths], len(problems) + len(paths)


def list_readable(images: Iterable[str | Problem]) -> list[str]:
    """The photographs among photographs and problems.

    Args:
        images: Both.

    Returns:
        The photographs, in their order.
    """
    from lentigo.images.problems import Problem

    return [image for image in images if not isinstance(image, Problem)]


def read_names(images: Iterable[str]) -> Iterator[str]:
    """The names given, "-" replaced by the lines of standard input.

    Args:
        images: Names.

    Yields:
        Names; blank lines are passed over.
    """
    for name in images:
        if name == "-":
            yield from read_lines()
        else:
            yield name


def read_lines() -> Iterator[str]:
    """The lines of standard input that are not blank."""
    reconfigure = getattr(sys.stdin, "reconfigure", None)  # stdin may be something else
    if reconfigure is not None:
        reconfigure(errors="surrogateescape")  # names need not be UTF-8
    for line in sys.stdin:
        if line.strip():
            yield line.strip()


def open_cluster(address: str | None) -> AbstractContextManager[Cluster | None]:
    """Joins a cluster.

    Args:
        address: Its address; None for none.

    Returns:
        A context with the cluster, which it leaves at the end; with None where there is no address.
    """
    if address is None:
        return nullcontext()
    from lentigo.common.parallel.cluster import join_cluster

    return join_cluster(address)


def draw_explanations(
    predictor: Predictor, images: Iterable[str | Problem], out: Path | None, *, heatmaps: bool = False
) -> Iterator[Answer]:
    """Predicts, explains and draws.

    Args:
        predictor: A `Predictor`.
        images: Photographs and problems.
        out: The file of one photograph's figure, or a folder; None draws nothing.
        heatmaps: Whether the heatmap goes into the JSON.

    Returns:
        Predictions and problems as they come, each with what its explanation adds to the JSON.
    """
    from lentigo.inference.explanation import explain_images, name_figures

    figures = {} if out is None else name_figures(list_readable(images), out)
    explanations = explain_images(predictor, images, figures)
    for explanation in explanations:
        yield unpack_explanation(explanation, heatmaps)


def unpack_explanation(explanation: Explanation | Problem, heatmaps: bool) -> Answer:
    """The prediction of an explanation and what it adds to the JSON; a problem adds nothing."""
    from lentigo.images.problems import Problem

    added: Additions = {}
    if isinstance(explanation, Problem):
        return explanation, added
    if explanation.figure_file is not None:
        added["figure"] = str(explanation.figure_file)
    if heatmaps:
        added["heatmap"] = explanation.heatmap.tolist()
        added["heatmap_centres"] = list(explanation.centres)
    return explanation.prediction, added


def print_predictions(
    collected: list[Any] | PredictionRecord,
    stream: Iterable[tuple[Any, Additions]],
    count: int | None,
    as_json: bool,
    show: Callable[[Any, Additions, bool], None] | None = None,
) -> None:
    """Prints predictions as they come.

    Args:
        collected: Gets each prediction and problem: they are small, whatever else came with them is not.
        stream: Predictions and problems, each with what goes beside it into the JSON.
        count: Their number, None where it is not known.
        as_json: Whether to print for machines.
        show: Prints one of them; `print_prediction` by default.

    Raises:
        DataError: There is none.
        KeyboardInterrupt: With how far it came.
    """
    from lentigo.images.problems import Problem

    show = show or print_prediction
    try:
        with choose_bars() as bars:
            for prediction, added in bars(stream, total=count, label="photographs"):
                collected.append(prediction)
                show(prediction, added, as_json)
    except KeyboardInterrupt:
        # Of a `PredictionRecord` only its problems are iterated over: it keeps no predictions
        failed = sum(isinstance(prediction, Problem) for prediction in collected)
        of_all = f"of {count} " if count else ""
        raise KeyboardInterrupt(f"; {len(collected) - failed} {of_all}photographs answered") from None
    if not collected:
        raise DataError("no photograph was named on standard input; expected a path a line")


def print_prediction(prediction: Prediction | Problem, added: Additions, as_json: bool) -> None:
    """A prediction or a problem with what its explanation adds, as JSON; for people a line for each
    prediction.
    """
    from lentigo.images.problems import Problem

    if isinstance(prediction, Problem):
        if as_json:
            print_json(dataclasses.asdict(prediction) | added)
    elif as_json:
        print_json(prediction.to_json() | added)
    else:
        print_line(format_prediction(prediction, added.get("figure")))
        for warning in prediction.warnings:
            print_line(f"{'':<{LABEL_WIDTH}}        {warning}")
        for case in prediction.similar or ():
            print_line(f"{'':<{LABEL_WIDTH}}        like {case.describe()}  {spell_controls(case.image)}")


def format_prediction(prediction: Prediction, figure: str | None) -> str:
    """A prediction as a line: label, probability, photograph, figure, and why it is uncertain or what it is
    like.
    """
    number = "-----" if prediction.is_refused else f"{prediction.probability:.3f}"
    words = [f"{prediction.label:<{LABEL_WIDTH}} {number}  {prediction.image}"]
    if figure:
        words.append(figure)
    remark = prediction.reason or prediction.likeness
    if remark:
        words.append(remark)
    return spell_controls("  ".join(words))


class PredictionRecord:
    """What was predicted: predictions go into a CSV as they come, where there is one, and are counted;
    problems are kept. Memory stays flat.

    The CSV appears whole when the context ends, however it ends; without any prediction there is none.
    """

    def __init__(self, path: Path | None, more_columns: tuple[str, ...] = ()) -> None:
        self.path = path
        self.more_columns = more_columns
        self.count = 0  # predictions and problems
        self.problems: list[Problem] = []
        self.labels: Counter[str] = Counter()
        self.refused = 0  # predictions of photographs that are out of distribution
        self.threshold: float | None = None
        self.model = ""
        self._writer: csv.DictWriter | None = None
        self._files = ExitStack()

    def __enter__(self) -> PredictionRecord:
        return self

    def __exit__(self, *_: Any) -> None:
        self._files.close()  # after Ctrl-C, too

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Problem]:
        """The problems."""
        return iter(self.problems)

    def append(self, prediction: Prediction | Problem) -> None:
        """A prediction or a problem more.

        Args:
            prediction: A `Prediction` or a `Problem`.
        """
        from lentigo.images.problems import Problem

        self.count += 1
        # Opened with the first one: a call that fails before it leaves no table
        if self.path is not None and self._writer is None:
            self._writer = self._open_table(self.path)
        if isinstance(prediction, Problem):
            self.problems.append(prediction)
            return
        self.labels[prediction.label] += 1
        if prediction.in_distribution is False:
            self.refused += 1
        self.threshold = prediction.threshold
        self.model = prediction.model
        if self._writer is not None:
            # A name of a file may look like a formula to a spreadsheet
            cells = prediction.to_row()
            self._writer.writerow({name: neutralise(value) for name, value in cells.items()})

    def print_summary(self) -> None:
        """Says, of more than one photograph, how many were called what, and by which threshold."""
        if self.count < 2 or self.threshold is None:
            return
        summary = ", ".join(f"{self.labels[label]:,} {label}" for label in LABELS)
        if self.refused:
            summary += f" ({self.refused:,} of them unlike the photographs that the model knows)"
        if self.problems:
            summary += f", {len(self.problems):,} left out"
        print_message(
            f"{format_count(self.count, 'photograph')}: {summary}; threshold {self.threshold:.3f}, model "
            f"{self.model}"
        )

    def _open_table(self, path: Path) -> csv.DictWriter:
        """A table with its header."""
        from lentigo.common.files import write_whole
        from lentigo.inference.results import ROW_COLUMNS

        temporary = self._files.enter_context(write_whole(path))
        file = temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace")
        writer = csv.DictWriter(self._files.enter_context(file), (*ROW_COLUMNS, *self.more_columns))
        writer.writeheader()
        return writer
