"""The report on a mask decoder: numbers, and its best, median and worst photographs, in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.html import embed, render_page
from lentigo.common.plots import new_figure, save_figure
from lentigo.datasets.mask_reading import read_mask
from lentigo.evaluation.masks.mask_assessment import TITLES, MaskAssessment
from lentigo.images.photographs import view_image
from lentigo.inference.figures.overlays import draw_outline
from lentigo.inference.lesions.segmentation import Segmentation, segment_images
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import GRAPH

MAX_SHOWN = 4  # photographs of each kind
MAX_PIXELS = 120_000  # of each in a figure
DRAWN_COLOUR = np.array([255, 214, 0], np.float32)  # of the outlines that were drawn by hand
ROWS = ("photograph", "drawn by hand", "model")


def write_mask_report(predictor: Predictor, assessment: MaskAssessment, folder: str | Path) -> str:
    """Writes the report of an assessment; figures are drawn and embedded.

    Args:
        predictor: That was assessed.
        assessment: Of its decoder.
        folder: Where the figures are written.

    Returns:
        HTML that holds everything it shows.
    """
    answers = assessment.to_json()
    rows = []
    for name, title in TITLES.items():
        is_pixels = name.endswith("px")
        rows.append((title, answers[name], answers["ci"][name], is_pixels))
    figures = draw_examples(predictor, assessment, Path(folder))
    # First of all, as in the report of a classifier: it makes every number too good
    warnings = assessment.contamination.warnings if assessment.contamination is not None else ()
    return render_page(
        "lentigo.evaluation.masks",
        "mask_report.html",
        sha256=predictor.bundle.card["files"][GRAPH],
        answers=answers,
        warnings=warnings,
        problems=assessment.problems,
        rows=rows,
        figures={name: embed(path) for name, path in figures.items()},
        disclaimer=predictor.bundle.card.get("disclaimer", ""),
    )


def draw_examples(predictor: Predictor, assessment: MaskAssessment, folder: Path) -> dict[str, Path]:
    """Figures of the best, the median and the worst outlines, by the Jaccard index."""
    figures = {}
    for name, rows in choose_rows(assessment).items():
        figures[name] = draw_grid(predictor, assessment, rows, folder / f"{name}.png")
    return figures


def choose_rows(assessment: MaskAssessment) -> dict[str, np.ndarray]:
    """Row numbers of the best, the median and the worst photographs, none twice where there are enough."""
    order = np.argsort(-assessment.table["jaccard"].to_numpy(), kind="stable")
    shown = min(MAX_SHOWN, len(order))
    # Centred on the median, and never before the first
    middle = max(0, (len(order) - MAX_SHOWN) // 2)
    return {"best": order[:shown], "median": order[middle : middle + shown], "worst": order[-shown:]}


def draw_grid(predictor: Predictor, assessment: MaskAssessment, rows: np.ndarray, path: Path) -> Path:
    """Photographs in a row, below each the outline drawn by hand and that of the model."""
    chosen = assessment.table.iloc[rows]
    figure = new_figure(2.6 * MAX_SHOWN, 5.6)
    axes = figure.subplots(len(ROWS), MAX_SHOWN, squeeze=False)
    # Places without a photograph stay empty, without axes
    for place in axes.flat:
        place.axis("off")
    answers = segment_images(predictor, chosen["image"], {})
    columns = zip(answers, chosen["mask"], chosen["jaccard"], strict=True)
    for column, (answer, mask, jaccard) in enumerate(columns):
        if not isinstance(answer, Segmentation):  # its photograph is not there any more
            continue
        for row, image in enumerate(draw_column(answer, mask)):
            axes[row, column].imshow(image)
        name = Path(answer.image).name[:28]  # letters that fit above a column
        axes[0, column].set_title(f"Jaccard {jaccard:.3f}\n{name}", fontsize=9)
    for row, name in enumerate(ROWS):
        name_row(axes[row, 0], name)
    return save_figure(figure, path)


def name_row(axes: Any, name: str) -> None:
    """Writes the name of a row to the left of its first picture, upwards."""
    axes.text(-0.04, 0.5, name, rotation=90, ha="right", va="center", transform=axes.transAxes, fontsize=9)


def draw_column(answer: Segmentation, mask: str) -> list[np.ndarray]:
    """A photograph, with the outline drawn by hand, and with that of the model."""
    pixels, _ = view_image(answer.image, MAX_PIXELS)
    height, width = pixels.shape[:2]
    # Drawn on the size that is shown, so that lines are equally thick in every photograph
    drawn = read_mask(mask, (width, height)) > 0
    return [
        pixels,
        np.asarray(draw_outline(pixels, drawn, DRAWN_COLOUR)),
        np.asarray(draw_outline(pixels, answer.draw_mask(width, height) > 0)),
    ]
