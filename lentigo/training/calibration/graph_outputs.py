"""What the graph of a RUN gives for photographs, in the precision that it is served in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lentigo.datasets.dataset import Dataset
from lentigo.errors import DataError
from lentigo.images.listing import list_images
from lentigo.images.non_lesions import draw_no_lesions
from lentigo.images.photographs import SIDE, DecodedImage, stream_images
from lentigo.inference.tta import TTA_VIEWS, turn_views
from lentigo.models.runtime import Session
from lentigo.training.calibration.precision_check import PrecisionCheck, name_precision


@dataclass(frozen=True)
class GraphOutputs:
    """What a graph gives for n photographs.

    Attributes:
        logits: Float (n,).
        points: What the output `refusal_output` gives for them, float (n, d).
        malignant: The truth, 0 or 1, int (n,).
        refusal_output: The name of the output by which the RUN refuses.
        groups: Photographs of one patient, lesion or scene share a number, int (n,).
        tta_logits: The means of the logits over the mirrored views, float (n,); None where they were not
            measured.
        no_lesions: What `refusal_output` gives for pictures that show no lesion, float (k, d); None where it
            was not measured.
    """

    logits: np.ndarray
    points: np.ndarray
    malignant: np.ndarray
    refusal_output: str
    groups: np.ndarray
    tta_logits: np.ndarray | None = None
    no_lesions: np.ndarray | None = None


def measure_images(
    graph: Path, check: PrecisionCheck | None, dataset: Dataset, output: str, *, tta: bool = False
) -> GraphOutputs:
    """Runs a graph on the photographs of a data set; one that can no longer be read is left out.

    Args:
        graph: The graph of a RUN.
        check: It says the precision in which the RUN is served.
        dataset: The photographs.
        output: The output by which the RUN refuses.
        tta: Whether the mirrored views are measured, too.

    Returns:
        What the graph gives for them.
    """
    # The first view is the photograph as it is
    views = TTA_VIEWS if tta else TTA_VIEWS[:1]
    readable: list[bool] = []  # filled as the photographs stream by

    def read_pixels() -> Iterator[np.ndarray]:
        for image in stream_images(dataset.table["image"]):
            readable.append(isinstance(image, DecodedImage))
            if isinstance(image, DecodedImage):
                yield image.pixels

    session = Session(graph, precision=name_precision(check))
    logits = []
    points = []
    for number, answer in enumerate(session.stream(turn_views(read_pixels(), views))):
        logits.append(float(answer["logit"][0]))
        if number % len(views) == 0:  # the first view is the photograph itself
            points.append(answer[output].astype(np.float32))
    # The views of a photograph come one after the other: (n, views)
    logits_by_view = np.array(logits).reshape(-1, len(views))
    return GraphOutputs(
        logits=logits_by_view[:, 0],
        points=np.stack(points),
        malignant=dataset.malignant[readable],
        refusal_output=output,
        groups=dataset.groups[readable],
        tta_logits=logits_by_view.mean(axis=1) if tta else None,
    )


def measure_no_lesions(
    graph: Path, check: PrecisionCheck | None, output: str, folder: str | Path | None = None
) -> np.ndarray:
    """Runs a graph on pictures that show no lesion: some that are drawn, and the photographs of a folder.

    Args:
        graph: The graph of a RUN.
        check: It says the precision in which the RUN is served.
        output: The output by which the RUN refuses.
        folder: Holds photographs of other things; None for drawn pictures alone.

    Returns:
        What that output gives for them, float32 (k, d).

    Raises:
        DataError: The folder holds no photograph that can be read.
    """
    session = Session(graph, precision=name_precision(check))
    outputs = session.stream(gather_no_lesions(folder))
    return np.stack([answer[output].astype(np.float32) for answer in outputs])


def gather_no_lesions(folder: str | Path | None) -> list[np.ndarray]:
    """Pictures that show no lesion: some that are drawn, then the photographs of a folder."""
    # Drawn pictures first: a RUN can refuse something even where nobody named a folder
    pictures = list(keep_no_lesions())
    if folder is not None:
        pictures += read_folder(folder)
    return pictures


@cache
def keep_no_lesions() -> np.ndarray:
    """The drawn pictures, uint8 (k, side, side, 3). They are the same for every RUN, so one drawing does."""
    pictures = draw_no_lesions(SIDE)
    pictures.flags.writeable = False
    return pictures


def read_folder(folder: str | Path) -> list[np.ndarray]:
    """The photographs of a folder that can be read, uint8 (side, side, 3) each."""
    photographs = []
    for image in stream_images(list_images([folder])):
        if isinstance(image, DecodedImage):
            photographs.append(image.pixels)
    if not photographs:
        raise DataError(
            f"{folder}: holds no photograph that can be read; expected pictures of other things than lesions"
        )
    return photographs
