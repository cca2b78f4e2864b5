"""The fast stage: which pairs of photographs are worth comparing? Nearest neighbours in an index, so that the work grows as n log n.

Two descriptions propose: the lowest frequencies of the whole picture in eight orientations, for pictures with hardly any features or
squeezed to another shape; and the local features summed up in one vector (VLAD, Jegou et al. 2010), which neither turning nor
cropping changes much, as it is and mirrored. The vocabulary is fitted to the set itself: no pretrained network is needed. Embeddings
of a network can be a third.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from usearch.index import Index

from lentigo.data.fingerprints import TURNS, Fingerprint, mirror_features, restore_descriptors, turn_low

WORDS = 64  # of the vocabulary
KEPT = 48  # of the 128 values of a descriptor, its principal components
SMALLEST = 1.5  # pixels: features count by the octaves that they are larger, as smaller pictures and compression take the small ones first
SAMPLE = 20_000  # descriptors to which the vocabulary is fitted
ROUNDS = 12  # of Lloyd's k-means
LEAST_LOW, LEAST_FEATURED = 0.9, 0.06  # cosines: all but a few copies have 0.97 or 0.09 and more
ADDING, SEARCHING = 128, 256  # candidates that the index keeps meanwhile (HNSW, Malkov and Yashunin 2018)
PLAIN, MIRRORED = TURNS, TURNS + 1  # ways in which the first of a pair may lie on the second, beside its turns: to be found by features

Pair = tuple[int, int]  # rows a < b


class Proposer:
    """Knows the descriptions of a set, and proposes pairs of it."""

    def __init__(self, prints: list[Fingerprint], embeddings: np.ndarray | None = None, seed: int = 0):
        """Of `prints` and, where given, `embeddings`, float (n, d), of any network."""
        vocabulary = fit_vocabulary(prints, seed)
        plain, mirrored = (np.stack([quantize(vocabulary.sum_up(each, flip)) for each in prints]) for flip in (False, True))
        self._turned = quantize(turn_low(np.stack([each.low for each in prints])))
        self._turned_index = build_index(self._turned[:, 0])
        self._featured, self._featured_index = {PLAIN: plain, MIRRORED: mirrored}, build_index(plain)
        self._embedded = None if embeddings is None else quantize(np.asarray(embeddings))
        self._embedded_index = None if self._embedded is None else build_index(self._embedded)

    def propose(self, rows: np.ndarray, neighbours: int) -> dict[Pair, tuple[int, ...]]:
        """The nearest `neighbours` of rows, int (m,), in each description, and the ways in which the first of a pair may lie on the second."""
        ways: dict[Pair, dict[int, None]] = {}
        for pair, turn in self._propose_turned(rows, neighbours).items():
            ways.setdefault(pair, {})[turn] = None
        for way, queries in self._featured.items():
            for pair, cosine, _ in search_index(self._featured_index, queries, rows, neighbours):
                if cosine > LEAST_FEATURED:
                    ways.setdefault(pair, {})[way] = None
        if self._embedded is not None:
            for pair, _, _ in search_index(self._embedded_index, self._embedded, rows, neighbours):
                ways.setdefault(pair, {}).update({PLAIN: None, MIRRORED: None})
        return {pair: tuple(found) for pair, found in ways.items()}

    def _propose_turned(self, rows: np.ndarray, neighbours: int) -> dict[Pair, int]:
        """Pairs whose lowest frequencies are alike, and the turn of the first that brings it nearest to the second."""
        nearest: dict[Pair, tuple[float, int]] = {}
        for turn in range(TURNS):
            for pair, cosine, swapped in search_index(self._turned_index, self._turned[:, turn], rows, neighbours):
                if cosine > max(LEAST_LOW, nearest.get(pair, (0.0, 0))[0]):
                    nearest[pair] = cosine, -turn % 4 if swapped and turn < 4 else turn  # mirrored turns are their own inverses
        return {pair: turn for pair, (_, turn) in nearest.items()}


def quantize(vectors: np.ndarray) -> np.ndarray:
    """Vectors, float (..., d), in eight bits, int8, each by its largest value: their cosines stay as they are, to a hundredth or so."""
    return np.round(127 * vectors / np.maximum(np.abs(vectors).max(axis=-1, keepdims=True), 1e-12)).astype(np.int8)


def build_index(vectors: np.ndarray) -> Index:
    """An index of vectors, int8 (n, d), by their cosines. One thread adds them: the same vectors give the same index."""
    index = Index(ndim=vectors.shape[1], metric="cos", dtype="i8", connectivity=16, expansion_add=ADDING, expansion_search=SEARCHING)
    index.add(np.arange(len(vectors)), np.ascontiguousarray(vectors), threads=1)
    return index


def search_index(index: Index, queries: np.ndarray, rows: np.ndarray, neighbours: int) -> Iterator[tuple[Pair, float, bool]]:
    """Pairs of rows, int (m,), of `queries`, int8 (n, d), and their neighbours: the pair, its cosine, whether the row is its second."""
    found = index.search(np.ascontiguousarray(queries[rows]), min(neighbours + 1, len(index)))
    keys = np.asarray(found.keys).reshape(len(rows), -1)
    cosines = 1 - np.asarray(found.distances).reshape(len(rows), -1)
    for row, others, values in zip(rows.tolist(), keys.tolist(), cosines.tolist(), strict=True):
        for other, cosine in zip(others, values, strict=True):
            if other != row and cosine > 0:
                yield (min(row, other), max(row, other)), cosine, other < row


def scale_rows(table: np.ndarray) -> np.ndarray:
    """The rows of a table, float (n, d), brought to length 1, float32."""
    return np.float32(table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12))


@dataclass(frozen=True)
class Vocabulary:
    """Typical descriptors (k-means): `words` (k, `KEPT`) on the principal `axes` (128, `KEPT`) around the `middle` (128,)."""

    words: np.ndarray
    axes: np.ndarray
    middle: np.ndarray

    def sum_up(self, fingerprint: Fingerprint, mirrored: bool) -> np.ndarray:
        """VLAD, float32 (k * `KEPT`,), of length 1: the directions of the features from their nearest words, summed by word, and square roots of that."""
        points, descriptors = fingerprint.points, fingerprint.descriptors
        if mirrored:
            points, descriptors = mirror_features(points, descriptors, 0)
        values = (restore_descriptors(descriptors) - self.middle) @ self.axes
        nearest = find_nearest(values, self.words)
        weights = np.log2(np.maximum(points[:, 2:3] / SMALLEST, 1))
        beyond = mark_words(nearest, len(self.words)) @ (scale_rows(values - self.words[nearest]) * weights)
        return scale_rows((np.sign(beyond) * np.sqrt(np.abs(beyond))).reshape(1, -1))[0]


def fit_vocabulary(prints: list[Fingerprint], seed: int) -> Vocabulary:
    """The vocabulary of a sample of the descriptors of a set and of their mirror images."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(prints))[: SAMPLE // 20]
    share = SAMPLE // (2 * len(chosen))
    sample = [each.descriptors[rng.permutation(len(each.descriptors))[:share]] for each in (prints[row] for row in chosen)]
    plain = np.concatenate([*sample, np.zeros((1, 128), np.uint8)])
    values = restore_descriptors(np.concatenate([plain, mirror_features(np.zeros((len(plain), 4)), plain, 0)[1]]))
    middle = values.mean(axis=0)
    axes = np.linalg.eigh(np.cov((values - middle).T))[1][:, : -KEPT - 1 : -1].astype(np.float32)
    kept = (values - middle) @ axes
    words = kept[rng.permutation(len(kept))[:WORDS]]
    for _ in range(ROUNDS):
        members = mark_words(find_nearest(kept, words), len(words))
        counts = members.sum(axis=1, keepdims=True)
        words = np.where(counts > 0, members @ kept / np.maximum(counts, 1), words)
    return Vocabulary(words, axes, middle)


def find_nearest(values: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Of each of the values, (m, d), the nearest word of (k, d), int (m,)."""
    return (values @ words.T - (words**2).sum(axis=1) / 2).argmax(axis=1)


def mark_words(nearest: np.ndarray, words: int) -> np.ndarray:
    """1 where a value has a word, float32 (words, m)."""
    return np.equal(np.arange(words)[:, None], nearest).astype(np.float32)
