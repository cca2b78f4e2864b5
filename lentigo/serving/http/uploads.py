"""Uploads: a multipart form, read as it arrives, no further than its limits, and never onto the disk. Names
of files are not read.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from lentigo.errors import UsageError
from lentigo.images.measures.scales import MAX_MM_PER_PIXEL, MIN_MM_PER_PIXEL
from lentigo.serving.http.problems import ProblemError
from lentigo.serving.settings import Settings

PHOTOS = "photos"  # the field of the form that holds the images
FIELDS = ("lesion", "taken", "mm_per_pixel", "patient_id")  # the other fields, once at most
DATE_START = re.compile(r"\d{4}-\d\d-\d\d([Tt ]|$)", re.ASCII)  # of RFC 3339; Python reads other dates too
MAX_FIELD_BYTES = 200
MAX_HEAD_BYTES = 4_000  # of a part's headers
MAX_BOUNDARY_BYTES = 70  # RFC 2046, section 5.1.1


@dataclass(eq=False)
class Form:
    """The form of a request.

    Args:
        images: the bytes of the image files, in the order sent.
        fields: the other fields.
    """

    images: list[bytearray] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Details:
    """What a request says of its photographs.

    Args:
        lesion: the id of the lesion that they show.
        taken: when they were taken.
        mm_per_pixel: their scale, in millimetres of a pixel.
        patient_id: whose they are, as the index of known lesions has it; "" where that is not known. It is
            not recorded.
    """

    lesion: str | None = None
    taken: datetime | None = None
    mm_per_pixel: float | None = None
    patient_id: str = ""


class FormParser:
    """Takes a form piece by piece. Raises `ProblemError` as soon as it is broken or beyond a limit."""

    def __init__(self, boundary: bytes, settings: Settings) -> None:
        self.form = Form()
        self.settings = settings
        self.is_complete = False
        self.begin_part()
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
                "on_end": self.end_form,
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
        if not self.is_complete:
            raise ProblemError("broken-request", "the form ends too early; send it again")
        if not self.form.images:
            raise ProblemError(
                "invalid",
                f"no photograph was sent; expected 1 to {self.settings.max_images} in the field {PHOTOS!r}",
            )
        return self.form

    def begin_part(self) -> None:
        """A part begins: nothing is known of it yet."""
        self.name = ""
        self.head_field = b""
        self.head: dict[bytes, bytes] = {}
        self.head_size = 0
        self.text = bytearray()

    def add_head_field(self, data: bytes, start: int, end: int) -> None:
        self.count_head(end - start)
        # A name, and a value too, may come in several pieces
        self.head_field += data[start:end]

    def add_head_value(self, data: bytes, start: int, end: int) -> None:
        self.count_head(end - start)
        name = self.head_field.lower()
        self.head[name] = self.head.get(name, b"") + data[start:end]

    def count_head(self, size: int) -> None:
        """Raises `ProblemError` where the headers of a part are too long."""
        self.head_size += size
        if self.head_size > MAX_HEAD_BYTES:
            raise ProblemError("too-large", f"the head of a part has more than {MAX_HEAD_BYTES} bytes")

    def end_head(self) -> None:
        self.head_field = b""

    def name_part(self) -> None:
        """The headers of a part have ended: which field it is."""
        _, options = parse_options_header(self.head.get(b"content-disposition", b""))
        self.name = options.get(b"name", b"").decode("utf-8", "replace")
        if self.name == PHOTOS:
            self._begin_image()
        elif self.name not in FIELDS or self.name in self.form.fields:
            raise ProblemError(
                "invalid",
                f"a field is unknown or sent twice; expected {PHOTOS!r}, and once at most "
                f"{', '.join(FIELDS)}",
            )

    def add_data(self, data: bytes, start: int, end: int) -> None:
        if self.name == PHOTOS:
            self._add_to_image(data[start:end])
        else:
            self._add_to_text(data[start:end])

    def _begin_image(self) -> None:
        """Makes room for another photograph."""
        if len(self.form.images) == self.settings.max_images:
            raise ProblemError(
                "too-large",
                f"more than {self.settings.max_images} photographs; send them in several requests",
            )
        self.form.images.append(bytearray())

    def _add_to_image(self, piece: bytes) -> None:
        """Adds a piece of a photograph, which `name_part` has begun."""
        image = self.form.images[-1]
        if len(image) + len(piece) > self.settings.max_image_bytes:
            raise ProblemError(
                "too-large",
                f"photograph {len(self.form.images) - 1}: more than {self.settings.max_image_bytes} bytes; "
                "send a smaller one",
            )
        image += piece

    def _add_to_text(self, piece: bytes) -> None:
        """Adds a piece of a field of text."""
        if len(self.text) + len(piece) > MAX_FIELD_BYTES:
            raise ProblemError(
                "invalid",
                f"{self.name}: more than {MAX_FIELD_BYTES} bytes; expected a value of a word or two",
            )
        self.text += piece

    def end_part(self) -> None:
        if self.name != PHOTOS:
            self.form.fields[self.name] = self.text.decode("utf-8", "replace")

    def end_form(self) -> None:
        self.is_complete = True


async def read_form(content_type: str, pieces: AsyncIterator[bytes], settings: Settings) -> Form:
    """Reads the form of a request.

    Args:
        content_type: the header of that name.
        pieces: the body, piece by piece.
        settings: the limits.

    Returns:
        The form, with at least one image.

    Raises:
        ProblemError: it is no form, broken, or beyond a limit.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise ProblemError(
            "no-form", f"expected multipart/form-data with photographs in the field {PHOTOS!r}"
        )
    if not 1 <= len(options.get(b"boundary", b"")) <= MAX_BOUNDARY_BYTES:
        raise ProblemError(
            "broken-request", "the form has no boundary; expected multipart/form-data; boundary=..."
        )
    parser = FormParser(options[b"boundary"], settings)
    async for piece in pieces:
        parser.feed(piece)
    return parser.finish()


def read_details(fields: dict[str, str]) -> Details:
    """Reads what a form says of its photographs.

    Args:
        fields: the fields of the form; an empty one is one that was not sent.

    Returns:
        The details.

    Raises:
        UsageError: a value is not as expected.
    """
    taken = fields.get("taken")
    scale = fields.get("mm_per_pixel")
    return Details(
        lesion=fields.get("lesion") or None,
        taken=read_moment(taken) if taken else None,
        mm_per_pixel=read_scale(scale) if scale else None,
        patient_id=fields.get("patient_id", "").strip(),
    )


def read_moment(text: str) -> datetime:
    """Reads a date or a moment of ISO 8601.

    Args:
        text: such as 2026-08-01 or 2026-08-01T12:30:00Z; without a zone it is in UTC.

    Returns:
        An aware datetime in UTC.

    Raises:
        UsageError: the text is no such moment.

    >>> read_moment("2026-08-01").isoformat()
    '2026-08-01T00:00:00+00:00'
    """
    try:
        return parse_moment(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "taken: expected a date such as 2026-08-01, or a moment such as 2026-08-01T12:30:00Z"
        ) from error


def parse_moment(text: str) -> datetime:
    """An aware datetime in UTC. Raises `ValueError` and `OverflowError`."""
    if not DATE_START.match(text):
        raise ValueError(text)  # Python would also read 20260801 and 2026-W31
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_scale(text: str) -> float:
    """Reads millimetres of a pixel. Raises `UsageError`."""
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not MIN_MM_PER_PIXEL <= scale <= MAX_MM_PER_PIXEL:
        raise UsageError("mm_per_pixel: expected millimetres of one pixel, such as 0.02")
    return scale
