"""A database that is gone, back, full, read-only, misspelt or killed: errors without passwords, and nothing
acknowledged is lost.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from toys import make_record

from lentigo.errors import StoreError, UsageError
from lentigo.serving.store.database import default_url
from lentigo.serving.store.records import Query
from lentigo.serving.store.store import open_store

HERE = Path(__file__).parent


def start(code: str, *words: str) -> subprocess.Popen:
    """Python that talks to us by its standard input and output."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE,
    )


# --- gone, and back


def test_a_file_that_was_deleted_is_an_error_until_it_is_back(tmp_path):
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}") as store:
        kept = make_record()
        store.add([kept])
        store.database.run_pragma("wal_checkpoint(TRUNCATE)")
        path.rename(tmp_path / "away.db")
        for call in (store.ping, lambda: store.add([make_record()]), lambda: store.get(kept.id)):
            with pytest.raises(
                StoreError,
                match=rf"the store at sqlite:///{path} does not answer \(unable to open database file\); "
                r"expected",
            ):
                call()
        (tmp_path / "away.db").rename(path)
        store.ping()
        later = make_record()
        store.add([later])
        assert [store.get(record.id) for record in (kept, later)] == [kept, later]


def test_a_file_that_was_replaced_by_a_backup_is_the_one_written_to(tmp_path):
    path, backup = tmp_path / "store.db", tmp_path / "backup.db"
    with open_store(f"sqlite:///{path}") as store:
        first, lost = make_record(), make_record()
        store.add([first])
        store.database.run_pragma("wal_checkpoint(TRUNCATE)")
        shutil.copy(path, backup)
        store.add([lost])
        for file in (path, tmp_path / "store.db-wal", tmp_path / "store.db-shm"):
            file.unlink()
        backup.rename(path)
        later = make_record()
        store.add([later])
        assert {record.id for record in store.list().records} == {first.id, later.id}
    with open_store(f"sqlite:///{path}") as store:
        assert store.get(later.id) == later


@pytest.mark.check
def test_a_server_that_restarts_is_not_noticed_and_one_that_is_down_is_an_error(postgres):
    url = postgres.make_database()
    with open_store(url) as store:
        kept = make_record()
        store.add([kept])
        postgres.stop()
        postgres.start()
        assert store.add([kept]) == (kept,)
        postgres.stop()
        try:
            for call in (store.ping, lambda: store.add([make_record()]), lambda: store.list()):
                with pytest.raises(
                    StoreError,
                    match=r"the store at postgresql://postgres@/test\d+ does not answer \(connection "
                    r".*failed",
                ):
                    call()
        finally:
            postgres.start()
        store.ping()
        assert store.get(kept.id) == kept


