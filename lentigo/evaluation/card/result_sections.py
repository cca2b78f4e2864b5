"""The sections of a model card on results, and on where it answers the items of a guideline."""

from __future__ import annotations

from typing import Any

from lentigo.evaluation.card.checklists import EVALUATE, NOT_ANSWERED, Checklist
from lentigo.evaluation.card.sections import (
    NOT_RECORDED,
    Section,
    Table,
    find,
    format_score,
    tabulate_scores,
)
from lentigo.evaluation.scores.metrics import TITLES
from lentigo.evaluation.scores.subgroups import MIN_IMAGES

METRICS_HEAD = ("Metric", "Value", "95 % interval")
BASELINE_TITLES = {
    "file_only_auroc": "the file",
    "border_only_auroc": "the border of the picture",
    "corners_only_auroc": "its corners",
    "thumbnail_only_auroc": "a thumbnail",
}


def describe_results(scores: dict[str, Any], folds: int | None = None) -> Section:
    """Describes the metrics on validation.

    Args:
        scores: Of `Assessment.to_json()`; may be empty.
        folds: Those of an ensemble, which chooses its epochs on other photographs.

    Returns:
        The section.
    """
    if not scores:
        return Section("Results on validation", (f"Results: {NOT_RECORDED}.",))
    # Heads of an ensemble choose their epochs on folds of the training split, not on validation
    chosen = "epoch, calibration, threshold and refusal"
    if folds:
        chosen = "calibration, threshold and refusal"
    lines = [
        f"{scores['n']:,} photographs, {scores['n_malignant']:,} malignant. All are counted, answered or "
        "refused.",
        f"These numbers are optimistic: {chosen} were chosen on the same photographs.",
    ]
    # Sensitivity rests on one class, specificity on the other: the smaller one limits both
    smaller = min(scores["n_malignant"], scores["n"] - scores["n_malignant"])
    if smaller < MIN_IMAGES:
        lines.append(
            f"With {smaller} photographs of one class, fewer than {MIN_IMAGES}, nothing can be claimed from "
            "these numbers."
        )
    lines.append(
        "Intervals: 95 %, by whole groups: exact for shares, by DeLong's variance for the AUROC, 1000 "
        "resamples for the others. They count chance alone, not other places or people."
    )
    return Section("Results on validation", tuple(lines), (tabulate_scores(scores, TITLES, METRICS_HEAD),))


def describe_test(card: dict[str, Any]) -> Section:
    """Describes what was measured on test photographs, or else how to measure it.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    measured = card.get("measured")
    if not measured:
        return Section(
            "Results on test photographs",
            (
                "Not in this RUN: training never reads the test split.",
                f"{EVALUATE} measures it, with subgroups, shortcut baselines, calibration and the worst "
                "mistakes, and counts how often the set has been opened; `--stress` adds changed "
                "photographs.",
            ),
        )
    lines = (
        f"{measured['data']}, {measured['n']:,} photographs, {measured['n_malignant']:,} malignant; by "
        f"{measured['model']}. Training never read them; all are counted, answered or refused.",
        "Intervals: 95 %, by whole groups. They count chance alone, not other places or people.",
        "The second table is what a simple classifier reaches without the lesion, the third what is left "
        "when every photograph is changed.",
    )
    tables = [tabulate_scores(measured, TITLES, METRICS_HEAD), tabulate_baselines(measured)]
    if measured.get("stress"):
        tables.append(tabulate_stress(measured["stress"]))
    return Section("Results on test photographs", lines, tuple(tables))


def tabulate_baselines(measured: dict[str, Any]) -> Table:
    """The AUROC of the shortcut baselines."""
    rows = []
    for name, title in BASELINE_TITLES.items():
        value = find(measured, "shortcut_baselines", name)
        interval = find(measured, "shortcut_baselines", "ci", name)
        rows.append((title, format_score(value, interval)))
    return Table(("Known to the classifier", "AUROC"), tuple(rows))


def tabulate_stress(stress: list[dict[str, Any]]) -> Table:
    """The AUROC after each change of the photographs."""
    rows = []
    for row in stress:
        auroc = format_score(row["auroc"], row["auroc_ci"])
        rows.append((row["name"], auroc, f"{row['changed']:.1%}"))
    return Table(("Change", "AUROC", "Decisions that change"), tuple(rows))


def tabulate_items(checklist: Checklist) -> Section:
    """Lists the items of a guideline and where the card answers them.

    Args:
        checklist: The guideline.

    Returns:
        The section.
    """
    items = checklist.items
    answered = [item for item in items if item.section]
    in_part = [item for item in answered if item.note]
    unanswered = [item for item in items if item.answer == NOT_ANSWERED]
    # The rest is answered, but by another command
    elsewhere = len(items) - len(answered) - len(unanswered)
    rows = [(item.number, item.subject, item.answer) for item in items]
    return Section(
        checklist.name,
        (
            f"{checklist.source}. Subjects are shortened; the guideline itself says what each item asks.",
            f"This card answers {len(answered) - len(in_part)} of {len(items)}, {len(in_part)} in part; for "
            f"{elsewhere} another command does, and {len(unanswered)} only the authors of a study can "
            "answer.",
        ),
        (Table(("Item", "Subject", "Where"), tuple(rows)),),
    )
