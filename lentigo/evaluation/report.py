"""The report: one HTML file that holds everything it shows."""

from __future__ import annotations

from pathlib import Path

from lentigo.audit.shortcut_baselines import BASELINE_TITLES
from lentigo.common.html import embed, render_page
from lentigo.datasets.dataset import CLASSES
from lentigo.evaluation.analysis import Analysis, Mistake
from lentigo.evaluation.assessment import Assessment
from lentigo.evaluation.card.diagnosis_section import describe_diagnoses
from lentigo.evaluation.card.model_card import build_card
from lentigo.evaluation.figures import (
    draw_confusion,
    draw_decision_curve,
    draw_precision_recall,
    draw_probabilities,
    draw_reliability,
    draw_risk_coverage,
    draw_roc,
)
from lentigo.evaluation.scores.metrics import TITLES
from lentigo.inference.explanation import Explanation, explain_images, name_figures
from lentigo.inference.prediction import Predictor
from lentigo.models.bundle import Bundle
from lentigo.splits.leak_words import mark_leaks


def draw_figures(assessment: Assessment, folder: str | Path) -> dict[str, Path]:
    """Draws the figures of an assessment that can be drawn: without both classes there is no curve.

    Args:
        assessment: Of a model.
        folder: Where the figures are written.

    Returns:
        Their paths by name.
    """
    folder = Path(folder)
    truth = (assessment.table["label"] == CLASSES[1]).to_numpy(dtype=int)
    probability = assessment.table["probability"].to_numpy()
    figures = {
        "confusion": draw_confusion(assessment.confusion, CLASSES, folder / "confusion.png"),
        "probabilities": draw_probabilities(
            truth, probability, assessment.threshold, folder / "probabilities.png"
        ),
    }
    if 0 < truth.sum() < len(truth):
        figures["roc"] = draw_roc(truth, probability, assessment.threshold, folder / "roc.png")
        figures["precision_recall"] = draw_precision_recall(
            truth, probability, folder / "precision_recall.png"
        )
    return figures


def draw_analysis(assessment: Assessment, analysis: Analysis, folder: str | Path) -> dict[str, Path]:
    """Draws the figures of an analysis.

    Args:
        assessment: Of a model.
        analysis: Of the assessment.
        folder: Where the figures are written.

    Returns:
        Their paths by name.
    """
    folder = Path(folder)
    decided = assessment.refusals.answered
    answered = None
    if decided is not None:
        error = 1 - decided.accuracy
        answered = (assessment.metrics.coverage, error)
    figures = {
        "reliability": draw_reliability(analysis.reliability, folder / "reliability.png"),
        "risk_coverage": draw_risk_coverage(analysis.risk_coverage, folder / "risk_coverage.png", answered),
    }
    if analysis.decision_curve is not None:
        figures["decision_curve"] = draw_decision_curve(
            analysis.decision_curve, folder / "decision_curve.png", assessment.threshold
        )
    return figures


def explain_mistakes(
    predictor: Predictor, analysis: Analysis, folder: str | Path
) -> list[tuple[Mistake, Path]]:
    """The worst mistakes with figures of what spoke for malignant and what against."""
    by_image = {mistake.image: mistake for mistake in analysis.mistakes}
    figures = name_figures(list(map(Path, by_image)), Path(folder) / "mistakes")
    explained = []
    for result in explain_images(predictor, list(figures), figures):
        if isinstance(result, Explanation) and result.figure_file is not None:
            explained.append((by_image[result.prediction.image], result.figure_file))
    return explained


def write_report(
    bundle: Bundle,
    assessment: Assessment,
    folder: str | Path,
    *,
    closer: tuple[Predictor, Analysis] | None = None,
) -> str:
    """Writes the report of an assessment; figures are drawn and embedded.

    Args:
        bundle: The RUN; the curves of its training come along.
        assessment: Of the RUN.
        folder: Where the figures are written.
        closer: The predictor that explains the mistakes, and the analysis to be shown, too.

    Returns:
        HTML that holds everything it shows.
    """
    figures = draw_figures(assessment, folder)
    mistakes: list[tuple[Mistake, Path]] = []
    analysis = None
    if closer is not None:
        predictor, analysis = closer
        figures |= draw_analysis(assessment, analysis, folder)
        mistakes = explain_mistakes(predictor, analysis, folder)
    history = bundle.folder / "figures" / "history.png"
    if history.is_file():
        figures["history"] = history
    answers = assessment.to_json()
    diagnoses = None
    if answers["diagnoses"]:
        diagnoses = describe_diagnoses(answers["diagnoses"], "The seven diagnoses")
    own_validation = None  # of a RUN whose card is not written yet
    if assessment.split == "validation" and "metrics" not in bundle.card:
        own_validation = assessment
    return render_page(
        "lentigo.evaluation",
        "report.html",
        card=bundle.card,
        run=bundle.folder,
        answers=answers,
        diagnoses=diagnoses,
        rows=[(title, answers[name], answers["ci"][name]) for name, title in TITLES.items()],
        figures={name: embed(path) for name, path in figures.items()},
        shortcut_baselines=BASELINE_TITLES,
        analysis=analysis and analysis.to_json(),
        mistakes=[(mistake, embed(path)) for mistake, path in mistakes],
        problems=assessment.problems,
        mark=mark_leaks(bundle.card),
        sections=build_card(bundle, own_validation),
    )
