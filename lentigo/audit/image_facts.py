"""Facts of a photograph that are not the lesion: its file, its header, its border, its corners, a
thumbnail.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from lentigo.errors import ImageError
from lentigo.images.decoding.formats import FORMATS
from lentigo.images.decoding.opening import name_damage, open_image
from lentigo.images.image_contents import read_content
from lentigo.images.measures.skin_tone import mask_ring
from lentigo.images.photographs import SIDE, decode_image
from lentigo.images.problems import Problem

CELLS = 8  # along a side of the thumbnail
RING = 1 / CELLS  # width of the border: the outermost cells of the thumbnail
PERCENTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_RING_PIXELS = np.flatnonzero(mask_ring(SIDE, SIDE, RING))  # border pixels of a photograph, row by row
_EDGE = mask_ring(CELLS, CELLS, RING)  # border cells of a thumbnail


def read_facts(path: str) -> dict[str, np.ndarray] | Problem:
    """Reads the facts of one photograph.

    Args:
        path: Of the file, or its address.

    Returns:
        See `describe_facts`; or why the photograph cannot be read.
    """
    try:
        content = read_content(path)
        return describe_facts(content, decode_image(content, path), path)
    except ImageError as error:
        return Problem.from_error(path, error)


def describe_facts(content: bytes, pixels: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """Describes a photograph without its lesion.

    Args:
        content: The bytes of the file.
        pixels: What is decoded from them, uint8 (side, side, 3).
        name: Of the file, for errors.

    Returns:
        Float32 (d,) for each shortcut baseline but `source_only`.

    Raises:
        ImageError: The header is damaged.
    """
    with name_damage(content, name), open_image(content, name) as image:
        header = describe_header(image)
        area = image.width * image.height
    thumbnail = average_cells(pixels)  # (CELLS, CELLS, 3)
    ring = pixels.reshape(-1, 3)[_RING_PIXELS]
    border = np.concatenate([describe_colours(ring), thumbnail[_EDGE].ravel()])
    corners = thumbnail[[0, 0, -1, -1], [0, -1, 0, -1]].ravel()
    return {
        "file_only": np.array([len(content), len(content) / area, *header], np.float32),
        "header_only": header,
        "border_only": border,
        "corners_only": corners,
        "thumbnail_only": thumbnail.ravel(),
    }


def average_cells(pixels: np.ndarray) -> np.ndarray:
    """The means of the cells of a thumbnail, float32 (CELLS, CELLS, 3), of uint8 (SIDE, SIDE, 3)."""
    cell = SIDE // CELLS
    sums_down = pixels.reshape(CELLS, cell, -1).sum(axis=1, dtype=np.uint32)  # (CELLS, SIDE * 3)
    sums = sums_down.reshape(CELLS, CELLS, cell, 3).sum(axis=2, dtype=np.uint32)
    return sums.astype(np.float32) / np.float32(cell**2)


def describe_header(image: Image.Image) -> np.ndarray:
    """What a file says of itself, float32 (d,).

    That is size in pixels, format, quantisation tables of a JPEG, subsampling and metadata.

    Args:
        image: As Pillow opened it; it need not be decoded.
    """
    layers = getattr(image, "layer", None) or [(0, 0, 0, 0)]  # of a JPEG: channel, sampling, table
    info = image.info
    density = info.get("jfif_density") or info.get("dpi") or (0, 0)
    return np.array(
        [
            image.width,
            image.height,
            image.width / image.height,
            FORMATS.index(image.format) if image.format in FORMATS else -1,
            len(image.getbands()),
            *describe_quantisation(image),
            layers[0][1],
            layers[0][2],
            "progressive" in info,
            "exif" in info,
            "icc_profile" in info,
            "comment" in info,
            "adobe" in info,
            density[0],
            len(info),
        ],
        np.float32,
    )


def describe_quantisation(image: Image.Image) -> list[float]:
    """Mean, first and last step of a JPEG's first two tables, six numbers: which program wrote it, and how
    strongly it compressed. Zeros for a table that is not there.
    """
    tables = [np.asarray(table, float) for table in getattr(image, "quantization", {}).values()][:2]
    while len(tables) < 2:
        tables.append(np.zeros(64))
    numbers = []
    for table in tables:
        numbers += [table.mean(), table[0], table[-1]]
    return numbers


def describe_colours(pixels: np.ndarray) -> np.ndarray:
    """Describes colours: mean, spread, seven percentiles and a histogram of eight bins of each channel.

    Args:
        pixels: RGB, uint8 (m, 3).

    Returns:
        Float32 (51,).
    """
    values = np.arange(256)
    facts = []
    for channel in pixels.T:
        share = np.bincount(channel, minlength=256) / len(channel)
        mean = share @ values
        spread = np.sqrt(share @ (values - mean) ** 2)
        percentiles = np.searchsorted(np.cumsum(share), PERCENTILES)
        histogram = share.reshape(8, 32).sum(axis=1)
        facts += [mean, spread, *percentiles, *histogram]
    return np.array(facts, np.float32)
