"""What a RUN has learned from: every photograph of its training and validation, and of the RUNs that it
started from.

`learned.npz` keeps of each the start of its file's SHA-256, a perceptual hash
(`lentigo.duplicates.perceptual_hashes`), by which it is recognised in another file too, and how it was used.
That is `BYTES_EACH` bytes a photograph, no names, no pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from lentigo.common.files import write_whole
from lentigo.common.progress import Progress, show_nothing
from lentigo.duplicates.hash_search import find_similar_hashes
from lentigo.duplicates.perceptual_hashes import BYTES, METHOD, hash_images

USES = ("none", "train", "validation")  # what a photograph was used for, by number
PARTS = ("classifier", "decoder")  # of a RUN: the backbone with its head, and what outlines lesions
DIGEST_BYTES = 8  # of a SHA-256: two of a million files agree by chance once in 37 million sets of that size
BYTES_EACH = DIGEST_BYTES + BYTES + len(PARTS)


@dataclass(frozen=True)
class RecognisedImage:
    """A photograph that a RUN has learned from, or was validated on.

    Attributes:
        split: "train" or "validation"; "train" where it is known as both.
        how: "file" where the very file is known, "picture" where it was recognised by what it shows.
        likeness: of the pictures, 0 to 1; 1 for the same file.
    """

    split: str
    how: str
    likeness: float


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """The photographs that a RUN knows, n of them, in the order of their files' hashes.

    Attributes:
        digests: uint8 (n, `DIGEST_BYTES`), the start of each file's SHA-256.
        hashes: uint8 (n, `BYTES`), the perceptual hashes; zeros where none is known.
        uses: uint8 (n, 2), numbers in `USES` for each of `PARTS`.
        unlisted: how many more the classifier knows of which nothing is kept; less those that stand here as
            two files.
    """

    digests: np.ndarray
    hashes: np.ndarray
    uses: np.ndarray
    unlisted: int = 0

    def __len__(self) -> int:
        return len(self.digests)

    @property
    def total(self) -> int:
        """All photographs that were learned from or validated on."""
        return len(self) + self.unlisted

    @property
    def not_known(self) -> int:
        """How many photographs cannot be recognised in another file."""
        return self.total - int(self.hashes.any(axis=1).sum())

    @cached_property
    def rows(self) -> dict[bytes, int]:
        """The row of each file by the start of its SHA-256."""
        return {digest.tobytes(): row for row, digest in enumerate(self.digests)}

    def find_row(self, digest: str) -> int | None:
        """The row of a file; None where the file is not known.

        Args:
            digest: Its SHA-256; "" where it cannot be read.
        """
        return self.rows.get(shorten_digest(digest)) if digest else None

    def of_part(self, part: str) -> TrainingRecord:
        """The photographs that one of `PARTS` knows.

        Args:
            part: One of `PARTS`.
        """
        known = self.take(np.asarray(self.uses[:, PARTS.index(part)] > 0))
        return known if part == "classifier" else replace(known, unlisted=0)

    def take(self, rows: np.ndarray) -> TrainingRecord:
        """The photographs of a boolean mask, or of row numbers.

        Args:
            rows: Bool (n,), or row numbers, int (m,).
        """
        return TrainingRecord(self.digests[rows], self.hashes[rows], self.uses[rows], self.unlisted)

    def replace_part(self, part: str) -> TrainingRecord:
        """The same without what one of `PARTS` knows, which is to learn anew.

        Args:
            part: One of `PARTS`.
        """
        uses = self.uses.copy()
        uses[:, PARTS.index(part)] = 0
        return replace(self, uses=uses).take(np.asarray(uses.any(axis=1)))

    def add(self, later: TrainingRecord) -> TrainingRecord:
        """The photographs of both; where both know one, the later use counts, and a hash is kept.

        Args:
            later: What was learned afterwards.
        """
        digests = np.concatenate([later.digests, self.digests])
        hashes = np.concatenate([later.hashes, self.hashes])
        uses = np.concatenate([later.uses, self.uses])
        # Of each file the first row stays: that of `later`, where it has one
        unique, first, places = np.unique(digests, axis=0, return_index=True, return_inverse=True)
        merged_hashes = hashes[first]
        merged_uses = uses[first]
        earlier_places = places.ravel()[len(later) :]  # NumPy 2.0 gives them in two dimensions
        for row, place in enumerate(earlier_places):  # the earlier ones fill what the later ones leave open
            merged_uses[place] = np.where(merged_uses[place] > 0, merged_uses[place], self.uses[row])
            if not merged_hashes[place].any():
                merged_hashes[place] = self.hashes[row]
        return TrainingRecord(unique, merged_hashes, merged_uses, self.unlisted + later.unlisted)

    def fill(
        self, images: Sequence[str], digests: Sequence[str], progress: Progress = show_nothing
    ) -> TrainingRecord:
        """The same with perceptual hashes for photographs that had none and whose files are among
        `images`.

        Args:
            images: Paths of m photographs.
            digests: The SHA-256 of each file, "" where it cannot be read.
            progress: Watches the photographs go by.
        """
        lacking = np.asarray(~self.hashes.any(axis=1))
        found = {}
        for image, digest in zip(images, digests, strict=True):
            row = self.find_row(digest)
            if row is not None and lacking[row]:
                found[row] = image
        hashes = self.hashes.copy()
        hashes[list(found)] = hash_images(list(found.values()), progress=progress)
        return replace(self, hashes=hashes)

    def recognise(
        self,
        images: Sequence[str],
        digests: Sequence[str],
        *,
        part: str = "classifier",
        by_content: bool = True,
        progress: Progress = show_nothing,
    ) -> list[RecognisedImage | None]:
        """Which photographs are known.

        Args:
            images: paths of m photographs.
            digests: the SHA-256 of each file, "" where it cannot be read.
            part: one of `PARTS`, which must know them.
            by_content: whether those that are in no known file are looked at, too.
            progress: watches the photographs go by.

        Returns:
            For each photograph how it is known, or None.
        """
        known = self.of_part(part)
        splits = [USES[use] for use in known.uses[:, PARTS.index(part)]]
        recognised: list[RecognisedImage | None] = []
        for digest in digests:
            row = known.find_row(digest)
            recognised.append(None if row is None else RecognisedImage(splits[row], "file", 1.0))
        if not by_content:
            return recognised
        strangers = [place for place, found in enumerate(recognised) if found is None]
        matches = find_similar_hashes([images[place] for place in strangers], known.hashes, progress=progress)
        for place, found in zip(strangers, matches, strict=True):
            if found:
                # "train" outweighs "validation"
                split = min((splits[match.row] for match in found), key=USES.index)
                recognised[place] = RecognisedImage(split, "picture", found[0].likeness)
        return recognised

    def describe(self) -> dict[str, int]:
        """What a card says of it."""
        return {"photographs": self.total, "not_known": self.not_known}

    def write(self, path: Path) -> None:
        """Writes `learned.npz`, whole or not at all.

        Args:
            path: Of the file.
        """
        arrays = {"digests": self.digests, "hashes": self.hashes, "uses": self.uses}
        facts = {"method": np.int64(METHOD), "unlisted": np.int64(self.unlisted)}
        with write_whole(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays, **facts)


def shorten_digest(digest: str) -> bytes:
    """The start of a SHA-256, `DIGEST_BYTES` bytes.

    Args:
        digest: In hexadecimal digits.
    """
    return bytes.fromhex(digest[: 2 * DIGEST_BYTES])


def forget_everything() -> TrainingRecord:
    """What weights know that have learned from no photograph of ours."""
    return list_training_record((), ())


def list_training_record(
    digests: Sequence[str],
    splits: Iterable[str],
    hashes: np.ndarray | None = None,
    *,
    parts: Sequence[str] = ("classifier",),
    unlisted: int = 0,
) -> TrainingRecord:
    """Photographs as a RUN is to know them.

    Args:
        digests: the SHA-256 of each of n files; those that are "" are left out.
        splits: "train" or "validation" of each.
        hashes: uint8 (n, `BYTES`) from `hash_images`; None where they are not known.
        parts: which of `PARTS` know them.
        unlisted: how many more there are.

    Returns:
        The photographs, each file once.
    """
    if hashes is None:
        hashes = np.zeros((len(digests), BYTES), np.uint8)
    uses = np.zeros((len(digests), len(PARTS)), np.uint8)
    numbers = [USES.index(split) for split in splits]
    for part in parts:
        uses[:, PARTS.index(part)] = numbers
    rows = [row for row, digest in enumerate(digests) if digest]
    joined = b"".join(shorten_digest(digests[row]) for row in rows)
    shortened = np.frombuffer(joined, np.uint8).reshape(-1, DIGEST_BYTES)  # (m, `DIGEST_BYTES`)
    unique, first = np.unique(shortened, axis=0, return_index=True)
    kept = np.array(rows, dtype=int)[first]
    return TrainingRecord(unique, hashes[kept], uses[kept], unlisted)
