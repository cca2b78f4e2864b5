"""Pagination: a cursor says where a page of a list ended, so that the next one goes on there, whatever was
added or deleted meanwhile.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from lentigo.errors import UsageError

MAX_NUMBER = 2**63 - 1  # of a row


def encode_cursor(number: int, created: datetime | None = None) -> str:
    """Writes a cursor.

    Args:
        number: of the row that a page ended with.
        created: the time of that row, where the list is ordered by time.

    Returns:
        Text that is safe in a URL.

    >>> decode_cursor(encode_cursor(7))
    (7, None)
    """
    # The number alone may not do: rows are shown by their time, which the clock may have turned back
    moment = None if created is None else created.isoformat()
    # Opaque to clients, who would else make cursors of their own
    content = json.dumps([number, moment]).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode_cursor(cursor: str, timed: bool = False) -> tuple[int, datetime | None]:
    """Reads a cursor.

    Args:
        cursor: what `encode_cursor` wrote.
        timed: whether the list is ordered by time.

    Returns:
        The number and, where `timed`, the time of a row.

    Raises:
        UsageError: it is no cursor of such a list.
    """
    try:
        padding = b"=" * (-len(cursor) % 4)  # that `encode_cursor` took off
        content = base64.b64decode(cursor.encode("ascii") + padding, altchars=b"-_", validate=True)
        number, moment = json.loads(content)
        # A bool is an int, too
        if type(number) is not int or not 0 <= number <= MAX_NUMBER:
            raise ValueError(cursor)
        return number, read_moment(moment, timed)
    except (ValueError, TypeError, RecursionError) as error:
        # Unicode, base64 and JSON raise kinds of ValueError
        raise UsageError(
            f"cursor {cursor[:80]!a} belongs to no page of this list; expected the one that the page before "
            "gave, or none to begin anew"
        ) from error


def read_moment(moment: Any, timed: bool) -> datetime | None:
    """The time in a cursor. Raises `ValueError` or `TypeError` where there is none but should be, or the
    other way.

    Args:
        moment: As the cursor has it.
        timed: Whether the list is in order of a time.
    """
    if not timed:
        if moment is not None:
            raise ValueError(moment)
        return None
    created = datetime.fromisoformat(moment)
    if created.utcoffset() is None:
        raise ValueError(moment)
    return created
