"""The audit of a data set with the artefact detector of a model: what `lentigo.audit` calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lentigo.audit.audit import Audit
from lentigo.audit.audit import audit as audit_dataset
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import DataSource
from lentigo.inference.auditing.artefact_embedding import open_artefact_detector

NO_MODEL = "none"  # in place of a model's name


def audit(
    data: DataSource,
    *,
    against: DataSource | None = None,
    model: str | Path = "bundled",
    threads: int | None = None,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Audit:
    """Audits a data set, or a folder of photographs without classes.

    Photographs that cannot be opened are listed, and are duplicates of nothing.

    Args:
        data: The set.
        against: Another set, in which duplicates of these photographs are searched, too.
        model: A RUN whose frozen branch finds the artefacts that have to be learned; "bundled", or "none" for
            image processing alone.
        threads: How many work side by side; None for as many as there are processors.
        cluster: Whose workers open the photographs; None for this machine.
        progress: Shows how many photographs have been opened and how many pairs compared.

    Returns:
        What was found.

    Raises:
        DataError: See `load_dataset`; also where no photograph can be opened.
        ModelError: The model cannot be used.
    """
    detector = None
    if str(model) != NO_MODEL:
        detector = open_artefact_detector(model)
    found = audit_dataset(
        data, against=against, detector=detector, threads=threads, cluster=cluster, progress=progress
    )
    if detector is not None or str(model) == NO_MODEL:
        return found
    note = f"{model}: has no head for artefacts; they were found by image processing alone"
    return replace(found, notes=(*found.notes, note))
