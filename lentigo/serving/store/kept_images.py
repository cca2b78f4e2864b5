"""Photographs that are kept on demand: the pixels alone, upright and in sRGB, in files that the hash of the
original names.

What else a camera or a program wrote into the original (EXIF with place, time and serial number, XMP,
comments, thumbnails, colour profiles) is not copied: each file is encoded anew from the decoded pixels.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Set
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image

from lentigo.common.files import name_full_disk, write_whole
from lentigo.errors import DataError
from lentigo.images.decoding.whole_images import hold_pixels
from lentigo.images.encoding import encode_jpeg
from lentigo.images.problems import Problem
from lentigo.serving.store.locks import FolderLock

JPEG_QUALITY = 95  # with colours at full resolution
THUMBNAIL_SIDE = 160  # pixels of the longer side
THUMBNAIL_QUALITY = 80
SUFFIX = ".jpg"
UNFINISHED_SUFFIX = f".part{SUFFIX}"  # of a file that `write_whole` has not finished
MAX_WAIT_SECONDS = 300.0  # for which whoever forgets waits for those who keep
SHA256 = re.compile(r"[0-9a-f]{64}")


class ImageFolder:
    """A folder of kept photographs that only its owner can read; safe to share by threads and processes. It
    is made when the first photograph is kept.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def keep(self, sha256: str, content: bytes) -> None:
        """Keeps a photograph, whole and on disk before this returns, or not at all; one that is kept already
        stays.

        Args:
            sha256: the hash of the original file.
            content: the original file.

        Raises:
            ImageError: it is no photograph.
            SpaceError: the disk is full.
        """
        path = self._locate(sha256)
        if path.exists():
            return
        self._make()
        with (
            hold_pixels(content, sha256) as pixels,
            write_whole(path) as temporary,
            os.fdopen(os.open(temporary, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600), "r+b") as file,
        ):
            Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
            file.flush()
            os.fsync(file.fileno())

    def try_sharing(self) -> FolderLock | None:
        """Takes a lock, to be held from before photographs are kept until their records are written.

        Returns:
            The lock; None while somebody forgets photographs, or waits to.

        Raises:
            SpaceError: the folder cannot be written.
        """
        self._make()
        return FolderLock.try_locking(self.folder, alone=False)

    @contextmanager
    def lock_alone(self, max_seconds: float = MAX_WAIT_SECONDS) -> Iterator[None]:
        """Waits until nothing is being kept, and holds back whoever wants to keep, in all processes.

        Args:
            max_seconds: how long to wait.

        Raises:
            SpaceError: it took longer.
        """
        self._make()
        with FolderLock.lock_alone(self.folder, max_seconds):
            yield

    def get(self, sha256: str) -> bytes | None:
        """Reads a photograph.

        Args:
            sha256: the hash of the original file.

        Returns:
            The bytes of a JPEG, None where it is not kept.
        """
        try:
            return self._locate(sha256).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, sha256: str) -> bool:
        """Removes a photograph.

        Args:
            sha256: the hash of the original file.

        Returns:
            False where it was not kept.

        Raises:
            SpaceError: the folder cannot be written.
        """
        path = self._locate(sha256)
        with name_full_disk(path):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    def find_strays(self, named: Set[str]) -> list[str]:
        """Finds kept photographs that no record names, as a crash may leave them; to be called with the
        folder locked (`lock_alone`).

        Args:
            named: the hashes that records name.

        Returns:
            The hashes of the others, sorted.
        """
        kept = {path.stem for path in self.folder.glob(f"*{SUFFIX}") if SHA256.fullmatch(path.stem)}
        return sorted(kept - named)

    def tidy(self) -> None:
        """Removes unfinished files of processes that were killed, where nobody keeps photographs at this
        moment. To be called at a start.
        """
        if not self.folder.is_dir():
            return
        lock = FolderLock.try_locking(self.folder, alone=True)
        if lock is not None:
            with lock:
                self.remove_parts()

    def remove_parts(self) -> tuple[int, list[Problem]]:
        """Removes unfinished files of processes that were killed; to be called with the folder locked
        (`lock_alone`).

        Returns:
            How many were removed, and a problem for each that could not be.
        """
        count = 0
        problems: list[Problem] = []
        for path in self.folder.glob(f".*{UNFINISHED_SUFFIX}"):
            try:
                path.unlink(missing_ok=True)
                count += 1
            except OSError as error:
                problems.append(
                    Problem(
                        path.name,
                        f"could not be removed ({error.strerror or error}); remove it yourself: it holds a "
                        "photograph",
                    )
                )
        return count, problems

    def _make(self) -> None:
        """Makes the folder, for its owner alone."""
        with name_full_disk(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _locate(self, sha256: str) -> Path:
        """Raises `DataError` for a name that is no hash: it could lead out of the folder."""
        if not SHA256.fullmatch(sha256):
            raise DataError(f"photograph {sha256[:80]!a}: expected the 64 hexadecimal digits of a SHA-256")
        return self.folder / f"{sha256}{SUFFIX}"


def shrink_image(content: bytes) -> bytes:
    """Makes a small copy of a kept photograph.

    Args:
        content: a JPEG of `ImageFolder`.

    Returns:
        A JPEG whose longer side has `THUMBNAIL_SIDE` pixels at most.
    """
    with Image.open(BytesIO(content)) as image:
        # The decoder skips the detail that would be thrown away, down to an eighth of the side.
        image.draft("RGB", (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
        image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        return encode_jpeg(image, THUMBNAIL_QUALITY)
