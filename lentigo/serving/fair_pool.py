"""A fair queue and a pool of threads: the requests are served in turn, one job of each, so that a large
request never stands before a small one.
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


class FairQueue(Generic[T]):
    """A queue of items by owner: the owners are served in turn, the items of each in their order."""

    def __init__(self) -> None:
        self.items_by_owner: OrderedDict[Hashable, deque[T]] = OrderedDict()
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def put(self, owner: Hashable, item: T) -> None:
        """Adds an item behind those of its owner.

        Args:
            owner: whose item it is, the request for instance.
            item: what `get` gives later.
        """
        self.items_by_owner.setdefault(owner, deque()).append(item)
        self.count += 1

    def get(self, is_allowed: Callable[[T], bool] = lambda item: True) -> T | None:
        """Takes the first item of the owner whose turn it is.

        Args:
            is_allowed: whether an item may be taken now; owners whose first item may not are passed over.

        Returns:
            The item, or None where there is none that may be taken.

        >>> queue = FairQueue()
        >>> for owner, item in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")):
        ...     queue.put(owner, item)
        >>> [queue.get() for _ in range(4)]
        ['a1', 'b1', 'a2', 'a3']
        """
        for owner, items in self.items_by_owner.items():
            if not is_allowed(items[0]):
                continue
            # The dict is changed while it is iterated over; the loop ends here
            item = items.popleft()
            del self.items_by_owner[owner]
            if items:
                # The owner goes behind the others.
                self.items_by_owner[owner] = items
            self.count -= 1
            return item
        return None


@dataclass
class Job:
    """Work that waits for a thread, and where its result goes."""

    work: Callable[[], Any]
    is_heavy: bool
    result: asyncio.Future


class FairPool:
    """Threads that work for the owners in turn. To be used within one event loop.

    Of heavy jobs `max_heavy` run at a time: the other threads stay free for light ones. A job whose caller
    has left is dropped if it has not begun.
    """

    def __init__(self, threads: int, max_heavy: int, name: str) -> None:
        """Makes the threads.

        Args:
            threads: how many there are.
            max_heavy: how many heavy jobs run at a time.
            name: prefix of the threads' names.
        """
        self.threads = threads
        self.max_heavy = max_heavy
        self.executor = ThreadPoolExecutor(threads, name)
        self.jobs: FairQueue[Job] = FairQueue()
        self.running = 0
        self.running_heavy = 0

    async def run(
        self, owner: Hashable, work: Callable[..., T], *arguments: Any, is_heavy: bool = False
    ) -> T:
        """Calls a function in a thread, when it is its owner's turn; raises what the function raises.

        Args:
            owner: whose job it is; those of one owner are begun in their order.
            work: what a thread calls.
            arguments: its arguments.
            is_heavy: whether it takes much time or memory.

        Returns:
            What `work` returns.
        """
        loop = asyncio.get_running_loop()
        job = Job(partial(work, *arguments), is_heavy, loop.create_future())
        self.jobs.put(owner, job)
        self._start_jobs()
        return await job.result

    def shutdown(self) -> None:
        """Ends the threads; jobs that have not begun are cancelled."""
        while (job := self.jobs.get()) is not None:
            job.result.cancel()
        self.executor.shutdown()

    def _may_start(self, job: Job) -> bool:
        """Whether a job may leave the queue: also one whose caller has left, which is then dropped."""
        return not job.is_heavy or self.running_heavy < self.max_heavy or job.result.done()

    def _start_jobs(self) -> None:
        """Gives the free threads their next jobs."""
        while self.running < self.threads:
            job = self.jobs.get(self._may_start)
            if job is None:
                return
            if job.result.done():  # its caller has left
                continue
            self.running += 1
            self.running_heavy += job.is_heavy
            task = asyncio.get_running_loop().run_in_executor(self.executor, job.work)
            task.add_done_callback(partial(self._finish_job, job))

    def _finish_job(self, job: Job, task: asyncio.Future) -> None:
        """Hands a result to its caller, if it is still there, and starts the next job."""
        self.running -= 1
        self.running_heavy -= job.is_heavy
        error = task.exception()  # asked for also where nobody waits: else asyncio complains of it
        if not job.result.done():
            if error is None:
                job.result.set_result(task.result())
            else:
                job.result.set_exception(error)
        self._start_jobs()
