"""One frame of a DICOM file: which the name asks for, how its pixels are stored, and its compressed bytes.

The extra `dicom` brings pydicom, which reads the attributes, and the codecs. JPEG Baseline, which is what
cameras send, is handed to Pillow as it is, and costs what the same JPEG costs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lentigo.errors import ImageError

if TYPE_CHECKING:
    from pydicom import Dataset
from lentigo.images.dicom.dicom_attributes import (
    DEFLATED,
    EXPLICIT_LITTLE_ENDIAN,
    clean_value,
    find_value,
    load_pydicom,
)

MAX_FRAMES = 1000  # of one file, each of which is an image
MAX_PIXELS = 178_956_970  # as for other photographs
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
NATIVE = ("1.2.840.10008.1.2", EXPLICIT_LITTLE_ENDIAN, DEFLATED, BIG_ENDIAN)
JPEG_8_BIT = "1.2.840.10008.1.2.4.50"
JPEG_12_BIT = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
JPEG_2000 = (
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
)
ENCAPSULATED = (RLE, JPEG_8_BIT, JPEG_12_BIT, *JPEG_LOSSLESS, *JPEG_LS, *JPEG_2000)
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
CODED_RGB = ("YBR_ICT", "YBR_RCT")  # JPEG 2000's own transforms, which its decoder undoes
LUMINANCE = ("YBR_FULL", "YBR_FULL_422")
COLOURS = ("RGB", *LUMINANCE, *CODED_RGB)
NOT_IMAGES = {  # SOP classes that are no photographs, whatever they hold
    "1.2.840.10008.1.3.10": "a DICOMDIR, which lists other files; name the folder instead",
    "1.2.840.10008.5.1.4.1.1.104.1": "a PDF in DICOM; expected a photograph: save its pictures as JPEG",
    "1.2.840.10008.5.1.4.1.1.66.4": "a DICOM segmentation; expected the photograph that it was made of",
    "1.2.840.10008.5.1.4.1.1.66.7": "a DICOM segmentation; expected the photograph that it was made of",
}
FRAME_NAME = re.compile(r"#([1-9]\d{0,8})$")


@dataclass(frozen=True)
class Frame:
    """How the pixels of one frame are stored.

    Attributes:
        syntax: the transfer syntax's UID.
        photometric: the photometric interpretation, such as RGB.
        rows: height in pixels.
        columns: width in pixels.
        samples: channels of a pixel, 1 or 3.
        allocated: bits of a stored sample, 8 or 16.
        stored: bits of it that are used.
        signed: whether samples are signed.
        planar: whether each channel is stored on its own (native syntaxes).
        count: frames of the file.
        number: this frame, from 0.
    """

    syntax: str
    photometric: str
    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    signed: bool
    planar: bool
    count: int
    number: int

    @property
    def native_bytes(self) -> int:
        """Bytes of this frame where it is not compressed."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.allocated // 8


def find_frame(name: str) -> int | None:
    """The frame that a name such as `file.dcm#2` asks for, from 1; None for the file itself.

    Args:
        name: Of a file, with or without a frame.

    >>> find_frame("file.dcm#2"), find_frame("file.dcm")
    (2, None)
    """
    found = FRAME_NAME.search(name)
    return None if found is None else int(found[1])


def describe_frame(dataset: Dataset, name: str, *, is_excerpt: bool = False) -> Frame:
    """How the frame that `name` asks for is stored.

    Args:
        dataset: The file as pydicom reads it.
        name: Of the file, and of the frame where it has several.
        is_excerpt: Whether the named frame is the only one that was taken from its file.

    Raises:
        ImageError: for a file that holds no pixels, several frames where none was named, or pixels of a kind
            that is not read.
    """
    frame = describe_layout(dataset, name, has_pixels="PixelData" in dataset)
    if is_excerpt:
        frame = replace(frame, number=0)
    require_readable(frame, dataset, name)
    return frame


