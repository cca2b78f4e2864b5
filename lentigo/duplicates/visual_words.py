"""Visual words: what a local feature shows, as a number. Photographs that share some are found as texts are.

A feature is rounded in steps: to the nearest of some typical ones, what is left to the nearest of some
typical rests, and that once more (residual vector quantization, Juang and Gray 1982). The last step has more
words where there are more photographs, so that a word occurs in about as many photographs, whatever their
number. A feature near a border changes its word easily: `TABLES` sets of words, each fitted to other
features, have other borders. The words are fitted to the data set itself; no pretrained network is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lentigo.duplicates.fingerprints import Fingerprint, mirror_features, restore_descriptors

TABLES = 2  # sets of words
COMPONENTS = 48  # principal components that are kept of the 128 values of a descriptor
WORDS_OF_STEP = 256  # typical features, and typical rests
IMAGES_PER_LAST_WORD = 1000  # photographs to a word of the last step
MAX_SAMPLE = 40_000  # descriptors to which a set of words is fitted
FEATURES_OF_SAMPLED_IMAGE = 40  # descriptors of each photograph that is drawn for the sample
MIN_MEMBERS = 8  # of the sample to a word
KMEANS_ROUNDS = 10
# A feature counts by how many octaves larger than this it is: reduction and compression remove small ones
# first
SMALLEST_PIXELS = 1.5
MIN_OCTAVES = 0.01  # a feature of the smallest size still counts a little
MAX_OCTAVES = 1.5  # larger features count no more than this


@dataclass(frozen=True)
class Vocabulary:
    """Sets of visual words.

    Attributes:
        tables: Of each set the words of its steps, each float32 (k, `COMPONENTS`).
        axes: The principal components of descriptors, float32 (128, `COMPONENTS`).
        middle: Their mean, float32 (128,).
    """

    tables: tuple[tuple[np.ndarray, ...], ...]
    axes: np.ndarray
    middle: np.ndarray

    @property
    def sizes(self) -> list[int]:
        """The numbers of words of the tables."""
        return [math.prod(map(len, table)) for table in self.tables]

    def name_words(self, descriptors: np.ndarray) -> np.ndarray:
        """The words, int64 (m, tables), of descriptors, uint8 (m, 128).

        Each table's numbers begin where the last one's end.
        """
        values = (restore_descriptors(descriptors) - self.middle) @ self.axes
        # Words of the second table are numbered after those of the first
        starts = np.cumsum([0, *self.sizes[:-1]])
        words = [start + round_steps(values, table) for start, table in zip(starts, self.tables)]
        return np.stack(words, axis=1)

    def count_words(self, fingerprint: Fingerprint, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
        """Counts the words of a photograph.

        Args:
            fingerprint: Of the photograph.
            mirrored: Whether its mirror image is meant.

        Returns:
            The words, ascending, int64 (k,), and how much each weighs, float32 (k,).
        """
        points = fingerprint.points
        descriptors = fingerprint.descriptors
        if mirrored:
            points, descriptors = mirror_features(points, descriptors, 0)
        octaves = np.log2(np.maximum(points[:, 2], 1) / SMALLEST_PIXELS)
        # Large features survive reduction and compression, so they count more
        octaves = np.clip(octaves, MIN_OCTAVES, MAX_OCTAVES)
        words, place = np.unique(self.name_words(descriptors), return_inverse=True)
        weights = np.bincount(place.ravel(), np.repeat(octaves, len(self.tables)), len(words))
        # Roots: a texture that repeats counts less than in proportion
        return words, np.sqrt(weights).astype(np.float32)


def round_steps(values: np.ndarray, steps: tuple[np.ndarray, ...]) -> np.ndarray:
    """The numbers, int64 (m,), of the words that values, float32 (m, d), are rounded to, step by step."""
    number = np.zeros(len(values), np.int64)
    for step in steps:
        nearest = find_nearest(values, step)
        values = values - step[nearest]
        number = number * len(step) + nearest
    return number


def fit_vocabulary(fingerprints: list[Fingerprint], seed: int) -> Vocabulary:
    """Fits visual words to a sample of the features of photographs and of their mirror images.

    Args:
        fingerprints: Of the photographs.
        seed: Of the sample and of k-means.

    Returns:
        The vocabulary.
    """
    rng = np.random.default_rng(seed)
    values = restore_descriptors(draw_descriptors(fingerprints, rng))
    middle = values.mean(axis=0)
    vectors = np.linalg.eigh(np.cov((values - middle).T))[1]  # columns, by ascending variance
    axes = vectors[:, : -COMPONENTS - 1 : -1].astype(np.float32)
    components = (values - middle) @ axes
    words_of_last_step = 2 ** max(round(np.log2(len(fingerprints) / IMAGES_PER_LAST_WORD)), 0)
    counts = (WORDS_OF_STEP, WORDS_OF_STEP, words_of_last_step)
    tables = [fit_steps(share, counts, rng) for share in np.array_split(components, TABLES)]
    return Vocabulary(tuple(tables), axes, middle)


def draw_descriptors(fingerprints: list[Fingerprint], rng: np.random.Generator) -> np.ndarray:
    """`TABLES` * `MAX_SAMPLE` descriptors at most, uint8 (m, 128), shuffled, half of them of mirror
    images.
    """
    total = TABLES * MAX_SAMPLE
    chosen = rng.permutation(len(fingerprints))[: total // FEATURES_OF_SAMPLED_IMAGE]
    # Half of the share for photographs as they are, half for their mirror images
    share = total // (2 * len(chosen))
    sample = []
    for row in chosen:
        descriptors = fingerprints[row].descriptors
        sample.append(descriptors[rng.permutation(len(descriptors))[:share]])
    sample.append(np.zeros((TABLES, 128), np.uint8))  # so that no table is fitted to nothing
    plain = np.concatenate(sample)
    _, mirrored = mirror_features(np.zeros((len(plain), 4)), plain, 0)
    return rng.permutation(np.concatenate([plain, mirrored]))


def fit_steps(
    values: np.ndarray, counts: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """The words of steps, each fitted to what the steps before leave of values, float32 (m, d)."""
    steps = []
    for count in counts:
        # A word of fewer members would be noise
        max_count = max(len(values) // MIN_MEMBERS, 1)
        words = fit_words(values, min(count, max_count), rng)
        values = values - words[find_nearest(values, words)]
        steps.append(words)
    return tuple(steps)


def fit_words(values: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` means of values, float32 (m, d), by Lloyd's k-means from some of the values."""
    words = values[rng.permutation(len(values))[:count]]
    # One word is the mean: a second round changes nothing
    rounds = KMEANS_ROUNDS if count > 1 else 1
    for _ in range(rounds):
        nearest = find_nearest(values, words)
        # Sorted by word, sums over each word are one call
        order = np.argsort(nearest, kind="stable")
        numbers, starts, members = np.unique(nearest[order], return_index=True, return_counts=True)
        words = words.copy()
        words[numbers] = np.add.reduceat(values[order], starts) / members[:, None].astype(np.float32)
    return words


def find_nearest(values: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The number of the word, (k, d), that is nearest to each of the values, (m, d), int64 (m,)."""
    # The squared distance, less the square of the value and by -2
    closeness = values @ words.T - (words**2).sum(axis=1) / 2
    return closeness.argmax(axis=1)
