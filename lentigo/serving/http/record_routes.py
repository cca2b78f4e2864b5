"""The routes of one record: the prediction, its photograph, a reader's verdict, its end; and of a known lesion
that is like it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends
from fastapi.responses import JSONResponse, Response

from lentigo.serving.http import schemas
from lentigo.serving.http.parameters import (
    CurrentService,
    Id,
    MayRead,
    MayReview,
    Sha256,
    refuse_unknown,
)
from lentigo.serving.http.problems import ProblemError
from lentigo.serving.predictions.record_json import write_record
from lentigo.serving.service import Service
from lentigo.serving.store.kept_images import shrink_image
from lentigo.serving.store.records import Record, Review
from lentigo.serving.store.retention import delete_record

record_router = APIRouter(prefix="/v1", dependencies=[Depends(refuse_unknown)])


@record_router.get("/predictions/{id}", response_model=schemas.Prediction)
async def get_prediction(service: CurrentService, who: MayRead, id: Id) -> Response:
    """One prediction."""
    return JSONResponse(write_record(await find_record(service, id)))


@record_router.get(
    "/predictions/{id}/photo",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_image(service: CurrentService, who: MayRead, id: Id) -> Response:
    """The photograph itself, where the service keeps photographs: its pixels, and nothing else that the file
    held.
    """
    record = await find_record(service, id)
    image = await read_kept(service, record)
    await service.log(who, "photo", record.id)
    return Response(image, media_type="image/jpeg")


@record_router.get(
    "/predictions/{id}/thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_thumbnail(service: CurrentService, who: MayRead, id: Id) -> Response:
    """A small copy of a kept photograph, for lists."""
    record = await find_record(service, id)
    thumbnail = await service.decode_pool.run(record.id, shrink_image, await read_kept(service, record))
    await service.log(who, "thumbnail", record.id)
    return Response(thumbnail, media_type="image/jpeg")


@record_router.delete("/predictions/{id}", status_code=204, response_class=Response)
async def delete_prediction(service: CurrentService, who: MayReview, id: Id) -> Response:
    """Deletes one prediction, its verdicts, and its photograph where no other prediction has the same one."""
    record = await find_record(service, id)
    require_own_folder(service, record)
    await service.call(delete_record, service.store, service.image_folder, record.id, who)
    return Response(status_code=204)


@record_router.put("/predictions/{id}/review", response_model=schemas.Prediction)
async def review_prediction(
    service: CurrentService, who: MayReview, id: Id, verdict: Annotated[schemas.Verdict, Body()]
) -> Response:
    """A reader's own verdict, beside the model's."""
    await find_record(service, id)
    review = Review(read_now(service), who, verdict.verdict, verdict.note)
    record = await service.call(service.store.review, str(id), review)
    await service.log(who, "review", record.id)
    return JSONResponse(write_record(record))


@record_router.get(
    "/cases/{sha256}/thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_case_thumbnail(service: CurrentService, who: MayRead, sha256: Sha256) -> Response:
    """A small copy of a known lesion's photograph, as the index has it."""
    thumbnail = read_case_thumbnail(service, sha256)
    await service.log(who, "known case", sha256)
    return Response(thumbnail, media_type="image/jpeg")


def read_case_thumbnail(service: Service, sha256: str) -> bytes:
    """A small copy of a known lesion's photograph. Raises `ProblemError` where the index has none."""
    search = service.pool.search
    thumbnail = None if search is None else search.index.read_thumbnail(sha256)
    if thumbnail is None:
        raise ProblemError(
            "not-found",
            "the index of known lesions has no photograph with that hash; it may be another index",
        )
    return thumbnail


def read_now(service: Service) -> datetime:
    """The time by the clock of the store, in UTC.

    Args:
        service: Whose store it is.
    """
    return service.store.now().astimezone(UTC)


async def find_record(service: Service, id: UUID) -> Record:
    """The record of an id. Raises `ProblemError` where there is none.

    Args:
        service: Whose store is asked.
        id: Of the record.
    """
    record = await service.call(service.store.get, str(id))
    if record is None:
        raise ProblemError("not-found", "there is no prediction with that id; it may have been forgotten")
    return record


def require_own_folder(service: Service, record: Record) -> None:
    """Raises `ProblemError` for a record whose photograph another service keeps."""
    if record.kept and service.image_folder is None:
        raise ProblemError(
            "photograph-elsewhere",
            "its photograph is kept, but this service was started without that folder; start it with "
            "`lentigo serve --keep-photos DIR`",
        )


async def read_kept(service: Service, record: Record) -> bytes:
    """The kept photograph of a record, a JPEG. Raises `ProblemError` where it is not kept."""
    image: bytes | None = None
    if record.kept and service.image_folder is not None:
        image = await service.call(service.image_folder.get, record.sha256)
    if image is None:
        raise ProblemError(
            "not-found",
            "that photograph is not kept; `lentigo serve --keep-photos DIR` keeps those that come from then "
            "on",
        )
    return image
