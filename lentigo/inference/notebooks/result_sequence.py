"""Several results in order, and beside them the inputs that have none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from lentigo.common.results.summaries import Summarized, add_problems, format_count
from lentigo.errors import ImageError, explain_missing
from lentigo.images.listing import Request
from lentigo.images.problems import Problem, separate_problems
from lentigo.inference.notebooks.notebook_tables import show_results

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")


@dataclass(frozen=True, repr=False)
class ResultSequence(Summarized, Sequence[Result], Generic[Result]):
    """Results with a length, an order, slices and a table; a base of frozen dataclasses.

    The first field of a subclass holds the results as a tuple, another, `problems`, the inputs without one.
    """

    @property
    def results(self) -> tuple[Result, ...]:
        """The results, in the order of the inputs."""
        return getattr(self, fields(self)[0].name)

    def summarize(self) -> str:
        """How many photographs have a result, and how many have none."""
        problems: Sequence[Problem] = self.problems  # type: ignore[attr-defined]
        return add_problems(format_count(len(self), "photograph"), problems)

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    @overload
    def __getitem__(self, place: int) -> Result: ...

    @overload
    def __getitem__(self, place: slice) -> Self: ...

    def __getitem__(self, place: int | slice) -> Result | Self:
        """One result, or those of a slice as the same kind of sequence, without the problems."""
        if not isinstance(place, slice):
            return self.results[place]
        changes: dict[str, Any] = {fields(self)[0].name: self.results[place], "problems": ()}
        return replace(self, **changes)

    def list_rows(self) -> list[dict[str, Any]]:
        """A row of a table for each result, by column; a subclass says which."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with a row for each result; `problems` are not in it.

        Raises:
            MissingError: pandas is not installed.
        """
        return make_frame(self.list_rows())

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return show_results(self.results, self.problems)  # type: ignore[arg-type, attr-defined]


def make_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A pandas table of rows.

    Args:
        rows: Cells by column.

    Raises:
        MissingError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        missing = explain_missing(error, "to_frame")
        if missing is None:
            raise
        raise missing from error
    return pd.DataFrame(rows)


def collect_results(
    kind: Callable[[tuple[Result, ...], tuple[Problem, ...]], ResultSequence[Result]],
    request: Request,
    results: Iterable[Result | Problem],
) -> Any:
    """What a caller of Python gets: the one result for one photograph, a sequence for several.

    Args:
        kind: The class of the sequence.
        request: What the caller gave.
        results: One for each of its photographs, in order.

    Raises:
        ImageError: The only photograph cannot be used.
    """
    usable, unreadable, _ = separate_problems(results)
    sequence = kind(tuple(usable), (*request.problems, *unreadable))
    return take_single(sequence) if request.is_single else sequence


def take_single(results: ResultSequence[Result]) -> Result:
    """The one result for the one photograph that was given.

    Args:
        results: For one photograph.

    Raises:
        ImageError: It cannot be used.
    """
    for result in results:
        return result
    problem: Problem = results.problems[0]  # type: ignore[attr-defined]
    raise ImageError(f"{problem.image}: {problem.error}")
