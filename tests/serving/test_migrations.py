"""Revisions of the store: old ones move forward whole, newer ones are refused, and tables and revisions
agree.
"""

import json
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, DateTime, MetaData, Table, inspect, text
from sqlalchemy.types import JSON
from toys import ANSWER, NOON, make_review

from lentigo.errors import StoreError
from lentigo.serving.store import migrations
from lentigo.serving.store.database import Database
from lentigo.serving.store.migrations import REVISION, VERSION_TABLE, move_forward, read_revision
from lentigo.serving.store.records import Query
from lentigo.serving.store.store import open_store
from lentigo.serving.store.tables import metadata


def test_the_revision_that_the_store_looks_for_is_the_last():
    scripts = ScriptDirectory(migrations.__path__[0])
    assert scripts.get_heads() == [REVISION] and [s.revision for s in scripts.walk_revisions()] == [
        "0004",
        "0003",
        "0002",
        "0001",
    ]


def test_tables_and_revisions_agree(store):
    with store.database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "version_table": VERSION_TABLE}
        )
        assert compare_metadata(context, metadata) == []


OLD = {  # rows as the first revision's Lentigo wrote them
    "INSERT INTO lesions (id, created, name, site) VALUES (:id, :created, :name, '')": [
        {"id": f"lesion{n}", "created": "2026-03-29 12:00:00.000000", "name": f"spot {n}"} for n in range(3)
    ],
    "INSERT INTO predictions (id, created, who, request, position, sha256, width, height, model, card, "
    "label, answer, lesion, kept) "
    "VALUES (:id, :created, 'clinic', :id, 0, :id, 6, 4, 'toy', 'c', 'benign', :answer, :lesion, true)": [
        {
            "id": f"p{n}",
            "created": "2026-03-29 12:00:00.000000",
            "answer": json.dumps({"label": "benign", "probability": 0.1}),
            "lesion": f"lesion{n % 3}",
        }
        for n in range(100)
    ],
    "INSERT INTO keys (id, name, created, scopes, hash) VALUES ('k', 'clinic', :created, 'read,predict', "
    "'h')": [{"created": "2026-03-29 12:00:00.000000"}],
}


def write_old(url):
    """A store of the first revision, with rows."""
    database = Database(url)
    with database.writer.begin() as connection:
        move_forward(connection, database.place, "0001")
        for statement, rows in OLD.items():
            words = (
                statement
                if database.is_file
                else statement.replace(":created", "CAST(:created || '+00' AS timestamptz)").replace(
                    ":answer", "CAST(:answer AS json)"
                )
            )
            connection.execute(text(words), rows)
    with database.engine.connect() as connection:
        assert read_revision(connection) == "0001" and "events" not in inspect(connection).get_table_names()
    database.engine.dispose()


def test_an_old_store_moves_forward_with_all_its_rows(url):
    write_old(url)
    with open_store(url) as store:
        records = list(store.stream())
        assert sorted(record.id for record in records) == sorted(f"p{n}" for n in range(100))
        assert {(record.created, record.review, record.kept) for record in records} == {(NOON, None, True)}
        assert [lesion.count for lesion in store.list_lesions().lesions] == [33, 33, 34]
        assert store.list_keys()[0].scopes == ("read", "predict") and store.list_keys()[0].created == NOON
        assert (
            store.review("p5", make_review()).review == make_review()
            and store.list(Query(reviewed=True)).records[0].id == "p5"
        )
        store.log("clinic", "review", "p5")


DUMP = Path(__file__).with_name("store_0003.sql")  # of a SQLite file that the Lentigo of revision 0003 wrote


def write_dump(url):
    """A store with the rows of the dump: in SQLite the same file, in PostgreSQL tables of that revision."""
    database = Database(url)
    script = DUMP.read_text(encoding="utf-8")
    if database.is_file:
        with closing(sqlite3.connect(database.url.database)) as connection:
            connection.executescript(script)
    else:
        with closing(sqlite3.connect(":memory:")) as source, database.writer.begin() as connection:
            source.row_factory = sqlite3.Row
            source.executescript(script)
            move_forward(connection, database.place, "0003")
            for name in ("lesions", "predictions", "keys", "reviews", "events"):
                table = Table(name, MetaData(), autoload_with=connection)
                for row in source.execute(f"SELECT * FROM {name} ORDER BY number"):
                    connection.execute(table.insert(), convert_row(table, dict(row)))
    with database.engine.connect() as connection:
        assert read_revision(connection) == "0003"
        columns = {column["name"] for column in inspect(connection).get_columns("predictions")}
    database.engine.dispose()
    assert "card" in columns
    assert "model_sha256" not in columns


def convert_row(table, row):
    """A row of SQLite as PostgreSQL takes it, without its number."""
    del row["number"]
    for column in table.columns:
        value = row.get(column.name)
        if value is None:
            continue
        if isinstance(column.type, Boolean):
            row[column.name] = bool(value)
        if isinstance(column.type, DateTime):
            row[column.name] = datetime.fromisoformat(value).replace(tzinfo=UTC)
        if isinstance(column.type, JSON):
            row[column.name] = json.loads(value)
    return row


def test_the_hash_of_the_model_keeps_its_value_under_its_new_name(url):
    write_dump(url)
    with open_store(url) as store:
        records = list(store.stream())
        assert [record.model_sha256 for record in records] == ["c" * 64] * 3
        assert [(record.request, record.position) for record in records] == [
            ("second", 0),
            ("first", 1),
            ("first", 0),
        ]
        assert records[1].review == make_review()
        assert records[2].answer == ANSWER
        assert records[2].lesion == store.find_lesion("P017-3").id
        assert records[0].kept
        assert store.list_keys()[0].name == "clinic"
        assert [event.action for event in store.list_events().events] == ["predict", "predict"]
        with store.database.engine.connect() as connection:
            columns = {column["name"] for column in inspect(connection).get_columns("predictions")}
        assert "model_sha256" in columns
        assert "card" not in columns


def test_threads_that_open_an_old_store_at_once_wait_for_each_other(url):
    write_old(url)
    barrier, failures = threading.Barrier(4), []

    def open_one():
        barrier.wait()
        try:
            with open_store(url) as store:
                assert len(list(store.stream())) == 100
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_newer_store_is_refused_and_left_as_it_is(url):
    with open_store(url) as store:
        store.add_key("clinic", ["read"])
        with store._writing() as connection:
            connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0099'"))
    with pytest.raises(
        StoreError,
        match=r"is of revision 0099, this Lentigo knows those up to 0004; expected the Lentigo that wrote "
        r"it, or a newer one: pip install -U lentigo",
    ):
        open_store(url)
    database = Database(url)
    with database.engine.connect() as connection:
        assert (
            read_revision(connection) == "0099"
            and connection.scalar(text("SELECT name FROM keys")) == "clinic"
        )
    database.engine.dispose()


def test_a_step_that_fails_leaves_the_store_as_it_was(url):
    write_old(url)
    database = Database(url)
    with database.writer.begin() as connection:
        connection.execute(text("CREATE TABLE events (x INTEGER)"))
    with pytest.raises(StoreError, match=r"events.* already exists"):
        open_store(url)
    with database.writer.begin() as connection:
        assert read_revision(connection) == "0001" and "reviews" not in inspect(connection).get_table_names()
        connection.execute(text("DROP TABLE events"))
    database.engine.dispose()
    with open_store(url) as store:
        assert len(list(store.stream())) == 100
