"""Stress: the same photographs changed as cameras, software and people change them, and answered again.

A model that has learnt the lesion keeps its answers; one that has learnt the camera does not.
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

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # uint8 (S, S, 3) RGB to the same


@dataclass(frozen=True)
class Stress:
    """How a model answers photographs that were all changed in one way; the first of `stress_model`'s answers
    is of no change.

    `loss` is the AUROC of the unchanged less `auroc`; `changed` the share of decisions that differ from those
    of the unchanged, `missed` that of the malignant photographs which only the unchanged were called so;
    `shift` the mean change of the probability. Intervals are of 95 %, by groups; that of the loss is paired
    with the unchanged. NaN where a class is missing.
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
    answer: Callable[[Iterable[np.ndarray]], Iterable[float]],
    dataset: Dataset,
    *,
    threshold: float,
    seed: int = 0,
    progress: Progress = show_nothing,
) -> tuple[Stress, ...]:
    """Answers the photographs of a data set unchanged, then after each change of `STRESSES`.

    `answer` gives calibrated probabilities for pixels, uint8 (224, 224, 3) RGB each, in order; photographs at
    `threshold` or above are decided malignant. The same seed changes a photograph in the same way whatever
    stands beside it. Photographs that cannot be read are left out; raises `DataError` where none can.
    """
    changes: dict[str, Change] = {"unchanged": lambda pixels, rng: pixels, **dict(STRESSES)}
    readable = dataset.take(
        np.array([isinstance(image, DecodedImage) for image in stream_images(dataset.table["image"])], bool)
    )
    if not len(readable):
        raise DataError(
            f"{dataset.name}: none of its {len(dataset)} photographs can be read; expected some to change"
        )
    answers = {}
    for name, change in progress(changes.items(), total=len(changes), label="stresses"):
        answers[name] = np.fromiter(answer(change_images(readable, change, seed)), float)
    return compare_answers(answers, readable.malignant, readable.groups, threshold)


def change_images(dataset: Dataset, change: Change, seed: int) -> Iterator[np.ndarray]:
    """The changed pixels of each photograph, all of them readable; chance follows the seed and the
    photograph's own pixels.
    """
    for image in stream_images(dataset.table["image"]):
        yield change(image.pixels, np.random.default_rng([seed, zlib.crc32(image.pixels.tobytes())]))


def compare_answers(
    answers: dict[str, np.ndarray], malignant: np.ndarray, groups: np.ndarray, threshold: float
) -> tuple[Stress, ...]:
    """A `Stress` for each row of probabilities, float (n,); the first is that of the photographs
    unchanged.
    """
    unchanged = next(iter(answers.values()))
    rows = []
    for name, probability in answers.items():
        rows.append(compare_answer(name, probability, unchanged, malignant, groups, threshold))
    return tuple(rows)


def compare_answer(
    name: str,
    probability: np.ndarray,
    unchanged: np.ndarray,
    malignant: np.ndarray,
    groups: np.ndarray,
    threshold: float,
) -> Stress:
    """One change."""
    decided = unchanged >= threshold
    differ = decided != (probability >= threshold)
    sick = malignant == 1
    auroc, auroc_ci = estimate_auroc(malignant, probability, groups)
    aurocs, loss_ci, _ = compare_aurocs(malignant, probability, unchanged, groups)
    changed_ci = estimate_share(differ, groups)
    if np.array_equal(probability, unchanged):  # the photographs themselves
        changed_ci = 0.0, 0.0
    return Stress(
        name=name,
        n=len(malignant),
        auroc=auroc,
        auroc_ci=auroc_ci,
        loss=float(aurocs[1] - aurocs[0]),
        loss_ci=loss_ci,
        changed=float(differ.mean()),
        changed_ci=changed_ci,
        missed=float((differ & decided)[sick].mean()) if sick.any() else float("nan"),
        shift=float((probability - unchanged).mean()),
    )


def tabulate_stress(stresses: Iterable[Stress]) -> pd.DataFrame:
    """A row for each change; each interval is two columns, such as `auroc_low` and `auroc_high`."""
    rows = []
    for stress in stresses:
        values = {}
        for field, value in vars(stress).items():
            ends = zip(("low", "high"), value, strict=True) if isinstance(value, tuple) else ()
            values |= {f"{field.removesuffix('_ci')}_{end}": number for end, number in ends} or {field: value}
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
