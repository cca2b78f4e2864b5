"""Group commit: requests that are answered at the same time are written by one transaction.

A transaction costs a wait for the disk, however much it writes. While one is being written the requests that
come in wait, and the next one takes all of them. Nobody waits where nothing is being written, and each
request is answered only after it is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lentigo.serving.store.records import Record

MAX_REQUESTS = 64  # of one transaction
Request = tuple[str, str]  # who sent it, and its name
AddRecords = Callable[[Sequence[Record]], Awaitable[Sequence[Record]]]


@dataclass
class Writing:
    """The records of a request that wait to be written, and where what is stored goes."""

    records: tuple[Record, ...]
    stored: asyncio.Future[tuple[Record, ...]]

    @property
    def request(self) -> Request:
        """Whose records they are."""
        return self.records[0].who, self.records[0].request


class GroupCommit:
    """Writes the records of requests in groups. To be used within one event loop."""

    def __init__(self, add: AddRecords) -> None:
        """Makes the writer.

        Args:
            add: Writes the records of several requests, all or none, and gives what is stored of them; each
                request twice is as good as once.
        """
        self.add_records = add
        self.waiting: list[Writing] = []
        self.task: asyncio.Task[None] | None = None

    async def add(self, records: Sequence[Record]) -> tuple[Record, ...]:
        """Writes the records of one request; raises what `add` raises for them.

        Args:
            records: One at least.

        Returns:
            What is stored of the request, on disk.
        """
        writing = Writing(tuple(records), asyncio.get_running_loop().create_future())
        self.waiting.append(writing)
        if self.task is None or self.task.done():
            self.task = asyncio.get_running_loop().create_task(self._write_waiting())
        return await writing.stored

    async def close(self) -> None:
        """Waits until everything is written."""
        if self.task is not None:
            await self.task

    async def _write_waiting(self) -> None:
        """Writes group after group until nobody waits."""
        while self.waiting:
            await self._write_group(self._take_group())

    def _take_group(self) -> list[Writing]:
        """The next group, first come, first served. Of two that are the same request the second one waits: it
        has to find what the first has stored.
        """
        group: dict[Request, Writing] = {}
        left: list[Writing] = []
        for writing in self.waiting:
            if len(group) < MAX_REQUESTS and writing.request not in group:
                group[writing.request] = writing
            else:
                left.append(writing)
        self.waiting = left
        return list(group.values())

    async def _write_group(self, group: list[Writing]) -> None:
        """Writes a group by one transaction, and where that fails each request by its own, so that none fails
        for another's sake.
        """
        records: list[Record] = []
        for writing in group:
            records.extend(writing.records)
        try:
            stored = await self.add_records(records)
        except Exception as error:  # whatever the store raises, the one that it concerns gets it
            # Also where it was carried out after all: a request that is written twice is as good as once
            if len(group) > 1:
                for writing in group:
                    await self._write_group([writing])
                return
            if not group[0].stored.done():
                group[0].stored.set_exception(error)
            return
        by_request: dict[Request, list[Record]] = {}
        for record in stored:
            by_request.setdefault((record.who, record.request), []).append(record)
        for writing in group:
            if not writing.stored.done():
                writing.stored.set_result(tuple(by_request[writing.request]))
