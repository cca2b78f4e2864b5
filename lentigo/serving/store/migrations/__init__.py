"""Moves a store that an earlier Lentigo wrote forward to the tables that this one knows, without loss."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from lentigo.errors import StoreError

REVISION = "0004"  # the last of `versions`
VERSION_TABLE = "lentigo_version"

_migration_lock = threading.Lock()  # Alembic's context belongs to the whole process


def read_revision(connection: Connection) -> str | None:
    """Reads the revision of the store's tables.

    Args:
        connection: of the store.

    Returns:
        The revision; None where there are no tables yet.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))


def move_forward(connection: Connection, place: str, to: str = REVISION) -> None:
    """Runs the revisions that the store lacks.

    Args:
        connection: in a transaction that keeps other processes from doing the same.
        place: the store's address, for messages.
        to: the revision to move to.

    Raises:
        StoreError: the store is newer than this Lentigo.
    """
    found = read_revision(connection)
    if found == to:  # another process was faster
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in revisions:
        raise StoreError(
            f"the store at {place} is of revision {found}, this Lentigo knows those up to {REVISION}; "
            "expected the Lentigo that wrote it, or a newer one: pip install -U lentigo"
        )
    with _migration_lock:
        command.upgrade(config, to)
