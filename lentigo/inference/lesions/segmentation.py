"""Segmentation: where in a photograph the lesion is, as a mask, an outline and measures of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lentigo.common.json_values import list_fields
from lentigo.common.results.summaries import Summarized
from lentigo.errors import ImageError
from lentigo.images.dicom.dicom_files import find_file_spacing
from lentigo.images.held_images import HeldImage, ImageInputs, ImageSource
from lentigo.images.listing import read_request
from lentigo.images.measures.scales import find_scale, require_scale
from lentigo.images.photographs import view_image
from lentigo.images.problems import Problem
from lentigo.inference.figures.overlays import draw_outline, enlarge_small, save_image
from lentigo.inference.lesions.mask_cleaning import HALF, Box, clean_mask, enlarge_mask, find_box, scale_box
from lentigo.inference.lesions.measures import Measures, measure_lesion, sample_colours
from lentigo.inference.notebooks.notebook_figures import DrawnResult
from lentigo.inference.notebooks.notebook_tables import show_measures, show_picture, show_rows
from lentigo.inference.notebooks.result_sequence import ResultSequence, collect_results
from lentigo.inference.notebooks.thumbnails import LONGER_SIDE
from lentigo.inference.output_names import name_files
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult, Prediction

VIEW = 1_000_000  # pixels at most of the photograph that is drawn upon
MEASURED_SIDE = 512  # pixels at most of the longer side of the mask that is measured
ENDINGS = ("_mask.png", "_outline.jpg")  # of the names of files
# Millimetres of a pixel: of all photographs, or by photograph as `read_scales` has them
Scales = float | Mapping[str, float] | None


@dataclass(frozen=True, repr=False)
class Segmentation(DrawnResult, Summarized):
    """The lesion of one photograph.

    Attributes:
        image: Its path or address.
        width: Pixels of the upright original.
        height: Pixels of the upright original.
        probability: P(lesion) over the whole photograph, cleaned, float32 (side, side); the border is at 0.5.
        box: Around the lesion; None where none was found.
        measures: Of the lesion; None where none was found.
        prediction: Of the same pass; None where the RUN has no classifier.
        model: The name of the RUN.
        mask: The file with the mask; None where none was asked for.
        overlay: The file with the outline; None where none was asked for.
        held: The photograph itself where it was given in memory, and no file has it.
    """

    image: str
    width: int
    height: int
    probability: np.ndarray = field(repr=False, compare=False)
    box: Box | None
    measures: Measures | None
    prediction: Prediction | None
    model: str
    mask: Path | None = None
    overlay: Path | None = None
    held: HeldImage | None = field(default=None, repr=False, compare=False)

    def summarize(self) -> str:
        """What matters most, in a few words."""
        if self.measures is None:
            return f"{self.image!r}: {self.describe_absence()}"
        size = f"{self.measures.diameter_px:.0f} px"
        if self.measures.diameter_mm is not None:
            size = f"{self.measures.diameter_mm:.1f} mm"
        return f"{self.image!r}: a lesion of {size}, {self.measures.area_share:.1%} of the photograph"

    @property
    def found(self) -> bool:
        """Whether a lesion was found."""
        return self.box is not None

    def describe_absence(self) -> str:
        """Why there is no lesion, in words."""
        if self.prediction is not None and self.prediction.is_refused:
            return f"refused, {self.prediction.reason}"
        return "no lesion found"

    def draw_mask(self, width: int | None = None, height: int | None = None) -> np.ndarray:
        """Draws the mask at the photograph's own size, upright, or at another.

        Args:
            width: Pixels; those of the photograph without it.
            height: Pixels; those of the photograph without it.

        Returns:
            Uint8 (height, width), 255 where the lesion is.
        """
        return enlarge_mask(self.probability, width or self.width, height or self.height)

    def draw(self) -> Image.Image:
        """Draws the outline on the photograph.

        Raises:
            ImageError: The photograph cannot be read any more.
        """
        pixels, _ = view_image(self.held or self.image, VIEW)
        return draw_outline(pixels, self.draw_mask(pixels.shape[1], pixels.shape[0]) > 0)

    def list_cells(self) -> dict[str, str]:
        """The cells of a table in a notebook, HTML by column."""
        drawing = self.try_drawing(LONGER_SIDE * 2)
        return {"photograph": show_picture(drawing, self.image), **show_measures(self.measures)}

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return show_rows([self.list_cells()])

    def to_json(self) -> dict[str, Any]:
        """One flat object; measures of a lesion that was not found are null."""
        if self.measures is None:
            measures: dict[str, Any] = dict.fromkeys(field.name for field in fields(Measures))
        else:
            measures = asdict(self.measures)
        return {
            "image": self.image,
            "found": self.found,
            "mask": None if self.mask is None else str(self.mask),
            "overlay": None if self.overlay is None else str(self.overlay),
            "width": self.width,
            "height": self.height,
            "box": None if self.box is None else asdict(self.box),
            **measures,
            "label": None if self.prediction is None else self.prediction.label,
            "probability": None if self.prediction is None else self.prediction.probability,
            "model": self.model,
        }


@dataclass(frozen=True, repr=False)
class Segmentations(ResultSequence[Segmentation]):
    """The segmentations in order, and beside them the photographs that have none.

    Attributes:
        segmentations: One for each photograph that could be read.
        problems: The others.
    """

    segmentations: tuple[Segmentation, ...]
    problems: tuple[Problem, ...]

    def list_rows(self) -> list[dict[str, Any]]:
        """A row for each photograph, the entries of `Segmentation.to_json`."""
        return list_fields(self.segmentations)


def segment(
    inputs: ImageInputs,
    model: str | Path = "bundled",
    *,
    out: str | Path | None = None,
    mm_per_pixel: Scales = None,
    tta: bool = False,
    fp32: bool = False,
    device: str = "cpu",
) -> Segmentation | Segmentations:
    """Finds the lesion of each photograph, by the pass that also classifies it.

    Args:
        inputs: A photograph, a folder, or several, as `lentigo.predict` takes them.
        model: The folder of a RUN, or "bundled".
        out: A folder for two files a photograph, a mask and an outline; without it no file is written.
        mm_per_pixel: A scale for all photographs, or one for each as `lentigo.images.measures.scales.read_scales`
            has them.
        tta: Averages over four mirrored views.
        fp32: Computes in fp32, also where a faster precision is as good.
        device: One of `lentigo.models.inference_session.DEVICES`.

    Returns:
        A `Segmentation` for one photograph; for several and for a folder `Segmentations`: a sequence, with
        the problems of photographs that cannot be read beside it.

    Raises:
        ModelError: The RUN has no mask decoder.
        DataError: There is no photograph at all, or the only one cannot be read.
        UsageError: An input is no photograph, or a file would replace one.
        SpaceError: The folder cannot be written.
    """
    request = read_request(inputs)
    predictor = Predictor(model, fp32=fp32, tta=tta, device=device, count=len(request.images))
    files = {} if out is None else name_files(request.images, out, *ENDINGS)
    found = segment_images(predictor, request.images, files, mm_per_pixel)
    return collect_results(Segmentations, request, found)


def segment_images(
    predictor: Predictor,
    paths: Iterable[ImageSource | Problem],
    files: Mapping[str, tuple[Path, ...]],
    mm_per_pixel: Scales = None,
) -> Iterator[Segmentation | Problem]:
    """Segments photographs, in order and in constant memory.

    Args:
        predictor: A RUN with a mask decoder.
        paths: Of the photographs.
        files: By its path where mask and outline of a photograph go, if anywhere.
        mm_per_pixel: As `segment` takes it.

    Yields:
        One segmentation or problem for each.
    """
    predictor.require_decoder()
    if isinstance(mm_per_pixel, int | float):
        require_scale(mm_per_pixel)
    for result in predictor.infer(paths):
        if isinstance(result, Problem):
            yield result
            continue
        scale = find_scale(result.image, mm_per_pixel)
        if scale is None and result.held is None:
            scale = find_file_spacing(result.image)
        try:
            yield outline_lesion(result, predictor.name, files.get(result.image, ()), scale)
        except ImageError as error:  # it was there a moment ago
            yield Problem.from_error(result.image, error)


def outline_lesion(
    result: InferenceResult, model: str, files: tuple[Path, ...], mm_per_pixel: float | None
) -> Segmentation:
    """Measures the lesion of a photograph, and draws it where files are asked for.

    Args:
        result: What the network says of the photograph.
        model: The name of the RUN.
        files: Where mask and outline go; none for neither.
        mm_per_pixel: The scale of the photograph, where it is known.

    Raises:
        ImageError: The photograph is to be drawn upon, and is gone.
    """
    segmentation = segment_result(result, model, mm_per_pixel)
    if not files:
        return segmentation
    pixels, _ = view_image(result.source, VIEW)
    canvas = enlarge_small(Image.fromarray(pixels))
    lesion = segmentation.draw_mask(*canvas.size) > 0
    mask_file, outline_file = files
    save_image(Image.fromarray(segmentation.draw_mask()), mask_file)
    save_image(draw_outline(np.asarray(canvas), lesion), outline_file, quality=92)
    return replace(segmentation, mask=mask_file, overlay=outline_file)


def segment_result(result: InferenceResult, model: str, mm_per_pixel: float | None = None) -> Segmentation:
    """Measures the lesion of a photograph by what one pass of the network gave; a photograph that is refused
    has none.

    The file is not read again: the mask is no finer than what the network saw, so its shape is measured on at
    most `MEASURED_SIDE` pixels a side, and colours are those of the pixels that the network saw.

    Args:
        result: What the network says of the photograph.
        model: The name of the RUN.
        mm_per_pixel: The scale of the photograph, where it is known.
    """
    width, height = result.size
    probability = clean_mask(result.get_mask())
    if result.is_refused:
        probability = np.zeros_like(probability)
    shrink = min(1.0, MEASURED_SIDE / max(width, height))
    columns = max(1, round(width * shrink))
    rows = max(1, round(height * shrink))
    lesion = enlarge_mask(probability, columns, rows) > 0
    box = scale_box(find_box(lesion), lesion.shape, width, height)
    measures = None
    if box is not None:
        colours = sample_colours(result.pixels, probability >= HALF)
        measures = measure_lesion(lesion, colours, size=result.size, mm_per_pixel=mm_per_pixel)
    return Segmentation(
        image=result.image,
        width=width,
        height=height,
        probability=probability,
        box=box,
        measures=measures,
        prediction=result.prediction,
        model=model,
        held=result.held,
    )
