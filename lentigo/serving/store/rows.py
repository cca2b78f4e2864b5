"""Rows: what records, lesions and keys are in the tables, and the questions that the store asks of these
within a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, func, literal, select, tuple_

from lentigo.errors import UsageError
from lentigo.serving.store.pagination import decode_cursor, encode_cursor
from lentigo.serving.store.records import Key, Lesion, Query, Record, Review
from lentigo.serving.store.tables import Moment, keys, lesions, predictions, reviews

MOST = 1000  # rows of a page

_later = reviews.alias()
_last = (
    select(func.max(_later.c.number))
    .where(_later.c.prediction == predictions.c.id)
    .correlate(predictions)
    .scalar_subquery()
)
RECORDS = select(
    *(column for column in predictions.c if column.name != "label"),
    *(reviews.c[name].label(f"review_{name}") for name in ("created", "who", "verdict", "note")),
).select_from(predictions.outerjoin(reviews, reviews.c.number == _last))
_count = select(func.count()).where(predictions.c.lesion == lesions.c.id).correlate(lesions).scalar_subquery()
LESIONS = select(*lesions.c, _count.label("count"))
KEYS = select(*(column for column in keys.c if column.name not in ("number", "hash")))


def find_record(connection: Connection, id: str, lock: bool = False) -> Record | None:
    """The record of an id; with `lock` nobody deletes it before the transaction ends."""
    wanted = RECORDS.where(predictions.c.id == id)
    row = connection.execute(wanted.with_for_update(read=True, of=predictions) if lock else wanted).first()
    return None if row is None else to_record(row)


def find_requests(
    connection: Connection, requests: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[Record]]:
    """What is stored of each request, by position; unknown ones are left out."""
    found: dict[tuple[str, str], list[Record]] = {}
    for who, request in requests:
        wanted = RECORDS.where(predictions.c.who == who, predictions.c.request == request).order_by(
            predictions.c.position
        )
        rows = connection.execute(wanted).all()
        if rows:
            found[who, request] = [to_record(row) for row in rows]
    return found


def require_lesions(connection: Connection, ids: set[str]) -> None:
    """Raises `UsageError` where a lesion is unknown; those that are there stay until the transaction ends."""
    if ids:
        known = set(
            connection.scalars(select(lesions.c.id).where(lesions.c.id.in_(ids)).with_for_update(read=True))
        )
        if ids - known:
            raise UsageError(
                f"lesion {min(ids - known)[:80]!r} is not in the store; expected the id of one that was added"
            )


def filter_records(query: Query) -> Select:
    """The records that a query means, in no order."""
    wanted = RECORDS
    for name in ("lesion", "label", "model", "sha256"):
        value = getattr(query, name)
        if value is not None:
            wanted = wanted.where(predictions.c[name] == value)
    if query.since is not None:
        wanted = wanted.where(predictions.c.created >= query.since)
    if query.until is not None:
        wanted = wanted.where(predictions.c.created < query.until)
    if query.reviewed is not None:
        wanted = wanted.where(reviews.c.number.is_not(None) if query.reviewed else reviews.c.number.is_(None))
    return wanted


def select_page(wanted: Select, table: Table, limit: int, cursor: str | None) -> Select:
    """One row more than a page, newest first, after the row that the cursor names; rows of the same time in
    the order of their insertion.
    """
    if cursor is not None:
        number, created = decode_cursor(cursor, timed=True)
        wanted = wanted.where(
            tuple_(table.c.created, table.c.number) < tuple_(literal(created, Moment), literal(number))
        )
    return wanted.order_by(table.c.created.desc(), table.c.number.desc()).limit(check_limit(limit) + 1)


def cut_page(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """The rows of a page, and the cursor of the next where there is one."""
    return rows[:limit], encode_cursor(rows[limit - 1].number, rows[limit - 1].created) if len(
        rows
    ) > limit else None


def check_limit(limit: int) -> int:
    """Raises `UsageError` for a limit that no page can have."""
    if not 1 <= limit <= MOST:
        raise UsageError(f"limit {limit} is outside of what a page holds; expected 1 to {MOST}")
    return limit


def to_row(record: Record) -> dict[str, Any]:
    """What a record is in the table."""
    row = {
        column.name: getattr(record, column.name)
        for column in predictions.c
        if column.name not in ("number", "label")
    }
    return row | {"label": record.answer["label"]}


def to_record(row: Row) -> Record:
    """A record with its last review."""
    values = dict(row._mapping)
    review = Review(**{name: values.pop(f"review_{name}") for name in ("created", "who", "verdict", "note")})
    values.pop("number")
    return Record(**values, review=review if review.created is not None else None)


def to_lesion(row: Row) -> Lesion:
    return Lesion(row.id, row.created, row.name, row.site, row._mapping["count"])


def to_key(row: Row) -> Key:
    return Key(row.id, row.name, row.created, tuple(row.scopes.split(",")), row.revoked, row.used)
