"""Searches for duplicates, made once: each is kept in the cache under the contents of its photographs,
whatever their names, order or labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from lentigo.common.cache import keep_in_cache, list_cache, read_from_cache, remove_from_cache
from lentigo.common.hashing import hash_bytes
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.user_folders import cache_folder
from lentigo.duplicates.duplicates import (
    ENGINE,
    Duplicate,
    Duplicates,
    Transformation,
    find_duplicates,
    gather_duplicates,
    pair_equal,
    spell_out,
)
from lentigo.images.problems import Problem

KEPT_SUFFIX = ".json.sealed"
LOOKED = 32  # kept searches, the newest ones, among which a wider one is looked for


def search_duplicates(
    images: Sequence[str], digests: Sequence[str], *, wider: bool = False, progress: Progress = show_nothing
) -> Duplicates:
    """As `find_duplicates`, from the cache where the same search was made before. `digests`: the SHA-256 of
    each file, "" where it cannot be read.

    Each content is looked at once, in the order of the hashes, so the answer is a function of the contents.
    With `wider` a kept search among more photographs will do, too: that may have missed a pair that this one
    would find, or the other way round.
    """
    rows = list_rows(digests)
    contents = list(rows)
    found = load_search(contents, wider)
    if found is None:
        found = find_duplicates([images[rows[digest][0]] for digest in contents], progress=progress)
        keep_search(contents, found)
    return assign_duplicates(found, images, rows)


def list_rows(digests: Sequence[str]) -> dict[str, list[int]]:
    """The rows of each content that can be read, contents in the order of their hashes.

    >>> list_rows(["b", "a", "", "b"])
    {'a': [1], 'b': [0, 3]}
    """
    rows: dict[str, list[int]] = {}
    for digest, row in sorted(zip(digests, range(len(digests)), strict=True)):
        if digest:
            rows.setdefault(digest, []).append(row)
    return rows


def assign_duplicates(found: Duplicates, images: Sequence[str], rows: dict[str, list[int]]) -> Duplicates:
    """Duplicates of contents as duplicates of files; the rows of each content are in `rows`, in the order of
    `found`.
    """
    alike = list(rows.values())
    unread = {
        image: problem.error
        for image, problem in zip(found.images, name_problems(found), strict=True)
        if problem
    }
    equal = [
        duplicate
        for number, each in enumerate(alike)
        if number not in found.blank and found.images[number] not in unread
        for duplicate in pair_equal(each)
    ]
    problems = tuple(
        Problem(images[row], unread[image])
        for image, each in zip(found.images, alike, strict=True)
        if image in unread
        for row in each
    )
    spelled = [duplicate for pair in found.pairs for duplicate in spell_out(pair, alike)]
    return gather_duplicates(
        images,
        equal + spelled,
        problems,
        tuple(row for number in found.blank for row in alike[number]),
        found.compared,
    )


def name_problems(found: Duplicates) -> list[Problem | None]:
    """For each photograph what is wrong with its file, or None."""
    problems = {problem.image: problem for problem in found.problems}
    return [problems.get(image) for image in found.images]


def searches_folder() -> Path:
    """Where searches are kept."""
    return cache_folder() / "duplicates"


def name_search(contents: list[str]) -> str:
    """The file of a search: how many photographs, and a hash of their contents and of the engine's number."""
    return f"{len(contents)}-{hash_bytes(str(ENGINE).encode(), *(digest.encode() for digest in contents))[:32]}{KEPT_SUFFIX}"


def keep_search(contents: list[str], found: Duplicates) -> None:
    """Writes what was found among contents, in their order."""
    facts = {
        "engine": ENGINE,
        "contents": contents,
        "duplicates": [asdict(duplicate) for duplicate in found.pairs],
        "blank": found.blank,
        "compared": found.compared,
        "problems": [problem and problem.error for problem in name_problems(found)],
    }
    keep_in_cache(searches_folder() / name_search(contents), json.dumps(facts).encode())


def load_search(contents: list[str], wider: bool) -> Duplicates | None:
    """What was found among these contents, images named by them; with `wider` perhaps among more. None where
    no such search is kept.
    """
    own = searches_folder() / name_search(contents)
    for path in [own, *list_wider(len(contents))] if wider else [own]:
        kept, found = read_search(path)
        if found is not None and set(contents) <= set(kept):
            return found if kept == contents else narrow_duplicates(found, contents)
    return None


def list_wider(n: int) -> Iterator[Path]:
    """Kept searches among more than n photographs, the newest first."""
    found = []
    for path in list_cache(searches_folder(), KEPT_SUFFIX):
        count = path.name.partition("-")[0]
        if count.isdecimal() and int(count) > n:
            with suppress(OSError):  # another process removes it
                found.append((path.stat().st_mtime, path))
    for _, path in sorted(found, reverse=True)[:LOOKED]:
        yield path


def read_search(path: Path) -> tuple[list[str], Duplicates | None]:
    """The contents and duplicates of a kept search; one that is torn, foreign or of another engine is
    removed, to be made again.
    """
    kept = read_from_cache(path)
    if kept is None:
        return [], None
    try:
        facts = json.loads(kept)
        if facts["engine"] != ENGINE or path.name != name_search(facts["contents"]):
            raise ValueError(path)
        contents = [str(digest) for digest in facts["contents"]]
        pairs = [
            Duplicate(
                **{
                    **each,
                    "transformation": Transformation(
                        **{**each["transformation"], "shift": tuple(each["transformation"]["shift"])}
                    ),
                }
            )
            for each in facts["duplicates"]
        ]
        problems = tuple(
            Problem(image, error) for image, error in zip(contents, facts["problems"], strict=True) if error
        )
        return contents, gather_duplicates(
            contents, pairs, problems, tuple(facts["blank"]), int(facts["compared"])
        )
    except (ValueError, KeyError, TypeError, IndexError):
        remove_from_cache(path)
        return [], None


def narrow_duplicates(found: Duplicates, contents: list[str]) -> Duplicates:
    """The duplicates among some of the photographs."""
    places = {image: number for number, image in enumerate(contents)}
    kept = [
        duplicate
        for duplicate in found.pairs
        if found.images[duplicate.a] in places and found.images[duplicate.b] in places
    ]
    pairs = [
        replace(duplicate, a=places[found.images[duplicate.a]], b=places[found.images[duplicate.b]])
        for duplicate in kept
    ]
    blank = tuple(places[found.images[row]] for row in found.blank if found.images[row] in places)
    return gather_duplicates(
        contents,
        pairs,
        tuple(problem for problem in found.problems if problem.image in places),
        blank,
        found.compared,
    )
