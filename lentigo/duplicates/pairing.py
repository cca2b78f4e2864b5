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

from lentigo.common.parallel.threads import open_pool
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.datasets.manifests import load_dataset
from lentigo.duplicates.candidates import MIRRORED, Proposer
from lentigo.duplicates.duplicates import (
    Duplicate,
    Duplicates,
    Pair,
    Transformation,
    gather_duplicates,
    pair_equal,
    spell_out,
)
from lentigo.duplicates.fingerprints import TURNS, Fingerprint, take_fingerprint
from lentigo.duplicates.verification import Alignment, match_features, match_turn
from lentigo.errors import UsageError
from lentigo.images.listing import find_images
from lentigo.images.problems import Problem, separate_problems

ENGINE = 2  # to be raised with every change of what is found: searches are kept on disk under it
SURE_SCORE = 0.85  # from which a turned image is a duplicate whatever its features say
TURN_SCORE = 0.6  # the same where its features say nothing
MANY_FEATURES = 9  # matched features that count as many
MANY_SCORE = 0.3  # from which an image laid on another by many features is a duplicate
FEW_SCORE = 0.5  # the same with fewer features
SAME_IMAGE_SCORE = 0.75  # below which it is another photograph of the same lesion, not the same image
MIN_WHOLE_OVERLAP = 0.97  # the share in common from which nothing was cropped
MAX_WHOLE_ANGLE = 2.0  # degrees from a quarter turn, up to which nothing was rotated freely
NEIGHBOURS = 8  # proposed first; photographs with many duplicates are searched again for four times as many
NEIGHBOURS_GROWTH = 4

