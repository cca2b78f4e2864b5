"""Diagnoses: their words in the public data sets, and the policies by which they become benign or malignant.

Whether a lesion counts as malignant is a decision, not a fact: actinic keratosis is malignant to HAM10000,
benign to PAD-UFES-20 and neither to the ISIC archive. So the decision has a name, a policy, and whoever
imports photographs gets it written down beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from lentigo.datasets.diagnosis_words import BENIGN, CLASS_OF, MALIGNANT, NAME_OF, name_diagnosis, normalise
from lentigo.errors import UsageError

UNKNOWN, CONTRADICTORY = "unknown", "contradictory"
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
        """benign, malignant, indeterminate, unknown, or contradictory where a data set contradicts its own
        diagnosis.

        `name` is a diagnosis of the table or None, `published` the class that the data set itself gives, or
        None.

        >>> find_policy("archive").judge("actinic keratosis", None), find_policy("ham10000").judge("actinic
        keratosis", None) ('indeterminate', 'malignant')
        >>> find_policy("archive").judge(None, "benign"), find_policy("archive").judge("melanoma", "benign")
        ('benign', 'contradictory')
        """
        if name is None:
            return published or UNKNOWN
        if published in DECIDED and CLASS_OF[name] in DECIDED and published != CLASS_OF[name]:
            return CONTRADICTORY
        return self.exceptions.get(name, CLASS_OF[name])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


ACTINIC, AKIEC = "actinic keratosis", "actinic keratosis or intraepithelial carcinoma"
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
    """The policy of that name. Raises `UsageError` where there is none."""
    if name not in POLICIES:
        raise UsageError(f"policy {name!r} is unknown; expected {', '.join(POLICIES)}")
    return POLICIES[name]


def name_diagnoses(words: pd.Series, among: Iterable[str] | None = None) -> pd.Series:
    """The diagnosis that each word stands for, None where the table has none; `among` are the only words
    understood.

    >>> name_diagnoses(pd.Series(["MEL", "naevus", "a song"])).tolist()
    ['melanoma', 'nevus', None]
    """
    known = list(words.dropna().unique())
    if among is None:
        found = {word: name_diagnosis(word) for word in known}
    else:
        names = {normalise(word): NAME_OF[normalise(word)] for word in among}
        found = {word: names.get(normalise(word)) for word in known}
    return pd.Series([found.get(word) for word in words], index=words.index, dtype=object)


def judge_diagnoses(names: pd.Series, published: pd.Series, policy: Policy) -> pd.Series:
    """`Policy.judge` of each row."""
    pairs = [
        (name if isinstance(name, str) else None, group if isinstance(group, str) else None)
        for name, group in zip(names, published, strict=True)
    ]
    answers = {pair: policy.judge(*pair) for pair in set(pairs)}
    return pd.Series([answers[pair] for pair in pairs], index=names.index, dtype=object)
