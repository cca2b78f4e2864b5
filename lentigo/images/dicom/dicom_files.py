"""Where DICOM files are: with any name or none, a frame at a time, and those that a DICOMDIR lists."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lentigo.common.file_names import find_name
from lentigo.common.file_reading import open_regular, read_regular
from lentigo.errors import ImageError
from lentigo.images.decoding.formats import DICOM
from lentigo.images.dicom.dicom_attributes import (
    MARK,
    PREAMBLE_BYTES,
    clean_value,
    find_spacing,
    is_deflated,
    is_dicom,
    load_pydicom,
    mute_remarks,
    name_dicom_damage,
    read_dataset,
)
from lentigo.images.dicom.dicom_frames import MAX_FRAMES, count_frames, find_frame

if TYPE_CHECKING:
    from pydicom import Dataset

DIRECTORY = "DICOMDIR"
FRAME_COUNT_TAG = b"\x28\x00\x08\x00"
HEADER_BYTES = 1 << 16  # in which the number of frames stands


def may_be_dicom(name: str) -> bool:
    """Whether a name is one that DICOM's media and archives give: none of the usual suffixes.

    Args:
        name: Of a file, with or without its folder.

    >>> may_be_dicom("IM000001"), may_be_dicom("1.2.840.113.7"), may_be_dicom("notes.txt")
    (True, True, False)
    """
    suffix = os.path.splitext(name)[1]
    return not name.startswith(".") and (not suffix or suffix[1:].isdigit())


def read_start(path: str | Path) -> bytes:
    """The first bytes of a regular file, none where it cannot be read."""
    try:
        if not os.path.isfile(find_name(path)):
            return b""
        with open(find_name(path), "rb") as file:
            return file.read(HEADER_BYTES)
    except (OSError, ValueError):
        return b""


def is_dicom_file(path: str | Path) -> bool:
    """Whether a file begins as DICOM files do, whatever it is called.

    Args:
        path: Of the file.
    """
    try:
        with open(find_name(path), "rb") as file:
            return file.read(PREAMBLE_BYTES + len(MARK))[PREAMBLE_BYTES:] == MARK
    except (OSError, ValueError):
        return False


def expand_file(path: str) -> list[str]:
    """The images of a file: `file.dcm#1` and so on of a DICOM file of several frames, the files that a
    DICOMDIR lists, else the file itself.

    Args:
        path: a file of any kind, or a name without a file.

    Returns:
        Paths. A file that cannot be read stands for itself: whoever reads it says what is wrong.
    """
    if not DICOM or find_frame(path) is not None:
        return [path]
    start = read_start(path)
    if is_dicom(start) and is_directory_name(path):
        return list_directory(path) or [path]
    return expand_frames(path, start)


def is_directory_name(path: str) -> bool:
    """Whether a name is that of a list of the files of a disk."""
    return os.path.basename(path).upper() == DIRECTORY


def expand_frames(path: str, start: bytes) -> list[str]:
    """The frames of a file that begins with `start`; the file itself where it has one, or cannot be read."""
    if not is_dicom(start) or FRAME_COUNT_TAG not in start:
        return [path]
    try:
        count = count_frames(read_attributes(path, start))
    except (ImageError, OSError, ValueError):
        return [path]
    if count == 1 or count > MAX_FRAMES:
        return [path]
    return [f"{path}#{number}" for number in range(1, count + 1)]


def read_attributes(path: str, start: bytes) -> Dataset:
    """The attributes of a file that begins with `start`, without its pixels where they need not be read.

    A deflated file is read as a whole, within the limit of what it may inflate to.
    """
    if is_deflated(start):
        return read_dataset(read_regular(path), path)
    with name_dicom_damage(path), mute_remarks(), open_regular(path) as file:
        return load_pydicom().dcmread(file, stop_before_pixels=True)


def list_directory(path: str) -> list[str]:
    """The files that a DICOMDIR lists and that are there, each once, those of several frames frame by frame.

    A DICOMDIR that it lists is left out: a disk has one, and it may list itself.
    """
    folder = Path(path).parent
    listed: list[str] = []
    try:
        records = read_dataset(read_regular(path), path).get("DirectoryRecordSequence") or ()
        for record in records:
            parts = record.get("ReferencedFileID")
            if not parts:
                continue
            names = [parts] if isinstance(parts, str) else list(parts)
            place = folder.joinpath(*(clean_value(name) for name in names))
            # A directory comes with a disk from anywhere: it names files of that disk alone.
            if place.resolve().is_relative_to(folder.resolve()) and not is_directory_name(str(place)):
                listed.append(str(place))
    except (ImageError, OSError, ValueError, RuntimeError):  # a RuntimeError is a loop of links
        return []
    found: list[str] = []
    for file in dict.fromkeys(listed):
        found += expand_frames(file, read_start(file))
    return found


def find_file_spacing(path: str | Path) -> float | None:
    """Millimetres of a pixel of a DICOM file on disk; None for other files, and where it does not say.

    Args:
        path: a file, with `#2` for a frame.

    Returns:
        The length of a pixel's side in millimetres.
    """
    if not DICOM or not is_dicom_file(path):
        return None
    pydicom = load_pydicom()
    try:
        with name_dicom_damage(str(path)), mute_remarks(), open(find_name(path), "rb") as file:
            return find_spacing(pydicom.dcmread(file, stop_before_pixels=True))
    except ImageError:
        return None
