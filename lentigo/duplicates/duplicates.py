"""Duplicates as values: pairs of photographs that show the same image or the same lesion, and their groups.

`lentigo.duplicates.pairing` finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations, product
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lentigo.common.json_values import list_fields
from lentigo.images.problems import Problem

KINDS = ("exact", "near", "partial", "same lesion")
SAME_IMAGE = KINDS[:3]
MAX_SPELLED_OUT = 8  # photographs with equal pixels up to which each has a pair with each other

Pair = tuple[int, int]  # rows a < b


@dataclass(frozen=True)
class Transformation:
    """What makes the second photograph of a pair out of the first: mirrored, then rotated, scaled and
    shifted.

    Attributes:
        scale: Pixels of the second to a pixel of the first.
        squeeze: How much more it is scaled in one direction than across it.
        angle: Degrees counterclockwise, -180 to 180.
        mirrored: Whether it is mirrored left to right, before all else.
        shift: How far the first one's middle lies right of and below the second one's, as shares of the
            second one's width and height.
        overlap: Of what is on the image that shows more, the share that is on the other, too.
    """

    scale: float
    squeeze: float
    angle: float
    mirrored: bool
    shift: tuple[float, float]
    overlap: float


NO_TRANSFORMATION = Transformation(1.0, 1.0, 0.0, False, (0.0, 0.0), 1.0)


@dataclass(frozen=True)
class Duplicate:
    """A pair of photographs that are duplicates.

    Attributes:
        a: The row of the first.
        b: The row of the second.
        kind: One of `KINDS`.
        score: The median correlation of fine detail where both show the same, 0 to 1: 1 for equal pixels, 0.8
            and more for nearly all duplicates, about 0 for photographs of different lesions.
        transformation: It makes `b` out of `a`.
        features: Matched local features that agree, 0 where none were needed.
    """

    a: int
    b: int
    kind: str
    score: float
    transformation: Transformation
    features: int = 0


@dataclass(frozen=True)
class Duplicates:
    """The duplicates among some photographs.

    Attributes:
        images: Paths of the n photographs.
        pairs: The duplicates, nearest kind first. Where more than `MAX_SPELLED_OUT` photographs have equal
            pixels, not every pair of them is listed.
        groups: Group numbers, int (n,): photographs that show the same image (`SAME_IMAGE`) share one.
        problems: Photographs that could not be read.
        blank: Rows of photographs without any detail, which are duplicates of nothing.
        compared: How many pairs were verified.
    """

    images: tuple[str, ...]
    pairs: tuple[Duplicate, ...]
    groups: np.ndarray = field(repr=False)
    problems: tuple[Problem, ...] = ()
    blank: tuple[int, ...] = ()
    compared: int = 0

    def group(self, kinds: Sequence[str] = KINDS) -> np.ndarray:
        """Groups photographs by pairs of some kinds.

        Args:
            kinds: Of `KINDS`.

        Returns:
            Group numbers, int (n,).
        """
        return join_pairs(len(self.images), list_rows_of_pairs(self.pairs, kinds))

    def across(self, splits: Sequence[Any]) -> tuple[Duplicate, ...]:
        """Lists the pairs whose photographs are in different splits.

        Args:
            splits: The split, or the set, of each photograph.

        Returns:
            The pairs.
        """
        return tuple(duplicate for duplicate in self.pairs if splits[duplicate.a] != splits[duplicate.b])

    def count_groups(self) -> int:
        """How many groups hold two photographs and more."""
        return int((np.bincount(self.groups) > 1).sum())

    def to_json(self) -> dict[str, Any]:
        """`duplicates` with paths in place of rows, the number of `groups`, `unreadable` and `blank`."""
        rows = []
        for duplicate in self.pairs:
            rows.append(asdict(duplicate) | {"a": self.images[duplicate.a], "b": self.images[duplicate.b]})
        return {
            "n": len(self.images),
            "duplicates": rows,
            "groups": self.count_groups(),
            "unreadable": list_fields(self.problems),
            "blank": [self.images[row] for row in self.blank],
        }


def gather_duplicates(
    images: Sequence[str],
    pairs: Iterable[Duplicate],
    problems: tuple[Problem, ...],
    blank: tuple[int, ...],
    compared: int,
) -> Duplicates:
    """Sorts pairs and joins them to groups.

    Args:
        images: Paths of the n photographs.
        pairs: The duplicates among them, in any order.
        problems: Photographs that could not be read.
        blank: Rows of photographs without any detail.
        compared: How many pairs were verified.

    Returns:
        All of it, pairs by kind, then by falling score, then by their rows.
    """
    ordered = sorted(pairs, key=rank_duplicate)
    groups = join_pairs(len(images), list_rows_of_pairs(ordered, SAME_IMAGE))
    return Duplicates(tuple(images), tuple(ordered), groups, problems, blank, compared)


def rank_duplicate(duplicate: Duplicate) -> tuple[int, float, int, int]:
    """What duplicates are sorted by."""
    return KINDS.index(duplicate.kind), -duplicate.score, duplicate.a, duplicate.b


def list_rows_of_pairs(pairs: Iterable[Duplicate], kinds: Sequence[str]) -> list[Pair]:
    """The rows of the pairs of some kinds."""
    return [(duplicate.a, duplicate.b) for duplicate in pairs if duplicate.kind in kinds]


def join_pairs(n: int, pairs: list[Pair]) -> np.ndarray:
    """The numbers of the sets, int (n,), into which pairs join n photographs (union-find)."""
    if n == 0:
        return np.zeros(0, int)
    # Without pairs the array is empty, and still has two columns
    rows, others = np.array(pairs, dtype=int).reshape(-1, 2).T
    links = coo_array((np.ones(len(rows)), (rows, others)), shape=(n, n))
    return connected_components(links, directed=False)[1]


def pair_equal(rows: Sequence[int]) -> list[Duplicate]:
    """Pairs photographs with equal pixels.

    Args:
        rows: Those of the photographs, ascending.

    Returns:
        A pair for each two of them; of more than `MAX_SPELLED_OUT` the first with each of the others.
    """
    # All pairs, unless so many that they say no more than a star around the first
    pairs: Iterable[tuple[int, int]] = combinations(rows, 2)
    if len(rows) > MAX_SPELLED_OUT:
        pairs = product(rows[:1], rows[1:])
    return [Duplicate(a, b, "exact", 1.0, NO_TRANSFORMATION) for a, b in pairs]


def spell_out(duplicate: Duplicate, alike: Sequence[Sequence[int]]) -> list[Duplicate]:
    """Repeats a duplicate for all photographs with the pixels of either.

    Args:
        duplicate: Its `a` and `b` are places in `alike`.
        alike: Rows of photographs, those with equal pixels together.

    Returns:
        A pair for each two rows, at most `MAX_SPELLED_OUT` of each side.
    """
    firsts = alike[duplicate.a][:MAX_SPELLED_OUT]
    seconds = alike[duplicate.b][:MAX_SPELLED_OUT]
    spelled_out = []
    for a, b in product(firsts, seconds):
        spelled_out.append(
            Duplicate(a, b, duplicate.kind, duplicate.score, duplicate.transformation, duplicate.features)
        )
    return spelled_out


def spell_out_all(duplicates: Iterable[Duplicate], alike: Sequence[Sequence[int]]) -> list[Duplicate]:
    """Repeats several duplicates, as `spell_out` does with each.

    Args:
        duplicates: Pairs of numbers of `alike`.
        alike: Rows of photographs with equal pixels, by number.
    """
    pairs = []
    for duplicate in duplicates:
        pairs += spell_out(duplicate, alike)
    return pairs
