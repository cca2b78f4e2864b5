"""The search for duplicates: a fast stage proposes pairs (`candidates`), a slow one decides (`verification`).

What merely looks alike is no duplicate: the fine detail of both must agree where the one lies on the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from itertools import chain, groupby
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.parallel.threads import map_images, open_pool
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.datasets.manifests import load_dataset
from lentigo.duplicates.candidates import Proposer
from lentigo.duplicates.duplicates import (
    Duplicate,
    Duplicates,
    Pair,
    gather_duplicates,
    pair_equal,
    spell_out_all,
)
from lentigo.duplicates.fingerprints import Fingerprint, take_fingerprint
from lentigo.duplicates.pair_comparison import Proposal, compare_row, get_first
from lentigo.errors import UsageError
from lentigo.images.listing import find_images
from lentigo.images.problems import Problem, separate_problems

ENGINE = 2  # to be raised with every change of what is found: searches are kept on disk under it
NEIGHBOURS = 8  # proposed first; photographs with many duplicates are searched again for four times as many
NEIGHBOURS_GROWTH = 4


def find_duplicates(
    data: DataSource | Iterable[str | Path],
    *,
    embeddings: np.ndarray | None = None,
    threads: int | None = None,
    progress: Progress = show_nothing,
) -> Duplicates:
    """Finds the duplicates among photographs; the same photographs give the same ones.

    Args:
        data: A folder, a data set, or a list of files. Two sets are compared by listing both.
        embeddings: Of a network, float (n, d). They help to propose pairs and decide nothing.
        threads: How many work side by side; None for as many as there are processors.
        progress: Shows how far the search has come.

    Returns:
        The pairs and groups, and the photographs that could not be read.

    Raises:
        DataError: The folder has no photographs.
        UsageError: There is not one embedding for each photograph.
    """
    images, problems = list_files(data)
    check_count("embeddings", embeddings, len(images))
    fingerprints = map_images(take_fingerprint, images, threads, progress, "photographs")
    duplicates = pair_fingerprints(
        images, fingerprints, embeddings=embeddings, threads=threads, progress=progress
    )
    return replace(duplicates, problems=(*problems, *duplicates.problems))


def pair_fingerprints(
    images: Sequence[str],
    fingerprints: Sequence[Fingerprint | Problem],
    *,
    embeddings: np.ndarray | None = None,
    threads: int | None = None,
    progress: Progress = show_nothing,
) -> Duplicates:
    """Finds the duplicates among photographs that were opened before.

    Args:
        images: Paths of the n photographs.
        fingerprints: What `take_fingerprint` or `describe_pixels` gave for each of them.
        embeddings: See `find_duplicates`.
        threads: See `find_duplicates`.
        progress: Shows how many pairs have been compared.

    Returns:
        See `find_duplicates`.

    Raises:
        UsageError: There is not one fingerprint, or not one embedding, for each photograph.
    """
    check_count("fingerprints", fingerprints, len(images))
    check_count("embeddings", embeddings, len(images))
    readable = pick_readable(fingerprints)
    # Of photographs with equal pixels only the first is compared with others
    alike = list_equal(readable)
    firsts = np.array([rows[0] for rows in alike], dtype=int)
    # Embeddings follow the photographs that are compared
    embeddings_of_firsts = None
    if embeddings is not None:
        embeddings_of_firsts = embeddings[firsts]
    with open_pool(threads) as pool:
        found, compared = compare_all([readable[row] for row in firsts], embeddings_of_firsts, pool, progress)
    pairs = []
    for rows in alike:
        pairs += pair_equal(rows)
    pairs += spell_out_all(found, alike)
    _, problems, _ = separate_problems(fingerprints)
    # Listed and not compared: a blank photograph is like every other blank one
    blank = tuple(row for row, fingerprint in readable.items() if fingerprint.blank)
    return gather_duplicates(images, pairs, tuple(problems), blank, compared)


def pick_readable(fingerprints: Sequence[Fingerprint | Problem]) -> dict[int, Fingerprint]:
    """The fingerprints of the photographs that could be read, by their rows."""
    readable = {}
    for row, fingerprint in enumerate(fingerprints):
        if isinstance(fingerprint, Fingerprint):
            readable[row] = fingerprint
    return readable


def check_count(name: str, rows: Sequence | np.ndarray | None, n: int) -> None:
    """Raises `UsageError` where there are rows, but not n."""
    if rows is not None and len(rows) != n:
        raise UsageError(f"{len(rows)} {name} for {n} photographs: expected one for each")


def list_files(data: DataSource | Iterable[str | Path]) -> tuple[list[str], list[Problem]]:
    """The files, and the problems that a data set had already."""
    if isinstance(data, pd.DataFrame):
        data = load_dataset(data)
    if isinstance(data, Dataset):
        return list(data.table["image"]), list(data.problems)
    if isinstance(data, str | Path):
        data = find_images(data)
    return list(map(str, data)), []


def list_equal(fingerprints: dict[int, Fingerprint]) -> list[list[int]]:
    """Rows of photographs that are not blank, those with equal pixels together."""
    equal: dict[bytes, list[int]] = {}
    for row, fingerprint in fingerprints.items():
        if not fingerprint.blank:
            equal.setdefault(fingerprint.digest, []).append(row)
    return list(equal.values())


def compare_all(
    fingerprints: list[Fingerprint], embeddings: np.ndarray | None, pool: Executor, progress: Progress
) -> tuple[list[Duplicate], int]:
    """The duplicates among fingerprints, and how many pairs were compared.

    Photographs with many duplicates are searched again, for more neighbours.
    """
    n = len(fingerprints)
    if n < 2:
        return [], 0
    proposer = Proposer(fingerprints, embeddings, pool)
    tried: dict[Pair, set[int]] = {}
    found: dict[Pair, Duplicate] = {}
    rows = np.arange(n)
    neighbours = NEIGHBOURS
    # Rounds: few neighbours for all, then more for photographs that have many duplicates
    while len(rows):
        proposals = sorted(choose_new(proposer.propose(rows, neighbours), tried, found))
        # Sorted, so that a row's proposals stand together and the result is the same each time
        by_first = [list(several) for _, several in groupby(proposals, key=get_first)]
        results = chain.from_iterable(pool.map(partial(compare_row, fingerprints), by_first))
        watched = progress(results, total=len(proposals), label="pairs")
        for (pair, _), duplicate in zip(proposals, watched, strict=True):
            if duplicate is not None:
                found[pair] = duplicate
        # Every other photograph has been proposed
        if neighbours >= n - 1:
            break
        # A photograph whose duplicates are half of what was proposed may have more of them
        counts = np.bincount(list(chain.from_iterable(found)), minlength=n)
        rows = np.flatnonzero(counts >= neighbours // 2)
        neighbours *= NEIGHBOURS_GROWTH
    return list(found.values()), len(tried)


def choose_new(
    proposals: dict[Pair, tuple[int, ...]], tried: dict[Pair, set[int]], found: dict[Pair, Duplicate]
) -> Iterator[Proposal]:
    """The pairs that are no duplicates yet, with the ways that were not tried; those are marked as tried."""
    for pair, ways in proposals.items():
        before = tried.setdefault(pair, set())
        new = tuple(way for way in ways if way not in before)
        before.update(new)
        if new and pair not in found:
            yield pair, new
