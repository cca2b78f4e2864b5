"""The client of the ISIC archive: searches its public photographs, page by page, over version 2 of its
interface.

`https://api.isic-archive.com/api/docs/swagger/` describes that interface. Only what anybody may see is asked
for: there is no login.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from lentigo.common.json_values import parse_json
from lentigo.datasets.archive.archive_images import (
    NEW_INTERFACE,
    ArchiveImage,
    choose_images,
    parse_image,
    take,
)
from lentigo.datasets.archive.faults import ContentFault, Refusal
from lentigo.datasets.archive.selection import EXAMPLE_QUERY, Selection
from lentigo.datasets.archive.transport import Transport
from lentigo.errors import ArchiveError, UsageError

ARCHIVE_URL = "https://api.isic-archive.com/api/v2/"
PAGE_IMAGES = 100  # the archive gives no more at once
MAX_BYTES = 64 << 20  # of an answer that is no photograph
NOT_ACCEPTED = (400, 422)  # statuses of a selection that the archive does not understand
NO_ARCHIVE = "expected the archive's interface: check --url and whether a proxy answers in its place"


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
        # Asked one by one first: a number that is mistyped would else be an empty search
        for number in selection.collections:
            if not self._read_page(self._address(collections=number, limit=1))["results"]:
                raise UsageError(
                    f"collection {number} holds no public photograph; expected the number of one, such as "
                    "70 (ISIC 2020)"
                )
        pages = self._read_pages(selection)
        first = next(pages)
        # Licences are chosen here, not by the archive, so its count is not that of the selection
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
        address = self._address(
            query=selection.query.strip(),
            collections=",".join(map(str, selection.collections)),
            limit=choose_page_size(selection),
        )
        seen = set()
        while address:
            # An archive that points back would be read for ever
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
            if refusal.status in NOT_ACCEPTED:
                raise explain_refusal(selection, refusal) from refusal
            raise

    def _read_page(self, address: str) -> dict[str, Any]:
        page = self._read_json(address)
        results = take(page, "results", list)
        count = page.get("count")
        following = page.get("next")
        # `count` may be null, and `next` is on the last page
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
            body = self._read_body(address, response)
        if "html" in kind or not body.strip():
            content = f"a web page ({kind})" if body else "nothing"
            raise ContentFault(f"{address}: answered {content}; {NO_ARCHIVE}")
        return body.decode("utf-8", errors="replace")

    def _read_body(self, address: str, response: httpx.Response) -> bytearray:
        body = bytearray()
        # Counted while it comes: an endless answer must not fill the memory
        for part in self.transport.read_chunks(response):
            body += part
            if len(body) > MAX_BYTES:
                raise ArchiveError(f"{address}: answers more than {MAX_BYTES >> 20} MB; {NEW_INTERFACE}")
        return body


def choose_page_size(selection: Selection) -> int:
    """How many photographs a page is to have: a small limit needs no full page."""
    # Licences are chosen here, not by the archive: a page may hold few of the wanted ones
    if selection.limit is None or selection.licenses:
        return PAGE_IMAGES
    return min(PAGE_IMAGES, selection.limit)


def explain_refusal(selection: Selection, refusal: Refusal) -> UsageError:
    """The error of a selection that the archive does not accept."""
    # The archive answers 400 for a query that it cannot parse
    if refusal.status == 400 and "query" in refusal.detail.lower():
        return UsageError(
            f"query {selection.query!r}: the archive does not understand it; expected one such as "
            f"{EXAMPLE_QUERY}"
        )
    return UsageError(
        f"{selection.describe()}: the archive does not accept it ({shorten_detail(refusal.detail)})"
    )


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
