"""Downloads: the photographs of an archive, each whole and checked, in a folder that can be completed after
whatever happened.

A photograph is written aside and moved to its place once its size is the one that the archive declares and
its header is that of a photograph; its SHA-256 is noted. Where a folder is completed, what was noted is
compared with what is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lentigo.common.files import write_text
from lentigo.common.json_values import list_fields
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.archive.archive_client import ARCHIVE_URL, Archive
from lentigo.datasets.archive.archive_folder import ArchiveFolder
from lentigo.datasets.archive.archive_images import ArchiveImage
from lentigo.datasets.archive.faults import Patience
from lentigo.datasets.archive.file_fetching import fetch_image
from lentigo.datasets.archive.receipts import Receipt
from lentigo.datasets.archive.selection import Selection
from lentigo.datasets.archive.transport import Transport
from lentigo.errors import ArchiveError, UsageError
from lentigo.images.problems import Problem

MAX_THREADS = 64
MAX_FAILURES_IN_A_ROW = 40  # after which the archive is taken to be down
AHEAD = 4  # fetches that wait, for each thread


@dataclass(frozen=True)
class Download:
    """What is in a folder now.

    Attributes:
        out: The folder.
        n: Photographs of the selection.
        fetched: Those of them that this call brought.
        size: Bytes in all.
        licenses: Photographs of each licence.
        problems: The photographs and licence texts that could not be fetched.
    """

    out: str
    n: int
    fetched: int
    size: int
    licenses: dict[str, int]
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self) | {
            "metadata": str(Path(self.out) / "metadata.csv"),
            "problems": list_fields(self.problems),
        }


@dataclass(frozen=True)
class Kept:
    """A photograph that is there. `fetched` is whether this call brought it."""

    size: int
    fetched: bool


def download_archive(
    out: str | Path,
    selection: Selection = Selection(),
    *,
    url: str = ARCHIVE_URL,
    threads: int = 10,
    update: bool = False,
    patience: Patience = Patience(),
    progress: Progress = show_nothing,
) -> Download:
    """Downloads public photographs of the ISIC archive, or completes a folder in which that was begun.

    The archive is asked once what the selection holds; a later call keeps to that, fetches what is missing or
    damaged, and asks again only with `update` or a larger limit. Whatever is raised, and where the process is
    killed, what was finished counts, and the same call goes on from there.

    Args:
        out: The folder, which is then a data set for `load_dataset`.
        selection: Which photographs.
        url: The address of the archive's interface.
        threads: How many files are fetched at once.
        update: Whether the archive is asked again what it has.
        patience: How often an address is asked.
        progress: Of the listing and of the photographs.

    Returns:
        What is in the folder now. Photographs that cannot be fetched are in `problems`, and a later call
        tries them again.

    Raises:
        UsageError: The archive does not understand the query, or the folder holds something else.
        DataError: There is no such photograph.
        ArchiveError: The archive does not answer as it should.
        SpaceError: The disk is full or not writable.
    """
    if not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"{threads} threads; expected 1 to {MAX_THREADS}")
    folder = ArchiveFolder(out)
    with Transport(url, threads=threads, patience=patience) as transport:
        archive = Archive(transport)
        base = str(transport.base)
        found = None
        # Asked before the folder is claimed: a wrong query leaves nothing behind
        if folder.needs_listing(base, selection) or update:
            found = archive.search(selection)
        with folder.claim():
            if found is not None:
                count, images = found
                folder.write_listing(base, selection, progress(images, total=count, label="listing"))
            return complete_folder(archive, folder, threads, progress)


def complete_folder(
    archive: Archive, folder: ArchiveFolder, threads: int, progress: Progress = show_nothing
) -> Download:
    """Fetches what a folder's listing names and the folder lacks: the terms first, then the photographs."""
    folder.check_space()
    listing = folder.write_tables()  # whoever is interrupted has a data set, of what is there
    # Terms first: photographs without their licence would be of no use
    problems = fetch_licenses(archive, folder, sorted(listing.licenses))
    present = 0  # photographs
    fetched = 0  # of these, by this call
    size = 0  # bytes
    missing: list[Problem] = []
    results = fetch_images(archive, folder, threads)
    try:
        for result in progress(stop_at_failures(results), total=listing.n, label="photographs"):
            if isinstance(result, Problem):
                missing.append(result)
            else:
                present += 1
                fetched += result.fetched
                size += result.size
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"; {present} of {listing.n} photographs are there, the same command fetches the others"
        ) from None
    finally:
        results.close()
    # Rows for what is there: a manifest never names a file that is missing
    if missing:
        listing = folder.write_tables({problem.image for problem in missing})
    return Download(
        out=str(folder.out),
        n=listing.n,
        fetched=fetched,
        size=size,
        licenses=dict(sorted(listing.licenses.items())),
        problems=(*problems, *missing),
    )


def fetch_licenses(archive: Archive, folder: ArchiveFolder, names: Iterable[str]) -> list[Problem]:
    """Writes the texts of licences that are not there; the problems of those that could not be fetched."""
    problems = []
    for name in names:
        path = folder.out / "licenses" / f"{name}.txt"
        # A licence that was fetched once is not fetched again
        if not path.exists():
            try:
                write_text(path, archive.read_license(name))
            except ArchiveError as error:
                problems.append(Problem(f"licenses/{name}.txt", str(error)))
    return problems


def fetch_images(
    archive: Archive, folder: ArchiveFolder, threads: int
) -> Generator[Kept | Problem, None, None]:
    """Fetches the photographs of a folder's listing; results in its order, however they come. Closing it
    stops what is under way.
    """
    pool = ThreadPoolExecutor(threads)
    ahead: deque = deque()  # fetches under way, in the order of the listing
    try:
        for image in folder.read_images():
            ahead.append(pool.submit(keep_image, archive, folder, image))
            if len(ahead) >= AHEAD * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        archive.transport.stopped.set()
        # Fetches that have not begun are dropped; those under way see `stopped`
        pool.shutdown(cancel_futures=True)


def stop_at_failures(results: Iterable[Kept | Problem]) -> Iterator[Kept | Problem]:
    """The same results. Raises `ArchiveError` after many failures in a row: each costs a minute of
    patience.
    """
    failures = 0
    for result in results:
        if isinstance(result, Problem):
            failures += 1
            if failures >= MAX_FAILURES_IN_A_ROW:
                raise ArchiveError(
                    f"{failures} photographs in a row could not be fetched, the last {result.image}: "
                    f"{result.error}; what came before is kept"
                )
        else:
            failures = 0
        yield result


def keep_image(archive: Archive, folder: ArchiveFolder, image: ArchiveImage) -> Kept | Problem:
    """Sees to it that a photograph is there, whole."""
    # Whole means hashed: a file that was cut short on the disk is fetched again
    if folder.is_whole(image):
        return Kept(image.size, False)
    try:
        digest = fetch_image(archive, folder, image)
    except ArchiveError as error:
        return Problem(image.isic_id, str(error))
    folder.add(Receipt(image.isic_id, folder.place(image).name, image.size, digest))
    return Kept(image.size, True)
