"""What an archive listed, all photographs together: which selection, which fields, whom to name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lentigo.datasets.archive.archive_images import ArchiveImage
from lentigo.datasets.archive.selection import Selection

BASE_COLUMNS = ("isic_id", "attribution", "copyright_license")


@dataclass(frozen=True)
class Listing:
    """What tables say of all photographs together: their number, the fields that any of them has, and how
    often each licence and attribution occurs.
    """

    n: int
    columns: tuple[str, ...]
    licenses: Counter[str]
    attributions: Counter[str]


def make_header(url: str, selection: Selection) -> dict[str, Any]:
    """The first line of a listing: which archive, and what was asked for.

    Args:
        url: Of the archive.
        selection: What was asked for.
    """
    # Without order, so that the same words in another order are the same selection
    return {
        "archive": url,
        "query": selection.query.strip(),
        "collections": sorted(set(selection.collections)),
        "licenses": sorted(set(selection.licenses)),
        "limit": selection.limit,
    }


def describe_header(header: dict[str, Any]) -> str:
    """What was asked for, in words.

    Args:
        header: Of `make_header`.
    """
    collections = tuple(header["collections"])
    licenses = tuple(header["licenses"])
    selection = Selection(header["query"], collections, licenses, header["limit"])
    return f"{header['archive']}: {selection.describe()}"


def summarise(images: Iterable[ArchiveImage]) -> Listing:
    """Counts photographs and gathers their fields.

    Args:
        images: Those of a listing; they are read once.
    """
    fields: set[str] = set()
    licenses: Counter[str] = Counter()
    attributions: Counter[str] = Counter()
    for image in images:
        fields.update(image.fields)
        licenses[image.license] += 1
        attributions[image.attribution] += 1
    # The archive's own tool writes these three first
    columns = (*BASE_COLUMNS, *sorted(fields - set(BASE_COLUMNS)))
    return Listing(licenses.total(), columns, licenses, attributions)


def order_attributions(counts: Counter[str]) -> list[str]:
    """Whom to name: the most photographs first, then by name, the anonymous last, as the archive's own tool
    does.

    Args:
        counts: Photographs of each attribution.

    >>> order_attributions(Counter({"Anonymous": 9, "B": 2, "A": 2, "C": 3}))
    ['C', 'A', 'B', 'Anonymous']
    """
    return sorted(counts, key=lambda name: (name == "Anonymous", -counts[name], name))
