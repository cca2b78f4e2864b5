"""The inspection of a photograph: it is opened once, and whatever an audit wants to know of it is
measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lentigo.audit.image_facts import describe_facts
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.parallel.threads import map_images
from lentigo.common.progress import Progress, show_nothing
from lentigo.duplicates.fingerprints import Fingerprint, describe_pixels
from lentigo.errors import ImageError
from lentigo.images.artefacts.artefact_detection import find_artefacts
from lentigo.images.artefacts.learned_artefacts import ArtefactDetector
from lentigo.images.decoding.whole_images import hold_sizes
from lentigo.images.image_contents import read_content
from lentigo.images.measures.quality import Flaw, judge_quality, measure_quality
from lentigo.images.measures.skin_tone import estimate_ita
from lentigo.images.problems import Problem, give_up_image

MIN_SIDE_PIXELS = 64  # of the smaller side, below which a photograph is called tiny


@dataclass(frozen=True)
class Inspection:
    """What was measured of one photograph.

    Attributes:
        fingerprint: By which duplicates are found.
        facts: See `image_facts.describe_facts`.
        flaws: Of its quality.
        artefacts: Whether each kind was found: hair, rulers, ink and the like.
        ita: Typology angle of the skin, degrees; NaN where the skin's colour is unknown.
        digest: The SHA-256 of the file.
    """

    fingerprint: Fingerprint
    facts: dict[str, np.ndarray]
    flaws: tuple[Flaw, ...]
    artefacts: dict[str, bool]
    ita: float
    digest: str

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it: one even surface."""
        return self.fingerprint.blank

    @property
    def tiny(self) -> bool:
        """Whether its smaller side has fewer than `MIN_SIDE_PIXELS`."""
        return min(self.fingerprint.size) < MIN_SIDE_PIXELS


def inspect_image(path: str, detector: ArtefactDetector | None = None) -> Inspection | Problem:
    """Opens a photograph and measures it, or says why it cannot be read."""
    # Opened once: whatever is measured here is measured on the same bytes
    try:
        content = read_content(path)
        with hold_sizes(content, path) as (pixels, full_size):
            fingerprint = describe_pixels(full_size)
        facts = describe_facts(content, pixels, path)
    except ImageError as error:
        return Problem.from_error(path, error)
    return Inspection(
        fingerprint=fingerprint,
        facts=facts,
        flaws=judge_quality(measure_quality(pixels, fingerprint.size)),
        artefacts=flag_artefacts(pixels, detector),
        ita=estimate_ita(pixels),
        digest=hashlib.sha256(content).hexdigest(),
    )


def flag_artefacts(pixels: np.ndarray, detector: ArtefactDetector | None) -> dict[str, bool]:
    """Whether each kind of artefact is in a photograph, uint8 (224, 224, 3)."""
    found = find_artefacts(pixels)
    if detector is None:
        return found.flags
    return detector.flag(pixels, found)


@dataclass(frozen=True)
class InspectionWork:
    """The inspection of photographs, as the work of a cluster."""

    detector: ArtefactDetector | None

    def open(self, cores: int) -> Callable[[list[str]], list[Inspection | Problem]]:
        """What a worker with so many cores does with a batch of paths."""
        return partial(inspect_images, detector=self.detector, threads=cores)


def inspect_images(
    paths: Sequence[str],
    *,
    detector: ArtefactDetector | None = None,
    threads: int | None = None,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> list[Inspection | Problem]:
    """Inspects photographs.

    Args:
        paths: Of the files, or their addresses.
        detector: Of learned artefacts; None for image processing alone.
        threads: How many work side by side; None for as many as there are processors.
        cluster: Whose workers inspect them; None for this machine.
        progress: Shows how many have been inspected.

    Returns:
        For each path what was measured, or why it cannot be read.
    """
    if cluster is not None:
        results = cluster.map(InspectionWork(detector), paths, count=len(paths), give_up=give_up_image)
        return list(progress(results, total=len(paths), label="photographs"))
    return map_images(partial(inspect_image, detector=detector), paths, threads, progress, "photographs")
