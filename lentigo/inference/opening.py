"""Opening a RUN: its graph is loaded and its files are checked in threads of their own.

Whoever opens one imports what photographs are decoded and decided with meanwhile, so this module imports
neither: both take about as long as the graph.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from lentigo.inference.decisions.refusal import Reference, load_reference
from lentigo.inference.prediction_settings import PredictionSettings, SettingFields
from lentigo.inference.tta import TTA_VIEWS, View
from lentigo.models.bundle import REFERENCE, Bundle, check_hashes, find_bundle
from lentigo.models.inference_session import BATCH, InferenceSession
from lentigo.models.runtime import open_session

# That a prediction is made of, beside that of the reference
PREDICTION_OUTPUTS = ("logit", "diagnosis", "lesion")


@dataclass(frozen=True)
class OpeningModel:
    """A RUN that is being opened.

    Attributes:
        bundle: The RUN.
        settings: How it is to predict.
        views: That each photograph is shown in.
        has_tta_calibration: Whether the RUN is calibrated for the mean over the views of TTA, which are asked
            for.
        check: Ends when the hashes are found right; None where they need no check.
        content: Gives what the model has learned from, and the graph.
    """

    bundle: Bundle
    settings: PredictionSettings
    views: tuple[View, ...]
    has_tta_calibration: bool
    check: Future[None] | None
    content: Future[tuple[Reference | None, InferenceSession]]

    def wait(self) -> tuple[Reference | None, InferenceSession]:
        """Waits until the RUN is open.

        Returns:
            What the model has learned from, None where the RUN does not carry it; and the graph.

        Raises:
            ModelError: The RUN cannot be used.
            UsageError: A setting cannot be followed.
        """
        if self.check is not None:
            self.check.result()  # first: an altered file explains better than what its loading raises
        return self.content.result()


def begin_opening(
    model: str | Path | Bundle, *, count: int | None = None, **settings: Unpack[SettingFields]
) -> OpeningModel:
    """Begins to open a RUN.

    Args:
        model: The folder of a RUN, "bundled", or a bundle whose hashes were checked.
        count: The number of photographs to come, where it is known.
        **settings: Fields of `PredictionSettings`.

    Raises:
        ModelError: There is no such RUN, or it is incomplete.
        UsageError: A setting is out of its range.
    """
    asked = PredictionSettings(**settings)
    bundle = model if isinstance(model, Bundle) else find_bundle(model)
    views = TTA_VIEWS if asked.tta else TTA_VIEWS[:1]
    has_tta_calibration = asked.tta and bundle.card.get("tta") is not None
    is_short = count is not None and count * len(views) <= BATCH
    workers = ThreadPoolExecutor(2)
    check = None if bundle is model else workers.submit(check_hashes, bundle)
    content = workers.submit(load_content, bundle, asked, has_tta_calibration, 1 if is_short else BATCH)
    workers.shutdown(wait=False)
    return OpeningModel(bundle, asked, views, has_tta_calibration, check, content)


def load_content(
    bundle: Bundle, settings: PredictionSettings, has_tta_calibration: bool, batch: int
) -> tuple[Reference | None, InferenceSession]:
    """What the model has learned from, and its graph for requests of `batch` photographs: where only
    predictions are asked for, without the outputs that none is made of.
    """
    reference = None
    if REFERENCE in bundle.card["files"]:
        reference = load_reference(bundle.folder / REFERENCE, tta=has_tta_calibration)
    outputs: tuple[str, ...] | None = None  # all
    if not settings.explained:
        outputs = PREDICTION_OUTPUTS
        if reference is not None:
            outputs = (*PREDICTION_OUTPUTS, reference.output)
    session = open_session(
        bundle,
        device=settings.device,
        fp32=settings.fp32,
        batch=batch,
        threads=settings.threads,
        outputs=outputs,
    )
    return reference, session
