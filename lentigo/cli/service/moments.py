"""Moments and ages, as people write them behind an option and read them in a table."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from lentigo.errors import UsageError

AGE_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def read_limit(words: str) -> datetime:
    """Reads the moment before which all is forgotten: so long ago by this machine's clock, or a date.

    Args:
        words: What was written, such as "365d" or "2025-12-31".

    Raises:
        UsageError: It is neither.
    """
    if re.fullmatch(r"\d{4}-\d\d-\d\d", words):
        return parse_moment("--forget", words)
    return datetime.now(UTC) - read_age(words)


def read_age(words: str) -> timedelta:
    """How long ago. Raises `UsageError`.

    >>> read_age("365d").days, read_age("52w").days, read_age("36h").days
    (365, 364, 1)
    """
    match = re.fullmatch(r"(\d{1,4})([hdw])", words.strip().lower())
    if match is None:
        raise UsageError(
            f"age {words!r}: expected hours, days or weeks, such as 36h, 365d or 52w, or a date such as "
            "2025-12-31"
        )
    number, unit = match.groups()
    return timedelta(**{AGE_UNITS[unit]: int(number)})


def read_moment(option: str, words: str | None) -> datetime | None:
    """A moment as `parse_moment` reads it; None for None.

    Args:
        option: Its name, for the error.
        words: What was written.
    """
    return None if words is None else parse_moment(option, words)


def parse_moment(option: str, words: str) -> datetime:
    """A date, or a date and time, in this machine's time zone unless it names another. Raises
    `UsageError`.
    """
    try:
        return datetime.fromisoformat(words).astimezone()
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} {words!r}: expected a date such as 2026-01-31, or 2026-01-31T14:30"
        ) from error


def format_moment(moment: datetime | None) -> str:
    """A moment for people.

    Args:
        moment: A moment with its time zone; None where it never came.

    Returns:
        Date and time to the minute in this machine's time zone; "" for None.
    """
    if moment is None:
        return ""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
