"""Pixels of a DICOM frame: decompressed, windowed, and in RGB."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from lentigo.errors import ImageError
from lentigo.images.dicom.dicom_attributes import find_value, load_pydicom
from lentigo.images.dicom.dicom_frames import (
    BIG_ENDIAN,
    JPEG_8_BIT,
    JPEG_12_BIT,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    LUMINANCE,
    MONOCHROME,
    NATIVE,
    PALETTE,
    RLE,
    Frame,
    read_encoded,
)

if TYPE_CHECKING:
    from pydicom import Dataset

Missing = TypeVar("Missing", float, None)
WHITE = 255
MAX_LEVEL = 1e9  # of a grey level, rescaled or of a window: no file of 32 bits holds more


def decode_frame(dataset: Dataset, frame: Frame, name: str) -> np.ndarray:
    """The pixels of a frame.

    Args:
        dataset: the file's attributes.
        frame: how the frame is stored.
        name: for the error.

    Returns:
        uint8, (rows, columns) for grey levels, else (rows, columns, 3) RGB.

    Raises:
        ImageError: for pixels that do not measure what the attributes say.
    """
    samples = read_native(dataset, frame) if frame.syntax in NATIVE else decompress(dataset, frame)
    shape = (frame.rows, frame.columns, frame.samples)
    if samples.size != frame.rows * frame.columns * frame.samples:
        raise ImageError(
            f"{name}: its pixels measure {' x '.join(map(str, samples.shape))}, its attributes say "
            f"{' x '.join(map(str, shape))}; damaged: copy it again from its source"
        )
    samples = samples.reshape(shape)
    if frame.photometric in MONOCHROME:
        return show_levels(samples[..., 0], dataset, frame)
    if frame.photometric == PALETTE:
        return look_up_colours(samples[..., 0], dataset)
    colours = reduce_depth(samples, frame)
    if frame.photometric in LUMINANCE and not is_decoded_to_rgb(frame):
        return np.asarray(Image.fromarray(colours, "YCbCr").convert("RGB"))
    return colours


def is_decoded_to_rgb(frame: Frame) -> bool:
    """Whether the decoder itself gives RGB for luminance and chrominance."""
    return frame.syntax in (JPEG_8_BIT, JPEG_12_BIT)


def read_native(dataset: Dataset, frame: Frame) -> np.ndarray:
    """The samples of a frame that is not compressed, (rows, columns, samples)."""
    order = ">" if frame.syntax == BIG_ENDIAN else "<"
    kind = np.dtype(f"{order}{'i' if frame.signed else 'u'}{frame.allocated // 8}")
    start = frame.number * frame.native_bytes
    stored = memoryview(dataset.PixelData)[start : start + frame.native_bytes]
    samples = np.frombuffer(stored, kind)
    if frame.photometric == "YBR_FULL_422":
        return spread_chrominance(samples, frame)
    if frame.planar and frame.samples == 3:
        return samples.reshape(3, frame.rows, frame.columns).transpose(1, 2, 0)
    return samples.reshape(frame.rows, frame.columns, frame.samples)


def spread_chrominance(samples: np.ndarray, frame: Frame) -> np.ndarray:
    """Two luminances, a blue and a red difference a pair of pixels, as three samples each pixel."""
    pairs = samples.reshape(-1, 4)  # luminance, luminance, blue, red
    pixels = np.empty((len(pairs), 2, 3), samples.dtype)
    pixels[:, :, 0] = pairs[:, :2]
    pixels[:, :, 1] = pairs[:, 2:3]
    pixels[:, :, 2] = pairs[:, 3:4]
    return pixels.reshape(frame.rows, frame.columns, 3)


def decompress(dataset: Dataset, frame: Frame) -> np.ndarray:
    """The samples of a compressed frame, as its decoder gives them."""
    encoded = read_encoded(dataset, frame)
    if frame.syntax == RLE:
        return decompress_rle(encoded, frame)
    if frame.syntax in JPEG_LS:
        from jpeg_ls import decode as decode_jpeg_ls

        return extend_sign(decode_jpeg_ls(np.frombuffer(encoded, np.uint8)), frame)
    if frame.syntax in JPEG_2000:
        from openjpeg import decode

        return decode(io.BytesIO(encoded.rstrip(b"\0")))
    if frame.syntax == JPEG_8_BIT:
        return np.asarray(Image.open(io.BytesIO(encoded), formats=("JPEG",)))
    import imagecodecs

    if frame.syntax in JPEG_LOSSLESS and frame.samples == 3:
        return imagecodecs.jpeg_decode(encoded, colorspace="RGB", outcolorspace="RGB")
    return extend_sign(imagecodecs.jpeg_decode(encoded), frame)


def decompress_rle(encoded: bytes, frame: Frame) -> np.ndarray:
    """The samples of a frame of run lengths, (rows, columns, samples)."""
    from rle.utils import decode_pixel_data

    planes = decode_pixel_data(
        encoded,
        version=2,
        rows=frame.rows,
        columns=frame.columns,
        bits_allocated=frame.allocated,
        byteorder="<",
    )
    kind = np.dtype(f"<{'i' if frame.signed else 'u'}{frame.allocated // 8}")
    return np.frombuffer(planes, kind).reshape(-1, frame.rows, frame.columns).transpose(1, 2, 0)


def extend_sign(samples: np.ndarray, frame: Frame) -> np.ndarray:
    """Samples that a decoder took for unsigned, with their sign where the file says that they have one."""
    if not frame.signed or samples.dtype.kind == "i":
        return samples
    half = 1 << (frame.stored - 1)
    return (samples.astype(np.int32) ^ half) - half


def reduce_depth(samples: np.ndarray, frame: Frame) -> np.ndarray:
    """Colours of more than 8 bits as 8 bits, uint8."""
    if frame.stored <= 8:
        return np.ascontiguousarray(samples, np.uint8)
    most = (1 << frame.stored) - 1
    return (np.clip(samples, 0, most).astype(np.uint32) * WHITE // most).astype(np.uint8)


def look_up_colours(indices: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The colours that a palette has for indices, uint8 (rows, columns, 3)."""
    colours = load_pydicom().pixels.apply_color_lut(np.ascontiguousarray(indices), dataset)
    if colours.dtype.itemsize == 1:
        return colours
    # Some writers put values of 8 bits into entries of 16.
    return (colours >> 8 if colours.max(initial=0) > WHITE else colours).astype(np.uint8)


