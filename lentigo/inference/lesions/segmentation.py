"""Segmentation: where in a photograph the lesion is, as a mask, an outline and measures of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lentigo.errors import ImageError
from lentigo.images.decoding.dicom_files import find_file_spacing
from lentigo.images.photographs import view_image
from lentigo.images.problems import Problem
from lentigo.images.scales import find_scale, require_scale
from lentigo.inference.lesions.mask_cleaning import Box, clean_mask, enlarge_mask, find_box
from lentigo.inference.lesions.measures import Measures, measure_lesion
from lentigo.inference.lesions.overlays import draw_outline, save_image
from lentigo.inference.output_names import name_files
from lentigo.inference.prediction import Answer, Prediction, Predictor, gather_images

VIEW = 1_000_000  # pixels at most of the photograph that is measured and drawn upon
ENDINGS = "_mask.png", "_outline.jpg"
Scales = (
    float | Mapping[str, float] | None
)  # millimetres of a pixel: of all photographs, or by photograph as `read_scales` has them


@dataclass(frozen=True)
class Segmentation:
    """The lesion of one photograph.

    `probability`, float32 (side, side), is P(lesion) over the whole photograph, cleaned, and 0.5 the border;
    `draw_mask` gives it at the photograph's own size (`width` and `height`, upright). `box` and `measures`
    are None where no lesion was found. `prediction` is the classifier's answer of the same pass, None where
    the RUN has none. `mask` and `overlay` are files, None where none were asked for.
    """

    image: str
    width: int
    height: int
    probability: np.ndarray
    box: Box | None
    measures: Measures | None
    prediction: Prediction | None
    model: str
    mask: Path | None = None
    overlay: Path | None = None

    @property
    def found(self) -> bool:
        return self.box is not None

    def draw_mask(self, width: int | None = None, height: int | None = None) -> np.ndarray:
        """The mask at the photograph's own size, upright, or at another: uint8 (height, width), 255 where the
        lesion is.
        """
        return enlarge_mask(self.probability, width or self.width, height or self.height)

    def to_json(self) -> dict[str, Any]:
        """One flat object; measures of a lesion that was not found are null."""
        measures = (
            asdict(self.measures)
            if self.measures
            else dict.fromkeys(field.name for field in fields(Measures))
        )
        said = self.prediction
        return {
            "image": self.image,
            "found": self.found,
            "mask": self.mask and str(self.mask),
            "overlay": self.overlay and str(self.overlay),
            "width": self.width,
            "height": self.height,
            "box": self.box and asdict(self.box),
            **measures,
            "label": said and said.label,
            "probability": said and said.probability,
            "model": self.model,
        }


@dataclass(frozen=True)
class Segmentations:
    """The lesions, and beside them what could not be looked at."""

    segmentations: tuple[Segmentation, ...]
    problems: tuple[Problem, ...]


def segment(
    inputs: str | Path | Iterable[str | Path],
    model: str | Path = "bundled",
    *,
    out: str | Path | None = None,
    mm_per_pixel: Scales = None,
    tta: bool = False,
    fp32: bool = False,
    device: str = "cpu",
) -> Segmentations:
    """Finds the lesion of each photograph, by the pass that also classifies it.

    `out` is a folder for two files a photograph, a mask and an outline; without it nothing is written.
    `mm_per_pixel` is a scale for all photographs, or one for each as `lentigo.images.scales.read_scales` has
    them. Raises `ModelError` for a RUN without a decoder, `UsageError` for files that would replace a
    photograph, `SpaceError` for a folder that cannot be written.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    paths, problems = gather_images(inputs)
    predictor = Predictor(model, fp32=fp32, tta=tta, device=device, count=len(paths))
    files = {} if out is None else name_files(paths, out, *ENDINGS)
    answers = list(segment_images(predictor, paths, files, mm_per_pixel))
    found = tuple(answer for answer in answers if isinstance(answer, Segmentation))
    return Segmentations(
        found, tuple(problems) + tuple(answer for answer in answers if isinstance(answer, Problem))
    )


def segment_images(
    predictor: Predictor,
    paths: Iterable[str | Path],
    files: Mapping[str, tuple[Path, ...]],
    mm_per_pixel: Scales = None,
) -> Iterator[Segmentation | Problem]:
    """One segmentation for each path, in order and in constant memory; `files` says where mask and outline of
    a path go, if anywhere.
    """
    predictor.require_decoder()
    if isinstance(mm_per_pixel, int | float):
        require_scale(mm_per_pixel)
    for answer in predictor.answer(paths):
        if isinstance(answer, Problem):
            yield answer
            continue
        scale = find_scale(answer.image, mm_per_pixel)
        if scale is None:
            scale = find_file_spacing(answer.image)
        try:
            yield outline_lesion(answer, predictor.name, files.get(answer.image, ()), scale)
        except ImageError as error:  # it was there a moment ago
            yield Problem(answer.image, str(error).removeprefix(f"{answer.image}: "))


def outline_lesion(
    answer: Answer, model: str, files: tuple[Path, ...], mm_per_pixel: float | None
) -> Segmentation:
    """The lesion of an answer, measured on the photograph, and drawn into mask and outline where `files`
    names these.
    """
    return draw_lesion(answer, *view_image(answer.image, VIEW), model, files, mm_per_pixel)


def draw_lesion(
    answer: Answer,
    pixels: np.ndarray,
    size: tuple[int, int],
    model: str,
    files: tuple[Path, ...] = (),
    mm_per_pixel: float | None = None,
) -> Segmentation:
    """As `outline_lesion`, on a photograph in memory: `pixels` and `size` as `view_image` gives them."""
    width, height = size
    probability = clean_mask(answer.mask)
    seen = enlarge_mask(probability, pixels.shape[1], pixels.shape[0]) > 0
    box = scale_box(find_box(seen), pixels.shape, width, height)
    measures = measure_lesion(seen, pixels, size=(width, height), mm_per_pixel=mm_per_pixel) if box else None
    found = Segmentation(
        answer.image, width, height, probability, box, measures, answer.prediction, model, *files
    )
    if files:
        save_image(Image.fromarray(found.draw_mask()), files[0])
        save_image(draw_outline(pixels, seen), files[1], quality=92)
    return found


def scale_box(box: Box | None, shape: tuple[int, ...], width: int, height: int) -> Box | None:
    """A box of a reduced photograph of that shape, (height, width, ...), in pixels of the original."""
    if box is None:
        return None
    across, down = width / shape[1], height / shape[0]
    left, top = round(box.x * across), round(box.y * down)
    return Box(
        left,
        top,
        max(1, round((box.x + box.width) * across) - left),
        max(1, round((box.y + box.height) * down) - top),
    )
