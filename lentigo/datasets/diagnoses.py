"""Diagnoses: their words in the public data sets, and the policies by which they become benign or malignant.

Whether a lesion counts as malignant is a decision, not a fact: actinic keratosis is malignant to HAM10000,
benign to PAD-UFES-20 and neither to the ISIC archive. So the decision has a name, a policy, and whoever
imports photographs gets it written down beside them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from lentigo.datasets.diagnosis_words import BENIGN, CLASS_OF, MALIGNANT, NAME_OF, name_diagnosis, normalise
from lentigo.errors import UsageError

UNKNOWN = "unknown"
CONTRADICTORY = "contradictory"
DECIDED = (BENIGN, MALIGNANT)


@dataclass(frozen=True)
class Policy:
    """Which diagnoses count as malignant: the archive's classes, but for `exceptions`, by the name of the
    diagnosis.
    """

    name: str
    reason: str
    exceptions: dict[str, str] = field(default_factory=dict)

    def judge(self, name: str | None, published: str | None) -> str:
        """Decides what a photograph counts as.

        Args:
            name: A diagnosis of the vocabulary, or None.
            published: The class that the data set itself gives, or None.

        Returns:
            benign, malignant, indeterminate, unknown, or contradictory where a data set contradicts its own
            diagnosis.

        >>> find_policy("archive").judge("actinic keratosis", None)
        'indeterminate'
        >>> find_policy("ham10000").judge("actinic keratosis", None)
        'malignant'
        >>> find_policy("archive").judge(None, "benign"), find_policy("archive").judge("melanoma", "benign")
        ('benign', 'contradictory')
        """
        if name is None:
            # No diagnosis is named: what the archive says of its class is all there is
            return published or UNKNOWN
        usual = CLASS_OF[name]
        # A melanoma that its row calls benign: one of the two is an error, and nobody here can say which
        if published in DECIDED and usual in DECIDED and published != usual:
            return CONTRADICTORY
        return self.exceptions.get(name, usual)

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


ACTINIC = "actinic keratosis"
AKIEC = "actinic keratosis or intraepithelial carcinoma"
POLICIES = {
    policy.name: policy
    for policy in (
        Policy(
            "archive",
            "the ISIC archive's present vocabulary: actinic keratosis and atypical melanocytic tumours are "
            "indeterminate and left out, "
            "so that no label is one that another data set disputes",
        ),
        Policy(
            "ham10000",
            "Tschandl 2018, Scientific Data 5:180161: actinic keratosis, which may become a carcinoma, "
            "counts as malignant",
            {ACTINIC: MALIGNANT, AKIEC: MALIGNANT},
        ),
        Policy(
            "pad-ufes-20",
            "Pacheco 2020, Data in Brief 32:106221: actinic keratosis is a skin disease, not a skin cancer",
            {ACTINIC: BENIGN},
        ),
    )
}
DEFAULT_POLICY = "archive"


def find_policy(name: str) -> Policy:
    """The policy of a name.

    Args:
        name: One of `POLICIES`.

    Returns:
        The policy.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in POLICIES:
        raise UsageError(f"policy {name!r} is unknown; expected {', '.join(POLICIES)}")
    return POLICIES[name]


def name_diagnoses(words: pd.Series, among: Iterable[str] | None = None) -> pd.Series:
    """Names the diagnosis that each word stands for.

    Args:
        words: A column.
        among: The only words that are understood; None for all of the vocabulary.

    Returns:
        Names of the vocabulary, None where it has none.

    >>> name_diagnoses(pd.Series(["MEL", "naevus", "a song"])).tolist()
    ['melanoma', 'nevus', None]
    """
    understood = None if among is None else {normalise(word) for word in among}
    name_of = {}
    # Each word once: a column repeats few of them
    for word in words.dropna().unique():
        name_of[word] = name_understood(word, understood)
    return pd.Series([name_of.get(word) for word in words], index=words.index, dtype=object)


def name_understood(word: Any, understood: Container[str] | None) -> str | None:
    """The diagnosis of a word, None where it is none of those that are `understood`, if these are limited."""
    if understood is None:
        return name_diagnosis(word)
    spelled = normalise(word)
    return NAME_OF[spelled] if spelled in understood else None


def judge_diagnoses(names: pd.Series, published: pd.Series, policy: Policy) -> pd.Series:
    """Decides what each photograph counts as.

    Args:
        names: Diagnoses of the vocabulary, or missing.
        published: The classes that the data set itself gives, or missing.
        policy: The policy.

    Returns:
        `Policy.judge` of each row.
    """
    judged = []
    for name, group in zip(names, published, strict=True):
        judged.append(policy.judge(take_word(name), take_word(group)))
    return pd.Series(judged, index=names.index, dtype=object)


def take_word(cell: Any) -> str | None:
    """The word in a cell, None for one that is missing: pandas has NaN there."""
    return cell if isinstance(cell, str) else None
