"""Explanation: where a photograph speaks for malignant and where against, as numbers and as a figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lentigo.errors import ImageError, UsageError
from lentigo.images.decoding.formats import SUFFIXES
from lentigo.images.photographs import read_image
from lentigo.images.problems import Problem
from lentigo.inference.explanation_figures import draw_explanation, save_figure
from lentigo.inference.output_names import keep_images, name_apart
from lentigo.inference.prediction import Prediction, Predictor, gather_images


@dataclass(frozen=True)
class Explanation:
    """The answer for one photograph, and where in it the answer comes from.

    `heatmap` is float32 (h, w), a coarse grid over the whole photograph: what each cell adds to the logit,
    above zero for malignant, below zero against. `figure` is the PNG that shows it, where one was asked for.
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

    `out` is a folder for one PNG a photograph, or, for one photograph, a name ending in .png; without it
    nothing is drawn. Raises `ModelError` for a RUN that cannot be used and `UsageError` for an `out` that
    cannot be meant.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    predictor = Predictor(model, fp32=fp32)
    paths, problems = gather_images(inputs)
    answers = list(explain_images(predictor, paths, {} if out is None else name_figures(paths, out)))
    explanations = tuple(a for a in answers if isinstance(a, Explanation))
    return Explanations(explanations, tuple(problems) + tuple(a for a in answers if isinstance(a, Problem)))


def explain_images(
    predictor: Predictor, paths: Iterable[str | Path], figures: Mapping[str, Path]
) -> Iterator[Explanation | Problem]:
    """One explanation for each path, in order and in constant memory; `figures` says where the drawing of a
    path goes, if anywhere.
    """
    predictor.require_classifier()
    for answer in predictor.answer(paths):
        if isinstance(answer, Problem):
            yield answer
            continue
        image = answer.prediction.image
        try:
            if image in figures:
                save_figure(draw_explanation(read_image(image, side=None).pixels, answer), figures[image])
            yield Explanation(image, answer.prediction, answer.heatmap, figures.get(image), answer.centres)
        except ImageError as error:  # it was there a moment ago
            yield Problem(image, str(error).removeprefix(f"{image}: "))


def name_figures(paths: Iterable[str | Path], out: str | Path) -> dict[str, Path]:
    """Where the figure of each photograph goes: `out` itself for one photograph and a name in .png, else a
    file in the folder `out`.

    A figure has the name of its photograph; where two photographs share one, the folder's name comes before,
    then a number.

    >>> {name: figure.name for name, figure in name_figures(["a/mole.jpg", "b/mole.jpg", "b/spot.jpg"],
    "figures").items()} {'a/mole.jpg': 'a_mole.png', 'b/mole.jpg': 'b_mole.png', 'b/spot.jpg': 'spot.png'}

    Raises `UsageError` for several photographs and one file, and where a figure would replace a photograph.
    """
    images = {str(path): Path(path) for path in paths}  # a photograph that is named twice has one figure
    out = Path(out)
    if out.suffix.lower() in SUFFIXES and not out.is_dir():
        if len(images) > 1 or out.suffix.lower() != ".png":
            raise UsageError(
                f"{out}: cannot hold {len(images)} figure(s); expected a folder, or for one photograph a "
                "name ending in .png"
            )
        figures = dict.fromkeys(images, out)
    else:
        figures = {
            image: out / f"{name}.png"
            for image, name in zip(images, name_apart(images.values()), strict=True)
        }
    keep_images(images.values(), figures.values())
    return figures
