"""The routes of the interface, version 1: each reads its parameters, asks the service, and writes the
answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, Body, Depends, Header, Query, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BeforeValidator, WithJsonSchema
from starlette.requests import ClientDisconnect

from lentigo.errors import UsageError
from lentigo.images.problems import Problem
from lentigo.serving.http import schemas
from lentigo.serving.http.access import require
from lentigo.serving.http.problems import ProblemError, describe_problem
from lentigo.serving.http.uploads import read_details, read_form, read_moment
from lentigo.serving.model_facts import describe_model
from lentigo.serving.predictions import (
    RequestContext,
    find_moment,
    hash_request,
    list_changes,
    write_lesion,
    write_moment,
    write_record,
)
from lentigo.serving.service import Service
from lentigo.serving.store.exports import write_table
from lentigo.serving.store.records import Lesion, Record, Review
from lentigo.serving.store.records import Query as Wanted


async def refuse_unknown(request: Request) -> None:
    """Refuses parameters that a route does not have: a filter that is misspelt would let everything
    through.
    """
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
    if set(request.query_params) - known:
        raise ProblemError(
            "invalid",
            f"the address has a parameter that is unknown; expected {', '.join(sorted(known)) or 'none'}",
        )


router = APIRouter(prefix="/v1", dependencies=[Depends(refuse_unknown)])
Reader, Asker, Reviewer = (Annotated[str, require(scope)] for scope in ("read", "predict", "review"))
Id = Annotated[UUID, PathParameter(description="As the interface gave it.")]
Limit = Annotated[int, Query(ge=1, le=500, description="The most that are given at once.")]
Cursor = Annotated[str | None, Query(description="`next` of the page before.", max_length=500)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="A name of this request, such as a UUID: sent again, it is answered from the store.",
    ),
]
MOMENT = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
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
                            "anyOf": [*MOMENT["anyOf"], {"type": "string", "maxLength": 0}],
                            "description": "The day, or the moment, when they were taken.",
                            "examples": ["2026-08-01"],
                        },
                        "mm_per_pixel": {
                            "type": "number",
                            "exclusiveMinimum": 0,
                            "exclusiveMaximum": 10,
                            "description": "Their scale, for measures in millimetres.",
                        },
                    },
                },
            }
        },
    }
}
T = TypeVar("T")


def read_query_moment(value: str) -> datetime:
    """A date or a moment; numbers, which Pydantic would take for seconds since 1970, are none."""
    try:
        return read_moment(value)
    except UsageError as error:
        raise ValueError(
            "expected a date such as 2026-08-01, or a moment such as 2026-08-01T12:30:00Z"
        ) from error


Moment = Annotated[datetime, BeforeValidator(read_query_moment), WithJsonSchema(MOMENT)]


def find_service(request: Request) -> Service:
    return request.app.state.service


Here = Annotated[Service, Depends(find_service)]


def read_filters(
    lesion: Annotated[str | None, Query(description="The id of a lesion.", max_length=100)] = None,
    label: schemas.Label | None = None,
    model: Annotated[
        str | None, Query(description="The name of a model, as predictions have it.", max_length=200)
    ] = None,
    since: Annotated[Moment | None, Query(description="Made then or later; without a zone in UTC.")] = None,
    until: Annotated[Moment | None, Query(description="Made before; without a zone in UTC.")] = None,
    reviewed: Annotated[bool | None, Query(description="With a reader's verdict, or without.")] = None,
) -> Wanted:
    """The filters that a list and its export share."""
    return Wanted(lesion=lesion, label=label, model=model, since=since, until=until, reviewed=reviewed)


Filters = Annotated[Wanted, Depends(read_filters)]


@router.post(
    "/predictions",
    status_code=201,
    response_model=schemas.Predictions,
    openapi_extra=FORM,
    responses={
        200: {
            "model": schemas.Predictions,
            "description": "The same request was answered before: nothing is done twice.",
        }
    },
)
async def create_predictions(request: Request, service: Here, who: Asker, key: Key = None) -> Response:
    """Answers photographs, and records the answers. Those that cannot be read stand in `problems`."""
    with service.hold() as count:
        form = await read_form(
            request.headers.get("content-type", ""), count_bytes(request, count), service.settings
        )
        details = read_details(form.fields)
        fingerprint = await service.cpu.run(form, hash_request, form.photos, details)
        ask = RequestContext(
            who, key or str(uuid4()), service.store.now().astimezone(UTC), details, fingerprint
        )
        with service.admit(len(form.photos)):
            outcome = await stay(request, service.predict(form.photos, ask))
    problems = [write_problem(problem) for problem in outcome.problems]
    for _ in problems:
        service.metrics.problems.labels("unreadable-photograph").inc()
    if not outcome.records:
        raise ProblemError("no-photograph", problems[0]["detail"], problems=problems)
    return JSONResponse(
        {"predictions": [write_record(record) for record in outcome.records], "problems": problems},
        201 if outcome.fresh else 200,
    )


@router.get("/predictions", response_model=schemas.PredictionPage)
async def list_predictions(
    request: Request, service: Here, who: Reader, filters: Filters, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Predictions, newest first."""
    page = await service.call(service.store.list, replace(filters, limit=limit, cursor=cursor))
    return write_page(request, "predictions", [write_record(record) for record in page.records], page.cursor)


