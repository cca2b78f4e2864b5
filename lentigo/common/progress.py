"""Progress, as a function that watches an iterable go by.

The library shows nothing; the command line passes bars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Progress = Callable[..., Iterable]  # progress(items, total=n, label="photographs") gives the same items


def show_nothing(items: Iterable, total: int | None = None, label: str = "") -> Iterable:
    """Gives the items as they are.

    Args:
        items: Of any number.
        total: How many, where that is known.
        label: What they are.

    Returns:
        The items.
    """
    return items
