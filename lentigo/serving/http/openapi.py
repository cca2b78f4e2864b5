"""The interface as an OpenAPI document: what FastAPI finds, and every problem that a route may respond
with.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from lentigo.serving.http import schemas
from lentigo.serving.http.problems import MEDIA_TYPE

ALWAYS = (400, 403, 408, 413, 500)  # statuses of problems of every route
KEYED = (401, 429, 503)  # of routes that may need a key
DESCRIPTIONS = {
    400: "The request cannot be read.",
    401: "No key, or one that is not valid.",
    403: "The key is not for that, or another site asks.",
    404: "There is none.",
    408: "The body did not arrive in time.",
    409: "The name is taken, the Idempotency-Key belongs to another request, or the photograph is kept "
    "elsewhere.",
    413: "More bytes or photographs than are taken at once.",
    415: "The body is no form.",
    422: "A value is not as expected, or no photograph could be answered.",
    429: "More requests than one key may make; see Retry-After.",
    500: "A bug.",
    503: "The queue is full or the store does not answer; see Retry-After.",
}
RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
WITH_RETRY = (429, 503)
SUMMARY = (
    "Benign or malignant, for photographs of skin lesions. A research tool, not a medical device: no "
    "diagnosis, no treatment decision."
)


def describe_interface(app: FastAPI) -> dict[str, Any]:
    """Makes the document, once.

    Args:
        app: the application with its routes.

    Returns:
        The document as JSON.
    """
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=SUMMARY, routes=app.routes)
        parts = document["components"]["schemas"]
        parts["Problem"] = schemas.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        for name in ("HTTPValidationError", "ValidationError"):
            parts.pop(name, None)
        for path, item in document["paths"].items():
            for method, operation in item.items():
                add_problems(path, method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def add_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    """Adds every problem that an operation may respond with.

    Args:
        path: of the operation.
        method: in small letters.
        operation: its entry in the document, which is changed.
    """
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted(list_statuses(path, method, operation)):
        response: dict[str, Any] = {"description": DESCRIPTIONS[status], "content": problem}
        if status in WITH_RETRY:
            response["headers"] = RETRY_AFTER
        operation["responses"][str(status)] = response


def list_statuses(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    """The statuses of those problems."""
    statuses = set(ALWAYS)
    if "security" in operation:
        statuses.update(KEYED)
    if path == "/readyz":
        statuses.add(503)
    if path.startswith("/v1"):
        statuses.add(422)
    if "{id}" in path or "{sha256}" in path:
        statuses.add(404)
    if method in ("post", "delete"):
        statuses.add(409)
    if path == "/v1/predictions" and method == "post":
        statuses.add(415)
    return statuses
