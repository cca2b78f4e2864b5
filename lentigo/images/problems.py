"""Inputs that could not be used, and why: they are returned in their place beside what could be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lentigo.common.parallel.work_batches import Lost


@dataclass(frozen=True)
class Problem:
    """An input that could not be used, and why.

    Args:
        image: The path or address, as text.
        error: What is wrong, what was expected, and the cure, without the name of the image.
    """

    image: str
    error: str


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
