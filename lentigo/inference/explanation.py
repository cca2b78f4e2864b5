"""Explanation: where a photograph speaks for malignant and where against, as numbers and as a figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lentigo.common.file_names import take_path
from lentigo.common.results.summaries import Summarized
from lentigo.errors import ImageError, UsageError
from lentigo.images.decoding.formats import SUFFIXES
from lentigo.images.held_images import ImageInputs, ImageSource
from lentigo.images.listing import read_request
from lentigo.images.photographs import read_image
from lentigo.images.problems import Problem
from lentigo.inference.figures.explanation_figures import draw_explanation, save_figure
from lentigo.inference.notebooks.notebook_figures import DrawnResult
from lentigo.inference.notebooks.notebook_tables import show_wide_picture
from lentigo.inference.notebooks.result_sequence import ResultSequence, collect_results
from lentigo.inference.output_names import make_unique_names, refuse_overwriting
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult, Prediction, Predictions

MAX_SHOWN_PIXELS = 1400  # of the longer side of a figure in a notebook


@dataclass(frozen=True, repr=False)
class Explanation(DrawnResult, Summarized):
    """The prediction for one photograph, and where in it the prediction comes from.

    Attributes:
        image: Its path or address.
        prediction: What the RUN says of it.
        heatmap: Float32 (h, w), a coarse grid over the whole photograph: what each cell adds to the logit,
            above zero for malignant, below zero against.
        figure_file: The PNG that shows it, where one was asked for.
        centres: The centres of the heatmap's columns, and of its rows, as shares of the photograph's side.
        result: All that the pass gave, but the pixels that the network saw.
    """

    image: str
    prediction: Prediction
    heatmap: np.ndarray = field(repr=False, compare=False)
    figure_file: Path | None
    centres: tuple[float, ...] = ()
    result: InferenceResult | None = field(default=None, repr=False, compare=False)

    def summarize(self) -> str:
        """What matters most, in a few words."""
        return self.prediction.summarize()

    def draw(self) -> Image.Image:
        """Draws the photograph, and beside it the same in grey with the heatmap over it.

        Raises:
            ImageError: The photograph cannot be read any more.
        """
        if self.result is None:
            raise ImageError(f"{self.image}: only its numbers are left; expected an explanation of `explain`")
        pixels = read_image(self.result.source, side=None).pixels
        return draw_explanation(pixels, self.result)

    def list_cells(self) -> dict[str, str]:
        """The cells of a table in a notebook, HTML by column."""
        drawing = self.try_drawing(MAX_SHOWN_PIXELS)
        if not drawing:
            return {"explanation": escape(self.image)}
        return {"explanation": show_wide_picture(drawing, f"explanation of {self.image}")}

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.list_cells()["explanation"]


@dataclass(frozen=True, repr=False)
class Explanations(ResultSequence[Explanation]):
    """The explanations in order, and beside them what could not be explained.

    Attributes:
        explanations: One for each photograph that could be read.
        problems: The others.
    """

    explanations: tuple[Explanation, ...]
    problems: tuple[Problem, ...]

    def list_rows(self) -> list[dict[str, Any]]:
        """A row for each photograph: its prediction, and the heatmap as an array in a cell."""
        predictions = Predictions(tuple(one.prediction for one in self.explanations), ())
        rows = []
        for row, one in zip(predictions.list_rows(), self.explanations, strict=True):
            rows.append({**row, "heatmap": one.heatmap})
        return rows


def explain(
    inputs: ImageInputs,
    model: str | Path = "bundled",
    *,
    out: str | Path | None = None,
    fp32: bool = False,
) -> Explanation | Explanations:
    """Explains photographs and folders of photographs; prediction and heatmap come from one pass.

    Args:
        inputs: A photograph, a folder, or several, as `lentigo.predict` takes them.
        model: The folder of a RUN, or "bundled".
        out: A folder for one PNG a photograph, or, for one photograph, a name ending in .png; without it
            no file is written.
        fp32: Computes in fp32, also where a faster precision is as good.

    Returns:
        An `Explanation` for one photograph; for several and for a folder `Explanations`: a sequence, with
        the problems of photographs that cannot be read beside it.

    Raises:
        ModelError: The RUN cannot be used.
        DataError: There is no photograph at all, or the only one cannot be read.
        UsageError: An input is no photograph, or `out` cannot be meant.
    """
    request = read_request(inputs)
    predictor = Predictor(model, fp32=fp32, count=len(request.images))
    figures = {} if out is None else name_figures(request.images, out)
    return collect_results(Explanations, request, explain_images(predictor, request.images, figures))


def explain_images(
    predictor: Predictor, paths: Iterable[ImageSource | Problem], figures: Mapping[str, Path]
) -> Iterator[Explanation | Problem]:
    """Explains photographs, in order and in constant memory.

    Args:
        predictor: A RUN with a classifier.
        paths: Of the photographs.
        figures: By its path where the figure of a photograph goes, if anywhere.

    Yields:
        One explanation or problem for each.
    """
    predictor.require_classifier()
    for result in predictor.infer(paths):
        if isinstance(result, Problem):
            yield result
            continue
        try:
            yield explain_result(result, figures.get(result.image))
        except ImageError as error:  # it was there a moment ago
            yield Problem.from_error(result.image, error)


def explain_result(result: InferenceResult, figure: Path | None) -> Explanation:
    """The explanation of one result, drawn where a file is named."""
    if figure is not None:
        pixels = read_image(result.source, side=None).pixels
        save_figure(draw_explanation(pixels, result), figure)
    without_pixels = replace(result, pixels=result.pixels[:0])  # many explanations would fill the memory
    return Explanation(
        result.image, result.get_prediction(), result.get_heatmap(), figure, result.centres, without_pixels
    )


def name_figures(paths: Iterable[ImageSource | Problem], out: str | Path) -> dict[str, Path]:
    """Says where the figure of each photograph goes.

    A figure has the name of its photograph; where two photographs share one, the folder's name comes before,
    then a number.

    Args:
        paths: Of the photographs; one that is named twice has one figure.
        out: A folder or, for one photograph, a name ending in .png.

    Raises:
        UsageError: One file is named for several photographs, or a figure would replace a photograph.

    >>> figures = name_figures(["a/mole.jpg", "b/mole.jpg", "b/spot.jpg"], "figures")
    >>> [figure.name for figure in figures.values()]
    ['a_mole.png', 'b_mole.png', 'spot.png']
    """
    images = {str(path): Path(str(path)) for path in paths}
    out = take_path(out, "out", "the name of a folder")
    if out.suffix.lower() in SUFFIXES and not out.is_dir():
        if len(images) > 1 or out.suffix.lower() != ".png":
            raise UsageError(
                f"{out}: cannot hold {len(images)} figure(s); expected a folder, or for one photograph a "
                "name ending in .png"
            )
        figures = dict.fromkeys(images, out)
    else:
        names = make_unique_names(images.values())
        figures = {image: out / f"{name}.png" for image, name in zip(images, names, strict=True)}
    refuse_overwriting(images.values(), figures.values())
    return figures
