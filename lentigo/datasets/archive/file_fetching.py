"""Fetching one photograph from a public archive: written aside, checked, moved to its place once it is whole."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import httpx

from lentigo.common.files import write_whole
from lentigo.datasets.archive.archive_addresses import name_place
from lentigo.datasets.archive.archive_client import Archive
from lentigo.datasets.archive.archive_folder import ArchiveFolder
from lentigo.datasets.archive.archive_images import ArchiveImage
from lentigo.datasets.archive.faults import ContentFault, Refusal
from lentigo.datasets.archive.transport import Transport
from lentigo.errors import ArchiveError, ImageError
from lentigo.images.image_sizes import measure_image


def fetch_image(archive: Archive, folder: ArchiveFolder, image: ArchiveImage) -> str:
    """Writes one photograph; its SHA-256. Where its address is refused (it may have expired) the archive is
    asked for another one.

    Raises `ArchiveError`, and `SpaceError` where the disk is full.

    Args:
        archive: Is asked for another address.
        folder: Says where the file goes.
        image: As the archive listed it.
    """
    path = folder.place(image)
    try:
        return archive.transport.retry(lambda: save_file(archive.transport, image, path))
    # Signed addresses expire: the archive is asked for a new one, once
    except Refusal as refusal:
        fresh = renew_address(archive, image, refusal)
        return archive.transport.retry(lambda: save_file(archive.transport, fresh, path))


def renew_address(archive: Archive, image: ArchiveImage, refusal: Refusal) -> ArchiveImage:
    """The same photograph with the address that it has now. Raises `ArchiveError` where it is another one."""
    now = archive.find_image(image.isic_id)
    if now is None:
        raise ArchiveError("withdrawn: the archive has it no longer; --update leaves it out") from refusal
    if now.size != image.size:
        raise ArchiveError(
            f"changed since it was listed ({image.size} bytes, now {now.size}); --update lists it anew"
        ) from refusal
    return replace(image, url=now.url)


def save_file(transport: Transport, image: ArchiveImage, path: Path) -> str:
    """One attempt at a file; its SHA-256. Nothing appears at `path` unless it is whole: of the declared size,
    with the header of a photograph.

    Raises `Fault` for what may pass, `Refusal`, `ArchiveError` and `SpaceError`.
    """
    with transport.open_file(image.url) as response, write_whole(path) as part:
        # Written aside; at the end of the block it is moved to its place, or removed
        digest = save_body(transport, response, part, image.size)
        require_photograph(part, response)
    return digest


def require_photograph(part: Path, response: httpx.Response) -> None:
    """Raises `ContentFault` where what a server has sent is no photograph; `part` holds it."""
    try:
        measure_image(part)
    except ImageError as error:
        kind = response.headers.get("content-type", "unknown")
        reason = str(error).removeprefix(f"{part}: ")
        raise ContentFault(f"{name_place(response.url)}: is no photograph ({kind}: {reason})") from error


def save_body(transport: Transport, response: httpx.Response, part: Path, size: int) -> str:
    """Writes the body of an answer, which must be of that size, in bytes; its SHA-256. Raises `ContentFault`
    as soon as it is not.
    """
    place = name_place(response.url)
    declared = response.headers.get("content-length")
    # A compressed body announces its compressed length
    if declared is not None and declared != str(size) and "content-encoding" not in response.headers:
        raise ContentFault(f"{place}: announces {declared} bytes; expected {size}, which the archive lists")
    digest = hashlib.sha256()
    count = 0
    with part.open("wb") as file:
        for chunk in transport.read_chunks(response):
            # An answer that is too long is not written to its end
            count += len(chunk)
            if count > size:
                break
            file.write(chunk)
            digest.update(chunk)
    if count != size:
        given = f"more than {size}" if count > size else str(count)
        raise ContentFault(f"{place}: gave {given} bytes; expected {size}, which the archive lists")
    return digest.hexdigest()