def describe_layout(dataset: Dataset, name: str, *, has_pixels: bool = True) -> Frame:
    """How a frame is stored, by a file's attributes alone.

    Args:
        dataset: The file as pydicom reads it; its pixels are not needed.
        name: Of the file, and of the frame where it has several.
        has_pixels: Whether the file has any.

    Raises:
        ImageError: for a file that holds no pixels, or pixels of a kind that is not read.
    """
    sop_class = clean_value(dataset.get("SOPClassUID"))
    if sop_class in NOT_IMAGES:
        raise ImageError(f"{name}: {NOT_IMAGES[sop_class]}")
    if not has_pixels:
        raise ImageError(f"{name}: {describe_absence(dataset)}")
    syntax = clean_value(dataset.file_meta.get("TransferSyntaxUID")) or NATIVE[0]
    if syntax not in (*NATIVE, *ENCAPSULATED):
        raise ImageError(
            f"{name}: DICOM of the transfer syntax {syntax[:64]!a}, which is not read; expected JPEG, JPEG "
            "2000, JPEG-LS, RLE or no compression: convert it with dcmdjpeg or gdcmconv"
        )
    rows = int(dataset.get("Rows") or 0)
    columns = int(dataset.get("Columns") or 0)
    if rows < 1 or columns < 1:
        raise ImageError(f"{name}: DICOM of {columns} x {rows} pixels; expected a photograph")
    if rows * columns > MAX_PIXELS:
        raise ImageError(
            f"{name}: more than {MAX_PIXELS / 1e6:.0f} million pixels; expected a photograph, save it smaller"
        )
    return Frame(
        syntax=syntax,
        photometric=clean_value(dataset.get("PhotometricInterpretation")).upper(),
        rows=rows,
        columns=columns,
        samples=int(dataset.get("SamplesPerPixel") or 1),
        allocated=int(dataset.get("BitsAllocated") or 0),
        stored=int(dataset.get("BitsStored") or dataset.get("BitsAllocated") or 0),
        signed=int(dataset.get("PixelRepresentation") or 0) == 1,
        planar=int(dataset.get("PlanarConfiguration") or 0) == 1,
        count=count_frames(dataset),
        number=(find_frame(name) or 1) - 1,
    )


def count_frames(dataset: Dataset) -> int:
    """The frames that a file says it has, 1 where it says nothing or nonsense.

    Args:
        dataset: The file as pydicom reads it.
    """
    try:
        return max(1, int(clean_value(dataset.get("NumberOfFrames")) or 1))
    except ValueError:
        return 1


def describe_absence(dataset: Dataset) -> str:
    """Why a file has no pixels, and the cure."""
    if "EncryptedAttributesSequence" in dataset:
        return "an encrypted DICOM file; expected a photograph: decrypt it where it came from"
    if "EncapsulatedDocument" in dataset:
        return "a document in DICOM; expected a photograph: save its pictures as JPEG"
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        return "floating-point pixels, whose range is unknown; expected 8 or 16 bits a channel"
    if "PixelDataProviderURL" in dataset:
        return "a DICOM file whose pixels lie elsewhere; expected them within: fetch the instance by WADO"
    modality = clean_value(dataset.get("Modality"))[:16]
    words = f" (modality {modality})" if modality.isalnum() else ""
    return f"a DICOM file without pixels{words}, or truncated before them; expected a photograph"


def require_readable(frame: Frame, dataset: Dataset, name: str) -> None:
    """Raises `ImageError` for pixels of a kind that is not read, or frames that cannot be there."""
    is_grey = frame.photometric in (*MONOCHROME, PALETTE)
    if not is_grey and frame.photometric not in COLOURS:
        raise ImageError(
            f"{name}: DICOM of the photometric interpretation {frame.photometric[:32]!a}; expected "
            f"{', '.join((*MONOCHROME, PALETTE, *COLOURS))}"
        )
    if frame.samples != (1 if is_grey else 3):
        raise ImageError(
            f"{name}: DICOM of {frame.samples} samples a pixel and {frame.photometric}, which contradict each "
            "other; expected 1 for grey and palettes, 3 for colours"
        )
    if frame.allocated not in (8, 16) or not 1 <= frame.stored <= frame.allocated:
        raise ImageError(
            f"{name}: DICOM of {frame.stored} of {frame.allocated} bits a sample; expected 8 or 16 bits"
        )
    size = len(dataset.PixelData)
    least = frame.native_bytes if frame.syntax in NATIVE else 8  # bytes of a frame
    if frame.count > max(1, size // least):
        raise ImageError(
            f"{name}: says that it holds {frame.count} frames, and has pixels for {size // least}; damaged or "
            "truncated: copy it again from its source"
        )
    if find_frame(name) is None and frame.count > 1:
        raise ImageError(
            f"{name}: holds {frame.count} frames; expected one photograph: name one, {name}#1 to "
            f"#{frame.count}"
        )
    if frame.number >= frame.count:
        raise ImageError(f"{name}: there is no such frame; the file holds {frame.count}")
    if frame.syntax in NATIVE and (frame.number + 1) * frame.native_bytes > size:
        raise ImageError(f"{name}: damaged or truncated DICOM; copy it again from its source")


def needs_window(dataset: Dataset, frame: Frame) -> bool:
    """Whether grey levels are not shown as they are stored.

    Args:
        dataset: The file as pydicom reads it.
        frame: How the frame is stored.
    """
    if frame.photometric not in MONOCHROME:
        return False
    keywords = ("WindowCenter", "RescaleSlope", "VOILUTSequence", "ModalityLUTSequence")
    return frame.photometric == "MONOCHROME1" or any(
        find_value(dataset, keyword) is not None for keyword in keywords
    )


def read_encoded(dataset: Dataset, frame: Frame) -> bytes:
    """The compressed bytes of a frame.

    Args:
        dataset: The file as pydicom reads it.
        frame: How the frame is stored.
    """
    pydicom = load_pydicom()
    return pydicom.encaps.get_frame(dataset.PixelData, frame.number, number_of_frames=frame.count)
