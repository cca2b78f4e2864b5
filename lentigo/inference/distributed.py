"""Prediction by the workers of a cluster: each has the model in memory and reads its photographs itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Unpack

from lentigo.common.parallel.cluster import Cluster
from lentigo.images.problems import Problem, give_up_image
from lentigo.inference.prediction_settings import PredictionSettings, SettingFields
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import Prediction
from lentigo.models.bundle import Bundle
from lentigo.models.sent_bundle import SentBundle, pack_bundle


@dataclass(frozen=True)
class PredictionWork:
    """Prediction as the work of a cluster: a RUN, and how it predicts."""

    bundle: SentBundle
    settings: PredictionSettings

    def open(self, cores: int) -> Callable[[list], list[Prediction | Problem]]:
        """Loads the RUN on a worker with so many cores; gives what predicts a batch of photographs."""
        settings = asdict(self.settings) | {"threads": cores}
        predictor = Predictor(self.bundle.unpack(), **settings)
        return lambda images: list(predictor.predict(images))


def predict_on(
    cluster: Cluster,
    bundle: Bundle,
    images: Iterable[str | Path | Problem],
    *,
    count: int | None = None,
    **settings: Unpack[SettingFields],
) -> Iterator[Prediction | Problem]:
    """Predicts photographs on a cluster, as `Predictor.predict` does on one machine.

    Args:
        cluster: The workers.
        bundle: The RUN.
        images: Paths of photographs; they must lead to the same files on every node.
        count: Their number, where it is known.
        **settings: Fields of `PredictionSettings`.

    Yields:
        One prediction or problem for each, in order, as batches of a few hundred are finished. `seconds` is a
        photograph's share of its worker's time.

    Raises:
        ClusterError: The cluster cannot be used any more.
    """
    work = PredictionWork(pack_bundle(bundle), PredictionSettings(**settings))
    yield from cluster.map(work, images, count=count, give_up=give_up_image)
