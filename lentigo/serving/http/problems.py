"""Problems: every error of the service as RFC 9457 has them, `application/problem+json`, without paths, names
of files and stack traces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from lentigo.errors import SpaceError, StoreError, UsageError

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2  # after which a request to what is busy or gone may be sent again
MAX_ERRORS = 3  # of a request that the detail names
KINDS = {  # by kind, which is the end of a problem's type: status and title
    "broken-request": (400, "The request cannot be read"),
    "no-key": (401, "A key is needed"),
    "not-allowed": (403, "This key may not do that"),
    "cross-site": (403, "Another site may not ask"),
    "not-found": (404, "There is no such thing"),
    "wrong-method": (405, "That method is not for this address"),
    "too-slow": (408, "The request took too long to arrive"),
    "conflict": (409, "That is taken"),
    "photograph-elsewhere": (409, "The photograph is kept in a folder that this service does not have"),
    "other-request": (409, "That Idempotency-Key belongs to another request"),
    "too-large": (413, "The request is too large"),
    "no-form": (415, "A form is expected"),
    "unreadable-photograph": (422, "The photograph cannot be read"),
    "no-photograph": (422, "No photograph could be answered"),
    "invalid": (422, "A value is not as expected"),
    "too-many": (429, "Too many requests"),
    "client-gone": (499, "The client has left"),
    "bug": (500, "The service has failed"),
    "busy": (503, "The service is busy"),
    "no-store": (503, "The store does not answer"),
}
KIND_BY_STATUS = {
    400: "broken-request",
    401: "no-key",
    403: "not-allowed",
    404: "not-found",
    405: "wrong-method",
    413: "too-large",
    415: "no-form",
    422: "invalid",
}


EXTRA_HEADERS = {  # by status
    401: {"WWW-Authenticate": "Bearer"},
    503: {"Retry-After": str(RETRY_SECONDS)},
}


class ProblemError(HTTPException):
    """A request that is not granted."""

    def __init__(
        self, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        """Names the problem.

        Args:
            kind: a key of `KINDS`.
            detail: what, what was expected and the cure, in one line.
            headers: further headers of the response.
            members: further members of the problem's JSON.
        """
        self.kind = kind
        self.members = members
        status, _ = KINDS[kind]
        all_headers = dict(EXTRA_HEADERS.get(status, {}))
        all_headers.update(headers or {})
        super().__init__(status, detail, headers=all_headers)


def describe_problem(kind: str, detail: str, **members: Any) -> dict[str, Any]:
    """Writes a problem as JSON.

    Args:
        kind: a key of `KINDS`.
        detail: what is wrong, in one line.
        members: further members.

    Returns:
        The members of RFC 9457, without `instance`.

    >>> describe_problem("busy", "200 photographs wait already")["status"]
    503
    """
    status, title = KINDS[kind]
    return {
        "type": f"urn:lentigo:problem:{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        **members,
    }


def make_problem_response(error: ProblemError, request_id: str) -> JSONResponse:
    """Makes the response to a request that is not granted.

    Args:
        error: the problem.
        request_id: the id of the request in the log.

    Returns:
        The response, of the type `MEDIA_TYPE`.
    """
    instance = f"urn:uuid:{request_id}"
    members = describe_problem(error.kind, error.detail, **error.members, instance=instance)
    return JSONResponse(members, error.status_code, headers=dict(error.headers or {}), media_type=MEDIA_TYPE)


def translate(error: Exception) -> ProblemError:
    """Turns any error into a problem.

    Args:
        error: what was raised.

    Returns:
        The problem; where the error is not one of ours, it says nothing of it.
    """
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, HTTPException):
        kind = KIND_BY_STATUS.get(error.status_code, "broken-request")
        return ProblemError(kind, str(error.detail), headers=error.headers)
    if isinstance(error, RequestValidationError):
        return explain_invalid(error)
    if isinstance(error, UsageError):
        return ProblemError("invalid", str(error))
    if isinstance(error, StoreError | SpaceError):
        return ProblemError("no-store", "nothing was recorded and no answer is given; try again")
    return ProblemError("bug", "an unexpected error; the log has more under this instance")


def explain_invalid(error: RequestValidationError) -> ProblemError:
    """Names the values that are not as expected, without the values: they may be what must not be logged."""
    errors = list_invalid(error)
    detail = "; ".join(f"{item['where']}: {item['message']}" for item in errors[:MAX_ERRORS])
    return ProblemError("invalid", detail, errors=errors)


def list_invalid(error: RequestValidationError) -> list[dict[str, str]]:
    """Where each value is that is not as expected, and what is wrong with it."""
    errors = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        errors.append({"where": where, "message": item["msg"]})
    return errors


def find_methods(routes: Iterable[BaseRoute], request: Request) -> set[str]:
    """The methods that any route of an address takes."""
    methods: set[str] = set()
    for route in routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods.update(getattr(route, "methods", None) or ())
    return methods


def install_problems(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Makes an application respond to every error with a problem. Unexpected errors are left to the
    middleware, which logs them.

    Args:
        app: the application.
        routes: its routes.
    """

    async def respond(request: Request, error: Exception) -> JSONResponse:
        request.state.info.error = error
        response = make_problem_response(translate(error), request.state.info.id)
        if response.status_code == 405:
            response.headers["Allow"] = ", ".join(sorted(find_methods(routes, request)))
        return response

    for kind in (HTTPException, RequestValidationError, UsageError, StoreError, SpaceError):
        app.add_exception_handler(kind, respond)
