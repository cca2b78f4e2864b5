"""Pages of a TIFF: the photograph among its previews, masks and smaller copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lentigo.errors import ImageError

MOST_PAGES = 100  # that are looked at
SUBFILE, OLD_SUBFILE, DNG_VERSION, SUB_IFDS = 254, 255, 50706, 330  # tags
PREVIEW_BITS = 0b101  # of the tag SUBFILE: a reduced version of another picture, or a mask of one
SMALL_SIDE, MOST_DIFFERENCE = 32, 24.0  # pixels, grey levels: pages that differ by less show the same


@dataclass(frozen=True)
class Page:
    """One page of a TIFF: its number, its (width, height), and whether it says that it is a preview or a
    mask.
    """

    number: int
    size: tuple[int, int]
    preview: bool

    @property
    def area(self) -> int:
        """Pixels."""
        return self.size[0] * self.size[1]


def select_page(image: Image.Image, name: str, reopen: Callable[[], Image.Image]) -> None:
    """Turns a TIFF to the page that holds its photograph: the only one that is no preview, or the largest of
    several copies.

    Args:
        picture: a TIFF as Pillow opened it; its page is changed.
        name: for the error.
        reopen: opens the same file once more, for comparing pages.

    Raises:
        PhotoError: where several pages hold pictures of their own, or all are previews, as in a camera's raw
            file.
    """
    pages = list_pages(image)
    whole = [page for page in pages if not page.preview]
    if not whole:
        image.seek(0)
        if DNG_VERSION in image.tag_v2 or SUB_IFDS in image.tag_v2:
            raise ImageError(
                f"{name}: a camera's raw file, of which only a preview can be read; expected a photograph: "
                "export it as JPEG or TIFF"
            )
        whole = pages
    chosen = max(whole, key=lambda page: page.area)
    others = [page for page in whole if page is not chosen]
    if any(not is_copy(page, chosen, reopen) for page in others):
        count = f"{len(pages)}" if len(pages) < MOST_PAGES else f"{MOST_PAGES} or more"
        raise ImageError(f"{name}: holds {count} frames; expected one photograph, save the frame you mean")
    image.seek(chosen.number)


def list_pages(image: Image.Image) -> list[Page]:
    """The pages of a TIFF, at most `MOST_PAGES`."""
    pages: list[Page] = []
    for number in range(MOST_PAGES):
        try:
            image.seek(number)
        except EOFError:
            break
        tags = image.tag_v2
        flags, old = tags.get(SUBFILE, 0), tags.get(OLD_SUBFILE, 1)
        preview = (isinstance(flags, int) and bool(flags & PREVIEW_BITS)) or old == 2
        pages.append(Page(number, image.size, preview))
    return pages


def is_copy(page: Page, chosen: Page, reopen: Callable[[], Image.Image]) -> bool:
    """Whether a page is a smaller copy of the chosen one: half as wide or less, of the same shape, and
    showing the same.
    """
    width, height = chosen.size
    if page.size[0] * 2 > width or abs(page.size[0] * height / width - page.size[1]) > 1.5:
        return False
    first, second = (shrink_page(reopen(), number) for number in (page.number, chosen.number))
    return float(np.abs(first - second).mean()) < MOST_DIFFERENCE


def shrink_page(image: Image.Image, number: int) -> np.ndarray:
    """A page as a small grey picture, float (side, side)."""
    image.seek(number)
    grey = image.convert("L").resize((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BOX)
    return np.asarray(grey, float)
