"""Results in one line: what Python shows of them where nobody asks for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DECIMALS = 3  # of probabilities and metrics


class Summarized:
    """A result whose `repr` is one line: its kind, and what matters most. A dataclass that inherits from it
    is made with `repr=False`.
    """

    def summarize(self) -> str:
        """What matters most, in a few words."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summarize()})"


def format_count(number: int, one: str, many: str = "") -> str:
    """A number of things in words.

    Args:
        number: How many.
        one: The word for one of them.
        many: The word for several, where it is not made with an s.

    Returns:
        Number and word.

    >>> format_count(1, "pair"), format_count(0, "copy", "copies"), format_count(1200, "photograph")
    ('1 pair', '0 copies', '1,200 photographs')
    """
    if number == 1:
        return f"1 {one}"
    return f"{number:,} {many or one + 's'}"


def format_counts(counts: Mapping[str, int]) -> str:
    """Names with their counts, in words.

    Args:
        counts: By name.

    Returns:
        Names and counts with commas between; "" for none.

    >>> format_counts({"nevus": 12, "melanoma": 3})
    'nevus 12, melanoma 3'
    """
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def add_problems(words: str, problems: Sequence[Any]) -> str:
    """Adds the number of problems to what is said of a result; none is not mentioned.

    Args:
        words: Of the result.
        problems: Of its inputs.

    >>> add_problems("2 photographs", ["unreadable"])
    '2 photographs; 1 problem'
    """
    return f"{words}; {format_count(len(problems), 'problem')}" if problems else words
