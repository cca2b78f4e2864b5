"""Addresses of a public archive: which may be asked, and how they are named in messages."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import httpx

from lentigo.errors import ArchiveError, UsageError


def check_base(base: str) -> httpx.URL:
    """The address of an archive's interface, ending in a slash. Raises `UsageError` where it may not be
    asked.

    Args:
        base: As a person typed it.
    """
    url = httpx.URL("")
    with suppress(httpx.InvalidURL):
        # A missing host is the error of both: no address, and one without a host
        url = httpx.URL(base)
    if (
        not url.host
        or url.query
        or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host)))
    ):
        raise UsageError(
            f"address {base!r} is none of an archive; expected one such as "
            "https://api.isic-archive.com/api/v2/ (http on this machine only)"
        )
    if url.userinfo:
        raise UsageError(
            f"address of {url.host} holds a name or a password; expected none: credentials are not "
            "supported, public photographs only"
        )
    # Only below a slash are relative addresses joined to the path, instead of taking its place
    return url if url.path.endswith("/") else url.copy_with(path=f"{url.path}/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine.

    Args:
        host: A name or a number.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("isic-archive.com")
    (True, True, False)
    """
    try:
        # localhost is a name, which is no address to `ipaddress`
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_url(url: str) -> httpx.URL:
    """An address that a server gave. Raises `ArchiveError` where it is none.

    Args:
        url: As the server wrote it.
    """
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ArchiveError(
            f"address {url[:100]!r} of the archive is none ({error}); expected https://host/path"
        ) from error


def name_origin(url: httpx.URL) -> str:
    """Scheme, host and port, for messages.

    Args:
        url: Any address.
    """
    return f"{url.scheme}://{url.netloc.decode()}"


def name_place(url: httpx.URL) -> str:
    """Host and path, for messages: a signature in the query is nobody's business.

    Args:
        url: Any address.
    """
    return f"{url.host}{url.path}"
