"""When a model should not answer: photographs unlike those it learned from, and photographs on the fence.

Both references are made by training and lie in the RUN as `reference.npz`.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lentigo.errors import ModelError

LARGEST_REFERENCE = 512 << 20  # bytes of its arrays
CENTRES = {  # their name in the file, by what is measured
    "embedding": "unit_centres",
    "middle": "middle_centres",
    "reference": "reference_centres",
}
PARTS = {"reference": (48, 88, 120)}  # sizes of the parts of an output that are measured one by one


@dataclass(frozen=True)
class Reference:
    """What a model knows.

    `centres` (2, d) of the classes' embeddings, each of length 1, and `whitening` (d, k), so that distances
    after it are those of Mahalanobis under the classes' common covariance (Lee 2018; on unit vectors Mueller
    & Hein 2025, arXiv 2505.18032: how long an embedding is says little of what it shows). A photograph
    further than `limit` from both centres shows no lesion; one further than `shift_limit` shows a lesion, but
    is unlike the sources that the model has learned from. `output` is the answer of the graph that is
    measured: of "embedding" its direction, of "middle" its means and deviations, of "reference" the
    directions of the means of three maps of a frozen branch: their distances are scaled to each other, and
    the largest counts. `benign` and `malignant` are the ascending probabilities of validation photographs by
    their truth.
    """

    centres: np.ndarray
    whitening: np.ndarray
    limit: float
    benign: np.ndarray
    malignant: np.ndarray
    output: str = "embedding"
    shift_limit: float = np.inf

    def measure_distance(self, points: np.ndarray) -> np.ndarray:
        """Distances, float (n,), of what the graph gives for photographs (n, d) from the nearer class
        centre.
        """
        points, centres = whiten(scale(points, self.output), self.rows), self.whitened_centres
        squares = (points[:, None] - centres[None]) ** 2
        distances = [
            np.sqrt(squares[:, :, part].sum(axis=2)).min(axis=1)
            for part in list_parts(self.output, squares.shape[2])
        ]
        return np.max(distances, axis=0)

    @cached_property
    def rows(self) -> np.ndarray:
        """The whitening's columns one after the other in memory, (k, d)."""
        return np.ascontiguousarray(self.whitening.T)

    @cached_property
    def whitened_centres(self) -> np.ndarray:
        """(2, k)."""
        return whiten(self.centres, self.rows)

    def list_possible(self, probability: float, alpha: float) -> tuple[str, ...]:
        """The classes that conformal prediction cannot exclude at a risk, by class (Vovk 2012, Mondrian).

        A class stands unless fewer than the share `risk` of its own validation photographs look as foreign to
        it. Of photographs like those of validation the true class is excluded with probability `risk` at
        most, whatever the class.
        """
        stranger = {
            "benign": len(self.benign) - np.searchsorted(self.benign, probability, "left"),
            "malignant": np.searchsorted(self.malignant, probability, "right"),
        }
        sizes = {"benign": len(self.benign), "malignant": len(self.malignant)}
        return tuple(name for name, count in stranger.items() if (count + 1) / (sizes[name] + 1) > alpha)

    def save(self, path: Path, tta: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        """Writes arrays, no pickles.

        Args:
            path: The file.
            tta: `benign` and `malignant` by the mean over mirrored views, where that was measured.
        """
        arrays = {
            CENTRES[self.output]: self.centres,
            "whitening": self.whitening,
            "limit": self.limit,
            "shift_limit": self.shift_limit,
        }
        arrays |= {"benign": self.benign, "malignant": self.malignant}
        if tta is not None:
            arrays |= {"benign_tta": tta[0], "malignant_tta": tta[1]}
        np.savez(path, **arrays)


def list_parts(output: str, size: int) -> list[slice]:
    """The parts of what is measured, of `size` numbers in all, whose distances are measured one by one."""
    ends = np.cumsum(PARTS.get(output, (size,)))
    return [
        slice(int(end - length), int(end))
        for end, length in zip(ends, PARTS.get(output, (size,)), strict=True)
    ]


def scale(points: np.ndarray, output: str) -> np.ndarray:
    """What is measured of an output (n, d) of the graph, see `Reference`."""
    if output == "embedding":
        return shorten(points)
    if output == "reference":
        return np.concatenate(
            [shorten(points[:, part]) for part in list_parts(output, points.shape[1])], axis=1
        )
    means, squares = np.split(points.astype(np.float64), 2, axis=1)
    return np.concatenate([means, np.sqrt(np.maximum(squares - means**2, 0))], axis=1)


def shorten(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (n, d) of length 1; one that is nil stays so."""
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)


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
    end = "_tta" if tta else ""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_REFERENCE:
                raise ValueError(f"unpacks to more than {LARGEST_REFERENCE >> 20} MB")
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            output = next((name for name, key in CENTRES.items() if key in file.files), "embedding")
            centres = file[CENTRES[output]]
            shift_limit = file["shift_limit"] if "shift_limit" in file.files else np.array(np.inf)
            arrays = {"whitening": file["whitening"], "limit": file["limit"]}
            arrays |= {"benign": file[f"benign{end}"], "malignant": file[f"malignant{end}"]}
        check_arrays({**arrays, "centres": centres, "shift_limit": shift_limit})
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
    ) as error:
        raise ModelError(f"{path}: is damaged ({error}); copy the RUN again from its source") from error
    return Reference(
        **{
            **arrays,
            "centres": centres,
            "output": output,
            "limit": float(arrays["limit"]),
            "shift_limit": float(shift_limit),
            "whitening": np.asarray(arrays["whitening"], np.float32),
        }
    )


def check_arrays(arrays: dict[str, np.ndarray]) -> None:
    """Raises `ValueError` where the arrays of a reference do not go together."""
    for name, dimensions in (
        ("centres", 2),
        ("whitening", 2),
        ("benign", 1),
        ("malignant", 1),
        ("limit", 0),
        ("shift_limit", 0),
    ):
        array = arrays[name]
        if array.ndim != dimensions or array.dtype.kind not in "fiu":
            raise ValueError(
                f"{name}: {array.dtype} {array.shape}, expected numbers in {dimensions} dimensions"
            )
    if arrays["centres"].shape != (2, len(arrays["whitening"])):
        raise ValueError(
            f"centres {arrays['centres'].shape} and whitening {arrays['whitening'].shape} do not go together"
        )
