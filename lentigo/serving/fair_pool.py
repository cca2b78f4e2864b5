"""Turns: work of several requests is done in turn, one piece of each, so that a large request never stands
before a small one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """A queue of items by owner: the owners are served in turn, the items of each in their order."""

    def __init__(self) -> None:
        self.owners: OrderedDict[Hashable, deque[T]] = OrderedDict()
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def put(self, owner: Hashable, item: T) -> None:
        """Adds an item behind those of its owner."""
        self.owners.setdefault(owner, deque()).append(item)
        self.count += 1

    def get(self, may_go: Callable[[T], bool] = lambda item: True) -> T | None:
        """Takes the first item of the owner whose turn it is; one that may not go yet is passed over. None
        where there is none.

        >>> turns = Turns()
        >>> for owner, item in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")):
        ...     turns.put(owner, item)
        >>> [turns.get() for _ in range(4)]
        ['a1', 'b1', 'a2', 'a3']
        """
        for owner, items in self.owners.items():
            if may_go(items[0]):
                item = items.popleft()
                del self.owners[owner]
                if items:
                    self.owners[owner] = items  # behind the others
                self.count -= 1
                return item
        return None


@dataclass
class Job:
    """Work that waits for a thread, and where its answer goes."""

    work: Callable[[], Any]
    is_heavy: bool
    answer: asyncio.Future


class FairPool:
    """Threads that work for the owners in turn. Of heavy jobs `most_heavy` are under way at a time: the
    others' threads stay free for light ones.

    A job whose asker has left is dropped if it has not begun. To be used within one event loop.
    """

    def __init__(self, threads: int, most_heavy: int, name: str) -> None:
        self.threads = threads
        self.most_heavy = most_heavy
        self.pool = ThreadPoolExecutor(threads, name)
        self.jobs: Turns[Job] = Turns()
        self.running = 0
        self.running_heavy = 0

    async def run(
        self, owner: Hashable, work: Callable[..., T], *arguments: Any, is_heavy: bool = False
    ) -> T:
        """What `work` gives for the arguments, when it is its owner's turn; raises what it raises.

        Args:
            owner: whose job it is; those of one owner are begun in their order.
            work: what a thread calls.
            arguments: its arguments.
            is_heavy: whether it takes much time or memory.
        """
        loop = asyncio.get_running_loop()
        job = Job(partial(work, *arguments), is_heavy, loop.create_future())
        self.jobs.put(owner, job)
        self._begin()
        return await job.answer

    def shutdown(self) -> None:
        """Ends the threads; jobs that have not begun are cancelled."""
        while (job := self.jobs.get()) is not None:
            job.answer.cancel()
        self.pool.shutdown()

    def _begin(self) -> None:
        """Gives free threads the next jobs."""
        while self.running < self.threads:
            job = self.jobs.get(
                lambda job: not job.is_heavy or self.running_heavy < self.most_heavy or job.answer.done()
            )
            if job is None:
                return
            if job.answer.done():
                continue
            self.running += 1
            self.running_heavy += job.is_heavy
            work = asyncio.get_running_loop().run_in_executor(self.pool, job.work)
            work.add_done_callback(partial(self._end, job))

    def _end(self, job: Job, work: asyncio.Future) -> None:
        """Hands an answer to its asker, if it is still there, and begins the next job."""
        self.running -= 1
        self.running_heavy -= job.is_heavy
        error = work.exception()
        if not job.answer.done():
            if error is None:
                job.answer.set_result(work.result())
            else:
                job.answer.set_exception(error)
        self._begin()
