"""Options and words that the commands around the service share."""

from __future__ import annotations

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
