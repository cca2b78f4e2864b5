"""The tables of the store, and the types that make SQLite and PostgreSQL hold, order and refuse the same
values.

What is changed here needs a revision in `migrations/versions` beside it; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

from lentigo.errors import UsageError

NAMES = {
    "pk": "%(table_name)s_key",
    "uq": "%(table_name)s_%(column_0_N_name)s_unique",
    "fk": "%(table_name)s_%(column_0_name)s_exists",
    "ix": "%(table_name)s_by_%(column_0_N_name)s",
}


def is_unicode(text: str) -> bool:
    """Whether a text holds whole characters alone, and no zero."""
    has_half = any("\ud800" <= character <= "\udfff" for character in text)
    return "\0" not in text and not has_half


class BoundedText(TypeDecorator[str]):
    """Text of at most `length` characters. What either database would refuse is a `UsageError` in both."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        if value is None:
            return None
        if len(value) > self.length:
            raise UsageError(f"a text has {len(value)} characters; expected at most {self.length} here")
        if not is_unicode(value):
            raise UsageError(
                f"a text ({value[:40]!a}) holds a zero or half a character; expected text in Unicode"
            )
        return value


class Moment(TypeDecorator[datetime]):
    """A point in time, to the microsecond; aware and in UTC wherever it is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The time in UTC, as it is stored. Raises `UsageError` for one without a time zone.

        Args:
            value: Any time with a zone.
            dialect: Of the database.
        """
        if value is None:
            return None
        if value.utcoffset() is None:
            raise UsageError(
                f"time {value.isoformat()} has no time zone; expected one such as {value.isoformat()}+00:00"
            )
        try:
            return value.astimezone(UTC)
        except OverflowError as error:
            raise UsageError(
                f"time {value.isoformat()} lies outside of the years 1 to 9999 in UTC; expected one within"
            ) from error

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The time in UTC, with its zone.

        Args:
            value: As it is stored.
            dialect: Of the database.
        """
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# The order of insertion; SQLite counts by itself in INTEGER alone.
Number = BigInteger().with_variant(Integer, "sqlite")
Values = JSON(none_as_null=True)
metadata = MetaData(naming_convention=NAMES)

lesions = Table(
    "lesions",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", BoundedText(36), nullable=False, unique=True),
    Column("created", Moment, nullable=False),
    Column("name", BoundedText(200), nullable=False, unique=True),
    Column("site", BoundedText(200), nullable=False),
    Index(None, "created", "number"),
)

predictions = Table(
    "predictions",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", BoundedText(36), nullable=False, unique=True),
    Column("created", Moment, nullable=False),
    Column("who", BoundedText(200), nullable=False),
    Column("request", BoundedText(255), nullable=False),
    Column("position", Integer, nullable=False),
    Column("sha256", BoundedText(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("model", BoundedText(200), nullable=False),
    Column("model_sha256", BoundedText(200), nullable=False),
    Column("label", BoundedText(20), nullable=False),
    Column("answer", Values, nullable=False),
    Column("measures", Values),
    Column("heatmap", Values),
    Column("outline", Values),
    Column("lesion", BoundedText(36), ForeignKey(lesions.c.id)),
    Column("taken", Moment),
    Column("kept", Boolean, nullable=False),
    Column("fingerprint", BoundedText(64), nullable=False, server_default=""),
    UniqueConstraint("who", "request", "position"),
    Index(None, "created", "number"),
    Index(None, "lesion", "created", "number"),
    Index(None, "sha256"),
)

keys = Table(
    "keys",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", BoundedText(36), nullable=False, unique=True),
    Column("name", BoundedText(200), nullable=False, unique=True),
    Column("created", Moment, nullable=False),
    Column("scopes", BoundedText(200), nullable=False),
    Column("hash", BoundedText(64), nullable=False, unique=True),
    Column("revoked", Moment),
    Column("used", Moment),
)

reviews = Table(
    "reviews",
    metadata,
    Column("number", Number, primary_key=True),
    Column("prediction", BoundedText(36), ForeignKey(predictions.c.id, ondelete="CASCADE"), nullable=False),
    Column("created", Moment, nullable=False),
    Column("who", BoundedText(200), nullable=False),
    Column("verdict", BoundedText(20), nullable=False),
    Column("note", BoundedText(10_000), nullable=False),
    Index(None, "prediction", "number"),
)

events = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True),
    Column("created", Moment, nullable=False),
    Column("who", BoundedText(200), nullable=False),
    Column("action", BoundedText(200), nullable=False),
    Column("subject", BoundedText(10_000), nullable=False),
)
