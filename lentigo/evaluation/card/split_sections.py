"""The sections of a model card on how validation was split off, and on what leaks all the same."""

from __future__ import annotations

from typing import Any

from lentigo.evaluation.card.sections import COLUMN_TITLES, NOT_RECORDED, Section, find, format_fact
from lentigo.splits.leak_words import describe_start, format_example, format_leaks, mark_leaks

MAX_EXAMPLES = 5
MAY_BE_IN_BOTH = "photographs of one person may be in both splits, and the results may be too good."


def describe_leaks(card: dict[str, Any]) -> tuple[Section, ...]:
    """Describes the leaks of a split, at the top of the card.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        One section; none for a RUN whose split does not leak.
    """
    mark = mark_leaks(card)
    if not mark:
        return ()
    examples = [f"For example {format_example(leak)}." for leak in card["leaks"]["examples"][:MAX_EXAMPLES]]
    lines = (
        mark,
        "Whoever trained it said so with `--leaks allow`. `lentigo data split` makes a split that does not "
        "leak.",
        *examples,
    )
    return (Section("Read this first: leaks", lines),)


def describe_split(card: dict[str, Any]) -> Section:
    """Describes how validation was split off.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    data = find(card, "data") or {}
    lines = [
        describe_draw(card, data),
        *describe_folds(card),
        describe_groups(card, data),
        *describe_left_out(data),
        *count_split_groups(data),
        *describe_weights(card),
        describe_reading(data),
    ]
    return Section("Validation split", tuple(lines))


def describe_left_out(data: dict[str, Any]) -> tuple[str, ...]:
    """What was left out against leaks; nothing where nothing was."""
    left_out = find(data, "left_out")
    if not left_out:
        return ()
    return (
        f"{left_out['n']:,} photographs were left out (`--leaks drop`). Before that, "
        f"{format_leaks(left_out)}.",
    )


def count_split_groups(data: dict[str, Any]) -> tuple[str, ...]:
    """How many groups each split holds; nothing where that is not recorded."""
    if "training_groups" not in data:
        return ()
    training = format_fact(data.get("training_groups"))
    validation = format_fact(data.get("validation_groups"))
    return (f"Groups: {training} to learn from, {validation} for validation.",)


def describe_weights(card: dict[str, Any]) -> tuple[str, ...]:
    """What the weights at the start had learned from; nothing where no RUN was the start."""
    start = find(card, "start")
    if not start:
        return ()
    sentence = describe_start(start)
    return (f"{sentence[0].upper()}{sentence[1:]}.",)


def describe_reading(data: dict[str, Any]) -> str:
    """What the training read of the test split."""
    read = "was not read"
    if data.get("duplicates"):
        read = "was opened to look for duplicates in it, and for nothing else"
    return f"The split of each photograph is in `splits.csv`. The test split, where there is one, {read}."


def describe_draw(card: dict[str, Any], data: dict[str, Any]) -> str:
    """Whether validation was drawn or given."""
    if data.get("split") == "given":
        return "Validation is the split that the data give."
    if data.get("split") == "drawn":
        share = format_fact(find(card, "recipe", "validation_split"))
        seed = format_fact(find(card, "recipe", "seed"))
        return f"Validation was drawn at random by class, in whole groups, {share} of them (seed {seed})."
    return f"Whether validation was drawn or given by the data: {NOT_RECORDED}."


def describe_folds(card: dict[str, Any]) -> tuple[str, ...]:
    """How the training photographs of an ensemble were divided; nothing for one head."""
    ensemble = find(card, "ensemble")
    if ensemble is None:
        return ()
    folds = format_fact(ensemble.get("folds"))
    return (
        f"All other photographs were divided into {folds} folds, spread by class in whole groups, and each "
        "head learned without one of them.",
        "No head learned from validation, and no epoch was chosen on it.",
    )


def describe_groups(card: dict[str, Any], data: dict[str, Any]) -> str:
    """What was kept in one split."""
    counts = data.get("known")
    if counts is None:
        return f"What was kept in one split (patient, lesion, file): {NOT_RECORDED}."
    duplicates = data.get("duplicates")
    columns = ["patient_id", "lesion_id"]
    # A search for duplicates names groups of its own, which have a sentence of their own below
    if not duplicates:
        columns.append("duplicate_group")
    ids = [COLUMN_TITLES[name] for name in columns if counts.get(name)]
    # Drawn splits keep identical files together even without a name
    if not ids and not duplicates and data.get("split") != "drawn":
        return f"Not grouped: the data name no patient or lesion, so {MAY_BE_IN_BOTH}"
    grouped_by = "identical files"
    if duplicates:
        grouped_by = (
            f"duplicates (the same image or another view of the lesion: {duplicates['photographs']:,} "
            f"photographs in {duplicates['groups']:,} groups)"
        )
    if ids:
        grouped_by = f"{', '.join(ids)} where known, and {grouped_by}"
    where = "no such group is in two splits"
    if find(card, "leaks"):
        where = "such groups are in two splits all the same, see above"
    people = ""
    if not ids:
        people = f" The data name no patient or lesion, so other {MAY_BE_IN_BOTH}"
    return f"Grouped by {grouped_by}: {where}.{people}"
