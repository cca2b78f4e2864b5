"""Detection: a box around each lesion of a photograph, from one close-up to a stretch of skin with many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lentigo.errors import ImageError
from lentigo.images.problems import Problem, separate_problems
from lentigo.inference.figures.box_figures import draw_boxes
from lentigo.inference.figures.overlays import save_image
from lentigo.inference.lesions.mask_cleaning import Box
from lentigo.inference.lesions.search import LesionCandidate, SearchedImage, SearchSettings, find_candidates
from lentigo.inference.lesions.verification import verify_candidates
from lentigo.inference.output_names import name_files
from lentigo.inference.prediction import Predictor, collect_images
from lentigo.inference.results import InferenceResult

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


@dataclass(frozen=True)
class Detection:
    """The lesions of one photograph.

    Attributes:
        image: Its path or address.
        width: Pixels of the upright original.
        height: Pixels of the upright original.
        lesions: The surest first.
        model: The name of the RUN.
        figure: The drawing; None where none was asked for.
    """

    image: str
    width: int
    height: int
    lesions: tuple[DetectedLesion, ...]
    model: str
    figure: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that `detect --json` writes."""
        entries: dict[str, Any] = {
            "image": self.image,
            "boxes": [lesion.to_json() for lesion in self.lesions],
        }
        if self.figure is not None:
            entries["figure"] = str(self.figure)
        return entries


@dataclass(frozen=True)
class Detections:
    """The detections, and beside them the photographs that could not be searched."""

    detections: tuple[Detection, ...]
    problems: tuple[Problem, ...]


def detect(
    inputs: str | Path | Iterable[str | Path],
    model: str | Path = "bundled",
    *,
    out: str | Path | None = None,
    fp32: bool = False,
    device: str = "cpu",
) -> Detections:
    """Finds the lesions of each photograph, be it a close-up or a stretch of skin.

    Args:
        inputs: A file, a folder or an address, or several.
        model: The folder of a RUN, or "bundled".
        out: A folder for one figure a photograph; without it nothing is drawn.
        fp32: Computes in fp32, also where a faster precision is as good.
        device: One of `lentigo.models.runtime.DEVICES`.

    Returns:
        The detections, and problems for photographs that cannot be read.

    Raises:
        ModelError: The RUN has no mask decoder.
        UsageError: A figure would replace a photograph.
        SpaceError: The folder cannot be written.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    paths, problems = collect_images(inputs)
    predictor = Predictor(model, fp32=fp32, device=device, count=len(paths))
    figures = {} if out is None else name_files(paths, out, ENDING)
    detections, unreadable, _ = separate_problems(detect_images(predictor, paths, figures))
    return Detections(tuple(detections), (*problems, *unreadable))


def detect_images(
    predictor: Predictor,
    paths: Iterable[str | Path],
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
        return Problem(result.image, str(error).removeprefix(f"{result.image}: "))


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
        captions = [(candidate.place, caption_candidate(candidate)) for candidate in candidates]
        save_image(draw_boxes(image.upright, captions), files[0], quality=92)
    return Detection(image.image, width, height, tuple(lesions), model, *files)


def to_box(candidate: LesionCandidate, across: float, down: float) -> Box:
    """Where a lesion is, in whole pixels of the original."""
    left, top, right, bottom = candidate.place
    x = round(left * across)
    y = round(top * down)
    return Box(x, y, max(1, round(right * across) - x), max(1, round(bottom * down) - y))


def caption_candidate(candidate: LesionCandidate) -> str:
    """What stands beside a box."""
    if candidate.malignant is None:
        return f"{candidate.score:.2f}"
    return f"P(malignant) {candidate.malignant:.2f}"
