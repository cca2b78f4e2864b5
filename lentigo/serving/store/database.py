"""Connections to the database of the store: a file of SQLite, or PostgreSQL; what fails there has one name,
and no password in it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lentigo.common.files import name_full_disk
from lentigo.common.user_folders import data_folder
from lentigo.errors import LentigoError, StoreError, UsageError
from lentigo.serving.store.migrations import REVISION, move_forward, read_revision

EXPECTED = "expected sqlite:///FILE or postgresql://USER@HOST/NAME"
LOCK_SECONDS = 30  # that a statement waits for another's lock
CONNECTION_POOL = {"pool_size": 8, "max_overflow": 32, "pool_timeout": LOCK_SECONDS}
IMMEDIATE = "lentigo_immediate"  # an execution option: a transaction that will write takes its lock at once
MIGRATION_LOCK = 0x6C656E7469676F  # of PostgreSQL, "lentigo"
SERVER_OPTIONS = f"-c timezone=UTC -c synchronous_commit=on -c lock_timeout={LOCK_SECONDS}s"


def default_url() -> str:
    """Finds where the store is unless somebody says otherwise.

    Returns:
        $LENTIGO_DB, else the URL of a file in the user's own data folder.
    """
    given = os.environ.get("LENTIGO_DB")
    if given:
        return given
    return URL.create("sqlite", database=str(data_folder() / "lentigo.db")).render_as_string()


class Database:
    """An engine, and the name under which its failures are told."""

    def __init__(self, url: str) -> None:
        """Raises `UsageError` for a URL that is none of a store, `SpaceError` for a folder that cannot be
        made; connects to nothing yet.
        """
        self.url = check_url(url)
        self.place = name_place(self.url)
        self.is_file = self.url.get_backend_name() == "sqlite"
        self.engine = open_file(Path(self.url.database or "")) if self.is_file else open_server(self.url)
        self.writer = self.engine.execution_options(**{IMMEDIATE: True})

    def prepare(self) -> None:
        """Makes the tables, or moves them forward to those that this Lentigo knows; processes that do it at
        once wait for each other.

        Raises `StoreError`.
        """
        with self.name_failure():
            if self.is_file:
                self.run_pragma("journal_mode=WAL")
            with self.engine.connect() as connection:
                if read_revision(connection) == REVISION:
                    return
            # Under the lock `move_forward` looks again: another process may have done it
            with self.writer.begin() as connection:
                if not self.is_file:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
                move_forward(connection, self.place)

    def run_pragma(self, pragma: str) -> None:
        """Runs a pragma of SQLite outside of transactions.

        Args:
            pragma: what follows the word PRAGMA.
        """
        with closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute(f"PRAGMA {pragma}").close()

    @contextmanager
    def name_failure(self) -> Iterator[None]:
        """Turns what the database raises into a `StoreError`, and unpacks errors of ours that were raised
        while values were bound.
        """
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            raise StoreError(
                f"the store at {self.place} does not answer ({self.describe(error)}); expected one that can "
                "be read and written: check its server, disk and permissions"
            ) from error
        except StatementError as error:
            if isinstance(error.orig, LentigoError):
                raise error.orig from None
            raise
        except sqlite3.Error as error:
            raise StoreError(
                f"the store at {self.place} does not answer ({error}); expected one that can be read and "
                "written: check its disk and permissions"
            ) from error

    def describe(self, error: Exception) -> str:
        """What the database said, in one line and without the password.

        Args:
            error: Of SQLAlchemy.
        """
        message = " ".join(str(getattr(error, "orig", None) or error).split())
        if self.url.password:
            message = message.replace(self.url.password, "***")
        return message


def check_url(url: str) -> URL:
    """The URL of a store, its file absolute. Raises `UsageError` without the URL in it, which may hold a
    password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise UsageError(f"the store's address is no URL; {EXPECTED}") from None
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise UsageError(f"the store cannot be a database of {backend}; {EXPECTED}")
    if not parsed.database or parsed.database == ":memory:" or "?" in url:
        raise UsageError(
            "the store cannot be in memory, nor its file have options or a question mark; expected "
            "sqlite:///FILE"
        )
    return parsed.set(drivername="sqlite", database=os.path.abspath(os.path.expanduser(parsed.database)))


def name_place(url: URL) -> str:
    """The URL for messages: without its password, and without options, which may hold another.

    Args:
        url: Of the database.
    """
    return url.set(drivername=url.get_backend_name(), password=None, query={}).render_as_string()


def open_server(url: URL) -> Engine:
    """PostgreSQL by psycopg 3. Connections that its restart broke are found and replaced before use."""
    defaults = {
        "connect_timeout": 10,
        "keepalives_idle": 30,  # seconds
        "tcp_user_timeout": 1000 * LOCK_SECONDS,  # milliseconds
        "application_name": "lentigo",
        "client_encoding": "utf8",
    }
    # What the URL says itself counts
    arguments = {key: value for key, value in defaults.items() if key not in url.query}
    given = url.query.get("options", "")
    arguments["options"] = f"{SERVER_OPTIONS} {given}".strip()
    return create_engine(
        url.difference_update_query(["options"]),
        pool_pre_ping=True,
        connect_args=arguments,
        hide_parameters=True,
        json_serializer=dump,
        **CONNECTION_POOL,
    )


def open_file(path: Path) -> Engine:
    """A file of SQLite, made for its owner alone where it is not there. A write is on disk before it is
    acknowledged.

    A file that was deleted or replaced is noticed before the next use: SQLite itself would go on writing to
    what no name leads to any more.
    """
    make_file(path)
    engine = create_engine(
        "sqlite:///",
        creator=lambda: connect_file(path),
        poolclass=QueuePool,
        hide_parameters=True,  # an error's text may be logged
        json_serializer=dump,
        **CONNECTION_POOL,
    )

    @event.listens_for(engine, "connect")
    def remember(connection: Any, record: Any) -> None:
        record.info["file"] = identify(path)

    @event.listens_for(engine, "checkout")
    def recognise(connection: Any, record: Any, proxy: Any) -> None:
        if record.info["file"] != identify(path):
            raise DisconnectionError("the file was deleted or replaced")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        will_write = connection.get_execution_options().get(IMMEDIATE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if will_write else "BEGIN")

    return engine


def make_file(path: Path) -> None:
    """Makes an empty file, and its folders, that others on this machine cannot read; one that is there stays
    as it is.
    """
    with name_full_disk(path, "--db or LENTIGO_DB"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def connect_file(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there; SQLAlchemy says where its transactions begin. What is deleted is
    overwritten.
    """
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",  # does not make a file that was deleted anew
        uri=True,
        timeout=LOCK_SECONDS,
        isolation_level=None,  # the driver begins no transactions by itself
        check_same_thread=False,
    )
    for pragma in ("foreign_keys=ON", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def identify(path: Path) -> tuple[int, int] | None:
    """Which file a name leads to; None where to none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def dump(value: Any) -> str:
    """JSON that both databases, and whoever reads an export, understand: no NaN."""
    return json.dumps(value, allow_nan=False)
