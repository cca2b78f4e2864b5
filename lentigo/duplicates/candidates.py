"""The fast stage: which pairs of photographs are worth comparing? Looked up in indices, so that the work
grows as n log n.

Two descriptions propose: the lowest frequencies of the whole picture in eight orientations, for pictures with
hardly any features or squeezed to another shape; and the visual words of the local features
(`lentigo.duplicates.visual_words`), which neither turning nor cropping changes much, as they are and
mirrored. Embeddings of a network can be a third.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial

import numpy as np
from scipy.sparse import csr_array
from usearch.index import Index

from lentigo.duplicates.fingerprints import TURNS, Fingerprint, turn_low
from lentigo.duplicates.visual_words import fit_vocabulary

LEAST_LOW, LEAST_SHARED = (
    0.9,
    0.005,
)  # cosines that a pair needs: all but a few copies have 0.97 and 0.009, and more
EXPANSION = (
    128  # candidates that the index of nearest neighbours keeps meanwhile (HNSW, Malkov and Yashunin 2018)
)
BLOCK = 256  # photographs whose words are looked up at a time
PLAIN, MIRRORED = (
    TURNS,
    TURNS + 1,
)  # ways in which the first of a pair may lie on the second, beside its turns: to be found by features

Pair = tuple[int, int]  # rows a < b


class Proposer:
    """Knows the descriptions of a set, and proposes pairs of it."""

    def __init__(
        self, prints: list[Fingerprint], embeddings: np.ndarray | None, pool: Executor, seed: int = 0
    ):
        """Of `prints` and, where given, `embeddings`, float (n, d), of any network; `pool` shares out the
        work.
        """
        self._turned = quantize(turn_low(np.stack([each.low for each in prints])))
        self._turned_index = build_index(self._turned[:, 0])
        self._words = WordIndex(prints, pool, seed)
        self._embedded = None if embeddings is None else quantize(np.asarray(embeddings))
        self._embedded_index = None if self._embedded is None else build_index(self._embedded)

    def propose(self, rows: np.ndarray, neighbours: int) -> dict[Pair, tuple[int, ...]]:
        """The nearest `neighbours` of rows, int (m,), in each description, and the ways in which the first of
        a pair may lie on the second.
        """
        ways: dict[Pair, dict[int, None]] = {}
        for pair, turn in self._propose_turned(rows, neighbours).items():
            ways.setdefault(pair, {})[turn] = None
        for way in (PLAIN, MIRRORED):
            for pair in self._words.search(rows, neighbours, way == MIRRORED):
                ways.setdefault(pair, {})[way] = None
        if self._embedded is not None:
            for pair, _, _ in search_index(self._embedded_index, self._embedded, rows, neighbours):
                ways.setdefault(pair, {}).update({PLAIN: None, MIRRORED: None})
        return {pair: tuple(found) for pair, found in ways.items()}

    def _propose_turned(self, rows: np.ndarray, neighbours: int) -> dict[Pair, int]:
        """Pairs whose lowest frequencies are alike, and the turn of the first that brings it nearest to the
        second.
        """
        nearest: dict[Pair, tuple[float, int]] = {}
        for turn in range(TURNS):
            for pair, cosine, swapped in search_index(
                self._turned_index, self._turned[:, turn], rows, neighbours
            ):
                if cosine > max(LEAST_LOW, nearest.get(pair, (0.0, 0))[0]):
                    nearest[pair] = (
                        cosine,
                        -turn % 4 if swapped and turn < 4 else turn,
                    )  # mirrored turns are their own inverses
        return {pair: turn for pair, (_, turn) in nearest.items()}


class WordIndex:
    """Finds photographs that share words, as texts are found (inverted file, Sivic and Zisserman 2003): only
    those are touched that have one in common.
    """

    def __init__(self, prints: list[Fingerprint], pool: Executor, seed: int):
        vocabulary = fit_vocabulary(prints, seed)
        plain, mirrored = (
            stack_rows(
                list(pool.map(partial(vocabulary.count_words, mirrored=flip), prints)), sum(vocabulary.sizes)
            )
            for flip in (False, True)
        )
        rarity = np.log1p(
            len(prints) / np.maximum(np.bincount(plain.indices, minlength=plain.shape[1]), 1)
        ).astype(np.float32)
        self._queries = [weigh_rows(each, rarity) for each in (plain, mirrored)]
        self._lists = self._queries[0].T.tocsr()

    def search(self, rows: np.ndarray, neighbours: int, mirrored: bool) -> Iterator[Pair]:
        """Pairs of rows, int (m,), as they are or mirrored, and the `neighbours` that share most, by the
        cosine of the words' weights.
        """
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            shared = self._queries[mirrored][block] @ self._lists
            for row, low, high in zip(block.tolist(), shared.indptr[:-1], shared.indptr[1:]):
                cosines, others = shared.data[low:high], shared.indices[low:high]
                most = (
                    np.argpartition(-cosines, neighbours)[: neighbours + 1]
                    if len(cosines) > neighbours + 1
                    else slice(None)
                )
                for other in others[most][cosines[most] > LEAST_SHARED].tolist():
                    if other != row:
                        yield min(row, other), max(row, other)


def stack_rows(rows: list[tuple[np.ndarray, np.ndarray]], columns: int) -> csr_array:
    """A sparse table, float32 (n, columns), of the columns and values of each row."""
    starts = np.cumsum([0, *(len(names) for names, _ in rows)])
    names, values = (np.concatenate(parts) for parts in zip(*rows))
    return csr_array((values, names.astype(np.int32), starts), shape=(len(rows), columns))


def weigh_rows(table: csr_array, rarity: np.ndarray) -> csr_array:
    """The table with its columns weighted, and its rows then brought to length 1."""
    values = table.data * rarity[table.indices]
    lengths = np.sqrt(
        np.bincount(np.repeat(np.arange(table.shape[0]), np.diff(table.indptr)), values**2, table.shape[0])
    )
    return csr_array(
        (
            values / np.repeat(np.maximum(lengths, 1e-12), np.diff(table.indptr)).astype(np.float32),
            table.indices,
            table.indptr,
        ),
        shape=table.shape,
    )


def quantize(vectors: np.ndarray) -> np.ndarray:
    """Vectors, float (..., d), in eight bits, int8, each by its largest value: their cosines stay as they
    are, to a hundredth or so.
    """
    return np.round(127 * vectors / np.maximum(np.abs(vectors).max(axis=-1, keepdims=True), 1e-12)).astype(
        np.int8
    )


def build_index(vectors: np.ndarray) -> Index:
    """An index of vectors, int8 (n, d), by their cosines. One thread adds them: the same vectors give the
    same index.
    """
    index = Index(
        ndim=vectors.shape[1],
        metric="cos",
        dtype="i8",
        connectivity=16,
        expansion_add=EXPANSION,
        expansion_search=EXPANSION,
    )
    index.add(np.arange(len(vectors)), np.ascontiguousarray(vectors), threads=1)
    return index


def search_index(
    index: Index, queries: np.ndarray, rows: np.ndarray, neighbours: int
) -> Iterator[tuple[Pair, float, bool]]:
    """Pairs of rows, int (m,), of `queries`, int8 (n, d), and their neighbours: the pair, its cosine, whether
    the row is its second.
    """
    found = index.search(np.ascontiguousarray(queries[rows]), min(neighbours + 1, len(index)))
    keys = np.asarray(found.keys).reshape(len(rows), -1)
    cosines = 1 - np.asarray(found.distances).reshape(len(rows), -1)
    for row, others, values in zip(rows.tolist(), keys.tolist(), cosines.tolist(), strict=True):
        for other, cosine in zip(others, values, strict=True):
            if other != row and cosine > 0:
                yield (min(row, other), max(row, other)), cosine, other < row
