"""Prediction in one call: photographs and folders in, predictions out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lentigo.common.progress import Progress, show_nothing
from lentigo.images.held_images import ImageInputs
from lentigo.images.listing import read_request
from lentigo.images.problems import Problem
from lentigo.inference.notebooks.result_sequence import collect_results
from lentigo.inference.notebooks.thumbnails import try_thumbnail
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult, Prediction, Predictions
from lentigo.inference.similarity.case_search import CaseSearch, open_search


def predict(
    inputs: ImageInputs,
    model: str | Path = "bundled",
    *,
    outline: bool = False,
    operating_point: str | None = None,
    alpha: float | None = None,
    prevalence: float | None = None,
    similar: int = 0,
    index: str | Path | None = None,
    patient_id: str = "",
    fp32: bool = False,
    tta: bool = False,
    device: str = "cpu",
    progress: Progress = show_nothing,
) -> Prediction | Predictions:
    """Predicts photographs and folders of photographs.

    Args:
        inputs: A photograph, a folder, or several of both in a list, a column of a table or a table with the
            column `image`. A photograph is a path, an address, the bytes of a file, a file opened in binary
            mode, a PIL image, or a uint8 array: (height, width, 3) RGB, (height, width) grey. A uint8 array
            (n, height, width, 3) is n photographs.
        model: The folder of a RUN, or "bundled".
        outline: Whether the pictures of a notebook show the outline of the lesion; it comes from the same
            pass.
        operating_point: The rule of the threshold, such as "sensitivity=0.95"; None for the RUN's.
        alpha: The share of each class that the conformal set may miss; None for the RUN's, 0 to decide
            every known photograph.
        prevalence: The share of malignant lesions where the model is used, 0 to 1; None for that of the
            RUN's validation photographs.
        similar: How many of the nearest known lesions are shown beside each photograph; 0 for none.
        index: The folder of `lentigo.index_cases`, in which they are searched.
        patient_id: Of the photographs, whose own known lesions are left out; "" where it is not known.
        fp32: Computes in fp32, also where a faster precision is as good.
        tta: Averages over four mirrored views.
        device: One of `lentigo.models.inference_session.DEVICES`.
        progress: Watches the photographs go by, such as `lentigo.show_progress`.

    Returns:
        A `Prediction` for one photograph; for several and for a folder `Predictions`: a sequence, with the
        problems of photographs that cannot be read beside it.

    Raises:
        UsageError: An input is no photograph, or a setting cannot be followed.
        ModelError: The RUN cannot be used.
        DataError: There is no photograph at all, or the only one cannot be read.

    >>> import numpy as np
    >>> grey = np.full((64, 64, 3), 128, np.uint8)
    >>> predict(grey).label, len(predict([grey, grey]))
    ('uncertain', 2)
    """
    request = read_request(inputs)
    predictor = Predictor(
        model,
        count=len(request.images),
        explained=outline or bool(similar),
        operating_point=operating_point,
        alpha=alpha,
        prevalence=prevalence,
        fp32=fp32,
        tta=tta,
        device=device,
    )
    predictor.require_classifier()
    if outline:
        predictor.require_decoder()
    search = open_search(predictor.bundle, similar, index, patient_id)
    results = progress(predictor.infer(request.images), total=len(request.images), label="photographs")
    shown = (show_result(result, outline, search) for result in results)
    return collect_results(Predictions, request, shown)


def show_result(
    result: InferenceResult | Problem, outline: bool = False, search: CaseSearch | None = None
) -> Prediction | Problem:
    """The prediction of a result, with similar cases where they are searched for, and with a thumbnail where
    a notebook could not make it later: of a photograph in memory, and of one whose outline is asked for.

    Args:
        result: What the network gave.
        outline: Whether the thumbnail shows the outline of the lesion.
        search: In an index of known lesions; None for no search.
    """
    if isinstance(result, Problem):
        return result
    prediction = result.get_prediction()
    if search is not None:
        prediction = replace(prediction, similar=search.find(result, prediction))
    if result.held is None and not outline:
        return prediction
    mask = result.mask if outline and prediction.in_distribution is not False else None
    return replace(prediction, thumbnail=try_thumbnail(result.source, mask))
