"""Which photographs of the ISIC archive are asked for, checked before anything is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lentigo.errors import UsageError

LICENSES = ("CC-0", "CC-BY", "CC-BY-NC")  # the freest first
EXAMPLE_QUERY = "diagnosis_1:Malignant AND image_type:dermoscopic AND age_approx:[40 TO 60]"
FORMER_FIELDS = {  # fields that the archive had, and what says the same today
    "diagnosis": 'diagnosis_1:Malignant, or deeper, diagnosis_3:"Melanoma Invasive"',
    "benign_malignant": "diagnosis_1:Malignant or diagnosis_1:Benign",
}


@dataclass(frozen=True)
class Selection:
    """Which photographs: a `query` in the archive's own language, the numbers of `collections` (any of them),
    `licenses` (any of them; none means all), and how many at most. Raises `UsageError` for what cannot be
    meant."""

    query: str = ""
    collections: tuple[int, ...] = ()
    licenses: tuple[str, ...] = ()
    limit: int | None = None

    def __post_init__(self) -> None:
        for name in self.licenses:
            check_license(name)
        for number in self.collections:
            check_collection(number)
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"limit {self.limit} leaves nothing; expected 1 or more")
        check_query(self.query)

    def describe(self) -> str:
        """In words, for messages.

        >>> Selection("sex:male", collections=(70, 218), limit=5).describe()
        "query 'sex:male', collections 70 and 218, at most 5"
        """
        parts = []
        if self.query:
            parts.append(f"query {self.query!r}")
        if self.collections:
            parts.append(f"collections {' and '.join(map(str, self.collections))}")
        if self.licenses:
            parts.append(f"licences {' and '.join(self.licenses)}")
        # 0 is refused before, so this is whether there is one
        if self.limit:
            parts.append(f"at most {self.limit}")
        return ", ".join(parts) or "everything"


def make_selection(
    query: str = "", collections: Iterable[str] = (), licenses: Iterable[str] = (), limit: int | None = None
) -> Selection:
    """A selection of words as people type them.

    Args:
        query: In the archive's own language.
        collections: Numbers, such as `70` or `70,218`.
        licenses: Names, such as `cc-by`.
        limit: Photographs at most.

    Returns:
        The selection.

    Raises:
        UsageError: A word cannot be meant.

    >>> make_selection(collections=["218,70"], licenses=["cc-0"])
    Selection(query='', collections=(70, 218), licenses=('CC-0',), limit=None)
    """
    numbers = {parse_collection(word) for word in split_commas(collections)}
    names = {name.upper() for name in split_commas(licenses)}
    return Selection(query.strip(), tuple(sorted(numbers)), tuple(sorted(names)), limit)


def split_commas(texts: Iterable[str]) -> list[str]:
    """The words of several texts, in which commas part them."""
    words = []
    for text in texts:
        words += [word.strip() for word in text.split(",")]
    return words


def parse_collection(word: str) -> int:
    """The number of a collection, as a person typed it. Raises `UsageError`."""
    if not word.isdecimal():
        raise UsageError(f"collection {word!r} is no number; expected one, such as 70 (ISIC 2020)")
    return int(word)


def check_license(name: str) -> None:
    """Raises `UsageError` for a licence that the archive does not have."""
    if name not in LICENSES:
        raise UsageError(f"license {name!r} is unknown; expected {', '.join(LICENSES)}")


def check_collection(number: int) -> None:
    """Raises `UsageError` for a number that no collection has."""
    if number < 1:
        raise UsageError(
            f"collection {number} is unknown; expected the number of one, such as 70 (ISIC 2020)"
        )


def check_query(query: str) -> None:
    """Raises `UsageError` for a query with a field that the archive no longer has."""
    # A field's name within quotation marks is a word that is looked for
    outside = re.sub(r'"[^"]*"', '""', query)  # of quotation marks
    for field, cure in FORMER_FIELDS.items():
        if re.search(rf"(?<!\w){field}\s*:", outside):
            raise UsageError(f"query {query!r}: the archive has no field {field!r} any more; expected {cure}")
