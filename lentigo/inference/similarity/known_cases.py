"""Known cases: what an index says of each photograph, and what a prediction shows of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class KnownCase:
    """A photograph of an index.

    Attributes:
        image: Its path or address as it was when the index was made.
        sha256: Of its file.
        label: "benign" or "malignant".
        diagnosis: As the data set has it; "" where it has none.
        source: Where it is from; "" where that is not known.
        license: Its licence; "" where that is not known.
        patient_id: "" where that is not known.
        lesion_id: "" where that is not known.
    """

    image: str
    sha256: str
    label: str
    diagnosis: str = ""
    source: str = ""
    license: str = ""
    patient_id: str = ""
    lesion_id: str = ""


@dataclass(frozen=True)
class SimilarCase:
    """A known case beside a photograph.

    Attributes:
        image: Its path or address as it was when the index was made.
        label: "benign" or "malignant".
        diagnosis: "" where it is not known.
        similarity: The cosine of the angle between both embeddings, 1 for equal ones.
        source: Where it is from; "" where that is not known.
        license: Its licence; "" where that is not known.
        sha256: Of its file.
        thumbnail: A small JPEG of it.
    """

    image: str
    label: str
    diagnosis: str
    similarity: float
    source: str
    license: str
    sha256: str = field(default="", repr=False)
    thumbnail: bytes = field(default=b"", repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The entry of `predict --similar --json`: no ids of patients."""
        entries = asdict(self)
        del entries["thumbnail"], entries["sha256"]
        return entries

    def describe(self) -> str:
        """What it shows, in words.

        >>> SimilarCase("a.jpg", "benign", "nevus", 0.934, "", "CC-0").describe()
        'nevus (benign), similarity 0.93'
        """
        words = self.label
        if self.diagnosis and self.diagnosis != self.label:
            words = f"{self.diagnosis.replace('_', ' ')} ({self.label})"
        return f"{words}, similarity {self.similarity:.2f}"


def spell_cases(cases: Iterable[SimilarCase]) -> str:
    """Similar cases as the text of one cell.

    Args:
        cases: The nearest first.
    """
    return "; ".join(f"{case.describe()}: {case.image}" for case in cases)
