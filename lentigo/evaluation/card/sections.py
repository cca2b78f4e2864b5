"""Sections of a model card: sentences and tables, and how facts of `card.json` are put in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NOT_RECORDED = "not recorded"
COLUMN_TITLES = {  # columns of a data set, in words
    "patient_id": "patient",
    "lesion_id": "lesion",
    "duplicate_group": "duplicates",
    "source": "source",
    "license": "licence",
    "age": "age",
    "sex": "sex",
    "site": "site on the body",
    "skin_type": "skin type (Fitzpatrick)",
    "skin_tone": "skin tone",
}
PEOPLE_COLUMNS = ("age", "sex", "site", "skin_type", "skin_tone")


@dataclass(frozen=True)
class Table:
    """A table of a section.

    Attributes:
        head: The titles of the columns.
        rows: Rows of as many cells.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A section of the card.

    Attributes:
        title: Its heading.
        lines: Sentences; words between backticks are code.
        tables: Tables below them.
    """

    title: str
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


def find(facts: Any, *keys: str) -> Any:
    """Finds an entry in nested dictionaries.

    Args:
        facts: Of a card.
        keys: From the outermost to the innermost.

    Returns:
        The entry; None where there is none.

    >>> find({"data": {"name": "photos"}}, "data", "name"), find({}, "data", "name")
    ('photos', None)
    """
    # Keys may be missing at any depth, and so may whole parts of a card
    for key in keys:
        if not isinstance(facts, dict):
            return None
        facts = facts.get(key)
    return facts


def format_fact(value: Any) -> str:
    """Puts a fact in words.

    Args:
        value: A number, text, truth value or list; None for what is not recorded.

    Returns:
        Words on one line, without backticks.

    >>> format_fact(None), format_fact(8618561), format_fact(0.95), format_fact(["a", "b"]), format_fact(True)
    ('not recorded', '8,618,561', '0.95', 'a, b', 'yes')
    """
    if value is None:
        return NOT_RECORDED
    # Before int: True is an int in Python
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(format_fact, value)) or "none"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    # On one line, and without the sign that would begin code in Markdown
    return " ".join(str(value).split()).replace("`", "'")


def format_score(value: float | None, interval: Any = None) -> str:
    """Writes a metric, with its interval where there is one.

    Args:
        value: The metric; None where it does not exist.
        interval: Its two ends, or None.

    Returns:
        Three decimals.

    >>> format_score(0.9, [0.85, 0.94]), format_score(None)
    ('0.900 (0.850 to 0.940)', 'not defined')
    """
    if value is None:
        return "not defined"
    ends = format_interval(interval)
    if not ends:
        return f"{value:.3f}"
    return f"{value:.3f} ({ends})"


def format_interval(interval: Any) -> str:
    """Writes the two ends of an interval.

    Args:
        interval: Two numbers; None, or with None in it, where it does not exist.

    Returns:
        Three decimals each; "" where it does not exist.
    """
    if not interval or None in interval:
        return ""
    low, high = interval
    return f"{low:.3f} to {high:.3f}"


def list_facts(facts: dict[str, Any]) -> Table:
    """Makes a table of names and values.

    Args:
        facts: Values by name.

    Returns:
        Two columns.
    """
    rows = [(name, format_fact(value)) for name, value in facts.items()]
    return Table(("Fact", "Value"), tuple(rows))


def tabulate_scores(scores: dict[str, Any], titles: dict[str, str], head: tuple[str, str, str]) -> Table:
    """Makes a table of metrics with their intervals.

    Args:
        scores: Metrics by name, and their intervals under `ci`.
        titles: The metrics to be shown, in words.
        head: The titles of the three columns.

    Returns:
        A row for each metric that `scores` has.
    """
    rows = []
    for name, title in titles.items():
        if name in scores:
            interval = format_interval(find(scores, "ci", name))
            rows.append((title, format_score(scores[name]), interval))
    return Table(head, tuple(rows))
