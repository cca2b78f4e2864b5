"""What makes a trained network a model that can be asked: its precision, calibration, threshold, and what it
knows.

Everything here is measured on the graph that is written into the RUN, in the precision that it is served in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.files import write_whole
from lentigo.common.json_values import replace_nan
from lentigo.datasets.dataset import Dataset
from lentigo.errors import DataError
from lentigo.images.listing import list_images
from lentigo.images.non_lesions import draw_no_lesions
from lentigo.images.photographs import SIDE, DecodedImage, stream_images
from lentigo.inference.calibration import Calibration
from lentigo.inference.operating_point import choose_threshold
from lentigo.inference.refusal import Reference
from lentigo.inference.tta import TTA_VIEWS, turn_views
from lentigo.models.bundle import REFERENCE, find_bundle, is_run
from lentigo.models.runtime import Session
from lentigo.training.calibration_fit import FEWEST, fit_calibration, fit_reference
from lentigo.training.precision_check import PrecisionCheck, name_precision
from lentigo.training.recipes import Recipe


@dataclass(frozen=True)
class Measured:
    """Photographs as a graph sees them.

    Attributes:
        logits: Float (n,).
        points: What the `output` of the graph gives for them, float (n, d).
        malignant: The truth, 0 or 1, int (n,).
        output: The name of the output that tells the unlike apart.
        groups: Photographs of one patient, lesion or picture share a number, int (n,).
        flipped: The means of the logits over the mirrored views, float (n,); None where they were not asked
            for.
        no_lesions: What the `output` gives for pictures that show no lesion, float (k, d); None where they
            were not asked about.
    """

    logits: np.ndarray
    points: np.ndarray
    malignant: np.ndarray
    output: str
    groups: np.ndarray
    flipped: np.ndarray | None = None
    no_lesions: np.ndarray | None = None


@dataclass(frozen=True)
class Operation:
    """From logits to decisions: the calibration, the threshold, and the validation probabilities behind
    both.
    """

    calibration: Calibration
    threshold: float
    probability: np.ndarray  # float (n,)

    def to_card(self, rule: str) -> dict[str, Any]:
        """The card's entries; `logit_threshold` is the lowest logit that is decided malignant."""
        return {
            "threshold": self.threshold,
            "threshold_rule": f"{rule}, on validation",
            "logit_threshold": self.calibration.invert(self.threshold),
            "calibration": self.calibration.to_card(),
        }


def choose_output(recipe: Recipe, weights: str | Path) -> str:
    """The output by which a RUN refuses: "embedding", or "middle" where the trunk is trained, or has been by
    the RUN that `weights` name: its last layer knows lesions then, and little of anything else. A frozen
    branch of that RUN (`reference`) stays there: it is no part of its network."""
    if recipe.finetune:
        return "middle"
    if not is_run(weights):
        return "embedding"
    refuses_by = find_bundle(weights).card.get("refusal", {}).get("output", "embedding")
    return "embedding" if refuses_by == "embedding" else "middle"


def judge_network(
    out: Path,
    recipe: Recipe,
    check: PrecisionCheck | None,
    training: tuple[np.ndarray, np.ndarray],
    validation: Measured,
) -> dict[str, Any]:
    """Fits calibration, threshold and reference, and writes the reference into the RUN.

    Args:
        out: The RUN.
        recipe: It says the operating point and the risk.
        check: How bf16 compares with fp32.
        training: The points of the training photographs, float (n, d), and their truth, int (n,). All but the
            class centres and their covariance comes from validation.
        validation: The validation photographs by the graph as it is served.

    Returns:
        The card's entries.
    """
    operation = choose_operation(recipe, validation.logits, validation)
    probability = operation.probability
    reference = fit_reference(
        *training,
        validation.points,
        validation.malignant,
        probability,
        validation.output,
        validation.no_lesions,
    )
    return keep_judgement(out, recipe, check, operation, reference, validation)


