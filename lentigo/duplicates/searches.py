"""Searches for duplicates that are made once.

Each is kept in the cache under the contents of its photographs, whatever their names, order or labels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lentigo.common.cache import keep_in_cache, list_cache, read_from_cache, remove_from_cache
from lentigo.common.hashing import hash_bytes
from lentigo.common.json_values import list_fields
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.user_folders import cache_folder
from lentigo.duplicates.duplicates import (
    Duplicate,
    Duplicates,
    Transformation,
    gather_duplicates,
    pair_equal,
    spell_out_all,
)
from lentigo.duplicates.pairing import ENGINE, find_duplicates
from lentigo.images.problems import Problem

KEPT_SUFFIX = ".json.sealed"
MAX_WIDER = 32  # kept searches, the newest ones, among which a wider one is looked for


def search_duplicates(
    images: Sequence[str], digests: Sequence[str], *, wider: bool = False, progress: Progress = show_nothing
) -> Duplicates:
    """Finds duplicates, from the cache where the same search was made before.

    Each content is searched once, in the order of the hashes, so the result is a function of the contents.

    Args:
        images: Paths of the photographs.
        digests: The SHA-256 of each file, "" where it cannot be read.
        wider: Whether a kept search among more photographs will do, too. It may have missed a pair that this
            one would find, or the other way round.
        progress: Shows how far the search has come.

    Returns:
        See `find_duplicates`.
    """
    rows = list_rows(digests)
    # Sorted: the order of the files does not make another search
    contents = list(rows)
    found = load_search(contents, wider)
    if found is None:
        # One file for each content; equal ones are spelled out again below
        first_files = [images[rows[digest][0]] for digest in contents]
        found = find_duplicates(first_files, progress=progress)
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
    """Duplicates of contents as duplicates of files; `rows` has the rows of each content, in their order."""
    alike = list(rows.values())  # a photograph of `found` stands for all files with its content
    pairs: list[Duplicate] = []
    problems: list[Problem] = []
    blank: list[int] = []
    for number, problem in enumerate(name_problems(found)):
        files = alike[number]
        # What is wrong with a file is wrong with every copy of it
        if problem is not None:
            problems += [Problem(images[row], problem.error) for row in files]
        elif number in found.blank:
            blank += files
        else:
            pairs += pair_equal(files)
    pairs += spell_out_all(found.pairs, alike)
    return gather_duplicates(images, pairs, tuple(problems), tuple(blank), found.compared)


def name_problems(found: Duplicates) -> list[Problem | None]:
    """For each photograph what is wrong with its file, or None."""
    problems = {problem.image: problem for problem in found.problems}
    return list(map(problems.get, found.images))


def searches_folder() -> Path:
    """Gives the folder where searches are kept."""
    return cache_folder() / "duplicates"


def name_search(contents: list[str]) -> str:
    """The file of a search: how many photographs, and a hash of their contents and of the engine's number."""
    encoded = map(str.encode, contents)
    key = hash_bytes(str(ENGINE).encode(), *encoded)[:32]
    return f"{len(contents)}-{key}{KEPT_SUFFIX}"


def keep_search(contents: list[str], found: Duplicates) -> None:
    """Writes what was found among contents, in their order."""
    errors = [problem and problem.error for problem in name_problems(found)]
    facts = {
        "engine": ENGINE,
        "contents": contents,
        "duplicates": list_fields(found.pairs),
        "blank": found.blank,
        "compared": found.compared,
        "problems": errors,
    }
    keep_in_cache(searches_folder() / name_search(contents), json.dumps(facts).encode())


def load_search(contents: list[str], wider: bool) -> Duplicates | None:
    """What was found among these contents, images named by them; None where no such search is kept.

    With `wider` a search among more contents will do.
    """
    paths = [searches_folder() / name_search(contents)]
    # A search among more photographs holds the answer for fewer
    if wider:
        paths += list_wider(len(contents))
    for path in paths:
        found = read_search(path)
        if found is not None and set(contents) <= set(found.images):
            return found if list(found.images) == contents else narrow_duplicates(found, contents)
    return None


def list_wider(n: int) -> list[Path]:
    """Kept searches among more than n photographs, the newest first."""
    found = []
    for path in list_cache(searches_folder(), KEPT_SUFFIX):
        count = path.name.partition("-")[0]
        if count.isdecimal() and int(count) > n:
            # By time: a search of the same data set with a photograph more is among the newest
            with suppress(OSError):  # another process removes it
                found.append((path.stat().st_mtime, path))
    newest = sorted(found, reverse=True)[:MAX_WIDER]
    return [path for _, path in newest]


def read_search(path: Path) -> Duplicates | None:
    """The duplicates of a kept search, images named by their contents; None where there is none.

    One that is torn, foreign or of another engine is removed, to be made again.
    """
    kept = read_from_cache(path)
    if kept is None:
        return None
    try:
        return read_kept(path, json.loads(kept))
    except (ValueError, KeyError, TypeError, IndexError):
        remove_from_cache(path)
        return None


def read_kept(path: Path, facts: dict[str, Any]) -> Duplicates:
    """The duplicates that `keep_search` wrote. Raises `ValueError` for a file that is another one's."""
    # A file that was renamed or is of another engine is not what it says
    if facts["engine"] != ENGINE or path.name != name_search(facts["contents"]):
        raise ValueError(path)
    contents = list(map(str, facts["contents"]))
    problems = []
    for digest, error in zip(contents, facts["problems"], strict=True):
        if error:
            problems.append(Problem(digest, error))
    pairs = map(read_duplicate, facts["duplicates"])
    return gather_duplicates(contents, pairs, tuple(problems), tuple(facts["blank"]), int(facts["compared"]))


def read_duplicate(facts: dict[str, Any]) -> Duplicate:
    """A pair from JSON, where tuples are lists."""
    transformation = facts["transformation"]
    shift = tuple(transformation["shift"])
    return Duplicate(**facts | {"transformation": Transformation(**transformation | {"shift": shift})})


def narrow_duplicates(found: Duplicates, contents: list[str]) -> Duplicates:
    """The duplicates among some of the photographs."""
    new_rows = {image: row for row, image in enumerate(contents)}
    # A pair is a matter of its two photographs alone: no other one makes or breaks it
    pairs = []
    for duplicate in found.pairs:
        a = new_rows.get(found.images[duplicate.a])
        b = new_rows.get(found.images[duplicate.b])
        if a is not None and b is not None:
            pairs.append(replace(duplicate, a=a, b=b))
    problems = tuple(problem for problem in found.problems if problem.image in new_rows)
    blank = []
    for row in found.blank:
        image = found.images[row]
        if image in new_rows:
            blank.append(new_rows[image])
    return gather_duplicates(contents, pairs, problems, tuple(blank), found.compared)
