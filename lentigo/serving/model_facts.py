"""The facts of a model's card that whoever reads its predictions must have."""

from __future__ import annotations

from typing import Any

from lentigo.inference.prediction import Predictor
from lentigo.models.bundle import describe_bundle

DISCLAIMER = "A research tool, not a medical device: no diagnosis, no treatment decision."
NOT_FOR = (
    "No diagnosis and no decision about treatment: see a dermatologist, whatever it says.",
    "No triage and no screening: it has not been tried in a clinic, and how often it is wrong there is not "
    "known.",
    "Not for photographs that hold more than one lesion, nor for nails, mucosa and eyes, of which it has "
    "seen none or few.",
    "Not for skin tones that its training data hold few photographs of; see the model card.",
)
CURVE_ENTRIES = ("knots", "values")  # of a calibration: long, and of no use to readers


def describe_model(predictor: Predictor) -> dict[str, Any]:
    """Collects what a reader of predictions must know of the model.

    Args:
        predictor: the model in use.

    Returns:
        Name, licence, results, the operating point and its rule, the calibration, the limits of refusal, and
        what the model must not be used for; the keys are those of the schema `Model`.
    """
    card = predictor.bundle.card
    calibration = dict(card.get("calibration") or {})
    for name in CURVE_ENTRIES:
        calibration.pop(name, None)
    return {
        "name": predictor.name,
        "licence": card.get("licence"),
        "disclaimer": card.get("disclaimer", DISCLAIMER),
        "not_for": list(NOT_FOR),
        "architecture": card.get("architecture"),
        "threshold": predictor.threshold,
        "threshold_rule": predictor.threshold_rule,
        "prevalence": card.get("prevalence"),
        "calibration": calibration,
        "refusal": card.get("refusal") or {},
        "metrics": describe_bundle(predictor.bundle)["results"],
    }
