"""The guard: what holds for every request before and after its route: who may ask from where, limits of time
and size, headers, one line in the log.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lentigo.serving.http.access import Gate
from lentigo.serving.http.problems import ProblemError, answer_problem, translate

log = logging.getLogger("lentigo.serving")
NO_WEBSOCKET = 1008  # RFC 6455: against the policy of who answers
SMALL = 64_000  # bytes of a body that holds no photographs
UPLOADS = "/v1/predictions"
PAGE = "/"  # where a link from another site may lead
PROBES = frozenset({"/healthz", "/readyz"})
NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})  # in the Host header of whoever asks from this machine
OWN = frozenset({"same-origin", "none"})  # values of Sec-Fetch-Site: the page itself, and what its user typed
FORWARDED = frozenset(
    {
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "true-client-ip",
        "client-ip",
        "x-host",
    }
)
FORWARDED_PREFIXES = (
    "x-forwarded",
    "x-original-",
    "x-envoy-",
    "x-proxy",
    "cf-",
    "fly-",
    "x-azure-",
    "x-amzn-",
)  # added by proxies and balancers
HOST_PORT = re.compile(r":[0-9]{1,5}$")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src "
    "'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass
class Visit:
    """One request: its id, and what is learned of it on the way."""

    id: str = field(default_factory=lambda: str(uuid4()))
    began: float = field(default_factory=time.perf_counter)
    who: str = ""
    status: int = 0
    error: Exception | None = None


class Guard:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the service has none
            await send({"type": "websocket.close", "code": NO_WEBSOCKET})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = scope.setdefault("state", {})["visit"] = Visit()

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                add_headers(MutableHeaders(scope=message), scope["path"], visit)
            await send(message)

        try:
            service = scope["app"].state.service
            check_size(Headers(scope=scope), find_limit(scope, service.settings))
            await check_origin(scope, scope["app"].state.gate)
            await self.app(
                scope,
                Body(receive, find_limit(scope, service.settings), service.settings.upload_seconds),
                mark,
            )
        except Exception as error:
            visit.error = error
            if visit.status:
                raise  # half an answer is out: the connection breaks
            await answer_problem(translate(error), visit.id)(scope, receive, mark)
        finally:
            report_visit(scope, visit)


class Body:
    """Receives a body of at most `most` bytes within `seconds`. Raises `ProblemError` beyond either; after
    the body it only waits for the client to leave.
    """

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self.receive, self.most, self.deadline, self.size, self.done = (
            receive,
            most,
            time.monotonic() + seconds,
            0,
            False,
        )

    async def __call__(self) -> Message:
        if self.done:
            return await self.receive()
        try:
            message = await asyncio.wait_for(self.receive(), max(0.0, self.deadline - time.monotonic()))
        except TimeoutError as error:
            raise ProblemError(
                "too-slow",
                "the body did not arrive in time; send it faster, or less of it",
                headers={"Connection": "close"},
            ) from error
        self.size += len(message.get("body", b""))
        self.done = not message.get("more_body", False)
        if self.size > self.most:
            raise explain_size(self.most)
        return message


def find_limit(scope: Scope, settings: Any) -> int:
    """The most bytes that a request may have."""
    return settings.most_total if scope["path"] == UPLOADS and scope["method"] == "POST" else SMALL


def check_size(headers: Headers, most: int) -> None:
    """Refuses what announces too much before any of it is read."""
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > most:
        raise explain_size(most)


def explain_size(most: int) -> ProblemError:
    """A body that is too large."""
    return ProblemError(
        "too-large", f"more than {most} bytes; send less in one request", headers={"Connection": "close"}
    )


async def check_origin(scope: Scope, gate: Gate) -> None:
    """Refuses what a page of another site asks for; and where no key is needed, also whatever may come from
    elsewhere than this machine.

    The browser says where a request comes from (Sec-Fetch-Site, Origin). The name guards against a site whose
    own name leads to this machine (DNS rebinding), the marks of a proxy against one that lets everybody in.
    What a request says of itself otherwise, such as Authorization, opens nothing here: a rebound page may
    send that too.
    """
    if scope["path"] in PROBES:  # a balancer asks for these by any name
        return
    headers = Headers(scope=scope)
    is_link = scope["method"] == "GET" and scope["path"] == PAGE
    if not is_link and any(site not in OWN for site in headers.getlist("sec-fetch-site")):
        raise ProblemError("cross-site", "a page of another site may not use the service")
    if not await gate.is_open():
        return
    if is_forwarded(scope, headers):
        raise ProblemError(
            "cross-site",
            "without keys the service answers nobody behind a proxy, who may be anybody; make a key: "
            "`lentigo keys add NAME`",
        )
    names = headers.getlist("host")
    if len(names) != 1 or strip_port(names[0]) not in NAMES:
        raise ProblemError(
            "cross-site",
            "without keys the service answers to the names localhost and 127.0.0.1 only; make a key: "
            "`lentigo keys add NAME`",
        )
    if any(origin.lower() != f"http://{names[0].lower()}" for origin in headers.getlist("origin")):
        raise ProblemError("cross-site", "a page of another site may not use the service")


def is_forwarded(scope: Scope, headers: Headers) -> bool:
    """Whether a request shows the marks of a proxy: headers that proxies add, or HTTP/1.0, which nginx speaks
    unless it is told otherwise.
    """
    if scope.get("http_version") == "1.0":
        return True
    return any(name in FORWARDED or name.startswith(FORWARDED_PREFIXES) for name in headers)


def strip_port(host: str) -> str:
    """The name in a Host header, in lower case; all of it where what follows is no port.

    >>> strip_port("LOCALHOST:8000"), strip_port("[::1]:80"), strip_port("[::1]")
    ('localhost', '[::1]', '[::1]')
    >>> strip_port("localhost:80@evil.example"), strip_port("localhost.")
    ('localhost:80@evil.example', 'localhost.')
    """
    return HOST_PORT.sub("", host).lower()


def add_headers(headers: MutableHeaders, path: str, visit: Visit) -> None:
    """What every response carries."""
    for name, value in HEADERS.items():
        headers[name] = value
    headers["X-Request-Id"] = visit.id
    headers.setdefault("Cache-Control", "no-store")


def report_visit(scope: Scope, visit: Visit) -> None:
    """A line in the log and the metrics: no address, no query, no names of files. Of an error that is ours to
    cure also where it arose.
    """
    route, metrics = getattr(scope.get("route"), "path", "-"), scope["app"].state.service.metrics
    seconds, method = (
        time.perf_counter() - visit.began,
        scope["method"] if scope["method"] in METHODS else "-",
    )
    metrics.requests.labels(method, route, visit.status).inc()
    metrics.seconds.labels(route).observe(seconds)
    problem = visit.error and translate(visit.error)
    if problem:
        metrics.problems.labels(problem.kind).inc()
    facts = {
        "method": method,
        "route": route,
        "status": visit.status,
        "ms": round(1000 * seconds, 1),
        "who": visit.who,
        "request": visit.id,
    }
    kind = (
        None if visit.who else "nobody known"
    )  # who is known has a limit of requests; all others together have one of lines
    log.info(json.dumps(facts | ({"problem": problem.kind} if problem else {})), extra={"kind": kind})
    if problem and problem.status_code >= 500 and problem.kind != "busy":
        log.error(
            json.dumps({"request": visit.id, "error": f"{type(visit.error).__name__}: {visit.error}"}),
            exc_info=visit.error if problem.kind == "bug" else None,
            extra={"kind": "failures"},
        )


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
