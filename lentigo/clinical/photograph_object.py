"""A photograph as a DICOM object: Dermoscopic Photography, VL Photographic or Secondary Capture.

A baseline JPEG goes in as it is, without EXIF, which may name a place or a person. Other files go in
decoded, upright, in sRGB.
"""

from __future__ import annotations

import datetime
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from lentigo._version import __version__
from lentigo.clinical.identifiers import derive_uid
from lentigo.common.files import write_bytes
from lentigo.errors import UsageError
from lentigo.images.decoding.jpeg_segments import keeps_coefficients, list_segments
from lentigo.images.photographs import decode_image

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True)
class Kind:
    """A kind of object: its SOP class, and the modality of its series."""

    sop_class: str
    modality: str


KINDS = {
    "dermoscopic": Kind("1.2.840.10008.5.1.4.1.1.77.1.7", "DMS"),
    "photographic": Kind("1.2.840.10008.5.1.4.1.1.77.1.4", "XC"),
    "capture": Kind("1.2.840.10008.5.1.4.1.1.7", "OT"),
}
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
KEPT_SEGMENTS = frozenset({0xE0, 0xE2, 0xEE})  # JFIF, colour profile, Adobe's colours
COMMENTS = frozenset({*range(0xE0, 0xF0), 0xFE})
FULL_SAMPLING = 0x11
JPEG_START = b"\xff\xd8"  # the marker with which every JPEG begins
# Attributes of pixels as they are stored here: red, green and blue of 8 bits each, side by side
PIXEL_FORMAT = {
    "SamplesPerPixel": 3,
    "PlanarConfiguration": 0,
    "BitsAllocated": 8,
    "BitsStored": 8,
    "HighBit": 7,
    "PixelRepresentation": 0,
}


@dataclass(frozen=True)
class Subject:
    """Whom a photograph shows, and the study that it belongs to.

    Attributes:
        study_uid: UID of the study; "" for a new one, which follows from the photograph.
        patient_id: the identifier in this hospital; "" where it is not known.
    """

    study_uid: str = ""
    patient_id: str = ""


def make_photograph(
    content: bytes, name: str, kind: str = "photographic", subject: Subject = Subject()
) -> Dataset:
    """A DICOM object of a photograph.

    Args:
        content: the photograph's file, in any format that is read.
        name: for the error.
        kind: one of `KINDS`.
        subject: patient and study.

    Returns:
        pydicom's data set. Its UIDs follow from the content and the study: the same call gives the same.

    Raises:
        UsageError: for an unknown kind, or a study UID that is none.
        ImageError: for what is no photograph.
    """
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID

    if kind not in KINDS:
        raise UsageError(f"kind {kind!r} is unknown; expected {', '.join(KINDS)}")
    if subject.study_uid and not UID(subject.study_uid).is_valid:
        raise UsageError(
            f"study UID {subject.study_uid[:64]!a} is none; expected digits and dots, as 2.25.17"
        )
    # UIDs follow from the content: the same photograph becomes the same object each time
    digest = hashlib.sha256(content).hexdigest()
    chosen = KINDS[kind]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(chosen.sop_class)
    meta.ImplementationVersionName = f"LENTIGO_{__version__}"[:16]
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128), is_implicit_VR=False)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = chosen.sop_class
    dataset.StudyInstanceUID = subject.study_uid or derive_uid("study", digest)
    dataset.SeriesInstanceUID = derive_uid("series", kind, dataset.StudyInstanceUID, digest)
    dataset.SOPInstanceUID = derive_uid("photograph", kind, dataset.StudyInstanceUID, digest)
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    describe_subject(dataset, subject)
    describe_series(dataset, chosen)
    add_pixels(dataset, content, name)
    return dataset


def describe_subject(dataset: Dataset, subject: Subject) -> None:
    """Sets patient and study; what is not known stays empty."""
    dataset.PatientID = subject.patient_id
    for keyword in (
        "PatientName",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "ReferringPhysicianName",
    ):
        setattr(dataset, keyword, "")


def describe_series(dataset: Dataset, kind: Kind) -> None:
    """Sets what the series, the equipment and the acquisition need."""
    now = datetime.datetime.now(datetime.UTC)
    dataset.Modality = kind.modality
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.Manufacturer = "Lentigo"
    dataset.ManufacturerModelName = "lentigo data to-dicom"
    dataset.SoftwareVersions = __version__
    dataset.DeviceSerialNumber = "none"
    dataset.ContentDate = now.strftime("%Y%m%d")
    dataset.ContentTime = now.strftime("%H%M%S")
    dataset.AcquisitionDateTime = ""
    dataset.PatientOrientation = ""
    dataset.Laterality = ""
    dataset.AcquisitionContextSequence = []
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    if kind.modality == "DMS":
        describe_dermoscopy(dataset)
    if kind.modality == "OT":
        dataset.ConversionType = "SI"  # of a scanned or photographed image


