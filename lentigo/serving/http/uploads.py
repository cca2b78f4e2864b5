"""Uploads: a multipart form read as it arrives, no further than its limits, and never onto the disk. Names of
files are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from lentigo.errors import UsageError
from lentigo.serving.http.problems import ProblemError
from lentigo.serving.settings import Settings

PHOTOS, FIELDS = "photos", ("lesion", "taken", "mm_per_pixel")
DAY = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]|$)", re.ASCII
)  # how dates of RFC 3339 begin; Python reads others too
LONGEST_FIELD = 200  # bytes
LONGEST_HEAD = 4_000  # bytes of a part's headers


@dataclass(eq=False)
class Form:
    """The photographs of a request in the order sent, as files, and what was said of them all."""

    photos: list[bytearray] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Details:
    """What a request says of its photographs: the lesion's id, when they were taken, and their scale."""

    lesion: str | None = None
    taken: datetime | None = None
    mm_per_pixel: float | None = None


class FormParser:
    """Takes a form piece by piece. Raises `ProblemError` as soon as it is broken or beyond a limit."""

    def __init__(self, boundary: bytes, settings: Settings) -> None:
        self.form, self.settings, self.ended = Form(), settings, False
        self.name, self.head_field, self.head, self.head_size, self.text = "", b"", {}, 0, bytearray()
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self.begin_part,
                "on_header_field": self.add_head_field,
                "on_header_value": self.add_head_value,
                "on_header_end": self.end_head,
                "on_headers_finished": self.name_part,
                "on_part_data": self.add_data,
                "on_part_end": self.end_part,
                "on_end": self.end,
            },
        )

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes."""
        try:
            self.parser.write(piece)
        except MultipartParseError as error:
            raise ProblemError(
                "broken-request",
                "the form is broken; expected multipart/form-data with the boundary that its header names",
            ) from error

    def finish(self) -> Form:
        """The form, once all of it has been fed."""
        if not self.ended:
            raise ProblemError("broken-request", "the form ends too early; send it again")
        if not self.form.photos:
            raise ProblemError(
                "invalid",
                f"no photograph was sent; expected 1 to {self.settings.most_photos} in the field {PHOTOS!r}",
            )
        return self.form

    def begin_part(self) -> None:
        self.name, self.head_field, self.head, self.head_size, self.text = "", b"", {}, 0, bytearray()

    def add_head_field(self, data: bytes, start: int, end: int) -> None:
        self.count_head(end - start)
        self.head_field += data[start:end]

    def add_head_value(self, data: bytes, start: int, end: int) -> None:
        self.count_head(end - start)
        name = self.head_field.lower()
        self.head[name] = self.head.get(name, b"") + data[start:end]

    def count_head(self, size: int) -> None:
        self.head_size += size
        if self.head_size > LONGEST_HEAD:
            raise ProblemError("too-large", f"the head of a part has more than {LONGEST_HEAD} bytes")

    def end_head(self) -> None:
        self.head_field = b""

    def name_part(self) -> None:
        self.name = (
            parse_options_header(self.head.get(b"content-disposition", b""))[1]
            .get(b"name", b"")
            .decode("utf-8", "replace")
        )
        if self.name == PHOTOS:
            if len(self.form.photos) == self.settings.most_photos:
                raise ProblemError(
                    "too-large",
                    f"more than {self.settings.most_photos} photographs; send them in several requests",
                )
            self.form.photos.append(bytearray())
        elif self.name not in FIELDS or self.name in self.form.fields:
            raise ProblemError(
                "invalid",
                f"a field is unknown or sent twice; expected {PHOTOS!r}, and once at most "
                f"{', '.join(FIELDS)}",
            )

    def add_data(self, data: bytes, start: int, end: int) -> None:
        if self.name != PHOTOS:
            if len(self.text) + end - start > LONGEST_FIELD:
                raise ProblemError(
                    "invalid",
                    f"{self.name}: more than {LONGEST_FIELD} bytes; expected a value of a word or two",
                )
            self.text += data[start:end]
            return
        photo = self.form.photos[-1]
        if len(photo) + end - start > self.settings.most_bytes:
            raise ProblemError(
                "too-large",
                f"photograph {len(self.form.photos) - 1}: more than {self.settings.most_bytes} bytes; send "
                "a smaller one",
            )
        photo += data[start:end]

    def end_part(self) -> None:
        if self.name != PHOTOS:
            self.form.fields[self.name] = self.text.decode("utf-8", "replace")

    def end(self) -> None:
        self.ended = True


async def read_form(content_type: str, pieces: AsyncIterator[bytes], settings: Settings) -> Form:
    """The form of a request. Raises `ProblemError`."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise ProblemError(
            "no-form", f"expected multipart/form-data with photographs in the field {PHOTOS!r}"
        )
    if not 1 <= len(options.get(b"boundary", b"")) <= 70:  # RFC 2046, section 5.1.1
        raise ProblemError(
            "broken-request", "the form has no boundary; expected multipart/form-data; boundary=..."
        )
    parser = FormParser(options[b"boundary"], settings)
    async for piece in pieces:
        parser.feed(piece)
    return parser.finish()


def read_details(fields: dict[str, str]) -> Details:
    """What the form says of its photographs; an empty field is one that was not sent. Raises `UsageError`."""
    taken, scale = fields.get("taken"), fields.get("mm_per_pixel")
    return Details(
        fields.get("lesion") or None,
        read_moment(taken) if taken else None,
        read_scale(scale) if scale else None,
    )


def read_moment(text: str) -> datetime:
    """A date or a moment of ISO 8601 as UTC; one without a zone is in UTC.

    >>> read_moment("2026-08-01").isoformat()
    '2026-08-01T00:00:00+00:00'
    """
    try:
        if not DAY.match(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "taken: expected a date such as 2026-08-01, or a moment such as 2026-08-01T12:30:00Z"
        ) from error


def read_scale(text: str) -> float:
    """Millimetres of a pixel."""
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale < 10:
        raise UsageError("mm_per_pixel: expected millimetres of one pixel, such as 0.02")
    return scale
