"""Prediction: photographs in, one answer or one problem for each, in order."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.errors import DataError, ModelError, UsageError
from lentigo.images.listing import list_images
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.images.problems import Problem
from lentigo.images.quality import judge_quality, measure_quality
from lentigo.inference.calibration import Calibration, read_calibration
from lentigo.inference.decision import Decision, DecisionRule
from lentigo.inference.operating_point import choose_threshold
from lentigo.inference.prevalence import (
    PredictiveValues,
    estimate_predictive_values,
    require_prevalence,
    shift_prevalence,
)
from lentigo.inference.refusal import load_reference
from lentigo.models.bundle import REFERENCE, Bundle, check_hashes, find_bundle
from lentigo.models.networks.receptive_fields import place_cells
from lentigo.models.runtime import BATCH, Answers, open_session

OVERFLOW_CURE = "compute in fp32 (--fp32), or copy the RUN again from its source"
OPERATING_POINTS = ("0.5", "youden", "sensitivity=0.95")


def keep(pixels: np.ndarray) -> np.ndarray:
    """The photograph as it is, (h, w, ...)."""
    return pixels


def transpose(pixels: np.ndarray) -> np.ndarray:
    """Rows as columns: (h, w, ...) to (w, h, ...)."""
    return np.swapaxes(pixels, 0, 1)


SHIFTED = "unlike the sources that the model has learned from: its probability may be further off than usual"
TTA_VIEWS = (keep, np.fliplr, np.flipud, transpose)  # test-time views; each undoes itself


@dataclass(frozen=True)
class Prediction:
    """What a model says of one photograph.

    `probability` is P(malignant), calibrated; `label` is the decision at `threshold`, or "uncertain", and
    then `reason` says why. `in_distribution` is whether it shows a lesion at all, `shifted` whether that is
    unlike the sources that the model has learned from; both are None where the RUN carries no reference to
    tell. `diagnosis` has the probability of each of the seven `DIAGNOSES`, where the RUN tells them apart.
    `warnings` are the photograph's flaws, with values and cures.
    """

    image: str
    label: str
    probability: float
    threshold: float
    in_distribution: bool | None
    model: str
    seconds: float
    reason: str = ""
    warnings: tuple[str, ...] = ()
    shifted: bool | None = None
    diagnosis: dict[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """As `predict --json` writes it: without what the RUN cannot tell."""
        entries = asdict(self)
        for name in ("shifted", "diagnosis"):
            if entries[name] is None:
                del entries[name]
        return entries

    @property
    def likeliest(self) -> str | None:
        """The diagnosis of the highest probability; None where the RUN tells none apart."""
        return max(self.diagnosis, key=self.diagnosis.__getitem__) if self.diagnosis else None

    def to_row(self) -> dict[str, Any]:
        """A row of a table: the likeliest diagnosis, and the probability of each in a column of its own."""
        shares = self.diagnosis or dict.fromkeys(DIAGNOSES, "")
        return (
            asdict(self)
            | {"diagnosis": self.likeliest}
            | {f"p_{name}": share for name, share in shares.items()}
        )


ROW = (
    *(field.name for field in fields(Prediction)),
    *(f"p_{name}" for name in DIAGNOSES),
)  # the columns of `Prediction.to_row`


@dataclass(frozen=True)
class Predictions:
    """The answers, and beside them what could not be answered."""

    predictions: tuple[Prediction, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Answer:
    """What one pass of the network gives for a photograph: the prediction, what the network saw, uint8 (side,
    side, 3), the logit before calibration, the heatmap, float32 (h, w), and the mask, float32 (side, side):
    P(lesion) of each of those pixels.

    The mask is None where the RUN has no decoder; prediction and heatmap are None, and the logit NaN, where
    it has no classifier. `centres` are what the columns of the heatmap look at, and its rows, as shares of
    the photograph's side.
    """

    image: str
    prediction: Prediction | None
    pixels: np.ndarray
    logit: float
    heatmap: np.ndarray | None
    mask: np.ndarray | None = None
    centres: tuple[float, ...] = ()


class Predictor:
    """A RUN ready to answer; keep it, loading takes longer than answering.

    `exact` computes in fp32; `flips` averages mask and logit over four mirrored views, the logit where the
    RUN has a calibration for that mean; `device` is one of `DEVICES`; `count` is the number of photographs to
    come where it is known: for a few the graph is compiled for one at a time. `operating_point` and `risk`
    stand in for the card's; `prevalence` is the share of malignant lesions where the model is used:
    probabilities and threshold are shifted to it, decisions stay. `threads` bounds the processors that are
    used. A predictor can be pickled, and used in a process that was forked: there the graph is opened again,
    and its hash checked. Raises `ModelError` and `UsageError`.
    """

    def __init__(
        self,
        model: str | Path | Bundle,
        *,
        fp32: bool = False,
        tta: bool = False,
        device: str = "cpu",
        count: int | None = None,
        operating_point: str | None = None,
        alpha: float | None = None,
        prevalence: float | None = None,
        threads: int | None = None,
    ):
        self.bundle = model if isinstance(model, Bundle) else find_bundle(model)
        self.threads = threads
        self.views = TTA_VIEWS if tta else TTA_VIEWS[:1]
        few = count is not None and count * len(self.views) <= BATCH
        self.tta = self.bundle.card.get("tta") if tta else None
        with check_meanwhile(None if self.bundle is model else self.bundle):
            self.session = open_session(
                self.bundle, device=device, fp32=fp32, batch=1 if few else BATCH, threads=threads
            )
            self.reference = None
            if REFERENCE in self.bundle.card["files"]:
                self.reference = load_reference(self.bundle.folder / REFERENCE, tta=self.tta is not None)
        self.name = self.bundle.name + ("+int8" if self.session.precision == "int8" else "")
        self.classifies, self.outlines = "logit" in self.session.names, "mask" in self.session.names
        entries = self.tta or self.bundle.card
        self.calibration = read_calibration(entries["calibration"]) if self.classifies else Calibration()
        self.threshold_rule = operating_point or self.bundle.card.get("threshold_rule", "0.5")
        self.threshold = float(entries["threshold"]) if self.classifies else math.nan
        if operating_point:
            self.threshold = self.find_threshold(operating_point)
        self.alpha = float(self.bundle.card.get("alpha", 0.0) if alpha is None else alpha)
        self.prevalence = None if prevalence is None else require_prevalence(prevalence)

    def predict(self, images: Iterable[str | Path]) -> Iterator[Prediction | Problem]:
        """One answer for each path, in order; a photograph that cannot be read gives a `Problem`."""
        self.require_classifier()
        for answer in self.answer(images):
            yield answer if isinstance(answer, Problem) else answer.prediction

    def answer(self, images: Iterable[str | Path]) -> Iterator[Answer | Problem]:
        """As `predict`, with pixels, heatmap and mask of the same pass; with flips pixels and heatmap are of
        the first view, the photograph as it is, and the mask is the mean over the views.

        `seconds` is a photograph's share of the time since the batch before it was answered, reading
        included.
        """
        return self.answer_images(stream_images(images, threads=self.threads))

    def answer_images(self, images: Iterable[DecodedImage | Problem]) -> Iterator[Answer | Problem]:
        """As `answer`, for photographs in memory, of the side that the graph takes; what is a problem already
        stays one.
        """
        waiting: deque[DecodedImage | Problem] = deque()
        measured, last = self.measure(images, waiting), time.perf_counter()
        while chunk := list(islice(measured, max(1, self.session.batch // len(self.views)))):
            seconds = (time.perf_counter() - last) / len(chunk)
            for logit, mask, first in chunk:
                while isinstance(waiting[0], Problem):
                    yield waiting.popleft()
                image = waiting.popleft()
                if fault := self.find_fault(logit, mask, first):
                    yield Problem(image.image, fault)
                    continue
                said = self.decide(image, logit, first, seconds) if self.classifies else None
                yield Answer(
                    image.image,
                    said,
                    image.pixels,
                    logit,
                    first.get("heatmap"),
                    mask,
                    self.place_heatmap(first),
                )
            last = time.perf_counter()  # what the caller does with an answer is no part of the next one
        yield from waiting

    def find_fault(self, logit: float, mask: np.ndarray | None, answers: Answers) -> str:
        """What is wrong with the network's numbers for a photograph, "" where all are numbers: NaN compares
        as below every threshold, hence as benign.
        """
        measured = {"heatmap": answers.get("heatmap"), "mask": mask}
        if self.classifies:
            measured["logit"] = np.array(logit)
        if self.reference is not None:
            measured[self.reference.output] = answers[self.reference.output]
        for name, values in measured.items():
            if values is not None and not np.isfinite(values).all():
                return f"{self.name} answers with a {name} that is no number (NaN or infinite); expected numbers: {OVERFLOW_CURE}"
        return ""

    def rate(self, pixels: Iterable[np.ndarray]) -> Iterator[float]:
        """P(malignant) of photographs in memory, uint8 (side, side, 3) each, in order."""
        self.require_classifier()
        answers = self.session.stream(turn_views(pixels, self.views))
        for first in answers:
            seen = [first, *islice(answers, len(self.views) - 1)]
            yield self.read_probability(np.array([self.average_logit(seen)]))

    def average_logit(self, seen: list[Answers]) -> float:
        """The logit of a photograph from those of its views: their mean where that is calibrated, else that
        of the photograph as it is.
        """
        counted = seen if self.tta else seen[:1]
        return float(np.mean([float(view["logit"][0]) for view in counted]))

    def read_probability(self, logit: np.ndarray) -> float:
        """P(malignant) of a logit (1,) of the graph. Raises `ModelError` for one that is no number."""
        probability = float(self.calibration.apply(logit)[0])
        if not math.isfinite(probability):
            raise ModelError(
                f"{self.name}: answers with a logit that is no number (NaN or infinite); expected numbers: "
                f"{OVERFLOW_CURE}"
            )
        return probability

    def measure(
        self, images: Iterable[DecodedImage | Problem], waiting: deque
    ) -> Iterator[tuple[float, np.ndarray | None, Answers]]:
        """Of each readable photograph logit and mask, the means over its views, and all that was said of the
        first; `waiting` collects what was drawn."""

        def read() -> Iterator[np.ndarray]:
            for image in images:
                waiting.append(image)
                if isinstance(image, DecodedImage):
                    yield image.pixels

        answers = self.session.stream(turn_views(read(), self.views))
        for first in answers:
            seen = [first, *islice(answers, len(self.views) - 1)]
            logit = self.average_logit(seen) if self.classifies else float("nan")
            mask = (
                np.mean([turn(view["mask"]) for turn, view in zip(self.views, seen, strict=True)], axis=0)
                if self.outlines
                else None
            )
            yield logit, mask, first

    def place_heatmap(self, answers: Answers) -> tuple[float, ...]:
        """What the cells of a heatmap look at, as shares of the photograph's side; () where there is no
        heatmap.
        """
        return (
            place_cells(self.bundle.card["backbone"], len(answers["heatmap"])) if "heatmap" in answers else ()
        )

    def decide(self, image: DecodedImage, logit: float, answers: Answers, seconds: float) -> Prediction:
        """The calibrated probability and the decision, or the refusal to decide; and what is wrong with the
        photograph.
        """
        probability = float(self.calibration.apply(np.array([logit]))[0])
        distance = 0.0
        if self.reference is not None:
            distance = float(self.reference.measure_distance(answers[self.reference.output][None])[0])
        decision = self.rule.decide(probability, distance)
        flaws = judge_quality(measure_quality(image.pixels, image.size))
        warnings = (*image.notes, *(flaw.sentence for flaw in flaws))
        if decision.shifted:
            warnings = (SHIFTED, *warnings)
        said = self.describe(image.image, probability, decision, seconds, warnings)
        if "diagnosis" not in answers:
            return said
        return replace(
            said,
            diagnosis={
                name: float(share) for name, share in zip(DIAGNOSES, answers["diagnosis"], strict=True)
            },
        )

    def describe(
        self,
        image: str,
        probability: float,
        decision: Decision,
        seconds: float = 0.0,
        warnings: tuple[str, ...] = (),
    ) -> Prediction:
        """A decision and the calibrated probability that it was made on, as they are shown: moved to the
        prevalence in use.
        """
        return Prediction(
            image,
            decision.label,
            self.shift(probability),
            self.shift(self.threshold),
            decision.in_distribution,
            self.name,
            seconds,
            decision.reason,
            warnings,
            decision.shifted,
        )

    @property
    def rule(self) -> DecisionRule:
        """When a label is given, and which."""
        return DecisionRule(self.threshold, self.alpha, self.reference)

    def shift(self, probability: float) -> float:
        """A probability for the population in which the model is used."""
        return (
            probability
            if self.prevalence is None
            else float(shift_prevalence(probability, self.bundle.card["prevalence"], self.prevalence))
        )

    def estimate_values(self) -> PredictiveValues:
        """PPV and NPV at the threshold in the population in which the model is used, from the RUN's
        validation photographs.

        Raises `UsageError` where the RUN carries none.
        """
        if self.reference is None:
            raise UsageError(
                f"{self.bundle.name}: carries no validation scores to estimate PPV and NPV from; leave "
                "--prevalence out"
            )
        malignant, benign = self.reference.malignant, self.reference.benign
        flagged, cleared = int((malignant >= self.threshold).sum()), int((benign < self.threshold).sum())
        return estimate_predictive_values(
            flagged,
            len(malignant),
            cleared,
            len(benign),
            self.prevalence or float(self.bundle.card["prevalence"]),
        )

    def require_classifier(self) -> None:
        """Raises `ModelError` where the RUN has a decoder alone, or no calibration for the mean over the
        views that it is asked for.
        """
        if not self.classifies:
            raise ModelError(
                f"{self.bundle.folder}: finds lesions and classifies none; expected a RUN with a "
                "classifier: `lentigo train PHOTOS --out RUN`"
            )
        if len(self.views) > 1 and self.tta is None:
            raise ModelError(
                f"{self.bundle.folder}: --tta averages over mirrored views, and this RUN has no calibration "
                "for their mean (no `tta` in "
                f"card.json): its probabilities would be wrong; leave --tta out, or train the RUN with --tta"
            )

    def require_decoder(self) -> None:
        """Raises `ModelError` where the RUN has a classifier alone."""
        if not self.outlines:
            raise ModelError(
                f"{self.bundle.folder}: has no decoder to find lesions with; train one: `lentigo train "
                "MASKS --masks --out RUN`"
            )

    def list_thresholds(self) -> dict[str, float]:
        """By its rule each operating point that a reader may want to see beside the one in use, which comes
        first.
        """
        used = {self.threshold_rule: self.threshold}
        others = (
            {rule: self.find_threshold(rule) for rule in OPERATING_POINTS}
            if self.reference is not None
            else {}
        )
        return used | others

    def find_threshold(self, rule: str) -> float:
        """The threshold of a rule on the RUN's validation photographs. Raises `UsageError` where they are not
        known.
        """
        if self.reference is None:
            raise UsageError(
                f"{self.bundle.name}: carries no validation scores to follow {rule!r} on; leave "
                "--operating-point out"
            )
        truth = np.repeat([0, 1], [len(self.reference.benign), len(self.reference.malignant)])
        return choose_threshold(
            rule, truth, np.concatenate([self.reference.benign, self.reference.malignant])
        )


def turn_views(
    images: Iterable[np.ndarray], views: Sequence[Callable[[np.ndarray], np.ndarray]]
) -> Iterator[np.ndarray]:
    """The views of each photograph, uint8 (side, side, 3), one after the other."""
    for pixels in images:
        for view in views:
            yield np.ascontiguousarray(view(pixels))


@contextmanager
def check_meanwhile(bundle: Bundle | None) -> Iterator[None]:
    """Checks the hashes of a RUN while its graph is loaded; an altered file explains better than what its
    loading raises. None: no check.
    """
    with ThreadPoolExecutor(1) as worker:
        check = worker.submit(check_hashes, bundle) if bundle else None
        try:
            yield
        finally:
            if check is not None:
                check.result()


def gather_images(inputs: Iterable[str | Path]) -> tuple[list[Path | str], list[Problem]]:
    """Photographs named by files, folders and addresses, and the folders that hold none.

    Files are not opened here. Raises `DataError` where there is nothing to answer at all.
    """
    found = list(list_images(inputs))
    paths, problems = (
        [item for item in found if not isinstance(item, Problem)],
        [item for item in found if isinstance(item, Problem)],
    )
    if not paths:
        raise DataError(
            f"{problems[0].image}: {problems[0].error}"
            if problems
            else "no photograph was named; give files, folders, addresses, or paths on standard input"
        )
    return paths, problems


def predict(
    inputs: str | Path | Iterable[str | Path],
    model: str | Path = "bundled",
    *,
    fp32: bool = False,
    tta: bool = False,
    device: str = "cpu",
) -> Predictions:
    """Answers for photographs and folders of photographs; the options are those of `Predictor`.

    Raises `ModelError` for a RUN that cannot be used; photographs that cannot be read are in `problems`.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    paths, problems = gather_images(inputs)
    predictor = Predictor(model, fp32=fp32, tta=tta, device=device, count=len(paths))
    answers = list(predictor.predict(paths))
    predictions = tuple(a for a in answers if isinstance(a, Prediction))
    return Predictions(predictions, tuple(problems) + tuple(a for a in answers if isinstance(a, Problem)))
