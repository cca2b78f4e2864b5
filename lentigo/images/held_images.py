"""Photographs in memory: bytes, open files, Pillow's images and arrays, each read as its file would be.

One of them becomes the content of a file, so that it takes the same path as a file on disk: the same limits,
the same turning upright and the same colours.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from lentigo.common.file_names import take_path
from lentigo.errors import ImageError, UsageError, first_line

EXPECTED = (
    "expected a path, an address, the bytes of a file, a file opened in binary mode, a PIL image, or a uint8 "
    "array (height, width, 3) or (height, width)"
)
PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})
TIFF_MODES = frozenset({"CMYK", "YCbCr", "LAB"})  # which PNG does not hold


@dataclass(frozen=True, eq=False)
class HeldImage:
    """A photograph in memory, which stands where a path would.

    Attributes:
        name: What it is called in results: the name of its file where it has one, else its number.
        value: The bytes of a file, Pillow's image, or an array that `check_pixels` has passed.
    """

    name: str
    value: bytes | Image.Image | np.ndarray

    def __str__(self) -> str:
        return self.name

    def read(self) -> bytes:
        """The content of a file that holds the photograph.

        Raises:
            ImageError: Pillow cannot read its own image, since its file is damaged or closed.
        """
        if isinstance(self.value, bytes):
            return self.value
        if isinstance(self.value, np.ndarray):
            return encode_pixels(self.value)
        return encode_image(self.value, self.name)


# What stands for one photograph inside Lentigo
ImageSource: TypeAlias = str | Path | HeldImage
# What a caller may give for one photograph: a path, an address, or anything that `hold_image` takes
ImageInput: TypeAlias = Any
# What a caller may give: one photograph, a folder, or several of them
ImageInputs: TypeAlias = Any


def hold_image(image: ImageInput, number: int = 1) -> ImageSource:
    """Takes one photograph as a caller has it.

    Args:
        image: A path, an address, the bytes of a file, a file that is open for reading in binary mode, a PIL
            image, or a uint8 array, (height, width, 3) RGB, (height, width) or (height, width, 1) grey.
        number: Its place among several, which names it where it has no name of its own.

    Returns:
        The path or the address as it is; else the photograph with its name.

    Raises:
        UsageError: It is something else.
    """
    name = f"photograph {number}"
    image = unpack_array(image)
    if isinstance(image, HeldImage):
        return image
    if isinstance(image, str):
        return find_home(image, name)
    if isinstance(image, bytes | bytearray | memoryview):
        return HeldImage(name, bytes(image))
    if isinstance(image, Image.Image):
        check_mode(image, name)
        return HeldImage(find_file_name(getattr(image, "filename", "")) or name, image)
    if isinstance(image, np.ndarray):
        return HeldImage(name, check_pixels(image, name))
    if hasattr(image, "read"):
        return HeldImage(find_file_name(getattr(image, "name", "")) or name, read_open_file(image, name))
    if isinstance(image, os.PathLike):
        return take_path(image, name, EXPECTED.removeprefix("expected "))
    if image is None or image != image:  # NaN, or NaT, of a table
        raise UsageError(f"{name} is missing ({image}); {EXPECTED}: leave its row out with dropna()")
    raise UsageError(f"{name} is of the type {name_type(image)}; {EXPECTED}")


def unpack_array(image: Any) -> Any:
    """An array of another library (a tensor, say) as one of NumPy; the value of an array without dimensions;
    anything else as it is.
    """
    if is_foreign_array(image):
        image = np.asarray(image)
    if isinstance(image, np.ndarray | np.generic) and image.ndim == 0:
        return image.item()
    return image


def is_foreign_array(image: Any) -> bool:
    """Whether it is an array of another library: a tensor of PyTorch, TensorFlow or JAX. A column of a table
    is none.
    """
    if isinstance(image, np.ndarray | np.generic) or hasattr(image, "iloc"):
        return False
    return hasattr(image, "__array__") and hasattr(image, "shape")


def find_home(text: str, name: str) -> str | Path:
    """A path or an address as it is written; `~` is the home folder. Raises `UsageError` where it is empty."""
    if text.startswith("~") or not text:
        return take_path(text, name, EXPECTED.removeprefix("expected "))
    return text


def hold_images(images: ImageInputs) -> list[ImageSource]:
    """Takes photographs as a caller has them.

    Args:
        images: One, as `hold_image` takes it, or several: a list, a column of a table, a table with the
            column `image`, or a uint8 array (n, height, width, 3).

    Returns:
        One source for each, with names that are all different where they are in memory.

    Raises:
        UsageError: One of them is no photograph.
    """
    if is_single(images):
        return [hold_image(images)]
    held = []
    for number, image in enumerate(list_items(images), 1):
        held.append(hold_image(image, number))
    return rename_repeated(held)


def is_single(images: ImageInputs) -> bool:
    """Whether a caller gives one photograph (or one folder) rather than several.

    Args:
        images: As `hold_images` takes them.

    >>> is_single("mole.jpg"), is_single(["mole.jpg"]), is_single(np.zeros((2, 8, 8, 3), np.uint8))
    (True, False, False)
    """
    if is_foreign_array(images):
        return len(images.shape) < 4
    if isinstance(images, np.ndarray):
        return images.ndim == 0 or (images.ndim < 4 and images.dtype.kind not in "OUS")
    single = (str, bytes, bytearray, memoryview, os.PathLike, HeldImage, Image.Image)
    return isinstance(images, single) or hasattr(images, "read") or not isinstance(images, Iterable)


def list_items(images: Iterable[Any]) -> Iterator[Any]:
    """The photographs of a list, a column, a table or an array of several. Raises `UsageError`."""
    pandas = sys.modules.get("pandas")  # a caller who has a table has imported it
    if pandas is not None and isinstance(images, pandas.DataFrame):
        if "image" not in images:
            columns = ", ".join(map(str, images.columns)) or "no column"
            raise UsageError(
                f"a table with {columns} names no photographs; expected a column `image`: "
                "frame.rename(columns={...: 'image'})"
            )
        return iter(images["image"])
    if isinstance(images, dict):
        raise UsageError("a dict names no photographs in an order; expected a list: list(images.values())")
    return iter(np.asarray(images) if is_foreign_array(images) else images)


def rename_repeated(images: list[ImageSource]) -> list[ImageSource]:
    """Gives photographs in memory that share a name each one of its own: results are told apart by name."""
    taken: set[str] = set()
    renamed: list[ImageSource] = []
    for number, image in enumerate(images, 1):
        if isinstance(image, HeldImage) and image.name in taken:
            image = HeldImage(f"{image.name} ({number})", image.value)
        taken.add(str(image))
        renamed.append(image)
    return renamed


def check_pixels(pixels: np.ndarray, name: str) -> np.ndarray:
    """Checks that an array is one photograph.

    Args:
        pixels: Any array.
        name: For the error.

    Returns:
        The array, uint8 (height, width, 3) or (height, width).

    Raises:
        UsageError: It has another type or shape; with what makes a photograph of it.
    """
    shape = pixels.shape
    if pixels.dtype != np.uint8:
        cure = "array.astype('uint8')"
        if pixels.dtype.kind == "f":
            cure = "(255 * array).round().astype('uint8') where its values go from 0 to 1, else " + cure
        raise UsageError(
            f"{name} is an array of {pixels.dtype}, {shape}; expected uint8, 0 to 255: {cure}, with no "
            "normalisation before: that is part of the model"
        )
    if pixels.ndim == 3 and shape[2] == 1:
        pixels = pixels[:, :, 0]
    is_image = pixels.ndim == 2 or (pixels.ndim == 3 and shape[2] == 3)
    if is_image and pixels.size:
        return pixels
    raise UsageError(
        f"{name} is an array of the shape {shape}; expected (height, width, 3) in RGB or (height, width) in "
        f"grey{tell_shape_cure(shape)}"
    )


def tell_shape_cure(shape: tuple[int, ...]) -> str:
    """What makes a photograph of an array of another shape; "" where that is not plain."""
    if len(shape) == 3 and shape[2] == 4:
        return ": leave transparency out with array[:, :, :3]"
    if len(shape) == 3 and shape[0] in (1, 3):
        return ": put the channels last with array.transpose(1, 2, 0)"
    return ""


def check_mode(image: Image.Image, name: str) -> None:
    """Raises `UsageError` for an image of Pillow's whose pixels are no colours of 8 or 16 bits."""
    if image.mode not in PNG_MODES | TIFF_MODES:
        raise UsageError(
            f"{name} is a PIL image of the mode {image.mode!r}; expected colours or grey of 8 bits: "
            "image.convert('RGB')"
        )


