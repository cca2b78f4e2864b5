"""Progress, as a function that watches an iterable go by.

The library shows nothing unless it is asked to; the command line passes bars of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any

MIN_SECONDS = 0.2  # between two looks of a bar
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


def show_progress(items: Iterable, total: int | None = None, label: str = "") -> Iterator:
    """Shows a bar while items are taken: in a notebook with or without widgets, or on a terminal.

    It is given to a verb: `lentigo.predict(images, progress=lentigo.show_progress)`. Where stderr is neither
    a notebook's nor a terminal's, nothing is shown.

    Args:
        items: Of any number.
        total: How many, where that is known.
        label: What they are.

    Yields:
        The items as they are.
    """
    line = open_line()
    if line is None:
        yield from items
        return
    started = time.monotonic()
    shown = -MIN_SECONDS
    count = 0
    line.show(describe_state(label, 0, total, 0.0), 0.0)
    try:
        for item in items:
            yield item
            count += 1
            seconds = time.monotonic() - started
            # Not at every item: writing would take longer than the work
            if seconds - shown >= MIN_SECONDS:
                shown = seconds
                line.show(describe_state(label, count, total, seconds), count / total if total else None)
    finally:
        seconds = time.monotonic() - started
        line.end(describe_state(label, count, total, seconds), count / total if total else None)


def describe_state(label: str, count: int, total: int | None, seconds: float) -> str:
    """How far it is, in words.

    >>> describe_state("photographs", 30, 120, 10.0)
    'photographs: 30 of 120, 3.0/s, 30 s left'
    """
    words = f"{label}: {count:,}"
    if total:
        words += f" of {total:,}"
    if not count or seconds <= 0:
        return words
    rate = count / seconds
    words += f", {rate:.1f}/s"
    if total and count < total:
        words += f", {(total - count) / rate:.0f} s left"
    return words


class NotebookLine:
    """A bar in a notebook, drawn by the browser itself: no widgets are needed.

    Args:
        display: IPython's function of that name.
        html: IPython's class of HTML.
    """

    def __init__(self, display: Callable[..., Any], html: Callable[[str], Any]):
        self.html = html
        self.handle = display(html(""), display_id=True)

    def show(self, words: str, share: float | None) -> None:
        """Shows the bar.

        Args:
            words: Beside it.
            share: That is done, 0 to 1; None where that is not known.
        """
        value = "" if share is None else f' value="{min(share, 1.0):.4f}"'
        self.handle.update(self.html(f"<progress{value}></progress> {escape(words)}"))

    def end(self, words: str, share: float | None) -> None:
        """Leaves the bar as it is."""
        self.show(words, share)


class TerminalLine:
    """A line of a terminal that is written over."""

    def show(self, words: str, share: float | None) -> None:
        """Shows the words in place of those before."""
        sys.stderr.write(f"\r\033[K{words}")
        sys.stderr.flush()

    def end(self, words: str, share: float | None) -> None:
        """Clears the line."""
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()


def open_line() -> NotebookLine | TerminalLine | None:
    """Where progress can be shown: in a notebook, on a terminal, or nowhere."""
    ipython = sys.modules.get("IPython")  # a notebook has imported it
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import HTML, display

        return NotebookLine(display, HTML)
    if sys.stderr is not None and sys.stderr.isatty():
        return TerminalLine()
    return None
