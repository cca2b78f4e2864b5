"""A folder of photographs from a public archive, laid out as the archive's own tool does, and what it
remembers of itself.

DIR/ISIC_0024306.jpg ...    the photographs
DIR/metadata.csv            a row for each
DIR/attribution.txt         whom to name, licenses/ on which terms
DIR/.archive/listing.jsonl  what was asked for and what the archive listed, written whole
DIR/.archive/receipts.jsonl a line for each file that is there, whole and checked; only ever appended to
"""

from __future__ import annotations

import csv
import json
import math
import shutil
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from lentigo.common.files import name_full_disk, write_text, write_whole
from lentigo.common.hashing import hash_file
from lentigo.common.json_values import parse_json
from lentigo.datasets.archive.archive_images import ArchiveImage
from lentigo.datasets.archive.listing import (
    Listing,
    describe_header,
    make_header,
    order_attributions,
    summarise,
)
from lentigo.datasets.archive.receipts import Receipt, end_line, lock, read_receipts
from lentigo.datasets.archive.selection import Selection
from lentigo.errors import DataError, SpaceError, UsageError
from lentigo.images.decoding.formats import SUFFIXES

BLOCK_BYTES = 4096  # of most file systems: a file takes whole ones


def write_rows(path: Path, columns: Sequence[str], images: Iterable[ArchiveImage]) -> None:
    """Writes a row of CSV for each photograph."""
    with write_whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for image in images:
            writer.writerow(image.row)


