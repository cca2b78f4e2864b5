"""The bytes of a photograph: of a file, of an address, or in memory; and their hash."""

from __future__ import annotations

import hashlib

from lentigo.common.file_reading import read_regular
from lentigo.common.hashing import hash_frame
from lentigo.errors import ImageError
from lentigo.images.addresses import is_address, read_address
from lentigo.images.decoding.formats import DICOM
from lentigo.images.dicom.dicom_attributes import is_dicom
from lentigo.images.dicom.dicom_frames import find_frame
from lentigo.images.dicom.frame_reading import FrameContent, read_frame
from lentigo.images.held_images import HeldImage, ImageSource


def read_content(path: ImageSource) -> bytes:
    """Reads the bytes of a file, or of what stands at an address.

    Args:
        path: A file, an address, or a photograph in memory.

    Returns:
        The bytes, not decoded; of a frame of a DICOM file a file of that frame alone.

    Raises:
        ImageError: Where it cannot be read, is no regular file, or is too large.
    """
    if isinstance(path, HeldImage):
        return path.read()
    if is_address(path):
        return read_address(path)
    try:
        frame = read_frame(str(path)) if DICOM and find_frame(str(path)) else None
        return read_regular(path) if frame is None else frame
    except (OSError, ValueError) as error:  # a ValueError is a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: cannot be read ({reason}); expected a photograph") from error


def hash_content(content: bytes, name: str) -> str:
    """The SHA-256 of a photograph's file; of a frame of a file of several, one of its own.

    Args:
        content: The file.
        name: Its name, with `#2` for the second frame.
    """
    frame = find_frame(name) if is_dicom(content) else None
    if isinstance(content, FrameContent):
        return hash_frame(content.file_digest, frame)
    return hash_frame(hashlib.sha256(content).hexdigest(), frame)