def show_levels(levels: np.ndarray, dataset: Dataset, frame: Frame) -> np.ndarray:
    """Grey levels as they are to be shown, uint8 (rows, columns): rescaled, windowed, inverted.

    The window is that of DICOM PS3.3, C.11.2.1.2.1 (linear); without one all levels that the file can hold
    are shown.
    """
    values = levels.astype(np.float32)
    low = -float(1 << (frame.stored - 1)) if frame.signed else 0.0
    high = low + float((1 << frame.stored) - 1)
    slope = read_number(dataset, "RescaleSlope", 1.0)
    intercept = read_number(dataset, "RescaleIntercept", 0.0)
    values = values * slope + intercept
    centre = read_number(dataset, "WindowCenter", None)
    width = read_number(dataset, "WindowWidth", None)
    if centre is not None and width is not None and width >= 1:
        low = centre - 0.5 - (width - 1) / 2
        high = centre - 0.5 + (width - 1) / 2
    else:
        low = low * slope + intercept
        high = high * slope + intercept
    shares = (values - low) / max(high - low, 1e-6)
    shown = np.rint(np.clip(shares, 0, 1) * WHITE).astype(np.uint8)
    return WHITE - shown if frame.photometric == "MONOCHROME1" else shown


def read_number(dataset: Dataset, name: str, otherwise: Missing) -> float | Missing:
    """The first number of an attribute. Raises `ValueError` for one that no grey level reaches."""
    value = find_value(dataset, name)
    if value is None or value == "":
        return otherwise
    try:
        number = float(value)
    except TypeError:  # several windows: the first is the one that is shown
        if not len(value):
            return otherwise
        number = float(value[0])
    if not abs(number) <= MAX_LEVEL:  # nor is what is no number
        raise ValueError(f"{name} is {number:g}; expected at most {MAX_LEVEL:g} grey levels")
    return number
