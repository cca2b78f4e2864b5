"""The client of the ISIC archive: searches its public photographs, page by page, over version 2 of its
interface.

`https://api.isic-archive.com/api/docs/swagger/` describes that interface. Only what anybody may see is asked
for: there is no login.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any
from urllib.parse import quote, urlencode

from lentigo.common.json_values import parse_json
from lentigo.datasets.archive.transport import ContentFault, Refusal, Transport
from lentigo.errors import ArchiveError, UsageError

ARCHIVE_URL = "https://api.isic-archive.com/api/v2/"
LICENSES = ("CC-0", "CC-BY", "CC-BY-NC")  # the freest first
PAGE_IMAGES = 100  # the archive gives no more at once
MAX_BYTES = 64 << 20  # of an answer that is no photograph
EXAMPLE_QUERY = "diagnosis_1:Malignant AND image_type:dermoscopic AND age_approx:[40 TO 60]"
FORMER_FIELDS = {  # fields that the archive had, and what says the same today
    "diagnosis": 'diagnosis_1:Malignant, or deeper, diagnosis_3:"Melanoma Invasive"',
    "benign_malignant": "diagnosis_1:Malignant or diagnosis_1:Benign",
}
NO_ARCHIVE = "expected the archive's interface: check --url and whether a proxy answers in its place"
NEW_INTERFACE = (
    "expected version 2 of the ISIC archive's interface: it may have changed, look for a newer Lentigo"
)
IDENTIFIER = re.compile(r"ISIC_\d{7,}")
LICENSE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")


@dataclass(frozen=True)
class Selection:
    """Which photographs: a `query` in the archive's own language, the numbers of `collections` (any of them),
    `licenses` (any of them; none means all), and how many at most. Raises `UsageError` for what cannot be
    meant."""

    query: str = ""
    collections: tuple[int, ...] = ()
    licenses: tuple[str, ...] = ()
    limit: int | None = None

    def __post_init__(self) -> None:
        for name in self.licenses:
            if name not in LICENSES:
                raise UsageError(f"license {name!r} is unknown; expected {', '.join(LICENSES)}")
        for number in self.collections:
            if number < 1:
                raise UsageError(
                    f"collection {number} is unknown; expected the number of one, such as 70 (ISIC 2020)"
                )
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"limit {self.limit} leaves nothing; expected 1 or more")
        check_query(self.query)

    def describe(self) -> str:
        """In words, for messages.

        >>> Selection("sex:male", collections=(70, 218), limit=5).describe()
        "query 'sex:male', collections 70 and 218, at most 5"
        """
        parts = []
        if self.query:
            parts.append(f"query {self.query!r}")
        if self.collections:
            parts.append(f"collections {' and '.join(map(str, self.collections))}")
        if self.licenses:
            parts.append(f"licences {' and '.join(self.licenses)}")
        if self.limit:
            parts.append(f"at most {self.limit}")
        return ", ".join(parts) or "everything"


def make_selection(
    query: str = "", collections: Iterable[str] = (), licenses: Iterable[str] = (), limit: int | None = None
) -> Selection:
    """A selection of words as people type them.

    Args:
        query: In the archive's own language.
        collections: Numbers, such as `70` or `70,218`.
        licenses: Names, such as `cc-by`.
        limit: Photographs at most.

    Returns:
        The selection.

    Raises:
        UsageError: A word cannot be meant.

    >>> make_selection(collections=["218,70"], licenses=["cc-0"])
    Selection(query='', collections=(70, 218), licenses=('CC-0',), limit=None)
    """
    numbers = set()
    for word in split_commas(collections):
        if not word.isdecimal():
            raise UsageError(f"collection {word!r} is no number; expected one, such as 70 (ISIC 2020)")
        numbers.add(int(word))
    names = {name.upper() for name in split_commas(licenses)}
    return Selection(query.strip(), tuple(sorted(numbers)), tuple(sorted(names)), limit)


def split_commas(texts: Iterable[str]) -> list[str]:
    """The words of several texts, in which commas part them."""
    words = []
    for text in texts:
        words += [word.strip() for word in text.split(",")]
    return words


def check_query(query: str) -> None:
    """Raises `UsageError` for a query with a field that the archive no longer has."""
    outside = re.sub(r'"[^"]*"', '""', query)  # of quotation marks
    for field, cure in FORMER_FIELDS.items():
        if re.search(rf"(?<!\w){field}\s*:", outside):
            raise UsageError(f"query {query!r}: the archive has no field {field!r} any more; expected {cure}")


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
        cells = {}
        for name, value in self.fields.items():
            cells[name] = json.dumps(value) if isinstance(value, dict | list) else value
        return cells | {
            "isic_id": self.isic_id,
            "attribution": self.attribution,
            "copyright_license": self.license,
        }


class Archive:
    """What the archive's interface answers, checked. Raises `ArchiveError` where it does not answer or
    answers something else.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def search(self, selection: Selection) -> tuple[int | None, Iterator[ArchiveImage]]:
        """How many photographs there are, None where that is not known beforehand, and the photographs, in
        the archive's order.

        The first page is asked for at once, the others as they are needed. Raises `UsageError` for a query
        that the archive does not understand and for a collection that has no public photograph.

        Args:
            selection: What is asked for: a query, collections, a limit.
        """
        for number in selection.collections:
            if not self._read_page(self._address(collections=number, limit=1))["results"]:
                raise UsageError(
                    f"collection {number} holds no public photograph; expected the number of one, such as "
                    "70 (ISIC 2020)"
                )
        pages = self._read_pages(selection)
        first = next(pages)
        count = first["count"] if not selection.licenses else None
        if count is not None and selection.limit is not None:
            count = min(count, selection.limit)
        images = choose_images(chain([first], pages), selection.licenses)
        return count, islice(images, selection.limit)

    def find_image(self, isic_id: str) -> ArchiveImage | None:
        """One photograph as it is listed now; None where it was withdrawn.

        Args:
            isic_id: Its name in the archive, such as ISIC_0000001.
        """
        try:
            return parse_image(self._read_json(self._address(f"images/{isic_id}/")))
        except Refusal as refusal:
            if refusal.status in (404, 410):
                return None
            raise

    def read_license(self, name: str) -> str:
        """The text of a licence.

        Args:
            name: As the archive spells it, such as CC-BY-NC.
        """
        return self.transport.retry(
            lambda: self._read_text(self._address(f"zip-download/license-file/{quote(name)}/"))
        )

    def _address(self, path: str = "images/search/", **parameters: Any) -> str:
        given = {name: value for name, value in parameters.items() if value != ""}
        address = str(self.transport.base.join(path))
        return f"{address}?{urlencode(given, quote_via=quote)}" if given else address

    def _read_pages(self, selection: Selection) -> Iterator[dict[str, Any]]:
        limit = PAGE_IMAGES
        if selection.limit is not None and not selection.licenses:
            limit = min(PAGE_IMAGES, selection.limit)
        address = self._address(
            query=selection.query.strip(), collections=",".join(map(str, selection.collections)), limit=limit
        )
        seen = set()
        while address:
            if address in seen:
                raise ArchiveError(
                    f"{self.transport.base.host}: comes back to a page that was read; expected the next "
                    "one: run the same command later"
                )
            seen.add(address)
            page = self._request_page(address, selection)
            yield page
            address = page["next"]

    def _request_page(self, address: str, selection: Selection) -> dict[str, Any]:
        try:
            return self._read_page(address)
        except Refusal as refusal:
            if refusal.status == 400 and "query" in refusal.detail.lower():
                raise UsageError(
                    f"query {selection.query!r}: the archive does not understand it; expected one such as "
                    f"{EXAMPLE_QUERY}"
                ) from refusal
            if refusal.status in (400, 422):
                raise UsageError(
                    f"{selection.describe()}: the archive does not accept it ({shorten_detail(refusal.detail)})"
                ) from refusal
            raise

    def _read_page(self, address: str) -> dict[str, Any]:
        page = self._read_json(address)
        results = take(page, "results", list)
        count = page.get("count")
        following = page.get("next")
        if not isinstance(count, int | None) or not isinstance(following, str | None):
            raise ArchiveError(
                f"the archive's page has count {count!r} and next {following!r}; {NEW_INTERFACE}"
            )
        return {"results": results, "count": count, "next": following}

    def _read_json(self, address: str) -> dict[str, Any]:
        return self.transport.retry(lambda: parse_answer(self._read_text(address), address))

    def _read_text(self, address: str) -> str:
        """One attempt at a text. Web pages are faults: they come from a proxy or from a server that is being
        mended.
        """
        with self.transport.open_archive(address) as response:
            kind = response.headers.get("content-type", "")
            body = bytearray()
            for part in self.transport.read_chunks(response):
                body += part
                if len(body) > MAX_BYTES:
                    raise ArchiveError(f"{address}: answers more than {MAX_BYTES >> 20} MB; {NEW_INTERFACE}")
        if "html" in kind or not body.strip():
            content = f"a web page ({kind})" if body else "nothing"
            raise ContentFault(f"{address}: answered {content}; {NO_ARCHIVE}")
        return body.decode("utf-8", errors="replace")


