"""`lentigo history`: what the service has answered, as lines, as a table, or deleted by age."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from lentigo.cli.options import Json
from lentigo.cli.output.terminal import print_columns, print_json, print_message
from lentigo.cli.service.moments import format_moment, read_limit, read_moment
from lentigo.cli.service.options import AUDIT_NAME, Database
from lentigo.errors import UsageError

if TYPE_CHECKING:
    from lentigo.serving.store.records import Lesion, Query, Record
    from lentigo.serving.store.store import Store

history_app = typer.Typer(rich_markup_mode=None)
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
    # A deletion by a filter would be an invitation to delete what is unwelcome
    if forget is not None and (filters != Filters() or csv_file is not None or limit is not None):
        raise UsageError("--forget goes by age alone; expected no filter, --limit or --csv beside it")
    before = None if forget is None else read_limit(forget)
    with open_store(db) as store:
        if before is not None:
            from lentigo.cli.service.forgetting import forget_records

            return forget_records(store, before, yes, photos, as_json)
        query = make_query(store, filters)
        if csv_file is not None:
            return export_records(store, islice(store.stream(query), limit), csv_file, as_json)
        # A screen holds no more; a program takes all
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
        from lentigo.serving.predictions.record_json import write_record

        for record in records:
            print_json(write_record(record))
        return
    # Few lesions, many predictions: each is asked for once
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
