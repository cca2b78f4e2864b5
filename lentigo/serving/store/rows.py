"""Rows: what records, lesions and keys are in the tables, and the statements that the store runs within a
transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, func, literal, select, tuple_

from lentigo.errors import UsageError
from lentigo.serving.store.pagination import decode_cursor, encode_cursor
from lentigo.serving.store.records import Key, Lesion, Query, Record, Review
from lentigo.serving.store.tables import Moment, keys, lesions, predictions, reviews

MAX_PAGE_ROWS = 1000  # of a page
REVIEW_COLUMNS = ("created", "who", "verdict", "note")

# Each prediction with its last review
_all_reviews = reviews.alias()
_last_review = (
    select(func.max(_all_reviews.c.number))
    .where(_all_reviews.c.prediction == predictions.c.id)
    .correlate(predictions)
    .scalar_subquery()
)
RECORDS = select(
    *(column for column in predictions.c if column.name != "label"),
    *(reviews.c[name].label(f"review_{name}") for name in REVIEW_COLUMNS),
).select_from(predictions.outerjoin(reviews, reviews.c.number == _last_review))

# Each lesion with the number of its predictions
_count = select(func.count()).where(predictions.c.lesion == lesions.c.id).correlate(lesions).scalar_subquery()
LESIONS = select(*lesions.c, _count.label("count"))
KEYS = select(*(column for column in keys.c if column.name not in ("number", "hash")))


def find_record(connection: Connection, id: str, lock: bool = False) -> Record | None:
    """Finds a record.

    Args:
        connection: within a transaction.
        id: the id of the record.
        lock: whether nobody may delete it before the transaction ends.

    Returns:
        The record, None where there is none.
    """
    statement = RECORDS.where(predictions.c.id == id)
    if lock:
        # In SQLite this is nothing: a transaction that writes has locked the whole file
        statement = statement.with_for_update(read=True, of=predictions)
    row = connection.execute(statement).first()
    return None if row is None else to_record(row)


def find_requests(
    connection: Connection, requests: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[Record]]:
    """Finds what is stored of some requests.

    Args:
        connection: within a transaction.
        requests: (who, request) each.

    Returns:
        The records of each request, by position; unknown requests are left out.
    """
    found: dict[tuple[str, str], list[Record]] = {}
    for who, request in requests:
        records = list_records(connection, who, request)
        # A request without a record was never carried out
        if records:
            found[who, request] = records
    return found


def list_records(connection: Connection, who: str, request: str) -> list[Record]:
    """The records of one request, by position."""
    is_wanted = (predictions.c.who == who) & (predictions.c.request == request)
    rows = connection.execute(RECORDS.where(is_wanted).order_by(predictions.c.position))
    return list(map(to_record, rows))


def require_lesions(connection: Connection, ids: set[str]) -> None:
    """Holds lesions in the store until the transaction ends.

    Args:
        connection: within a transaction.
        ids: of the lesions.

    Raises:
        UsageError: a lesion is unknown.
    """
    if not ids:
        return
    statement = select(lesions.c.id).where(lesions.c.id.in_(ids)).with_for_update(read=True)
    unknown = ids - set(connection.scalars(statement))
    if unknown:
        raise UsageError(
            f"lesion {min(unknown)[:80]!r} is not in the store; expected the id of one that was added"
        )


def filter_records(query: Query) -> Select:
    """Selects the records that a query means, in no order.

    Args:
        query: the filters; its limit and cursor are not used.

    Returns:
        The statement.
    """
    statement = RECORDS
    for name in ("lesion", "label", "model", "sha256"):
        value = getattr(query, name)
        if value is not None:
            statement = statement.where(predictions.c[name] == value)
    if query.since is not None:
        statement = statement.where(predictions.c.created >= query.since)
    if query.until is not None:
        statement = statement.where(predictions.c.created < query.until)
    if query.reviewed is not None:
        has_review = reviews.c.number.is_not(None)
        # The last review is joined to each prediction, so that none is a row of its own
        statement = statement.where(has_review if query.reviewed else ~has_review)
    return statement


def select_page(statement: Select, table: Table, limit: int, cursor: str | None) -> Select:
    """Narrows a statement to one page and the row after it, newest first; rows of the same time in the order
    of their insertion.

    Args:
        statement: selects from the table.
        table: with the columns `created` and `number`.
        limit: rows of the page at most.
        cursor: where the page before ended; None for the first page.

    Returns:
        The statement.

    Raises:
        UsageError: the limit or the cursor is none.
    """
    if cursor is not None:
        number, created = decode_cursor(cursor, timed=True)
        # Of rows of one time the number decides, so that none is on two pages, or on none
        place = tuple_(table.c.created, table.c.number)
        statement = statement.where(place < tuple_(literal(created, Moment), literal(number)))
    return statement.order_by(table.c.created.desc(), table.c.number.desc()).limit(check_limit(limit) + 1)


def read_page(
    connection: Connection, statement: Select, table: Table, limit: int, cursor: str | None
) -> tuple[Sequence[Row], str | None]:
    """Reads one page of what a statement selects, newest first.

    Args:
        connection: that reads.
        statement: selects from the table.
        table: with the columns `created` and `number`.
        limit: rows of the page at most.
        cursor: where the page before ended; None for the first page.

    Returns:
        The rows of the page, and the cursor of the next page, None where there is none.

    Raises:
        UsageError: the limit or the cursor is none.
    """
    page = select_page(statement, table, limit, cursor)
    return cut_page(connection.execute(page).all(), limit)


def cut_page(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """Cuts off the row after a page.

    Args:
        rows: what `select_page` selected.
        limit: rows of the page at most.

    Returns:
        The rows of the page, and the cursor of the next page, None where there is none.
    """
    # One row more than the page was asked for: if it is there, another page follows
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], encode_cursor(last.number, last.created)


def check_limit(limit: int) -> int:
    """Raises `UsageError` for a limit that no page can have.

    Args:
        limit: rows of a page.

    Returns:
        The limit.
    """
    if not 1 <= limit <= MAX_PAGE_ROWS:
        raise UsageError(f"limit {limit} is outside of what a page holds; expected 1 to {MAX_PAGE_ROWS}")
    return limit


def to_row(record: Record) -> dict[str, Any]:
    """Turns a record into a row.

    Args:
        record: the record; its review is not in the row.

    Returns:
        Values by the names of the columns.
    """
    row = {"label": record.answer["label"]}
    for column in predictions.c:
        if column.name not in ("number", "label"):
            row[column.name] = getattr(record, column.name)
    return row


def to_record(row: Row) -> Record:
    """Turns a row into a record.

    Args:
        row: of `RECORDS`.

    Returns:
        The record with its last review.
    """
    values = dict(row._mapping)
    values.pop("number")
    # The columns of the review stand beside those of the prediction
    review = {name: values.pop(f"review_{name}") for name in REVIEW_COLUMNS}
    if review["created"] is None:
        return Record(**values)
    return Record(**values, review=Review(**review))


def to_lesion(row: Row) -> Lesion:
    """Turns a row into a lesion.

    Args:
        row: of `LESIONS`.

    Returns:
        The lesion with the number of its predictions.
    """
    # `count` is also a method of rows.
    return Lesion(row.id, row.created, row.name, row.site, row._mapping["count"])


def to_key(row: Row) -> Key:
    """Turns a row into a key.

    Args:
        row: of `KEYS`.

    Returns:
        The key.
    """
    scopes = tuple(row.scopes.split(","))
    return Key(row.id, row.name, row.created, scopes, row.revoked, row.used)


def group_requests(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """Groups records by their requests, each in the order of the positions; of two at one position the first
    stays. Their reviews are left out.

    Args:
        records: of one request or several.

    Returns:
        By (who, request) its records.
    """
    by_position: dict[tuple[str, str], dict[int, Record]] = {}
    # A review is never written with a prediction: it has a table of its own
    for record in records:
        group = by_position.setdefault((record.who, record.request), {})
        group.setdefault(record.position, replace(record, review=None))
    requests = {}
    for request, group in by_position.items():
        requests[request] = [group[position] for position in sorted(group)]
    return requests
