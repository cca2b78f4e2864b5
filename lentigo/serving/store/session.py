"""The part of the store that all its parts share: connections, transactions, and the audit trail that they
write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError

from lentigo.errors import UsageError
from lentigo.serving.store.database import Database
from lentigo.serving.store.migrations import VERSION_TABLE
from lentigo.serving.store.pagination import decode_cursor, encode_cursor
from lentigo.serving.store.records import Event, EventPage
from lentigo.serving.store.rows import check_limit
from lentigo.serving.store.tables import events


class StoreSession:
    """Connections to a store and its audit trail; safe to share by threads and beside other processes."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        """Takes a database whose tables are there.

        Args:
            database: the database.
            now: the clock, in aware datetimes.
        """
        self.database = database
        self.now = now
        # A file has one writer at a time; threads wait here, in order.
        self._write_lock = threading.Lock() if database.is_file else nullcontext()

    def close(self) -> None:
        """Closes the connections."""
        self.database.engine.dispose()

    def ping(self) -> None:
        """Raises `StoreError` where the store does not answer."""
        with self._reading() as connection:
            connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A connection that only reads."""
        with self.database.name_failure(), self.database.engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that writes: all of it or nothing."""
        with self.database.name_failure(), self._write_lock, self.database.writer.begin() as connection:
            yield connection

    def _make_event(self, who: str, action: str, subject: str) -> dict[str, Any]:
        """A row of the audit trail, as of now."""
        return {"created": self.now().astimezone(UTC), "who": who, "action": action, "subject": subject}

    def log(self, who: str, action: str, subject: str = "") -> Event:
        """Adds a line to the audit trail. Nothing changes or deletes it: triggers in the database refuse that
        to everybody.

        Args:
            who: the name of the key, or "local" or "command line".
            action: what was done.
            subject: the ids that it was done to, with spaces between them.

        Returns:
            The line.
        """
        row = self._make_event(who, action, subject)
        with self._writing() as connection:
            key = connection.execute(insert(events), row).inserted_primary_key
        assert key is not None  # one row was inserted
        return Event(key[0], **row)

    def list_events(self, limit: int = 50, cursor: str | None = None) -> EventPage:
        """Lists the audit trail in the order in which it was written, newest first.

        Args:
            limit: lines of the page at most, 1 to 1000.
            cursor: that of the page before; None for the first page.

        Returns:
            One page.

        Raises:
            UsageError: the limit or the cursor is none.
        """
        # One row more than the page, to know whether another follows
        query = select(events).order_by(events.c.number.desc()).limit(check_limit(limit) + 1)
        if cursor is not None:
            number, _ = decode_cursor(cursor)
            query = query.where(events.c.number < number)
        with self._reading() as connection:
            found = [Event(**row._mapping) for row in connection.execute(query)]
        next_cursor = None
        if len(found) > limit:
            next_cursor = encode_cursor(found[limit - 1].number)
        return EventPage(tuple(found[:limit]), next_cursor)


@contextmanager
def name_duplicate(message: str) -> Iterator[None]:
    """Turns the refusal of a value that must be unique into a `UsageError`.

    Args:
        message: what the error says.
    """
    try:
        yield
    except IntegrityError as error:
        raise UsageError(message) from error
