"""Artefacts that are learned: a linear head on what a frozen network sees in a photograph.

Rulers, hairs and ink have a shape that can be looked for (`artefact_detection`). A coloured patch or bubbles
of gel are easier to learn from examples. The head reads an embedding that is passed in, and what image
processing has measured. How it was learned, and how often it is right, stands in BENCHMARKS.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lentigo.common.array_files import read_arrays
from lentigo.common.files import write_whole
from lentigo.errors import ModelError
from lentigo.images.artefacts.artefact_detection import KINDS, LIMITS, Artefacts

MEASURED = ("hair", "ruler", "ink", "dark_corners")  # by image processing, that the head reads, too
OFFSETS = (0.05, 1.0, 1e-4, 1e-3)  # that are added to them before the logarithm
BY_SHAPE = "image processing"
BY_HEAD = "a learned head"
BY_EITHER = f"{BY_SHAPE} or {BY_HEAD}"


@dataclass(frozen=True)
class ArtefactHead:
    """A linear head for each of several kinds of artefact.

    Attributes:
        kinds: Their names, k of them.
        weights: Of the embedding's d numbers and of those of `describe_measured`, float (d + m, k).
        bias: Float (k,).
        limits: The score from which a kind is flagged, float (k,).
    """

    kinds: tuple[str, ...]
    weights: np.ndarray
    bias: np.ndarray
    limits: np.ndarray

    @property
    def embedding_size(self) -> int:
        """How many numbers an embedding has."""
        return len(self.weights) - 2 * len(MEASURED)

    def score(self, embedding: np.ndarray, found: Artefacts) -> np.ndarray:
        """Scores a photograph.

        Args:
            embedding: Float (d,).
            found: What image processing has measured in it.

        Returns:
            The log-odds of each kind, float (k,).
        """
        features = np.concatenate([embedding, describe_measured(found)])
        return features @ self.weights + self.bias

    def flag(self, embedding: np.ndarray, found: Artefacts) -> dict[str, bool]:
        """Flags the artefacts of a photograph.

        Args:
            embedding: Float (d,).
            found: What image processing has measured in it.

        Returns:
            Whether each kind was found: by image processing, or by the head where it knows the kind.
        """
        flags = dict(found.flags)
        reached = self.score(embedding, found) >= self.limits
        for kind, is_found in zip(self.kinds, reached, strict=True):
            flags[kind] = flags.get(kind, False) or bool(is_found)
        return flags

    def save(self, path: Path) -> None:
        """Writes the head as arrays, no pickles.

        Args:
            path: The file.
        """
        with write_whole(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                kinds=np.array(self.kinds),
                weights=self.weights.astype(np.float32),
                bias=self.bias,
                limits=self.limits,
            )


@dataclass(frozen=True)
class ArtefactDetector:
    """A head, and what gives it the embedding of a photograph.

    Attributes:
        head: The head.
        embed: Gives the embedding, float (d,), of pixels, uint8 (224, 224, 3) RGB. It is called by several
            threads at once.
    """

    head: ArtefactHead
    embed: Callable[[np.ndarray], np.ndarray]

    def flag(self, pixels: np.ndarray, found: Artefacts) -> dict[str, bool]:
        """Flags the artefacts of a photograph.

        Args:
            pixels: uint8 (224, 224, 3) RGB.
            found: What image processing has measured in it.

        Returns:
            As `ArtefactHead.flag`.
        """
        return self.head.flag(self.embed(pixels), found)


def load_head(path: Path) -> ArtefactHead:
    """Loads a head.

    Args:
        path: Of the file that `ArtefactHead.save` wrote.

    Returns:
        The head.

    Raises:
        ModelError: The file is damaged, or its arrays do not go together.
    """
    try:
        arrays = read_arrays(path)
        head = ArtefactHead(
            kinds=tuple(map(str, arrays["kinds"])),
            weights=arrays["weights"],
            bias=arrays["bias"],
            limits=arrays["limits"],
        )
        fits = is_whole(head)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is damaged ({error}); copy the RUN again from its source") from error
    if not fits:
        raise ModelError(
            f"{path}: is damaged (weights {head.weights.shape} for {len(head.kinds)} kinds); copy the RUN again "
            "from its source"
        )
    return head


def is_whole(head: ArtefactHead) -> bool:
    """Whether the arrays of a head go together, and all its numbers are finite."""
    count = len(head.kinds)
    if head.weights.ndim != 2 or head.weights.shape[1] != count or head.embedding_size < 1:
        return False
    if not head.bias.shape == head.limits.shape == (count,):
        return False
    numbers = np.concatenate([head.weights.ravel(), head.bias, head.limits])
    return bool(np.isfinite(numbers).all())


def describe_measured(found: Artefacts) -> np.ndarray:
    """Describes what image processing has measured: logarithms, and whether limits are reached.

    Args:
        found: The measured values.

    Returns:
        Float (2 m,) for the m kinds of `MEASURED`.
    """
    values = np.array([getattr(found, kind) for kind in MEASURED], float)
    limits = np.array([LIMITS[kind] for kind in MEASURED])
    return np.concatenate([np.log(np.maximum(values, 0) + OFFSETS), values >= limits])


def list_detectors(head: ArtefactHead | None) -> dict[str, str]:
    """Says what finds each kind of artefact.

    Args:
        head: The head in use; None for image processing alone.

    Returns:
        `BY_SHAPE`, `BY_HEAD` or `BY_EITHER` by kind.
    """
    detectors = dict.fromkeys(KINDS, BY_SHAPE)
    if head is not None:
        for kind in head.kinds:
            detectors[kind] = BY_EITHER if kind in KINDS else BY_HEAD
    return detectors