class ArchiveFolder:
    """The folder; nothing is written before `claim`. `receipts` are those of the files that are there, by
    `isic_id`.
    """

    def __init__(self, out: str | Path) -> None:
        self.out = Path(out)
        self.listing = self.out / ".archive" / "listing.jsonl"
        self.receipts = read_receipts(self._book)
        self._adding = threading.Lock()
        self._file: BinaryIO | None = None  # the receipts, while the folder is claimed

    @property
    def _book(self) -> Path:
        return self.listing.with_name("receipts.jsonl")

    def place(self, image: ArchiveImage) -> Path:
        """Where a photograph goes: the archive's name with the suffix of its address.

        Args:
            image: As the archive lists it.
        """
        # An address may carry a signature after a question mark
        suffix = Path(image.url.partition("?")[0]).suffix.lower()
        return self.out / f"{image.isic_id}{suffix if suffix in SUFFIXES else '.jpg'}"

    def needs_listing(self, url: str, selection: Selection) -> bool:
        """Whether the archive is still to be asked what the selection holds.

        Raises `UsageError` where the folder holds another selection (a larger limit is not another), or a
        metadata.csv of other origin.

        Args:
            url: Of the archive.
            selection: What is to be in the folder.
        """
        known = self._read_header()
        if known is None:
            if (self.out / "metadata.csv").exists():
                raise UsageError(
                    f"{self.out}: holds a metadata.csv that this command did not write; expected a folder "
                    "of its own: choose another --out"
                )
            return True
        wanted = make_header(url, selection)
        if known == wanted:
            return False
        # The same selection with a larger limit only adds photographs
        same = known | {"limit": None} == wanted | {"limit": None}
        if not same or (selection.limit or math.inf) < (known["limit"] or math.inf):
            raise UsageError(
                f"{self.out}: holds another selection ({describe_header(known)}); expected the same one, "
                "with the same limit "
                "or a larger one: choose another --out"
            )
        return True

    @contextmanager
    def claim(self) -> Iterator[ArchiveFolder]:
        """Makes the folder, keeps other downloads out of it, and clears away what a killed one left.

        Raises `SpaceError` where it cannot be written, `UsageError` where another download is at work.
        """
        with name_full_disk(self.out):
            self.listing.parent.mkdir(parents=True, exist_ok=True)
            file = self._book.open("a+b")
        self._file = file
        try:
            lock(file, self.out)
            with name_full_disk(self.out):
                end_line(file)
                # Names of files that were being written when a process was killed
                for folder in (self.out, self.out / "licenses", self.listing.parent):
                    for unfinished in folder.glob(".*.*-*.part*"):
                        unfinished.unlink(missing_ok=True)
            yield self
        finally:
            with suppress(OSError):  # what could not be written was said when it was written
                file.close()

    def add(self, receipt: Receipt) -> None:
        """Notes a file that is there, so that a process killed right afterwards finds the note. Safe to call
        by threads.

        Args:
            receipt: The note.

        Raises:
            SpaceError: It cannot be written.
        """
        if self._file is None:
            raise RuntimeError(f"{self.out}: not claimed; expected `claim` before `add`")
        with self._adding, name_full_disk(self._book):
            self._file.write(json.dumps(asdict(receipt)).encode() + b"\n")
            self._file.flush()
            self.receipts[receipt.isic_id] = receipt

    def is_whole(self, image: ArchiveImage) -> bool:
        """Whether the photograph's file is there with the size that the archive says and the content that was
        noted.

        Args:
            image: As the archive lists it.
        """
        receipt = self.receipts.get(image.isic_id)
        path = self.place(image)
        if receipt is None or receipt.file != path.name or receipt.size != image.size:
            # The size first: hashing half a million files is slow
            return False
        try:
            return path.stat().st_size == image.size and hash_file(path) == receipt.sha256
        except OSError:
            return False

    def write_listing(self, url: str, selection: Selection, images: Iterable[ArchiveImage]) -> None:
        """Writes what the archive lists. Photographs that are there and no longer listed keep their place at
        the end: they are still somebody's work, on somebody's terms. Raises `DataError` where there is none
        at all.

        Args:
            url: Of the archive.
            selection: What was asked for.
            images: What the archive lists, in its order.
        """
        listed = set()
        with write_whole(self.listing) as part, part.open("w", encoding="utf-8") as file:
            file.write(json.dumps(make_header(url, selection)) + "\n")
            for image in images:
                file.write(json.dumps(asdict(image)) + "\n")
                listed.add(image.isic_id)
            # A photograph that was withdrawn stays, as long as its file does
            for image in self._read_earlier_images():
                if image.isic_id in self.receipts and image.isic_id not in listed:
                    file.write(json.dumps(asdict(image)) + "\n")
            if not listed:
                raise DataError(
                    f"{selection.describe()}: the archive has no such photograph; expected at least one: "
                    "ask for more"
                )

    def _read_earlier_images(self) -> Iterator[ArchiveImage]:
        """The photographs of a listing before this one; of one that is damaged, what comes before the
        damage.
        """
        if self.listing.exists():
            with suppress(DataError):
                yield from self.read_images()

    def read_images(self) -> Iterator[ArchiveImage]:
        """The photographs of the listing, one after the other. Raises `DataError` where it was damaged."""
        try:
            with self.listing.open(encoding="utf-8") as file:
                next(file)
                for line in file:
                    yield ArchiveImage(**parse_json(line))
        except (OSError, ValueError, TypeError, StopIteration) as error:
            raise DataError(
                f"{self.listing}: damaged ({error}); expected what this command wrote: run it again with "
                "--update"
            ) from error

    def write_tables(self, missing: Collection[str] = ()) -> Listing:
        """Writes metadata.csv and attribution.txt of the listing, less the photographs that are `missing`; in
        two passes, never all in memory.

        Args:
            missing: The archive's names of photographs that could not be had.
        """
        listing = summarise(self._without(missing))
        write_rows(self.out / "metadata.csv", listing.columns, self._without(missing))
        write_text(self.out / "attribution.txt", "\n\n".join(order_attributions(listing.attributions)))
        return listing

    def check_space(self) -> None:
        """Raises `SpaceError` where the files that are still to come would not fit on the disk."""
        needed = self._count_missing_bytes()
        free = shutil.disk_usage(self.out).free
        if needed > free:
            raise SpaceError(
                f"{self.out}: {format_bytes(needed)} are still to come and {format_bytes(free)} are free; free "
                "some space, choose another --out, "
                "or ask for fewer with --limit"
            )

    def _without(self, names: Collection[str]) -> Iterator[ArchiveImage]:
        return (image for image in self.read_images() if image.isic_id not in names)

    def _count_missing_bytes(self) -> int:
        """Bytes on the disk that the files will take that are not there yet."""
        present = set()
        for isic_id, receipt in self.receipts.items():
            if (self.out / receipt.file).exists():
                present.add(isic_id)
        needed = 0
        for image in self._without(present):
            # A file takes whole blocks on the disk
            blocks = math.ceil(image.size / BLOCK_BYTES)
            needed += blocks * BLOCK_BYTES
        return needed

    def _read_header(self) -> dict[str, Any] | None:
        try:
            with self.listing.open(encoding="utf-8") as file:
                header = parse_json(next(file))
            return header if isinstance(header, dict) and "limit" in header else None
        except (OSError, ValueError, StopIteration):
            return None


def format_bytes(count: float) -> str:
    """A size for people.

    Args:
        count: Bytes.

    Returns:
        The size in the largest unit that leaves a digit before the point.

    >>> format_bytes(999), format_bytes(1234567), format_bytes(60e9)
    ('999 bytes', '1.2 MB', '60.0 GB')
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.1f} {unit}" if unit != "bytes" else f"{count:.0f} bytes"
        count /= 1000
    return f"{count:.1f} TB"
