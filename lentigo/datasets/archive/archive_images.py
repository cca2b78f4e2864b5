"""Photographs as the ISIC archive lists them, each field checked."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lentigo.errors import ArchiveError

NEW_INTERFACE = (
    "expected version 2 of the ISIC archive's interface: it may have changed, look for a newer Lentigo"
)
# Names become file names, so nothing else may be in them
IDENTIFIER = re.compile(r"ISIC_\d{7,}")
LICENSE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")


@dataclass(frozen=True)
class ArchiveImage:
    """One photograph as the archive lists it. `size` is that of its file in bytes, `fields` what is known of
    acquisition and patient.
    """

    isic_id: str
    license: str
    attribution: str
    url: str
    size: int
    fields: dict[str, Any]

    @property
    def row(self) -> dict[str, Any]:
        """A row of metadata.csv."""
        cells = {name: spell_cell(value) for name, value in self.fields.items()}
        return cells | {
            "isic_id": self.isic_id,
            "attribution": self.attribution,
            "copyright_license": self.license,
        }


def choose_images(pages: Iterable[dict[str, Any]], licenses: tuple[str, ...]) -> Iterator[ArchiveImage]:
    """The photographs of pages, each once, of the given licences. Raises `ArchiveError` where pages bring
    nothing new.

    Args:
        pages: Of the archive, in order, with `results` and `next`.
        licenses: Those that are wanted; none for all.
    """
    seen: set[str] = set()
    for page in pages:
        images = list_new(page, seen)
        if not images and page["next"]:
            raise ArchiveError(
                "the archive's pages bring nothing new and do not end; expected further photographs: run "
                "the same command later"
            )
        seen.update(images)
        for image in images.values():
            if not licenses or image.license in licenses:
                yield image


def parse_image(record: Any) -> ArchiveImage:
    """One photograph of a page. Raises `ArchiveError` where a field is missing or of another kind.

    Args:
        record: What the archive says of it.
    """
    name = take(record, "isic_id", str)
    if not IDENTIFIER.fullmatch(name):
        raise ArchiveError(
            f"the archive lists {name!r}; expected a name such as ISIC_0024306: {NEW_INTERFACE}"
        )
    license_name = take(record, "copyright_license", str)
    size = take(record, "files.full.size", int)
    # Both become names of files or sizes of them: whatever else is there is refused
    if not LICENSE_NAME.fullmatch(license_name) or size < 1:
        raise ArchiveError(
            f"the archive lists {name} with the licence {license_name!r} and {size} bytes; {NEW_INTERFACE}"
        )
    metadata = take(record, "metadata", dict)
    fields: dict[str, Any] = {}
    # Two parts of the archive's record make one row here
    for part in ("acquisition", "clinical"):
        if part in metadata:
            fields |= take(metadata, part, dict)
    return ArchiveImage(
        isic_id=name,
        license=license_name,
        attribution=take(record, "attribution", str),
        url=take(record, "files.full.url", str),
        size=size,
        fields=fields,
    )


def list_new(page: dict[str, Any], seen: Container[str]) -> dict[str, ArchiveImage]:
    """The photographs of a page that are not in `seen`, by their numbers."""
    # A page may overlap the last one, where photographs were added meanwhile
    images = {}
    for record in page["results"]:
        image = parse_image(record)
        if image.isic_id not in seen:
            images[image.isic_id] = image
    return images


def spell_cell(value: Any) -> Any:
    """A value as a cell of CSV holds it: what is nested becomes JSON."""
    return json.dumps(value) if isinstance(value, dict | list) else value


def take(record: Any, path: str, kind: type) -> Any:
    """The value at a dotted path of nested objects. Raises `ArchiveError` where it is missing or not of that
    type.

    Args:
        record: A JSON value from the archive.
        path: Keys with dots between them.
        kind: The type that the value must have.

    >>> take({"files": {"full": {"size": 5}}}, "files.full.size", int)
    5
    """
    value = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    # True is an int in Python, and no size
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ArchiveError(
            f"the archive lists {name_entry(record)} with {path} = {value!r:.60}; {NEW_INTERFACE}"
        )
    return value


def name_entry(record: Any) -> str:
    """What an entry of the archive is called in an error."""
    if isinstance(record, dict) and isinstance(record.get("isic_id"), str):
        return repr(record["isic_id"])
    return "an entry"
