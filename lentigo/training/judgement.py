"""What makes a trained network a model that can be asked: its precision, calibration, threshold, and what it knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.data.files import write_whole
from lentigo.data.manifests import Dataset
from lentigo.data.photos import Photo, stream_photos
from lentigo.evaluation.calibration import FEWEST, UNKNOWN, fit_calibration, fit_reference
from lentigo.evaluation.precision import PrecisionCheck
from lentigo.inference.calibration import Calibration
from lentigo.inference.operating_point import choose_threshold
from lentigo.inference.refusal import Reference
from lentigo.models.bundle import REFERENCE, find_bundle, is_run
from lentigo.models.runtime import Session
from lentigo.training.recipes import Recipe


@dataclass(frozen=True)
class Measured:
    """Photographs as a network sees them: logits (n,), the `output` of its graph that tells the unlike apart, `points` (n, d), their truth, 0 or 1 (n,),
    and their groups, int (n,)."""

    logits: np.ndarray
    points: np.ndarray
    malignant: np.ndarray
    output: str
    groups: np.ndarray


def choose_output(recipe: Recipe, weights: str | Path) -> str:
    """The output by which a RUN refuses: "embedding", or "middle" where the trunk is trained, or has been by the RUN that `weights` name: its last layer
    knows lesions then, and little of anything else."""
    if recipe.finetune:
        return "middle"
    return find_bundle(weights).card.get("refusal", {}).get("output", "embedding") if is_run(weights) else "embedding"


def judge_network(out: Path, recipe: Recipe, check: PrecisionCheck | None, training: Measured, validation: Measured) -> dict[str, Any]:
    """Fits calibration, threshold and reference, writes the reference into the RUN, and gives what the card says of them.

    All but the class centres and their covariance comes from validation photographs.
    """
    calibration = fit_calibration(validation.logits, validation.malignant, validation.groups)
    probability = calibration.apply(validation.logits)
    reference = fit_reference(training.points, training.malignant, validation.points, validation.malignant, probability, training.output)
    return keep_judgement(out, recipe, check, calibration, reference, validation.malignant, probability)


def judge_folds(out: Path, recipe: Recipe, check: PrecisionCheck | None, measured: Measured, folds: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """As `judge_network` for heads of folds, int (n,): `measured` has the logit of each photograph by the head that has not seen it.

    Gives the entries and each photograph's distance, float (n,), from the centres of the other folds; the limit comes from these, the centres that are
    kept from all photographs.
    """
    calibration = fit_calibration(measured.logits, measured.malignant, measured.groups)
    probability = calibration.apply(measured.logits)
    distance = np.empty(len(folds))
    for fold in np.unique(folds):
        here = folds == fold
        sides = [side for rows in (~here, here) for side in (measured.points[rows], measured.malignant[rows])]
        distance[here] = fit_reference(*sides, probability[here], measured.output).measure_distance(measured.points[here])
    whole = fit_reference(measured.points, measured.malignant, measured.points, measured.malignant, probability, measured.output)
    reference = replace(whole, limit=float(np.quantile(distance, 1 - UNKNOWN, method="higher")))
    return keep_judgement(out, recipe, check, calibration, reference, measured.malignant, probability), distance


def keep_judgement(
    out: Path, recipe: Recipe, check: PrecisionCheck | None, calibration: Calibration, reference: Reference, malignant: np.ndarray, probability: np.ndarray
) -> dict[str, Any]:
    """Writes the reference into the RUN, chooses the threshold, and gives the card's entries."""
    with write_whole(out / REFERENCE) as temporary:
        reference.save(temporary)
    enough = min(len(reference.benign), len(reference.malignant)) >= FEWEST
    return {
        "threshold": choose_threshold(recipe.operating_point, malignant, probability),
        "threshold_rule": f"{recipe.operating_point}, on validation",
        "calibration": calibration.to_card(),
        "prevalence": float(malignant.mean()),
        "risk": recipe.risk if enough else 0.0,
        "refusal": {"output": reference.output, "distance_limit": reference.limit, "risk": describe_risk(recipe, enough)},
        "bf16": check and asdict(check),
    }


def describe_risk(recipe: Recipe, enough: bool) -> str:
    """How the conformal refusal was set, for the card."""
    if not recipe.risk:
        return "none asked for"
    return f"{recipe.risk:g}, by class" if enough else f"none: validation has fewer than {FEWEST} photographs of one class"


def measure_photos(graph: Path, check: PrecisionCheck | None, dataset: Dataset) -> Measured:
    """Runs a graph on the photographs of a data set, for their logits and what the middle of its trunk says; one that can no longer be read is left out."""
    kept: list[bool] = []

    def read(images: Iterable[str]) -> Iterator[np.ndarray]:
        for photo in stream_photos(images):
            kept.append(isinstance(photo, Photo))
            if kept[-1]:
                yield photo.pixels

    session = Session(graph, precision="bf16" if check and check.neutral else "f32")
    answers = [(float(answer["logit"][0]), answer["middle"]) for answer in session.stream(read(dataset.table["image"]))]
    return Measured(np.array([logit for logit, _ in answers]), np.stack([middle for _, middle in answers]), dataset.malignant[kept], "middle", dataset.groups[kept])
