"""The page of `card.json`, made from the table that every card is held against when it is loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from lentigo.models.cards.card_kinds import Entries, ListOf
from lentigo.models.cards.card_schema import CARD
from lentigo.training.recipes import FIELDS

INTRODUCTION = """# card.json

The card of a RUN says what the model is and how good it is. This page is made from the table that a card is held
against when it is loaded (`lentigo/models/cards/card_schema.py`). Entries that are not in the table are for people, or of
a newer Lentigo, and are left alone.

| entry | must be |
|---|---|
"""
RECIPE = """
## The recipe

`recipe` holds every field of the recipe. Each field is a flag of `lentigo train`.

| field | type | default |
|---|---|---|
"""
DEEPEST = 3  # entries below an entry that are still listed


def write_card_reference() -> str:
    """The page as Markdown."""
    rows = [f"| `{name}` | {words} |" for name, words in list_entries(CARD, "")]
    fields = []
    for field in FIELDS.values():
        default = "" if field.default is dataclasses.MISSING else f"`{field.default}`"
        fields.append(f"| `{field.name}` | {field.type} | {default} |")
    return INTRODUCTION + "\n".join(rows) + "\n" + RECIPE + "\n".join(fields) + "\n"


def list_entries(entries: Entries, place: str) -> Iterator[tuple[str, str]]:
    """The path of each entry, and what it must be."""
    for name, kind in entries.known.items():
        path = f"{place}.{name}" if place else name
        yield path, describe_kind(kind)
        inner = kind.item if isinstance(kind, ListOf) else kind
        if isinstance(inner, Entries) and path.count(".") + 1 < DEEPEST:
            yield from list_entries(inner, path)


def describe_kind(kind: Any) -> str:
    """What an entry must be, in words."""
    if isinstance(kind, ListOf):
        return f"a list of {describe_kind(kind.item)}"
    if isinstance(kind, Entries):
        if not kind.known and kind.others is not None:
            return f"an object; each entry is {describe_kind(kind.others)}"
        return "an object"
    return kind.words
