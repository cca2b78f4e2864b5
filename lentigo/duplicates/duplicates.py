"""Duplicates: photographs that are copies of one another, whatever was done to the copy, and photographs of
the same lesion.

A fast stage proposes pairs (`lentigo.duplicates.candidates`), a slow one decides
(`lentigo.duplicates.verification`). What merely looks alike is no duplicate: the fine detail of both must
agree where the one lies on the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, combinations, groupby, product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lentigo.common.parallel.threads import open_pool
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.duplicates.candidates import MIRRORED, Pair, Proposer
from lentigo.duplicates.fingerprints import TURNS, Fingerprint, take_fingerprint
from lentigo.duplicates.verification import Alignment, match_features, match_turn
from lentigo.errors import UsageError
from lentigo.images.listing import find_images
from lentigo.images.problems import Problem

ENGINE = 2  # to be raised with every change of what is found: searches are kept on disk under it
KINDS = ("exact", "near", "partial", "same lesion")
SAME_IMAGE = KINDS[:3]
SURE_SCORE, TURN_SCORE = (
    0.85,
    0.6,
)  # from which a turned picture is a duplicate whatever its features say, and where they say nothing
MANY, MANY_SCORE, FEW_SCORE = (
    9,
    0.3,
    0.5,
)  # features, and scores from which a picture laid on another by as many, or by fewer, is a duplicate
SAME_IMAGE_SCORE = 0.75  # below which it is another photograph of the same lesion rather than a copy
NEAR_OVERLAP, NEAR_ANGLE = 0.97, 2.0  # share, degrees: what is nearer to a turned whole than that is no part
NEIGHBOURS = (
    8  # looked at first; those that have many duplicates are looked at again, with four times as many
)
LISTED = 8  # photographs with equal pixels up to which each has a pair with each other

Proposal = tuple[Pair, tuple[int, ...]]  # a pair, and the ways in which its first may lie on its second


@dataclass(frozen=True)
class Transformation:
    """What makes the second photograph of a pair out of the first: mirrored left to right first, then turned,
    scaled, shifted.

    `scale`: pixels of the second to a pixel of the first; `squeeze`: how much more in one direction than
    across it. `angle`: degrees counterclockwise, -180 to 180. `shift`: x and y of the first one's middle
    beyond the second one's, as shares of the second one's width and height. `overlap`: of what is on the
    picture that shows more, the share that is on the other, too.
    """

    scale: float
    squeeze: float
    angle: float
    mirrored: bool
    shift: tuple[float, float]
    overlap: float


@dataclass(frozen=True)
class Duplicate:
    """A pair of photographs, by their numbers; `kind` is one of `KINDS`, `transformation` makes `b` out of
    `a`.

    `score`, 0 to 1: the median correlation of fine detail where both show the same: 1 for equal pixels, 0.8
    and more for nearly all copies, about 0 for photographs of different lesions. `features`: matched ones
    that agree, 0 where none were needed.
    """

    a: int
    b: int
    kind: str
    score: float
    transformation: Transformation
    features: int = 0


@dataclass(frozen=True)
class Duplicates:
    """Of photographs `images`: `pairs`, nearest kind first, and `groups`, int (n,), the numbers of sets
    joined by copies (`SAME_IMAGE`).

    `problems` could not be read. `blank`, numbers of photographs without any detail, are no duplicates of
    anything. Pairs are not all spelled out where more than `LISTED` photographs have equal pixels; groups are
    whole.
    """

    images: tuple[str, ...]
    pairs: tuple[Duplicate, ...]
    groups: np.ndarray
    problems: tuple[Problem, ...] = ()
    blank: tuple[int, ...] = ()
    compared: int = 0  # pairs that the slow stage looked at

    def group(self, kinds: Sequence[str] = KINDS) -> np.ndarray:
        """Group numbers, int (n,), where pairs of these kinds are joined."""
        return join_pairs(
            len(self.images),
            [(duplicate.a, duplicate.b) for duplicate in self.pairs if duplicate.kind in kinds],
        )

    def across(self, sides: Sequence[Any]) -> tuple[Duplicate, ...]:
        """The pairs whose photographs stand on different sides; `sides` has one for each photograph: a split,
        or a set.
        """
        return tuple(duplicate for duplicate in self.pairs if sides[duplicate.a] != sides[duplicate.b])

    def to_json(self) -> dict[str, Any]:
        """`duplicates` with names in place of numbers, the number of `groups` of two and more, `unreadable`
        and `blank`.
        """
        rows = [
            {**asdict(duplicate), "a": self.images[duplicate.a], "b": self.images[duplicate.b]}
            for duplicate in self.pairs
        ]
        groups = int((np.bincount(self.groups) > 1).sum()) if len(self.images) else 0
        unreadable = [asdict(problem) for problem in self.problems]
        return {
            "n": len(self.images),
            "duplicates": rows,
            "groups": groups,
            "unreadable": unreadable,
            "blank": [self.images[row] for row in self.blank],
        }


def find_duplicates(
    data: str | Path | Dataset | Iterable[str | Path],
    *,
    embeddings: np.ndarray | None = None,
    threads: int | None = None,
    progress: Progress = show_nothing,
) -> Duplicates:
    """Finds the duplicates among the photographs of a folder, a data set, or a list of files; two sets are
    compared by listing both.

    `embeddings`, float (n, d), help to propose pairs; they decide nothing. The same photographs give the same
    twins. Raises `DataError` for a folder without photographs, `UsageError` for embeddings of another number.
    """
    images, problems = list_images(data)
    check_count("embeddings", embeddings, len(images))
    with open_pool(threads) as pool:
        answers = list(progress(pool.map(take_fingerprint, images), total=len(images), label="photographs"))
    duplicates = pair_fingerprints(images, answers, embeddings=embeddings, threads=threads, progress=progress)
    return replace(duplicates, problems=(*problems, *duplicates.problems))


def pair_fingerprints(
    images: Sequence[str],
    answers: Sequence[Fingerprint | Problem],
    *,
    embeddings: np.ndarray | None = None,
    threads: int | None = None,
    progress: Progress = show_nothing,
) -> Duplicates:
    """As `find_duplicates`, of photographs that were opened before: `answers` has what `take_fingerprint` or
    `describe_pixels` said of each of `images`.

    Raises `UsageError` where there is not one answer, and one embedding where there are any, for each
    photograph.
    """
    check_count("fingerprints", answers, len(images))
    check_count("embeddings", embeddings, len(images))
    prints = {row: answer for row, answer in enumerate(answers) if isinstance(answer, Fingerprint)}
    alike = list_equal(prints)
    firsts = np.array([rows[0] for rows in alike], dtype=int)
    with open_pool(threads) as pool:
        found, compared = compare_all(
            [prints[row] for row in firsts],
            None if embeddings is None else embeddings[firsts],
            pool,
            progress,
        )
    pairs = [duplicate for rows in alike for duplicate in pair_equal(rows)] + [
        duplicate for each in found for duplicate in spell_out(each, alike)
    ]
    problems = tuple(answer for answer in answers if isinstance(answer, Problem))
    return gather_duplicates(
        images, pairs, problems, tuple(row for row, each in prints.items() if each.blank), compared
    )


def gather_duplicates(
    images: Sequence[str],
    pairs: list[Duplicate],
    problems: tuple[Problem, ...],
    blank: tuple[int, ...],
    compared: int,
) -> Duplicates:
    """The answer: pairs in their order, and the groups that copies join."""
    pairs = sorted(
        pairs, key=lambda duplicate: (KINDS.index(duplicate.kind), -duplicate.score, duplicate.a, duplicate.b)
    )
    groups = join_pairs(
        len(images), [(duplicate.a, duplicate.b) for duplicate in pairs if duplicate.kind in SAME_IMAGE]
    )
    return Duplicates(tuple(images), tuple(pairs), groups, problems, blank, compared)


def check_count(name: str, rows: Sequence | np.ndarray | None, n: int) -> None:
    """Raises `UsageError` where there are rows, but not n."""
    if rows is not None and len(rows) != n:
        raise UsageError(f"{len(rows)} {name} for {n} photographs: expected one for each")


def list_images(images: str | Path | Dataset | Iterable[str | Path]) -> tuple[list[str], list[Problem]]:
    """The files, and the problems that a data set had already."""
    if isinstance(images, Dataset):
        return list(images.table["image"]), list(images.problems)
    return [str(path) for path in (find_images(images) if isinstance(images, str | Path) else images)], []


def list_equal(prints: dict[int, Fingerprint]) -> list[list[int]]:
    """Photographs that are not blank, those with equal pixels together."""
    equal: dict[bytes, list[int]] = {}
    for row, each in prints.items():
        if not each.blank:
            equal.setdefault(each.digest, []).append(row)
    return list(equal.values())


def pair_equal(rows: list[int]) -> Iterator[Duplicate]:
    """The pairs of photographs with equal pixels."""
    same = Transformation(1.0, 1.0, 0.0, False, (0.0, 0.0), 1.0)
    pairs = combinations(rows, 2) if len(rows) <= LISTED else product(rows[:1], rows[1:])
    return (Duplicate(a, b, "exact", 1.0, same) for a, b in pairs)


def compare_all(
    prints: list[Fingerprint], embeddings: np.ndarray | None, pool: ThreadPoolExecutor, progress: Progress
) -> tuple[list[Duplicate], int]:
    """The duplicates among fingerprints, and how many pairs were compared. Photographs with many duplicates
    are searched for more.
    """
    if len(prints) < 2:
        return [], 0
    proposer = Proposer(prints, embeddings, pool)
    tried: dict[Pair, set[int]] = {}
    found: dict[Pair, Duplicate] = {}
    rows, neighbours = np.arange(len(prints)), NEIGHBOURS
    while len(rows):
        proposals = sorted(choose_new(proposer.propose(rows, neighbours), tried, found))
        alone = [list(several) for _, several in groupby(proposals, lambda proposal: proposal[0][0])]
        answers = chain.from_iterable(pool.map(partial(compare_row, prints), alone))
        for (pair, _), duplicate in zip(
            proposals, progress(answers, total=len(proposals), label="pairs"), strict=True
        ):
            if duplicate is not None:
                found[pair] = duplicate
        counts = np.bincount([row for pair in found for row in pair], minlength=len(prints))
        rows = np.flatnonzero(counts >= neighbours // 2) if neighbours < len(prints) - 1 else rows[:0]
        neighbours *= 4
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


def compare_row(prints: list[Fingerprint], proposals: Sequence[Proposal]) -> list[Duplicate | None]:
    """The duplicates that pairs with one first fingerprint are in one of the ways proposed; None for a pair
    that is none.
    """
    a, others = prints[proposals[0][0][0]], [prints[pair[1]] for pair, _ in proposals]
    turned = [
        choose_best([match_turn(a, b, way) for way in ways if way < TURNS], TURN_SCORE)
        for b, (_, ways) in zip(others, proposals, strict=True)
    ]
    laid: dict[int, list[Alignment]] = {}
    for mirrored in (False, True):
        rows = [
            row
            for row, (_, ways) in enumerate(proposals)
            if mirrored in list_flips(ways) and is_unsure(turned[row])
        ]
        for row, alignment in zip(
            rows, match_features(a, [others[row] for row in rows], mirrored), strict=True
        ):
            laid.setdefault(row, []).extend([alignment] * (alignment is not None))
    best = [choose_alignment(laid.get(row, []), turn) for row, turn in enumerate(turned)]
    return [
        alignment and name_duplicate(pair, alignment, a, b)
        for (pair, _), alignment, b in zip(proposals, best, others, strict=True)
    ]


def list_flips(ways: tuple[int, ...]) -> set[bool]:
    """Whether the first of a pair may lie on the second as it is, mirrored, or either, by its ways."""
    return {way == MIRRORED or 4 <= way < TURNS for way in ways}


def is_unsure(turned: Alignment | None) -> bool:
    """Whether features are to be asked, beside what turned wholes say."""
    return turned is None or turned.score < SURE_SCORE


def choose_alignment(laid: list[Alignment], turned: Alignment | None) -> Alignment | None:
    """The best that says duplicate: of those found by features, and of the turned whole."""
    many, few = ([each for each in laid if (each.features >= MANY) == enough] for enough in (True, False))
    return choose_best([choose_best(many, MANY_SCORE), choose_best(few, FEW_SCORE), turned], 0)


def name_duplicate(pair: Pair, alignment: Alignment, a: Fingerprint, b: Fingerprint) -> Duplicate:
    """The duplicate that an alignment shows."""
    transformation = describe_map(alignment, a, b)
    return Duplicate(
        *pair, name_kind(alignment, transformation), alignment.score, transformation, alignment.features
    )


def choose_best(alignments: list[Alignment | None], least: float) -> Alignment | None:
    """The first with the highest score, where that is `least` at least."""
    known = [alignment for alignment in alignments if alignment is not None and alignment.score >= least]
    return max(known, key=lambda alignment: alignment.score, default=None)


def describe_map(alignment: Alignment, a: Fingerprint, b: Fingerprint) -> Transformation:
    """What an alignment of small pictures means for the photographs themselves."""
    (height, width), (h, w) = a.grey.shape, b.grey.shape
    linear = (
        np.diag([b.size[0] / w, b.size[1] / h])
        @ alignment.map[:, :2]
        @ np.diag([width / a.size[0], height / a.size[1]])
    )
    mirrored = bool(np.linalg.det(linear) < 0)
    left, stretch, right = np.linalg.svd(linear @ np.diag([-1 if mirrored else 1, 1]))
    turn = left @ right
    x, y = alignment.map @ [(width - 1) / 2, (height - 1) / 2, 1] - [(w - 1) / 2, (h - 1) / 2]
    angle = float(np.degrees(np.arctan2(turn[0, 1], turn[0, 0])))
    return Transformation(
        float(np.sqrt(stretch.prod())),
        float(stretch[0] / stretch[1]),
        angle,
        mirrored,
        (float(x / w), float(y / h)),
        alignment.overlap,
    )


def name_kind(alignment: Alignment, transformation: Transformation) -> str:
    """Which of `KINDS`, but 'exact'."""
    if alignment.score < SAME_IMAGE_SCORE:
        return KINDS[3]
    upright = abs((transformation.angle + 45) % 90 - 45) <= NEAR_ANGLE
    return KINDS[1] if upright and transformation.overlap >= NEAR_OVERLAP else KINDS[2]


def spell_out(duplicate: Duplicate, alike: list[list[int]]) -> Iterator[Duplicate]:
    """The same duplicate for all photographs with the pixels of either."""
    return (
        replace(duplicate, a=a, b=b)
        for a, b in product(alike[duplicate.a][:LISTED], alike[duplicate.b][:LISTED])
    )


def join_pairs(n: int, pairs: list[Pair]) -> np.ndarray:
    """The numbers of the sets, int (n,), into which pairs join n photographs (union-find)."""
    rows, others = np.array(pairs, dtype=int).reshape(-1, 2).T
    return (
        connected_components(coo_array((np.ones(len(rows)), (rows, others)), shape=(n, n)), directed=False)[1]
        if n
        else np.zeros(0, int)
    )
