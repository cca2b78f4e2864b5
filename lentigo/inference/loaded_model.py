"""A model that is loaded once and asked often, from Python, from a notebook, or inside a scikit-learn
pipeline.

Preprocessing is part of the model: a photograph is turned upright, brought to sRGB, squeezed to a square of
the side that the graph takes (224 pixels unless the card's `input` says otherwise), and handed over as uint8
RGB, 0 to 255. The scaling and normalisation of the backbone are layers of the graph itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, Unpack

import numpy as np

from lentigo.errors import ImageError, ModelError
from lentigo.images.held_images import ImageInputs, ImageSource
from lentigo.images.listing import read_request
from lentigo.images.photographs import stream_images
from lentigo.images.problems import Problem
from lentigo.inference.notebooks.result_sequence import collect_results
from lentigo.inference.prediction import show_result
from lentigo.inference.prediction_settings import SettingFields, read_settings
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import Prediction, Predictions
from lentigo.inference.similarity.case_search import open_search
from lentigo.models.inference_session import BATCH, InferenceSession

CLASSES = ("benign", "malignant")  # as of `lentigo.datasets.dataset`, which would import pandas


class LoadedModel:
    """A RUN in memory.

    As an estimator of scikit-learn it is finished: `fit` learns nothing, `transform` gives embeddings,
    `predict_proba` probabilities, and a clone is the same object.

    Args:
        model: The folder of a RUN, or "bundled".
        **settings: Fields of `PredictionSettings`: `fp32`, `tta`, `device`, `operating_point`, `alpha`,
            `prevalence`, `threads`.

    Attributes:
        classes_: The columns of `predict_proba`: "benign", "malignant".

    Raises:
        ModelError: The RUN cannot be used.
        UsageError: A setting cannot be followed.
    """

    classes_ = np.array(CLASSES)

    def __init__(self, model: str | Path = "bundled", **settings: Unpack[SettingFields]):
        self.model = model
        self.settings = read_settings(settings)
        # By whether requests hold several photographs; that for one alone is opened when it is asked for
        self._predictors = {True: Predictor(model, **asdict(self.settings))}

    @property
    def predictor(self) -> Predictor:
        """What predicts many photographs."""
        return self._predictors[True]

    @property
    def session(self) -> InferenceSession:
        """The graph: `session.run(uint8 (n, side, side, 3))` gives its outputs by name."""
        return self.predictor.session

    @property
    def card(self) -> dict[str, Any]:
        """What `card.json` of the RUN says."""
        return self.predictor.bundle.card

    @property
    def name(self) -> str:
        """The name of the RUN with the start of its hash."""
        return self.predictor.name

    @property
    def threshold(self) -> float:
        """Malignant is said from this P(malignant) on, in the population in which the model is used."""
        return self.predictor.decider.shift(self.predictor.decider.threshold)

    def choose_predictor(self, count: int) -> Predictor:
        """The predictor for some photographs: few are faster one at a time.

        Args:
            count: How many there are.
        """
        is_batched = count > BATCH
        if is_batched not in self._predictors:
            bundle = self.predictor.bundle
            self._predictors[is_batched] = Predictor(bundle, count=1, **asdict(self.settings))
        return self._predictors[is_batched]

    def predict(
        self,
        images: ImageInputs,
        *,
        outline: bool = False,
        similar: int = 0,
        index: str | Path | None = None,
        patient_id: str = "",
    ) -> Prediction | Predictions:
        """Predicts photographs.

        Args:
            images: One photograph, a folder, or several, as `lentigo.predict` takes them.
            outline: Whether the pictures of a notebook show the outline of the lesion.
            similar: How many of the nearest known lesions are shown beside each photograph; 0 for none.
            index: The folder of `lentigo.index_cases`, in which they are searched.
            patient_id: Of the photographs, whose own known lesions are left out; "" where it is not known.

        Returns:
            A `Prediction` for one photograph, `Predictions` for several; as an array these are their labels.

        Raises:
            UsageError: An input is no photograph.
            ModelError: The RUN has no classifier.
            DataError: There is no photograph at all, or the only one cannot be read.
        """
        request = read_request(images)
        predictor = self.choose_predictor(len(request.images))
        predictor.require_classifier()
        search = open_search(predictor.bundle, similar, index, patient_id)
        shown = (show_result(result, outline, search) for result in predictor.infer(request.images))
        return collect_results(Predictions, request, shown)

    def predict_proba(self, images: ImageInputs) -> np.ndarray:
        """Predicts the probabilities of both classes.

        Args:
            images: As `predict` takes them; a uint8 array (n, height, width, 3) is n photographs.

        Returns:
            Float64 (n, 2), calibrated; the columns are those of `classes_`, a row sums to 1.

        Raises:
            ImageError: A photograph cannot be read: rows could not be told apart without it.
            ModelError: The RUN has no classifier.
        """
        sources = read_sources(images)
        predictor = self.choose_predictor(len(sources))
        malignant = []  # P(malignant)
        for prediction in predictor.predict(sources):
            malignant.append(require_result(prediction).probability)
        column = np.array(malignant, dtype=np.float64)
        return np.stack([1 - column, column], axis=1)

    def embed(self, images: ImageInputs) -> np.ndarray:
        """Gives the features of photographs: what the backbone has after its global average pooling.

        Args:
            images: As `predict` takes them.

        Returns:
            Float32 (n, d).

        Raises:
            ImageError: A photograph cannot be read.
            ModelError: The graph of the RUN gives no embedding.
        """
        if "embedding" not in self.session.names:
            raise ModelError(
                f"{self.name}: its graph gives no embedding; expected a RUN that `lentigo train` made with a "
                "classifier"
            )
        sources = read_sources(images)
        session = self.choose_predictor(len(sources)).session
        pixels = read_pixels(sources)
        embeddings = [outputs["embedding"] for outputs in session.stream(pixels)]
        return np.stack(embeddings).astype(np.float32)

    def preprocess(self, images: ImageInputs) -> np.ndarray:
        """Brings photographs to what `session.run` takes: upright, sRGB, squeezed to the graph's square.

        Args:
            images: As `predict` takes them.

        Returns:
            Uint8 (n, side, side, 3) RGB.

        Raises:
            ImageError: A photograph cannot be read.
        """
        return np.stack(list(read_pixels(read_sources(images))))

    def fit(self, images: Any = None, labels: Any = None) -> Self:
        """Learns nothing: the model is trained. For scikit-learn's pipelines.

        Args:
            images: Not looked at.
            labels: Not looked at.
        """
        return self

    def transform(self, images: ImageInputs) -> np.ndarray:
        """As `embed`, under the name that a pipeline of scikit-learn asks for.

        Args:
            images: As `predict` takes them.
        """
        return self.embed(images)

    def fit_transform(self, images: ImageInputs, labels: Any = None) -> np.ndarray:
        """As `embed`.

        Args:
            images: As `predict` takes them.
            labels: Not looked at.
        """
        return self.embed(images)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What the model was loaded with, by name.

        Args:
            deep: Not looked at: no estimator is inside.
        """
        return {"model": self.model, **asdict(self.settings)}

    def set_params(self, **params: Any) -> Self:
        """Loads the model anew with other settings.

        Args:
            **params: As for the class.
        """
        if params:  # without any nothing is loaded anew
            LoadedModel.__init__(self, **(self.get_params() | params))
        return self

    def __sklearn_clone__(self) -> Self:
        """A finished model needs no copy."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """It is trained."""
        return True

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator; it has imported itself by then."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            classifier_tags=ClassifierTags(multi_class=False),
            input_tags=InputTags(two_d_array=False, string=True),
        )

    def __repr__(self) -> str:
        return f"LoadedModel({self.name}, {self.card['backbone']}, threshold {self.threshold:.3f})"


def load_model(model: str | Path = "bundled", **settings: Unpack[SettingFields]) -> LoadedModel:
    """Loads a RUN once, to be asked often.

    Args:
        model: The folder of a RUN, or "bundled".
        **settings: Fields of `lentigo.inference.prediction_settings.PredictionSettings`: `fp32`, `tta`,
            `device`, `operating_point`, `alpha`, `prevalence`, `threads`.

    Returns:
        The model: `predict`, `predict_proba`, `embed`, `preprocess`, `session`, `card`.

    Raises:
        ModelError: The RUN cannot be used.
        UsageError: A setting is unknown or cannot be followed.

    >>> import numpy as np
    >>> model = load_model()
    >>> model.predict_proba(np.full((2, 64, 64, 3), 128, np.uint8)).shape
    (2, 2)
    """
    return LoadedModel(model, **settings)


def read_sources(images: ImageInputs) -> list[ImageSource]:
    """The photographs of a call that gives a row for each. Raises `ImageError` where a folder holds none."""
    request = read_request(images)
    for problem in request.problems:
        require_result(problem)
    return request.images


def read_pixels(sources: list[ImageSource]) -> Iterator[np.ndarray]:
    """The pixels of photographs as the graph takes them, uint8 (side, side, 3). Raises `ImageError`."""
    for image in stream_images(sources):
        yield require_result(image).pixels


def require_result(result: Any) -> Any:
    """A result as it is. Raises `ImageError` for a problem."""
    if isinstance(result, Problem):
        raise ImageError(f"{result.image}: {result.error}")
    return result
