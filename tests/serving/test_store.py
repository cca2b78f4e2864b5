"""The store: requests are written once, lists show each record once, and both databases hold and refuse the
same.
"""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select, text
from toys import NOON, Clock, make_lesion, make_record, make_review

from lentigo.errors import StoreError, UsageError
from lentigo.serving.store.pagination import encode_cursor
from lentigo.serving.store.records import Query
from lentigo.serving.store.store import open_store
from lentigo.serving.store.tables import predictions, reviews


def count(store, table):
    with store.database.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def read_all(store, limit, query=Query()):
    """The ids on the pages of a list, in order."""
    found, page = [], None
    while page is None or page.cursor:
        page = store.list(replace(query, limit=limit, cursor=page and page.cursor))
        found += [record.id for record in page.records]
    return found


# --- requests


def test_a_record_comes_back_as_it_was(store):
    lesion = store.add_lesion(make_lesion("spot"))
    record = make_record(
        lesion=lesion.id, taken=NOON - timedelta(days=1, microseconds=1), kept=True, request="Zürich ✓"
    )
    assert store.add([record]) == (record,)
    assert store.get(record.id) == record and store.find_request("clinic", "Zürich ✓") == (record,)
    bare = make_record(measures=None, heatmap=None, outline=None)
    store.add([bare])
    assert store.get(bare.id) == bare


def test_times_come_back_in_utc(store):
    there = NOON.astimezone(timezone(timedelta(hours=-7, minutes=-30)))
    record = make_record(created=there)
    store.add([record])
    assert store.get(record.id).created == NOON and store.get(record.id).created.tzinfo is UTC


def test_what_is_unknown_is_none(store):
    assert (
        store.get("no") is None
        and store.find_request("clinic", "no") == ()
        and store.get_lesion("no") is None
        and store.find_lesion("no") is None
    )


def test_a_request_that_comes_again_is_answered_from_the_store(store):
    first = [make_record("a", 0), make_record("a", 1)]
    store.add(first)
    assert store.add([make_record("a", 0), make_record("a", 1)]) == tuple(first)
    assert count(store, predictions) == 2


def test_a_request_is_one_writers_even_where_another_sent_more(store):
    first = make_record("a", 1)
    store.add([first])
    assert store.add([make_record("a", 0), make_record("a", 1), make_record("a", 2)]) == (first,)


def test_several_requests_are_written_together_in_their_order(store):
    known = make_record("b")
    store.add([known])
    a, c = make_record("a"), [make_record("c", 1), make_record("c", 0)]
    assert store.add([*c, make_record("b"), a]) == (c[1], c[0], known, a)


def test_a_request_that_comes_twice_in_one_call_is_written_once(store):
    first, second = make_record("a"), make_record("a")
    assert store.add([first, second]) == (first,)


def test_the_same_request_of_another_key_is_another(store):
    mine, other = make_record("a"), make_record("a", who="ward")
    assert store.add([mine]) + store.add([other]) == (mine, other)
    assert store.find_request("ward", "a") == (other,)


def test_nothing_is_added_where_nothing_comes(store):
    assert store.add([]) == ()


def test_all_or_none_are_written(store):
    with pytest.raises(UsageError, match="lesion 'no' is not in the store"):
        store.add([make_record(), make_record(lesion="no")])
    assert count(store, predictions) == 0


def test_a_review_is_not_added_with_a_record(store):
    record = make_record(review=make_review())
    assert store.add([record])[0].review is None


def test_equal_requests_that_race_are_written_once(url, store):
    with open_store(url) as other, ThreadPoolExecutor(8) as pool:
        for round in range(5):
            calls = [
                pool.submit((store, other)[n % 2].add, [make_record(f"r{round}", p) for p in range(3)])
                for n in range(8)
            ]
            assert len({tuple(record.id for record in call.result()) for call in calls}) == 1
    assert count(store, predictions) == 15


def test_requests_that_overlap_in_the_other_order_do_not_block_each_other(url, store):
    with open_store(url) as other, ThreadPoolExecutor(8) as pool:
        names = [f"r{n}" for n in range(6)]
        calls = [
            pool.submit(
                (store, other)[n % 2].add, [make_record(name) for name in names[:: 1 if n % 2 else -1]]
            )
            for n in range(16)
        ]
        assert len({frozenset(r.id for r in call.result()) for call in calls}) == 1


