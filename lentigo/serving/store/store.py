"""The store of the service: what was answered, by whom it was asked and read, and what was done; in SQLite or
PostgreSQL.

What a method returned is on disk. A method that raised `StoreError` may have been carried out or not: ask
again with the same request.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from lentigo.common.user_folders import data_folder
from lentigo.errors import UsageError
from lentigo.serving.store.database import Database
from lentigo.serving.store.migrations import VERSION_TABLE
from lentigo.serving.store.pagination import decode_cursor, encode_cursor
from lentigo.serving.store.records import (
    SCOPES,
    VERDICTS,
    Event,
    EventPage,
    Forgotten,
    Key,
    Lesion,
    LesionPage,
    Page,
    Query,
    Record,
    Review,
)
from lentigo.serving.store.rows import (
    KEYS,
    LESIONS,
    MOST,
    check_limit,
    cut_page,
    filter_records,
    find_record,
    find_requests,
    require_lesions,
    select_page,
    to_key,
    to_lesion,
    to_record,
    to_row,
)
from lentigo.serving.store.tables import events, keys, lesions, predictions, reviews

STALE = timedelta(minutes=1)  # of a key's last use, before it is written anew
TRAIL_NAMES = frozenset({"command line", "local"})  # who the audit trail says it was where nobody used a key
DOUBTFUL = timedelta(hours=1)  # of a time after now, beyond what clocks differ
SECRET = "lentigo_"  # how keys begin, so that scanners for leaked secrets know them


def spell_name(name: str) -> str:
    """A name without what the eye does not tell apart: case, full-width letters, spaces.

    >>> spell_name(" Command  LINE ")
    'command line'
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def read_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def default_url() -> str:
    """Where the store is unless somebody says otherwise: $LENTIGO_DB, else a file in the user's own data
    folder.
    """
    return (
        os.environ.get("LENTIGO_DB")
        or URL.create("sqlite", database=str(data_folder() / "lentigo.db")).render_as_string()
    )


def open_store(url: str | None = None, now: Callable[[], datetime] = read_clock) -> Store:
    """Opens a store, made or moved forward where that is needed; None: that of `default_url`. `now` is the
    clock, in aware datetimes.

    Raises `UsageError` for a URL that is none of a store, `StoreError` where it does not answer or is newer
    than this Lentigo.
    """
    database = Database(url or default_url())
    try:
        database.prepare()
    except BaseException:
        database.engine.dispose()
        raise
    return Store(database, now)


