"""Explanation: where a photograph speaks for malignant and where against, as numbers and as a figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lentigo.errors import ImageError, UsageError
from lentigo.images.decoding.formats import SUFFIXES
from lentigo.images.photographs import read_image
from lentigo.images.problems import Problem, separate_problems
from lentigo.inference.figures.explanation_figures import draw_explanation, save_figure
from lentigo.inference.output_names import make_unique_names, refuse_overwriting
from lentigo.inference.prediction import Predictor, collect_images
from lentigo.inference.results import InferenceResult, Prediction


@dataclass(frozen=True)
class Explanation:
    """The prediction for one photograph, and where in it the prediction comes from.

    Attributes:
        image: Its path or address.
        prediction: What the RUN says of it.
        heatmap: Float32 (h, w), a coarse grid over the whole photograph: what each cell adds to the logit,
            above zero for malignant, below zero against.
        figure: The PNG that shows it, where one was asked for.
        centres: The centres of the heatmap's columns, and of its rows, as shares of the photograph's side.
    """

    image: str
    prediction: Prediction
    heatmap: np.ndarray
    figure: Path | None
    centres: tuple[float, ...] = ()


@dataclass(frozen=True)
class Explanations:
    """The explanations, and beside them what could not be explained."""

    explanations: tuple[Explanation, ...]
    problems: tuple[Problem, ...]


def explain(
    inputs: str | Path | Iterable[str | Path],
    model: str | Path = "bundled",
    *,
    out: str | Path | None = None,
    fp32: bool = False,
) -> Explanations:
    """Explains photographs and folders of photographs; prediction and heatmap come from one pass.

    Args:
        inputs: A file, a folder or an address, or several.
        model: The folder of a RUN, or "bundled".
        out: A folder for one PNG a photograph, or, for one photograph, a name ending in .png; without it
            nothing is drawn.
        fp32: Computes in fp32, also where a faster precision is as good.

    Returns:
        The explanations, and problems for photographs that cannot be read.

    Raises:
        ModelError: The RUN cannot be used.
        UsageError: `out` cannot be meant.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    predictor = Predictor(model, fp32=fp32)
    paths, problems = collect_images(inputs)
    figures = {} if out is None else name_figures(paths, out)
    explanations, unreadable, _ = separate_problems(explain_images(predictor, paths, figures))
    return Explanations(tuple(explanations), (*problems, *unreadable))


def explain_images(
    predictor: Predictor, paths: Iterable[str | Path], figures: Mapping[str, Path]
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
            yield Problem(result.image, str(error).removeprefix(f"{result.image}: "))


def explain_result(result: InferenceResult, figure: Path | None) -> Explanation:
    """The explanation of one result, drawn where a file is named."""
    if figure is not None:
        pixels = read_image(result.image, side=None).pixels
        save_figure(draw_explanation(pixels, result), figure)
    return Explanation(result.image, result.get_prediction(), result.get_heatmap(), figure, result.centres)


def name_figures(paths: Iterable[str | Path], out: str | Path) -> dict[str, Path]:
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
    images = {str(path): Path(path) for path in paths}
    out = Path(out)
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
