"""Threads for work on photographs side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2
from threadpoolctl import threadpool_limits

from lentigo.common.progress import Progress

T = TypeVar("T")


def map_images(
    work: Callable[[str], T], images: Sequence[str], threads: int | None, progress: Progress, label: str
) -> list[T]:
    """Works on photographs side by side.

    Args:
        work: Is called with each path.
        images: Paths or addresses.
        threads: How many work at once; None for as many as there are processors.
        progress: Shows how many are done.
        label: What it shows beside them.

    Returns:
        What the work gives for each, in order.
    """
    with open_pool(threads) as pool:
        return list(progress(pool.map(work, images), total=len(images), label=label))


@contextmanager
def open_pool(threads: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Opens a pool of threads for work on photographs side by side.

    No library starts threads of its own for one of them meanwhile: they would wait for each other.

    Args:
        threads: How many; as many as there are processors where it is None.

    Yields:
        The pool, which is shut down at the end.
    """
    # OpenCV and BLAS would each start as many threads again
    opencv_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1), ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            yield pool
    finally:
        cv2.setNumThreads(opencv_threads)
