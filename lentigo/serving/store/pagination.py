"""Cursors: where a page of a list ended, so that the next one goes on there, whatever was added or deleted
meanwhile.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime

from lentigo.errors import UsageError

MOST_NUMBER = 2**63 - 1


def encode_cursor(number: int, created: datetime | None = None) -> str:
    """Text, safe in a URL, that says which row a page ended with.

    >>> decode_cursor(encode_cursor(7))
    (7, None)
    """
    words = json.dumps([number, created and created.isoformat()])
    return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, timed: bool = False) -> tuple[int, datetime | None]:
    """The number and, where `timed`, the time of a row. Raises `UsageError` for what `encode_cursor` did not
    write.
    """
    try:
        number, words = json.loads(
            base64.b64decode(
                cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
            )
        )
        created = datetime.fromisoformat(words) if timed else words
        if (
            type(number) is not int
            or not 0 <= number <= MOST_NUMBER
            or (created is None or created.utcoffset() is None if timed else created is not None)
        ):
            raise ValueError(cursor)
        return number, created
    except (
        ValueError,
        TypeError,
        RecursionError,
    ) as error:  # Unicode, base64 and JSON raise kinds of ValueError
        raise UsageError(
            f"cursor {cursor[:80]!a} belongs to no page of this list; expected the one that the page before "
            "gave, or none to begin anew"
        ) from error
