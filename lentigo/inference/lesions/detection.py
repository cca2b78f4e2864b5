"""Detection: a box around each lesion of a photograph, from one close-up to a stretch of skin with many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from lentigo.common.json_values import list_fields
from lentigo.common.results.summaries import Summarized, format_count
from lentigo.errors import ImageError
from lentigo.images.held_images import HeldImage, ImageInputs, ImageSource
from lentigo.images.listing import read_request
from lentigo.images.photographs import view_image
from lentigo.images.problems import Problem
from lentigo.inference.figures.box_figures import draw_boxes
from lentigo.inference.figures.overlays import save_image
from lentigo.inference.lesions.mask_cleaning import Box
from lentigo.inference.lesions.search import LesionCandidate, SearchedImage, SearchSettings, find_candidates
from lentigo.inference.lesions.verification import verify_candidates
from lentigo.inference.notebooks.notebook_figures import DrawnResult
from lentigo.inference.notebooks.notebook_tables import show_picture, show_rows
from lentigo.inference.notebooks.result_sequence import ResultSequence, collect_results
from lentigo.inference.notebooks.thumbnails import LONGER_SIDE
from lentigo.inference.output_names import name_files
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult

MAX_SHOWN_PIXELS = 2_000_000  # of a photograph that is drawn on for a notebook
ENDING = "_boxes.jpg"  # of the names of figures
NO_FIGURES: Mapping[str, tuple[Path, ...]] = MappingProxyType({})
DEFAULT_SETTINGS = SearchSettings()


@dataclass(frozen=True)
class DetectedLesion:
    """A lesion of a photograph.

    Attributes:
        box: In pixels of the upright original.
        score: How sure it is that there is one, 0 to 1.
        malignant_probability: P(malignant); None where the RUN has no classifier.
    """

    box: Box
    score: float
    malignant_probability: float | None

    def to_json(self) -> dict[str, Any]:
        """The entry that `detect --json` writes for it."""
        return asdict(self.box) | {"score": self.score, "malignant_probability": self.malignant_probability}


@dataclass(frozen=True, repr=False)
class Detection(DrawnResult, Summarized):
    """The lesions of one photograph.

    Attributes:
        image: Its path or address.
        width: Pixels of the upright original.
        height: Pixels of the upright original.
        lesions: The surest first.
        model: The name of the RUN.
        figure_file: The drawing; None where none was asked for.
        held: The photograph itself where it was given in memory, and no file has it.
    """

    image: str
    width: int
    height: int
    lesions: tuple[DetectedLesion, ...]
    model: str
    figure_file: Path | None = None
    held: HeldImage | None = field(default=None, repr=False, compare=False)

    def summarize(self) -> str:
        """What matters most, in a few words."""
        return f"{self.image!r}: {format_count(len(self.lesions), 'lesion')}"

    def draw(self) -> Image.Image:
        """Draws the boxes on the photograph, each with P(malignant).

        Raises:
            ImageError: The photograph cannot be read any more.
        """
        pixels, _ = view_image(self.held or self.image, MAX_SHOWN_PIXELS)
        across = pixels.shape[1] / self.width
        down = pixels.shape[0] / self.height
        captions = []
        for lesion in self.lesions:
            box = lesion.box
            right = (box.x + box.width) * across
            bottom = (box.y + box.height) * down
            caption = caption_lesion(lesion.score, lesion.malignant_probability)
            captions.append(((box.x * across, box.y * down, right, bottom), caption))
        return draw_boxes(pixels, captions)

    def list_cells(self) -> dict[str, str]:
        """The cells of a table in a notebook, HTML by column."""
        drawing = self.try_drawing(LONGER_SIDE * 2)
        found = []
        for lesion in self.lesions:
            box = lesion.box
            caption = caption_lesion(lesion.score, lesion.malignant_probability)
            found.append(f"{box.width} x {box.height} px at ({box.x}, {box.y}): {caption}")
        return {
            "photograph": show_picture(drawing, self.image),
            "lesions": str(len(self.lesions)),
            "boxes": "<br>".join(found),
        }

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return show_rows([self.list_cells()])

    def to_json(self) -> dict[str, Any]:
        """The object that `detect --json` writes."""
        entries: dict[str, Any] = {
            "image": self.image,
            "boxes": list_fields(self.lesions),
        }
        if self.figure_file is not None:
            entries["figure"] = str(self.figure_file)
        return entries


@dataclass(frozen=True, repr=False)
class Detections(ResultSequence[Detection]):
    """The detections in order, and beside them the photographs that could not be searched.

    Attributes:
        detections: One for each photograph that could be read.
        problems: The others.
    """

    detections: tuple[Detection, ...]
    problems: tuple[Problem, ...]

    def list_rows(self) -> list[dict[str, Any]]:
        """A row for each lesion: its photograph and its box in pixels."""
        rows = []
        for detection in self.detections:
            rows += [{"image": detection.image, **lesion.to_json()} for lesion in detection.lesions]
        return rows


def detect(
    inputs: ImageInputs,
    model: str | Path = "bundled",
    *,
    out: str | Path | None = None,
    fp32: bool = False,
    device: str = "cpu",
) -> Detection | Detections:
    """Finds the lesions of each photograph, be it a close-up or a stretch of skin.

    Args:
        inputs: A photograph, a folder, or several, as `lentigo.predict` takes them.
        model: The folder of a RUN, or "bundled".
        out: A folder for one figure a photograph; without it no file is written.
        fp32: Computes in fp32, also where a faster precision is as good.
        device: One of `lentigo.models.inference_session.DEVICES`.

    Returns:
        A `Detection` for one photograph; for several and for a folder `Detections`: a sequence, with the
        problems of photographs that cannot be read beside it. Their `to_frame()` has a row for each lesion.

    Raises:
        ModelError: The RUN has no mask decoder.
        DataError: There is no photograph at all, or the only one cannot be read.
        UsageError: An input is no photograph, or a figure would replace one.
        SpaceError: The folder cannot be written.
    """
    request = read_request(inputs)
    predictor = Predictor(model, fp32=fp32, device=device, count=len(request.images))
    figures = {} if out is None else name_files(request.images, out, ENDING)
    return collect_results(Detections, request, detect_images(predictor, request.images, figures))


def detect_images(
    predictor: Predictor,
    paths: Iterable[ImageSource | Problem],
    figures: Mapping[str, tuple[Path, ...]],
    settings: SearchSettings = DEFAULT_SETTINGS,
) -> Iterator[Detection | Problem]:
    """Finds the lesions of photographs, in order and in constant memory.

    Args:
        predictor: A RUN with a mask decoder.
        paths: Of the photographs.
        figures: By its path where the drawing of a photograph goes, if anywhere.
        settings: How lesions are searched for.

    Yields:
        One detection or problem for each.
    """
    predictor.require_decoder()
    results = predictor.infer(paths)
    while batch := list(islice(results, predictor.session.batch)):
        yield from find_lesions(predictor, batch, figures, settings)


def find_lesions(
    predictor: Predictor,
    results: Sequence[InferenceResult | Problem],
    figures: Mapping[str, tuple[Path, ...]] = NO_FIGURES,
    settings: SearchSettings = DEFAULT_SETTINGS,
) -> Iterator[Detection | Problem]:
    """Finds the lesions of a few photographs, which are all held in memory.

    Args:
        predictor: A RUN with a mask decoder.
        results: Their first passes.
        figures: By its path where the drawing of a photograph goes, if anywhere.
        settings: How lesions are searched for.

    Yields:
        One detection or problem for each, in order.
    """
    searched = [try_search(predictor, result, settings) for result in results]
    readable = [image for image in searched if isinstance(image, SearchedImage)]
    verified = iter(verify_candidates(predictor, readable, settings))
    for image in searched:
        if isinstance(image, Problem):
            yield image
        else:
            files = figures.get(image.image, ())
            yield report_lesions(image, next(verified), predictor.name, files)


def try_search(
    predictor: Predictor, result: InferenceResult | Problem, settings: SearchSettings
) -> SearchedImage | Problem:
    """`find_candidates` with the error as a value; a problem stays one."""
    if isinstance(result, Problem):
        return result
    try:
        return find_candidates(predictor, result, settings)
    except ImageError as error:  # it was there a moment ago
        return Problem.from_error(result.image, error)


def report_lesions(
    image: SearchedImage, candidates: list[LesionCandidate], model: str, files: tuple[Path, ...]
) -> Detection:
    """The lesions of a photograph in pixels of the original, drawn where `files` names a figure."""
    width, height = image.size
    rows, columns = image.upright.shape[:2]
    lesions = []
    for candidate in candidates:
        box = to_box(candidate, width / columns, height / rows)
        lesions.append(DetectedLesion(box, candidate.score, candidate.malignant))
    if files:
        captions = []
        for candidate in candidates:
            captions.append((candidate.place, caption_lesion(candidate.score, candidate.malignant)))
        save_image(draw_boxes(image.upright, captions), files[0], quality=92)
    figure_file = files[0] if files else None
    return Detection(image.image, width, height, tuple(lesions), model, figure_file, image.held)


def to_box(candidate: LesionCandidate, across: float, down: float) -> Box:
    """Where a lesion is, in whole pixels of the original."""
    left, top, right, bottom = candidate.place
    x = round(left * across)
    y = round(top * down)
    return Box(x, y, max(1, round(right * across) - x), max(1, round(bottom * down) - y))


def caption_lesion(score: float, malignant: float | None) -> str:
    """What stands beside a box: P(malignant); without a classifier the score."""
    if malignant is None:
        return f"{score:.2f}"
    return f"P(malignant) {malignant:.2f}"
