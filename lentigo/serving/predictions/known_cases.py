"""The known lesions that are like a photograph, as they are recorded and sent: by the hashes of their
photographs, without paths and ids of patients.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lentigo.inference.results import InferenceResult
from lentigo.serving.predictions.inference_pool import InferencePool
from lentigo.serving.store.records import SIMILAR

CASE_ENTRIES = ("sha256", "label", "diagnosis", "similarity", "source", "license")  # of a known lesion
INDEX_ENTRIES = ("data", "n", "n_malignant", "diagnoses", "licenses")  # of the index, as its card has them


def describe_similar(result: InferenceResult, pool: InferencePool, patient_id: str) -> dict[str, Any]:
    """The nearest known lesions as JSON.

    Args:
        result: what the network gave.
        pool: the model, and its index if it has one.
        patient_id: of the photograph, whose own known lesions are left out; "" where it is not known.

    Returns:
        One entry, `similar`; nothing where the service has no index.
    """
    if pool.search is None:
        return {}
    search = replace(pool.search, patient_id=patient_id)
    cases = []
    for case in search.find(result, result.get_prediction()):
        cases.append({name: getattr(case, name) for name in CASE_ENTRIES})
    return {SIMILAR: cases}


def describe_index(pool: InferencePool) -> dict[str, Any] | None:
    """What the index of known lesions says of itself.

    Args:
        pool: the model, and its index if it has one.

    Returns:
        JSON with the keys of the schema `KnownCases`; None where there is no index.
    """
    if pool.search is None:
        return None
    card = pool.search.index.card
    return {name: card[name] for name in INDEX_ENTRIES}