def test_a_file_that_is_no_database_is_an_error(tmp_path):
    (tmp_path / "store.db").write_text("photographs of 2019\n" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        open_store(f"sqlite:///{tmp_path}/store.db")
    assert (tmp_path / "store.db").read_text().startswith("photographs")


# --- read-only and full


def test_a_disk_that_became_read_only_is_an_error_and_can_still_be_read(locked, tmp_path):
    (tmp_path / "in").mkdir()
    home = locked(tmp_path / "in")
    path = home / "store.db"
    user = os.geteuid()
    os.seteuid(os.getuid())
    with open_store(f"sqlite:///{path}") as store:
        record = make_record()
        store.add([record])
        for file in home.glob("store.db*"):
            file.chmod(0o444)
        os.seteuid(user)
        with open_store(f"sqlite:///{path}") as reader:
            assert reader.get(record.id) == record
            with pytest.raises(StoreError, match="attempt to write a readonly database"):
                reader.add([make_record()])


@pytest.mark.check
def test_a_server_that_became_read_only_is_an_error_and_can_still_be_read(postgres):
    url = postgres.make_database()
    with open_store(url) as store:
        record = make_record()
        store.add([record])
        with store._writing() as connection:
            connection.execute(
                text(f"ALTER DATABASE {store.database.url.database} SET default_transaction_read_only = on")
            )
    with open_store(url) as store:
        assert store.get(record.id) == record
        with pytest.raises(StoreError, match=r"cannot execute .* in a read-only transaction"):
            store.add([make_record()])


FILL = """
import resource, sys
from toys import make_record
from lentigo.errors import StoreError
from lentigo.serving.store.store import open_store
store = open_store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
try:
    while True:
        record = make_record()
        store.add([record])
        print(record.id, flush=True)
except StoreError as error:
    print(error, flush=True)
"""


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    with start(FILL, url) as process:
        *ids, words = process.communicate()[0].splitlines()
    assert "does not answer (" in words and len(ids) > 10
    with open_store(url) as store:
        assert {record.id for record in store.stream()} == set(ids)
        store.add([make_record()])


# --- addresses


@pytest.mark.parametrize(
    "url",
    [
        "",
        "store.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "mysql://joe:secret@host/db",
        "joe:secret@host",
        "postgresql://joe:secret@host:x/db",
    ],
)
def test_an_address_that_is_none_of_a_store_is_a_usage_error_without_its_password(url, monkeypatch):
    monkeypatch.delenv("LENTIGO_DB", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/proc/none")
    with pytest.raises(
        (UsageError, StoreError) if url == "" else UsageError, match="expected sqlite:///FILE"
    ) as wrong:
        open_store(url or "x")
    assert "secret" not in str(wrong.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://joe:secret@localhost:1/db",
        "postgres://joe@localhost:1/db?password=secret",
        "postgresql+psycopg://joe:secret@localhost:1/db?sslmode=disable",
    ],
)
def test_an_error_names_the_server_and_not_the_password(url):
    with pytest.raises(
        StoreError, match=r"the store at postgres(ql)?://joe(:\*\*\*)?@localhost:1/db does not answer"
    ) as wrong:
        open_store(url)
    assert "secret" not in str(wrong.value) and "\n" not in str(wrong.value)


def test_the_store_is_where_the_environment_says_else_in_the_users_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("LENTIGO_DB", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_url() == f"sqlite:///{tmp_path}/lentigo/lentigo.db"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_url() == f"sqlite:///{tmp_path}/.local/share/lentigo/lentigo.db"
    monkeypatch.setenv("LENTIGO_DB", "postgresql://here/db")
    assert default_url() == "postgresql://here/db"


# --- killed


WRITE = """
import sys
from toys import make_record
from lentigo.serving.store.store import open_store
with open_store(sys.argv[1]) as store:
    for line in sys.stdin:
        request = line.strip()
        store.add([make_record(request, position) for position in range(3)])
        print(request, flush=True)
"""


def kill_writer(url: str, name: str, chance: random.Random) -> tuple[list[str], list[str]]:
    """The requests that a writer was asked to write, and those that it acknowledged before it was killed at
    some moment.
    """
    asked = [f"{name}-{n}" for n in range(500)]
    with start(WRITE, url) as process:
        process.stdin.write("".join(f"{request}\n" for request in asked))
        process.stdin.flush()
        first = process.stdout.readline().strip()
        time.sleep(chance.uniform(0, 0.3))
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read()
    return asked, [first, *(line for line in rest.splitlines() if line in asked)]


def check_kills(url: str, times: int) -> None:
    """Kills writers; each acknowledged request is there once and whole, and sent again adds nothing."""
    chance, acknowledged, begun = random.Random(5), set(), set()
    for n in range(times):
        asked, done = kill_writer(url, f"round{n}", chance)
        acknowledged |= set(done)
        begun |= set(asked[: len(done) + 1])
        with open_store(url) as store:
            found = [(record.request, record.position) for record in store.stream(Query())]
            assert len(found) == len(set(found)) == 3 * len({request for request, _ in found})
            assert acknowledged <= {request for request, _ in found} <= begun
            assert {
                record.position for record in store.add([make_record(done[-1], 0), make_record(done[-1], 7)])
            } == {0, 1, 2}
    assert len(acknowledged) > times


def test_a_writer_that_is_killed_loses_nothing_that_it_acknowledged(tmp_path):
    check_kills(f"sqlite:///{tmp_path}/store.db", 3)


@pytest.mark.check
def test_writers_that_are_killed_lose_nothing_that_they_acknowledged(url):
    check_kills(url, int(os.environ.get("LENTIGO_KILLS", "20")))


@pytest.mark.check
def test_a_server_that_is_killed_loses_nothing_that_it_acknowledged(postgres):
    url = postgres.make_database()
    with open_store(url) as store:
        done = []
        for _ in range(5):
            done += [store.add([make_record()])[0].id for _ in range(20)]
            postgres.stop()
            postgres.start()
        assert {record.id for record in store.stream()} == set(done)


# --- several at once


OPEN = """
import sys, json
from toys import make_record
from lentigo.serving.store.store import open_store
print("ready", flush=True)
sys.stdin.readline()
with open_store(sys.argv[1]) as store:
    print(json.dumps([store.add([make_record(f"r{n}")])[0].id for n in range(10)]), flush=True)
"""


def test_processes_that_open_a_new_store_at_once_share_it(url):
    writers = [start(OPEN, url) for _ in range(4)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    answers = [json.loads(writer.communicate()[0]) for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4
    assert all(answer == answers[0] for answer in answers)
