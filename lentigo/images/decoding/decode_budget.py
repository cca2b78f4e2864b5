"""One budget of memory for decoding photographs, shared by all threads of a process.

A thread waits until as much of the budget is free as its photograph will take (`decode_costs` estimates it).
Large photographs wait in the order in which they came; a share of the budget is kept for small ones, which
never wait for large ones.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

BUDGET_BYTES = 1 << 30  # of decoded pixels that all threads hold together
SMALL_SHARE = 8  # one part in so many is kept for small photographs
SMALL_BYTES = 16 << 20  # up to here a photograph is small
MIN_WHOLE_BYTES = 4 << 20  # what a reservation is at least: decoders have tables of their own
M_MMAP_THRESHOLD = -3  # glibc's option
MAPPED_BYTES = 8 << 20  # from this size on a block goes back to the system when it is freed


class Reservation:
    """Bytes of the budget that are held; `shrink` gives a part of them back before the end."""

    def __init__(self, lane: Lane, size: int) -> None:
        self.lane = lane
        self.size = size

    def shrink(self, size: int) -> None:
        """Holds `size` bytes from now on, where that is less than before.

        Args:
            size: Bytes that are still needed.
        """
        if size < self.size:
            self.lane.give_back(self.size - size)
            self.size = size


class Lane:
    """A number of bytes that threads take and give back.

    Those that wait are served in the order in which they came.

    Args:
        max_bytes: That all threads together may take.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0
        self.peak = 0
        self.waiting: deque[object] = deque()
        self.changed = threading.Condition()

    def take(self, size: int) -> None:
        """Waits until bytes are free, and takes them.

        Args:
            size: Bytes.
        """
        ticket = object()
        with self.changed:
            self.waiting.append(ticket)
            try:
                while self.waiting[0] is not ticket or self.held + size > self.max_bytes:
                    self.changed.wait()
                self.held += size
                self.peak = max(self.peak, self.held)
            finally:
                self.waiting.remove(ticket)
                self.changed.notify_all()

    def give_back(self, size: int) -> None:
        """Makes bytes free for others.

        Args:
            size: Bytes.
        """
        with self.changed:
            self.held -= size
            self.changed.notify_all()


class DecodeBudget:
    """Bytes that all threads of a process may hold in decoded photographs.

    Safe to share by threads; a child process begins with all of it.

    Args:
        max_bytes: the whole budget.
    """

    def __init__(self, max_bytes: int = BUDGET_BYTES) -> None:
        self.set_limit(max_bytes)

    def set_limit(self, max_bytes: int) -> None:
        """Sets another budget; to be called before photographs are read.

        Args:
            max_bytes: the whole budget, such as a third of the memory that a service may use.
        """
        self.max_bytes = max_bytes
        small_bytes = max_bytes // SMALL_SHARE
        self.small = Lane(small_bytes)
        self.large = Lane(max_bytes - small_bytes)

    @property
    def largest(self) -> int:
        """Bytes that one photograph may take."""
        return self.large.max_bytes

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self.small.held + self.large.held

    @property
    def peak(self) -> int:
        """The most bytes that were held at once since the limit was set, or more: the peaks of both lanes."""
        return self.small.peak + self.large.peak

    @contextmanager
    def hold(self, size: int) -> Iterator[Reservation]:
        """Waits until bytes are free and holds them as long as the context lasts.

        A thread must not hold twice at once: two threads could wait for each other.

        Args:
            size: bytes, at most `largest`.

        Yields:
            The reservation, which can be made smaller.
        """
        size = min(max(size, MIN_WHOLE_BYTES), self.largest)
        if size <= min(SMALL_BYTES, self.small.max_bytes):
            lane = self.small
        else:
            lane = self.large
            return_large_blocks()
        lane.take(size)
        reservation = Reservation(lane, size)
        try:
            yield reservation
        finally:
            lane.give_back(reservation.size)

    def start_over(self) -> None:
        """Forgets what is held: in a child process the threads that held it do not exist."""
        self.set_limit(self.max_bytes)


DECODE_BUDGET = DecodeBudget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DECODE_BUDGET.start_over)


@cache
def return_large_blocks() -> None:
    """Has glibc give large blocks back to the system as soon as they are freed.

    By itself it keeps Pillow's blocks of 16 MB in the heap of each thread: four threads that had decoded 50
    million pixels each held 0.9 GB more than they used. Elsewhere than on Linux nothing is changed.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
