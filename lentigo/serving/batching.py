"""Batching: photographs of many requests that arrive together are asked about together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lentigo.images.photographs import DecodedImage
from lentigo.inference.prediction import Answer
from lentigo.serving.fair_pool import Turns


@dataclass
class BatchItem:
    """A photograph that waits, and where its answer goes."""

    photo: DecodedImage
    answer: asyncio.Future


class Batcher:
    """Collects questions into batches of up to `most` and asks them one batch at a time, in a thread of its
    own.

    While a batch is answered the next one gathers by itself, of the requests in turn; only where nothing is
    under way does the first photograph wait `wait_ms` for company. A question whose asker has left is dropped
    if its batch has not begun. `ask_batch` gives one answer for each photograph, in order; `count` is told
    the size of each batch. To be used within one event loop.
    """

    def __init__(
        self,
        ask_batch: Callable[[Sequence[DecodedImage]], Sequence[Answer]],
        *,
        most: int,
        wait_ms: float,
        count: Callable[[int], None] = lambda size: None,
    ):
        self.ask_batch, self.most, self.wait, self.count = ask_batch, most, wait_ms / 1000, count
        self.questions: Turns[BatchItem] = Turns()
        self.asked = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, "network")
        self.work = asyncio.get_running_loop().create_task(self.run())

    async def ask(self, photo: DecodedImage, owner: Hashable = None) -> Answer:
        """The answer for one photograph of a request, the `owner`; raises what the network raised."""
        question = BatchItem(photo, asyncio.get_running_loop().create_future())
        self.questions.put(owner, question)
        self.asked.set()
        return await question.answer

    async def run(self) -> None:
        """Answers batch after batch, until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [question for question in await self.gather() if not question.answer.done()]
            if not batch:
                continue
            self.count(len(batch))
            try:
                answers = await loop.run_in_executor(
                    self.thread, self.ask_batch, [question.photo for question in batch]
                )
            except Exception as error:  # whatever the network raises is each asker's to hear
                answers = [error] * len(batch)
            for question, answer in zip(batch, answers, strict=True):
                settle(question.answer, answer)

    async def gather(self) -> list[BatchItem]:
        """The next batch; waits for its first question as long as it takes."""
        while not self.questions:
            self.asked.clear()
            await self.asked.wait()
        if len(self.questions) == 1 and self.wait:
            await asyncio.sleep(self.wait)
        batch: list[BatchItem] = []
        while len(batch) < self.most and (question := self.questions.get()) is not None:
            batch.append(question)
        return batch

    async def close(self) -> None:
        """Stops; questions that are still open are cancelled."""
        self.work.cancel()
        await asyncio.gather(self.work, return_exceptions=True)
        while (question := self.questions.get()) is not None:
            question.answer.cancel()
        self.thread.shutdown()


def settle(future: asyncio.Future, answer: Answer | Exception) -> None:
    """Hands an answer to its asker, if it is still there."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
