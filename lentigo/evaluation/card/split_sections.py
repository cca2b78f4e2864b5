"""The sections of a model card on how the photographs were set apart, and on what leaks all the same."""

from __future__ import annotations

from typing import Any

from lentigo.evaluation.card.card_sections import KNOWN, NOT_RECORDED, Section, find, tell
from lentigo.splits.leak_words import mark_leaks, tell_example, tell_leaks, tell_start

SHOWN = 5  # examples


def describe_leaks(card: dict[str, Any]) -> tuple[Section, ...]:
    """What stands at the top of the card of a RUN whose split leaks; nothing for another RUN."""
    mark = mark_leaks(card)
    if not mark:
        return ()
    return (
        Section(
            "Read this first: leaks",
            (
                mark,
                "Whoever trained it said so with `--leaks allow`. `lentigo data split` makes a split that "
                "does not leak.",
                *(f"For example {tell_example(leak)}." for leak in card["leaks"]["examples"][:SHOWN]),
            ),
        ),
    )


def describe_split(card: dict[str, Any]) -> Section:
    """How validation was set apart."""
    data, seed = find(card, "data") or {}, tell(find(card, "recipe", "seed"))
    how = {
        "given": "Validation is the split that the data give.",
        "drawn": "Validation was drawn at random by class, in whole groups, "
        f"{tell(find(card, 'recipe', 'validation_split'))} of them (seed {seed}).",
    }.get(data.get("split"), f"Whether validation was drawn or given by the data: {NOT_RECORDED}.")
    groups = (
        (
            f"Groups: {tell(data.get('training_groups'))} to learn from, "
            f"{tell(data.get('validation_groups'))} for validation.",
        )
        if "training_groups" in data
        else ()
    )
    left_out = find(data, "left_out")
    gone = (
        (
            f"{left_out['n']:,} photographs were left out (`--leaks drop`). Before that, "
            f"{tell_leaks(left_out)}.",
        )
        if left_out
        else ()
    )
    start = find(card, "start")
    known = (f"{tell_start(start)[0].upper()}{tell_start(start)[1:]}.",) if start else ()
    read = (
        "was opened to look for duplicates in it, and for nothing else"
        if data.get("duplicates")
        else "was not read"
    )
    return Section(
        "Validation split",
        (
            how,
            *tell_folds(card),
            tell_groups(card),
            *gone,
            *groups,
            *known,
            f"The side of each photograph is in `splits.csv`. The test split, where there is one, {read}.",
        ),
    )


def tell_folds(card: dict[str, Any]) -> tuple[str, ...]:
    """How the training photographs of an ensemble were divided; nothing for one head."""
    ensemble = find(card, "ensemble")
    if ensemble is None:
        return ()
    folds = tell(ensemble.get("folds"))
    return (
        f"All other photographs were divided into {folds} folds, spread by class in whole groups, and each "
        "head learned without one of them.",
        "No head learned from validation, and no epoch was chosen on it.",
    )


def tell_groups(card: dict[str, Any]) -> str:
    """What was kept on one side."""
    data = find(card, "data") or {}
    known, duplicates = data.get("known"), data.get("duplicates")
    if known is None:
        return f"What was kept on one side (patient, lesion, file): {NOT_RECORDED}."
    ids = [
        KNOWN[name]
        for name in ("patient_id", "lesion_id", *(() if duplicates else ("duplicate_group",)))
        if known.get(name)
    ]
    by_content = (
        f"twins (copies and other views: {duplicates['photographs']:,} photographs in "
        f"{duplicates['groups']:,} groups)"
        if duplicates
        else "identical files"
    )
    by = f"{', '.join(ids)} where known, and {by_content}" if ids else by_content
    where = (
        "such groups stand on two sides all the same, see above"
        if find(card, "leaks")
        else "no such group stands on two sides"
    )
    if not ids and not duplicates and data.get("split") != "drawn":
        return "Not grouped: the data name no patient or lesion, so photographs of one person may stand on both sides, and the results may be too good."
    people = (
        ""
        if ids
        else " The data name no patient or lesion, so other photographs of one person may stand on both "
        "sides, and the results may be too good."
    )
    return f"Grouped by {by}: {where}.{people}"