class Store:
    """An open store; a context manager, safe to share by threads and beside other processes. Every method may
    raise `StoreError`.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self.database = database
        self.now = now
        self._turn = (
            threading.Lock() if database.is_file else nullcontext()
        )  # a file has one writer at a time; threads wait here, in order

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self.database.engine.dispose()

    def ping(self) -> None:
        """Raises `StoreError` where the store does not answer."""
        with self._reading() as connection:
            connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.database.name_failure(), self.database.engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self.database.name_failure(), self._turn, self.database.writer.begin() as connection:
            yield connection

    # --- predictions

    def add(self, records: Sequence[Record], action: str | None = None) -> tuple[Record, ...]:
        """Keeps records, all or none, and returns what is stored of their requests, in the order of the
        requests and their positions.

        A request, (who, request), is written once: where it is there already, or comes twice, the first
        writer's records are returned and no others are kept, also when both write at the same time. With an
        `action` each request that is new is a line of the audit trail, about the ids of its records: both are
        written or none. Reviews of the records are not kept. Raises `UsageError` for a lesion that is
        unknown.
        """
        asked: dict[tuple[str, str], dict[int, Record]] = {}
        for record in records:
            asked.setdefault((record.who, record.request), {}).setdefault(
                record.position, replace(record, review=None)
            )
        with self._writing() as connection:
            self._lock(connection, asked)
            stored = find_requests(connection, asked)
            fresh = {
                request: [found[position] for position in sorted(found)]
                for request, found in asked.items()
                if request not in stored
            }
            rows = [to_row(record) for group in fresh.values() for record in group]
            require_lesions(connection, {row["lesion"] for row in rows} - {None})
            if rows:
                connection.execute(insert(predictions), rows)
            if rows and action is not None:
                connection.execute(
                    insert(events),
                    [
                        self._note(who, action, " ".join(record.id for record in fresh[who, request]))
                        for who, request in fresh
                    ],
                )
        return tuple(record for request in asked for record in (stored | fresh)[request])

    def _lock(self, connection: Connection, requests: Iterable[tuple[str, str]]) -> None:
        """Makes writers of the same request wait for each other, and all for `forget` before they look at
        lesions; writers to a file do anyway.
        """
        if not self.database.is_file:
            connection.execute(text("LOCK TABLE predictions IN ROW EXCLUSIVE MODE"))
            for words in sorted(" ".join(request) for request in requests):
                connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(words, 0))))

    def find_request(self, who: str, request: str) -> tuple[Record, ...]:
        """The records of a request by their position; none where it is unknown."""
        with self._reading() as connection:
            return tuple(find_requests(connection, [(who, request)]).get((who, request), ()))

    def get(self, id: str) -> Record | None:
        """The record of an id, None where there is none."""
        with self._reading() as connection:
            return find_record(connection, id)

    def list(self, query: Query = Query()) -> Page:
        """One page, newest first. Every record that matches stands on exactly one page, however the clock
        jumped when they were made.

        Raises `UsageError` for a cursor that is none or a limit outside of 1 to 1000.
        """
        wanted = select_page(filter_records(query), predictions, query.limit, query.cursor)
        with self._reading() as connection:
            rows = connection.execute(wanted).all()
        shown, cursor = cut_page(rows, query.limit)
        return Page(tuple(to_record(row) for row in shown), cursor)

    def stream(self, query: Query = Query()) -> Iterator[Record]:
        """Every record that matches, newest first, whatever the limit; in constant memory, and without
        keeping the database busy in between.
        """
        cursor = query.cursor
        while True:
            page = self.list(replace(query, limit=MOST // 4, cursor=cursor))
            yield from page.records
            cursor = page.cursor
            if cursor is None:
                return

    def review(self, id: str, review: Review) -> Record:
        """Sets a reader's verdict beside a record, after earlier ones, and returns the record with it. Raises
        `UsageError`.
        """
        if review.verdict not in VERDICTS:
            raise UsageError(f"verdict {review.verdict!r} is unknown; expected {', '.join(VERDICTS)}")
        with self._writing() as connection:
            if find_record(connection, id, lock=True) is None:
                raise UsageError(
                    f"prediction {id[:80]!r} is not in the store; expected the id of one that was not "
                    "forgotten"
                )
            connection.execute(insert(reviews), {"prediction": id, **asdict(review)})
            return find_record(connection, id)

    # --- lesions

    def add_lesion(self, lesion: Lesion) -> Lesion:
        """Keeps a lesion. Raises `UsageError` where there is one of that name or id."""
        row = {"id": lesion.id, "created": lesion.created, "name": lesion.name, "site": lesion.site}
        with (
            self._writing() as connection,
            name_twice(
                f"lesion {lesion.name!r} is in the store already; expected another name, or the use of that "
                "lesion"
            ),
        ):
            connection.execute(insert(lesions), row)
        return replace(lesion, count=0)

    def get_lesion(self, id: str) -> Lesion | None:
        """The lesion of an id, None where there is none."""
        return self._find_lesion(LESIONS.where(lesions.c.id == id))

    def find_lesion(self, name: str) -> Lesion | None:
        """The lesion of a name, None where there is none."""
        return self._find_lesion(LESIONS.where(lesions.c.name == name))

    def _find_lesion(self, wanted: Select) -> Lesion | None:
        with self._reading() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else to_lesion(row)

    def list_lesions(self, limit: int = 50, cursor: str | None = None) -> LesionPage:
        """One page, newest first, as `list`."""
        wanted = select_page(LESIONS, lesions, limit, cursor)
        with self._reading() as connection:
            rows = connection.execute(wanted).all()
        shown, cursor = cut_page(rows, limit)
        return LesionPage(tuple(to_lesion(row) for row in shown), cursor)

    # --- keys

    def add_key(self, name: str, scopes: Iterable[str]) -> tuple[Key, str]:
        """A new key and its secret, which nobody can read again: the store has its SHA-256.

        A plain hash is enough: the secret is 256 random bits, so that there are no likely ones to try, which
        is what slow and salted hashes of passwords defend against. Raises `UsageError` for a name that was
        used before, also by a revoked key: the audit trail knows keys by name.
        """
        scopes = tuple(scopes)
        if spell_name(name) in TRAIL_NAMES:
            raise UsageError(
                f"key {name!r}: expected a name that the audit trail itself does not use "
                f"({', '.join(sorted(TRAIL_NAMES))})"
            )
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes or not name.strip():
            raise UsageError(
                f"key {name!r} for {', '.join(unknown or scopes) or 'nothing'}: expected a name and some of "
                f"the scopes {', '.join(SCOPES)}"
            )
        secret = SECRET + secrets.token_urlsafe(32)
        key = Key(
            str(uuid.uuid4()),
            name,
            self.now().astimezone(UTC),
            tuple(scope for scope in SCOPES if scope in scopes),
        )
        row = {
            "id": key.id,
            "name": name,
            "created": key.created,
            "scopes": ",".join(key.scopes),
            "hash": hash_secret(secret),
        }
        with (
            self._writing() as connection,
            name_twice(f"a key was named {name!r} before; expected another name"),
        ):
            connection.execute(insert(keys), row)
        return key, secret

    def revoke_key(self, name: str) -> Key:
        """Ends a key; one that was revoked keeps the time of that. Raises `UsageError` for an unknown
        name.
        """
        with self._writing() as connection:
            connection.execute(
                update(keys).where(keys.c.name == name, keys.c.revoked.is_(None)).values(revoked=self.now())
            )
            row = connection.execute(KEYS.where(keys.c.name == name)).first()
        if row is None:
            raise UsageError(f"no key is named {name[:200]!r}; expected one that `lentigo keys list` shows")
        return to_key(row)

    def list_keys(self) -> tuple[Key, ...]:
        """All keys, the revoked ones among them, in the order in which they were made."""
        with self._reading() as connection:
            return tuple(to_key(row) for row in connection.execute(KEYS.order_by(keys.c.number)))

    def find_key(self, secret: str) -> Key | None:
        """The key of a secret; None where it is unknown or revoked. Its last use is written at most once a
        minute.

        What is compared is a hash, in constant time: how long it takes says nothing about the secret.
        """
        hashed = hash_secret(secret)
        with self._reading() as connection:
            row = connection.execute(KEYS.add_columns(keys.c.hash).where(keys.c.hash == hashed)).first()
        if row is None or not hmac.compare_digest(row.hash, hashed) or row.revoked is not None:
            return None
        return self._touch(to_key(row))

    def _touch(self, key: Key) -> Key:
        """Writes the last use of a key, unless that was within the minute; one in the future was written by a
        clock that has jumped back.
        """
        now = self.now().astimezone(UTC)
        if key.used is not None and abs(now - key.used) < STALE:
            return key
        with self._writing() as connection:
            connection.execute(update(keys).where(keys.c.id == key.id).values(used=now))
        return replace(key, used=now)

    # --- the audit trail

    def log(self, who: str, action: str, subject: str = "") -> Event:
        """Adds a line to the audit trail. Nothing changes or deletes it: triggers in the database refuse that
        to everybody.
        """
        event = self._note(who, action, subject)
        with self._writing() as connection:
            (number,) = connection.execute(insert(events), event).inserted_primary_key
        return Event(number, **event)

    def _note(self, who: str, action: str, subject: str) -> dict[str, Any]:
        return {"created": self.now().astimezone(UTC), "who": who, "action": action, "subject": subject}

    def list_events(self, limit: int = 50, cursor: str | None = None) -> EventPage:
        """One page of the audit trail in the order in which it was written, newest first."""
        wanted = select(events).order_by(events.c.number.desc()).limit(check_limit(limit) + 1)
        if cursor is not None:
            wanted = wanted.where(events.c.number < decode_cursor(cursor)[0])
        with self._reading() as connection:
            found = [Event(**row._mapping) for row in connection.execute(wanted)]
        return EventPage(
            tuple(found[:limit]), encode_cursor(found[limit - 1].number) if len(found) > limit else None
        )

    # --- retention

    def count_old(self, before: datetime) -> tuple[int, int]:
        """How many predictions `forget` would delete, and of how many of them a photograph is kept."""
        wanted = select(func.count(), func.count().filter(predictions.c.kept)).where(
            is_old(predictions, before, self.now())
        )
        with self._reading() as connection:
            count, kept = connection.execute(wanted).one()
        return count, kept

    def count_future(self) -> int:
        """How many predictions are dated after now: the clock was wrong when they were made, or it is now."""
        with self._reading() as connection:
            wanted = (
                select(func.count())
                .select_from(predictions)
                .where(predictions.c.created > self.now() + DOUBTFUL)
            )
            return connection.scalar(wanted)

    def forget(self, before: datetime) -> Forgotten:
        """Deletes predictions made before a time, their reviews, and lesions from before it that no
        prediction is left of; not the audit trail.

        Returns how many, and the hashes of kept photographs that no record names any more: whoever keeps them
        removes them. In SQLite what was deleted is overwritten, in the file and in its log. What is dated
        after now goes as soon as something goes that was recorded later.
        """
        now = self.now()
        old = is_old(predictions, before, now)
        younger = predictions.alias()
        still = (
            select(younger.c.number)
            .where(younger.c.sha256 == predictions.c.sha256, younger.c.kept, ~is_old(younger, before, now))
            .exists()
        )
        used = select(predictions.c.number).where(predictions.c.lesion == lesions.c.id).exists()
        with self._writing() as connection:
            if not self.database.is_file:  # nobody may add what is judged here
                connection.execute(text("LOCK TABLE predictions, lesions IN SHARE ROW EXCLUSIVE MODE"))
            kept = select(predictions.c.sha256).distinct().where(old, predictions.c.kept, ~still)
            photos = connection.scalars(kept.order_by(predictions.c.sha256)).all()
            gone = connection.execute(delete(predictions).where(old)).rowcount
            left = connection.execute(delete(lesions).where(is_old(lesions, before, now), ~used)).rowcount
        if self.database.is_file:
            with self.database.name_failure():
                self.database.run_pragma("wal_checkpoint(TRUNCATE)")
        return Forgotten(gone, left, tuple(photos))

    def list_images(self) -> set[str]:
        """The hashes of the photographs that records say are kept."""
        with self._reading() as connection:
            return set(connection.scalars(select(predictions.c.sha256).where(predictions.c.kept)))


def is_old(table: FromClause, before: datetime, now: datetime) -> ColumnElement[bool]:
    """Which rows of a table were written before a time, by what they say of it; of those that say a time
    after now, which no right clock wrote, the ones that something old was written after."""
    later = table.alias()
    is_followed = (
        select(later.c.number).where(later.c.number > table.c.number, later.c.created < before).exists()
    )
    return or_(table.c.created < before, and_(table.c.created > now, is_followed))


@contextmanager
def name_twice(words: str) -> Iterator[None]:
    """Turns the refusal of a value that must be unique into a `UsageError` that says so."""
    try:
        yield
    except IntegrityError as error:
        raise UsageError(words) from error


def hash_secret(secret: str) -> str:
    """SHA-256, as 64 hexadecimal digits; of any text that a request may hold."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
