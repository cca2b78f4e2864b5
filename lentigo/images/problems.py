"""Inputs that could not be used, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lentigo.common.parallel.work_batches import Lost


@dataclass(frozen=True)
class Problem:
    """An input that could not be used, and why."""

    image: str
    error: str


def give_up_image(image: Any, lost: Lost) -> Problem:
    """A photograph at which every worker that looked was lost; what was a problem already stays one."""
    if isinstance(image, Problem):
        return image
    return Problem(
        str(image),
        f"ends every worker that reads it ({lost}); expected a photograph of ordinary size: open it with "
        "another program, and save it anew",
    )
