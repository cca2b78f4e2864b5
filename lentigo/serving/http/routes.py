"""The routes of the interface, version 1: each reads its parameters, calls the service, and writes the
response.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from itertools import chain
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect

from lentigo.errors import UsageError
from lentigo.images.problems import Problem
from lentigo.serving.http import schemas
from lentigo.serving.http.parameters import (
    FORM,
    CurrentService,
    Cursor,
    Filters,
    Id,
    IdempotencyKey,
    Limit,
    MayPredict,
    MayRead,
    MayReview,
    refuse_unknown,
)
from lentigo.serving.http.problems import ProblemError, describe_problem
from lentigo.serving.http.record_routes import read_now
from lentigo.serving.http.uploads import Details, Form, read_details, read_form
from lentigo.serving.model_facts import describe_model, read_model_card
from lentigo.serving.predictions.lesion_changes import find_moment, list_changes
from lentigo.serving.predictions.record_json import write_lesion, write_moment, write_record
from lentigo.serving.predictions.request_context import RequestContext, hash_request
from lentigo.serving.service import Service
from lentigo.serving.store.exports import write_table
from lentigo.serving.store.records import Lesion, Query, Record

T = TypeVar("T")
MAX_HASHED_BYTES = 250_000  # of a request that are hashed at once: about 0.2 ms
UNREADABLE = "unreadable-photograph"  # the kind of problem of a single photograph
router = APIRouter(prefix="/v1", dependencies=[Depends(refuse_unknown)])


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
async def create_predictions(
    request: Request, service: CurrentService, who: MayPredict, key: IdempotencyKey = None
) -> Response:
    """Predicts photographs, and records the predictions. Photographs that cannot be read stand in
    `problems`.
    """
    content_type = request.headers.get("content-type", "")
    # The bytes are counted until the photographs are predicted: they stay in memory as long
    with service.admission.limit_pending_bytes() as count:
        form = await read_form(content_type, stream_body(request, count), service.settings)
        details = read_details(form.fields)
        context = RequestContext(
            who=who,
            request=key or str(uuid4()),
            created=read_now(service),
            details=details,
            fingerprint=await hash_form(form, details, service),
            is_named=key is not None,
        )
        contents: Sequence[Any] = form.images
        with service.admission.reserve_places(len(contents)):
            outcome = await cancel_on_disconnect(request, service.predict(contents, context))
    problems = list(map(write_problem, outcome.problems))
    service.metrics.problems.labels(UNREADABLE).inc(len(problems))
    if not outcome.records:
        raise ProblemError("no-photograph", problems[0]["detail"], problems=problems)
    predictions = list(map(write_record, outcome.records))
    status = 201 if outcome.is_new else 200
    return JSONResponse({"predictions": predictions, "problems": problems}, status)


@router.get("/predictions", response_model=schemas.PredictionPage)
async def list_predictions(
    request: Request,
    service: CurrentService,
    who: MayRead,
    filters: Filters,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Predictions, newest first."""
    page = await service.call(service.store.list, replace(filters, limit=limit, cursor=cursor))
    predictions = list(map(write_record, page.records))
    return write_page(request, "predictions", predictions, page.cursor)


