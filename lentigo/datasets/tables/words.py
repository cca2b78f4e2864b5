"""How the words of tables are spelled, so that they can be compared and quoted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from lentigo.datasets.diagnosis_words import BENIGN, MALIGNANT, normalise

CLASS_WORDS = {  # words of a label that say the class, as `spell_word` spells them
    "0": BENIGN,
    "1": MALIGNANT,
    "false": BENIGN,
    "true": MALIGNANT,
    "no": BENIGN,
    "yes": MALIGNANT,
    "f": BENIGN,
    "t": MALIGNANT,
    "n": BENIGN,
    "y": MALIGNANT,
    "b": BENIGN,
    "m": MALIGNANT,
    "negative": BENIGN,
    "positive": MALIGNANT,
    "neg": BENIGN,
    "pos": MALIGNANT,
    "benign": BENIGN,
    "malignant": MALIGNANT,
    "malign": MALIGNANT,
}
LEFT_OUT = "skip"  # what --map makes of a word whose photographs are not wanted
MAX_QUOTED_WORDS = 5  # words of a label that an error quotes
MAX_QUOTED_COLUMNS = 12  # names of columns that an error quotes
MAX_WORD_LETTERS = 40  # of a word that an error quotes


def tidy_letters(word: object) -> str:
    """A word without what cannot be seen: marks of no width, and wide or joined forms of plain letters.

    Args:
        word: As the table has it.

    Returns:
        The word in Unicode's form NFKC, without spaces around.

    >>> tidy_letters("label\u200b "), tidy_letters("\uff42enign")
    ('label', 'benign')
    """
    # Full-width letters and ligatures as their plain forms; marks of no width (category Cf) away
    plain = unicodedata.normalize("NFKC", str(word))
    return "".join(sign for sign in plain if unicodedata.category(sign) != "Cf").strip()


def shorten_word(word: object) -> str:
    """A word for a message, cut where it is long.

    Args:
        word: As the table has it.

    Returns:
        At most `MAX_WORD_LETTERS` letters and three dots.
    """
    text = str(word)
    return text if len(text) <= MAX_WORD_LETTERS else f"{text[:MAX_WORD_LETTERS]}..."


def spell_column(name: object) -> str:
    """A column's name without capitals, spaces and hyphens.

    Args:
        name: As the table has it.

    Returns:
        The name, lower case, with underscores.

    >>> spell_column(" Image Name"), spell_column("patient-id")
    ('image_name', 'patient_id')
    """
    return re.sub(r"[\s\-]+", "_", tidy_letters(name).lower())


def spell_word(word: object) -> str:
    """A label's word as mappings spell it.

    Args:
        word: As the table has it.

    Returns:
        What `normalise` makes of it; whole numbers without ".0".

    >>> spell_word("1.0"), spell_word(True), spell_word("Melanoma, NOS"), spell_word("0,0")
    ('1', 'true', 'melanoma nos', '0')
    """
    text = tidy_letters(word)
    # A spreadsheet writes 1 as 1.0 or 1,0
    whole = re.fullmatch(r"([+-]?\d+)[.,]0*", text)
    if whole:
        return whole.group(1)
    if re.fullmatch(r"[+-]?\d+([.,]\d+)?", text):
        return text
    return normalise(text) or text.lower()


def quote(words: Iterable[object], limit: int = MAX_QUOTED_COLUMNS) -> str:
    """Some words for a message.

    Args:
        words: All of them.
        limit: How many are named.

    Returns:
        The first with commas between, and how many more there are; "none" without any.

    >>> quote(["a", "b", "c"], 2), quote([])
    ('a, b and 1 more', 'none')
    """
    listed = [shorten_word(word) for word in words]
    if not listed:
        return "none"
    rest = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + rest
