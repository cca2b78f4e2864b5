"""Forgetting: what `lentigo history --forget` deletes from the store and from the folder of kept photographs."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lentigo.cli.output.terminal import print_json, print_message, report_problems
from lentigo.cli.service.moments import format_moment
from lentigo.cli.service.options import AUDIT_NAME
from lentigo.common.json_values import list_fields
from lentigo.errors import LentigoError, UsageError

if TYPE_CHECKING:
    from lentigo.images.problems import Problem
    from lentigo.serving.store.kept_images import ImageFolder
    from lentigo.serving.store.records import Forgotten
    from lentigo.serving.store.store import Store


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

    Args:
        store: An open store.
        before: Younger predictions stay.
        yes: Whether it deletes; else it says what would go, as a `UsageError`.
        photos: The folder of kept photographs.
        as_json: Whether it prints JSON.

    Raises:
        UsageError: `yes` or the folder is missing.
    """
    count, kept = store.count_old(before)
    # What would go is counted first, so that the refusal says it
    if not yes:
        raise UsageError(
            f"--forget would delete {count} predictions made before {format_moment(before)}, {kept} of them "
            "with a kept photograph; add --yes"
        )
    # Without their folder the photographs would stay behind, named by nothing
    if kept and photos is None:
        raise UsageError(
            f"--forget: of {kept} of {count} predictions a photograph is kept; name its folder by "
            "--keep-photos, as `serve` was given it"
        )
    deletion = delete_records(store, before, photos)
    problems = [*deletion.problems, *find_misdated(store)]
    if as_json:
        print_json(
            {
                **asdict(deletion.forgotten),
                "strays": deletion.strays,
                "parts": deletion.unfinished,
                "before": before.isoformat(),
                "problems": list_fields(problems),
            }
        )
    else:
        print_deletion(deletion, before)
    report_problems(problems)


def find_misdated(store: Store) -> list[Problem]:
    """A problem where predictions are dated after now: by their age they would never go."""
    from lentigo.images.problems import Problem

    count = store.count_future()
    if not count:
        return []
    reason = (
        "dated after now: a clock was wrong then, or this one is now; set it, and they go as soon as "
        "younger ones do"
    )
    return [Problem(f"{count} predictions", reason)]


def delete_records(store: Store, before: datetime, photos: Path | None) -> Deletion:
    """Deletes records made before a moment, and the files that then belong to none.

    No photograph is kept meanwhile, so what no record names now is nobody's.
    """
    from lentigo.serving.store.kept_images import ImageFolder

    folder = None if photos is None else ImageFolder(photos)
    # Alone: a service that keeps a photograph at this moment would lose its record
    with nullcontext() if folder is None else folder.lock_alone():
        forgotten = store.forget(before)
        words = f"{forgotten.predictions} predictions and {forgotten.lesions} lesions before"
        store.log(AUDIT_NAME, "forget", f"{words} {before.isoformat()}")
        if folder is None:
            return Deletion(forgotten, 0, [], 0, [])
        # Photographs that are about to go are named by no record any more, yet they are no strays
        strays = folder.find_strays(store.list_images() | set(forgotten.photos))
        unfinished, problems = folder.remove_parts()
        images, unremoved = remove_images(folder, [*forgotten.photos, *strays])
    return Deletion(forgotten, images, strays, unfinished, [*problems, *unremoved])


def remove_images(folder: ImageFolder, hashes: Iterable[str]) -> tuple[int, list[Problem]]:
    """Removes kept photographs; how many were there, and a problem for each that cannot be removed."""
    from lentigo.images.problems import Problem

    removed = 0
    problems = []
    for sha256 in hashes:
        # One that cannot be removed keeps no other from going
        try:
            removed += folder.remove(sha256)
        except LentigoError as error:
            problems.append(Problem(sha256, str(error)))
    return removed, problems


def print_deletion(deletion: Deletion, before: datetime) -> None:
    """What was deleted, for people."""
    forgotten = deletion.forgotten
    print_message(
        f"deleted {forgotten.predictions} predictions, {deletion.images} kept photographs and "
        f"{forgotten.lesions} empty lesions from before {format_moment(before)}"
    )
    if deletion.unfinished:
        print_message(f"and {deletion.unfinished} files that were not finished")
