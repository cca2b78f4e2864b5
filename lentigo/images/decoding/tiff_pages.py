"""Pages of a TIFF: the photograph among its previews, masks and smaller copies."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from lentigo.errors import ImageError

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

LOADED_LIBRARIES = Path("/proc/self/maps")  # of this process, on Linux
MAX_PAGES = 100  # that are looked at
# Tags
SUBFILE = 254
OLD_SUBFILE = 255
SUB_IFDS = 330
DNG_VERSION = 50706
PREVIEW_BITS = 0b101  # of the tag SUBFILE: a reduced version of another image, or a mask of one
OLD_PREVIEW = 2  # of the tag OLD_SUBFILE
SMALL_SIDE = 32  # pixels at which pages are compared
MAX_DIFFERENCE = 24.0  # grey levels: pages that differ by less on average show the same
MAX_SHAPE_DIFFERENCE = 1.5  # pixels by which a smaller copy's height may be rounded


@dataclass(frozen=True)
class Page:
    """One page of a TIFF.

    Args:
        number: Of the page, from 0 on.
        size: (width, height) in pixels.
        preview: Whether it says that it is a preview or a mask.
    """

    number: int
    size: tuple[int, int]
    preview: bool

    @property
    def area(self) -> int:
        """The number of pixels."""
        return self.size[0] * self.size[1]


@cache
def mute_libtiff() -> None:
    """Has libtiff write nothing to stderr about damaged files: its lines name no file, and the exception says
    the same. Elsewhere than on Linux nothing is changed.
    """
    with suppress(OSError, AttributeError):
        for line in LOADED_LIBRARIES.read_text().splitlines():
            path = line.rpartition(" ")[2]
            if "/libtiff" in path:
                library = ctypes.CDLL(path)
                library.TIFFSetErrorHandler(None)
                library.TIFFSetWarningHandler(None)
                return


def select_page(image: Image.Image, name: str, reopen: Callable[[], Image.Image]) -> None:
    """Turns a TIFF to the page that holds its photograph.

    It is the only one that is no preview, or the largest of several versions of one photograph.

    Args:
        image: A TIFF as Pillow opened it; its page is changed.
        name: For the error.
        reopen: Opens the same file once more, for comparing pages.

    Raises:
        ImageError: Where several pages hold images of their own, or all are previews, as in a camera's raw
            file.
    """
    pages = list_pages(image)
    candidates = [page for page in pages if not page.preview]
    if not candidates:
        refuse_raw(image, name)
        candidates = pages
    chosen = max(candidates, key=lambda page: page.area)
    for page in candidates:
        if page is not chosen and not is_smaller_version(page, chosen, reopen):
            count = f"{len(pages)}" if len(pages) < MAX_PAGES else f"{MAX_PAGES} or more"
            raise ImageError(
                f"{name}: holds {count} frames; expected one photograph, save the frame you mean"
            )
    image.seek(chosen.number)


def refuse_raw(image: Image.Image, name: str) -> None:
    """Raises `ImageError` for a camera's raw file."""
    image.seek(0)
    tags = cast("TiffImageFile", image).tag_v2
    if DNG_VERSION in tags or SUB_IFDS in tags:
        raise ImageError(
            f"{name}: a camera's raw file, of which only a preview can be read; expected a photograph: "
            "export it as JPEG or TIFF"
        )


def list_pages(image: Image.Image) -> list[Page]:
    """The pages of a TIFF, at most `MAX_PAGES`."""
    pages: list[Page] = []
    for number in range(MAX_PAGES):
        try:
            image.seek(number)
        except EOFError:
            break
        tags = cast("TiffImageFile", image).tag_v2
        pages.append(Page(number, image.size, is_preview(tags)))
    return pages


def is_preview(tags: Mapping[int, Any]) -> bool:
    """Whether the tags of a page call it a preview."""
    flags = tags.get(SUBFILE, 0)
    is_marked = isinstance(flags, int) and bool(flags & PREVIEW_BITS)
    return is_marked or tags.get(OLD_SUBFILE, 1) == OLD_PREVIEW


def is_smaller_version(page: Page, chosen: Page, reopen: Callable[[], Image.Image]) -> bool:
    """Whether a page is half as wide as the chosen one or less, of the same shape, and shows the same."""
    page_width, page_height = page.size
    width, height = chosen.size
    if page_width * 2 > width:
        return False
    if abs(page_width * height / width - page_height) > MAX_SHAPE_DIFFERENCE:
        return False
    small = shrink_page(reopen(), page.number)
    large = shrink_page(reopen(), chosen.number)
    return float(np.abs(small - large).mean()) < MAX_DIFFERENCE


def shrink_page(image: Image.Image, number: int) -> np.ndarray:
    """A page as a small grey image, float (side, side)."""
    image.seek(number)
    grey = image.convert("L").resize((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BOX)
    return np.asarray(grey, float)