def parse_answer(text: str, address: str) -> dict[str, Any]:
    """A JSON object. Raises `ContentFault` for anything else."""
    try:
        value = parse_json(text)
    except ValueError as error:
        raise ContentFault(f"{address}: answered no JSON ({text[:40]!r}); {NO_ARCHIVE}") from error
    if not isinstance(value, dict):
        raise ContentFault(f"{address}: answered a JSON {type(value).__name__}, no object; {NO_ARCHIVE}")
    return value


def shorten_detail(detail: str) -> str:
    """What a refusal says, in one line that is not too long."""
    return " ".join(detail.split())[:200] or "no reason given"


def choose_images(pages: Iterable[dict[str, Any]], licenses: tuple[str, ...]) -> Iterator[ArchiveImage]:
    """The photographs of pages, each once, of the given licences. Raises `ArchiveError` where pages bring
    nothing new.
    """
    seen: set[str] = set()
    for page in pages:
        images = {}
        for record in page["results"]:
            image = parse_image(record)
            if image.isic_id not in seen:
                images[image.isic_id] = image
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
    """One photograph of a page. Raises `ArchiveError` where a field is missing or of another kind."""
    name = take(record, "isic_id", str)
    if not IDENTIFIER.fullmatch(name):
        raise ArchiveError(
            f"the archive lists {name!r}; expected a name such as ISIC_0024306: {NEW_INTERFACE}"
        )
    license_name = take(record, "copyright_license", str)
    size = take(record, "files.full.size", int)
    if not LICENSE_NAME.fullmatch(license_name) or size < 1:
        raise ArchiveError(
            f"the archive lists {name} with the licence {license_name!r} and {size} bytes; {NEW_INTERFACE}"
        )
    metadata = take(record, "metadata", dict)
    fields: dict[str, Any] = {}
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


def take(record: Any, path: str, kind: type) -> Any:
    """The value at a dotted path of nested objects. Raises `ArchiveError` where it is missing or not of that
    type.

    >>> take({"files": {"full": {"size": 5}}}, "files.full.size", int)
    5
    """
    value = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        entry = "an entry"
        if isinstance(record, dict) and isinstance(record.get("isic_id"), str):
            entry = repr(record["isic_id"])
        raise ArchiveError(f"the archive lists {entry} with {path} = {value!r:.60}; {NEW_INTERFACE}")
    return value
