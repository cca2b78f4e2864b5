"""Detection: a box around each lesion of a photograph, from one close-up to a stretch of skin with many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lentigo.errors import ImageError
from lentigo.images.problems import Problem
from lentigo.inference.lesions.box_figures import draw_boxes
from lentigo.inference.lesions.mask_cleaning import Box
from lentigo.inference.lesions.overlays import save_image
from lentigo.inference.lesions.search import LesionView, Look, Search, look_again, look_once
from lentigo.inference.output_names import name_files
from lentigo.inference.prediction import Answer, Predictor, gather_images

ENDING = "_boxes.jpg"
NOWHERE: Mapping[str, tuple[Path, ...]] = MappingProxyType({})


@dataclass(frozen=True)
class Spot:
    """A lesion: its box in pixels of the upright original, how sure it is that there is one, 0..1, and
    P(malignant), None where the RUN has no classifier."""

    box: Box
    score: float
    malignant_probability: float | None

    def to_json(self) -> dict[str, Any]:
        """The contract's object."""
        return asdict(self.box) | {"score": self.score, "malignant_probability": self.malignant_probability}


@dataclass(frozen=True)
class Detection:
    """The lesions of one photograph, the surest first; `figure` shows them, None where none was asked for."""

    image: str
    width: int
    height: int
    spots: tuple[Spot, ...]
    model: str
    figure: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract's object."""
        return {"image": self.image, "boxes": [spot.to_json() for spot in self.spots]} | (
            {} if self.figure is None else {"figure": str(self.figure)}
        )


@dataclass(frozen=True)
class Detections:
    """The photographs that were looked at, and beside them what could not be."""

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

    `out` is a folder for one figure a photograph; without it nothing is drawn. Raises `ModelError` for a RUN
    without a decoder, `UsageError` for figures that would replace a photograph, `SpaceError` for a folder
    that cannot be written.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    paths, problems = gather_images(inputs)
    predictor = Predictor(model, fp32=fp32, device=device, count=len(paths))
    answers = list(detect_images(predictor, paths, {} if out is None else name_files(paths, out, ENDING)))
    found = tuple(answer for answer in answers if isinstance(answer, Detection))
    return Detections(
        found, tuple(problems) + tuple(answer for answer in answers if isinstance(answer, Problem))
    )


def detect_images(
    predictor: Predictor,
    paths: Iterable[str | Path],
    figures: Mapping[str, tuple[Path, ...]],
    search: Search = Search(),
) -> Iterator[Detection | Problem]:
    """One detection for each path, in order and in constant memory; `figures` says where the drawing of a
    path goes, if anywhere.
    """
    predictor.require_decoder()
    answers = predictor.answer(paths)
    while chunk := list(islice(answers, predictor.session.batch)):
        yield from find_lesions(predictor, chunk, figures, search)


def find_lesions(
    predictor: Predictor,
    answers: Sequence[Answer | Problem],
    figures: Mapping[str, tuple[Path, ...]] = NOWHERE,
    search: Search = Search(),
) -> Iterator[Detection | Problem]:
    """The lesions of photographs whose first passes are `answers`; for a few photographs at a time, as all
    are held in memory.
    """
    sights = [
        answer if isinstance(answer, Problem) else try_look(predictor, answer, search) for answer in answers
    ]
    looks = iter(look_again(predictor, [sight for sight in sights if isinstance(sight, LesionView)], search))
    for sight in sights:
        yield (
            sight
            if isinstance(sight, Problem)
            else report_lesions(sight, next(looks), predictor.name, figures.get(sight.image, ()))
        )


def try_look(predictor: Predictor, answer: Answer, search: Search) -> LesionView | Problem:
    """`look_once` with the error as a value."""
    try:
        return look_once(predictor, answer, search)
    except ImageError as error:  # it was there a moment ago
        return Problem(answer.image, str(error).removeprefix(f"{answer.image}: "))


def report_lesions(sight: LesionView, looks: list[Look], model: str, files: tuple[Path, ...]) -> Detection:
    """The lesions of a photograph in pixels of the original, drawn where `files` names a figure."""
    (width, height), (rows, columns) = sight.size, sight.upright.shape[:2]
    spots = tuple(
        Spot(to_box(look, width / columns, height / rows), look.score, look.malignant) for look in looks
    )
    if files:
        save_image(
            draw_boxes(sight.upright, [(look.place, name_look(look)) for look in looks]), files[0], quality=92
        )
    return Detection(sight.image, width, height, spots, model, *files)


def to_box(look: Look, across: float, down: float) -> Box:
    """Where a lesion is, in whole pixels of the original."""
    left, top, right, bottom = look.place
    x, y = round(left * across), round(top * down)
    return Box(x, y, max(1, round(right * across) - x), max(1, round(bottom * down) - y))


def name_look(look: Look) -> str:
    """What stands beside a box."""
    return f"{look.score:.2f}" if look.malignant is None else f"P(malignant) {look.malignant:.2f}"
