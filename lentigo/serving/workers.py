"""Workers: several processes that answer at one address, each with a model of its own, above one store.

What Python does for a request holds one lock a process, so a service on several processors needs several
processes. The parent listens and answers nothing. It starts the workers, starts one anew that has died, and
ends them all when it is told to end.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from lentigo.errors import LentigoError, ModelError
from lentigo.serving.settings import Settings

Serve = Callable[[Settings, socket.socket, Callable[[dict[str, Any]], None]], None]
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Worker:
    """A process that answers.

    Attributes:
        process: The process.
        pipe: By which it says that it is ready, or why it cannot be; it ends when the other end is closed.
    """

    process: SpawnProcess
    pipe: Connection

    def wait_until_ready(self) -> dict[str, Any]:
        """The facts of its service, once it takes requests.

        Raises:
            LentigoError: what keeps it from it.
        """
        try:
            said = self.pipe.recv()
        except EOFError:
            raise ModelError(
                "a worker has died before it took requests; expected one that starts: see the log above, or "
                "serve with fewer --workers, which takes less memory"
            ) from None
        if isinstance(said, LentigoError):
            raise said
        return said

    def end(self) -> None:
        """Tells it to end; it then finishes what it has accepted."""
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGTERM)


class WorkerGroup:
    """The workers of a service, and what starts them."""

    def __init__(self, serve: Serve, settings: Settings, listener: socket.socket) -> None:
        """Starts nothing yet.

        Args:
            serve: Serves within a worker until it is told to end; calls its last argument once requests are
                taken. A function of a module.
            settings: Of the whole service.
            listener: The socket that all of them listen at.
        """
        self.serve = serve
        self.settings = settings
        self.listener = listener
        self.workers: list[Worker] = []
        self.is_ending = False

    def run(self, on_ready: Callable[[dict[str, Any]], None]) -> None:
        """Serves until the process is told to end (SIGTERM, SIGINT).

        Args:
            on_ready: Called with the facts of the service once all workers take requests.

        Raises:
            LentigoError: What keeps the workers from starting.
        """
        with self.take_signals():
            try:
                self.workers = [self.start() for _ in range(self.settings.workers)]
                facts = [worker.wait_until_ready() for worker in self.workers]
                on_ready(facts[0])
                self.watch()
            except LentigoError:
                if not self.is_ending:  # else they were ended while they started
                    raise
            finally:
                self.end_all()

    def watch(self) -> None:
        """Replaces workers that die, until the service is told to end."""
        while not self.is_ending:
            # A sentinel is readable when its process has ended
            connection.wait([worker.process.sentinel for worker in self.workers])
            self.replace_dead()

    def start(self) -> Worker:
        """Starts one worker."""
        context = get_context("spawn")  # a forked copy of a model's threads would hang
        pipe, other_end = context.Pipe()
        arguments = (self.serve, share_limits(self.settings), self.listener, other_end)
        process = context.Process(target=run_worker, args=arguments, name="lentigo-worker")
        process.start()
        other_end.close()  # else the pipe would not end with the worker
        return Worker(process, pipe)

    def replace_dead(self) -> None:
        """Starts a worker for each that has died. Raises `LentigoError` where the new one cannot start."""
        for number, worker in enumerate(self.workers):
            if self.is_ending or worker.process.is_alive():
                continue
            worker.process.join()
            worker.pipe.close()
            self.workers[number] = self.start()
            self.workers[number].wait_until_ready()

    def end_all(self) -> None:
        """Ends all workers and waits for them."""
        self.is_ending = True
        # All are told before any is waited for: they finish what they have accepted side by side
        for worker in self.workers:
            worker.end()
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()

    @contextmanager
    def take_signals(self) -> Iterator[None]:
        """Ends the workers where this process is told to end."""

        def end(number: int, frame: Any) -> None:
            self.is_ending = True
            for worker in self.workers:
                worker.end()

        before = {number: signal.signal(number, end) for number in ENDING_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def share_limits(settings: Settings) -> Settings:
    """The settings of one worker: its share of what the service takes together.

    >>> share_limits(Settings(workers=2, rate=50)).rate
    25.0
    """
    count = settings.workers
    return replace(
        settings,
        rate=settings.rate / count,
        burst=max(1, settings.burst // count),
        max_connections=max(1, settings.max_connections // count),
        # One request must fit, however small the share
        max_waiting=max(settings.max_images, settings.max_waiting // count),
        max_pending_bytes=max(settings.max_request_bytes, settings.max_pending_bytes // count),
    )


def run_worker(serve: Serve, settings: Settings, listener: socket.socket, pipe: Connection) -> None:
    """What a worker's process does: it serves, and says by the pipe when it is ready or why it cannot be."""

    def end_with_parent() -> None:
        """Waits for the parent's end of the pipe to be closed, also by a kill."""
        try:
            pipe.poll(None)
        except OSError:
            return  # this end was closed: the worker ends by itself
        os.kill(os.getpid(), signal.SIGTERM)

    def announce(facts: dict[str, Any]) -> None:
        pipe.send(facts)
        threading.Thread(target=end_with_parent, name="parent", daemon=True).start()

    try:
        serve(settings, listener, announce)
    except LentigoError as error:
        pipe.send(error)
