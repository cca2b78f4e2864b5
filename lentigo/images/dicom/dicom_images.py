"""Frames of DICOM files in the form of Pillow's images: opened by their attributes, decoded when needed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from lentigo.errors import ImageError
from lentigo.images.decoding.jpeg_segments import check_scans
from lentigo.images.dicom.dicom_attributes import (
    find_spacing,
    list_notes,
    mute_remarks,
    name_dicom_damage,
    read_dataset,
)
from lentigo.images.dicom.dicom_frames import (
    JPEG_8_BIT,
    JPEG_12_BIT,
    MONOCHROME,
    PALETTE,
    Frame,
    describe_frame,
    needs_window,
    read_encoded,
)
from lentigo.images.dicom.dicom_pixels import decode_frame
from lentigo.images.dicom.frame_reading import FrameContent

if TYPE_CHECKING:
    from pydicom import Dataset

FORMAT = "DICOM"  # what an image says that is not Pillow's own JPEG
ENCODED = "encoded"  # in an image's `info`: the bytes of its JPEG
JFIF = b"\xff\xe0"
ADOBE = b"\xff\xee"
# An Adobe segment that says: the channels are RGB as they are.
PLAIN_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"


class DicomImage(Image.Image):
    """A frame of a DICOM file as Pillow's images are: opened by its attributes, decoded by `load`."""

    format = FORMAT

    def __init__(self, dataset: Dataset, frame: Frame, name: str) -> None:
        super().__init__()
        self._mode = "L" if frame.photometric in MONOCHROME else "RGB"
        self._size = (frame.columns, frame.rows)
        self.dataset = dataset
        self.frame = frame
        self.name = name

    def load(self) -> Any:
        """Decodes the frame, once."""
        if self._im is None:
            with name_dicom_damage(self.name):
                pixels = decode_frame(self.dataset, self.frame, self.name)
            self.im = Image.fromarray(pixels).im
            del self.dataset  # the encoded pixels are not needed twice
        return super().load()


def open_dicom(content: bytes, name: str) -> Image.Image:
    """Opens a frame of a DICOM file without decoding it.

    Args:
        content: the file.
        name: its name, with `#2` for the second frame; for the error, too.

    Returns:
        An image in Pillow's form. `info` has "icc_profile" where there is one, "notes", a tuple of words on
        what is unusual, and "mm_per_pixel", None where the file does not say it.

    Raises:
        ImageError: for what holds no image, or one that is not read.
    """
    dataset = read_dataset(content, name)
    with name_dicom_damage(name), mute_remarks():
        frame = describe_frame(dataset, name, is_excerpt=isinstance(content, FrameContent))
        image = open_frame(dataset, frame, name)
        profile = find_profile(dataset)
        if profile:
            image.info["icc_profile"] = profile
        image.info["notes"] = list_notes(dataset)
        image.info["mm_per_pixel"] = find_spacing(dataset)
    return image


def is_dicom_image(image: Image.Image) -> bool:
    """Whether an image was opened by `open_dicom`.

    Args:
        image: Pillow's.
    """
    return image.format == FORMAT or ENCODED in image.info


def open_frame(dataset: Dataset, frame: Frame, name: str) -> Image.Image:
    """One frame, to be decoded by Pillow where it is a JPEG of 8 bits."""
    is_jpeg = frame.syntax in (JPEG_8_BIT, JPEG_12_BIT) and frame.allocated == 8
    if not is_jpeg or frame.photometric == PALETTE or needs_window(dataset, frame):
        return DicomImage(dataset, frame, name)
    encoded = read_encoded(dataset, frame)
    if frame.photometric == "RGB" and not (JFIF in encoded[:4] or ADOBE in encoded[:32]):
        encoded = encoded[:2] + PLAIN_RGB + encoded[2:]
    image = Image.open(io.BytesIO(encoded), formats=("JPEG",))
    check_scans(encoded, name, image.size)
    if image.size != (frame.columns, frame.rows):
        raise ImageError(
            f"{name}: its JPEG has {image.width} x {image.height} pixels, its attributes say "
            f"{frame.columns} x {frame.rows}; damaged: copy it again from its source"
        )
    image.info[ENCODED] = encoded
    return image


def find_profile(dataset: Dataset) -> bytes | None:
    """The ICC profile of a file's colours; None where it has none."""
    profile = dataset.get("ICCProfile")
    if not profile:
        paths = dataset.get("OpticalPathSequence") or ()
        profile = next((path.ICCProfile for path in paths if "ICCProfile" in path), None)
    return bytes(profile) if profile else None
