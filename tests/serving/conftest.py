"""Databases for the store: a file of SQLite, and with `make check` a PostgreSQL server that is started
once.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import PROGRAMS, PostgresServer

from lentigo.serving.store.store import open_store


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server; skipped where PostgreSQL is not installed."""
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("PostgreSQL is not installed")
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.check)])
def url(request, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    return (
        f"sqlite:///{tmp_path}/store.db"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres").make_schema()
    )


@pytest.fixture
def store(url):
    with open_store(url) as store:
        yield store
