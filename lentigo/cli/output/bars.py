"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from lentigo.common.progress import Progress, show_nothing


class Bars:
    """Progress bars on stderr: rate and time left; nothing where stderr is no terminal. stdout is left
    alone.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<26}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True)
        # Rich takes a file for a terminal where FORCE_COLOR is set
        shown = is_terminal(sys.stderr) and not console.is_dumb_terminal
        # By itself Rich sends what is printed meanwhile to its own console, cut to its width: results would
        # not reach stdout.
        self.progress = Progress(
            *columns,
            console=console,
            transient=True,
            disable=not shown,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Bars:
        self.progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.progress.stop()

    def __call__(self, items: Iterable, total: int | None = None, label: str = "") -> Iterator:
        """The same items, with a bar that moves as they are taken."""
        task = self.progress.add_task(label, total=total, rate="")
        for item in items:
            yield item
            # Rich's own column of rates has no unit
            speed = self.progress.tasks[self.progress.task_ids.index(task)].speed
            rate = f"{speed:.1f}/s" if speed else ""
            self.progress.update(task, advance=1, rate=rate)
        self.progress.remove_task(task)


def is_terminal(stream: Any) -> bool:
    """Whether a stream goes to a terminal; one that is closed does not."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def choose_bars() -> Bars | AbstractContextManager[Progress]:
    """Bars for results that are printed one by one.

    Returns:
        A context with a progress: one that shows nothing where the results appear on a terminal, since they
        show the progress themselves, and where stderr is none: then Rich is not even imported.
    """
    if is_terminal(sys.stdout) or not is_terminal(sys.stderr):
        return nullcontext(show_nothing)
    return Bars()
