"""Work in batches: several at a time, results in the order of the items, and no item twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from lentigo.errors import LentigoError

MAX_BATCH_ITEMS = 256  # small enough to be done again, large enough that sending the batch costs nothing
MIN_BATCHES_PER_WORKER = 4  # so that no worker is idle while another still has a long batch
T = TypeVar("T")


class Lost(LentigoError):
    """Whoever did a batch was lost, each time that it was tried. Raised by `collect`, never to a user."""


def choose_size(count: int | None, workers: int) -> int:
    """Chooses how many items a batch has.

    Args:
        count: The number of all items; None where it is not known.
        workers: That work at a time.

    Returns:
        A size such that each worker has four batches at least, as far as the items reach.

    >>> choose_size(None, 4), choose_size(1_000_000, 4), choose_size(100, 4), choose_size(3, 4)
    (256, 256, 7, 1)
    """
    if count is None:
        return MAX_BATCH_ITEMS
    size = -(-count // (MIN_BATCHES_PER_WORKER * workers))  # rounded up
    return max(1, min(MAX_BATCH_ITEMS, size))


def cut_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cuts items into batches.

    Args:
        items: Of any number.
        size: Items of each batch.

    Yields:
        Lists of `size` items, the last one shorter.

    >>> list(cut_batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def map_batches(
    batches: Iterable[list[T]],
    submit: Callable[[list[T]], Any],
    collect: Callable[[Any], Sequence],
    width: Callable[[], int],
    give_up: Callable[[T, Lost], Any],
) -> Iterator[Any]:
    """Works on batches side by side and gives the results of their items in order, each once.

    Of a batch that is `Lost` both halves are tried again, and so on: what is left is the item at fault.

    Args:
        batches: Drawn as others are finished.
        submit: Begins a batch and gives a handle of it.
        collect: Waits for what a handle stands for, and gives one result for each item.
        width: How many batches may be on their way now.
        give_up: Gives the result of an item at which every worker was lost.

    Yields:
        One result for each item.

    Raises:
        RuntimeError: Where a batch has another number of results than of items.
    """

    def finish(batch: list[T], handle: Any) -> list[Any]:
        try:
            results = list(collect(handle))
        except Lost as lost:
            if len(batch) == 1:
                return [give_up(batch[0], lost)]
            return retry_halves(batch)
        if len(results) != len(batch):
            raise RuntimeError(f"{len(results)} results for {len(batch)} items of a batch")
        return results

    def retry_halves(batch: list[T]) -> list[Any]:
        middle = len(batch) // 2
        first = batch[:middle]
        second = batch[middle:]
        first_handle = submit(first)
        second_handle = submit(second)  # both are on their way before the first is waited for
        return finish(first, first_handle) + finish(second, second_handle)

    waiting: deque[tuple[list[T], Any]] = deque()
    for batch in batches:
        waiting.append((batch, submit(batch)))
        # Results in order: the oldest batch is waited for, later ones may be done already
        while len(waiting) >= width():
            yield from finish(*waiting.popleft())
    while waiting:
        yield from finish(*waiting.popleft())
