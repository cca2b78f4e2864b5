"""The parameters of the routes: keys, ids, filters, pages and the form of an upload, as OpenAPI describes
them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Request
from fastapi import Path as PathParameter
from pydantic import BeforeValidator, WithJsonSchema

from lentigo.errors import UsageError
from lentigo.images.measures.scales import MAX_MM_PER_PIXEL, MIN_MM_PER_PIXEL
from lentigo.serving.http import schemas
from lentigo.serving.http.access import require
from lentigo.serving.http.problems import ProblemError
from lentigo.serving.http.uploads import read_moment
from lentigo.serving.service import Service
from lentigo.serving.store.records import Query as RecordQuery

# The name of the key of a request, which must be for that.
MayRead = Annotated[str, require("read")]
MayPredict = Annotated[str, require("predict")]
MayReview = Annotated[str, require("review")]

Id = Annotated[UUID, PathParameter(description="As the interface gave it.")]
Sha256 = Annotated[
    str, PathParameter(pattern="^[0-9a-f]{64}$", description="Of a photograph, as `similar` has it.")
]
Limit = Annotated[int, Query(ge=1, le=500, description="The most that are given at once.")]
Cursor = Annotated[str | None, Query(description="`next` of the page before.", max_length=500)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="A name of this request, such as a UUID: sent again, it is answered from the store.",
    ),
]
MOMENT_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
}
FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["photos"],
    "additionalProperties": False,
    "properties": {
        "photos": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "format": "binary"},
            "description": "JPEG, PNG, TIFF, WebP or BMP.",
        },
        "lesion": {"type": "string", "description": "The id of the lesion that they show."},
        "taken": {
            "anyOf": [*MOMENT_SCHEMA["anyOf"], {"type": "string", "maxLength": 0}],
            "description": "The day, or the moment, when they were taken.",
            "examples": ["2026-08-01"],
        },
        "mm_per_pixel": {
            "type": "number",
            "minimum": MIN_MM_PER_PIXEL,
            "maximum": MAX_MM_PER_PIXEL,
            "description": "Their scale, for measures in millimetres.",
        },
        "patient_id": {
            "type": "string",
            "maxLength": 200,
            "description": "As the index of known lesions has it: those of this patient are left out of "
            "`similar`. It is not recorded.",
        },
    },
}
FORM = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM_SCHEMA}}},
}


def read_query_moment(value: str) -> datetime:
    """A date or a moment; numbers, which Pydantic would take for seconds since 1970, are none."""
    try:
        return read_moment(value)
    except UsageError as error:
        raise ValueError(
            "expected a date such as 2026-08-01, or a moment such as 2026-08-01T12:30:00Z"
        ) from error


Moment = Annotated[datetime, BeforeValidator(read_query_moment), WithJsonSchema(MOMENT_SCHEMA)]


async def read_filters(
    lesion: Annotated[str | None, Query(description="The id of a lesion.", max_length=100)] = None,
    label: schemas.Label | None = None,
    model: Annotated[
        str | None, Query(description="The name of a model, as predictions have it.", max_length=200)
    ] = None,
    since: Annotated[Moment | None, Query(description="Made then or later; without a zone in UTC.")] = None,
    until: Annotated[Moment | None, Query(description="Made before; without a zone in UTC.")] = None,
    reviewed: Annotated[bool | None, Query(description="With a reader's verdict, or without.")] = None,
) -> RecordQuery:
    """The filters that a list and its export share."""
    return RecordQuery(lesion=lesion, label=label, model=model, since=since, until=until, reviewed=reviewed)


Filters = Annotated[RecordQuery, Depends(read_filters)]


async def get_service(request: Request) -> Service:
    """The service that the application runs."""
    return request.app.state.service


CurrentService = Annotated[Service, Depends(get_service)]


async def refuse_unknown(request: Request) -> None:
    """Refuses parameters that a route does not have: a filter that is misspelt would let everything through.

    Args:
        request: the request, with its route.

    Raises:
        ProblemError: a parameter is unknown.
    """
    document = request.app.openapi()
    operation = document["paths"][request.scope["route"].path][request.method.lower()]
    parameters = operation.get("parameters", ())
    expected = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    if set(request.query_params) - expected:
        names = ", ".join(sorted(expected)) or "none"
        raise ProblemError("invalid", f"the address has a parameter that is unknown; expected {names}")