Proposal = tuple[Pair, tuple[int, ...]]  # a pair, and the ways in which its first may lie on its second


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
    with open_pool(threads) as pool:
        results = pool.map(take_fingerprint, images)
        fingerprints = list(progress(results, total=len(images), label="photographs"))
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
    readable = {row: each for row, each in enumerate(fingerprints) if isinstance(each, Fingerprint)}
    # Of photographs with equal pixels only the first is compared with others
    alike = list_equal(readable)
    firsts = np.array([rows[0] for rows in alike], dtype=int)
    embeddings_of_firsts = None
    if embeddings is not None:
        embeddings_of_firsts = embeddings[firsts]
    with open_pool(threads) as pool:
        found, compared = compare_all([readable[row] for row in firsts], embeddings_of_firsts, pool, progress)
    pairs = []
    for rows in alike:
        pairs += pair_equal(rows)
    for duplicate in found:
        pairs += spell_out(duplicate, alike)
    _, problems, _ = separate_problems(fingerprints)
    blank = tuple(row for row, each in readable.items() if each.blank)
    return gather_duplicates(images, pairs, tuple(problems), blank, compared)


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
    while len(rows):
        proposals = sorted(choose_new(proposer.propose(rows, neighbours), tried, found))
        by_first = [list(several) for _, several in groupby(proposals, key=get_first)]
        results = chain.from_iterable(pool.map(partial(compare_row, fingerprints), by_first))
        watched = progress(results, total=len(proposals), label="pairs")
        for (pair, _), duplicate in zip(proposals, watched, strict=True):
            if duplicate is not None:
                found[pair] = duplicate
        if neighbours >= n - 1:
            break
        counts = np.bincount(list(chain.from_iterable(found)), minlength=n)
        rows = np.flatnonzero(counts >= neighbours // 2)
        neighbours *= NEIGHBOURS_GROWTH
    return list(found.values()), len(tried)


def get_first(proposal: Proposal) -> int:
    """The row of the first photograph of a proposed pair."""
    return proposal[0][0]


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


def compare_row(fingerprints: Sequence[Fingerprint], proposals: Sequence[Proposal]) -> list[Duplicate | None]:
    """Compares one photograph with several others.

    Args:
        fingerprints: Of all photographs.
        proposals: Pairs with the same first photograph, and the ways in which it may lie on the second.

    Returns:
        For each pair the duplicate that it is, or None.
    """
    first = fingerprints[get_first(proposals[0])]
    others = [fingerprints[pair[1]] for pair, _ in proposals]
    turned = []
    for other, (_, ways) in zip(others, proposals, strict=True):
        turned.append(align_turned(first, other, ways))
    by_features = align_by_features(first, others, proposals, turned)
    duplicates: list[Duplicate | None] = []
    for row, (pair, _) in enumerate(proposals):
        best = choose_alignment(by_features[row], turned[row])
        duplicate = None
        if best is not None:
            duplicate = name_duplicate(pair, best, first, others[row])
        duplicates.append(duplicate)
    return duplicates


def align_turned(first: Fingerprint, second: Fingerprint, ways: tuple[int, ...]) -> Alignment | None:
    """The best alignment by quarter turns and mirroring, where it is good enough."""
    alignments = [match_turn(first, second, way) for way in ways if way < TURNS]
    return choose_best(alignments, TURN_SCORE)


def align_by_features(
    first: Fingerprint,
    others: Sequence[Fingerprint],
    proposals: Sequence[Proposal],
    turned: Sequence[Alignment | None],
) -> list[list[Alignment]]:
    """The alignments by local features, for each of the others; none where its turned whole is sure."""
    alignments: list[list[Alignment]] = [[] for _ in others]
    for mirrored in (False, True):
        rows = []
        for row, (_, ways) in enumerate(proposals):
            if mirrored in list_flips(ways) and is_unsure(turned[row]):
                rows.append(row)
        results = match_features(first, [others[row] for row in rows], mirrored)
        for row, alignment in zip(rows, results, strict=True):
            if alignment is not None:
                alignments[row].append(alignment)
    return alignments


def list_flips(ways: tuple[int, ...]) -> set[bool]:
    """Whether the first of a pair may lie on the second as it is, mirrored, or either, by its ways."""
    return {way == MIRRORED or 4 <= way < TURNS for way in ways}


def is_unsure(turned: Alignment | None) -> bool:
    """Whether features must be compared, beside the turned whole."""
    return turned is None or turned.score < SURE_SCORE


def choose_alignment(by_features: list[Alignment], turned: Alignment | None) -> Alignment | None:
    """The best alignment that is good enough: of those found by features, and of the turned whole."""
    many = [each for each in by_features if each.features >= MANY_FEATURES]
    few = [each for each in by_features if each.features < MANY_FEATURES]
    return choose_best([choose_best(many, MANY_SCORE), choose_best(few, FEW_SCORE), turned], 0)


def choose_best(alignments: Sequence[Alignment | None], min_score: float) -> Alignment | None:
    """The first with the highest score, where that is `min_score` at least.

    Args:
        alignments: One for each attempt; None where it failed.
        min_score: Below which there is no duplicate.
    """
    good = []
    for alignment in alignments:
        if alignment is not None and alignment.score >= min_score:
            good.append(alignment)
    return max(good, key=lambda alignment: alignment.score, default=None)


def name_duplicate(pair: Pair, alignment: Alignment, a: Fingerprint, b: Fingerprint) -> Duplicate:
    """The duplicate that an alignment shows.

    Args:
        pair: The rows of two photographs.
        alignment: What makes the second out of the first.
        a: The fingerprint of the first.
        b: The fingerprint of the second.
    """
    transformation = describe_map(alignment, a, b)
    kind = name_kind(alignment, transformation)
    return Duplicate(pair[0], pair[1], kind, alignment.score, transformation, alignment.features)


def name_kind(alignment: Alignment, transformation: Transformation) -> str:
    """Which of `KINDS`, but 'exact'."""
    if alignment.score < SAME_IMAGE_SCORE:
        return "same lesion"
    from_quarter_turn = abs((transformation.angle + 45) % 90 - 45)  # degrees
    if from_quarter_turn <= MAX_WHOLE_ANGLE and transformation.overlap >= MIN_WHOLE_OVERLAP:
        return "near"
    return "partial"


def describe_map(alignment: Alignment, a: Fingerprint, b: Fingerprint) -> Transformation:
    """What an alignment of the reduced images means for the photographs themselves."""
    a_height, a_width = a.grey.shape
    b_height, b_width = b.grey.shape
    reduce_a = np.diag([a_width / a.size[0], a_height / a.size[1]])
    enlarge_b = np.diag([b.size[0] / b_width, b.size[1] / b_height])
    linear = enlarge_b @ alignment.map[:, :2] @ reduce_a  # (2, 2)
    mirrored = bool(np.linalg.det(linear) < 0)
    if mirrored:
        linear = linear @ np.diag([-1, 1])
    left, stretch, right = np.linalg.svd(linear)
    rotation = left @ right
    middle_of_a = alignment.map @ [(a_width - 1) / 2, (a_height - 1) / 2, 1]
    x, y = middle_of_a - [(b_width - 1) / 2, (b_height - 1) / 2]
    return Transformation(
        scale=float(np.sqrt(stretch.prod())),
        squeeze=float(stretch[0] / stretch[1]),
        angle=float(np.degrees(np.arctan2(rotation[0, 1], rotation[0, 0]))),
        mirrored=mirrored,
        shift=(float(x / b_width), float(y / b_height)),
        overlap=alignment.overlap,
    )
