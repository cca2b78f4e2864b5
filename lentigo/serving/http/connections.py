"""Connections: how many there are, and how long each may take for a request's head and for reading its
response.

Without these limits a thousand connections that say nothing keep everybody else out: a process has only so
many open files.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from lentigo.serving.http.problems import MEDIA_TYPE, RETRY_SECONDS, describe_problem

GRACE_SECONDS = 5.0  # in which what was written to a connection that is closed may still be read
RESERVED_FILES = 64  # of a process: the store, the model, the log, what libraries open
MIN_CONNECTIONS = 8  # however few files a process may open
UNLIMITED_FILES = 65_536  # taken where the system has no limit


def choose_connection_limit(wanted: int, open_files: int) -> int:
    """Chooses how many connections a process may hold: at most half of the files that it may open. The other
    half is for connections that the system has accepted and that are being closed again.

    Args:
        wanted: the limit of the settings.
        open_files: how many files the process may open.

    Returns:
        The limit.

    >>> choose_connection_limit(512, 1024)
    480
    >>> choose_connection_limit(512, 256)
    96
    >>> choose_connection_limit(512, 65536)
    512
    """
    return max(MIN_CONNECTIONS, min(wanted, (open_files - RESERVED_FILES) // 2))


def count_open_files() -> int:
    """Asks the system how many files this process may open.

    Returns:
        The limit; `UNLIMITED_FILES` where there is none.
    """
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return UNLIMITED_FILES
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED_FILES if limit == resource.RLIM_INFINITY else limit


def make_protocol(max_connections: int, header_seconds: float, read_seconds: float) -> type[H11Protocol]:
    """Makes the class of a connection with these limits; uvicorn makes one object of it for each.

    Args:
        max_connections: connections at once. A newcomer beyond them takes the place of the one that has
            waited longest without a request; where all are being answered it is told to try again.
        header_seconds: in which the head of a request must arrive, from the connection's start or from the
            head's first byte.
        read_seconds: in which a client must read some of a response that waits for it.

    Returns:
        The class, for uvicorn's `http`.
    """

    class Connection(LimitedProtocol):
        pass

    Connection.max_connections = max_connections
    Connection.header_seconds = header_seconds
    Connection.read_seconds = read_seconds
    return Connection


class LimitedProtocol(H11Protocol):
    """A connection that is closed where its client keeps it waiting. To be made by `make_protocol`."""

    max_connections: int
    header_seconds: float
    read_seconds: float
    header_timer: asyncio.TimerHandle | None = None
    read_timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether no request is being answered here."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # asyncio says BaseTransport, uvicorn Transport
        super().connection_made(transport)
        self.since = self.loop.time()
        if len(self.connections) > self.max_connections and not self._make_room():
            self._respond(
                503,
                describe_problem("busy", "too many connections at once; try again"),
                {"Retry-After": str(RETRY_SECONDS)},
            )
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.is_waiting:
            self._await_head()
        elif self.header_timer is not None:
            self.header_timer.cancel()
            self.header_timer = None

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        # A client that does not close its end would keep the file open
        self.loop.call_later(GRACE_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()  # the client does not read, and the buffer is full
        if self.read_timer is None:
            self.read_timer = self.loop.call_later(self.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.read_timer is not None:
            self.read_timer.cancel()
            self.read_timer = None

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or has a head beyond the limits, gets a problem as every other error does."""
        self._respond(
            400, describe_problem("broken-request", "the request is no HTTP, or its head is too long"), {}
        )

    def _await_head(self) -> None:
        """Begins to wait for a head; one that is waited for already gets no more time by a further byte."""
        if self.header_timer is None and not self.transport.is_closing():
            self.header_timer = self.loop.call_later(self.header_seconds, self._end_waiting)

    def _end_waiting(self) -> None:
        """Closes a connection whose head has not come in time. One that has sent nothing at all, as browsers
        keep ready, gets no response.
        """
        self.header_timer = None
        if not self.is_waiting:
            return
        if not self.conn.trailing_data[0]:  # what h11 holds of a head that is not whole
            self.timeout_keep_alive_handler()
        else:
            self._respond(
                408, describe_problem("too-slow", "the head of the request did not arrive in time"), {}
            )

    def _make_room(self) -> bool:
        """Ends the connection that has waited longest without a request; False where there is none."""
        waiting = self._list_waiting()
        if not waiting:
            return False
        longest = min(waiting, key=lambda other: other.since)
        longest.transport.abort()
        return True

    def _list_waiting(self) -> list[LimitedProtocol]:
        """The other connections that wait for a request."""
        waiting: list[LimitedProtocol] = []
        for other in self.connections:
            assert isinstance(other, LimitedProtocol)  # uvicorn makes every connection of this class
            if other is not self and other.is_waiting and not other.transport.is_closing():
                waiting.append(other)
        return waiting

    def _respond(self, status: int, problem: dict[str, Any], headers: dict[str, str]) -> None:
        """Responds without the application, where nothing was sent yet, and closes."""
        if self.transport.is_closing():
            return
        # In any other state part of a response is out already, and this would stand in its middle
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps(problem).encode()
            all_headers = {
                "Content-Type": MEDIA_TYPE,
                "Content-Length": str(len(body)),
                "Connection": "close",
                "Cache-Control": "no-store",
                **headers,
            }
            response = h11.Response(status_code=status, headers=list(all_headers.items()))
            content = b""
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                content += self.conn.send(event) or b""
            self.transport.write(content)
        self.transport.close()
        self.loop.call_later(GRACE_SECONDS, self.transport.abort)

    def _stop_timers(self) -> None:
        """Ends both timers."""
        if self.header_timer is not None:
            self.header_timer.cancel()
            self.header_timer = None
        if self.read_timer is not None:
            self.read_timer.cancel()
            self.read_timer = None
