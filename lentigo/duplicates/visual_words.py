"""Visual words: what a local feature shows, as a number, so that photographs that share some are found as
texts are found by theirs.

A feature is rounded in steps: to the nearest of some typical ones, what is left to the nearest of some
typical rests, and that once more (residual vector quantization, Juang and Gray 1982). The last step has the
more words the more photographs there are, so that a word stands in about as many photographs, whatever their
number. A feature near a border changes its word easily: `TABLES` sets of words, each fitted to other
features, have other borders. They are fitted to the set itself: no pretrained network is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lentigo.duplicates.fingerprints import Fingerprint, mirror_features, restore_descriptors

TABLES = 2  # sets of words
KEPT = 48  # of the 128 values of a descriptor, its principal components
STEP = 256  # typical features, and typical rests
EACH = 1000  # photographs to a word of the last step
SAMPLE = 40_000  # descriptors to which a set of words is fitted, at most
MEMBERS = 8  # of the sample to a word, at least
ROUNDS = 10  # of Lloyd's k-means
# Pixels: features count by the octaves that they are larger, as smaller pictures and compression take the
# small ones first
SMALLEST = 1.5
LEAST, MOST = 0.01, 1.5  # octaves that count


@dataclass(frozen=True)
class Vocabulary:
    """`tables`, of each the words of its steps, float32 (k, `KEPT`), on the principal `axes` (128, `KEPT`)
    around the `middle` (128,).
    """

    tables: tuple[tuple[np.ndarray, ...], ...]
    axes: np.ndarray
    middle: np.ndarray

    @property
    def sizes(self) -> list[int]:
        """The numbers of words of the tables."""
        return [int(np.prod([len(step) for step in table])) for table in self.tables]

    def name_words(self, descriptors: np.ndarray) -> np.ndarray:
        """The words of descriptors, uint8 (m, 128), int64 (m, tables); each table's numbers begin where the
        last one's end.
        """
        values = (restore_descriptors(descriptors) - self.middle) @ self.axes
        starts = np.cumsum([0, *self.sizes[:-1]])
        return np.stack(
            [start + round_steps(values, table) for start, table in zip(starts, self.tables)], axis=1
        )

    def count_words(self, fingerprint: Fingerprint, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
        """The words of a photograph, or of its mirror image, int64 (k,), ascending, and how much each weighs,
        float32 (k,).
        """
        points, descriptors = fingerprint.points, fingerprint.descriptors
        if mirrored:
            points, descriptors = mirror_features(points, descriptors, 0)
        octaves = np.clip(np.log2(np.maximum(points[:, 2], 1) / SMALLEST), LEAST, MOST)
        words, place = np.unique(self.name_words(descriptors), return_inverse=True)
        return words, np.sqrt(
            np.bincount(place.ravel(), np.repeat(octaves, len(self.tables)), len(words))
        ).astype(np.float32)


def round_steps(values: np.ndarray, steps: tuple[np.ndarray, ...]) -> np.ndarray:
    """The numbers, int64 (m,), of the words that values, float32 (m, d), are rounded to by the words of some
    steps.
    """
    number = np.zeros(len(values), np.int64)
    for step in steps:
        nearest = find_nearest(values, step)
        values = values - step[nearest]
        number = number * len(step) + nearest
    return number


def fit_vocabulary(prints: list[Fingerprint], seed: int) -> Vocabulary:
    """The vocabulary of a sample of the descriptors of a set and of their mirror images."""
    rng = np.random.default_rng(seed)
    values = restore_descriptors(draw_descriptors(prints, rng))
    middle = values.mean(axis=0)
    axes = np.linalg.eigh(np.cov((values - middle).T))[1][:, : -KEPT - 1 : -1].astype(np.float32)
    kept = (values - middle) @ axes
    last = 2 ** max(round(np.log2(len(prints) / EACH)), 0)
    return Vocabulary(
        tuple(fit_steps(part, (STEP, STEP, last), rng) for part in np.array_split(kept, TABLES)), axes, middle
    )


def draw_descriptors(prints: list[Fingerprint], rng: np.random.Generator) -> np.ndarray:
    """`TABLES` * `SAMPLE` descriptors at most, uint8 (m, 128), in no order, half of them of mirror images."""
    chosen = rng.permutation(len(prints))[: TABLES * SAMPLE // 40]
    share = TABLES * SAMPLE // (2 * len(chosen))
    sample = [
        each.descriptors[rng.permutation(len(each.descriptors))[:share]]
        for each in (prints[row] for row in chosen)
    ]
    plain = np.concatenate([*sample, np.zeros((TABLES, 128), np.uint8)])
    return rng.permutation(np.concatenate([plain, mirror_features(np.zeros((len(plain), 4)), plain, 0)[1]]))


def fit_steps(
    values: np.ndarray, counts: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """The words of steps, each fitted to what the steps before leave of values, float32 (m, d)."""
    steps = []
    for count in counts:
        steps.append(fit_words(values, min(count, max(len(values) // MEMBERS, 1)), rng))
        values = values - steps[-1][find_nearest(values, steps[-1])]
    return tuple(steps)


def fit_words(values: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` means of values, float32 (m, d), by Lloyd's k-means from some of the values."""
    words = values[rng.permutation(len(values))[:count]]
    for _ in range(ROUNDS if count > 1 else 1):
        nearest = find_nearest(values, words)
        order = np.argsort(nearest, kind="stable")
        numbers, starts, members = np.unique(nearest[order], return_index=True, return_counts=True)
        words = words.copy()
        words[numbers] = np.add.reduceat(values[order], starts) / members[:, None].astype(np.float32)
    return words


def find_nearest(values: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Of each of the values, (m, d), the nearest word of (k, d), int64 (m,)."""
    return (values @ words.T - (words**2).sum(axis=1) / 2).argmax(axis=1)
