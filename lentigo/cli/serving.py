"""The commands around the service: `lentigo serve`, who may use it (`lentigo keys`) and what it has answered
(`lentigo history`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from lentigo.cli.options import Json, Model
from lentigo.cli.terminal import emit, print_columns, print_line, report_problems, say
from lentigo.errors import LentigoError, UsageError

serving_app = typer.Typer(rich_markup_mode=None)
keys_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Who may use the service, and for what."
)
serving_app.add_typer(keys_app, name="keys")

Db = Annotated[
    str | None,
    Option(
        "--db",
        help="sqlite:///FILE or postgresql://USER@HOST/NAME; else $LENTIGO_DB, else a file in your data "
        "folder.",
    ),
]
WHO = "command line"  # in the audit trail
AGES = {"h": "hours", "d": "days", "w": "weeks"}
SHOWN = 50  # predictions, to people


@serving_app.command(epilog="Example: lentigo serve --port 8000 --db postgresql://lentigo@localhost/lentigo")
def serve(
    host: Annotated[
        str,
        Option("--host", help="Where to listen; others than this machine need a key: `lentigo keys add`."),
    ] = "127.0.0.1",
    port: Annotated[int, Option("--port", help="0 for any that is free.")] = 8000,
    model: Model = "bundled",
    db: Db = None,
    keep_images: Annotated[
        Path | None,
        Option("--keep-photos", help="Folder to keep photographs in: pixels alone. Without it none is kept."),
    ] = None,
    queue: Annotated[int, Option("--queue", help="Photographs that may wait; more are refused.")] = 128,
    wait_ms: Annotated[
        float, Option("--wait-ms", help="How long a photograph waits for others to be answered with.")
    ] = 1.0,
    rate: Annotated[float, Option("--rate", help="Requests a second of one key, on average.")] = 50.0,
    as_json: Json = False,
) -> None:
    """Serves the classifier over HTTP, with a page for people; the log is a JSON line a request on stderr."""
    from lentigo.serving.server import serve as run

    def announce(facts: dict[str, Any]) -> None:
        if as_json:
            emit(facts)
        else:
            say(
                f"{facts['model']} answers at {facts['url']} (store: {facts['store']}); Ctrl-C ends it. A "
                "research tool, not a medical device."
            )

    run(
        model,
        host=host,
        port=port,
        db=db,
        keep_images=keep_images,
        most_waiting=queue,
        wait_ms=wait_ms,
        rate=rate,
        ready=announce,
    )


@keys_app.command("add", epilog="Example: lentigo keys add clinic --scopes read,predict")
def add_key(
    name: Annotated[str, Argument(help="Whose it is; the audit trail names it.")],
    scopes: Annotated[
        str, Option("--scopes", help="What it may do, of read, predict and review, with commas.")
    ] = "read,predict",
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Makes a key and shows it, once: the store has only its hash."""
    from lentigo.serving.store.store import open_store

    with open_store(db) as store:
        key, secret = store.add_key(name, [scope.strip() for scope in scopes.split(",") if scope.strip()])
        store.log(WHO, "key added", name)
    if as_json:
        emit({"name": key.name, "scopes": key.scopes, "key": secret})
    else:
        say(f"key {key.name}, may {', '.join(key.scopes)}; it is shown this once:")
        print_line(secret)


@keys_app.command("revoke", epilog="Example: lentigo keys revoke clinic")
def revoke_key(
    name: Annotated[str, Argument(help="As it was added.")], db: Db = None, as_json: Json = False
) -> None:
    """Ends a key at once; what it did stays on record."""
    from lentigo.serving.store.store import open_store

    with open_store(db) as store:
        key = store.revoke_key(name)
        store.log(WHO, "key revoked", name)
    if as_json:
        emit(describe_key(key))
    else:
        say(f"key {key.name}: revoked {show_moment(key.revoked)}")


@keys_app.command("list", epilog="Example: lentigo keys list --json")
def list_keys(db: Db = None, as_json: Json = False) -> None:
    """The keys, when they were used last, and those that were revoked."""
    from lentigo.serving.store.store import open_store

    with open_store(db) as store:
        found = store.list_keys()
    if as_json:
        for key in found:
            emit(describe_key(key))
    elif found:
        rows = [
            [
                key.name,
                ", ".join(key.scopes),
                *(show_moment(moment) for moment in (key.created, key.used, key.revoked)),
            ]
            for key in found
        ]
        print_columns(["name", "may", "made", "used", "revoked"], rows)
    else:
        say("no keys; make one: lentigo keys add NAME")


