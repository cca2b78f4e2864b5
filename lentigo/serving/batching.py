"""Batching: images of many requests that arrive together go through the network together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lentigo.images.photographs import DecodedImage
from lentigo.inference.results import InferenceResult
from lentigo.serving.fair_pool import FairQueue


@dataclass
class BatchItem:
    """An image that waits for its batch, and where its result goes."""

    image: DecodedImage
    result: asyncio.Future


class Batcher:
    """Collects images into batches and gives them to the network, one batch at a time, in a thread of its
    own.

    While a batch is computed the next one fills by itself, from the requests in turn. Only where nothing is
    computed does the first image wait for others. An image whose caller has left is dropped if its batch has
    not begun. To be used within one event loop.
    """

    def __init__(
        self,
        predict_batch: Callable[[Sequence[DecodedImage]], Sequence[InferenceResult]],
        *,
        max_batch: int,
        wait_ms: float,
        observe_size: Callable[[int], None] = lambda size: None,
    ):
        """Starts to wait for images; needs a running event loop.

        Args:
            predict_batch: gives one answer for each image, in order; called in the batcher's thread.
            max_batch: images of a batch at most.
            wait_ms: milliseconds that a single first image waits for others.
            observe_size: called with the size of each batch.
        """
        self.predict_batch = predict_batch
        self.max_batch = max_batch
        self.wait_seconds = wait_ms / 1000
        self.observe_size = observe_size
        self.waiting: FairQueue[BatchItem] = FairQueue()
        self.has_waiting = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, "network")
        self.task = asyncio.get_running_loop().create_task(self.run())

    async def predict(self, image: DecodedImage, owner: Hashable = None) -> InferenceResult:
        """Puts one image through the network; raises what the network raises.

        Args:
            image: the decoded image.
            owner: the request that it belongs to; requests are served in turn.

        Returns:
            The answer for the image.
        """
        item = BatchItem(image, asyncio.get_running_loop().create_future())
        self.waiting.put(owner, item)
        self.has_waiting.set()
        return await item.result

    async def run(self) -> None:
        """Computes batch after batch, until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            collected = await self.collect_batch()
            # A result that is done already was cancelled: its caller has left
            batch = [item for item in collected if not item.result.done()]
            if not batch:
                continue
            self.observe_size(len(batch))
            images = [item.image for item in batch]
            try:
                answers = await loop.run_in_executor(self.thread, self.predict_batch, images)
            except Exception as error:  # whatever the network raises, each caller gets it
                for item in batch:
                    if not item.result.done():
                        item.result.set_exception(error)
                continue
            for item, answer in zip(batch, answers, strict=True):
                if not item.result.done():
                    item.result.set_result(answer)

    async def collect_batch(self) -> list[BatchItem]:
        """The next batch; waits for its first image as long as it takes."""
        await self._wait_for_first()
        batch: list[BatchItem] = []
        while len(batch) < self.max_batch:
            item = self.waiting.get()
            if item is None:
                break
            batch.append(item)
        return batch

    async def _wait_for_first(self) -> None:
        """Waits for an image, and a moment longer for others that come with it."""
        while not self.waiting:
            self.has_waiting.clear()
            await self.has_waiting.wait()
        if len(self.waiting) == 1 and self.wait_seconds:
            # Photographs of one request come one after the other, a moment apart
            await asyncio.sleep(self.wait_seconds)

    async def close(self) -> None:
        """Stops; images that still wait are cancelled."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        while (item := self.waiting.get()) is not None:
            item.result.cancel()
        self.thread.shutdown()
