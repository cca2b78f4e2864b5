"""`lentigo history`: what the service has answered, as lines, as a table, or deleted by age."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from lentigo.cli.options import Json
from lentigo.cli.output.terminal import (
    print_columns,
    print_json,
    print_message,
    report_problems,
)
from lentigo.cli.service.options import AUDIT_NAME, Database, format_moment
from lentigo.errors import LentigoError, UsageError

if TYPE_CHECKING:
    from lentigo.images.problems import Problem
    from lentigo.serving.store.records import Forgotten, Lesion, Query, Record
    from lentigo.serving.store.store import Store

history_app = typer.Typer(rich_markup_mode=None)
AGE_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
MAX_SHOWN = 50  # predictions, to people


@history_app.command(
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
    db: Database = None,
    as_json: Json = False,
) -> None:
    """What the service answered, newest first; with --csv as a table, with --forget deleted by age."""
    from lentigo.serving.store.store import open_store

    filters = Filters(lesion, label, model, since, until, reviewed)
    if forget is not None and (filters != Filters() or csv_file is not None or limit is not None):
        raise UsageError("--forget goes by age alone; expected no filter, --limit or --csv beside it")
    before = None if forget is None else read_limit(forget)
    with open_store(db) as store:
        if before is not None:
            return forget_records(store, before, yes, photos, as_json)
        query = make_query(store, filters)
        if csv_file is not None:
            return export_records(store, islice(store.stream(query), limit), csv_file, as_json)
        if limit is None and not as_json:
            limit = MAX_SHOWN
        show_records(store, islice(store.stream(query), limit), as_json)


@dataclass(frozen=True)
class Filters:
    """Which predictions are asked for, as the options say it; None asks for all."""

    lesion: str | None = None
    label: str | None = None
    model: str | None = None
    since: str | None = None
    until: str | None = None
    reviewed: bool | None = None


def make_query(store: Store, filters: Filters) -> Query:
    """The query that the options mean. Raises `UsageError` where there is no such lesion, label or time."""
    from lentigo.serving.store.records import VERDICTS, Query

    if filters.label is not None and filters.label not in VERDICTS:
        raise UsageError(f"--label {filters.label!r}: expected {', '.join(VERDICTS)}")
    return Query(
        lesion=find_lesion_id(store, filters.lesion),
        label=filters.label,
        model=filters.model,
        since=read_moment("--since", filters.since),
        until=read_moment("--until", filters.until),
        reviewed=filters.reviewed,
    )


def find_lesion_id(store: Store, lesion: str | None) -> str | None:
    """The id of the lesion with that name or id; None for None. Raises `UsageError` where there is none."""
    if lesion is None:
        return None
    found = store.find_lesion(lesion) or store.get_lesion(lesion)
    if found is None:
        raise UsageError(
            f"--lesion {lesion!r}: no lesion has that name or id; `lentigo history` shows those with "
            "photographs"
        )
    return found.id


def show_records(store: Store, records: Iterable[Record], as_json: bool) -> None:
    """One line for each record."""
    if as_json:
        from lentigo.serving.predictions import write_record

        for record in records:
            print_json(write_record(record))
        return
    find_lesion = cache(store.get_lesion)
    rows = [tabulate_record(record, find_lesion) for record in records]
    if rows:
        print_columns(["made", "answer", "P(malignant)", "reader", "lesion", "model", "id"], rows)
    else:
        print_message("nothing in the store matches")


def tabulate_record(record: Record, find_lesion: Callable[[str], Lesion | None]) -> list[str]:
    """A record as cells for people."""
    lesion = find_lesion(record.lesion) if record.lesion else None
    return [
        format_moment(record.created),
        record.answer["label"],
        f"{record.answer['probability']:.3f}",
        record.review.verdict if record.review else "",
        lesion.name if lesion else "",
        record.model,
        record.id,
    ]


def export_records(store: Store, records: Iterable[Record], path: Path, as_json: bool) -> None:
    """Writes a table, whole or not at all, and says so in the audit trail."""
    from lentigo.common.files import write_whole
    from lentigo.serving.store.exports import write_table

    with write_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        lines = 0
        for line in write_table(records):
            file.write(line)
            lines += 1
        count = lines - 1  # without the header
        store.log(AUDIT_NAME, "export", f"{count} predictions")
    if as_json:
        print_json({"csv": str(path), "n": count})
    else:
        print_message(f"{path}: {count} predictions")


@dataclass(frozen=True)
class Deletion:
    """What `--forget` deleted. `images` counts the photographs of deleted predictions, `strays` are files
    that no record named, `unfinished` counts files that a crash left half written.
    """

    forgotten: Forgotten
    images: int
    strays: list[str]
    unfinished: int
    problems: list[Problem]


def forget_records(store: Store, before: datetime, yes: bool, photos: Path | None, as_json: bool) -> None:
    """Deletes what is older, the photographs that were kept of it alone, and what a crash left of others
    without a record.

    Without `yes` says what would go, as a `UsageError`.
    """
    from lentigo.images.problems import Problem

    count, kept = store.count_old(before)
    if not yes:
        raise UsageError(
            f"--forget would delete {count} predictions made before {format_moment(before)}, {kept} of them "
            "with a kept photograph; add --yes"
        )
    if kept and photos is None:
        raise UsageError(
            f"--forget: of {kept} of {count} predictions a photograph is kept; name its folder by "
            "--keep-photos, as `serve` was given it"
        )
    deletion = delete_records(store, before, photos)
    problems = list(deletion.problems)
    misdated = store.count_future()
    if misdated:
        reason = (
            "dated after now: a clock was wrong then, or this one is now; set it, and they go as soon as "
            "younger ones do"
        )
        problems.append(Problem(f"{misdated} predictions", reason))
    if as_json:
        print_json(
            {
                **asdict(deletion.forgotten),
                "strays": deletion.strays,
                "parts": deletion.unfinished,
                "before": before.isoformat(),
                "problems": [asdict(problem) for problem in problems],
            }
        )
    else:
        print_deletion(deletion, before)
    report_problems(problems)


def delete_records(store: Store, before: datetime, photos: Path | None) -> Deletion:
    """Deletes records made before a moment, and the files that then belong to none.

    No photograph is kept meanwhile, so what no record names now is nobody's.
    """
    from lentigo.images.problems import Problem
    from lentigo.serving.store.kept_images import ImageFolder

    folder = None if photos is None else ImageFolder(photos)
    strays: list[str] = []
    unfinished = 0
    images = 0
    problems: list[Problem] = []
    with nullcontext() if folder is None else folder.lock_alone():
        forgotten = store.forget(before)
        words = f"{forgotten.predictions} predictions and {forgotten.lesions} lesions before"
        store.log(AUDIT_NAME, "forget", f"{words} {before.isoformat()}")
        if folder is not None:
            strays = folder.find_strays(store.list_images() | set(forgotten.photos))
            unfinished, problems = folder.remove_parts()
            for sha256 in (*forgotten.photos, *strays):
                try:
                    images += folder.remove(sha256)
                except LentigoError as error:
                    problems.append(Problem(sha256, str(error)))
    return Deletion(forgotten, images, strays, unfinished, problems)


def print_deletion(deletion: Deletion, before: datetime) -> None:
    """What was deleted, for people."""
    forgotten = deletion.forgotten
    print_message(
        f"deleted {forgotten.predictions} predictions, {deletion.images} kept photographs and "
        f"{forgotten.lesions} empty lesions from before {format_moment(before)}"
    )
    if deletion.unfinished:
        print_message(f"and {deletion.unfinished} files that were not finished")


def read_limit(words: str) -> datetime:
    """The moment before which all is forgotten: so long ago by this machine's clock, or a date. Raises
    `UsageError`.
    """
    if re.fullmatch(r"\d{4}-\d\d-\d\d", words):
        return parse_moment("--forget", words)
    return datetime.now(UTC) - read_age(words)


def read_age(words: str) -> timedelta:
    """How long ago. Raises `UsageError`.

    >>> read_age("365d").days, read_age("52w").days, read_age("36h").days
    (365, 364, 1)
    """
    match = re.fullmatch(r"(\d{1,4})([hdw])", words.strip().lower())
    if match is None:
        raise UsageError(
            f"age {words!r}: expected hours, days or weeks, such as 36h, 365d or 52w, or a date such as "
            "2025-12-31"
        )
    number, unit = match.groups()
    return timedelta(**{AGE_UNITS[unit]: int(number)})


def read_moment(option: str, words: str | None) -> datetime | None:
    """A moment as `parse_moment` reads it; None for None.

    Args:
        option: Its name, for the error.
        words: What was written.
    """
    return None if words is None else parse_moment(option, words)


def parse_moment(option: str, words: str) -> datetime:
    """A date, or a date and time, in this machine's time zone unless it names another. Raises
    `UsageError`.
    """
    try:
        return datetime.fromisoformat(words).astimezone()
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} {words!r}: expected a date such as 2026-01-31, or 2026-01-31T14:30"
        ) from error
