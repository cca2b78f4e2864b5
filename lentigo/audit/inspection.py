"""One look at a photograph: it is opened once, and whatever an audit wants to know of it is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lentigo.audit.shortcut_baselines import describe_facts
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.parallel.threads import open_pool
from lentigo.common.progress import Progress, show_nothing
from lentigo.duplicates.fingerprints import Fingerprint, describe_pixels
from lentigo.errors import ImageError
from lentigo.images.artefacts.artefact_detection import Artefacts, find_artefacts
from lentigo.images.photographs import decode_image, hold_pixels, read_content
from lentigo.images.problems import Problem, give_up_image
from lentigo.images.quality import Flaw, judge_quality, measure_quality
from lentigo.images.skin_tone import estimate_ita

LEAST_SIDE = 64  # pixels of the smaller side, below which a photograph is called tiny


@dataclass(frozen=True)
class Inspection:
    """What was seen of one photograph. `digest`: the SHA-256 of its file; `facts`: see
    `shortcut_baselines.describe_facts`; `ita`: degrees, NaN where the skin's colour is unknown.
    """

    fingerprint: Fingerprint
    facts: dict[str, np.ndarray]
    flaws: tuple[Flaw, ...]
    artefacts: Artefacts
    ita: float
    digest: str

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it: one even surface."""
        return self.fingerprint.blank

    @property
    def tiny(self) -> bool:
        """Whether its smaller side has fewer than `LEAST_SIDE` pixels."""
        return min(self.fingerprint.size) < LEAST_SIDE


def inspect_image(path: str) -> Inspection | Problem:
    """Opens a photograph, or says why it cannot be read."""
    try:
        content = read_content(path)
        pixels = decode_image(content, path)
        facts = describe_facts(content, pixels, path)
        with hold_pixels(content, path) as whole:
            seen = describe_pixels(whole)
    except ImageError as error:
        return Problem(path, str(error).removeprefix(f"{path}: "))
    flaws = judge_quality(measure_quality(pixels, seen.size))
    return Inspection(
        seen, facts, flaws, find_artefacts(pixels), estimate_ita(pixels), hashlib.sha256(content).hexdigest()
    )


@dataclass(frozen=True)
class Inspecting:
    """One look at each photograph, as the work of a cluster."""

    def open(self, cores: int) -> Callable[[list[str]], list[Inspection | Problem]]:
        return partial(inspect_images, threads=cores)


def inspect_images(
    paths: Sequence[str],
    *,
    threads: int | None = None,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> list[Inspection | Problem]:
    """One look at each photograph, in order; by the workers of a `cluster` where there is one."""
    if cluster is not None:
        return list(
            progress(
                cluster.map(Inspecting(), paths, count=len(paths), give_up=give_up_image),
                total=len(paths),
                label="photographs",
            )
        )
    with open_pool(threads) as pool:
        return list(progress(pool.map(inspect_image, paths), total=len(paths), label="photographs"))
