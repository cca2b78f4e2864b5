"""Evaluation of a decoder: masks and boxes of single lesions against outlines that were drawn by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.json_values import replace_nan
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.statistics.intervals import bootstrap
from lentigo.datasets.dataset import name_split
from lentigo.datasets.mask_reading import read_mask
from lentigo.datasets.masks import MaskSet, load_masks
from lentigo.errors import DataError, ImageError
from lentigo.evaluation.contamination import Contamination, find_contamination
from lentigo.evaluation.ledger import Exposure, record_evaluation, require_ledger
from lentigo.evaluation.masks.boxes import Match, match_boxes, measure_precision
from lentigo.evaluation.masks.mask_scores import compare_masks
from lentigo.images.problems import Problem
from lentigo.inference.lesions.detection import Detection, find_lesions
from lentigo.inference.lesions.mask_cleaning import clean_mask, enlarge_mask, find_box
from lentigo.inference.prediction import Predictor
from lentigo.inference.results import InferenceResult

UNBOUNDED = (
    "surface_distance_px",
    "surface_distance_share",
    "hausdorff95_px",
    "hausdorff95_share",
)  # a distance of 1 is none that occurs
TITLES = {
    "jaccard": "Jaccard index (IoU)",
    "threshold_jaccard": "Jaccard index, 0 where under 0.65",
    "dice": "Dice coefficient",
    "sensitivity": "Sensitivity of the pixels",
    "specificity": "Specificity of the pixels",
    "surface_distance_px": "Average distance of the borders, pixels",
    "surface_distance_share": "Average distance of the borders, share of the diagonal",
    "hausdorff95_px": "95 % Hausdorff distance, pixels",
    "hausdorff95_share": "95 % Hausdorff distance, share of the diagonal",
    "box_ap50": "Average precision of boxes at IoU 0.5",
    "box_ap": "Average precision of boxes at IoU 0.5 to 0.95",
}


@dataclass(frozen=True)
class Sample:
    """One photograph with its scores, its boxes matched with the drawn one, and how many boxes there were."""

    scores: dict[str, float]
    match: Match
    boxes: int


@dataclass(frozen=True)
class MaskAssessment:
    """How a decoder did on a set: the means of `OutlineScores` over photographs, and average precision of
    boxes. `table` has a row for each photograph: image, mask, its scores and the number of its boxes.
    `not_found`: photographs in which it saw no lesion; they count as 0, but have no distance."""

    n: int
    metrics: dict[str, float]
    ci: dict[str, tuple[float, float]]
    not_found: int
    one_box: float  # share of the photographs with exactly one box
    split: str
    model: str
    data_fingerprint: str
    times_test_opened: int
    table: pd.DataFrame
    problems: tuple[Problem, ...]
    # How often the photographs were evaluated before; None where it was not counted
    exposure: Exposure | None = None
    # Which photographs the decoder has learned from; None of its own validation
    contamination: Contamination | None = None

    def to_json(self) -> dict[str, Any]:
        """One object; a value that does not exist is null."""
        return {
            "n": self.n,
            **{name: replace_nan(value) for name, value in self.metrics.items()},
            "ci": {name: [replace_nan(low), replace_nan(high)] for name, (low, high) in self.ci.items()},
            "not_found": self.not_found,
            "one_box": self.one_box,
            "split": self.split,
            "model": self.model,
            "data_fingerprint": self.data_fingerprint,
            "times_test_opened": self.times_test_opened,
            "evaluated_before": self.exposure and self.exposure.to_json(),
            "contamination": self.contamination and self.contamination.to_json(),
            "problems": [asdict(problem) for problem in self.problems],
        }


def evaluate_masks(
    model: str | Path | Predictor,
    data: str | Path | MaskSet,
    *,
    split: str = "test",
    progress: Progress = show_nothing,
) -> MaskAssessment:
    """Measures the decoder of a RUN on one split of photographs with masks, with 95 % intervals by bootstrap
    over groups.

    Each call opens the set once, and the ledger counts it. Raises `ModelError` for a RUN without a decoder
    and `DataError`; photographs that cannot be read are left out and listed.
    """
    require_ledger()
    predictor = model if isinstance(model, Predictor) else Predictor(model)
    predictor.require_decoder()
    masks = load_masks(data, split, progress=progress)
    split = name_split(masks, split)
    assessment = assess_masks(predictor, masks, split, progress=progress)
    exposure = record_evaluation(masks, split, predictor.bundle.name, progress=progress)
    contamination = find_contamination(predictor.bundle, masks, part="decoder", progress=progress)
    return replace(
        assessment, times_test_opened=exposure.times, exposure=exposure, contamination=contamination
    )


def assess_masks(
    predictor: Predictor, masks: MaskSet, split: str, *, progress: Progress = show_nothing
) -> MaskAssessment:
    """The same of pairs that are known, and counted nowhere. Raises `DataError` where no photograph can be
    read.
    """
    answers = list(progress(judge_images(predictor, masks), total=len(masks), label="photographs"))
    read = np.array([isinstance(answer, Sample) for answer in answers], dtype=bool)
    if not read.any():
        raise DataError(
            f"{masks.name}: none of its {len(answers)} photographs can be read ({answers[0].error})"
        )
    kept = masks.take(read)
    problems = masks.problems + tuple(answer for answer in answers if isinstance(answer, Problem))
    return summarize(
        predictor.name, kept, [answer for answer in answers if isinstance(answer, Sample)], split, problems
    )


def judge_images(predictor: Predictor, masks: MaskSet) -> Iterator[Sample | Problem]:
    """Each photograph against its mask, in order."""
    answers, drawn = predictor.infer(masks.table["image"]), iter(masks.table["mask"])
    while chunk := list(islice(answers, predictor.session.batch)):
        for answer, found, mask in zip(chunk, find_lesions(predictor, chunk), drawn, strict=False):
            yield found if isinstance(found, Problem) else try_judge(answer, mask, found)


def try_judge(answer: InferenceResult, mask: str, found: Detection) -> Sample | Problem:
    """`judge` with the error as a value."""
    try:
        return judge(answer, read_mask(mask) > 0, found)
    except ImageError as error:  # it was there a moment ago
        return Problem(answer.image, f"its mask {error}")


def judge(answer: InferenceResult, truth: np.ndarray, found: Detection) -> Sample:
    """A photograph against its mask, bool (height, width); boxes are compared in the pixels of the mask."""
    height, width = truth.shape
    scores = compare_masks(truth, enlarge_mask(clean_mask(answer.mask), width, height) > 0)
    zoom = np.array([width / found.width, height / found.height] * 2)
    boxes = np.array([list(asdict(spot.box).values()) for spot in found.lesions]).reshape(-1, 4) * zoom
    drawn = np.array([list(asdict(find_box(truth)).values())])
    return Sample(
        asdict(scores),
        match_boxes(boxes, np.array([spot.score for spot in found.lesions]), drawn),
        len(boxes),
    )


def summarize(
    model: str, masks: MaskSet, samples: list[Sample], split: str, problems: tuple[Problem, ...]
) -> MaskAssessment:
    """The means of samples, one for each row of `masks`, with their intervals."""
    scores, boxes = (
        pd.DataFrame([sample.scores for sample in samples]),
        np.array([sample.boxes for sample in samples]),
    )
    matches = [sample.match for sample in samples]
    return MaskAssessment(
        n=len(samples),
        metrics=average(scores, matches, np.ones(len(samples), int)),
        ci=bootstrap(lambda weights: average(scores, matches, weights), masks.groups, unbounded=UNBOUNDED),
        not_found=int(scores["surface_distance_px"].isna().sum()),
        one_box=float((boxes == 1).mean()),
        split=split,
        model=model,
        data_fingerprint=masks.fingerprint,
        times_test_opened=0,
        table=pd.concat([masks.table[["image", "mask"]], scores], axis=1).assign(boxes=boxes),
        problems=problems,
    )


def average(scores: pd.DataFrame, matches: list[Match], weights: np.ndarray) -> dict[str, float]:
    """The metrics where each photograph counts `weights`, int (n,), times; means leave out what is not
    defined.
    """
    values = scores.to_numpy(dtype=float)
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        means = weights @ np.where(defined, values, 0) / (weights @ defined)
    precision = measure_precision(matches, weights)
    return dict(zip(scores.columns, means.tolist(), strict=True)) | {
        "box_ap50": float(precision[0]),
        "box_ap": float(precision.mean()),
    }
