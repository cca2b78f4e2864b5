"""What a report and a model card say of the seven diagnoses."""

from __future__ import annotations

from typing import Any

from lentigo.evaluation.card.sections import Section, Table, format_interval, format_score

EACH_TITLES = ("Diagnosis", "Photographs", "Sensitivity", "95 % interval", "AUROC", "95 % interval")


def describe_diagnoses(scores: dict[str, Any], title: str) -> Section:
    """Describes how well the diagnoses are told apart.

    Args:
        scores: `DiagnosisScores.to_json()`.
        title: Of the section.

    Returns:
        Sentences, a table with a row for each diagnosis, and the confusion matrix.
    """
    balanced = format_score(scores["balanced_accuracy"])
    interval = format_interval(scores["ci"])
    lines = (
        f"Of {scores['n']:,} photographs the diagnosis is known. Balanced accuracy, the mean of the "
        f"sensitivities: {balanced} ({interval}).",
        "A photograph is called what has the highest of the seven probabilities. This says what a lesion is "
        "like. It is not a diagnosis of a patient.",
    )
    return Section(title, lines, (tabulate_each(scores), tabulate_confusion(scores)))


def tabulate_each(scores: dict[str, Any]) -> Table:
    """A row for each diagnosis that is among the photographs."""
    rows = []
    for name, score in scores["each"].items():
        rows.append(
            (
                spell(name),
                f"{score['n']:,}",
                format_score(score["sensitivity"]),
                format_interval(score["sensitivity_ci"]),
                format_score(score["auroc"]),
                format_interval(score["auroc_ci"]),
            )
        )
    return Table(EACH_TITLES, tuple(rows))


def tabulate_confusion(scores: dict[str, Any]) -> Table:
    """The true diagnosis of photographs (rows) and what they are called (columns)."""
    names = list(map(spell, scores["names"]))
    rows = []
    for name, counts in zip(names, scores["confusion"], strict=True):
        # A diagnosis without a photograph has an empty row: as a column it may still be what others are
        # called
        if sum(counts) > 0:
            rows.append((name, *(f"{count:,}" for count in counts)))
    return Table(("True diagnosis, called", *names), tuple(rows))


def spell(name: str) -> str:
    """A diagnosis in words.

    Args:
        name: One of `DIAGNOSES`.

    >>> spell("basal_cell_carcinoma")
    'basal cell carcinoma'
    """
    return name.replace("_", " ")
