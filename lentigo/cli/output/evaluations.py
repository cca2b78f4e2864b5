"""What was measured of a model, for people: the numbers of a training, an evaluation and a RUN as lines."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from lentigo.cli.output.terminal import print_line
from lentigo.common.results.summaries import format_count
from lentigo.splits.leak_words import describe_start, format_leaks, mark_leaks

NAME_WIDTH = 31  # letters, of a metric

if TYPE_CHECKING:
    from lentigo.inference.decisions.prevalence import PredictiveValues


def print_scores(title: str, scores: dict[str, Any]) -> None:
    """Prints metrics with their intervals, and the confusion matrix.

    Args:
        title: What was measured on what.
        scores: `Assessment.to_json()`.
    """
    print_line(f"{title}: {format_count(scores['n'], 'photograph')}, {scores['n_malignant']} malignant")
    missing = f"not defined ({explain_missing(scores)})"
    for name, interval in scores["ci"].items():
        print_metric(name, scores[name], interval, missing=missing)
    (true_negative, false_positive), (false_negative, true_positive) = scores["confusion"]
    print_line(
        f"  at the threshold {scores['threshold']:.3f}: {true_positive} malignant found, {false_negative} "
        f"missed; {true_negative} benign cleared, {false_positive} called malignant"
    )
    for note in (*scores["notes"], mark_leaks(scores)):
        if note:
            print_line(f"  {note}")
    print_diagnosis_scores(scores.get("diagnoses"))
    print_exposure(scores["evaluated_before"])


def explain_missing(scores: dict[str, Any]) -> str:
    """Why metrics of a set have no value: with both classes there only the calibration has none.

    Args:
        scores: `Assessment.to_json()`.

    >>> explain_missing({"n": 5, "n_malignant": 5})
    'one class is missing'
    """
    if scores["n_malignant"] in (0, scores["n"]):
        return "one class is missing"
    if scores["auroc"] in (0, 1):
        return "the classes are told apart without error"
    return "too few groups, or all probabilities are alike"


def print_metric(
    name: str, value: float | None, interval: tuple[float, float], *, missing: str, decimals: int = 4
) -> None:
    """A metric with its 95 % interval; `missing` where it has no value."""
    words = missing
    if value is not None:
        low, high = interval
        words = f"{value:.{decimals}f}  ({low:.{decimals}f} to {high:.{decimals}f})"
    print_line(f"  {name.replace('_', ' '):<{NAME_WIDTH}}{words}")


def print_diagnosis_scores(scores: dict[str, Any] | None) -> None:
    """How well the seven diagnoses are told apart, as text."""
    if scores is None:
        return
    low, high = scores["ci"]
    print_line(
        f"  diagnoses of {format_count(scores['n'], 'photograph')}: balanced accuracy "
        f"{scores['balanced_accuracy']:.3f} ({low:.3f} to {high:.3f})"
    )


def print_exposure(facts: dict[str, Any] | None) -> None:
    """How often the photographs of a set were evaluated before, as text."""
    if facts:
        print_line(f"  {facts['note']}")


def print_training_set(facts: dict[str, Any]) -> None:
    """Prints what a training found among its photographs.

    Args:
        facts: `TrainingSet.describe()`.
    """
    left_out = facts["left_out"]
    if left_out:
        print_line(
            f"  {format_count(left_out['n'], 'photograph')} left out, since the given split leaks: "
            f"{format_leaks(left_out)}"
        )
    duplicates = facts["duplicates"]
    if duplicates and duplicates["groups"]:
        print_line(
            f"  {duplicates['photographs']} photographs show what another shows; each of their "
            f"{duplicates['groups']} groups counts as one"
        )


def print_start(facts: dict[str, int] | None) -> None:
    """Prints what the start of a training has learned from, and for how many photographs duplicates are not
    recognised.

    Args:
        facts: The card's `start`; None prints nothing.
    """
    if facts:
        print_line(f"  {describe_start(facts)}")


def print_mask_scores(title: str, scores: dict[str, Any]) -> None:
    """Prints agreement with masks that were drawn by hand, with intervals.

    Args:
        title: What was measured on what.
        scores: `MaskAssessment.to_json()`.
    """
    print_line(f"{title}: {format_count(scores['n'], 'photograph')} with masks")
    for name, interval in scores["ci"].items():
        decimals = 1 if name.endswith("px") else 4
        print_metric(name, scores[name], interval, missing="not defined", decimals=decimals)
    print_line(f"  no lesion seen in {scores['not_found']}; exactly one box in {scores['one_box']:.1%}")
    print_exposure(scores["evaluated_before"])
    if scores["contamination"]:
        print_contamination(scores["contamination"])


def print_limits(facts: dict[str, Any]) -> None:
    """Prints what one gets without the lesion, what the set shares with the training, and how another model
    compares.

    Args:
        facts: `Assessment.to_json()` and `Analysis.to_json()` together.
    """
    baselines = facts["shortcut_baselines"]
    print_line(f"  AUROC without the lesion: {format_baselines(baselines)}")
    print_line(f"  accuracy of always naming the larger class: {baselines['majority_accuracy']:.3f}")
    print_contamination(facts["contamination"])
    print_training_duplicates((facts["contamination"] or {}).get("duplicates"))
    if facts["comparison"]:
        print_comparison(facts["comparison"])
        print_contamination(facts["contamination_of_other"])


def print_training_duplicates(duplicates: list[dict[str, str]] | None) -> None:
    """How many photographs of a set show what one of the training shows; nothing where none does."""
    if duplicates:
        contaminated = {duplicate["image"] for duplicate in duplicates}  # one may show what several show
        print_line(
            f"  {len(contaminated)} show what a photograph of the training shows "
            f"({count_duplicate_kinds(duplicates)}): the numbers above are too good"
        )


def print_comparison(facts: dict[str, Any]) -> None:
    """Two models on the same photographs, as text."""
    low, high = facts["ci"]
    print_line(
        f"  AUROC beside {facts['names'][0]}: {or_nan(facts['second_auroc']):.4f} and "
        f"{or_nan(facts['first_auroc']):.4f}, {or_nan(facts['difference']):+.4f} "
        f"({or_nan(low):+.4f} to {or_nan(high):+.4f}), p {or_nan(facts['p']):.3f}; decisions that it alone "
        "got "
        f"right {facts['only_first_right']}, this one alone {facts['only_second_right']}, p "
        f"{or_nan(facts['p_decisions']):.3f}"
    )


def or_nan(value: float | None) -> float:
    """A number that can be formatted: NaN for what is not known."""
    return math.nan if value is None else value


def print_contamination(facts: dict[str, Any]) -> None:
    """Prints which photographs of a set a model has learned from, and of how many that is not known.

    Args:
        facts: `contamination` of an evaluation.
    """
    for note in facts["notes"]:
        print_line(f"  {note}")
    if not facts["by_file"] and facts["by_picture"] == 0 and facts["learned_from"]:
        compared = facts["learned_from"] - facts["not_known"]
        print_line(
            f"  none of these photographs is, in whatever file, among {compared:,} that {facts['model']} has "
            "learned from"
        )


def format_baselines(baselines: dict[str, Any]) -> str:
    """The AUROC of each shortcut baseline that is known.

    Args:
        baselines: `shortcut_baselines` of an audit or an evaluation.

    Returns:
        Names and values with commas between.
    """
    words = []
    for key, value in baselines.items():
        if key.endswith("_auroc") and value is not None:
            name = key.removesuffix("_auroc").replace("_", " ")
            words.append(f"{name} {value:.3f}")
    return ", ".join(words)


def count_duplicate_kinds(duplicates: list[dict[str, str]]) -> str:
    """Counts pairs of each kind.

    Args:
        duplicates: Pairs with their `kind`.

    Returns:
        Kinds and counts with commas between; "" without any.
    """
    counts = Counter(duplicate["kind"] for duplicate in duplicates)
    return ", ".join(f"{kind}: {count}" for kind, count in counts.items())


def format_predictive_values(values: PredictiveValues) -> str:
    """PPV and NPV in a sentence.

    Args:
        values: `PredictiveValues`.

    Returns:
        The sentence, with 95 % intervals.
    """
    ppv_low, ppv_high = values.ppv_ci
    npv_low, npv_high = values.npv_ci
    ppv = "an unknown share is" if math.isnan(values.ppv) else f"{values.ppv:.1%} are"
    npv = "an unknown share" if math.isnan(values.npv) else f"{values.npv:.2%}"
    return (
        f"at a prevalence of {values.prevalence:.1%}, from validation: of those called malignant {ppv} "
        f"({ppv_low:.1%} to {ppv_high:.1%}), of those called benign {npv} ({npv_low:.2%} to {npv_high:.2%})"
    )


def print_run(facts: dict[str, Any], title: str = "RUN") -> None:
    """Prints what a RUN is, and how good.

    Args:
        facts: What `describe_bundle` gives.
        title: The first word.
    """
    licence = f"; {facts['licence']}" if facts["licence"] else ""
    print_line(f"{title}: {facts['name']}, {facts['backbone']}, {facts['megabytes']} MB{licence}")
    print_line(f"  answers: {', '.join(facts['outputs'])}")
    if facts["threshold"] is not None:
        rule = f" ({facts['threshold_rule']})" if facts["threshold_rule"] else ""
        print_line(f"  threshold: {facts['threshold']:.3f}{rule}")
    if facts["data"]:
        print_line(f"  learned from: {facts['data']}")
    if facts["leaks"]:
        print_line(f"  {mark_leaks(facts)}")
    for split, scores in facts["results"].items():
        if "auroc" in scores:  # those of masks have none
            print_line(f"  {split}, {format_result(scores)}")


def format_result(scores: dict[str, Any]) -> str:
    """What was measured on one set, as `print_run` shows it."""
    low, high = scores["ci"]["auroc"]
    auroc = f"AUROC {scores['auroc']:.3f} ({low:.3f} to {high:.3f})"
    photographs = format_count(scores["n"], "photograph")
    return f"{photographs}: {auroc}, accuracy {scores['accuracy']:.3f}"