def encode_pixels(pixels: np.ndarray) -> bytes:
    """An array that `check_pixels` has passed as the content of a PPM (PGM where it is grey): as it is."""
    height, width = pixels.shape[:2]
    mark = "P6" if pixels.ndim == 3 else "P5"
    return f"{mark} {width} {height} 255\n".encode() + np.ascontiguousarray(pixels).tobytes()


def encode_image(image: Image.Image, name: str) -> bytes:
    """Pillow's image as the content of a file: with its orientation and its colours. Raises `ImageError`."""
    buffer = io.BytesIO()
    try:
        exif = image.getexif().tobytes()
        profile = image.info.get("icc_profile")
        if image.mode in TIFF_MODES:
            image.save(buffer, "TIFF", exif=exif, icc_profile=profile)
        else:
            image.save(buffer, "PNG", exif=exif, icc_profile=profile, compress_level=0)
    except (OSError, ValueError, SyntaxError) as error:  # Pillow reads files late, and raises all of these
        raise ImageError(
            f"{name}: Pillow cannot read it ({first_line(error)}); expected a whole photograph whose file is "
            "open"
        ) from error
    return buffer.getvalue()


def read_open_file(file: Any, name: str) -> bytes:
    """What an open file holds, from its start where it can be rewound. Raises `UsageError`."""
    if isinstance(file, io.TextIOBase):
        raise UsageError(
            f"{name} is a file opened for text; expected one opened in binary mode: open(path, 'rb')"
        )
    try:
        if hasattr(file, "seekable") and file.seekable():
            file.seek(0)
        content = file.read()
    except (OSError, ValueError) as error:  # a ValueError is a file that is closed
        raise UsageError(f"{name}: an open file cannot be read ({first_line(error)}); {EXPECTED}") from error
    if not isinstance(content, bytes):
        raise UsageError(f"{name} is a file that gives {name_type(content)}; expected bytes")
    return content


def find_file_name(name: Any) -> str:
    """The name of an open file as text; "" where it has none, such as a number."""
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""


def name_type(value: Any) -> str:
    """The type of a value, with the library it is of."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__.partition('.')[0]} {kind.__qualname__}"
