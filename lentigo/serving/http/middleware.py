"""Middleware: what holds for every request before and after its route: origin, limits of time and size,
headers, one line in the log.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lentigo.serving.http.origins import check_origin
from lentigo.serving.http.problems import ProblemError, make_problem_response, translate
from lentigo.serving.metrics import Metrics
from lentigo.serving.settings import Settings

log = logging.getLogger("lentigo.serving")
WEBSOCKET_REFUSED = 1008  # RFC 6455: against the policy of the server
MAX_SMALL_BODY_BYTES = 64_000  # of a request that holds no photographs
MAX_LENGTH_DIGITS = 20  # of a Content-Length that are read
UPLOAD_PATH = "/v1/predictions"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # that the log names
SINGLE_HEADERS = ("idempotency-key", "authorization", "content-type")  # of which one alone can be meant
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src "
    "'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass
class RequestInfo:
    """One request: its id, and what is learned of it on the way.

    Args:
        id: named in problems and in the log.
        began: when it came in, by the clock of `time.perf_counter`.
        who: the name of the key, "" until it is known.
        status: of the response, 0 until it is sent.
        error: what made it fail.
    """

    id: str = field(default_factory=lambda: str(uuid4()))
    began: float = field(default_factory=time.perf_counter)
    who: str = ""
    status: int = 0
    error: Exception | None = None


class ServiceMiddleware:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the service has none
            await send({"type": "websocket.close", "code": WEBSOCKET_REFUSED})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        info = RequestInfo()
        scope.setdefault("state", {})["info"] = info

        # Around every response, also those of problems that are raised here
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                info.status = message["status"]
                add_headers(MutableHeaders(scope=message), info)
            await send(message)

        try:
            settings = scope["app"].state.service.settings
            max_bytes = find_limit(scope, settings)
            check_headers(Headers(scope=scope))
            check_size(Headers(scope=scope), max_bytes)
            await check_origin(scope, scope["app"].state.access)
            body = LimitedBody(receive, max_bytes, settings.upload_seconds)
            await self.app(scope, body, send_with_headers)
        except Exception as error:
            # The outermost: a bug is logged and answered with 500, and the service lives
            info.error = error
            if info.status:
                raise  # half a response is out: the connection breaks
            response = make_problem_response(translate(error), info.id)
            await response(scope, receive, send_with_headers)
        finally:
            log_request(scope, info)


class LimitedBody:
    """Receives a body of at most `max_bytes` within `seconds`. Raises `ProblemError` beyond either; after the
    body it only waits for the client to leave.
    """

    def __init__(self, receive: Receive, max_bytes: int, seconds: float) -> None:
        self.receive = receive
        self.max_bytes = max_bytes
        self.deadline = time.monotonic() + seconds
        self.size = 0
        self.is_complete = False

    async def __call__(self) -> Message:
        if self.is_complete:
            return await self.receive()
        message = await self._receive_in_time()
        self.size += len(message.get("body", b""))
        self.is_complete = not message.get("more_body", False)
        if self.size > self.max_bytes:
            raise explain_size(self.max_bytes)
        return message

    async def _receive_in_time(self) -> Message:
        """The next piece of the body. Raises `ProblemError` where it takes too long."""
        seconds_left = max(0.0, self.deadline - time.monotonic())
        try:
            return await asyncio.wait_for(self.receive(), seconds_left)
        except TimeoutError as error:
            raise ProblemError(
                "too-slow",
                "the body did not arrive in time; send it faster, or less of it",
                headers={"Connection": "close"},
            ) from error


def find_limit(scope: Scope, settings: Settings) -> int:
    """How many bytes the body of a request may have."""
    if scope["path"] == UPLOAD_PATH and scope["method"] == "POST":
        return settings.max_request_bytes
    return MAX_SMALL_BODY_BYTES


def check_headers(headers: Headers) -> None:
    """Refuses a request that says two things at once: a proxy before the service might take the other one."""
    if "transfer-encoding" in headers and "content-length" in headers:
        raise ProblemError(
            "broken-request",
            "both Transfer-Encoding and Content-Length; expected one of them",
            headers={"Connection": "close"},
        )
    for name in SINGLE_HEADERS:
        if len(headers.getlist(name)) > 1:
            raise ProblemError("broken-request", f"{name} is sent more than once; expected it once")


def check_size(headers: Headers, max_bytes: int) -> None:
    """Refuses a body that announces too many bytes, before any of it is read."""
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:MAX_LENGTH_DIGITS]) > max_bytes:
        raise explain_size(max_bytes)


def explain_size(max_bytes: int) -> ProblemError:
    """The problem of a body that is too large.

    Args:
        max_bytes: that it may have.
    """
    return ProblemError(
        "too-large",
        f"more than {max_bytes} bytes; send less in one request",
        headers={"Connection": "close"},
    )


def add_headers(headers: MutableHeaders, info: RequestInfo) -> None:
    """Adds what every response carries."""
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    headers["X-Request-Id"] = info.id
    headers.setdefault("Cache-Control", "no-store")


def log_request(scope: Scope, info: RequestInfo) -> None:
    """Writes a line into the log and counts the request: no address, no query, no names of files.

    Of a failure of the service the log also says where it arose.
    """
    seconds = time.perf_counter() - info.began
    problem = None if info.error is None else translate(info.error)
    facts = {
        # Only what is known beforehand: a client may send any method and any path
        "method": scope["method"] if scope["method"] in METHODS else "-",
        "route": getattr(scope.get("route"), "path", "-"),
        "status": info.status,
        "ms": round(1000 * seconds, 1),
        "who": info.who,
        "request": info.id,
    }
    if problem is not None:
        facts["problem"] = problem.kind
    count_request(scope["app"].state.service.metrics, facts, seconds)
    # Each key has a limit of requests. All requests without one share a limit of log lines.
    kind = None if info.who else "nobody known"
    log.info(json.dumps(facts), extra={"kind": kind})
    if problem is not None and problem.status_code >= 500 and problem.kind != "busy":
        log_failure(info, problem)


def count_request(metrics: Metrics, facts: dict[str, Any], seconds: float) -> None:
    """Counts a request by what its line in the log says."""
    metrics.requests.labels(facts["method"], facts["route"], facts["status"]).inc()
    metrics.seconds.labels(facts["route"]).observe(seconds)
    if "problem" in facts:
        metrics.problems.labels(facts["problem"]).inc()


def log_failure(info: RequestInfo, problem: ProblemError) -> None:
    """Writes what failed into the log, with a traceback where it is a bug."""
    message = {"request": info.id, "error": f"{type(info.error).__name__}: {info.error}"}
    trace = info.error if problem.kind == "bug" else None
    log.error(json.dumps(message), exc_info=trace, extra={"kind": "failures"})
