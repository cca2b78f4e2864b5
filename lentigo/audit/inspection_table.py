"""The table of an audit: a row for each photograph with its flaws, artefacts and skin tone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from lentigo.audit.inspection import Inspection
from lentigo.datasets.dataset import Dataset
from lentigo.images.measures.quality import LIMITS
from lentigo.images.measures.skin_tone import classify_ita

QUALITY_FLAWS = tuple(limit.kind for limit in LIMITS)
FLAWS = ("empty", "tiny", *QUALITY_FLAWS)


def tabulate_inspections(dataset: Dataset, inspections: Sequence[Inspection]) -> pd.DataFrame:
    """The table `Audit.images`.

    Args:
        dataset: The n photographs that could be opened.
        inspections: Of each of them.
    """
    columns = ["image", "label", "split"]
    if "source" in dataset.table:
        columns.append("source")
    known = dataset.table[columns].assign(group=dataset.groups)
    rows = pd.DataFrame(map(describe_inspection, inspections))
    return pd.concat([known, rows], axis=1)


def describe_inspection(inspection: Inspection) -> dict[str, Any]:
    """The flaws, artefacts and skin tone of one photograph, as a row."""
    row: dict[str, Any] = {"empty": inspection.empty, "tiny": inspection.tiny}
    row |= dict.fromkeys(QUALITY_FLAWS, False)
    for flaw in inspection.flaws:
        row[flaw.kind] = not inspection.empty
    row |= inspection.artefacts
    return row | {"ita": inspection.ita, "skin_tone": classify_ita(inspection.ita)}
