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
RETRY = 2  # seconds after which what is busy or gone may be asked again
TITLES = {  # by kind, which is the end of a problem's type: status and title
    "broken-request": (400, "The request cannot be read"),
    "no-key": (401, "A key is needed"),
    "not-allowed": (403, "This key may not do that"),
    "cross-site": (403, "Another site may not ask"),
    "not-found": (404, "There is no such thing"),
    "wrong-method": (405, "That method is not for this address"),
    "too-slow": (408, "The request took too long to arrive"),
    "conflict": (409, "That is taken"),
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
BY_STATUS = {
    400: "broken-request",
    401: "no-key",
    403: "not-allowed",
    404: "not-found",
    405: "wrong-method",
    413: "too-large",
    415: "no-form",
    422: "invalid",
}


class ProblemError(HTTPException):
    """A request that is not granted: `kind` of `TITLES`, `detail` in one line, and members that the problem
    has besides.
    """

    def __init__(
        self, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        self.kind, self.members = kind, members
        status = TITLES[kind][0]
        retry = (
            {"Retry-After": str(RETRY)}
            if status == 503
            else {"WWW-Authenticate": "Bearer"}
            if status == 401
            else {}
        )
        super().__init__(status, detail, headers=retry | dict(headers or {}))


def describe_problem(kind: str, detail: str, **members: Any) -> dict[str, Any]:
    """The members of a problem, without `instance`.

    >>> describe_problem("busy", "200 photographs wait already")["status"]
    503
    """
    status, title = TITLES[kind]
    return {
        "type": f"urn:lentigo:problem:{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        **members,
    }


def answer_problem(error: ProblemError, visit: str) -> JSONResponse:
    """The response to a request, whose id is `visit`."""
    members = describe_problem(error.kind, error.detail, **error.members) | {"instance": f"urn:uuid:{visit}"}
    return JSONResponse(members, error.status_code, headers=dict(error.headers or {}), media_type=MEDIA_TYPE)


def translate(error: Exception) -> ProblemError:
    """Any error as a problem; what is not one of ours says nothing of itself."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, HTTPException):
        known = BY_STATUS.get(error.status_code, "broken-request")
        return ProblemError(known, str(error.detail), headers=error.headers)
    if isinstance(error, RequestValidationError):
        return explain_invalid(error)
    if isinstance(error, UsageError):
        return ProblemError("invalid", str(error))
    if isinstance(error, StoreError | SpaceError):
        return ProblemError("no-store", "nothing was recorded and no answer is given; try again")
    return ProblemError("bug", "an unexpected error; the log has more under this instance")


def explain_invalid(error: RequestValidationError) -> ProblemError:
    """Which values are not as expected, without the values: they may be what must not be logged."""
    errors = [{"where": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in error.errors()]
    return ProblemError(
        "invalid", "; ".join(f"{item['where']}: {item['message']}" for item in errors[:3]), errors=errors
    )


def find_methods(routes: Iterable[BaseRoute], request: Request) -> set[str]:
    """The methods of an address, of whatever routes it has."""
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }


def install_problems(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Makes an app with these routes answer every error with a problem; what is unexpected is left to the
    guard, who logs it.
    """

    async def respond(request: Request, error: Exception) -> JSONResponse:
        request.state.visit.error = error
        response = answer_problem(translate(error), request.state.visit.id)
        if response.status_code == 405:
            response.headers["Allow"] = ", ".join(sorted(find_methods(routes, request)))
        return response

    for kind in (HTTPException, RequestValidationError, UsageError, StoreError, SpaceError):
        app.add_exception_handler(kind, respond)
