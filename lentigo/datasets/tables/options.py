"""What a user says of a table or of class folders, and how they were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lentigo.datasets.diagnosis_words import normalise
from lentigo.datasets.tables.words import CLASS_WORDS, LEFT_OUT, spell_word
from lentigo.errors import UsageError

MAX_DESCRIBED_WORDS = 20  # of each class, in a sentence


@dataclass(frozen=True)
class TableOptions:
    """What a user says of a table, or of class folders, that does not say it by itself.

    Attributes:
        image: The column that names the photograph; None to find it.
        label: The column that says benign or malignant, or the diagnosis; None to find it.
        mapping: Words of that column, or names of class folders, as `spell_word` spells them, with `benign`,
            `malignant` or `skip`.
        addresses: Whether addresses (s3://, https://) in the table may be asked.
        policy: By which diagnoses become classes (see `lentigo.datasets.diagnoses`); None for the one that
            `choose_policy` finds.
    """

    image: str | None = None
    label: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    addresses: bool = False
    policy: str | None = None


@dataclass(frozen=True)
class TableReading:
    """How a table or class folders were read, for whoever wants to check it.

    Attributes:
        image_column: The column that named the photographs, None for folders.
        label_column: The column that gave the classes, None for folders.
        diagnosis_column: The column or columns that gave diagnoses, None where there was none.
        policy: The policy of `lentigo.datasets.diagnoses` by which diagnoses became classes, None where none
            was needed.
        classes: Each word with what it became: `benign`, `malignant`, or why its photographs are left out.
    """

    image_column: str | None
    label_column: str | None
    diagnosis_column: str | None
    policy: str | None
    classes: dict[str, str]

    @property
    def plain(self) -> bool:
        """Whether nothing had to be understood: `image,label` with benign and malignant, 0 and 1."""
        if self.policy is not None:
            return False
        columns = {self.image_column, self.label_column}
        words = {word.lower() for word in self.classes}
        return columns <= {None, "image", "label"} and words <= {"benign", "malignant", "0", "1"}

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)

    def describe(self) -> str:
        """In a sentence: columns, policy, and what each word became."""
        places = []
        if self.image_column:
            places.append(f"photographs from column {self.image_column!r}")
        if self.label_column:
            places.append(f"classes from column {self.label_column!r}")
        else:
            places.append("classes from the folders' names")
        meanings = describe_classes(self.classes)
        policy = f" by the policy {self.policy}" if self.policy else ""
        return f"read {' and '.join(places)}{policy}: {'; '.join(meanings)}"


def describe_classes(classes: dict[str, str]) -> list[str]:
    """What became what, one entry for each class, from the class of each word."""
    words_of: dict[str, list[str]] = {}
    for word, group in classes.items():
        words_of.setdefault(group, []).append(word)
    return [f"{group}: {list_some(words)}" for group, words in words_of.items()]


def list_some(words: list[str]) -> str:
    """The first `MAX_DESCRIBED_WORDS` words, and whether there are more."""
    more = " ..." if len(words) > MAX_DESCRIBED_WORDS else ""
    return ", ".join(words[:MAX_DESCRIBED_WORDS]) + more


def make_options(
    image: str | None = None,
    label: str | None = None,
    mapping: Iterable[str] = (),
    *,
    addresses: bool = False,
) -> TableOptions:
    """The options of a call, from words as people type them.

    Args:
        image: The column that names the photograph; None to find it.
        label: The column that says benign or malignant, or the diagnosis; None to find it.
        mapping: Pairs such as "mel=malignant,nv=benign".
        addresses: Whether addresses in a table may be asked.

    Returns:
        The options.

    Raises:
        UsageError: A part of `mapping` is no such pair.

    >>> make_options(mapping=["mel=malignant,nv=benign"]).mapping
    {'mel': 'malignant', 'nv': 'benign'}
    """
    meanings: dict[str, str] = {}
    for text in mapping:
        for pair in text.split(","):
            if pair.strip():
                word, group = parse_pair(pair)
                meanings[word] = group
    return TableOptions(image, label, meanings, addresses)


def parse_pair(pair: str) -> tuple[str, str]:
    """A word and what it means, of "WORD=CLASS". Raises `UsageError`."""
    # From the right: a word may hold "=", a class does not
    word, equals, meant = pair.rpartition("=")
    spelled = normalise(meant)
    group = LEFT_OUT if spelled == LEFT_OUT else CLASS_WORDS.get(spelled)
    if not equals or not word.strip() or group is None:
        raise UsageError(
            f"--map {pair.strip()!r}: expected WORD=benign, WORD=malignant or WORD={LEFT_OUT}, with "
            "commas between, such as mel=malignant,nv=benign"
        )
    return spell_word(word), group