# --- lists


def test_the_newest_come_first_and_those_of_the_same_time_in_turn(store):
    records = [make_record(minutes=minutes) for minutes in (0, 5, 5, 5, 2)]
    for record in records:
        store.add([record])
    a, b, c, d, e = (record.id for record in records)
    assert [record.id for record in store.list().records] == [d, c, b, e, a]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_every_record_stands_on_one_page_however_the_clock_jumped(store, limit):
    records = [make_record(minutes=minutes) for minutes in (3, 3, 3, 2, 1, 0, -600, -600, 900, 3, 3, 1)]
    for record in records:
        store.add([record])
    found = read_all(store, limit)
    assert sorted(found) == sorted(record.id for record in records)


def test_what_is_added_meanwhile_moves_nothing_to_another_page(store):
    before = [make_record(minutes=minutes) for minutes in (4, 3, 2, 2, 1)]
    store.add(before)
    first = store.list(Query(limit=3))
    store.add([make_record(minutes=minutes) for minutes in (9, 5, 3)])
    later = store.list(Query(limit=10, cursor=first.cursor))
    assert {r.id for r in first.records + later.records} == {r.id for r in before} and later.cursor is None


def test_the_last_page_has_no_cursor_even_when_it_is_full(store):
    store.add([make_record() for _ in range(4)])
    first = store.list(Query(limit=2))
    assert first.cursor and store.list(Query(limit=2, cursor=first.cursor)).cursor is None


def test_a_list_is_filtered(store):
    spot = store.add_lesion(make_lesion("spot"))
    plain, marked = make_record(), make_record(label="malignant", model="other", lesion=spot.id, minutes=60)
    store.add([plain, marked])
    store.review(marked.id, make_review())
    for query in (
        Query(lesion=spot.id),
        Query(label="malignant"),
        Query(model="other"),
        Query(sha256=marked.sha256),
        Query(reviewed=True),
        Query(since=marked.created),
    ):
        assert [r.id for r in store.list(query).records] == [marked.id], query
    for query in (Query(label="benign"), Query(reviewed=False), Query(until=marked.created)):
        assert [r.id for r in store.list(query).records] == [plain.id], query
    assert store.list(Query(label="benign", reviewed=True)).records == ()


BAD = [
    "",
    "x",
    "%",
    "null",
    "W10",
    "é",
    "\0",
    "a" * 5000,
    encode_cursor(5),
    encode_cursor(5, datetime(2026, 1, 1)),
    encode_cursor(2**63, NOON),
    encode_cursor(-1, NOON),
    encode_cursor(True, NOON),
    "WzEsICJ4Il0",
]


@pytest.mark.parametrize("cursor", BAD)
def test_a_cursor_that_is_none_is_a_usage_error(store, cursor):
    with pytest.raises(
        UsageError,
        match=r"cursor .* belongs to no page of this list; expected the one that the page before gave",
    ):
        store.list(Query(cursor=cursor))


@pytest.mark.parametrize("limit", [0, -1, 1001, 10**30])
def test_a_limit_that_no_page_has_is_a_usage_error(store, limit):
    for read in (
        lambda: store.list(Query(limit=limit)),
        lambda: store.list_lesions(limit),
        lambda: store.list_events(limit),
    ):
        with pytest.raises(UsageError, match="expected 1 to 1000"):
            read()


