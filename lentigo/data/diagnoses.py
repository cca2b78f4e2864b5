"""Diagnoses: their words in the public data sets, and the policies by which they become benign or malignant.

Whether a lesion counts as malignant is a decision, not a fact: actinic keratosis is malignant to HAM10000, benign to PAD-UFES-20 and neither to
the ISIC archive. So the decision has a name, a policy, and whoever imports photographs gets it written down beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from lentigo.errors import UsageError

BENIGN, INDETERMINATE, MALIGNANT = "benign", "indeterminate", "malignant"
UNKNOWN, CONTRADICTORY = "unknown", "contradictory"
DECIDED = (BENIGN, MALIGNANT)

# Name; its class in the ISIC archive's vocabulary (diagnosis_1; isic-metadata 4.12); further words and codes for it. One row a diagnosis.
DIAGNOSES = (
    ("melanoma", MALIGNANT, "mel, malignant melanoma, melanoma nos, melanoma in situ, melanoma invasive, melanoma metastasis, lentigo maligna, "
                            "superficial spreading melanoma, nodular melanoma, acral lentiginous melanoma, lentigo maligna melanoma"),
    ("basal cell carcinoma", MALIGNANT, "bcc"),
    ("squamous cell carcinoma", MALIGNANT, "scc, squamous cell carcinoma nos, squamous cell carcinoma invasive"),
    ("squamous cell carcinoma in situ", MALIGNANT, "bod, bowen disease, bowens disease, bowen's disease, intraepithelial carcinoma"),
    ("keratoacanthoma", MALIGNANT, ""),
    ("merkel cell carcinoma", MALIGNANT, ""),
    ("kaposi sarcoma", MALIGNANT, ""),
    ("dermatofibrosarcoma protuberans", MALIGNANT, ""),
    ("malignant", MALIGNANT, ""),
    ("actinic keratosis", INDETERMINATE, "ak, ack, solar keratosis, solar or actinic keratosis, actinic keratoses, actinic cheilitis, solar or actinic cheilitis"),
    ("actinic keratosis or intraepithelial carcinoma", INDETERMINATE, "akiec, actinic keratoses and intraepithelial carcinoma"),
    ("atypical melanocytic tumour", INDETERMINATE, "amp, aimp, atypical melanocytic proliferation, atypical intraepithelial melanocytic proliferation, "
                                    "atypical melanocytic neoplasm, atypical spitz tumor, atypical pigmented spindle cell tumor, "
                                    "melanocytic tumor of uncertain malignant potential, superficial atypical melanocytic proliferation of uncertain significance, "
                                    "atypical proliferative nodules in congenital melanocytic nevus"),
    ("indeterminate", INDETERMINATE, "indeterminate/benign, indeterminate/malignant"),
    ("nevus", BENIGN, "nv, nev, naevus, nevi, naevi, melanocytic nevus, melanocytic naevus, melanocytic nevi, common nevus, common naevus, blue nevus, "
                      "congenital nevus, spitz nevus, mole"),
    ("atypical nevus", BENIGN, "atypical naevus, dysplastic nevus, dysplastic naevus, clark nevus, nevus atypical dysplastic or clark"),
    ("seborrheic keratosis", BENIGN, "sek, sk, seborrhoeic keratosis, seborrheic keratoses, seborrheic_keratosis"),
    ("benign keratosis", BENIGN, "bkl, pigmented benign keratosis, benign keratosis-like lesions, benign keratosis-like lesion"),
    ("lichenoid keratosis", BENIGN, "lplk, lichen planus like keratosis"),
    ("lentigo", BENIGN, "lentigo nos, lentigo simplex, ink-spot lentigo"),
    ("solar lentigo", BENIGN, "lentigo solaris"),
    ("dermatofibroma", BENIGN, "df"),
    ("vascular lesion", BENIGN, "vasc, vascular lesions, angioma, hemangioma, haemangioma, angiokeratoma, pyogenic granuloma, hemorrhage"),
    ("angiofibroma", BENIGN, "angiofibroma or fibrous papule, fibrous papule"),
    ("acrochordon", BENIGN, "fibroepithelial polyp, skin tag"),
    ("cafe-au-lait macule", BENIGN, "cafe au lait macule or patch"),
    ("neurofibroma", BENIGN, ""),
    ("sebaceous hyperplasia", BENIGN, ""),
    ("clear cell acanthoma", BENIGN, ""),
    ("verruca", BENIGN, "wart, viral wart"),
    ("scar", BENIGN, ""),
    ("benign", BENIGN, ""),
)  # fmt: skip


def normalise(word: Any) -> str:
    """A word as the table spells it: lower case, single spaces, without punctuation.

    >>> normalise(" Melanoma, NOS"), normalise("cafe-au-lait macule"), normalise(None)
    ('melanoma nos', 'cafe au lait macule', '')
    """
    return "" if word is None or word != word else " ".join(re.findall(r"[^\W_]+", str(word).lower().replace("'", "")))


CLASS_OF = {name: group for name, group, _ in DIAGNOSES}
NAME_OF = {normalise(word): name for name, _, words in DIAGNOSES for word in (name, *words.split(", ")) if word}


@dataclass(frozen=True)
class Policy:
    """Which diagnoses count as malignant: the archive's classes, but for `exceptions`, by the name of the diagnosis."""

    name: str
    reason: str
    exceptions: dict[str, str] = field(default_factory=dict)

    def judge(self, name: str | None, published: str | None) -> str:
        """benign, malignant, indeterminate, unknown, or contradictory where a data set contradicts its own diagnosis.

        `name` is a diagnosis of the table or None, `published` the class that the data set itself gives, or None.

        >>> find_policy("archive").judge("actinic keratosis", None), find_policy("ham10000").judge("actinic keratosis", None)
        ('indeterminate', 'malignant')
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
        Policy("archive", "the ISIC archive's present vocabulary: actinic keratosis and atypical melanocytic tumours are indeterminate and left out, "
                          "so that no label is one that another data set disputes"),
        Policy("ham10000", "Tschandl 2018, Scientific Data 5:180161: actinic keratosis, which may become a carcinoma, counts as malignant",
               {ACTINIC: MALIGNANT, AKIEC: MALIGNANT}),
        Policy("pad-ufes-20", "Pacheco 2020, Data in Brief 32:106221: actinic keratosis is a skin disease, not a skin cancer", {ACTINIC: BENIGN}),
    )
}  # fmt: skip
DEFAULT_POLICY = "archive"


def find_policy(name: str) -> Policy:
    """The policy of that name. Raises `UsageError` where there is none."""
    if name not in POLICIES:
        raise UsageError(f"policy {name!r} is unknown; expected {', '.join(POLICIES)}")
    return POLICIES[name]


def name_diagnoses(words: pd.Series, among: Iterable[str] | None = None) -> pd.Series:
    """The diagnosis that each word stands for, None where the table has none; `among` are the only words understood.

    >>> name_diagnoses(pd.Series(["MEL", "naevus", "a song"])).tolist()
    ['melanoma', 'nevus', None]
    """
    names = NAME_OF if among is None else {normalise(word): NAME_OF[normalise(word)] for word in among}
    found = {word: names.get(normalise(word)) for word in words.dropna().unique()}
    return pd.Series([found.get(word) for word in words], index=words.index, dtype=object)


def judge_diagnoses(names: pd.Series, published: pd.Series, policy: Policy) -> pd.Series:
    """`Policy.judge` of each row."""
    pairs = [(name if isinstance(name, str) else None, group if isinstance(group, str) else None) for name, group in zip(names, published, strict=True)]
    answers = {pair: policy.judge(*pair) for pair in set(pairs)}
    return pd.Series([answers[pair] for pair in pairs], index=names.index, dtype=object)
