"""When a model should not decide: photographs unlike those it learned from, and uncertain ones.

Both references are made by training and lie in the RUN as `reference.npz`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.array_files import read_arrays
from lentigo.errors import ModelError

MIN_LENGTH = 1e-12  # of an embedding: a shorter one is nil
CENTRES = {  # their name in the file, by the output that is measured
    "embedding": "unit_centres",
    "middle": "middle_centres",
    "reference": "reference_centres",
}
# Sizes of the parts of an output whose distances are measured one by one
PART_SIZES = {"reference": (48, 88, 120)}


@dataclass(frozen=True)
class Reference:
    """What the photographs that a model has learned from look like to it.

    A distance is that of Mahalanobis under the classes' common covariance, from the nearer class centre (Lee
    2018; on unit vectors Mueller & Hein 2025, arXiv 2505.18032: how long an embedding is says little of what
    it shows).

    Attributes:
        centres: Of the classes, (2, d).
        whitening: (d, k), after which distances are those of Mahalanobis.
        limit: A photograph further than this from both centres shows no lesion.
        benign: P(malignant) of the benign photographs of validation, ascending.
        malignant: The same of the malignant ones.
        output: Of the graph, that is measured: of "embedding" its direction, of "middle", the mid-level
            features, means and deviations, of "reference" the directions of the means of three maps of a
            frozen branch: their distances are scaled to each other, and the largest counts.
        shift_limit: A photograph further than this shows a lesion, but is unlike the sources that the model
            has learned from.
        lesion_limit: A photograph shows no lesion where the graph's output "lesion", the highest P(lesion) of
            all its places, is below this; 0 where it is not asked.
    """

    centres: np.ndarray
    whitening: np.ndarray
    limit: float
    benign: np.ndarray
    malignant: np.ndarray
    output: str = "embedding"
    shift_limit: float = np.inf
    lesion_limit: float = 0.0

    def measure_distance(self, points: np.ndarray) -> np.ndarray:
        """Measures how far photographs are from the nearer class centre.

        Args:
            points: What the graph gives for them, (n, d).

        Returns:
            Float (n,).
        """
        whitened = whiten(scale(points, self.output), self.whitening_rows)
        squares = (whitened[:, None] - self.whitened_centres[None]) ** 2  # (n, 2, k)
        distances = []
        for part in list_parts(self.output, squares.shape[2]):
            to_centres = np.sqrt(squares[:, :, part].sum(axis=2))
            distances.append(to_centres.min(axis=1))
        return np.max(distances, axis=0)

    @cached_property
    def whitening_rows(self) -> np.ndarray:
        """The whitening's columns one after the other in memory, (k, d)."""
        return np.ascontiguousarray(self.whitening.T)

    @cached_property
    def whitened_centres(self) -> np.ndarray:
        """(2, k)."""
        return whiten(self.centres, self.whitening_rows)

    def find_conformal_set(self, probability: float, alpha: float) -> tuple[str, ...]:
        """Finds the classes that conformal prediction cannot exclude, class by class (Vovk 2012, Mondrian).

        A class stays unless fewer than the share `alpha` of its own validation photographs are as unlike it.
        Of photographs like those of validation the true class is excluded with probability `alpha` at most,
        whatever the class.

        Args:
            probability: P(malignant) of a photograph.
            alpha: The share of each class that may be missed.
        """
        n_benign = len(self.benign)
        n_malignant = len(self.malignant)
        # Validation photographs of each class that look as unlike it as this one, or more
        as_unlike_benign = n_benign - np.searchsorted(self.benign, probability, "left")
        as_unlike_malignant = np.searchsorted(self.malignant, probability, "right")
        kept = []
        if (as_unlike_benign + 1) / (n_benign + 1) > alpha:
            kept.append("benign")
        if (as_unlike_malignant + 1) / (n_malignant + 1) > alpha:
            kept.append("malignant")
        return tuple(kept)

    def save(self, path: Path, tta: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        """Writes arrays, no pickles.

        Args:
            path: The file.
            tta: `benign` and `malignant` by the mean over mirrored views, where that was measured.
        """
        arrays: dict[str, Any] = {
            CENTRES[self.output]: self.centres,
            "whitening": self.whitening,
            "limit": self.limit,
            "shift_limit": self.shift_limit,
            "lesion_limit": self.lesion_limit,
            "benign": self.benign,
            "malignant": self.malignant,
        }
        if tta is not None:
            arrays["benign_tta"], arrays["malignant_tta"] = tta
        np.savez(path, **arrays)


def list_parts(output: str, size: int) -> list[slice]:
    """The parts of what is measured, of `size` numbers in all, whose distances are measured one by one.

    Args:
        output: The name of the graph's output.
        size: How many numbers it has.
    """
    parts = []
    start = 0
    for length in PART_SIZES.get(output, (size,)):
        parts.append(slice(start, start + length))
        start += length
    return parts


def scale(points: np.ndarray, output: str) -> np.ndarray:
    """Turns an output of the graph into what is measured of it, see `Reference`.

    Args:
        points: (n, d).
        output: Its name.
    """
    if output == "embedding":
        return normalise_length(points)
    if output == "reference":
        # Each map's means by their direction alone, so that none outweighs the others
        parts = [normalise_length(points[:, part]) for part in list_parts(output, points.shape[1])]
        return np.concatenate(parts, axis=1)
    # "middle": means of a map's channels, then means of their squares
    means, squares = np.split(points.astype(np.float64), 2, axis=1)
    deviations = np.sqrt(np.maximum(squares - means**2, 0))  # rounding may make a variance negative
    return np.concatenate([means, deviations], axis=1)


def normalise_length(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (n, d) of length 1; one that is nil stays so."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(lengths, MIN_LENGTH)


def whiten(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Points (n, d) times the transpose of `rows` (k, d). Not by BLAS, whose threads wait for one another,
    and for each of OpenVINO's: with them a folder of photographs took twice as long."""
    return np.einsum("nd,kd->nk", points, rows)


def load_reference(path: Path, *, tta: bool = False) -> Reference:
    """Reads what `Reference.save` wrote.

    Args:
        path: The file.
        tta: Whether the probabilities are those of the mean over mirrored views.

    Returns:
        The reference.

    Raises:
        ModelError: The file is damaged, or unpacks to more than any RUN has.
    """
    try:
        return make_reference(read_arrays(path), "_tta" if tta else "")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is damaged ({error}); copy the RUN again from its source") from error


def make_reference(file: dict[str, np.ndarray], ending: str) -> Reference:
    """The reference of the arrays of its file; `ending` of the names of its probabilities."""
    output = find_output(file)
    arrays = {
        "centres": file[CENTRES[output]],
        "whitening": file["whitening"],
        "limit": file["limit"],
        "benign": file[f"benign{ending}"],
        "malignant": file[f"malignant{ending}"],
        "shift_limit": file["shift_limit"] if "shift_limit" in file else np.array(np.inf),
        "lesion_limit": file["lesion_limit"] if "lesion_limit" in file else np.array(0.0),
    }
    check_arrays(arrays)
    return Reference(
        centres=arrays["centres"],
        whitening=np.asarray(arrays["whitening"], np.float32),
        limit=float(arrays["limit"]),
        benign=arrays["benign"],
        malignant=arrays["malignant"],
        output=output,
        shift_limit=float(arrays["shift_limit"]),
        lesion_limit=float(arrays["lesion_limit"]),
    )


def find_output(file: dict[str, np.ndarray]) -> str:
    """The output of the graph that a reference measures, by the name that its centres have in the file."""
    for output, key in CENTRES.items():
        if key in file:
            return output
    return "embedding"  # whose centres are missing: told by whoever looks for them


DIMENSIONS = {
    "centres": 2,
    "whitening": 2,
    "benign": 1,
    "malignant": 1,
    "limit": 0,
    "shift_limit": 0,
    "lesion_limit": 0,
}


def check_arrays(arrays: dict[str, np.ndarray]) -> None:
    """Raises `ValueError` where the arrays of a reference do not go together."""
    for name, dimensions in DIMENSIONS.items():
        array = arrays[name]
        if array.ndim != dimensions or array.dtype.kind not in "fiu":
            raise ValueError(
                f"{name}: {array.dtype} {array.shape}, expected numbers in {dimensions} dimensions"
            )
        if name != "shift_limit" and not np.isfinite(array).all():
            raise ValueError(f"{name}: holds what is no finite number")  # no distance would be above a limit
    if arrays["centres"].shape != (2, len(arrays["whitening"])):
        raise ValueError(
            f"centres {arrays['centres'].shape} and whitening {arrays['whitening'].shape} do not go together"
        )
