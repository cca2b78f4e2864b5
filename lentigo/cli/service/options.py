"""Options and words that the commands around the service share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from typer import Option

Database = Annotated[
    str | None,
    Option(
        "--db",
        help="sqlite:///FILE or postgresql://USER@HOST/NAME; else $LENTIGO_DB, else a file in your data "
        "folder.",
    ),
]
AUDIT_NAME = "command line"  # who acted, in the audit trail


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