def test_a_stream_gives_everything_that_matches_once(store):
    records = [
        make_record(minutes=n // 7, heatmap=None, label=("benign", "malignant")[n % 2]) for n in range(601)
    ]
    store.add(records)
    assert sorted(record.id for record in store.stream(Query(limit=2))) == sorted(
        record.id for record in records
    )
    assert sum(1 for _ in store.stream(Query(label="malignant"))) == 300


def test_a_stream_lets_others_write_meanwhile(store):
    store.add([make_record(minutes=n) for n in range(300)])
    for n, _ in enumerate(store.stream()):
        if n in (0, 249, 250, 299):
            store.add([make_record(minutes=9999)])
    assert n == 299


# --- reviews


def test_the_last_review_counts_and_earlier_ones_stay(store):
    record = make_record()
    store.add([record])
    assert store.review(record.id, make_review("malignant", minutes=60)).review.verdict == "malignant"
    last = make_review("benign", "", minutes=-60)  # the clock jumped
    assert (
        store.review(record.id, last)
        == replace(record, review=last)
        == store.get(record.id)
        == store.list().records[0]
    )
    assert count(store, reviews) == 2


def test_a_review_of_nothing_is_a_usage_error(store):
    with pytest.raises(UsageError, match="prediction 'no' is not in the store"):
        store.review("no", make_review())


def test_a_verdict_that_is_none_is_a_usage_error(store):
    record = make_record()
    store.add([record])
    with pytest.raises(UsageError, match="verdict 'ok' is unknown; expected benign, malignant, uncertain"):
        store.review(record.id, make_review("ok"))


# --- lesions


def test_a_lesion_is_found_by_id_and_by_name_with_its_photographs_counted(store):
    spot = store.add_lesion(make_lesion("spot"))
    store.add_lesion(make_lesion("other"))
    store.add([make_record(lesion=spot.id), make_record(lesion=spot.id), make_record()])
    assert store.get_lesion(spot.id) == store.find_lesion("spot") == replace(spot, count=2)
    assert store.find_lesion("other").count == 0


def test_a_name_of_a_lesion_is_given_once(store):
    first = store.add_lesion(make_lesion("spot"))
    with pytest.raises(UsageError, match="lesion 'spot' is in the store already"):
        store.add_lesion(make_lesion("spot"))
    assert store.find_lesion("spot").id == first.id


def test_lesions_come_in_pages(store):
    made = [store.add_lesion(make_lesion(f"spot {n}", minutes=-(n // 2))) for n in range(5)]
    first = store.list_lesions(limit=3)
    rest = store.list_lesions(limit=3, cursor=first.cursor)
    assert [lesion.name for lesion in first.lesions + rest.lesions] == [
        "spot 1",
        "spot 0",
        "spot 3",
        "spot 2",
        "spot 4",
    ] and rest.cursor is None
    assert len(made) == 5


# --- values that a database could refuse


@pytest.mark.parametrize("name", ["a\0b", "half \ud83d", "x" * 201])
def test_text_that_a_database_would_refuse_is_a_usage_error_in_both(store, name):
    calls = [
        lambda: store.add_lesion(make_lesion(name)),
        lambda: store.find_lesion(name),
        lambda: store.list(Query(model=name)),
        lambda: store.get(name),
        lambda: store.log(name, "x"),
        lambda: store.revoke_key(name),
        lambda: store.add_key(name, ["read"]),
    ]
    for call in calls:
        with pytest.raises(UsageError, match=r"a text .*expected"):
            call()


def test_a_note_has_a_length(store):
    record = make_record()
    store.add([record])
    assert len(store.review(record.id, make_review(note="✓" * 10_000)).review.note) == 10_000
    with pytest.raises(UsageError, match="10001 characters; expected at most 10000"):
        store.review(record.id, make_review(note="x" * 10_001))


def test_a_time_without_a_zone_is_a_usage_error(store):
    for query in (Query(since=datetime(2026, 1, 1)), Query(until=datetime(2026, 1, 1))):
        with pytest.raises(
            UsageError,
            match=r"2026-01-01T00:00:00 has no time zone; expected one such as 2026-01-01T00:00:00\+00:00",
        ):
            store.list(query)


def test_the_first_and_last_times_that_there_are(store):
    ends = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    records = [make_record(created=moment, taken=moment) for moment in ends]
    store.add(records)
    assert [store.get(record.id).taken for record in records] == ends
    assert store.list(Query(since=ends[0], until=ends[1])).records == (records[0],)
    with pytest.raises(UsageError, match="outside of the years 1 to 9999"):
        store.list(Query(since=datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))))


# --- keys


def test_a_key_is_found_by_its_secret_alone(store):
    key, secret = store.add_key("clinic", ["predict", "read"])
    assert secret.startswith("lentigo_") and len(secret) == 51 and key.scopes == ("read", "predict")
    assert store.find_key(secret).name == "clinic"
    for wrong in (secret[:-1], secret + "x", secret.swapcase(), "", "clinic", "\0", "\ud800"):
        assert store.find_key(wrong) is None


def test_the_store_does_not_hold_the_secret(url, store):
    _, secret = store.add_key("clinic", ["read"])
    with store.database.engine.connect() as connection:
        assert secret not in repr(connection.execute(text("SELECT * FROM keys")).all())


def test_a_revoked_key_is_not_found_and_keeps_the_time(url):
    clock = Clock()
    with open_store(url, clock) as store:
        _, secret = store.add_key("clinic", ["read"])
        assert store.revoke_key("clinic").revoked == NOON and store.find_key(secret) is None
        clock.jump(days=1)
        assert store.revoke_key("clinic").revoked == NOON
        assert [key.revoked for key in store.list_keys()] == [NOON]


def test_a_name_of_a_key_is_given_once_even_after_its_end(store):
    store.add_key("clinic", ["read"])
    store.revoke_key("clinic")
    with pytest.raises(UsageError, match="a key was named 'clinic' before"):
        store.add_key("clinic", ["read"])


@pytest.mark.parametrize(
    ("name", "scopes"), [("x", []), ("x", ["all"]), ("x", ["read", "write"]), (" ", ["read"])]
)
def test_a_key_needs_a_name_and_scopes_that_there_are(store, name, scopes):
    with pytest.raises(UsageError, match="expected a name and some of the scopes read, predict, review"):
        store.add_key(name, scopes)


@pytest.mark.parametrize(
    "name", ["command line", " Command  LINE ", "local", "\uff4c\uff4f\uff43\uff41\uff4c"]
)
def test_a_key_cannot_pass_for_another_in_the_trail(store, name):
    with pytest.raises(UsageError, match="audit trail itself"):
        store.add_key(name, ["read"])


def test_revoking_an_unknown_key_is_a_usage_error(store):
    with pytest.raises(UsageError, match="no key is named 'no'"):
        store.revoke_key("no")


def test_the_last_use_is_written_once_a_minute_and_follows_a_clock_that_jumps_back(url):
    clock = Clock()
    with open_store(url, clock) as store:
        _, secret = store.add_key("clinic", ["read"])
        assert store.list_keys()[0].used is None
        uses = []
        for jump in (0, 59, 1, 3600, -7200, 30):
            clock.jump(seconds=jump)
            store.find_key(secret)
            uses.append((store.list_keys()[0].used - NOON).total_seconds())
        assert uses == [0, 0, 60, 3660, -3540, -3540]


# --- the audit trail


def test_events_stand_in_the_order_in_which_they_were_written(url):
    clock = Clock()
    with open_store(url, clock) as store:
        for n in range(5):
            clock.jump(minutes=-n)
            store.log("clinic", "predict", str(n))
        first = store.list_events(limit=3)
        rest = store.list_events(limit=3, cursor=first.cursor)
        assert [event.subject for event in first.events + rest.events] == [
            "4",
            "3",
            "2",
            "1",
            "0",
        ] and rest.cursor is None
        assert first.events[0].created == NOON - timedelta(minutes=10)


CHANGES = [
    "UPDATE events SET who = 'nobody'",
    "DELETE FROM events",
    "UPDATE events SET number = 7 WHERE number = 1",
]
OF_ONE = {
    "sqlite": ["REPLACE INTO events (number, created, who, action, subject) VALUES (1, '', '', '', '')"],
    "postgresql": [
        "TRUNCATE events",
        "INSERT INTO events SELECT * FROM events ON CONFLICT (number) DO UPDATE SET who = ''",
    ],
}


def test_the_audit_trail_cannot_be_changed_by_anybody(store):
    event = store.log("clinic", "predict", "x")
    for change in CHANGES + OF_ONE[store.database.engine.dialect.name]:
        with pytest.raises(StoreError, match="events are only ever added to"), store._writing() as connection:
            connection.execute(text(change))
    assert store.list_events().events == (event,)


def test_a_request_and_its_line_in_the_audit_trail_are_written_together_and_once(store):
    first = [make_record("a", 0), make_record("a", 1)]
    store.add(first, "predict")
    store.add([make_record("a", 0), other := make_record("b")], "predict")
    with pytest.raises(UsageError):
        store.add([make_record("c")], "x" * 201)
    assert [(event.who, event.action, event.subject) for event in store.list_events().events] == [
        ("clinic", "predict", other.id),
        ("clinic", "predict", f"{first[0].id} {first[1].id}"),
    ]
    assert store.find_request("clinic", "c") == ()


# --- retention


def test_forgetting_waits_for_writers_and_they_for_it(url, store):
    def write(n):
        try:
            spot = store.add_lesion(make_lesion(f"spot {n}", minutes=-9))
            with open_store(url) as other:
                return other.review(other.add([make_record(minutes=-1, lesion=spot.id)])[0].id, make_review())
        except UsageError as error:  # forgotten in between
            return error

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(write, n) for n in range(24)]
        gone = [store.forget(NOON).predictions for _ in range(12)]
        for call in calls:
            call.result()
    assert (
        sum(gone) + store.forget(NOON).predictions <= 24
        and count(store, predictions) == count(store, reviews) == 0
    )


def test_what_is_old_is_forgotten_with_its_reviews_and_not_the_audit_trail(store):
    old, new = make_record(minutes=-1), make_record()
    store.add([old, new])
    store.review(old.id, make_review())
    store.log("clinic", "predict", old.id)
    assert store.forget(NOON).predictions == 1
    assert (store.get(old.id), store.get(new.id), count(store, reviews), len(store.list_events().events)) == (
        None,
        new,
        0,
        1,
    )
    assert store.forget(NOON).predictions == 0


def test_photographs_that_nothing_names_any_more_are_told(store):
    shared, alone, unkept = "a" * 64, "b" * 64, "c" * 64
    store.add(
        [
            make_record(minutes=-2, sha256=shared, kept=True),
            make_record(minutes=-1, sha256=alone, kept=True),
            make_record(minutes=-3, sha256=alone, kept=True),
            make_record(minutes=-1, sha256=unkept),
            make_record(sha256=shared, kept=True),
            make_record(sha256=alone, kept=False),
        ]
    )
    assert store.forget(NOON).photos == (alone,)
    assert store.forget(NOON + timedelta(days=1)).photos == (shared,)


def test_lesions_without_photographs_are_forgotten_when_they_are_old(store):
    empty, used, new = (
        store.add_lesion(make_lesion(name, minutes))
        for name, minutes in (("empty", -9), ("used", -9), ("new", 0))
    )
    store.add([make_record(minutes=-1, lesion=empty.id), make_record(minutes=1, lesion=used.id)])
    assert store.forget(NOON).lesions == 1
    assert [store.get_lesion(lesion.id) is None for lesion in (empty, used, new)] == [True, False, False]


def test_what_was_forgotten_is_not_left_in_the_files(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        record = make_record(minutes=-1, request="REQUEST-THAT-GOES")
        store.add([record])
        store.review(record.id, make_review(note="NOTE-THAT-GOES"))
        assert any(b"NOTE-THAT-GOES" in path.read_bytes() for path in tmp_path.iterdir())
        store.forget(NOON)
        assert [path.name for path in tmp_path.iterdir() if b"THAT-GOES" in path.read_bytes()] == []


def test_a_file_is_for_its_owner_alone_and_every_write_is_synced(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/new/store.db") as store:
        with store.database.engine.connect() as connection:
            assert [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ] == ["wal", 2, 1]
        assert [
            oct(path.stat().st_mode)[-3:]
            for path in (tmp_path / "new", tmp_path / "new" / "store.db", tmp_path / "new" / "store.db-wal")
        ] == ["700", "600", "600"]


def test_a_file_with_a_strange_name_is_that_file(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/50% #ü&mode=ro.db") as store:
        store.add([make_record()])
        other = sqlite3.connect(tmp_path / "50% #ü&mode=ro.db")
        assert other.execute("SELECT count(*) FROM predictions").fetchone() == (1,)
        other.close()
