"""The facts of a model's card that whoever reads its answers must have."""

from __future__ import annotations

from typing import Any

from lentigo.inference.prediction import Predictor
from lentigo.models.bundle import describe_bundle

NOT_FOR = (
    "No diagnosis and no decision about treatment: see a dermatologist, whatever it says.",
    "No triage and no screening: it has not been tried in a clinic, and how often it is wrong there is not "
    "known.",
    "Not for photographs that hold more than one lesion, nor for nails, mucosa and eyes, of which it has "
    "seen none or few.",
    "Not for skin tones that its training data hold few photographs of; see the model card.",
)


def describe_model(predictor: Predictor) -> dict[str, Any]:
    """Name, licence, results, the operating point and its rule, calibration, the limits of refusal, and what
    the model must not be used for.
    """
    card = predictor.bundle.card
    calibration = card.get("calibration") or {}
    return {
        "name": predictor.name,
        "licence": card.get("licence"),
        "disclaimer": card.get("disclaimer", DISCLAIMER),
        "not_for": list(NOT_FOR),
        "architecture": card.get("architecture"),
        "threshold": predictor.threshold,
        "threshold_rule": predictor.threshold_rule,
        "prevalence": card.get("prevalence"),
        "calibration": {
            name: value for name, value in calibration.items() if name not in ("knots", "values")
        },
        "refusal": card.get("refusal") or {},
        "metrics": describe_bundle(predictor.bundle)["results"],
    }


DISCLAIMER = "A research tool, not a medical device: no diagnosis, no treatment decision."
