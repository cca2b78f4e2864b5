"""The predictor: a RUN that is loaded for prediction, photographs in, one result or one problem for each."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Unpack

import numpy as np

from lentigo.errors import ModelError, UsageError
from lentigo.images.held_images import ImageSource
from lentigo.images.photographs import SIDE, DecodedImage, collect_pixels, stream_images
from lentigo.images.problems import Problem
from lentigo.inference.decisions.decider import OVERFLOW_CURE, make_decider
from lentigo.inference.opening import OpeningModel, begin_opening
from lentigo.inference.prediction_settings import SettingFields
from lentigo.inference.results import InferenceResult, Prediction
from lentigo.inference.tta import ViewsOutput, average_logit, average_mask, turn_views
from lentigo.models.bundle import Bundle
from lentigo.models.inference_session import Outputs
from lentigo.models.networks.receptive_fields import place_cells


class Predictor:
    """A RUN that is loaded for prediction; keep it, loading takes longer than predicting.

    A predictor can be pickled, and used in a process that was forked: there the graph is opened again, and
    its hash checked.

    Args:
        model: The folder of a RUN, "bundled", a bundle whose hashes were checked, or a RUN that is being
            opened, with its settings.
        count: The number of photographs to come, where it is known: for a few the graph is compiled for one
            at a time.
        **settings: Fields of `PredictionSettings`.

    Attributes:
        bundle: The RUN.
        name: Its name with the start of its hash, as predictions carry it.
        session: The graph.
        decider: How predictions are made of what the graph gives.

    Raises:
        ModelError: The RUN cannot be used.
        UsageError: A setting cannot be followed.
    """

    def __init__(
        self,
        model: str | Path | Bundle | OpeningModel,
        *,
        count: int | None = None,
        **settings: Unpack[SettingFields],
    ):
        if not isinstance(model, OpeningModel):
            opening = begin_opening(model, count=count, **settings)
        elif count is None and not settings:
            opening = model
        else:
            raise UsageError(
                f"{model.bundle.folder}: is being opened with settings already; expected none beside it: give "
                "them to begin_opening"
            )
        self.settings = opening.settings
        self.bundle = opening.bundle
        self.views = opening.views
        self.has_tta_calibration = opening.has_tta_calibration
        reference, self.session = opening.wait()
        self.name = self.bundle.name + ("+int8" if self.session.precision == "int8" else "")
        self.has_classifier = "logit" in self.session.names
        self.has_decoder = "mask" in self.session.names
        tta_entries = self.bundle.card["tta"] if self.has_tta_calibration else {}
        self.decider = make_decider(
            self.bundle.card | tta_entries,
            self.name,
            reference,
            operating_point=self.settings.operating_point,
            alpha=self.settings.alpha,
            prevalence=self.settings.prevalence,
        )

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
        outputs = self.average_views(collect_pixels(images, waiting))
        started = time.perf_counter()
        while batch := list(islice(outputs, max(1, self.session.batch // len(self.views)))):
            seconds = (time.perf_counter() - started) / len(batch)
            for output in batch:
                # Problems gave the network no pixels: they stand before the photograph of this output
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

    def run_views(self, pixels: Iterable[np.ndarray]) -> Iterator[list[Outputs]]:
        """What the network gives for the views of each photograph.

        Args:
            pixels: Photographs, uint8 (side, side, 3).
        """
        outputs = self.session.stream(turn_views(pixels, self.views))
        for first in outputs:
            yield [first, *islice(outputs, len(self.views) - 1)]

    def average_views(self, pixels: Iterable[np.ndarray]) -> Iterator[ViewsOutput]:
        """What the network gives for each photograph, over all its views.

        Args:
            pixels: Photographs, uint8 (side, side, 3).
        """
        for outputs in self.run_views(pixels):
            logit = self.average_logit(outputs) if self.has_classifier else math.nan
            mask = average_mask(outputs, self.views) if self.has_decoder else None
            yield ViewsOutput(logit, mask, outputs[0])

    def average_logit(self, outputs: list[Outputs]) -> float:
        """The logit of a photograph from those of its views: their mean where that is calibrated, else that
        of the photograph as it is, which the card's calibration was fitted on.

        Args:
            outputs: What the network gave for each view.
        """
        return average_logit(outputs if self.has_tta_calibration else outputs[:1])

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
        heatmap = output.first.get("heatmap")
        centres: tuple[float, ...] = ()
        if heatmap is not None:
            side = self.bundle.card.get("recipe", {}).get("input_size", SIDE)
            centres = place_cells(self.bundle.card["backbone"], len(heatmap), side)
        return InferenceResult(
            image=image.image,
            prediction=self.decider.decide(image, output, seconds) if self.has_classifier else None,
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
        reference = self.decider.reference
        measured = {name: output.first.get(name) for name in ("heatmap", "lesion")}
        measured["mask"] = output.mask
        if self.has_classifier:
            measured["logit"] = np.array(output.logit)
        if reference is not None:
            measured[reference.output] = output.first[reference.output]
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
        for outputs in self.run_views(pixels):
            yield self.decider.read_probability(self.average_logit(outputs))

    def require_classifier(self) -> None:
        """Raises `ModelError` where the RUN has a decoder alone, or no calibration for the mean over the
        views that it is asked for.
        """
        if not self.has_classifier:
            raise ModelError(
                f"{self.bundle.folder}: finds lesions and classifies none; expected a RUN with a "
                "classifier: `lentigo train PHOTOS --out RUN`"
            )
        if len(self.views) > 1 and not self.has_tta_calibration:
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