@router.get(
    "/predictions.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_predictions(service: CurrentService, who: MayRead, filters: Filters) -> Response:
    """All predictions that match, as a table."""
    await service.log(who, "export")
    lines = write_table(service.store.stream(filters))
    # The first row is read here, so that a store that does not answer is found before the response begins.
    head = next(lines)
    first_row = await service.call(next, lines, "")
    return StreamingResponse(
        chain([head, first_row], lines),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="predictions.csv"'},
    )


@router.get("/lesions", response_model=schemas.LesionPage)
async def list_lesions(
    request: Request, service: CurrentService, who: MayRead, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Lesions, newest first."""
    page = await service.call(service.store.list_lesions, limit, cursor)
    lesions = list(map(write_lesion, page.lesions))
    return write_page(request, "lesions", lesions, page.cursor)


@router.post("/lesions", status_code=201, response_model=schemas.Lesion)
async def create_lesion(
    service: CurrentService, who: MayPredict, given: Annotated[schemas.NewLesion, Body()]
) -> Response:
    """A new lesion, by a pseudonym."""
    lesion = Lesion(str(uuid4()), read_now(service), given.name, given.site)
    try:
        lesion = await service.call(service.store.add_lesion, lesion)
    except UsageError as error:
        raise ProblemError(
            "conflict", "there is a lesion of that name already; choose another, or use that one"
        ) from error
    await service.log(who, "lesion", lesion.id)
    return JSONResponse(write_lesion(lesion), 201)


@router.get("/lesions/{id}", response_model=schemas.LesionHistory)
async def get_lesion(service: CurrentService, who: MayRead, id: Id) -> Response:
    """A lesion over time."""
    lesion = await service.call(service.store.get_lesion, str(id))
    if lesion is None:
        raise ProblemError("not-found", "there is no lesion with that id")
    records = await service.call(list_history, service, lesion.id)
    history = write_lesion(lesion)
    history["predictions"] = list(map(write_record, records))
    history["changes"] = list_changes(records)
    return JSONResponse(history)


@router.get("/models", response_model=schemas.Models)
async def list_models(service: CurrentService, who: MayRead) -> Response:
    """The model in use, and what it must not be used for."""
    return JSONResponse({"models": [describe_model(service.pool)]})


@router.get(
    "/models/card",
    response_class=Response,
    responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
)
async def get_model_card(service: CurrentService, who: MayRead) -> Response:
    """The whole model card, as Markdown."""
    text = await service.call(read_model_card, service.pool.bundle)
    return Response(text, media_type="text/markdown")


@router.get("/events", response_model=schemas.EventPage)
async def list_events(
    request: Request, service: CurrentService, who: MayReview, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """The audit trail, newest first."""
    page = await service.call(service.store.list_events, limit, cursor)
    events = [asdict(event) | {"created": write_moment(event.created)} for event in page.events]
    return write_page(request, "events", events, page.cursor)


def list_history(service: Service, lesion: str) -> list[Record]:
    """All records of a lesion, by when their photographs were taken."""
    records = service.store.stream(Query(lesion=lesion))
    return sorted(records, key=lambda record: (find_moment(record), record.created))


async def hash_form(form: Form, details: Details, service: Service) -> str:
    """The hash of a request; a large one is hashed outside of the event loop."""
    if sum(map(len, form.images)) <= MAX_HASHED_BYTES:
        return hash_request(form.images, details)
    return await service.decode_pool.run(form, hash_request, form.images, details)


async def stream_body(request: Request, count: Callable[[int], None]) -> AsyncIterator[bytes]:
    """The body of a request piece by piece, each counted before it is taken."""
    try:
        async for piece in request.stream():
            count(len(piece))
            yield piece
    except ClientDisconnect as error:
        raise ProblemError("client-gone", "the client left while sending") from error


async def cancel_on_disconnect(request: Request, work: Awaitable[T]) -> T:
    """What `work` gives; it is cancelled when the client leaves. To be used once the body has been read."""
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(wait_for_disconnect(request))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ProblemError("client-gone", "the client left before it was answered")
        return task.result()
    finally:
        task.cancel()
        watch.cancel()


async def wait_for_disconnect(request: Request) -> None:
    """Returns when the client has left."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return


def write_problem(problem: Problem) -> dict[str, Any]:
    """A photograph that has no prediction, as JSON."""
    return describe_problem(UNREADABLE, problem.error, position=int(problem.image))


def write_page(request: Request, name: str, items: Sequence[dict[str, Any]], cursor: str | None) -> Response:
    """A page of a list, with a link to the next (RFC 8288).

    Args:
        request: What was asked.
        name: Of the list in the answer.
        items: Those of this page.
        cursor: Where the next page begins; None for the last.
    """
    headers = {} if cursor is None else {"Link": link_next(request, cursor)}
    return JSONResponse({name: items, "next": cursor}, headers=headers)


def link_next(request: Request, cursor: str) -> str:
    """The link to the next page: what was asked, from another place on."""
    parameters = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
    parameters.append(("cursor", cursor))
    return f'<{request.url.path}?{urlencode(parameters)}>; rel="next"'
