"""The store of the service: predictions, lesions, reviews, keys and the audit trail, in SQLite or PostgreSQL.

What a method returned is on disk. A method that raised `StoreError` may have been carried out or not: call it
again with the same request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, text

from lentigo.errors import UsageError
from lentigo.serving.store.database import Database, default_url
from lentigo.serving.store.key_store import KeyStore
from lentigo.serving.store.records import VERDICTS, Lesion, LesionPage, Page, Query, Record, Review
from lentigo.serving.store.retention import Retention
from lentigo.serving.store.rows import (
    LESIONS,
    MAX_PAGE_ROWS,
    filter_records,
    find_record,
    find_requests,
    group_requests,
    read_page,
    require_lesions,
    to_lesion,
    to_record,
    to_row,
)
from lentigo.serving.store.session import name_duplicate
from lentigo.serving.store.tables import events, lesions, predictions, reviews

STREAM_ROWS = MAX_PAGE_ROWS // 4  # that `stream` holds at a time


def read_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def open_store(url: str | None = None, now: Callable[[], datetime] = read_clock) -> Store:
    """Opens a store, made or moved forward where that is needed.

    Args:
        url: sqlite:///FILE or postgresql://USER@HOST/NAME; None for that of `default_url`.
        now: the clock, in aware datetimes.

    Returns:
        The store; a context manager.

    Raises:
        UsageError: the URL is none of a store.
        StoreError: the store does not answer, or is newer than this Lentigo.
    """
    database = Database(url or default_url())
    try:
        database.prepare()
    except BaseException:  # Ctrl-C too: connections are closed, and it goes on
        database.engine.dispose()
        raise
    return Store(database, now)


class Store(KeyStore, Retention):
    """An open store; a context manager, safe to share by threads and beside other processes. Every method may
    raise `StoreError`.
    """

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    # --- predictions

    def add(self, records: Sequence[Record], action: str | None = None) -> tuple[Record, ...]:
        """Keeps records, all or none. Reviews of the records are not kept.

        A request, (who, request), is written once: where it is there already, or comes twice, the first
        writer's records are returned and no others are kept, also when both write at the same time.

        Args:
            records: the records of one or more requests.
            action: where given, each request that is new is a line of the audit trail, about the ids of its
                records; both are written or none.

        Returns:
            What is stored of the requests, in the order of the requests and their positions.

        Raises:
            UsageError: a lesion is unknown.
        """
        requests = group_requests(records)
        with self._writing() as connection:
            self._lock_requests(connection, requests)
            stored = find_requests(connection, requests)
            # A request that was stored before is answered again, not carried out again
            added = {request: group for request, group in requests.items() if request not in stored}
            rows: list[dict[str, Any]] = []
            trail = []
            for (who, _), group in added.items():
                rows.extend(to_row(record) for record in group)
                if action is not None:
                    ids = " ".join(record.id for record in group)
                    trail.append(self._make_event(who, action, ids))
            # In the same transaction: a lesion that is deleted meanwhile would leave a prediction without it
            require_lesions(connection, {row["lesion"] for row in rows} - {None})
            if rows:
                connection.execute(insert(predictions), rows)
            if trail:
                connection.execute(insert(events), trail)
        # In the order of the requests, whether they are new or were stored before
        result: list[Record] = []
        for request in requests:
            result.extend(added[request] if request in added else stored[request])
        return tuple(result)

    def _lock_requests(self, connection: Connection, requests: Iterable[tuple[str, str]]) -> None:
        """Makes writers of the same request wait for each other, and all for `forget` before they look at
        lesions; writers to a file do anyway.
        """
        if self.database.is_file:
            return
        connection.execute(text("LOCK TABLE predictions IN ROW EXCLUSIVE MODE"))
        # In one order for all writers, so that none waits for another that waits for it.
        for name in sorted(" ".join(request) for request in requests):
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    def find_request(self, who: str, request: str) -> tuple[Record, ...]:
        """Finds the records of a request.

        Args:
            who: the name of the key that sent it.
            request: its name.

        Returns:
            The records by their position; none where the request is unknown.
        """
        with self._reading() as connection:
            found = find_requests(connection, [(who, request)])
        return tuple(found.get((who, request), ()))

    def get(self, id: str) -> Record | None:
        """Finds a record.

        Args:
            id: its id.

        Returns:
            The record, None where there is none.
        """
        with self._reading() as connection:
            return find_record(connection, id)

    def list(self, query: Query = Query()) -> Page:
        """Lists records, newest first. Every record that matches stands on exactly one page, however the
        clock jumped when they were made.

        Args:
            query: which records, and which page.

        Returns:
            One page.

        Raises:
            UsageError: the cursor is none, or the limit is outside of 1 to 1000.
        """
        statement = filter_records(query)
        with self._reading() as connection:
            rows, cursor = read_page(connection, statement, predictions, query.limit, query.cursor)
        return Page(tuple(map(to_record, rows)), cursor)

    def stream(self, query: Query = Query()) -> Iterator[Record]:
        """Lists every record that matches, whatever the limit; in constant memory, and without keeping the
        database busy in between.

        Args:
            query: which records.

        Yields:
            The records, newest first.
        """
        cursor = query.cursor
        while True:
            page = self.list(replace(query, limit=STREAM_ROWS, cursor=cursor))
            yield from page.records
            cursor = page.cursor
            if cursor is None:
                return

    def review(self, id: str, review: Review) -> Record:
        """Sets a reader's verdict beside a record, after earlier ones.

        Args:
            id: the id of the record.
            review: the verdict.

        Returns:
            The record with its review.

        Raises:
            UsageError: there is no such record or verdict.
        """
        if review.verdict not in VERDICTS:
            raise UsageError(f"verdict {review.verdict!r} is unknown; expected {', '.join(VERDICTS)}")
        with self._writing() as connection:
            record = find_record(connection, id, lock=True)
            if record is None:
                raise UsageError(
                    f"prediction {id[:80]!r} is not in the store; expected the id of one that was not "
                    "forgotten"
                )
            connection.execute(insert(reviews), {"prediction": id, **asdict(review)})
            reviewed = find_record(connection, id)
        assert reviewed is not None  # it was locked
        return reviewed

    # --- lesions

    def add_lesion(self, lesion: Lesion) -> Lesion:
        """Keeps a lesion.

        Args:
            lesion: the lesion; its count is not kept.

        Returns:
            The lesion as it is stored.

        Raises:
            UsageError: there is one of that name or id.
        """
        row = {"id": lesion.id, "created": lesion.created, "name": lesion.name, "site": lesion.site}
        message = (
            f"lesion {lesion.name!r} is in the store already; expected another name, or the use of that "
            "lesion"
        )
        with self._writing() as connection, name_duplicate(message):
            connection.execute(insert(lesions), row)
        return replace(lesion, count=0)

    def get_lesion(self, id: str) -> Lesion | None:
        """Finds a lesion by its id.

        Args:
            id: the id.

        Returns:
            The lesion, None where there is none.
        """
        return self._find_lesion(LESIONS.where(lesions.c.id == id))

    def find_lesion(self, name: str) -> Lesion | None:
        """Finds a lesion by its name.

        Args:
            name: the pseudonym.

        Returns:
            The lesion, None where there is none.
        """
        return self._find_lesion(LESIONS.where(lesions.c.name == name))

    def _find_lesion(self, statement: Select) -> Lesion | None:
        """The lesion that a statement selects."""
        with self._reading() as connection:
            row = connection.execute(statement).first()
        return None if row is None else to_lesion(row)

    def list_lesions(self, limit: int = 50, cursor: str | None = None) -> LesionPage:
        """Lists lesions, newest first.

        Args:
            limit: lesions of the page at most, 1 to 1000.
            cursor: that of the page before; None for the first page.

        Returns:
            One page.

        Raises:
            UsageError: the limit or the cursor is none.
        """
        with self._reading() as connection:
            rows, next_cursor = read_page(connection, LESIONS, lesions, limit, cursor)
        return LesionPage(tuple(map(to_lesion, rows)), next_cursor)
