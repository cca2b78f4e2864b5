"""DICOM files as images: one frame of a file, decoded when its pixels are asked for.

The extra `dicom` brings pydicom, which reads the attributes, and the codecs. JPEG Baseline, which is what
cameras send, is handed to Pillow as it is, and costs what the same JPEG costs.
"""

from __future__ import annotations

import io
import math
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lentigo.errors import ImageError, tell_install
from lentigo.images.decoding.formats import DICOM
from lentigo.images.scales import MAX_MM_PER_PIXEL, MIN_MM_PER_PIXEL

if TYPE_CHECKING:
    from pydicom import Dataset

PREAMBLE_BYTES = 128  # before the mark
MARK = b"DICM"

MAX_FRAMES = 1000  # of one file, each of which is an image
MAX_INFLATED_BYTES = 512 << 20  # of a deflated file: a small one may hold gigabytes of zeros
MAX_PIXELS = 178_956_970  # as for other photographs

DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", DEFLATED, BIG_ENDIAN)
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
QUOTED = {
    0x00080018: "SOPInstanceUID",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
    0x00100020: "PatientID",
    0x00080060: "Modality",
}
QUOTES = "\"'"
FRAME_NAME = re.compile(r"#([1-9]\d{0,8})$")

WARNING_FILTERS = threading.Lock()  # they belong to the whole process


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


def is_dicom(content: bytes) -> bool:
    """Whether a file begins as DICOM files do.

    Args:
        content: The first 132 bytes of a file, or more.

    >>> is_dicom(bytes(128) + b"DICM"), is_dicom(b"\\xff\\xd8\\xff")
    (True, False)
    """
    return content[PREAMBLE_BYTES : PREAMBLE_BYTES + len(MARK)] == MARK


@cache
def load_pydicom() -> ModuleType:
    """pydicom, told to read values that break the rules of their types: many archives hold them.

    Raises:
        ImageError: where the extra is not installed.
    """
    if not DICOM:
        raise ImageError(f"DICOM needs a decoder of its own: {tell_install('dicom')}, or save it as JPEG")
    import pydicom
    import pydicom.config
    import pydicom.encaps
    import pydicom.pixels

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    return pydicom


@contextmanager
def name_dicom_damage(name: str) -> Iterator[None]:
    """Turns what pydicom and the codecs raise on damaged files into an `ImageError`.

    Args:
        name: Of the file, for the error.
    """
    try:
        yield
    except ImageError:
        raise
    except (zlib.error, EOFError, struct.error) as error:
        raise ImageError(f"{name}: damaged or truncated DICOM; copy it again from its source") from error
    except Exception as error:
        # Codecs have error classes of their own, some plain Exceptions; a bug here is one file's problem too.
        words = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(
            f"{name}: damaged or truncated DICOM ({words}); copy it again from its source"
        ) from error


def read_dataset(content: bytes, name: str) -> Dataset:
    """The attributes of a DICOM file, pixels included.

    Args:
        content: the file.
        name: for the error.

    Returns:
        pydicom's data set, with `file_meta`.

    Raises:
        ImageError: where it is damaged, or inflates to more than `MAX_INFLATED_BYTES`.
    """
    pydicom = load_pydicom()
    with name_dicom_damage(name), mute_remarks():
        return pydicom.dcmread(io.BytesIO(inflate(content, name)))


@contextmanager
def mute_remarks() -> Iterator[None]:
    """Without pydicom's warnings on values that break the rules; `list_notes` says what matters."""
    with WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def inflate(content: bytes, name: str) -> bytes:
    """A deflated file as explicit little endian, others as they are. Raises `ImageError` for a bomb."""
    meta_end = find_meta_end(content)
    if DEFLATED.encode() not in content[:meta_end]:
        return content
    unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[meta_end:], MAX_INFLATED_BYTES + 1)
    if len(unpacked) > MAX_INFLATED_BYTES:
        raise ImageError(
            f"{name}: inflates to more than {MAX_INFLATED_BYTES >> 20} MiB; expected a photograph"
        )
    meta = content[:meta_end].replace(DEFLATED.encode(), NATIVE[1].encode().ljust(len(DEFLATED), b"\0"))
    return meta + unpacked


