"""Which files are masks of the photographs that they lie beside, by their names: outlines are drawn, kept and
published beside what they outline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

ASIDE = re.compile(
    r"mask|segment|ground.?truth|superpixel|figure", re.IGNORECASE
)  # folders whose pictures are no photographs
WORDS = r"masks?|msk|seg|segm|segmentations?|segmented|superpixels?|ground[_\- ]?truth|gt|outlines?|contours?|annotations?|lesion"
END = re.compile(rf"[_\-. ]+(?:{WORDS})[_\-. ]?\d*$", re.IGNORECASE)
START = re.compile(r"^(?:masks?|seg|segmentation)[_\-. ]+", re.IGNORECASE)
LOSSY = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".heic", ".heif", ".hif"}
)  # a mask is seldom one of these
DOUBTFUL = re.compile(
    r"[_\-. ](?:lesion|gt|segmented)[_\-. ]?\d*$", re.IGNORECASE
)  # may be a close-up, or cut out, where the file is lossy


def name_outlined(path: Path) -> str | None:
    """The stem of the photograph that a file would outline by its name, in lower case, or None where the name
    is no mask's.

    >>> name_outlined(Path("7_Segmentation.png")), name_outlined(Path("7-mask.png")),
    name_outlined(Path("mole_lesion.jpg")) is None ('7', '7', True)
    """
    if path.suffix.lower() in LOSSY and DOUBTFUL.search(path.stem):
        return None
    for pattern in (END, START):
        if pattern.search(path.stem):
            return pattern.sub("", path.stem).casefold() or None
    return None


def find_masks(files: Iterable[Path], root: Path) -> dict[Path, Path]:
    """The masks among the files below a folder, each with the photograph of that name, which is among them,
    too.

    A mask's name ends in `_mask`, `_segmentation`, `-seg`, `_superpixels` and the like, or it lies in a
    folder of masks and has the photograph's name. A file without such a photograph is none: what a name says
    alone is not enough to leave it out.

    Args:
        files: photographs and masks below `root`.
        root: the folder that was looked through.
    """
    listed = list(files)
    aside = {file for file in listed if any(ASIDE.search(part) for part in file.relative_to(root).parts[:-1])}
    images: dict[str, list[Path]] = {}
    for file in listed:
        if file not in aside:
            images.setdefault(file.stem.casefold(), []).append(file)
    masks = {}
    for file in listed:
        stems = [name_outlined(file), file.stem.casefold() if file in aside else None]
        beside = [image for stem in stems if stem for image in images.get(stem, []) if image != file]
        if beside:
            masks[file] = min(beside, key=lambda image: (image.parent != file.parent, image))
    return masks
