"""The report: one HTML file that holds everything it shows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from lentigo.audit.shortcut_baselines import BASELINE_TITLES
from lentigo.common.html import embed, inline_vectors, render_page
from lentigo.common.statistics.aurocs import has_both_classes
from lentigo.datasets.dataset import CLASSES
from lentigo.evaluation.analysis import Analysis, Mistake
from lentigo.evaluation.assessment import Assessment
from lentigo.evaluation.card.diagnosis_section import describe_diagnoses
from lentigo.evaluation.card.model_card import build_card
from lentigo.evaluation.decision_figures import draw_decision_curve, draw_risk_coverage
from lentigo.evaluation.figures import (
    draw_confusion,
    draw_precision_recall,
    draw_probabilities,
    draw_reliability,
    draw_roc,
)
from lentigo.evaluation.history_figures import draw_history
from lentigo.evaluation.scores.curves import trace_bands
from lentigo.evaluation.scores.metrics import TITLES
from lentigo.images.photographs import read_image
from lentigo.images.problems import Problem
from lentigo.inference.explanation import name_figures
from lentigo.inference.figures.explanation_figures import draw_pair
from lentigo.inference.figures.overlays import save_image
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import HISTORY, Bundle
from lentigo.splits.leak_words import mark_leaks

MISTAKE_SIDE = 320  # pixels, of the longer side of a photograph
MISTAKE_QUALITY = 75  # of WebP


def draw_figures(assessment: Assessment, folder: str | Path) -> dict[str, Path]:
    """Draws the figures of an assessment that can be drawn: without both classes there is no curve.

    Args:
        assessment: Of a model.
        folder: Where the figures are written.

    Returns:
        Their paths by name.
    """
    folder = Path(folder)
    # From the table, which may have been filtered, not from the data set
    truth = (assessment.table["label"] == CLASSES[1]).to_numpy(dtype=int)
    probability = assessment.table["probability"].to_numpy()
    figures = {
        "confusion": draw_confusion(assessment.confusion, CLASSES, folder / "confusion.png"),
        "probabilities": draw_probabilities(
            truth, probability, assessment.threshold, folder / "probabilities.png"
        ),
    }
    if has_both_classes(truth):
        bands = trace_bands(truth, probability, assessment.dataset.groups)
        figures["roc"] = draw_roc(truth, probability, assessment.threshold, folder / "roc.png", bands)
        figures["precision_recall"] = draw_precision_recall(
            truth, probability, folder / "precision_recall.png", bands
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
    # Everything answered has no second point: the curve ends there
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
    """The worst mistakes, each as a photograph beside a map of what spoke for malignant and what against.

    Args:
        predictor: A RUN with a classifier.
        analysis: Of its assessment.
        folder: Where the pictures are written, in a folder of their own.

    Returns:
        Each mistake and its picture, a WebP; photographs that cannot be read any more are left out.
    """
    by_image = {mistake.image: mistake for mistake in analysis.mistakes}
    # The names of the figures, in order, are also the order in which photographs are predicted
    figures = name_figures(list(map(Path, by_image)), Path(folder) / "mistakes")
    explained = []
    # Predicted again: an assessment keeps numbers, not pixels or heatmaps
    for result in predictor.infer(list(figures)):
        if isinstance(result, Problem):
            continue
        pixels = read_image(result.source, side=None).pixels
        path = figures[result.image].with_suffix(".webp")
        # WebP: a page of JPEGs of the same quality is half as large again
        save_image(draw_pair(pixels, result, MISTAKE_SIDE), path, quality=MISTAKE_QUALITY)
        explained.append((by_image[result.image], path))
    return explained


def name_mistake(mistake: Mistake) -> dict[str, Any]:
    """A mistake with the name of its file instead of the path, which says nothing to a reader."""
    return {**asdict(mistake), "name": Path(mistake.image).name}


def list_warnings(bundle: Bundle, assessment: Assessment, analysis: Analysis | None) -> list[str]:
    """What keeps the numbers from being read as usual, the weightiest first.

    Args:
        bundle: The RUN.
        assessment: Of the RUN.
        analysis: Of the assessment, or None.

    Returns:
        Sentences.
    """
    # Leaks first: they spoil everything that follows
    warnings = []
    mark = mark_leaks(bundle.card)
    if mark:
        warnings.append(mark)
    if assessment.contamination is not None:
        warnings.extend(assessment.contamination.warnings)
    if analysis is not None and analysis.contamination_of_other is not None:
        warnings.extend(analysis.contamination_of_other.notes)
    warnings.extend(assessment.notes)
    if assessment.exposure is not None and assessment.times_test_opened > 1:
        warnings.append(
            f"{assessment.exposure.note}; each look that changes a choice makes these numbers rosier than the "
            "truth"
        )
    if assessment.problems:
        count = len(assessment.problems)
        total = count + assessment.n
        warnings.append(f"{count} of {total} files could not be read and are left out: see the end")
    return [f"{warning.rstrip('.')}." for warning in warnings]


def list_rows(answers: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """The title, the value and the interval of each metric."""
    rows = []
    for name, title in TITLES.items():
        rows.append((title, answers[name], answers["ci"][name]))
    return rows


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
    history = bundle.folder / HISTORY
    if history.is_file():
        figures["history"] = draw_history(pd.read_csv(history), Path(folder) / "history.png")
    answers = assessment.to_json()
    diagnoses = None
    if answers["diagnoses"]:
        diagnoses = describe_diagnoses(answers["diagnoses"], "The seven diagnoses")
    own_validation = None
    # At the end of a training the report comes before the card: the numbers of its sections are these
    if assessment.split == "validation" and "metrics" not in bundle.card:
        own_validation = assessment
    return render_page(
        "lentigo.evaluation",
        "report.html",
        card=bundle.card,
        sha256=bundle.card["files"].get("model.onnx", ""),
        warnings=list_warnings(bundle, assessment, analysis),
        answers=answers,
        diagnoses=diagnoses,
        rows=list_rows(answers),
        figures={name: inline_vectors(path) for name, path in figures.items()},
        shortcut_baselines=BASELINE_TITLES,
        analysis=analysis and analysis.to_json(),
        mistakes=[(name_mistake(mistake), embed(path)) for mistake, path in mistakes],
        problems=assessment.problems,
        sections=build_card(bundle, own_validation),
    )
