"""Prediction by the workers of a cluster: each has the model in memory and reads the photographs of its parts
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lentigo.common.parallel.cluster import Cluster
from lentigo.images.problems import Problem, give_up_image
from lentigo.inference.prediction import Prediction, Predictor
from lentigo.models.bundle import Bundle
from lentigo.models.sent_bundle import SentBundle, pack_bundle


@dataclass(frozen=True)
class Answering:
    """A RUN and how it is to answer, as the work of a cluster; the options are those of `Predictor`."""

    parcel: SentBundle
    fp32: bool = False
    tta: bool = False
    operating_point: str | None = None
    alpha: float | None = None
    prevalence: float | None = None

    def open(self, cores: int) -> Callable[[list], list[Prediction | Problem]]:
        options = {
            "operating_point": self.operating_point,
            "alpha": self.alpha,
            "prevalence": self.prevalence,
        }
        predictor = Predictor(self.parcel.unpack(), fp32=self.fp32, tta=self.tta, threads=cores, **options)
        return lambda images: list(predictor.predict(images))


def predict_on(
    cluster: Cluster,
    bundle: Bundle,
    images: Iterable[str | Path | Problem],
    *,
    count: int | None = None,
    fp32: bool = False,
    tta: bool = False,
    operating_point: str | None = None,
    alpha: float | None = None,
    prevalence: float | None = None,
) -> Iterator[Prediction | Problem]:
    """As `Predictor.predict`: one answer for each photograph, in order, as parts of a few hundred are
    finished. `count` is their number where it is known.

    Paths must lead to the same files on every node. `seconds` is a photograph's share of its worker's time.
    Raises `ClusterError`.
    """
    work = Answering(pack_bundle(bundle), fp32, tta, operating_point, alpha, prevalence)
    yield from cluster.map(work, images, count=count, give_up=give_up_image)
