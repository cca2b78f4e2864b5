"""Which files are masks of the photographs that they lie beside, by their names: outlines are drawn, kept and
published beside what they outline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

# Folders whose images are no photographs
MASK_FOLDER = re.compile(r"mask|segment|ground.?truth|superpixel|figure", re.IGNORECASE)
MASK_WORDS = (
    r"masks?|msk|seg|segm|segmentations?|segmented|superpixels?|ground[_\- ]?truth|gt|outlines?|contours?"
    r"|annotations?|lesion"
)
MASK_ENDING = re.compile(rf"[_\-. ]+(?:{MASK_WORDS})[_\-. ]?\d*$", re.IGNORECASE)
MASK_BEGINNING = re.compile(r"^(?:masks?|seg|segmentation)[_\-. ]+", re.IGNORECASE)
# A mask is seldom one of these
LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".heic", ".heif", ".hif"})
# May be a close-up, or cut out, where the file is lossy
CLOSE_UP_ENDING = re.compile(r"[_\-. ](?:lesion|gt|segmented)[_\-. ]?\d*$", re.IGNORECASE)


def name_outlined(path: Path) -> str | None:
    """Names the photograph that a file would outline, by the file's name.

    Args:
        path: Of any image.

    Returns:
        The stem of the photograph in lower case; None where the name is no mask's.

    >>> name_outlined(Path("7_Segmentation.png")), name_outlined(Path("7-mask.png"))
    ('7', '7')
    >>> name_outlined(Path("mole_lesion.jpg")) is None
    True
    """
    if path.suffix.lower() in LOSSY_SUFFIXES and CLOSE_UP_ENDING.search(path.stem):
        return None
    for pattern in (MASK_ENDING, MASK_BEGINNING):
        if pattern.search(path.stem):
            return pattern.sub("", path.stem).casefold() or None
    return None


def find_masks(files: Iterable[Path], root: Path) -> dict[Path, Path]:
    """Finds the masks among the files below a folder, by their names.

    A mask's name ends in `_mask`, `_segmentation`, `-seg`, `_superpixels` and the like, or it lies in a
    folder of masks and has the photograph's name. A file without such a photograph is none: what a name says
    alone is not enough to leave it out.

    Args:
        files: Photographs and masks below `root`.
        root: The folder that was looked through.

    Returns:
        The photograph of each mask, which is among the files, too.
    """
    files = list(files)
    in_mask_folders = {file for file in files if is_in_mask_folder(file, root)}
    images: dict[str, list[Path]] = {}  # by their stems in lower case
    for file in files:
        if file not in in_mask_folders:
            images.setdefault(file.stem.casefold(), []).append(file)
    masks = {}
    for file in files:
        stems = []
        outlined = name_outlined(file)
        if outlined:
            stems.append(outlined)
        if file in in_mask_folders:
            stems.append(file.stem.casefold())
        candidates: list[Path] = []
        for stem in stems:
            candidates.extend(image for image in images.get(stem, []) if image != file)
        if candidates:
            masks[file] = choose_nearest(file, candidates)
    return masks


def is_in_mask_folder(file: Path, root: Path) -> bool:
    """Whether one of the folders between `root` and a file is named as one of masks."""
    folders = file.relative_to(root).parts[:-1]
    return any(MASK_FOLDER.search(folder) for folder in folders)


def choose_nearest(file: Path, images: list[Path]) -> Path:
    """The image in the folder of a file, else the first by name."""
    return min(images, key=lambda image: (image.parent != file.parent, image))