def describe_dermoscopy(dataset: Dataset) -> None:
    """Sets what dermoscopy needs; the dermatoscope is not known from a photograph."""
    dataset.FrameOfReferenceUID = derive_uid("frame of reference", dataset.SOPInstanceUID)
    dataset.PositionReferenceIndicator = ""
    dataset.RecognizableVisualFeatures = "YES"  # nobody has looked: a face or a tattoo cannot be excluded
    for keyword in (
        "LightSourcePolarization",
        "EmitterColorTemperature",
        "ContactMethod",
        "OpticalMagnificationFactor",
    ):
        setattr(dataset, keyword, None)


def add_pixels(dataset: Dataset, content: bytes, name: str) -> None:
    """Sets the pixels and how they are stored."""
    pixels = decode_image(content, name, None)
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    for keyword, value in PIXEL_FORMAT.items():
        setattr(dataset, keyword, value)
    if is_plain_jpeg(content):
        keep_jpeg(dataset, content, pixels)
    else:
        store_decoded(dataset, content, pixels)
    dataset["PixelData"].VR = "OB"


def keep_jpeg(dataset: Dataset, content: bytes, pixels: np.ndarray) -> None:
    """Sets the pixels as the file has them, so that nothing is lost by another compression."""
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    sampling = read_sampling(content)
    dataset.file_meta.TransferSyntaxUID = UID(JPEG_BASELINE)
    dataset.PhotometricInterpretation = "YBR_FULL" if sampling == FULL_SAMPLING else "YBR_FULL_422"
    encoded = strip_comments(content)
    dataset.PixelData = encapsulate([encoded])
    dataset["PixelData"].is_undefined_length = True
    describe_loss(dataset, pixels.nbytes / len(encoded))
    with Image.open(io.BytesIO(content)) as image:
        profile = image.info.get("icc_profile")
    if profile:
        dataset.ICCProfile = pad_even(profile)


def store_decoded(dataset: Dataset, content: bytes, pixels: np.ndarray) -> None:
    """Sets the pixels decoded, uint8 (height, width, 3); what a JPEG has lost before is said."""
    from pydicom.uid import UID

    dataset.file_meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE_ENDIAN)
    dataset.PhotometricInterpretation = "RGB"
    dataset.LossyImageCompression = "00"
    if content[:2] == JPEG_START:
        describe_loss(dataset, pixels.nbytes / len(content))
    dataset.PixelData = pad_even(pixels.tobytes())


def describe_loss(dataset: Dataset, ratio: float) -> None:
    """Says that the pixels were compressed by JPEG, and how many times smaller they became."""
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    dataset.LossyImageCompressionRatio = round(ratio, 2)


def pad_even(value: bytes) -> bytes:
    """A value with a zero at its end where its length is odd: DICOM has even lengths alone."""
    return value + b"\0" * (len(value) % 2)


def is_plain_jpeg(content: bytes) -> bool:
    """Whether a file is a baseline JPEG of luminance and chrominance that is stored upright."""
    if content[:2] != JPEG_START or keeps_coefficients(content):
        return False
    with Image.open(io.BytesIO(content)) as image:
        is_upright = image.getexif().get(0x0112, 1) == 1
        is_coloured = image.mode == "RGB" and image.info.get("adobe_transform", 1) == 1
    # The marker of the frame: 0xC0 is baseline, the others are of extended and progressive JPEG
    frames = [marker for marker, _ in list_segments(content) if marker in (0xC0, 0xC1, 0xC2)]
    return is_upright and is_coloured and frames == [0xC0]


def read_sampling(content: bytes) -> int:
    """How the first channel of a JPEG is sampled: 0x11 where all channels have each pixel."""
    for marker, segment in list_segments(content):
        if marker == 0xC0:
            return segment[7]
    return FULL_SAMPLING


def strip_comments(content: bytes) -> bytes:
    """A JPEG without comments and EXIF; colour profiles stay."""
    kept = bytearray(JPEG_START)
    place = 2
    while content[place] == 0xFF and content[place + 1] != 0xDA:
        marker = content[place + 1]
        if marker == 0xFF:  # fill
            place += 1
            continue
        # The length counts its own two bytes, but not the marker's
        length = int.from_bytes(content[place + 2 : place + 4], "big") + 2
        if marker in KEPT_SEGMENTS or marker not in COMMENTS:
            kept += content[place : place + length]
        place += length
    return bytes(kept) + content[place:]


def write_object(path: Path, dataset: Dataset) -> None:
    """Writes a data set as a DICOM file, whole or not at all.

    Args:
        path: The file to be written.
        dataset: With its `file_meta`.

    Raises:
        SpaceError: When the disk is full or not writable.
    """
    write_bytes(path, encode_object(dataset))


def encode_object(dataset: Dataset) -> bytes:
    """The file of a data set.

    Args:
        dataset: with its `file_meta`.

    Returns:
        The bytes of a DICOM file.
    """
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
