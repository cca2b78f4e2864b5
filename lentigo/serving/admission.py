"""Admission: how much the requests of a service may hold together, so that memory and waiting stay bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lentigo.serving.http.problems import ProblemError
from lentigo.serving.metrics import Metrics
from lentigo.serving.settings import Settings


class Admission:
    """The bytes and the places that requests hold; used in the event loop alone, hence without a lock.

    Attributes:
        pending_bytes: of photographs that requests hold in memory.
        waiting_images: photographs that were accepted and not yet answered.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Begins with nothing held.

        Args:
            settings: with the limits.
            metrics: show how many photographs wait.
        """
        self.settings = settings
        self.metrics = metrics
        self.pending_bytes = 0
        self.waiting_images = 0

    @property
    def is_full(self) -> bool:
        """Whether no further photograph is accepted."""
        return self.waiting_images >= self.settings.max_waiting

    @contextmanager
    def limit_pending_bytes(self) -> Iterator[Callable[[int], None]]:
        """Counts the bytes that a request holds in memory, until the context ends.

        Yields:
            A function to be called with the size of each piece. It raises `ProblemError` where the requests
            hold too much together.
        """
        own_bytes = 0

        def count(size: int) -> None:
            nonlocal own_bytes
            if self.pending_bytes + size > self.settings.max_pending_bytes:
                raise ProblemError("busy", "too many bytes of photographs are being sent at once; try again")
            own_bytes += size
            self.pending_bytes += size

        try:
            yield count
        finally:
            self.pending_bytes -= own_bytes

    @contextmanager
    def reserve_places(self, count: int) -> Iterator[None]:
        """Takes places in the queue for the photographs of a request, until the context ends.

        Args:
            count: how many photographs there are.

        Raises:
            ProblemError: there are not that many places.
        """
        if self.waiting_images + count > self.settings.max_waiting:
            raise ProblemError("busy", f"{self.waiting_images} photographs wait already; try again")
        self._change_waiting(count)
        try:
            yield
        finally:
            self._change_waiting(-count)

    def _change_waiting(self, count: int) -> None:
        """Counts photographs in, or out again."""
        self.waiting_images += count
        self.metrics.waiting.set(self.waiting_images)
