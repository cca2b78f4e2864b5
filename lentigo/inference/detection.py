"""Detection: a box around each lesion of a photograph, from one close-up to a stretch of skin with many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lentigo.data.photos import Problem, view_photo
from lentigo.errors import PhotoError
from lentigo.inference.frames import draw_boxes
from lentigo.inference.lesions import Box
from lentigo.inference.naming import name_files
from lentigo.inference.overlays import save_picture
from lentigo.inference.prediction import Answer, Predictor, gather_photos
from lentigo.inference.search import Look, Search, is_close_up, outline_whole, search_photo

VIEW, CLOSE_VIEW = 16_000_000, 1_000_000  # pixels at most of a photograph that is searched, and of a close-up
ENDING = "_boxes.jpg"


@dataclass(frozen=True)
class Spot:
    """A lesion: its box in pixels of the upright original, how sure it is that there is one, 0..1, and P(malignant), None where the RUN has no
    classifier."""

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
        return {"image": self.image, "boxes": [spot.to_json() for spot in self.spots]} | ({} if self.figure is None else {"figure": str(self.figure)})


@dataclass(frozen=True)
class Detections:
    """The photographs that were looked at, and beside them what could not be."""

    detections: tuple[Detection, ...]
    problems: tuple[Problem, ...]


def detect(
    inputs: str | Path | Iterable[str | Path], model: str | Path = "bundled", *, out: str | Path | None = None, exact: bool = False, device: str = "cpu"
) -> Detections:
    """Finds the lesions of each photograph, be it a close-up or a stretch of skin.

    `out` is a folder for one figure a photograph; without it nothing is drawn. Raises `ModelError` for a RUN without a decoder, `UsageError` for
    figures that would replace a photograph, `SpaceError` for a folder that cannot be written.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    paths, problems = gather_photos(inputs)
    predictor = Predictor(model, exact=exact, device=device, count=len(paths))
    answers = list(detect_photos(predictor, paths, {} if out is None else name_files(paths, out, ENDING)))
    found = tuple(answer for answer in answers if isinstance(answer, Detection))
    return Detections(found, tuple(problems) + tuple(answer for answer in answers if isinstance(answer, Problem)))


def detect_photos(
    predictor: Predictor, paths: Iterable[str | Path], figures: Mapping[str, tuple[Path, ...]], search: Search = Search()
) -> Iterator[Detection | Problem]:
    """One detection for each path, in order and in constant memory; `figures` says where the drawing of a path goes, if anywhere."""
    predictor.require_decoder()
    for answer in predictor.answer(paths):
        if isinstance(answer, Problem):
            yield answer
            continue
        try:
            yield find_lesions(predictor, answer, figures.get(answer.image, ()), search)
        except PhotoError as error:  # it was there a moment ago
            yield Problem(answer.image, str(error).removeprefix(f"{answer.image}: "))


def find_lesions(predictor: Predictor, answer: Answer, files: tuple[Path, ...] = (), search: Search = Search()) -> Detection:
    """The lesions of a photograph whose first pass is `answer`, drawn where `files` names a figure. Raises `PhotoError` where it is gone meanwhile."""
    close = is_close_up(answer.mask, search)
    photo, (width, height) = view_photo(answer.image, CLOSE_VIEW if close else VIEW)
    looks = (outline_whole if close else search_photo)(predictor, photo, answer, search)
    zoom = width / photo.shape[1], height / photo.shape[0]
    spots = tuple(Spot(to_box(look, *zoom), look.score, look.malignant) for look in looks)
    if files:
        save_picture(draw_boxes(photo, [(look.place, name_look(look)) for look in looks]), files[0], quality=92)
    return Detection(answer.image, width, height, spots, predictor.name, *files)


def to_box(look: Look, across: float, down: float) -> Box:
    """Where a lesion is, in whole pixels of the original."""
    left, top, right, bottom = look.place
    x, y = round(left * across), round(top * down)
    return Box(x, y, max(1, round(right * across) - x), max(1, round(bottom * down) - y))


def name_look(look: Look) -> str:
    """What stands beside a box."""
    return f"{look.score:.2f}" if look.malignant is None else f"P(malignant) {look.malignant:.2f}"
