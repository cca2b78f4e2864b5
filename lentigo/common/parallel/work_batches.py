"""Work in parts: many at a time, answers in the order of the questions, and nothing twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from lentigo.errors import LentigoError

PART = 256  # photographs; small enough to be done again, large enough that sending it costs nothing
T = TypeVar("T")


class Lost(LentigoError):
    """Whoever did a part was lost, each time that it was tried. Said by `collect`, never to a user."""


def choose_size(count: int | None, workers: int) -> int:
    """Items of a part: four parts at least for each worker, as far as they reach, and `PART` at most.

    >>> choose_size(None, 4), choose_size(1_000_000, 4), choose_size(100, 4), choose_size(3, 4)
    (256, 256, 7, 1)
    """
    return PART if count is None else max(1, min(PART, -(-count // (4 * workers))))


def cut_parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter.

    >>> list(cut_parts("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    items = iter(items)
    while part := list(islice(items, size)):
        yield part


def map_parts(
    parts: Iterable[list[T]],
    submit: Callable[[list[T]], Any],
    collect: Callable[[Any], Sequence],
    width: Callable[[], int],
    give_up: Callable[[T, Lost], Any],
) -> Iterator[Any]:
    """The answers for the items of all parts, in their order, each once. `submit` begins a part, `collect`
    waits for what it began; parts are drawn as others are finished: at most `width()` are on their way.

    Of a part that is `Lost` both halves are tried again, and so on: what is left is the item at fault, for
    which `give_up` answers.
    """

    def finish(part: list[T], handle: Any) -> list[Any]:
        try:
            answers = list(collect(handle))
        except Lost as lost:
            middle = len(part) // 2
            if not middle:
                return [give_up(part[0], lost)]
            halves = [(half, submit(half)) for half in (part[:middle], part[middle:])]
            return [answer for half, again in halves for answer in finish(half, again)]
        if len(answers) != len(part):
            raise RuntimeError(f"{len(answers)} answers for {len(part)} items of a part")
        return answers

    waiting: deque = deque()
    for part in parts:
        waiting.append((part, submit(part)))
        while len(waiting) >= width():
            yield from finish(*waiting.popleft())
    while waiting:
        yield from finish(*waiting.popleft())