def choose_operation(recipe: Recipe, logits: np.ndarray, measured: Measured) -> Operation:
    """Calibration and threshold from logits of the photographs that were measured."""
    calibration = fit_calibration(logits, measured.malignant, measured.groups)
    probability = calibration.apply(logits)
    threshold = choose_threshold(recipe.operating_point, measured.malignant, probability)
    return Operation(calibration, threshold, probability)


def keep_judgement(
    out: Path,
    recipe: Recipe,
    check: PrecisionCheck | None,
    operation: Operation,
    reference: Reference,
    measured: Measured,
) -> dict[str, Any]:
    """Writes the reference into the RUN, and gives the card's entries.

    Where the mirrored views were measured, their mean has its own calibration, threshold and validation
    scores.
    """
    tta, scores = None, None
    if measured.flipped is not None:
        tta = choose_operation(recipe, measured.flipped, measured)
        scores = tuple(np.sort(tta.probability[measured.malignant == label]) for label in (0, 1))
    with write_whole(out / REFERENCE) as temporary:
        reference.save(temporary, scores)
    enough = min(len(reference.benign), len(reference.malignant)) >= FEWEST
    return {
        **operation.to_card(recipe.operating_point),
        "tta": tta and tta.to_card(recipe.operating_point),
        "prevalence": float(measured.malignant.mean()),
        "alpha": recipe.alpha if enough else 0.0,
        "refusal": {
            "output": reference.output,
            "distance_limit": reference.limit,
            "shift_limit": reference.shift_limit,
            "alpha": describe_alpha(recipe, enough),
        },
        "precision": name_precision(check),
        "bf16": check and replace_nan(asdict(check)),
    }


def describe_alpha(recipe: Recipe, enough: bool) -> str:
    """How the conformal refusal was set, for the card."""
    if not recipe.alpha:
        return "none asked for"
    return (
        f"{recipe.alpha:g}, by class"
        if enough
        else f"none: validation has fewer than {FEWEST} photographs of one class"
    )


def measure_no_lesions(
    graph: Path, check: PrecisionCheck | None, output: str, folder: str | Path | None = None
) -> np.ndarray:
    """An output of a graph, float (k, d), for pictures that show no lesion: those that are drawn, and the
    photographs of a folder.

    Raises `DataError` where the folder holds no photograph that can be read.
    """
    images = list(draw_no_lesions(SIDE))
    if folder is not None:
        photographs = [
            image for image in stream_images(list_images([folder])) if isinstance(image, DecodedImage)
        ]
        if not photographs:
            raise DataError(
                f"{folder}: holds no photograph that can be read; expected pictures of other things than "
                "lesions"
            )
        images += [image.pixels for image in photographs]
    session = Session(graph, precision=name_precision(check))
    return np.stack([answer[output].astype(np.float32) for answer in session.stream(images)])


def measure_images(
    graph: Path, check: PrecisionCheck | None, dataset: Dataset, output: str, *, tta: bool = False
) -> Measured:
    """Runs a graph on the photographs of a data set; one that can no longer be read is left out.

    Args:
        graph: The graph of a RUN.
        check: It says the precision in which the RUN is served.
        dataset: The photographs.
        output: The output that tells the unlike apart.
        flips: Whether the mirrored views are asked about, too.

    Returns:
        What the graph says of them.
    """
    views = TTA_VIEWS if tta else TTA_VIEWS[:1]
    kept: list[bool] = []

    def read() -> Iterator[np.ndarray]:
        for image in stream_images(dataset.table["image"]):
            kept.append(isinstance(image, DecodedImage))
            if kept[-1]:
                yield image.pixels

    session = Session(graph, precision=name_precision(check))
    logits, points = [], []
    for number, answer in enumerate(session.stream(turn_views(read(), views))):
        logits.append(float(answer["logit"][0]))
        if number % len(views) == 0:
            points.append(answer[output].astype(np.float32))
    by_view = np.array(logits).reshape(-1, len(views))
    flipped = by_view.mean(axis=1) if tta else None
    return Measured(
        by_view[:, 0], np.stack(points), dataset.malignant[kept], output, dataset.groups[kept], flipped
    )
