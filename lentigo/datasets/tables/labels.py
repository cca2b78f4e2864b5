"""What the words of a label mean: benign, malignant, or nothing that can be learned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lentigo.datasets.diagnoses import DECIDED, find_policy
from lentigo.datasets.diagnosis_words import BENIGN, MALIGNANT, name_diagnosis, normalise
from lentigo.datasets.tables.options import TableOptions
from lentigo.datasets.tables.placeholders import is_placeholder
from lentigo.datasets.tables.words import (
    CLASS_WORDS,
    LEFT_OUT,
    MAX_QUOTED_WORDS,
    quote,
    shorten_word,
    spell_word,
)
from lentigo.errors import DataError

NOT_PLAIN = " '\"\\"  # signs that a shell would have to be told in quotation marks
HAM10000_CODES = frozenset({"akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"})


@dataclass(frozen=True)
class Labels:
    """The classes of a table's rows.

    Attributes:
        classes: `benign`, `malignant` or None, of each row.
        reasons: Why a row is left out, None where it is not.
        meanings: What each word became.
        policy: By which diagnoses became classes, None where none was needed.
    """

    classes: pd.Series
    reasons: list[str | None]
    meanings: dict[str, str]
    policy: str | None


def choose_policy(words: Iterable[str]) -> str:
    """The policy for the words of a label.

    Args:
        words: All of them.

    Returns:
        That of HAM10000 for its seven codes, else the ISIC archive's.

    >>> choose_policy(["akiec", "nv", "mel"]), choose_policy(["AK", "nevus"])
    ('ham10000', 'archive')
    """
    # HAM10000's seven codes alone: its own policy, which counts akiec as malignant
    codes = {normalise(word) for word in words}
    return "ham10000" if codes <= HAM10000_CODES else "archive"


def understand_words(words: Iterable[Any], options: TableOptions) -> tuple[dict[Any, str | None], str | None]:
    """Finds out what each word of a label means.

    Args:
        words: Different words.
        options: What the user says.

    Returns:
        Each word with benign, malignant, skip, indeterminate, or None where it is not understood; and the
        policy that was needed, None where none was.
    """
    listed = list(words)
    policy = options.policy or choose_policy(map(str, listed))
    meanings: dict[Any, str | None] = {}
    used_policy = None
    for word in listed:
        spelled = spell_word(word)
        # What the user says wins over words and policies
        if spelled in options.mapping:
            meanings[word] = options.mapping[spelled]
            continue
        if spelled in CLASS_WORDS:
            meanings[word] = CLASS_WORDS[spelled]
            continue
        diagnosis = name_diagnosis(word)
        if diagnosis is None:
            meanings[word] = None
            continue
        meanings[word] = find_policy(policy).judge(diagnosis, None)
        used_policy = policy
    return meanings, used_policy


def refuse_unknown(meanings: Mapping[Any, str | None], counts: Mapping[Any, int], what: str) -> None:
    """Makes sure that every word of a label is understood.

    Args:
        meanings: What `understand_words` gave.
        counts: How often each word stands there.
        what: The beginning of the message.

    Raises:
        DataError: A word is not understood; with the option that says what it means.
    """
    # Shortened: a column that is no label may hold whole sentences
    unknown = [shorten_word(word) for word, meaning in meanings.items() if meaning is None]
    if not unknown:
        return
    understood = [shorten_word(word) for word, meaning in meanings.items() if meaning is not None]
    quoted = quote_counted(unknown[:MAX_QUOTED_WORDS], counts)
    more = ""
    if len(unknown) > MAX_QUOTED_WORDS:
        more = f" and {len(unknown) - MAX_QUOTED_WORDS} other words"
    beside = f", beside {quote(understood, MAX_QUOTED_WORDS)}" if understood else ""
    example = write_example(unknown)
    raise DataError(
        f"{what}: not understood: {quoted}{more}{beside}; expected benign, malignant, 0, 1 or diagnoses such "
        f"as melanoma, nevus, bcc: say what they mean, such as --map {example}, or ={LEFT_OUT} to leave them "
        "out"
    )


def quote_counted(words: Iterable[str], counts: Mapping[Any, int]) -> str:
    """Some words, as they are shortened, each with how often it stands in the column."""
    named = set(words)
    quoted = []
    for word, count in counts.items():
        if shorten_word(word) in named:
            quoted.append(f"{shorten_word(word)!r} ({count})")
    return ", ".join(quoted)


def write_example(unknown: list[str]) -> str:
    """What to write after --map for the first of some words, to be copied from the message."""
    example = f"{unknown[0]}={MALIGNANT}"
    if len(unknown) > 1:
        example += f",{unknown[1]}={BENIGN}"
    needs_quotation = any(sign in example for sign in NOT_PLAIN)
    if needs_quotation or not example.isprintable():
        return f"WORD={MALIGNANT}"
    return example


def read_labels(table: pd.DataFrame, column: str, options: TableOptions, place: object) -> Labels:
    """Reads the classes of a table's rows.

    Args:
        table: The table.
        column: The column that says benign or malignant, or the diagnosis.
        options: What the user says.
        place: The table's file, for the message.

    Returns:
        The classes.

    Raises:
        DataError: A word is not understood.
    """
    words = blank_labels(table[column], options)
    counts = words.value_counts().to_dict()
    meanings, policy = understand_words(counts, options)
    refuse_unknown(meanings, counts, f"{place}: column {column!r}")
    class_of: dict[Any, str] = {}
    reason_of: dict[Any, str | None] = {}
    became = {}
    for word, meaning in meanings.items():
        if meaning in DECIDED:
            class_of[word] = meaning
            reason_of[word] = None
        else:
            reason_of[word] = explain_left_out(f"{column} {str(word)!r}", word, meaning, policy)
        became[str(word).strip()] = class_of.get(word, "left out")
    absent = f"has no {column}: left out; expected benign or malignant"
    classes = pd.Series([class_of.get(word) for word in words], index=table.index, dtype=object)
    reasons = [reason_of.get(word, absent) for word in words]
    return Labels(classes, reasons, became, policy)


def explain_left_out(what: str, word: object, meaning: str | None, policy: str | None) -> str:
    """Why photographs with a word are left out; `what` begins the sentence."""
    if meaning == LEFT_OUT:
        return f"{what} is left out, as --map says"
    return (
        f"{what} is neither benign nor malignant by the policy {policy}: left out; --map {word}=malignant or "
        f"{word}=benign takes it"
    )


def blank_labels(words: pd.Series, options: TableOptions) -> pd.Series:
    """The words of a label with None where they say nothing; a word that --map names always says
    something.
    """
    telling = set()
    for word in words.dropna().unique():
        if spell_word(word) in options.mapping or not is_placeholder(word):
            telling.add(word)
    return words.astype(object).where(words.isin(telling), None)
