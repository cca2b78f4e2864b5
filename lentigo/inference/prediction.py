"""Prediction: photographs in, one answer or one problem for each, in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lentigo.data.photos import Photo, Problem, find_photos, stream_photos
from lentigo.errors import DataError, ModelError
from lentigo.models.bundle import Bundle, open_bundle
from lentigo.models.runtime import Session

FLIPS = (lambda x: x, np.fliplr, np.flipud, lambda x: np.swapaxes(x, 0, 1))  # test-time views


@dataclass(frozen=True)
class Prediction:
    """What a model says of one photograph. `probability` is P(malignant); `label` is the decision at `threshold`."""

    image: str
    label: str
    probability: float
    threshold: float
    in_distribution: bool | None
    model: str
    seconds: float


@dataclass(frozen=True)
class Predictions:
    """The answers, and beside them what could not be answered."""

    predictions: tuple[Prediction, ...]
    problems: tuple[Problem, ...]


class Predictor:
    """A RUN ready to answer; keep it, loading takes longer than answering."""

    def __init__(self, model: str | Path | Bundle, *, exact: bool = False, flips: bool = False):
        self.bundle = model if isinstance(model, Bundle) else find_model(model)
        self.session = Session(self.bundle.graph, exact=exact)
        self.views = FLIPS if flips else FLIPS[:1]

    def predict(self, images: Iterable[str | Path]) -> Iterator[Prediction | Problem]:
        """One answer for each path, in order; a photograph that cannot be read gives a `Problem`."""
        waiting: deque[Photo | Problem] = deque()
        last = time.perf_counter()
        for logit in self.logits(stream_photos(images), waiting):
            while isinstance(waiting[0], Problem):
                yield waiting.popleft()
            now = time.perf_counter()
            yield self.decide(waiting.popleft().image, logit, now - last)
            last = now
        yield from waiting

    def logits(self, photos: Iterable[Photo | Problem], waiting: deque) -> Iterator[float]:
        """The logit of each readable photograph, the mean over its views; `waiting` collects what was drawn."""

        def views() -> Iterator[np.ndarray]:
            for photo in photos:
                waiting.append(photo)
                if isinstance(photo, Photo):
                    yield from (np.ascontiguousarray(view(photo.pixels)) for view in self.views)

        answers = (float(answer["logit"][0]) for answer in self.session.stream(views()))
        for first in answers:
            yield float(np.mean([first, *(next(answers) for _ in self.views[1:])]))

    def decide(self, image: str, logit: float, seconds: float) -> Prediction:
        """The calibrated probability and the decision."""
        probability = float(1 / (1 + np.exp(-logit / self.bundle.temperature)))
        label = "malignant" if probability >= self.bundle.threshold else "benign"
        return Prediction(image, label, probability, self.bundle.threshold, None, self.bundle.name, seconds)


def find_model(name: str | Path) -> Bundle:
    """A RUN by its folder. Raises `ModelError` where there is none."""
    if str(name) == "bundled":
        raise ModelError("bundled: this version of Lentigo carries no weights; train a RUN (`lentigo train DATA --out RUN`) and name it")
    return open_bundle(name)


def gather_photos(inputs: Iterable[str | Path]) -> tuple[list[Path], list[Problem]]:
    """Photographs named by files and folders, and the folders that hold none.

    Files are not opened here. Raises `DataError` where there is nothing to answer at all.
    """
    paths: list[Path] = []
    problems: list[Problem] = []
    for name in inputs:
        try:
            paths += find_photos(name) if Path(name).is_dir() else [Path(name)]
        except DataError as error:
            problems.append(Problem(str(name), str(error).removeprefix(f"{name}: ")))
    if not paths:
        raise DataError(f"{problems[0].image}: {problems[0].error}" if problems else "no photograph was named; give files, folders, or paths on standard input")
    return paths, problems


def predict(inputs: str | Path | Iterable[str | Path], model: str | Path = "bundled", *, exact: bool = False, flips: bool = False) -> Predictions:
    """Answers for photographs and folders of photographs.

    `exact` computes in fp32; `flips` averages the logit over four mirrored views (four times the work).
    Raises `ModelError` for a RUN that cannot be used; photographs that cannot be read are in `problems`.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    predictor = Predictor(model, exact=exact, flips=flips)
    paths, problems = gather_photos(inputs)
    answers = list(predictor.predict(paths))
    predictions = tuple(a for a in answers if isinstance(a, Prediction))
    return Predictions(predictions, tuple(problems) + tuple(a for a in answers if isinstance(a, Problem)))