@serving_app.command(
    epilog="Example: lentigo history --label malignant --since 2026-01-31 --csv malignant.csv"
)
def history(
    lesion: Annotated[str | None, Option("--lesion", help="Of this lesion alone, by its name or id.")] = None,
    label: Annotated[str | None, Option("--label", help="benign, malignant or uncertain.")] = None,
    model: Annotated[str | None, Option("--model", help="Answers of this model alone.")] = None,
    since: Annotated[
        str | None, Option("--since", help="Made at or after this date, or date and time.")
    ] = None,
    until: Annotated[str | None, Option("--until", help="Made before it.")] = None,
    reviewed: Annotated[
        bool | None, Option("--reviewed/--not-reviewed", help="With a reader's verdict, or without.")
    ] = None,
    limit: Annotated[
        int | None,
        Option(
            "--limit",
            min=1,
            help="At most so many, the newest; else all with --csv and --json, 50 without.",
            show_default=False,
        ),
    ] = None,
    csv_file: Annotated[Path | None, Option("--csv", help="Writes what matches as a table.")] = None,
    forget: Annotated[
        str | None,
        Option(
            "--forget",
            help="Deletes predictions older than 365d, 52w or 36h, or from before a date, their reviews, "
            "photographs and empty lesions.",
        ),
    ] = None,
    yes: Annotated[
        bool, Option("--yes", help="Deletes; without it --forget only says what it would delete.")
    ] = False,
    photos: Annotated[
        Path | None,
        Option("--keep-photos", help="Folder of kept photographs, as `serve` was given it; for --forget."),
    ] = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """What the service answered, newest first; with --csv as a table, with --forget deleted by age."""
    from lentigo.serving.store.store import open_store

    chosen = {
        "lesion": lesion,
        "label": label,
        "model": model,
        "since": since,
        "until": until,
        "reviewed": reviewed,
    }
    if forget is not None and (
        [name for name, value in chosen.items() if value is not None]
        or csv_file is not None
        or limit is not None
    ):
        raise UsageError("--forget goes by age alone; expected no filter, --limit or --csv beside it")
    before = None if forget is None else read_limit(forget)
    with open_store(db) as store:
        if before is not None:
            return forget_records(store, before, yes, photos, as_json)
        query = make_query(store, **chosen)
        if csv_file is not None:
            return export_records(store, islice(store.stream(query), limit), csv_file, as_json)
        show_records(store, islice(store.stream(query), limit or (None if as_json else SHOWN)), as_json)


def make_query(
    store: Any, lesion: str | None, since: str | None, until: str | None, label: str | None, **others: Any
) -> Any:
    """The query that the options mean. Raises `UsageError` where there is no such lesion, label or time."""
    from lentigo.serving.store.records import VERDICTS, Query

    if label is not None and label not in VERDICTS:
        raise UsageError(f"--label {label!r}: expected {', '.join(VERDICTS)}")
    found = None if lesion is None else store.find_lesion(lesion) or store.get_lesion(lesion)
    if lesion is not None and found is None:
        raise UsageError(
            f"--lesion {lesion!r}: no lesion has that name or id; `lentigo history` shows those with "
            "photographs"
        )
    return Query(
        lesion=found and found.id,
        label=label,
        since=read_moment("--since", since),
        until=read_moment("--until", until),
        **others,
    )


def show_records(store: Any, records: Iterable[Any], as_json: bool) -> None:
    """One line for each record."""
    if as_json:
        from lentigo.serving.predictions import write_record

        for record in records:
            emit(write_record(record))
        return
    find = cache(store.get_lesion)
    rows = [describe_record(record, find) for record in records]
    if rows:
        print_columns(["made", "answer", "P(malignant)", "reader", "lesion", "model", "id"], rows)
    else:
        say("nothing in the store matches")


def describe_record(record: Any, find: Callable[[str], Any]) -> list[str]:
    """A record as cells for people."""
    found = record.lesion and find(record.lesion)
    verdict = record.review.verdict if record.review else ""
    return [
        show_moment(record.created),
        record.answer["label"],
        f"{record.answer['probability']:.3f}",
        verdict,
        found.name if found else "",
        record.model,
        record.id,
    ]


def export_records(store: Any, records: Iterable[Any], path: Path, as_json: bool) -> None:
    """Writes a table, whole or not at all, and says so in the audit trail."""
    from lentigo.common.files import write_whole
    from lentigo.serving.store.exports import write_table

    with write_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        count = -1  # the head
        for line in write_table(records):
            file.write(line)
            count += 1
        store.log(WHO, "export", f"{count} predictions")
    if as_json:
        emit({"csv": str(path), "n": count})
    else:
        say(f"{path}: {count} predictions")


def forget_records(store: Any, before: datetime, yes: bool, photos: Path | None, as_json: bool) -> None:
    """Deletes what is older, the photographs that were kept of it alone, and what a crash left of others
    without a record.

    Nothing is kept meanwhile, so what no record names now is nobody's. Without `yes` says what would go, as a
    `UsageError`.
    """
    from lentigo.images.problems import Problem
    from lentigo.serving.store.kept_images import ImageFolder

    count, kept = store.count_old(before)
    if not yes:
        raise UsageError(
            f"--forget would delete {count} predictions made before {show_moment(before)}, {kept} of them "
            "with a kept photograph; add --yes"
        )
    if kept and photos is None:
        raise UsageError(
            f"--forget: of {kept} of {count} predictions a photograph is kept; name its folder by "
            "--keep-photos, as `serve` was given it"
        )
    folder = ImageFolder(photos) if photos is not None else None
    problems = []
    with folder.lock_alone() if folder else nullcontext():
        forgotten = store.forget(before)
        store.log(
            WHO,
            "forget",
            f"{forgotten.predictions} predictions and {forgotten.lesions} lesions before "
            f"{before.isoformat()}",
        )
        strays, parts = [], 0
        if folder:
            strays = folder.find_strays(store.list_images() | set(forgotten.photos))
            parts, problems = folder.remove_parts()
        removed = 0
        for sha256 in (*forgotten.photos, *strays):
            try:
                removed += folder.remove(sha256)
            except LentigoError as error:
                problems.append(Problem(sha256, str(error)))
    if doubtful := store.count_future():
        why = "dated after now: a clock was wrong then, or this one is now; set it, and they go as soon as younger ones do"
        problems.append(Problem(f"{doubtful} predictions", why))
    if as_json:
        facts = {**asdict(forgotten), "strays": strays, "parts": parts, "before": before.isoformat()}
        emit(facts | {"problems": [asdict(problem) for problem in problems]})
    else:
        say(
            f"deleted {forgotten.predictions} predictions, {removed} kept photographs and "
            f"{forgotten.lesions} empty lesions from before {show_moment(before)}"
        )
        if parts:
            say(f"and {parts} files that were not finished")
    report_problems(problems)


def describe_key(key: Any) -> dict[str, Any]:
    """A key as JSON; nothing of its secret."""
    moments = {
        name: moment and moment.isoformat()
        for name, moment in (("created", key.created), ("used", key.used), ("revoked", key.revoked))
    }
    return {"name": key.name, "scopes": key.scopes, **moments}


def read_limit(words: str) -> datetime:
    """The moment before which all is forgotten: so long ago by this machine's clock, or a date. Raises
    `UsageError`.
    """
    if re.fullmatch(r"\d{4}-\d\d-\d\d", words):
        return read_moment("--forget", words)
    return datetime.now(UTC) - read_age(words)


def read_age(words: str) -> timedelta:
    """How long ago. Raises `UsageError`.

    >>> read_age("365d").days, read_age("52w").days, read_age("36h").days
    (365, 364, 1)
    """
    found = re.fullmatch(r"(\d{1,4})([hdw])", words.strip().lower())
    if not found:
        raise UsageError(
            f"age {words!r}: expected hours, days or weeks, such as 36h, 365d or 52w, or a date such as "
            "2025-12-31"
        )
    return timedelta(**{AGES[found[2]]: int(found[1])})


def read_moment(option: str, words: str | None) -> datetime | None:
    """A date, or a date and time, in this machine's time zone unless it names another. Raises
    `UsageError`.
    """
    if words is None:
        return None
    try:
        return datetime.fromisoformat(words).astimezone()
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} {words!r}: expected a date such as 2026-01-31, or 2026-01-31T14:30"
        ) from error


def show_moment(moment: datetime | None) -> str:
    """To the minute, in this machine's time zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""
