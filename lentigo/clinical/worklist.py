"""The images of a DICOMweb server, answered: reports and segmentations are stored beside them.

All that is remembered stands on the server. UIDs of results follow from the image and the model, and the
report is stored last: an image whose report is there is done. So a call that is killed loses nothing, and the
next one stores nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from lentigo.clinical.dicomweb import (
    NUMBER_OF_FRAMES,
    SERIES_UID,
    SOP_CLASS,
    SOP_INSTANCE_UID,
    DicomWebServer,
    read_value,
)
from lentigo.clinical.identifiers import derive_uid
from lentigo.clinical.photograph_object import KINDS, encode_object
from lentigo.clinical.reports import make_reports
from lentigo.errors import HospitalError, ImageError
from lentigo.images.dicom.dicom_frames import MAX_FRAMES
from lentigo.images.problems import Problem
from lentigo.inference.predictor import Predictor

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_COUNT_DIGITS = 9  # of a number of frames
PHOTOGRAPHS = tuple(kind.sop_class for kind in KINDS.values())


class Destination(Protocol):
    """Takes the objects that are made of an image."""

    def store(self, dataset: Dataset, study: str) -> None:
        """Stores an object, whole or not at all.

        Args:
            dataset: The object.
            study: UID of the study that it joins.

        Raises:
            HospitalError: Where it is not stored.
            SpaceError: Where the disk is full.
        """


@dataclass(frozen=True)
class Instance:
    """An image on a server.

    Attributes:
        study: UID of its study.
        series: UID of its series.
        uid: its own.
        frames: how many it holds.
    """

    study: str
    series: str
    uid: str
    frames: int

    def list_names(self) -> list[str]:
        """Names of its images: the UID, with `#2` for the second frame of several."""
        if self.frames == 1:
            return [self.uid]
        return [f"{self.uid}#{number}" for number in range(1, self.frames + 1)]


@dataclass(frozen=True)
class Stored:
    """An image that was answered.

    Attributes:
        image: its UID, with `#2` for a frame.
        study: UID of the study.
        label: what was decided; "" in a dry run.
        sr: UID of the report; "" in a dry run.
        seg: UID of the segmentation; "" where there is none.
    """

    image: str
    study: str
    label: str = ""
    sr: str = ""
    seg: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def name_report(model: str, image: str) -> str:
    """The UID of the report that a model gives on an image, as `structured_report.make_report` has it.

    Args:
        model: the model's name.
        image: UID of the image, with `#2` for a frame.
    """
    uid, _, frame = image.partition("#")
    return derive_uid("sr", model, uid, frame or "1")


def work_through(
    server: DicomWebServer,
    predictor: Predictor,
    since: str = "",
    classes: Sequence[str] = PHOTOGRAPHS,
    *,
    dry_run: bool = False,
) -> Iterator[Stored | Problem]:
    """Answers the images of a server that have no report of this model.

    Args:
        server: where they are, and where results go.
        predictor: a RUN with a classifier.
        since: the day of the first studies, YYYYMMDD; "" for all.
        classes: SOP classes of the images that are answered.
        dry_run: says what would be answered, reads no pixels and stores nothing.

    Yields:
        Each image that was answered, or why it could not be.

    Raises:
        HospitalError: where the server gives no list of studies at all.
    """
    predictor.require_classifier()
    for study in server.list_studies(since):
        try:
            listed = server.list_instances(study)
        except HospitalError as error:
            yield Problem(study, str(error))
            continue
        present = {read_value(attributes, SOP_INSTANCE_UID) for attributes in listed}
        for instance in select_instances(listed, study, classes):
            # All frames of an image come with one fetch, so an image is one unit of work
            open_names = []
            for name in instance.list_names():
                # The UID of a report follows from image and model: where it is there, the image is done
                if name_report(predictor.name, name) not in present:
                    open_names.append(name)
            if dry_run:
                for name in open_names:
                    yield Stored(name, study)
            elif open_names:
                yield from answer_instance(server, predictor, instance, open_names)


def select_instances(
    listed: Sequence[dict[str, Any]], study: str, classes: Sequence[str]
) -> Iterator[Instance]:
    """The images among a study's instances, each UID once."""
    seen = set()
    for attributes in listed:
        uid = read_value(attributes, SOP_INSTANCE_UID)
        if not uid or uid in seen or read_value(attributes, SOP_CLASS) not in classes:
            continue
        seen.add(uid)
        frames = read_frame_count(attributes)
        yield Instance(study, read_value(attributes, SERIES_UID), uid, frames)


def read_frame_count(attributes: dict[str, Any]) -> int:
    """The frames of an image as a server lists it, 1 to `MAX_FRAMES`."""
    count = read_value(attributes, NUMBER_OF_FRAMES) or "1"
    # The server may say anything there
    if not count.isdecimal() or len(count) > MAX_COUNT_DIGITS:
        return 1
    return min(max(1, int(count)), MAX_FRAMES)


def answer_instance(
    server: DicomWebServer, predictor: Predictor, instance: Instance, names: Sequence[str]
) -> Iterator[Stored | Problem]:
    """Fetches an image, answers those of its frames that are named, and stores the results."""
    # Read by its owner alone, and gone when the image is answered
    with TemporaryDirectory(prefix="lentigo-") as folder:
        path = Path(folder) / "image.dcm"
        try:
            fetched = server.fetch_instance(instance.study, instance.series, instance.uid)
            path.write_bytes(encode_object(fetched))
        except (HospitalError, ImageError, ValueError, AttributeError) as error:
            yield Problem(instance.uid, " ".join(str(error).split()))
            return
        for name in names:
            file = f"{path}{name.removeprefix(instance.uid)}"
            try:
                yield store_reports(server, predictor, file, name, instance)
            except (HospitalError, ImageError) as error:
                yield Problem(name, str(error).removeprefix(f"{file}: "))


def store_reports(
    destination: Destination, predictor: Predictor, file: str, name: str, instance: Instance
) -> Stored:
    """Answers one frame and stores its results: the report, which says that it is done, comes last.

    Args:
        destination: Where results go.
        predictor: A RUN with a classifier.
        file: The frame to be read, such as `image.dcm#2`.
        name: How the frame is called in results: the UID, with `#2` for a frame.
        instance: The image that the frame is of.

    Returns:
        What was stored.

    Raises:
        HospitalError: Where the destination takes no results.
        ImageError: Where the frame cannot be read.
    """
    (result,) = predictor.infer([file])
    if isinstance(result, Problem):
        raise ImageError(result.error)
    report = make_reports(result, predictor)
    seg = ""
    if report.segmentation is not None:
        destination.store(report.segmentation, instance.study)
        seg = str(report.segmentation.SOPInstanceUID)
    destination.store(report.structured, instance.study)
    label = result.get_prediction().label
    return Stored(name, instance.study, label, str(report.structured.SOPInstanceUID), seg)
