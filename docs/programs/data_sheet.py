"""The page on what the bundled weights have learned from, made from their card."""

from __future__ import annotations

import json
from typing import Any

from command_blocks import HOUSE

CARD = HOUSE / "lentigo" / "models" / "bundled" / "card.json"
NOT_KNOWN = "not recorded"
PAGE = """# Data sheet

What the bundled weights have learned from. The questions are those of *Datasheets for Datasets* (Gebru and others,
2021, doi 10.1145/3458723). The numbers on this page come from `card.json`.

| fact | value |
|---|---|
{facts}

## Why, and by whom

The set was put together by the makers of Lentigo, to train weights that come with the package. It is not published.
No photograph is in the package.

## What it holds

Photographs of skin lesions, each with the class benign or malignant. Most are dermoscopic, cut to the lesion.
What is known of them, by photograph:

| column | known for |
|---|---|
{known}

Duplicates were searched for by what the photographs show: {duplicates}.

## How it was collected

The photographs are public. They come from the ISIC archive and from sets that were made of it.
How a label was made (histology, follow-up, opinion) is not recorded here; the archive says it for each photograph.
Nobody was asked anew. The people in the photographs cannot be told from the package.

## How it was divided

{division}

## What it must not be used for

Light skin is the rule in the archive. Sex, age and skin tone are not known here. So nothing is claimed for a group.
Clinical photographs, other cameras and other skins have to be measured first: `lentigo evaluate bundled YOUR_DATA`.

## Terms

{licence}.

## Upkeep

With each new version of the weights this page is made anew. What a version was measured on is in
[BENCHMARKS.md](BENCHMARKS.md).
"""


def write_data_sheet() -> str:
    """The page as Markdown."""
    card = json.loads(CARD.read_text(encoding="utf-8"))
    data = card["data"]
    duplicates = data.get("duplicates") or {}
    found = NOT_KNOWN
    if duplicates:
        found = f"{duplicates['photographs']:,} photographs are in {duplicates['groups']:,} groups"
    return PAGE.format(
        facts="\n".join(f"| {name} | {value} |" for name, value in list_facts(card, data)),
        known="\n".join(f"| {name} | {count:,} |" for name, count in data.get("known", {}).items() if count),
        duplicates=found,
        division=describe_division(data),
        licence=card.get("licence") or NOT_KNOWN,
    )


def list_facts(card: dict[str, Any], data: dict[str, Any]) -> list[tuple[str, str]]:
    """The counts of the card."""
    return [
        ("weights", f"`{card['files']['model.onnx'][:8]}`, {card['backbone']}"),
        ("photographs to learn from", f"{data['training']:,}, {data['training_malignant']:,} malignant"),
        ("photographs for validation", f"{data['validation']:,}, {data['validation_malignant']:,} malignant"),
        ("groups", f"{data['training_groups']:,} and {data['validation_groups']:,}"),
        ("sources", ", ".join(data.get("sources") or [NOT_KNOWN])),
        ("licences that the set names", ", ".join(data.get("licenses") or [NOT_KNOWN])),
        ("fingerprint", f"`{data['fingerprint'][:16]}`"),
    ]


def describe_division(data: dict[str, Any]) -> str:
    """How validation and test were kept apart."""
    words = ["Whole groups (patient, lesion, duplicates) stand in one split."]
    left_out = data.get("left_out") or {}
    if left_out.get("photographs"):
        counts = ", ".join(f"{count:,} of {name}" for name, count in left_out["photographs"].items())
        words.append(f"Photographs that belong with some of another split: {counts}.")
        words.append("Those of the training were left out.")
    return " ".join(words)
