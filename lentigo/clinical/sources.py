"""The image that a report refers to: the DICOM object itself, or the one that a plain photograph would
become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lentigo.clinical.photograph_object import KINDS, Subject, make_photograph
from lentigo.errors import ImageError
from lentigo.images.dicom.dicom_attributes import clean_value, is_dicom, mute_remarks, read_dataset
from lentigo.images.dicom.dicom_frames import find_frame
from lentigo.images.image_contents import read_content

if TYPE_CHECKING:
    from pydicom import Dataset

KNOWN_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.4"  # VL Photographic Image Storage
STAND_IN_MODALITY = "XC"  # which highdicom's image library says of that class
DERMOSCOPY = KINDS["dermoscopic"].sop_class
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
COPIED = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)


@dataclass(frozen=True)
class Source:
    """What a report is on.

    Attributes:
        dataset: attributes of the DICOM object.
        frame: the frame of it, from 1; None for an object of one.
    """

    dataset: Dataset
    frame: int | None

    def stand_in(self) -> Dataset:
        """The same attributes as of a VL Photographic image, which highdicom knows; see `name_class`."""
        from pydicom import Dataset

        copied = Dataset()
        copied.update(self.dataset)
        copied.file_meta = self.dataset.file_meta
        # Elements are shared with the source: one that is to differ is taken out and set anew
        del copied.SOPClassUID
        copied.SOPClassUID = KNOWN_CLASS
        if "NumberOfFrames" in copied:
            del copied.NumberOfFrames
        return copied

    def name_class(self, made: Dataset) -> None:
        """Names the source's own SOP class, and its frame, wherever an object refers to the source.

        highdicom 0.28 refuses Dermoscopic Photography and private classes, so objects are made on `stand_in`.

        Args:
            made: an object that highdicom made; it is changed.
        """
        for element in made.iterall():
            for item in element.value if element.VR == "SQ" else ():
                # Also in what others refer to: only references to this very image are changed
                if item.get("ReferencedSOPInstanceUID") == self.dataset.SOPInstanceUID:
                    item.ReferencedSOPClassUID = self.dataset.SOPClassUID
                    if self.frame is not None and element.keyword == "SourceImageSequence":
                        item.ReferencedFrameNumber = self.frame
                if self.dataset.SOPClassUID == DERMOSCOPY and item.get("CodeValue") == STAND_IN_MODALITY:
                    item.CodeValue = "DMS"
                    item.CodeMeaning = "Dermoscopy"


def open_source(path: str, subject: Subject = Subject()) -> Source:
    """The object that a report on a photograph refers to.

    Args:
        path: a photograph, with `#2` for a frame of DICOM.
        subject: patient and study of a plain photograph; a DICOM file has its own.

    Returns:
        The object's attributes.

    Raises:
        ImageError: where it cannot be read, or a DICOM file has no valid UIDs to refer to.
    """
    content = read_content(path)
    if not is_dicom(content):
        return Source(make_photograph(content, path, subject=subject), None)
    dataset = read_dataset(content, path)
    with mute_remarks():
        complete_source(dataset, path)
    return Source(dataset, find_frame(path))


def complete_source(dataset: Dataset, name: str) -> None:
    """Cleans the values that a report copies, and sets those that are missing to nothing.

    Args:
        dataset: of the source; it is changed.
        name: of its file, for messages.

    Raises:
        ImageError: a UID is missing or none: a report could not refer to it.
    """
    from pydicom.uid import UID

    for keyword in UIDS:
        uid = clean_value(dataset.get(keyword))
        if not uid or not UID(uid).is_valid:
            raise ImageError(f"{name}: its {keyword} is no UID; expected one, for a report refers to it")
        setattr(dataset, keyword, uid)
    for keyword in COPIED:
        setattr(dataset, keyword, clean_value(dataset.get(keyword)))
    # DICOM knows these; whatever else a source holds would make the report invalid
    if dataset.PatientSex not in ("", "M", "F", "O"):
        dataset.PatientSex = ""
