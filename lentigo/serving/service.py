"""The service itself, whatever speaks to it: one model, one store, and photographs on their way from the one
to the other.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from lentigo.errors import ImageError, StoreError, UsageError
from lentigo.images.photographs import SIDE, DecodedImage
from lentigo.images.problems import Problem
from lentigo.serving.batching import Batcher
from lentigo.serving.fair_pool import FairPool
from lentigo.serving.http.problems import ProblemError
from lentigo.serving.metrics import Metrics
from lentigo.serving.predictions import (
    InferencePool,
    RequestContext,
    describe_answer,
    inspect_upload,
    read_upload,
)
from lentigo.serving.settings import Settings
from lentigo.serving.store.kept_images import ImageFolder
from lentigo.serving.store.records import Record
from lentigo.serving.store.store import Store, open_store

FORGETTING_SECONDS, POLL_SECONDS = 60.0, 0.02  # that a request waits for whoever forgets, and looks again
STORE_THREADS = 8  # as many as the store has connections at hand


@dataclass(frozen=True)
class Outcome:
    """The records of a request and what could not be answered; `fresh` is False where it had been answered
    before.
    """

    records: tuple[Record, ...]
    problems: tuple[Problem, ...]
    fresh: bool


class Service:
    """What stays open while the service runs. `start` belongs into the event loop that it will be used in,
    `stop` answers what was accepted.
    """

    def __init__(self, settings: Settings, panel: InferencePool, store: Store) -> None:
        self.settings, self.panel, self.store, self.metrics = settings, panel, store, Metrics()
        self.photos = ImageFolder(settings.photos) if settings.photos else None
        cores = os.cpu_count() or 1
        self.cpu = FairPool(
            cores + 1, max(1, cores - 1), "decoding"
        )  # one thread more than heavy photographs may take
        self.disk = ThreadPoolExecutor(STORE_THREADS, "store")
        self.desk = FairPool(2, 1, "describing")  # mostly Python: more would hinder each other
        self.waiting = self.held = 0

    def start(self) -> None:
        """Begins to answer."""
        self.gatherer = Batcher(
            self.panel.answer,
            most=self.settings.most_batch,
            wait_ms=self.settings.wait_ms,
            count=self.metrics.batches.observe,
        )

    async def stop(self) -> None:
        """Ends; the server has waited for requests that were accepted."""
        await self.gatherer.close()
        self.cpu.shutdown()
        self.desk.shutdown()
        self.disk.shutdown()
        self.store.close()

    async def call(self, ask: Callable[..., Any], *arguments: Any) -> Any:
        """Asks the store, or another that blocks, outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.disk, partial(ask, *arguments))

    @contextmanager
    def hold(self) -> Iterator[Callable[[int], None]]:
        """Gives a function that counts bytes which a request holds in memory, until it ends. That raises
        `ProblemError` where all requests hold too much.
        """
        mine = 0

        def count(size: int) -> None:
            nonlocal mine
            if self.held + size > self.settings.most_held:
                raise ProblemError("busy", "too many bytes of photographs are being sent at once; try again")
            mine, self.held = mine + size, self.held + size

        try:
            yield count
        finally:
            self.held -= mine

    @contextmanager
    def admit(self, count: int) -> Iterator[None]:
        """Places in the queue for photographs. Raises `ProblemError` where there are not that many."""
        if self.waiting + count > self.settings.most_waiting:
            raise ProblemError("busy", f"{self.waiting} photographs wait already; try again")
        self.waiting += count
        self.metrics.waiting.set(self.waiting)
        try:
            yield
        finally:
            self.waiting -= count
            self.metrics.waiting.set(self.waiting)

    async def predict(self, contents: Sequence[bytes], ask: RequestContext) -> Outcome:
        """Answers photographs and records the answers, or finds those of the same request. Raises
        `ProblemError` and `StoreError`.
        """
        known = {
            record.position: record
            for record in await self.call(self.store.find_request, ask.who, ask.request)
        }
        if known:
            return await self.repeat(contents, ask, known)
        if ask.details.lesion and await self.call(self.store.get_lesion, ask.details.lesion) is None:
            raise UsageError("lesion: there is no lesion with that id; expected one of GET /v1/lesions")
        said = await asyncio.gather(
            *(self.answer(content, position, ask) for position, content in enumerate(contents))
        )
        problems = tuple(item for item in said if isinstance(item, Problem))
        records = tuple(item for item in said if isinstance(item, Record))
        if not records:
            return Outcome((), problems, fresh=True)
        return await asyncio.shield(
            self.keep(contents, ask, records, problems)
        )  # once begun it is finished, whoever has left

    async def answer(self, content: bytes, position: int, ask: RequestContext) -> Record | Problem:
        """The answer for one photograph, not yet recorded."""
        owner = id(ask)
        upload = await self.cpu.run(owner, inspect_upload, content, position, self.settings)
        if isinstance(upload, Problem):
            return upload
        photo = await self.cpu.run(owner, read_upload, upload, is_heavy=upload.is_heavy)
        if isinstance(photo, Problem):
            return photo
        answer = await self.gatherer.ask(photo, owner)
        try:
            record = await self.desk.run(
                owner, describe_answer, answer, photo, content, self.panel, ask, is_heavy=upload.is_heavy
            )
        except ImageError as error:
            return Problem(photo.image, str(error).removeprefix(f"{photo.image}: "))
        self.metrics.count_answer(answer.prediction)
        return record

    async def keep(
        self,
        contents: Sequence[bytes],
        ask: RequestContext,
        records: tuple[Record, ...],
        problems: tuple[Problem, ...],
    ) -> Outcome:
        """Records answers, or finds that the same request has come in meanwhile. Raises `ProblemError` and
        `StoreError`.
        """
        async with self.share_images():
            if self.photos is not None:
                for record in records:
                    content = bytes(contents[record.position])
                    await self.cpu.run(id(ask), self.photos.keep, record.sha256, content, is_heavy=True)
                records = tuple(replace(record, kept=True) for record in records)
            stored = await self.call(self.store.add, records, "predict")
        if {record.id for record in stored} != {record.id for record in records}:
            return await self.repeat(contents, ask, {record.position: record for record in stored})
        return Outcome(tuple(stored), problems, fresh=True)

    @asynccontextmanager
    async def share_images(self) -> AsyncIterator[None]:
        """Keeps whoever forgets photographs waiting, from the moment one is kept until its record is
        written.
        """
        if self.photos is None:
            yield
            return
        deadline = time.monotonic() + FORGETTING_SECONDS
        while (lock := self.photos.try_sharing()) is None:  # no thread waits: the store has few
            if time.monotonic() > deadline:
                raise ProblemError("busy", "photographs are being forgotten; try again")
            await asyncio.sleep(POLL_SECONDS)
        with lock:
            yield

    async def repeat(
        self, contents: Sequence[bytes], ask: RequestContext, known: dict[int, Record]
    ) -> Outcome:
        """What was answered before, and again the problems. Raises `ProblemError` where the request is
        another one of that name.
        """
        if {record.fingerprint for record in known.values()} != {ask.fingerprint}:
            raise ProblemError(
                "other-request",
                "this Idempotency-Key has been used for other photographs or other details; use a new one",
            )
        said = []
        for position in range(len(contents)):
            if position not in known:
                said.append(await self.explain_again(contents[position], position, ask))
        problems = tuple(item for item in said if isinstance(item, Problem))
        await self.call(
            self.store.log, ask.who, "predict again", " ".join(record.id for record in known.values())
        )
        return Outcome(tuple(known[position] for position in sorted(known)), problems, fresh=False)

    async def explain_again(
        self, content: bytes, position: int, ask: RequestContext
    ) -> Problem | DecodedImage:
        """Why a photograph could not be answered before."""
        upload = await self.cpu.run(id(ask), inspect_upload, content, position, self.settings)
        if isinstance(upload, Problem):
            return upload
        return await self.cpu.run(id(ask), read_upload, upload, is_heavy=upload.is_heavy)

    async def find_obstacle(self) -> str:
        """Why the service is not ready, "" where it is."""
        try:
            await self.call(self.store.ping)
        except StoreError:
            return "the store does not answer"
        return "the queue is full" if self.waiting >= self.settings.most_waiting else ""


def open_service(settings: Settings) -> Service:
    """Loads the model and opens the store, side by side. Raises `ModelError`, `StoreError` and
    `UsageError`.
    """
    with ThreadPoolExecutor(1) as worker:
        store = worker.submit(open_store, settings.database)
        panel = InferencePool(settings.model)
        panel.answer(
            [DecodedImage("0", np.zeros((SIDE, SIDE, 3), np.uint8), "", (SIDE, SIDE))]
        )  # the first answer takes longer
        service = Service(settings, panel, store.result())
    if service.photos is not None:
        service.photos.tidy()
    return service
