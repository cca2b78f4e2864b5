"""The model of the service: one graph for single photographs, one for batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lentigo.images.photographs import DecodedImage
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult
from lentigo.inference.similarity.case_search import open_search

MAX_SINGLE_IMAGES = 2  # so many images beyond full batches are computed one by one


class InferencePool:
    """A model with two compiled graphs, one for a single image, one for batches, and the known lesions among
    which similar ones are searched.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        similar: int = 0,
        index: str | Path | None = None,
        threads: int | None = None,
    ) -> None:
        """Loads the model. Raises `ModelError` where it cannot be used or has no classifier, or where the
        index is of another one.

        Args:
            model: a RUN or "bundled".
            similar: how many known lesions are shown beside a photograph; 0 for none.
            index: the folder of the index in which they are searched; None for none.
            threads: how many processors the network uses; None for all.
        """
        self.single = Predictor(model, count=1, threads=threads)
        self.single.require_classifier()
        self.batched = Predictor(self.single.bundle, threads=threads)
        self.name = self.single.name
        self.bundle = self.single.bundle
        self.outlines = self.single.has_decoder
        self.search = open_search(self.bundle, similar, index)

    def predict(self, images: Sequence[DecodedImage]) -> list[InferenceResult]:
        """Puts images through the network. A batch costs what it holds when full, so one or two images beyond
        full batches are computed singly.

        Args:
            images: decoded images, (side, side, 3) each.

        Returns:
            One answer for each image, in order.
        """
        count = self._count_batched(len(images))
        answers: list[Any] = list(self.batched.infer_images(iter(images[:count])))
        answers.extend(self.single.infer_images(iter(images[count:])))
        return answers

    def _count_batched(self, count: int) -> int:
        """How many of some images are computed in batches."""
        rest = count % self.batched.session.batch  # beyond the last full batch
        return count - rest if rest <= MAX_SINGLE_IMAGES else count
