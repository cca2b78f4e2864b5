"""Origins: whether a request comes from the service's own page, and where no key is needed, from this machine."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import Scope

from lentigo.serving.http.access import AccessControl
from lentigo.serving.http.problems import ProblemError

PAGE_PATH = "/"  # where a link from another site may lead
PROBE_PATHS = frozenset({"/healthz", "/readyz"})
# In the Host header of requests from this machine
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
OWN_SITES = frozenset({"same-origin", "none"})  # of Sec-Fetch-Site: the page itself, and what its user typed
# Added by proxies and balancers
PROXY_HEADERS = frozenset(
    {
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "true-client-ip",
        "client-ip",
        "x-host",
        "x-scheme",
        "x-request-start",
        "x-varnish",
        "cdn-loop",
    }
)
PROXY_HEADER_PREFIXES = (
    "x-forwarded",
    "x-original-",
    "x-envoy-",
    "x-proxy",
    "cf-",
    "fly-",
    "x-azure-",
    "x-amzn-",
    "x-arr-",
    "x-appengine-",
    "x-akamai-",
    "fastly-",
    "tailscale-",
)
HOST_PORT = re.compile(r":[0-9]{1,5}$")


async def check_origin(scope: Scope, access: AccessControl) -> None:
    """Refuses requests of another site's page; and where no key is needed, also requests that may come from
    elsewhere than this machine.

    The browser says where a request comes from (Sec-Fetch-Site, Origin). The Host header is checked because
    the name of a hostile site may lead to this machine (DNS rebinding), the marks of a proxy because it may
    let everybody in. Other headers, such as Authorization, open nothing here: a rebound page may send them
    too.

    Args:
        scope: of the request, as ASGI has it.
        access: says whether a key is needed.

    Raises:
        ProblemError: the request is refused.
    """
    if scope["path"] in PROBE_PATHS:  # a balancer sends these with any name
        return
    headers = Headers(scope=scope)
    refuse_other_sites(scope, headers)
    if await access.is_open():  # without keys whoever reaches the service may use it
        refuse_strangers(scope, headers)


def refuse_other_sites(scope: Scope, headers: Headers) -> None:
    """Raises `ProblemError` for a request that the page of another site has sent; a link may lead here."""
    is_link = scope["method"] == "GET" and scope["path"] == PAGE_PATH
    sites = set(headers.getlist("sec-fetch-site"))
    if not is_link and not sites <= OWN_SITES:
        raise ProblemError("cross-site", "a page of another site may not use the service")


def refuse_strangers(scope: Scope, headers: Headers) -> None:
    """Raises `ProblemError` for a request that may come from elsewhere than this machine."""
    if is_forwarded(scope, headers):
        raise ProblemError(
            "cross-site",
            "without keys the service answers nobody behind a proxy, who may be anybody; make a key: "
            "`lentigo keys add NAME`",
        )
    own_origin = f"http://{find_local_host(headers)}"
    if any(origin.lower() != own_origin for origin in headers.getlist("origin")):
        raise ProblemError("cross-site", "a page of another site may not use the service")


def find_local_host(headers: Headers) -> str:
    """The host that a request names, in small letters. Raises `ProblemError` where it is not this machine."""
    names = headers.getlist("host")
    if len(names) != 1 or strip_port(names[0]) not in LOCAL_NAMES:
        raise ProblemError(
            "cross-site",
            "without keys the service answers to the names localhost and 127.0.0.1 only; make a key: "
            "`lentigo keys add NAME`",
        )
    return names[0].lower()


def is_forwarded(scope: Scope, headers: Headers) -> bool:
    """Whether a request shows the marks of a proxy: headers that proxies add, or HTTP/1.0, which nginx speaks
    unless it is told otherwise.
    """
    if scope.get("http_version") == "1.0":
        return True
    for name in headers:
        spelled = name.replace("_", "-")  # which some servers take for the same
        if spelled in PROXY_HEADERS or spelled.startswith(PROXY_HEADER_PREFIXES):
            return True
    return False


def strip_port(host: str) -> str:
    """The name in a Host header, in lower case; all of it where what follows is no port.

    >>> strip_port("LOCALHOST:8000")
    'localhost'
    >>> strip_port("[::1]:80")
    '[::1]'
    >>> strip_port("localhost:80@evil.example")
    'localhost:80@evil.example'
    """
    return HOST_PORT.sub("", host).lower()
