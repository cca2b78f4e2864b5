"""Inputs that could not be used, and why: they are returned in their place beside what could be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lentigo.common.parallel.work_batches import Lost
from lentigo.errors import DataError

Result = TypeVar("Result")
MASK_BESIDE = "by its name, beside it: left out"  # ends the error of each such mask


@dataclass(frozen=True)
class Problem:
    """An input that could not be used, and why.

    Args:
        image: The path or address, as text.
        error: What is wrong, what was expected, and the cure, without the name of the image.
    """

    image: str
    error: str

    @classmethod
    def from_error(cls, image: str, error: Exception) -> Problem:
        """The problem that an error tells of.

        Args:
            image: The path or address, as text; the error may begin with it.
            error: Of the image.

        >>> Problem.from_error("a.jpg", ValueError("a.jpg: is no photograph"))
        Problem(image='a.jpg', error='is no photograph')
        """
        return cls(image, str(error).removeprefix(f"{image}: "))


@dataclass(frozen=True)
class SkippedMask(Problem):
    """A mask beside its photograph: listed, since only its name says so, but nothing has failed."""


def restore_problem(image: str, error: str) -> Problem:
    """A problem as it was before it was written to a file.

    Args:
        image: The path or address, as text.
        error: Its words.

    >>> restore_problem("a_mask.png", "a mask of a.jpg by its name, beside it: left out")
    SkippedMask(image='a_mask.png', error='a mask of a.jpg by its name, beside it: left out')
    """
    kind = SkippedMask if error.endswith(MASK_BESIDE) else Problem
    return kind(image, error)


def separate_problems(results: Iterable[Result | Problem]) -> tuple[list[Result], list[Problem], list[bool]]:
    """Separates results from inputs that could not be used.

    Args:
        results: One for each input.

    Returns:
        The results, the problems, and whether each input could be used.
    """
    usable: list[Result] = []
    problems: list[Problem] = []
    is_usable: list[bool] = []
    for result in results:
        if isinstance(result, Problem):
            problems.append(result)
        else:
            usable.append(result)
        is_usable.append(not isinstance(result, Problem))
    return usable, problems, is_usable


def require_usable(name: str, usable: Sequence[object], problems: Sequence[Problem]) -> None:
    """Makes sure that some photograph of a set can be used.

    Args:
        name: Of the set.
        usable: What could be read of it.
        problems: The photographs that could not, in order.

    Raises:
        DataError: Where nothing could be read; it quotes the first problem.
    """
    if not usable:
        raise DataError(f"{name}: none of its {len(problems)} photographs can be read ({problems[0].error})")


def quote_first(problems: Sequence[Problem]) -> str:
    """The end of a sentence that names the first of some problems, the likeliest cause; "" for none.

    Args:
        problems: In order.

    >>> quote_first([Problem("a.jpg", "no such file")])
    '; the first of 1 problems: a.jpg: no such file'
    """
    if not problems:
        return ""
    return f"; the first of {len(problems)} problems: {problems[0].image}: {problems[0].error}"


def give_up_image(image: Any, lost: Lost) -> Problem:
    """Describes an image at which every worker was lost.

    Args:
        image: A path, an address, or a `Problem`, which stays as it is.
        lost: How the last worker was lost.

    Returns:
        The problem to report in place of a result.
    """
    if isinstance(image, Problem):
        return image
    return Problem(
        str(image),
        f"ends every worker that reads it ({lost}); expected a photograph of ordinary size: open it with "
        "another program, and save it anew",
    )
