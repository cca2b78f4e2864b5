"""The facts of a model's card that whoever reads its predictions must have."""

from __future__ import annotations

from typing import Any

from lentigo.models.bundle import MODEL_CARD, Bundle, describe_bundle
from lentigo.serving.predictions.inference_pool import InferencePool
from lentigo.serving.predictions.known_cases import describe_index

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
TEST_ENTRIES = (  # of what was measured on test photographs
    "data",
    "n",
    "n_malignant",
    "auroc",
    "sensitivity",
    "specificity",
    "accuracy",
    "brier",
    "ece",
    "coverage",
    "ci",
)


def describe_model(pool: InferencePool) -> dict[str, Any]:
    """Collects what a reader of predictions must know of the model.

    Args:
        pool: the model in use.

    Returns:
        Name, licence, results, the operating point and its rule, the calibration, the limits of refusal,
        what the model must not be used for, and which known lesions are shown; the keys are those of the
        schema `Model`.
    """
    predictor = pool.single
    card = predictor.bundle.card
    calibration = dict(card.get("calibration") or {})
    for name in CURVE_ENTRIES:
        calibration.pop(name, None)
    return {
        "name": predictor.name,
        "model_sha256": card["files"]["model.onnx"],
        "licence": card.get("licence"),
        "disclaimer": card.get("disclaimer", DISCLAIMER),
        "not_for": list(NOT_FOR),
        "architecture": card.get("architecture"),
        "threshold": predictor.decider.threshold,
        "threshold_rule": predictor.decider.threshold_rule,
        "prevalence": card.get("prevalence"),
        "calibration": calibration,
        "refusal": card.get("refusal") or {},
        "metrics": describe_bundle(predictor.bundle)["results"],
        "test": pick_test_results(card),
        "known_cases": describe_index(pool),
    }


def pick_test_results(card: dict[str, Any]) -> dict[str, Any] | None:
    """What was measured on test photographs, as the card holds it; None where nothing was."""
    measured = card.get("measured")
    if not measured:
        return None
    return {name: measured[name] for name in TEST_ENTRIES if name in measured}


def read_model_card(bundle: Bundle) -> str:
    """Reads the model card for people.

    Args:
        bundle: the model in use.

    Returns:
        Markdown: the file of the RUN, which people may have completed; written anew where it has none.
    """
    try:
        return (bundle.folder / MODEL_CARD).read_text("utf-8")
    except FileNotFoundError:
        from lentigo.evaluation.card.model_card import write_card

        return write_card(bundle)