@router.get(
    "/predictions.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_predictions(service: Here, who: Reader, filters: Filters) -> Response:
    """All predictions that match, as a table."""
    await service.call(service.store.log, who, "export")
    lines = write_table(service.store.stream(filters))
    first = [
        next(lines),
        *await service.call(take_one, lines),
    ]  # a store that does not answer is found before the answer begins
    return StreamingResponse(
        chain(first, lines),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="predictions.csv"'},
    )


@router.get("/predictions/{id}", response_model=schemas.Prediction)
async def get_prediction(service: Here, who: Reader, id: Id) -> Response:
    """One prediction."""
    return JSONResponse(write_record(await find_record(service, id)))


@router.get(
    "/predictions/{id}/photo",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_image(service: Here, who: Reader, id: Id) -> Response:
    """The photograph itself, where the service keeps photographs: its pixels, and nothing else that the file
    held.
    """
    record = await find_record(service, id)
    photo = await service.call(service.photos.get, record.sha256) if record.kept and service.photos else None
    if photo is None:
        raise ProblemError(
            "not-found",
            "that photograph is not kept; `lentigo serve --keep-photos DIR` keeps those that come from then "
            "on",
        )
    await service.call(service.store.log, who, "photo", record.id)
    return Response(photo, media_type="image/jpeg")


@router.put("/predictions/{id}/review", response_model=schemas.Prediction)
async def review_prediction(
    service: Here, who: Reviewer, id: Id, verdict: Annotated[schemas.Verdict, Body()]
) -> Response:
    """A reader's own verdict, beside the model's."""
    await find_record(service, id)
    review = Review(service.store.now().astimezone(UTC), who, verdict.verdict, verdict.note)
    record = await service.call(service.store.review, str(id), review)
    await service.call(service.store.log, who, "review", record.id)
    return JSONResponse(write_record(record))


@router.get("/lesions", response_model=schemas.LesionPage)
async def list_lesions(
    request: Request, service: Here, who: Reader, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Lesions, newest first."""
    page = await service.call(service.store.list_lesions, limit, cursor)
    return write_page(request, "lesions", [write_lesion(lesion) for lesion in page.lesions], page.cursor)


@router.post("/lesions", status_code=201, response_model=schemas.Lesion)
async def create_lesion(service: Here, who: Asker, given: Annotated[schemas.NewLesion, Body()]) -> Response:
    """A new lesion, by a pseudonym."""
    lesion = Lesion(str(uuid4()), service.store.now().astimezone(UTC), given.name, given.site)
    try:
        lesion = await service.call(service.store.add_lesion, lesion)
    except UsageError as error:
        raise ProblemError(
            "conflict", "there is a lesion of that name already; choose another, or use that one"
        ) from error
    await service.call(service.store.log, who, "lesion", lesion.id)
    return JSONResponse(write_lesion(lesion), 201)


@router.get("/lesions/{id}", response_model=schemas.LesionHistory)
async def get_lesion(service: Here, who: Reader, id: Id) -> Response:
    """A lesion over time."""
    lesion = await service.call(service.store.get_lesion, str(id))
    if lesion is None:
        raise ProblemError("not-found", "there is no lesion with that id")
    records = await service.call(
        lambda: sorted(
            service.store.stream(Wanted(lesion=lesion.id)),
            key=lambda record: (find_moment(record), record.created),
        )
    )
    return JSONResponse(
        write_lesion(lesion)
        | {"predictions": [write_record(record) for record in records], "changes": list_changes(records)}
    )


@router.get("/models", response_model=schemas.Models)
async def list_models(service: Here, who: Reader) -> Response:
    """The model that answers, and what it must not be used for."""
    return JSONResponse({"models": [describe_model(service.panel.few)]})


@router.get("/events", response_model=schemas.EventPage)
async def list_events(
    request: Request, service: Here, who: Reviewer, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """The audit trail, newest first."""
    page = await service.call(service.store.list_events, limit, cursor)
    return write_page(
        request,
        "events",
        [asdict(event) | {"created": write_moment(event.created)} for event in page.events],
        page.cursor,
    )


async def find_record(service: Service, id: UUID) -> Record:
    """The record of an id. Raises `ProblemError` where there is none."""
    record = await service.call(service.store.get, str(id))
    if record is None:
        raise ProblemError("not-found", "there is no prediction with that id; it may have been forgotten")
    return record


async def count_bytes(request: Request, count: Any) -> AsyncIterator[bytes]:
    """The body of a request piece by piece, each counted before it is taken."""
    try:
        async for piece in request.stream():
            count(len(piece))
            yield piece
    except ClientDisconnect as error:
        raise ProblemError("client-gone", "the client left while sending") from error


async def stay(request: Request, work: Awaitable[T]) -> T:
    """What `work` gives, which is cancelled when the client leaves; to be used once the body has been
    read.
    """
    task, watch = asyncio.ensure_future(work), asyncio.ensure_future(wait_for_end(request))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ProblemError("client-gone", "the client left before it was answered")
        return task.result()
    finally:
        task.cancel()
        watch.cancel()


async def wait_for_end(request: Request) -> None:
    """Returns when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def write_problem(problem: Problem) -> dict[str, Any]:
    """A photograph that could not be answered."""
    return describe_problem("unreadable-photograph", problem.error, position=int(problem.image))


def write_page(request: Request, name: str, items: Sequence[dict[str, Any]], cursor: str | None) -> Response:
    """A page of a list, with a link to the next (RFC 8288)."""
    others = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
    link = (
        {}
        if cursor is None
        else {"Link": f'<{request.url.path}?{urlencode([*others, ("cursor", cursor)])}>; rel="next"'}
    )
    return JSONResponse({name: items, "next": cursor}, headers=link)


def take_one(lines: Any) -> list[str]:
    """The next line, as a list; empty at the end."""
    return [line for line in [next(lines, None)] if line is not None]
