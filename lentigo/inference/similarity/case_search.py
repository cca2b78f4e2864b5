"""The search for known lesions that are like those of a call."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from lentigo.common.file_names import describe_value
from lentigo.errors import UsageError
from lentigo.inference.results import InferenceResult, Prediction
from lentigo.inference.similarity.case_index import CaseIndex, Query, open_index, require_count
from lentigo.inference.similarity.known_cases import SimilarCase
from lentigo.models.bundle import Bundle


@dataclass(frozen=True)
class CaseSearch:
    """The search for known lesions that are like those of a call.

    Attributes:
        index: Of known lesions.
        count: How many are shown of each photograph.
        patient_id: Of the photographs, whose own known lesions are left out; "" where it is not known.
    """

    index: CaseIndex
    count: int
    patient_id: str = ""

    def find(self, result: InferenceResult, prediction: Prediction) -> tuple[SimilarCase, ...]:
        """The nearest known lesions; none where the photograph shows no lesion.

        Args:
            result: What the network gave.
            prediction: Of the result.
        """
        if prediction.in_distribution is False or result.embedding is None:
            return ()
        return self.index.search(Query(result.embedding, self.count, result.digest, self.patient_id))


def require_whole_number(similar: Any) -> None:
    """Raises `UsageError` where the number of cases is none."""
    if not isinstance(similar, Integral) or isinstance(similar, bool):
        raise UsageError(f"similar is {describe_value(similar)}; expected a number of cases such as 5")


def open_search(
    bundle: Bundle, similar: int, index: str | Path | None, patient_id: str = ""
) -> CaseSearch | None:
    """Opens the search of a call.

    Args:
        bundle: The RUN whose embeddings are searched for.
        similar: How many known lesions are to be shown; 0 for none.
        index: The folder of the index.
        patient_id: As of `CaseSearch`.

    Returns:
        The search; None where none is asked for.

    Raises:
        UsageError: One of `similar` and `index` is given without the other, or the RUN gives no embedding.
        ModelError: The index cannot be used.
    """
    require_whole_number(similar)
    if not similar and index is None:
        return None
    if not similar or index is None:
        raise UsageError(
            "similar cases need both a number and an index: --similar 5 --index INDEX; `lentigo index DATA "
            "--out INDEX` makes one"
        )
    if "embedding" not in bundle.outputs:
        raise UsageError(f"{bundle.name}: gives no embedding to compare; leave --similar out")
    return CaseSearch(open_index(index, bundle), require_count(similar), patient_id)
