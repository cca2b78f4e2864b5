"""Evaluation of a mask decoder: masks and boxes of single lesions against those that were drawn by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.json_values import list_fields, replace_nan
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.results.summaries import Summarized, add_problems, format_count
from lentigo.common.statistics.resampling import bootstrap
from lentigo.datasets.dataset import name_split
from lentigo.datasets.mask_reading import read_mask
from lentigo.datasets.masks import MaskSet, load_masks
from lentigo.errors import ImageError
from lentigo.evaluation.contamination import Contamination, find_contamination
from lentigo.evaluation.ledger import Exposure, record_evaluation, require_ledger
from lentigo.evaluation.masks.boxes import Match, match_boxes, measure_precision
from lentigo.evaluation.masks.mask_scores import compare_masks
from lentigo.images.problems import Problem, require_usable, separate_problems
from lentigo.inference.lesions.detection import Detection, find_lesions
from lentigo.inference.lesions.mask_cleaning import clean_mask, enlarge_mask, find_box
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult

# Distances: 1 is none that occurs
UNBOUNDED = ("surface_distance_px", "surface_distance_share", "hausdorff95_px", "hausdorff95_share")
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
    """One photograph against its mask.

    Attributes:
        scores: Of `OutlineScores`, by name.
        match: Its boxes, matched with the drawn one.
        boxes: How many boxes there were.
    """

    scores: dict[str, float]
    match: Match
    boxes: int


@dataclass(frozen=True, repr=False, eq=False)
class MaskAssessment(Summarized):
    """How a decoder did on a set.

    Attributes:
        n: Photographs.
        metrics: The means of `OutlineScores` over photographs, and average precision of boxes.
        ci: The 95 % interval of each.
        not_found: Photographs without a lesion by the decoder; they count as 0, but have no distance.
        one_box: The share of the photographs with exactly one box.
        split: The split of the set.
        model: The name of the model.
        data_fingerprint: A hash of photographs and masks.
        times_test_opened: How often a photograph of the set was evaluated at most, this time included.
        table: A row for each photograph: image, mask, its scores and the number of its boxes.
        problems: Photographs that cannot be read.
        exposure: How often the photographs were evaluated before; None where it was not counted.
        contamination: Which photographs the decoder has learned from; None of its own validation.
    """

    n: int
    metrics: dict[str, float]
    ci: dict[str, tuple[float, float]]
    not_found: int
    one_box: float
    split: str
    model: str
    data_fingerprint: str
    times_test_opened: int
    table: pd.DataFrame
    problems: tuple[Problem, ...]
    exposure: Exposure | None = None
    contamination: Contamination | None = None

    def summarize(self) -> str:
        """What matters most, in a few words."""
        low, high = self.ci["jaccard"]
        words = [
            f"{self.model} on {self.split}",
            format_count(self.n, "photograph"),
            f"Jaccard index {self.metrics['jaccard']:.3f} ({low:.3f} to {high:.3f})",
        ]
        return add_problems(", ".join(words), self.problems)

    def to_json(self) -> dict[str, Any]:
        """One object; a value that does not exist is null."""
        return {
            "n": self.n,
            **replace_nan(self.metrics),
            "ci": replace_nan(self.ci),
            "not_found": self.not_found,
            "one_box": self.one_box,
            "split": self.split,
            "model": self.model,
            "data_fingerprint": self.data_fingerprint,
            "times_test_opened": self.times_test_opened,
            "evaluated_before": self.exposure and self.exposure.to_json(),
            "contamination": self.contamination and self.contamination.to_json(),
            "problems": list_fields(self.problems),
        }


def evaluate_masks(
    model: str | Path | Predictor,
    data: str | Path | MaskSet,
    *,
    split: str = "test",
    progress: Progress = show_nothing,
) -> MaskAssessment:
    """Measures the decoder of a RUN on one split of photographs with masks.

    Intervals are of 95 %, by bootstrap over groups. Each call evaluates the set once, and the ledger counts
    it. Photographs that cannot be read are left out and listed.

    Args:
        model: A RUN or a `Predictor`.
        data: Photographs with masks.
        split: The split to evaluate.
        progress: Shows how many photographs have been segmented.

    Returns:
        The metrics and their intervals.

    Raises:
        ModelError: The RUN has no decoder.
        DataError: The set cannot be used, or no photograph can be read.
    """
    require_ledger()
    predictor = model if isinstance(model, Predictor) else Predictor(model)
    predictor.require_decoder()
    # Masks that cannot be read are listed in `masks.problems`, and their photographs are not predicted
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
    """Measures a decoder on pairs of photograph and mask, and counts it nowhere.

    Args:
        predictor: Of a RUN with a decoder.
        masks: The pairs.
        split: The name of their split.
        progress: Shows how many photographs have been segmented.

    Returns:
        The metrics and their intervals.

    Raises:
        DataError: No photograph can be read.
    """
    results = list(progress(judge_images(predictor, masks), total=len(masks), label="photographs"))
    samples, problems, readable = separate_problems(results)
    require_usable(masks.name, samples, problems)
    kept = masks.take(np.array(readable))
    return summarize(predictor.name, kept, samples, split, (*masks.problems, *problems))


def judge_images(predictor: Predictor, masks: MaskSet) -> Iterator[Sample | Problem]:
    """Each photograph against its mask, in order."""
    answers = predictor.infer(masks.table["image"])
    drawn = iter(masks.table["mask"])
    # In batches: boxes of a whole batch are classified in one pass
    while batch := list(islice(answers, predictor.session.batch)):
        detections = find_lesions(predictor, batch)
        # The last of the three is the longest: it goes on with the next batch
        for answer, found, mask in zip(batch, detections, drawn, strict=False):
            if isinstance(answer, Problem):
                yield answer
            elif isinstance(found, Problem):
                yield found
            else:
                yield try_judge(answer, mask, found)


def try_judge(answer: InferenceResult, mask: str, found: Detection) -> Sample | Problem:
    """`judge` with the error as a value."""
    try:
        return judge(answer, read_mask(mask) > 0, found)
    except ImageError as error:  # it was there a moment ago
        return Problem(answer.image, f"its mask {error}")


def judge(answer: InferenceResult, truth: np.ndarray, found: Detection) -> Sample:
    """Scores a photograph against its mask.

    Args:
        answer: What the network gave for the photograph.
        truth: The mask that was drawn, bool (height, width).
        found: The lesions that were detected.

    Returns:
        Scores, and boxes in the pixels of the drawn mask.
    """
    height, width = truth.shape
    # As large as the drawn mask, not as the network's: a border drawn finely counts finely
    mask = enlarge_mask(clean_mask(answer.get_mask()), width, height) > 0
    scores = compare_masks(truth, mask)
    boxes = scale_boxes(found, width, height)
    box_scores = np.array([spot.score for spot in found.lesions])
    # One lesion a mask: the box around all that was drawn
    drawn = np.array([list_sides(find_box(truth))])
    return Sample(asdict(scores), match_boxes(boxes, box_scores, drawn), len(boxes))


def scale_boxes(found: Detection, width: int, height: int) -> np.ndarray:
    """The boxes of a photograph in pixels of its mask, which may have another size, float (n, 4)."""
    zoom_x = width / found.width
    zoom_y = height / found.height
    boxes = np.array([list_sides(spot.box) for spot in found.lesions]).reshape(-1, 4)
    return boxes * np.array([zoom_x, zoom_y, zoom_x, zoom_y])


def list_sides(box: Any) -> list[float]:
    """A box as x, y, width, height."""
    return [box.x, box.y, box.width, box.height]


def summarize(
    model: str, masks: MaskSet, samples: list[Sample], split: str, problems: tuple[Problem, ...]
) -> MaskAssessment:
    """The means of samples, one for each row of `masks`, with their intervals."""
    scores = pd.DataFrame([sample.scores for sample in samples])
    boxes = np.array([sample.boxes for sample in samples])
    matches = [sample.match for sample in samples]

    def average(weights: np.ndarray) -> dict[str, float]:
        return average_scores(scores, matches, weights)

    return MaskAssessment(
        n=len(samples),
        metrics=average(np.ones(len(samples), int)),
        ci=bootstrap(average, masks.groups, unbounded=UNBOUNDED),
        # Where nothing was outlined there is no border, and so no distance
        not_found=int(scores["surface_distance_px"].isna().sum()),
        one_box=float((boxes == 1).mean()),
        split=split,
        model=model,
        data_fingerprint=masks.fingerprint,
        times_test_opened=0,
        table=pd.concat([masks.table[["image", "mask"]], scores], axis=1).assign(boxes=boxes),
        problems=problems,
    )


def average_scores(scores: pd.DataFrame, matches: list[Match], weights: np.ndarray) -> dict[str, float]:
    """Averages scores where each photograph counts several times; what is not defined is left out.

    Args:
        scores: A row for each of n photographs.
        matches: Their boxes.
        weights: How often each counts, int (n,).

    Returns:
        The metrics by name.
    """
    values = scores.to_numpy(dtype=float)
    defined = ~np.isnan(values)
    # 0 / 0 where a score is defined for no photograph of a resample: its mean is NaN
    with np.errstate(invalid="ignore"):
        means = weights @ np.where(defined, values, 0) / (weights @ defined)
    averages = dict(zip(scores.columns, means.tolist(), strict=True))
    precision = measure_precision(matches, weights)
    averages["box_ap50"] = float(precision[0])
    averages["box_ap"] = float(precision.mean())
    return averages
