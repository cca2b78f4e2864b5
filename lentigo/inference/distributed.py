"""Prediction by the workers of a cluster: each has the model in memory and reads the photographs of its parts itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lentigo.common.cluster import Cluster
from lentigo.images.photographs import Problem, give_up_photo
from lentigo.inference.prediction import Prediction, Predictor
from lentigo.models.bundle import Bundle
from lentigo.models.sent_bundle import Parcel, pack_bundle


@dataclass(frozen=True)
class Answering:
    """A RUN and how it is to answer, as the work of a cluster; the options are those of `Predictor`."""

    parcel: Parcel
    exact: bool = False
    flips: bool = False
    operating_point: str | None = None
    risk: float | None = None
    prevalence: float | None = None

    def open(self, cores: int) -> Callable[[list], list[Prediction | Problem]]:
        options = {"operating_point": self.operating_point, "risk": self.risk, "prevalence": self.prevalence}
        predictor = Predictor(
            self.parcel.unpack(), exact=self.exact, flips=self.flips, threads=cores, **options
        )
        return lambda images: list(predictor.predict(images))


def predict_on(
    cluster: Cluster, bundle: Bundle, images: Iterable[str | Path | Problem], *, count: int | None = None, exact: bool = False, flips: bool = False,
    operating_point: str | None = None, risk: float | None = None, prevalence: float | None = None,
) -> Iterator[Prediction | Problem]:  # fmt: skip
    """As `Predictor.predict`: one answer for each photograph, in order, as parts of a few hundred are finished. `count` is their number where it is known.

    Paths must lead to the same files on every node. `seconds` is a photograph's share of its worker's time. Raises `ClusterError`.
    """
    work = Answering(pack_bundle(bundle), exact, flips, operating_point, risk, prevalence)
    yield from cluster.map(work, images, count=count, give_up=give_up_photo)
