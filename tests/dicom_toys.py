"""Small DICOM files for tests: any transfer syntax and photometric interpretation, written by pydicom."""

import io

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

DERMOSCOPY = "1.2.840.10008.5.1.4.1.1.77.1.7"


def draw_pixels(height=48, width=64):
    """uint8 (height, width, 3): smooth colours, so that lossy codecs stay close."""
    rows, columns = np.mgrid[:height, :width]
    red = 60 + 120 * columns / width
    green = 40 + 150 * rows / height
    blue = 90 + 60 * (rows + columns) / (height + width)
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


def make_dataset(pixels, syntax=ExplicitVRLittleEndian, *, stored=None, **attributes):
    """A data set of native pixels, (rows, columns[, 3]), uint8 or uint16, or of several such frames."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DERMOSCOPY
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    order = {"is_implicit_VR": False, "is_little_endian": syntax != ExplicitVRBigEndian}
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128), **order)
    dataset.SOPClassUID = DERMOSCOPY
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.PatientID = "P-17"
    dataset.PatientName = "Doe^Jane"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.StudyID = ""
    dataset.StudyDate = ""
    dataset.StudyTime = ""
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.Modality = "DMS"
    frames = attributes.pop("frames", None)
    first = pixels if frames is None else pixels[0]
    dataset.Rows, dataset.Columns = first.shape[:2]
    dataset.SamplesPerPixel = 3 if first.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if first.ndim == 3 else "MONOCHROME2"
    if first.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * first.dtype.itemsize
    dataset.BitsStored = stored or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(first.dtype.kind == "i")
    if frames is not None:
        dataset.NumberOfFrames = frames
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
    if len(dataset.PixelData) % 2:
        dataset.PixelData += b"\0"
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def encode(dataset: Dataset, **options) -> bytes:
    """The file of a data set."""
    buffer = io.BytesIO()
    with pydicom.config.disable_value_validation():
        dataset.save_as(buffer, enforce_file_format=True, **options)
    return buffer.getvalue()


def encode_jpeg(pixels, **options) -> bytes:
    """A JPEG of pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **{"quality": 95, **options})
    return buffer.getvalue()


def wrap_jpeg(*frames: bytes, pixels=None, syntax=JPEGBaseline8Bit, **attributes) -> bytes:
    """A DICOM file of JPEGs, each a frame."""
    pixels = draw_pixels() if pixels is None else pixels
    dataset = make_dataset(pixels, **{"PhotometricInterpretation": "YBR_FULL_422", **attributes})
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate(list(frames))
    dataset["PixelData"].is_undefined_length = True
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
    return encode(dataset)
