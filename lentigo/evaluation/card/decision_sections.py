"""The sections of a model card on how a decision is made: calibration, threshold, refusal, precision."""

from __future__ import annotations

from typing import Any

from lentigo.evaluation.card.sections import (
    NOT_RECORDED,
    Section,
    Table,
    find,
    format_fact,
    format_score,
)
from lentigo.inference.decisions.calibration import Calibration, read_calibration

FEATURE_WORDS = {  # what the distance to the training photographs is measured in
    "embedding": "the embedding",
    "middle": "what the feature map in the middle of the network shows on average",
    "reference": "what a frozen branch beside the network sees",
}


def describe_calibration(card: dict[str, Any]) -> Section:
    """Describes what turns the logit into a probability.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    entry = find(card, "calibration")
    line = f"What turns the logit into a probability: {NOT_RECORDED}."
    if entry is not None:
        line = describe_map(read_calibration(entry))
    return Section("Calibration", (line, "No other updating of the model took place."))


def describe_map(fit: Calibration) -> str:
    """The map from logit to probability in a sentence."""
    fitted = f"fitted on {fit.n:,} validation photographs"
    if fit.kind == "none":
        return f"The probability is that of the network, {fit.note or 'not calibrated'}."
    if fit.kind == "platt":
        return (
            f"The log-odds of malignant are {format_fact(fit.slope)} times the logit, plus "
            f"{format_fact(fit.intercept)}, {fitted} (Platt 1999)."
        )
    if fit.kind == "beta":
        return (
            f"A beta map, {fitted} (Kull, Silva Filho and Flach 2017), turns the logit into a probability: "
            f"slope {format_fact(fit.slope)} for large logits, {format_fact(fit.slope_below)} for small "
            "ones, "
            f"intercept {format_fact(fit.intercept)}."
        )
    return (
        f"An isotonic map of {len(fit.knots)} knots, {fitted} (Zadrozny and Elkan 2002), turns the logit "
        "into "
        "a probability."
    )


def describe_operating_point(card: dict[str, Any], scores: dict[str, Any]) -> Section:
    """Describes the threshold, its rule, and what it does on validation.

    Args:
        card: Of the RUN, as `card.json` has it.
        scores: The metrics on validation, of `Assessment.to_json()`; may be empty.

    Returns:
        The section.
    """
    threshold = format_fact(find(card, "threshold"))
    rule = format_fact(find(card, "threshold_rule"))
    lines = [f"Malignant is said where P(malignant) is at least {threshold}. The rule: {rule}."]
    if scores.get("confusion"):
        # Rows are the truth, columns the decision, benign first
        (cleared, alarms), (missed, found) = scores["confusion"]
        lines.append(
            f"On validation: {found:,} malignant found, {missed:,} missed; {cleared:,} benign cleared, "
            f"{alarms:,} called malignant."
        )
    rows = list(map(tabulate_rule, scores.get("operating_points", ())))
    tables = []
    if rows:
        head = ("Rule", "Threshold", "Sensitivity (95 % interval)", "Specificity (95 % interval)")
        tables.append(Table(head, tuple(rows)))
    return Section("Operating point", tuple(lines), tuple(tables))


def tabulate_rule(row: dict[str, Any]) -> tuple[str, str, str, str]:
    """One operating point as a row."""
    sensitivity = format_score(row["sensitivity"], row["ci"]["sensitivity"])
    specificity = format_score(row["specificity"], row["ci"]["specificity"])
    return format_fact(row["rule"]), f"{row['threshold']:.3f}", sensitivity, specificity


def describe_refusal(card: dict[str, Any], scores: dict[str, Any]) -> Section:
    """Describes when the model does not answer.

    Args:
        card: Of the RUN, as `card.json` has it.
        scores: The metrics on validation; may be empty.

    Returns:
        The section.
    """
    refusal = find(card, "refusal")
    if refusal is None:
        return Section("Refusal", (f"When the model should not answer: {NOT_RECORDED}.",))
    # Cards of RUNs whose refusal measured nothing but the embedding do not name it
    features = FEATURE_WORDS[refusal.get("output", "embedding")]
    lines = [
        f"It says uncertain where {features} is further than {format_fact(refusal.get('distance_limit'))} "
        "(Mahalanobis distance) from both classes of the training photographs.",
        "It also does unless conformal prediction leaves exactly the label that the threshold gives: where "
        "it can exclude neither class, where it excludes both, and where it excludes that label. The risk "
        f"of excluding the true class: {format_fact(refusal.get('alpha'))}.",
    ]
    if refusal.get("lesion_limit"):
        lines.insert(
            1,
            "It says uncertain, too, where P(lesion) is nowhere in the photograph as high as "
            f"{format_fact(refusal['lesion_limit'])}: no lesion is found there.",
        )
    lines += describe_refusals(scores.get("refusals"))
    return Section("Refusal", tuple(lines))


def describe_refusals(counts: dict[str, int] | None) -> list[str]:
    """A sentence on how many validation photographs were refused; none where that is not recorded."""
    if not counts:
        return []
    return [
        f"Of {counts['n']:,} validation photographs {counts['out_of_distribution']:,} were too far, "
        f"{counts['uncertain']:,} in doubt; the limits were set on these photographs."
    ]


def describe_precision(card: dict[str, Any]) -> Section:
    """Describes whether bf16 may be used.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    check = find(card, "bf16")
    if check is None:
        return Section(
            "Precision", ("Computed in fp32. How bf16 would decide was not measured when this RUN was made.",)
        )
    auroc_bf16 = format_auroc(check["auroc_bf16"])
    auroc_fp32 = format_auroc(check["auroc_f32"])
    verdict = "That differs too much, so fp32 is used."
    if check["neutral"]:
        verdict = "So bf16 is used where the processor has it."
    line = (
        f"On {check['n']:,} validation photographs bf16 decides as fp32 does for "
        f"{100 * check['decisions_equal']:.1f} % of them (AUROC {auroc_bf16} and {auroc_fp32}). {verdict}"
    )
    return Section("Precision", (line,))


def format_auroc(value: float | None) -> str:
    """An AUROC with four decimals."""
    if value is None:
        return "not defined"
    return f"{value:.4f}"
