"""The attributes of DICOM files, as pydicom reads them, with what breaks the rules and what is damaged."""

from __future__ import annotations

import io
import math
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lentigo.errors import ImageError, tell_install
from lentigo.images.decoding.formats import DICOM
from lentigo.images.measures.scales import MAX_MM_PER_PIXEL, MIN_MM_PER_PIXEL

if TYPE_CHECKING:
    from pydicom import Dataset

PREAMBLE_BYTES = 128  # before the mark
MARK = b"DICM"
MAX_INFLATED_BYTES = 512 << 20  # of a deflated file: a small one may hold gigabytes of zeros
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
QUOTED = {
    0x00080018: "SOPInstanceUID",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
    0x00100020: "PatientID",
    0x00080060: "Modality",
}
QUOTES = "\"'"
WARNING_FILTERS = threading.Lock()  # they belong to the whole process


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
    meta = content[:meta_end].replace(
        DEFLATED.encode(), EXPLICIT_LITTLE_ENDIAN.encode().ljust(len(DEFLATED), b"\0")
    )
    return meta + unpacked


def is_deflated(content: bytes) -> bool:
    """Whether the attributes of a file are deflated, by its meta information.

    Args:
        content: The file, or its beginning.
    """
    return DEFLATED.encode() in content[: find_meta_end(content)]


def find_meta_end(content: bytes) -> int:
    """Where the file's meta information ends, by its own first element.

    Args:
        content: The file, or its beginning.
    """
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
    return find_shared_value(dataset, keyword)


def find_shared_value(dataset: Dataset, keyword: str) -> Any:
    """An attribute that the frames of a file share; None where there is none."""
    for group in dataset.get("SharedFunctionalGroupsSequence") or ():
        for element in group:
            for item in element.value if element.VR == "SQ" else ():
                if keyword in item:
                    return item.get(keyword)
    return None


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
