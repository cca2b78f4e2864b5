"""The report: one HTML file that holds everything it shows."""

from __future__ import annotations

import base64
from importlib.resources import files
from pathlib import Path

import jinja2

from lentigo.data.manifests import CLASSES
from lentigo.evaluation.assessment import Assessment
from lentigo.evaluation.figures import draw_confusion, draw_precision_recall, draw_probabilities, draw_roc
from lentigo.models.bundle import Bundle

TITLES = {
    "accuracy": "Accuracy at the threshold", "auroc": "AUROC", "average_precision": "Average precision",
    "sensitivity": "Sensitivity at the threshold", "specificity": "Specificity at the threshold",
    "specificity_at_95_sensitivity": "Specificity at 95 % sensitivity", "brier": "Brier score (lower is better)",
    "ece": "Expected calibration error (lower is better)", "coverage": "Share answered",
}  # fmt: skip


def draw_figures(assessment: Assessment, folder: str | Path) -> dict[str, Path]:
    """Draws the figures of an assessment that can be drawn: without both classes there is no curve."""
    folder = Path(folder)
    truth = (assessment.table["label"] == CLASSES[1]).to_numpy(dtype=int)
    probability = assessment.table["probability"].to_numpy()
    figures = {
        "confusion": draw_confusion(assessment.confusion, CLASSES, folder / "confusion.png"),
        "probabilities": draw_probabilities(truth, probability, assessment.threshold, folder / "probabilities.png"),
    }
    if 0 < truth.sum() < len(truth):
        figures["roc"] = draw_roc(truth, probability, assessment.threshold, folder / "roc.png")
        figures["precision_recall"] = draw_precision_recall(truth, probability, folder / "precision_recall.png")
    return figures


def write_report(bundle: Bundle, assessment: Assessment, folder: str | Path) -> str:
    """The HTML of an assessment; its figures are drawn into `folder` and embedded. A training's curves come along."""
    figures = draw_figures(assessment, folder)
    history = bundle.folder / "figures" / "history.png"
    if history.is_file():
        figures["history"] = history
    answers = assessment.to_json()
    template = jinja2.Environment(autoescape=True).from_string((files("lentigo.evaluation") / "report.html").read_text("utf-8"))
    return template.render(
        card=bundle.card, run=bundle.folder, answers=answers,
        rows=[(title, answers[name], answers["ci"][name]) for name, title in TITLES.items()],
        figures={name: base64.b64encode(path.read_bytes()).decode() for name, path in figures.items()},
        problems=assessment.problems,
    )  # fmt: skip
