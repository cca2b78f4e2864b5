"""`lentigo keys`: who may use the service, and for what."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from lentigo.cli.options import Json
from lentigo.cli.output.terminal import print_columns, print_json, print_line, print_message
from lentigo.cli.service.moments import format_moment
from lentigo.cli.service.options import AUDIT_NAME, Database

if TYPE_CHECKING:
    from lentigo.serving.store.records import Key

keys_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Who may use the service, and for what."
)


@keys_app.command("add", epilog="Example: lentigo keys add clinic --scopes read,predict")
def add_key(
    name: Annotated[str, Argument(help="Whose it is; the audit trail names it.")],
    scopes: Annotated[
        str, Option("--scopes", help="What it may do, of read, predict and review, with commas.")
    ] = "read,predict",
    db: Database = None,
    as_json: Json = False,
) -> None:
    """Makes a key and shows it, once: the store has only its hash."""
    from lentigo.serving.store.store import open_store

    allowed = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with open_store(db) as store:
        key, secret = store.add_key(name, allowed)
        # In the audit trail, too: who may do what is part of the record
        store.log(AUDIT_NAME, "key added", name)
    if as_json:
        print_json({"name": key.name, "scopes": key.scopes, "key": secret})
    else:
        print_message(f"key {key.name}, may {', '.join(key.scopes)}; it is shown this once:")
        print_line(secret)


@keys_app.command("revoke", epilog="Example: lentigo keys revoke clinic")
def revoke_key(
    name: Annotated[str, Argument(help="As it was added.")], db: Database = None, as_json: Json = False
) -> None:
    """Ends a key at once; what it did stays on record."""
    from lentigo.serving.store.store import open_store

    with open_store(db) as store:
        key = store.revoke_key(name)
        store.log(AUDIT_NAME, "key revoked", name)
    if as_json:
        print_json(describe_key(key))
    else:
        print_message(f"key {key.name}: revoked {format_moment(key.revoked)}")


@keys_app.command("list", epilog="Example: lentigo keys list --json")
def list_keys(db: Database = None, as_json: Json = False) -> None:
    """The keys, when they were used last, and those that were revoked."""
    from lentigo.serving.store.store import open_store

    with open_store(db) as store:
        keys = store.list_keys()
    if as_json:
        for key in keys:
            print_json(describe_key(key))
    elif keys:
        print_columns(["name", "may", "made", "used", "revoked"], [tabulate_key(key) for key in keys])
    else:
        print_message("no keys; make one: lentigo keys add NAME")


def tabulate_key(key: Key) -> list[str]:
    """A key as cells for people."""
    return [
        key.name,
        ", ".join(key.scopes),
        format_moment(key.created),
        format_moment(key.used),
        format_moment(key.revoked),
    ]


def describe_key(key: Key) -> dict[str, Any]:
    """A key as JSON; nothing of its secret."""
    return {
        "name": key.name,
        "scopes": key.scopes,
        "created": write_moment(key.created),
        "used": write_moment(key.used),
        "revoked": write_moment(key.revoked),
    }


def write_moment(moment: datetime | None) -> str | None:
    """A moment as JSON has it; None where it never came.

    Args:
        moment: With its time zone, or None.
    """
    return None if moment is None else moment.isoformat()
