"""Stress: the same photographs changed as cameras, software and people change them, and predicted again.

A model that has learned the lesion keeps its predictions; one that has learned the camera does not.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from lentigo.common.progress import Progress, show_nothing
from lentigo.common.statistics.intervals import compare_aurocs, estimate_auroc, estimate_share
from lentigo.datasets.dataset import Dataset
from lentigo.errors import DataError
from lentigo.images.artefacts.drawn_artefacts import add_dark_corners, add_hairs, add_ink, add_ruler
from lentigo.images.corruptions import add_noise, blur, dim, draw, recompress, resample, warp
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.images.problems import Problem

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # uint8 (S, S, 3) RGB to the same


@dataclass(frozen=True)
class Stress:
    """How a model predicts photographs that were all changed in one way.

    Intervals are of 95 %, by groups. A value is NaN where a class is missing.

    Attributes:
        name: Of the change.
        n: Photographs.
        auroc: After the change.
        auroc_ci: Its interval.
        loss: The AUROC of the unchanged photographs less `auroc`.
        loss_ci: Its interval, paired with the unchanged.
        changed: The share of decisions that differ from those of the unchanged.
        changed_ci: Its interval.
        missed: The share of malignant photographs that are called malignant only when unchanged.
        shift: The mean change of the probability.
    """

    name: str
    n: int
    auroc: float
    auroc_ci: tuple[float, float]
    loss: float
    loss_ci: tuple[float, float]
    changed: float
    changed_ci: tuple[float, float]
    missed: float
    shift: float


def stress_model(
    predict: Callable[[Iterable[np.ndarray]], Iterable[float]],
    dataset: Dataset,
    *,
    threshold: float,
    seed: int = 0,
    progress: Progress = show_nothing,
) -> tuple[Stress, ...]:
    """Predicts the photographs of a data set unchanged, then after each change of `STRESSES`.

    The same seed changes a photograph in the same way whatever other photographs there are.

    Args:
        predict: Gives calibrated probabilities for pixels, uint8 (224, 224, 3) RGB each, in order.
        dataset: Photographs with labels. Those that cannot be read are left out.
        threshold: From which P(malignant) is called malignant.
        seed: Of the changes.
        progress: Shows how many changes have been measured.

    Returns:
        One for no change first, then one for each change.

    Raises:
        DataError: No photograph can be read.
    """
    changes: dict[str, Change] = {"unchanged": lambda pixels, rng: pixels, **dict(STRESSES)}
    images = stream_images(dataset.table["image"])
    # Read once to know which can be read: the changes then stream through, never all in memory
    readable = dataset.take(np.array([isinstance(image, DecodedImage) for image in images], bool))
    if len(readable) == 0:
        raise DataError(
            f"{dataset.name}: none of its {len(dataset)} photographs can be read; expected some to change"
        )
    probabilities = {}
    for name, change in progress(changes.items(), total=len(changes), label="stresses"):
        changed = change_images(readable, change, seed)
        probabilities[name] = np.fromiter(predict(changed), float)
    return compare_changes(probabilities, readable.malignant, readable.groups, threshold)


def change_images(dataset: Dataset, change: Change, seed: int) -> Iterator[np.ndarray]:
    """The changed pixels of each photograph, all of them readable.

    Chance follows the seed and the photograph's own pixels.
    """
    for image in stream_images(dataset.table["image"]):
        if isinstance(image, Problem):
            raise DataError(f"{image.image}: {image.error}; it could be read a moment ago")
        # The noise of a photograph depends on itself, not on its place: a subset gets the same numbers
        rng = np.random.default_rng([seed, zlib.crc32(image.pixels.tobytes())])
        yield change(image.pixels, rng)


def compare_changes(
    probabilities: dict[str, np.ndarray], malignant: np.ndarray, groups: np.ndarray, threshold: float
) -> tuple[Stress, ...]:
    """A `Stress` for each change, of probabilities, float (n,); the first is that of no change."""
    unchanged = next(iter(probabilities.values()))  # dictionaries keep their order
    rows = []
    for name, probability in probabilities.items():
        rows.append(compare_change(name, probability, unchanged, malignant, groups, threshold))
    return tuple(rows)


def compare_change(
    name: str,
    probability: np.ndarray,
    unchanged: np.ndarray,
    malignant: np.ndarray,
    groups: np.ndarray,
    threshold: float,
) -> Stress:
    """How the predictions after one change differ from those of the unchanged photographs."""
    decided = unchanged >= threshold
    # A decision that flips, to either class
    differ = decided != (probability >= threshold)
    sick = malignant == 1
    auroc, auroc_ci = estimate_auroc(malignant, probability, groups)
    aurocs, loss_ci, _ = compare_aurocs(malignant, probability, unchanged, groups)
    changed_ci = estimate_share(differ, groups)
    # Without a change there is no chance that one was missed: an interval would suggest it
    if np.array_equal(probability, unchanged):  # the photographs themselves
        changed_ci = (0.0, 0.0)
    missed = float("nan")
    if sick.any():
        missed = float((differ & decided)[sick].mean())
    return Stress(
        name=name,
        n=len(malignant),
        auroc=auroc,
        auroc_ci=auroc_ci,
        loss=float(aurocs[1] - aurocs[0]),
        loss_ci=loss_ci,
        changed=float(differ.mean()),
        changed_ci=changed_ci,
        missed=missed,
        shift=float((probability - unchanged).mean()),
    )


def tabulate_stress(stresses: Iterable[Stress]) -> pd.DataFrame:
    """Makes a table with a row for each change.

    Args:
        stresses: Of `stress_model`.

    Returns:
        Their fields; each interval is two columns, such as `auroc_low` and `auroc_high`.
    """
    rows = []
    for stress in stresses:
        values: dict[str, object] = {}
        for field, value in vars(stress).items():
            if isinstance(value, tuple):
                name = field.removesuffix("_ci")
                # An interval becomes two columns
                values[f"{name}_low"], values[f"{name}_high"] = value
            else:
                values[field] = value
        rows.append(values)
    return pd.DataFrame(rows)


STRESSES: tuple[tuple[str, Change], ...] = (
    ("rotated by 45 degrees", lambda pixels, rng: warp(pixels, degrees=45)),
    ("rotated by 90 degrees", lambda pixels, rng: np.ascontiguousarray(np.rot90(pixels))),
    ("flipped", lambda pixels, rng: np.ascontiguousarray(np.fliplr(pixels))),
    ("zoomed in by 15 %", lambda pixels, rng: warp(pixels, zoom=1.15)),
    ("zoomed out by 15 %", lambda pixels, rng: warp(pixels, zoom=1 / 1.15)),
    ("JPEG quality 30", lambda pixels, rng: recompress(pixels, 30)),
    ("half size and back", lambda pixels, rng: resample(pixels, 0.5)),
    ("blurred, sigma 2 px", lambda pixels, rng: blur(pixels, 2)),
    ("noise, sigma 12", lambda pixels, rng: add_noise(pixels, rng, 12)),
    ("darkened to 60 %", lambda pixels, rng: dim(pixels, 0.6)),
    ("brightened to 130 %", lambda pixels, rng: dim(pixels, 1.3)),
    ("tinted warm", lambda pixels, rng: dim(pixels, (1.1, 1.0, 0.85))),
    ("tinted cool", lambda pixels, rng: dim(pixels, (0.88, 1.0, 1.12))),
    ("drawn hair", lambda pixels, rng: draw(partial(add_hairs, fewest=6), pixels, rng)),
    ("ruler marks", lambda pixels, rng: draw(add_ruler, pixels, rng)),
    ("ink", lambda pixels, rng: draw(add_ink, pixels, rng)),
    ("dark corners", lambda pixels, rng: draw(add_dark_corners, pixels, rng)),
)
