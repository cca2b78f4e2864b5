"""Prediction: photographs in, one prediction or one problem for each, in order."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.errors import ModelError, UsageError
from lentigo.images.held_images import ImageInputs, ImageSource
from lentigo.images.listing import read_request
from lentigo.images.measures.quality import judge_quality, measure_quality
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.images.problems import Problem, separate_problems
from lentigo.inference.calibration import Calibration, read_calibration
from lentigo.inference.decision import Decision, DecisionRule
from lentigo.inference.notebooks.result_sequence import take_single
from lentigo.inference.notebooks.thumbnails import try_thumbnail
from lentigo.inference.operating_point import choose_threshold
from lentigo.inference.prevalence import (
    PredictiveValues,
    estimate_predictive_values,
    require_prevalence,
    shift_prevalence,
)
from lentigo.inference.refusal import load_reference
from lentigo.inference.results import InferenceResult, Prediction, Predictions
from lentigo.inference.similarity.case_search import CaseSearch, open_search
from lentigo.inference.tta import TTA_VIEWS, turn_views
from lentigo.models.bundle import REFERENCE, Bundle, check_hashes, find_bundle
from lentigo.models.networks.receptive_fields import place_cells
from lentigo.models.runtime import BATCH, Outputs, open_session

OVERFLOW_CURE = "compute in fp32 (--fp32), or copy the RUN again from its source"
OPERATING_POINTS = ("0.5", "youden", "sensitivity=0.95")  # shown beside the one in use
PREDICTION_OUTPUTS = ("logit", "diagnosis")  # that a prediction is made of, beside that of the reference
SHIFT_WARNING = (
    "unlike the sources that the model has learned from: its probability may be further off than usual"
)


@dataclass(frozen=True)
class PredictionSettings:
    """How a RUN predicts.

    Attributes:
        fp32: Computes in fp32, also where a faster precision is as good.
        tta: Averages mask and logit over four mirrored views, the logit where the RUN has a calibration for
            that mean.
        device: One of `lentigo.models.runtime.DEVICES`.
        operating_point: The rule of the threshold; None for the card's.
        alpha: The share of each class that the conformal set may miss; None for the card's.
        prevalence: The share of malignant lesions where the model is used: probabilities and threshold are
            shifted to it, decisions stay. None for that of validation.
        threads: How many processors are used; None for all.
        explained: Whether a pass gives heatmap and mask beside the prediction. Without them it is cheaper:
            nothing is computed that only they need.
    """

    fp32: bool = False
    tta: bool = False
    device: str = "cpu"
    operating_point: str | None = None
    alpha: float | None = None
    prevalence: float | None = None
    threads: int | None = None
    explained: bool = True


class SettingFields(TypedDict, total=False):
    """The fields of `PredictionSettings` as keyword arguments: a type checker knows their names and types."""

    fp32: bool
    tta: bool
    device: str
    operating_point: str | None
    alpha: float | None
    prevalence: float | None
    threads: int | None
    explained: bool


@dataclass(frozen=True)
class ViewsOutput:
    """What the network gives for a photograph: logit and mask, means over its views; all of the first."""

    logit: float
    mask: np.ndarray | None
    first: Outputs


class Predictor:
    """A RUN that is loaded for prediction; keep it, loading takes longer than predicting.

    A predictor can be pickled, and used in a process that was forked: there the graph is opened again, and
    its hash checked.

    Args:
        model: The folder of a RUN, "bundled", or a bundle whose hashes were checked.
        count: The number of photographs to come, where it is known: for a few the graph is compiled for one
            at a time.
        **settings: Fields of `PredictionSettings`.

    Raises:
        ModelError: The RUN cannot be used.
        UsageError: A setting cannot be followed.
    """

    def __init__(
        self, model: str | Path | Bundle, *, count: int | None = None, **settings: Unpack[SettingFields]
    ):
        self.settings = PredictionSettings(**settings)
        self.bundle = model if isinstance(model, Bundle) else find_bundle(model)
        card = self.bundle.card
        self.views = TTA_VIEWS if self.settings.tta else TTA_VIEWS[:1]
        self.tta_entries = card.get("tta") if self.settings.tta else None  # None where it is not calibrated
        with check_meanwhile(None if self.bundle is model else self.bundle):
            self.reference = None
            if REFERENCE in card["files"]:
                path = self.bundle.folder / REFERENCE
                self.reference = load_reference(path, tta=self.tta_entries is not None)
            self.session = open_session(
                self.bundle,
                device=self.settings.device,
                fp32=self.settings.fp32,
                batch=self.choose_batch(count),
                threads=self.settings.threads,
                outputs=self.list_outputs(),
            )
        self.name = self.bundle.name + ("+int8" if self.session.precision == "int8" else "")
        self.has_classifier = "logit" in self.session.names
        self.has_decoder = "mask" in self.session.names
        self.calibration = Calibration()
        self.threshold = math.nan
        self.threshold_rule = self.settings.operating_point or card.get("threshold_rule", "0.5")
        if self.has_classifier:
            entries = self.tta_entries or card
            self.calibration = read_calibration(entries["calibration"])
            self.threshold = float(entries["threshold"])
        if self.settings.operating_point:
            self.threshold = self.find_threshold(self.settings.operating_point)
        alpha = self.settings.alpha
        self.alpha = float(card.get("alpha", 0.0) if alpha is None else alpha)
        self.prevalence = self.settings.prevalence
        if self.prevalence is not None:
            require_prevalence(self.prevalence)

    def choose_batch(self, count: int | None) -> int:
        """The photographs of a request: one where only a few are to come.

        Args:
            count: How many photographs are to come; None where nobody knows.
        """
        if count is not None and count * len(self.views) <= BATCH:
            return 1
        return BATCH

    def list_outputs(self) -> tuple[str, ...] | None:
        """The outputs of the graph that are asked for; None for all."""
        if self.settings.explained:
            return None
        if self.reference is None:
            return PREDICTION_OUTPUTS
        return (*PREDICTION_OUTPUTS, self.reference.output)

    def predict(self, images: Iterable[ImageSource | Problem]) -> Iterator[Prediction | Problem]:
        """Predicts photographs.

        Args:
            images: Their paths or addresses, or photographs in memory.

        Yields:
            One prediction for each, in order; a `Problem` for one that cannot be read.

        Raises:
            ModelError: The RUN has no classifier, or none that is calibrated for what is asked.
        """
        self.require_classifier()
        for result in self.infer(images):
            yield result if isinstance(result, Problem) else result.get_prediction()

    def infer(self, images: Iterable[ImageSource | Problem]) -> Iterator[InferenceResult | Problem]:
        """Predicts as `predict` does, and gives pixels, heatmap and mask of the same pass.

        With TTA pixels and heatmap are those of the photograph as it is, and the mask is the mean over the
        views. `seconds` is a photograph's share of the time since the batch before it, reading included.

        Args:
            images: Paths or addresses of photographs, or photographs in memory; a `Problem` among them stays one.
        """
        return self.infer_images(stream_images(images, threads=self.settings.threads))

    def infer_images(self, images: Iterable[DecodedImage | Problem]) -> Iterator[InferenceResult | Problem]:
        """Predicts as `infer` does, photographs in memory.

        Args:
            images: Photographs of the side that the graph takes; a `Problem` among them stays one.
        """
        waiting: deque[DecodedImage | Problem] = deque()  # drawn, and not yet answered
        outputs = self.run_views(images, waiting)
        started = time.perf_counter()
        while batch := list(islice(outputs, max(1, self.session.batch // len(self.views)))):
            seconds = (time.perf_counter() - started) / len(batch)
            for output in batch:
                image = waiting.popleft()
                while isinstance(image, Problem):
                    yield image
                    image = waiting.popleft()
                yield self.build_result(image, output, seconds)
            # What the caller does with a result is no part of the next one
            started = time.perf_counter()
        for left in waiting:
            if isinstance(left, Problem):
                yield left

    def run_views(
        self, images: Iterable[DecodedImage | Problem], waiting: deque[DecodedImage | Problem]
    ) -> Iterator[ViewsOutput]:
        """What the network gives for each readable photograph; `waiting` collects what was drawn.

        Args:
            images: Photographs of the side that the graph takes, and problems.
            waiting: Gets what was drawn from `images`, in order.
        """

        def read_pixels() -> Iterator[np.ndarray]:
            for image in images:
                waiting.append(image)
                if isinstance(image, DecodedImage):
                    yield image.pixels

        outputs = self.session.stream(turn_views(read_pixels(), self.views))
        for first in outputs:
            seen = [first, *islice(outputs, len(self.views) - 1)]
            logit = self.average_logit(seen) if self.has_classifier else math.nan
            mask = self.average_mask(seen) if self.has_decoder else None
            yield ViewsOutput(logit, mask, first)

    def average_logit(self, seen: list[Outputs]) -> float:
        """The logit of a photograph from those of its views: their mean where that is calibrated, else that
        of the photograph as it is.

        Args:
            seen: What the network gave for each view.
        """
        counted = seen if self.tta_entries else seen[:1]
        return float(np.mean([float(outputs["logit"][0]) for outputs in counted]))

    def average_mask(self, seen: list[Outputs]) -> np.ndarray:
        """The mean mask, float32 (side, side), of the views of a photograph, each turned back.

        Args:
            seen: What the network gave for each view.
        """
        masks = [view(outputs["mask"]) for view, outputs in zip(self.views, seen, strict=True)]
        return np.mean(masks, axis=0)

    def build_result(
        self, image: DecodedImage, output: ViewsOutput, seconds: float
    ) -> InferenceResult | Problem:
        """The result for a photograph from what the network gave, or what is wrong with that.

        Args:
            image: The photograph.
            output: What the network gave for its views.
            seconds: Its share of the time.
        """
        fault = self.find_fault(output)
        if fault:
            return Problem(image.image, fault)
        prediction = self.decide(image, output, seconds) if self.has_classifier else None
        heatmap = output.first.get("heatmap")
        centres: tuple[float, ...] = ()
        if heatmap is not None:
            centres = place_cells(self.bundle.card["backbone"], len(heatmap))
        return InferenceResult(
            image=image.image,
            prediction=prediction,
            pixels=image.pixels,
            size=image.upright_size,
            logit=output.logit,
            heatmap=heatmap,
            mask=output.mask,
            centres=centres,
            held=image.held,
            embedding=output.first.get("embedding"),
            digest=image.digest,
        )

    def find_fault(self, output: ViewsOutput) -> str:
        """What is wrong with the network's numbers for a photograph, "" where all are finite.

        NaN compares as below every threshold, hence as benign.

        Args:
            output: What the network gave for a photograph's views.
        """
        measured = {"heatmap": output.first.get("heatmap"), "mask": output.mask}
        if self.has_classifier:
            measured["logit"] = np.array(output.logit)
        if self.reference is not None:
            measured[self.reference.output] = output.first[self.reference.output]
        for name, values in measured.items():
            if values is not None and not np.isfinite(values).all():
                return (
                    f"{self.name} answers with a {name} that is no number (NaN or infinite); expected "
                    f"numbers: {OVERFLOW_CURE}"
                )
        return ""

    def predict_probabilities(self, pixels: Iterable[np.ndarray]) -> Iterator[float]:
        """Yields P(malignant) of photographs in memory, in order.

        Args:
            pixels: Photographs, uint8 (side, side, 3).

        Raises:
            ModelError: The RUN has no classifier, or the network gives a logit that is no number.
        """
        self.require_classifier()
        outputs = self.session.stream(turn_views(pixels, self.views))
        for first in outputs:
            seen = [first, *islice(outputs, len(self.views) - 1)]
            yield self.read_probability(np.array([self.average_logit(seen)]))

    def read_probability(self, logit: np.ndarray) -> float:
        """Calibrates a logit.

        Args:
            logit: What the graph gives for one photograph, (1,).

        Raises:
            ModelError: It is no number.
        """
        probability = float(self.calibration.apply(logit)[0])
        if not math.isfinite(probability):
            raise ModelError(
                f"{self.name}: answers with a logit that is no number (NaN or infinite); expected numbers: "
                f"{OVERFLOW_CURE}"
            )
        return probability

    def decide(self, image: DecodedImage, output: ViewsOutput, seconds: float) -> Prediction:
        """The calibrated probability and the decision, or the refusal to decide; and what is wrong with the
        photograph.

        Args:
            image: The photograph.
            output: What the network gave for its views.
            seconds: Its share of the time.
        """
        probability = float(self.calibration.apply(np.array([output.logit]))[0])
        distance = 0.0
        if self.reference is not None:
            point = output.first[self.reference.output][None]  # (1, d)
            distance = float(self.reference.measure_distance(point)[0])
        decision = self.rule.decide(probability, distance)
        flaws = judge_quality(measure_quality(image.pixels, image.size))
        warnings = [*image.notes, *(flaw.sentence for flaw in flaws)]
        if decision.shifted:
            warnings.insert(0, SHIFT_WARNING)
        prediction = self.describe(image.image, probability, decision, seconds, tuple(warnings))
        if "diagnosis" not in output.first:
            return prediction
        shares = zip(DIAGNOSES, output.first["diagnosis"], strict=True)
        return replace(prediction, diagnosis={name: float(share) for name, share in shares})

    def describe(
        self,
        image: str,
        probability: float,
        decision: Decision,
        seconds: float = 0.0,
        warnings: tuple[str, ...] = (),
    ) -> Prediction:
        """Describes a decision as it is shown: its probability moved to the prevalence in use.

        Args:
            image: The photograph's path or address.
            probability: Its calibrated P(malignant), on which the decision was made.
            decision: The decision.
            seconds: What it took.
            warnings: The photograph's flaws.
        """
        return Prediction(
            image=image,
            label=decision.label,
            probability=self.shift(probability),
            threshold=self.shift(self.threshold),
            in_distribution=decision.in_distribution,
            model=self.name,
            seconds=seconds,
            reason=decision.reason,
            warnings=warnings,
            shifted=decision.shifted,
        )

    @property
    def rule(self) -> DecisionRule:
        """When a label is given, and which."""
        return DecisionRule(self.threshold, self.alpha, self.reference)

    def shift(self, probability: float) -> float:
        """Moves a probability to the population in which the model is used.

        Args:
            probability: Calibrated for the RUN's validation photographs.
        """
        if self.prevalence is None:
            return probability
        return float(shift_prevalence(probability, self.bundle.card["prevalence"], self.prevalence))

    def estimate_values(self) -> PredictiveValues:
        """Estimates PPV and NPV at the threshold, in the population in which the model is used, from the
        RUN's validation photographs.

        Raises:
            UsageError: The RUN carries no validation scores.
        """
        if self.reference is None:
            raise UsageError(
                f"{self.bundle.name}: carries no validation scores to estimate PPV and NPV from; leave "
                "--prevalence out"
            )
        malignant = self.reference.malignant
        benign = self.reference.benign
        return estimate_predictive_values(
            flagged=int((malignant >= self.threshold).sum()),
            malignant=len(malignant),
            cleared=int((benign < self.threshold).sum()),
            benign=len(benign),
            prevalence=self.prevalence or float(self.bundle.card["prevalence"]),
        )

    def require_classifier(self) -> None:
        """Raises `ModelError` where the RUN has a decoder alone, or no calibration for the mean over the
        views that it is asked for.
        """
        if not self.has_classifier:
            raise ModelError(
                f"{self.bundle.folder}: finds lesions and classifies none; expected a RUN with a "
                "classifier: `lentigo train PHOTOS --out RUN`"
            )
        if len(self.views) > 1 and self.tta_entries is None:
            raise ModelError(
                f"{self.bundle.folder}: --tta averages over mirrored views, and this RUN has no calibration "
                "for their mean (no `tta` in "
                f"card.json): its probabilities would be wrong; leave --tta out, or train the RUN with --tta"
            )

    def require_decoder(self) -> None:
        """Raises `ModelError` where the RUN has a classifier alone."""
        if not self.has_decoder:
            raise ModelError(
                f"{self.bundle.folder}: has no decoder to find lesions with; train one: `lentigo train "
                "MASKS --masks --out RUN`"
            )

    def list_thresholds(self) -> dict[str, float]:
        """Lists the operating points that a reader may want to see.

        Returns:
            Thresholds by their rules: the one in use first, then those of `OPERATING_POINTS`, where the RUN
            carries validation scores.
        """
        thresholds = {self.threshold_rule: self.threshold}
        if self.reference is not None:
            for rule in OPERATING_POINTS:
                thresholds[rule] = self.find_threshold(rule)
        return thresholds

    def find_threshold(self, rule: str) -> float:
        """Finds the threshold of a rule on the RUN's validation photographs.

        Args:
            rule: As `lentigo.inference.operating_point.choose_threshold` takes it.

        Raises:
            UsageError: The rule cannot be followed, or the RUN carries no validation scores.
        """
        if self.reference is None:
            raise UsageError(
                f"{self.bundle.name}: carries no validation scores to follow {rule!r} on; leave "
                "--operating-point out"
            )
        benign = self.reference.benign
        malignant = self.reference.malignant
        truth = np.repeat([0, 1], [len(benign), len(malignant)])
        return choose_threshold(rule, truth, np.concatenate([benign, malignant]))


@contextmanager
def check_meanwhile(bundle: Bundle | None) -> Iterator[None]:
    """Checks the hashes of a RUN while its graph is loaded; None for no check.

    An altered file explains better than what its loading raises.
    """
    if bundle is None:
        yield
        return
    with ThreadPoolExecutor(1) as worker:
        check = worker.submit(check_hashes, bundle)
        try:
            yield
        finally:
            check.result()


def predict(
    inputs: ImageInputs,
    model: str | Path = "bundled",
    *,
    outline: bool = False,
    operating_point: str | None = None,
    alpha: float | None = None,
    prevalence: float | None = None,
    similar: int = 0,
    index: str | Path | None = None,
    patient_id: str = "",
    fp32: bool = False,
    tta: bool = False,
    device: str = "cpu",
    progress: Progress = show_nothing,
) -> Prediction | Predictions:
    """Predicts photographs and folders of photographs.

    Args:
        inputs: A photograph, a folder, or several of both in a list, a column of a table or a table with the
            column `image`. A photograph is a path, an address, the bytes of a file, a file opened in binary
            mode, a PIL image, or a uint8 array: (height, width, 3) RGB, (height, width) grey. A uint8 array
            (n, height, width, 3) is n photographs.
        model: The folder of a RUN, or "bundled".
        outline: Whether the pictures of a notebook show the outline of the lesion; it comes from the same
            pass.
        operating_point: The rule of the threshold, such as "sensitivity=0.95"; None for the RUN's.
        alpha: The share of each class that the conformal set may miss; None for the RUN's, 0 to decide
            every known photograph.
        prevalence: The share of malignant lesions where the model is used, 0 to 1; None for that of the
            RUN's validation photographs.
        similar: How many of the nearest known lesions are shown beside each photograph; 0 for none.
        index: The folder of `lentigo.index_cases`, in which they are searched.
        patient_id: Of the photographs, whose own known lesions are left out; "" where it is not known.
        fp32: Computes in fp32, also where a faster precision is as good.
        tta: Averages over four mirrored views.
        device: One of `lentigo.models.runtime.DEVICES`.
        progress: Watches the photographs go by, such as `lentigo.show_progress`.

    Returns:
        A `Prediction` for one photograph; for several and for a folder `Predictions`: a sequence, with the
        problems of photographs that cannot be read beside it.

    Raises:
        UsageError: An input is no photograph, or a setting cannot be followed.
        ModelError: The RUN cannot be used.
        DataError: There is no photograph at all, or the only one cannot be read.

    >>> import numpy as np
    >>> grey = np.full((64, 64, 3), 128, np.uint8)
    >>> predict(grey).label, len(predict([grey, grey]))
    ('uncertain', 2)
    """
    request = read_request(inputs)
    predictor = Predictor(
        model,
        count=len(request.images),
        explained=outline or similar > 0,
        operating_point=operating_point,
        alpha=alpha,
        prevalence=prevalence,
        fp32=fp32,
        tta=tta,
        device=device,
    )
    predictor.require_classifier()
    if outline:
        predictor.require_decoder()
    search = open_search(predictor.bundle, similar, index, patient_id)
    results = progress(predictor.infer(request.images), total=len(request.images), label="photographs")
    shown = (show_result(result, outline, search) for result in results)
    predictions, unreadable, _ = separate_problems(shown)
    answers = Predictions(tuple(predictions), (*request.problems, *unreadable))
    return take_single(answers) if request.is_single else answers


def show_result(
    result: InferenceResult | Problem, outline: bool = False, search: CaseSearch | None = None
) -> Prediction | Problem:
    """The prediction of a result, with similar cases where they are searched for, and with a thumbnail where
    a notebook could not make it later: of a photograph in memory, and of one whose outline is asked for.

    Args:
        result: What the network gave.
        outline: Whether the thumbnail shows the outline of the lesion.
        search: In an index of known lesions; None for no search.
    """
    if isinstance(result, Problem):
        return result
    prediction = result.get_prediction()
    if search is not None:
        prediction = replace(prediction, similar=search.find(result, prediction))
    if result.held is None and not outline:
        return prediction
    mask = result.mask if outline and prediction.in_distribution is not False else None
    return replace(prediction, thumbnail=try_thumbnail(result.source, mask))