def find_meta_end(content: bytes) -> int:
    """Where the file's meta information ends, by its own first element."""
    start = PREAMBLE_BYTES + len(MARK)
    head = content[start : start + 12]
    if len(head) < 12 or head[:6] != b"\x02\x00\x00\x00UL":
        return min(len(content), 2048)
    return min(len(content), start + 12 + struct.unpack("<I", head[8:])[0])


def clean_value(value: Any) -> str:
    """A value as words, without the quotation marks that some archives write inside it.

    Args:
        value: Of an attribute.

    >>> clean_value('"DMS"'), clean_value(None)
    ('DMS', '')
    """
    return "" if value is None else str(value).strip(" \0").strip(QUOTES).strip(" \0")


def is_quoted(dataset: Dataset, tag: int) -> bool:
    """Whether a value stands in quotation marks, told without decoding it."""
    element = dataset.get_item(tag)
    value = element.value if element is not None else None
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value is not None and str(value).strip(" \0") != clean_value(value)


def list_notes(dataset: Dataset) -> tuple[str, ...]:
    """What is unusual in a file's attributes, in words that hold no value of them.

    Args:
        dataset: The file as pydicom reads it.
    """
    notes = []
    quoted = [keyword for tag, keyword in QUOTED.items() if is_quoted(dataset, tag)]
    if quoted:
        notes.append(f"DICOM: quotation marks inside {', '.join(quoted)}; read without them")
    if "EncryptedAttributesSequence" in dataset:
        notes.append("DICOM: some attributes are encrypted, and not read")
    sop_class = clean_value(dataset.get("SOPClassUID"))
    if sop_class and not sop_class.startswith("1.2.840.10008."):
        notes.append("DICOM: a private SOP class; its pixels are read as an image's")
    return tuple(notes)


def find_value(dataset: Dataset, keyword: str) -> Any:
    """An attribute of a file, or of what its frames share; None where there is none.

    Args:
        dataset: The file as pydicom reads it.
        keyword: DICOM's, such as PixelSpacing.
    """
    if keyword in dataset:
        return dataset.get(keyword)
    for group in dataset.get("SharedFunctionalGroupsSequence") or ():
        for element in group:
            for item in element.value if element.VR == "SQ" else ():
                if keyword in item:
                    return item.get(keyword)
    return None


def find_frame(name: str) -> int | None:
    """The frame that a name such as `file.dcm#2` asks for, from 1; None for the file itself.

    Args:
        name: Of a file, with or without a frame.

    >>> find_frame("file.dcm#2"), find_frame("file.dcm")
    (2, None)
    """
    found = FRAME_NAME.search(name)
    return None if found is None else int(found[1])


def describe_frame(dataset: Dataset, name: str) -> Frame:
    """How the frame that `name` asks for is stored.

    Args:
        dataset: The file as pydicom reads it.
        name: Of the file, and of the frame where it has several.

    Raises:
        ImageError: for a file that holds no pixels, several frames where none was named, or pixels of a kind
            that is not read.
    """
    sop_class = clean_value(dataset.get("SOPClassUID"))
    if sop_class in NOT_IMAGES:
        raise ImageError(f"{name}: {NOT_IMAGES[sop_class]}")
    if "PixelData" not in dataset:
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
    frame = Frame(
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
    require_readable(frame, dataset, name)
    return frame


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


def find_spacing(dataset: Dataset) -> float | None:
    """Millimetres of a pixel, where the file says it in the patient's own space; None where it does not.

    Pixels that are not square count as squares of the same area.

    Args:
        dataset: The file as pydicom reads it.
    """
    spacing = find_value(dataset, "PixelSpacing")
    try:
        down, across = (float(part) for part in spacing)
        scale = math.sqrt(down * across)
    except (TypeError, ValueError):
        return None
    return scale if MIN_MM_PER_PIXEL <= scale <= MAX_MM_PER_PIXEL else None
