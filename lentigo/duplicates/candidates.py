"""The fast stage: which pairs of photographs are worth comparing? Indices are searched, so the work grows as
n log n.

Two descriptions propose pairs. The lowest frequencies of the whole image in eight orientations find images
with hardly any features, or squeezed to another shape. The visual words of the local features
(`lentigo.duplicates.visual_words`), as they are and mirrored, find rotated and cropped images. Embeddings of
a network can be a third description.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial

import numpy as np
from scipy.sparse import csr_array
from usearch.index import Index

from lentigo.duplicates.duplicates import Pair
from lentigo.duplicates.fingerprints import TURNS, Fingerprint, turn_low
from lentigo.duplicates.visual_words import fit_vocabulary

MIN_LOW_COSINE = 0.9  # of low frequencies; all but a few duplicates have 0.97 and more
MIN_WORDS_COSINE = 0.005  # of visual words; all but a few duplicates have 0.009 and more
EXPANSION = 128  # candidates that the index of nearest neighbours keeps (HNSW, Malkov and Yashunin 2018)
BLOCK = 256  # photographs whose words are looked up at a time

# Ways in which the first of a pair may lie on the second, beside its turns: to be found by features
PLAIN = TURNS
MIRRORED = TURNS + 1


class Proposer:
    """Knows the descriptions of a set of photographs, and proposes pairs of it.

    Args:
        fingerprints: Of the n photographs.
        embeddings: Of any network, float (n, d), or None.
        pool: Shares out the work.
        seed: Of the vocabulary.
    """

    def __init__(
        self, fingerprints: list[Fingerprint], embeddings: np.ndarray | None, pool: Executor, seed: int = 0
    ):
        low = np.stack([fingerprint.low for fingerprint in fingerprints])
        self._turned = quantize(turn_low(low))  # (n, 8, 63)
        # The photographs lie in the index as they are; queries are turned, in `_propose_turned`
        self._turned_index = build_index(self._turned[:, 0])
        self._words = WordIndex(fingerprints, pool, seed)
        self._embedded = None
        if embeddings is not None:
            self._embedded = quantize(np.asarray(embeddings))
            self._embedded_index = build_index(self._embedded)

    def propose(self, rows: np.ndarray, neighbours: int) -> dict[Pair, tuple[int, ...]]:
        """Proposes pairs of some photographs with the nearest others in each description.

        Args:
            rows: Of the photographs, int (m,).
            neighbours: How many of each.

        Returns:
            By pair the ways in which its first photograph may lie on the second: turns, `PLAIN`, `MIRRORED`.
        """
        ways: dict[Pair, dict[int, None]] = {}  # a dictionary as an ordered set
        for pair, turn in self._propose_turned(rows, neighbours).items():
            ways.setdefault(pair, {})[turn] = None
        for way in (PLAIN, MIRRORED):
            for pair in self._words.search(rows, neighbours, way == MIRRORED):
                ways.setdefault(pair, {})[way] = None
        if self._embedded is not None:
            for pair, _, _ in search_index(self._embedded_index, self._embedded, rows, neighbours):
                # An embedding says that two are alike, not how the one lies on the other
                ways.setdefault(pair, {}).update({PLAIN: None, MIRRORED: None})
        return {pair: tuple(found) for pair, found in ways.items()}

    def _propose_turned(self, rows: np.ndarray, neighbours: int) -> dict[Pair, int]:
        """Pairs with similar low frequencies, and the turn of the first that brings it nearest to the
        second.
        """
        best_cosine: dict[Pair, float] = {}
        best_turn: dict[Pair, int] = {}
        for turn in range(TURNS):
            found = search_index(self._turned_index, self._turned[:, turn], rows, neighbours)
            for pair, cosine, swapped in found:
                # Of several turns the nearest counts: a round lesion is near in all of them
                if cosine > max(MIN_LOW_COSINE, best_cosine.get(pair, 0.0)):
                    best_cosine[pair] = cosine
                    # Found from the other side: what turns the second onto the first, undone
                    best_turn[pair] = invert_turn(turn) if swapped else turn
        return best_turn


def invert_turn(turn: int) -> int:
    """The turn that undoes another; mirrored turns are their own inverses.

    >>> invert_turn(1), invert_turn(5)
    (3, 5)
    """
    return -turn % 4 if turn < 4 else turn


class WordIndex:
    """Finds photographs that share visual words, as texts are found (inverted file, Sivic and Zisserman
    2003).

    Only photographs that have a word in common are touched.
    """

    def __init__(self, fingerprints: list[Fingerprint], pool: Executor, seed: int):
        vocabulary = fit_vocabulary(fingerprints, seed)
        n_words = sum(vocabulary.sizes)
        plain_rows = list(pool.map(partial(vocabulary.count_words, mirrored=False), fingerprints))
        mirrored_rows = list(pool.map(partial(vocabulary.count_words, mirrored=True), fingerprints))
        plain = stack_rows(plain_rows, n_words)
        mirrored = stack_rows(mirrored_rows, n_words)
        images_with_word = np.bincount(plain.indices, minlength=n_words)
        rarity = np.log1p(len(fingerprints) / np.maximum(images_with_word, 1)).astype(np.float32)
        self._queries = [weigh_rows(plain, rarity), weigh_rows(mirrored, rarity)]
        # The photographs of each word, (words, n): only the words of a query are looked up in it
        self._lists = self._queries[0].T.tocsr()

    def search(self, rows: np.ndarray, neighbours: int, mirrored: bool) -> Iterator[Pair]:
        """Pairs of rows, int (m,), as they are or mirrored, and the `neighbours` that share most words.

        Compared is the cosine of the words' weights.
        """
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            shared = self._queries[mirrored][block] @ self._lists  # (block, n), sparse
            for row, low, high in zip(block.tolist(), shared.indptr[:-1], shared.indptr[1:]):
                others = choose_nearest(shared.data[low:high], shared.indices[low:high], neighbours)
                for other in others:
                    if other != row:
                        yield sort_pair(row, other)


def choose_nearest(cosines: np.ndarray, others: np.ndarray, neighbours: int) -> list[int]:
    """The rows with the highest cosines, one more than `neighbours`, since a row finds itself."""
    # A full sort would cost more than the search itself
    if len(cosines) > neighbours + 1:
        nearest = np.argpartition(-cosines, neighbours)[: neighbours + 1]
        cosines = cosines[nearest]
        others = others[nearest]
    return others[cosines > MIN_WORDS_COSINE].tolist()


def stack_rows(rows: list[tuple[np.ndarray, np.ndarray]], columns: int) -> csr_array:
    """A sparse table, float32 (n, columns), of the columns and values of each row."""
    names, values = zip(*rows, strict=True)
    starts = np.cumsum([0, *map(len, names)])
    entries = (np.concatenate(values), np.concatenate(names).astype(np.int32), starts)
    return csr_array(entries, shape=(len(rows), columns))


def weigh_rows(table: csr_array, rarity: np.ndarray) -> csr_array:
    """The table with its columns weighted, and its rows then brought to length 1."""
    # One product for each entry: what is 0 is not stored
    values = table.data * rarity[table.indices]
    entries = np.diff(table.indptr)  # of each row
    row_of_entry = np.repeat(np.arange(table.shape[0]), entries)
    lengths = np.sqrt(np.bincount(row_of_entry, values**2, table.shape[0]))
    scale = np.repeat(np.maximum(lengths, 1e-12), entries).astype(np.float32)
    return csr_array((values / scale, table.indices, table.indptr), shape=table.shape)


def quantize(vectors: np.ndarray) -> np.ndarray:
    """Vectors, float (..., d), in eight bits, int8, each scaled by its largest value.

    Their cosines stay as they are, to a hundredth or so.
    """
    largest = np.maximum(np.abs(vectors).max(axis=-1, keepdims=True), 1e-12)
    return np.round(127 * vectors / largest).astype(np.int8)


def build_index(vectors: np.ndarray) -> Index:
    """An index of vectors, int8 (n, d), by their cosines.

    One thread adds them, so that the same vectors give the same index.
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
    """Pairs of rows, int (m,), of `queries`, int8 (n, d), and their neighbours.

    Gives the pair, its cosine, and whether the row is its second.
    """
    found = index.search(np.ascontiguousarray(queries[rows]), min(neighbours + 1, len(index)))
    keys = np.asarray(found.keys).reshape(len(rows), -1)  # one row, which usearch gives flat, is (1, k) too
    cosines = 1 - np.asarray(found.distances).reshape(len(rows), -1)
    for row, others, values in zip(rows.tolist(), keys.tolist(), cosines.tolist(), strict=True):
        for other, cosine in zip(others, values, strict=True):
            if other != row and cosine > 0:
                yield sort_pair(row, other), cosine, other < row


def sort_pair(row: int, other: int) -> Pair:
    """Two rows, the smaller first."""
    return min(row, other), max(row, other)
