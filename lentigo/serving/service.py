"""The service itself, whatever speaks to it: one model, one store, and photographs on their way from the one
to the other.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lentigo.errors import StoreError, UsageError
from lentigo.images.photographs import SIDE, DecodedImage
from lentigo.images.problems import Problem, separate_problems
from lentigo.serving.admission import Admission
from lentigo.serving.batching import Batcher
from lentigo.serving.fair_pool import FairPool
from lentigo.serving.group_commit import GroupCommit
from lentigo.serving.http.problems import ProblemError
from lentigo.serving.metrics import Metrics
from lentigo.serving.predictions.inference_pool import InferencePool
from lentigo.serving.predictions.recording import make_record
from lentigo.serving.predictions.request_context import Outcome, RequestContext
from lentigo.serving.predictions.upload_decoding import Upload, read_light, read_upload
from lentigo.serving.settings import Settings
from lentigo.serving.store.kept_images import ImageFolder
from lentigo.serving.store.records import Record
from lentigo.serving.store.store import Store, open_store

MAX_FORGET_SECONDS = 60.0  # that a request waits while photographs are being forgotten
POLL_SECONDS = 0.02  # between two looks at that lock
STORE_THREADS = 8  # as many as the store has connections at hand
RECORD_THREADS = 2  # making records is mostly Python: more threads would hinder each other


class Service:
    """What stays open while the service runs."""

    def __init__(self, settings: Settings, pool: InferencePool, store: Store) -> None:
        """Makes the threads; `start` begins to answer.

        Args:
            settings: limits, and the folder of kept photographs.
            pool: the model.
            store: where records go; closed by `stop`.
        """
        self.settings = settings
        self.pool = pool
        self.store = store
        self.metrics = Metrics()
        self.image_folder = None if settings.image_folder is None else ImageFolder(settings.image_folder)
        cores = os.cpu_count() or 1
        # One thread more than large photographs may take, so that small ones never wait for them.
        self.decode_pool = FairPool(cores + 1, max(1, cores - 1), "decoding")
        self.record_pool = FairPool(RECORD_THREADS, 1, "records")
        self.store_threads = ThreadPoolExecutor(STORE_THREADS, "store")
        self.admission = Admission(settings, self.metrics)

    def start(self) -> None:
        """Begins to answer; to be called in the event loop that the service will be used in."""
        self.batcher = Batcher(
            self.pool.predict,
            max_batch=self.settings.max_batch,
            wait_ms=self.settings.wait_ms,
            observe_size=self.metrics.batches.observe,
        )
        self.writer = GroupCommit(lambda records: self.call(self.store.add, records, "predict"))

    async def stop(self) -> None:
        """Ends; the server has waited for the requests that were accepted."""
        await self.batcher.close()
        self.decode_pool.shutdown()
        self.record_pool.shutdown()
        await self.writer.close()
        self.store_threads.shutdown()
        self.store.close()

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls the store, or another function that blocks, outside the event loop.

        Args:
            function: what is called.
            arguments: its arguments.

        Returns:
            What the function returns; raises what it raises.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.store_threads, partial(function, *arguments))

    async def log(self, who: str, action: str, subject: str = "") -> None:
        """Adds a line to the audit trail.

        Args:
            who: the name of the key, or `LOCAL_USER`.
            action: what was done.
            subject: the ids that it was done to, with spaces between them.
        """
        await self.call(self.store.log, who, action, subject)

    async def predict(self, contents: Sequence[bytes], context: RequestContext) -> Outcome:
        """Predicts photographs and records it, or finds the records of the same request.

        Args:
            contents: the bytes of the files, in the order sent.
            context: the request.

        Returns:
            The records, and the problems of the photographs that cannot be read.

        Raises:
            UsageError: there is no such lesion.
            ProblemError: the name of the request was used for another one.
            StoreError: nothing could be recorded.
        """
        if context.is_named:
            stored = await self.call(self.store.find_request, context.who, context.request)
            if stored:
                return await self.replay(contents, context, stored)
        lesion = context.details.lesion
        if lesion and await self.call(self.store.get_lesion, lesion) is None:
            raise UsageError("lesion: there is no lesion with that id; expected one of GET /v1/lesions")
        tasks = [self.predict_one(content, position, context) for position, content in enumerate(contents)]
        records, problems, _ = separate_problems(await asyncio.gather(*tasks))
        if not records:
            return Outcome((), tuple(problems), is_new=True)
        # Once begun, recording is finished, also when the client has left.
        return await asyncio.shield(self.save(contents, context, tuple(records), tuple(problems)))

    async def predict_one(self, content: bytes, position: int, context: RequestContext) -> Record | Problem:
        """The record of one photograph, not yet stored, or its problem.

        Args:
            content: The file.
            position: Its place in the request, from 0.
            context: Of the request.
        """
        owner = id(context)  # a request's photographs take turns with those of others
        image = await self.decode(content, position, owner)
        if isinstance(image, Problem):
            return image
        answer = await self.batcher.predict(image, owner)
        record = await self.record_pool.run(owner, make_record, answer, image, self.pool, context)
        if answer.prediction is not None:
            self.metrics.count_prediction(answer.prediction)
        return record

    async def decode(self, content: bytes, position: int, owner: int) -> DecodedImage | Problem:
        """A photograph as the network sees it, or why it cannot be read; a heavy one when it is its turn.

        Args:
            content: The file.
            position: Its place in the request, from 0.
            owner: The number of the request, among which heavy photographs take turns.
        """
        read = await self.decode_pool.run(owner, read_light, content, position, self.settings)
        if isinstance(read, Upload):
            read = await self.decode_pool.run(owner, read_upload, read, is_heavy=True)
        return read

    async def save(
        self,
        contents: Sequence[bytes],
        context: RequestContext,
        records: tuple[Record, ...],
        problems: tuple[Problem, ...],
    ) -> Outcome:
        """Stores the records of a request, or finds that the same request has come in meanwhile.

        Raises `ProblemError` and `StoreError`.

        Args:
            contents: The files of the request.
            context: Of the request.
            records: To be stored.
            problems: Of the other files.
        """
        async with self.lock_image_folder():
            if self.image_folder is not None:
                await self.keep_images(self.image_folder, contents, context, records)
                records = tuple(replace(record, kept=True) for record in records)
            stored = await self.writer.add(records)
        # Other ids: the same request was written by somebody else meanwhile
        if {record.id for record in stored} != {record.id for record in records}:
            return await self.replay(contents, context, stored)
        return Outcome(tuple(stored), problems, is_new=True)

    async def keep_images(
        self,
        folder: ImageFolder,
        contents: Sequence[bytes],
        context: RequestContext,
        records: Sequence[Record],
    ) -> None:
        """Keeps the photograph of each record.

        Args:
            folder: Where photographs are kept.
            contents: The files of the request.
            context: Of the request.
            records: Of its photographs.
        """
        for record in records:
            content = bytes(contents[record.position])
            await self.decode_pool.run(id(context), folder.keep, record.sha256, content, is_heavy=True)

    @asynccontextmanager
    async def lock_image_folder(self) -> AsyncIterator[None]:
        """Keeps `lentigo history --forget` waiting, from the moment a photograph is kept until its record is
        stored.

        Raises `ProblemError` where photographs are being forgotten for too long.
        """
        if self.image_folder is None:
            yield
            return
        deadline = time.monotonic() + MAX_FORGET_SECONDS
        # No thread waits for the lock: the store has few.
        while (lock := self.image_folder.try_sharing()) is None:
            if time.monotonic() > deadline:
                raise ProblemError("busy", "photographs are being forgotten; try again")
            await asyncio.sleep(POLL_SECONDS)
        with lock:
            yield

    async def replay(
        self, contents: Sequence[bytes], context: RequestContext, stored: Sequence[Record]
    ) -> Outcome:
        """The records of a request that was answered before, and its problems anew.

        Raises `ProblemError` where the stored request is another one of that name.

        Args:
            contents: The files of the request.
            context: Of the request.
            stored: The records of the first request.
        """
        if {record.fingerprint for record in stored} != {context.fingerprint}:
            raise ProblemError(
                "other-request",
                "this Idempotency-Key has been used for other photographs or other details; use a new one",
            )
        records = sorted(stored, key=lambda record: record.position)
        answered = {record.position for record in records}
        problems = []
        for position, content in enumerate(contents):
            if position not in answered:
                read = await self.decode(content, position, id(context))
                if isinstance(read, Problem):
                    problems.append(read)
        subject = " ".join(record.id for record in records)
        await self.log(context.who, "predict again", subject)
        return Outcome(tuple(records), tuple(problems), is_new=False)

    async def find_obstacle(self) -> str:
        """Finds why the service is not ready; "" where it is."""
        try:
            await self.call(self.store.ping)
        except StoreError:
            return "the store does not answer"
        if self.admission.is_full:
            return "the queue is full"
        return ""


def open_service(settings: Settings) -> Service:
    """Loads the model and opens the store, both at the same time.

    Args:
        settings: which model and store, and the limits.

    Returns:
        The service, not yet started.

    Raises:
        ModelError: the model cannot be used.
        StoreError: the store does not answer, or is newer than this Lentigo.
        UsageError: the address of the store is none.
    """
    blank = DecodedImage("0", np.zeros((SIDE, SIDE, 3), np.uint8), "", (SIDE, SIDE))
    with ThreadPoolExecutor(1) as thread:
        store = thread.submit(open_store, settings.database)
        similar = 0 if settings.index is None else settings.similar
        pool = InferencePool(settings.model, similar=similar, index=settings.index, threads=settings.threads)
        pool.predict([blank])  # the first prediction takes longer
        service = Service(settings, pool, store.result())
    if service.image_folder is not None:
        service.image_folder.tidy()
    return service
