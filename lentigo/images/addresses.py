"""Photographs in buckets and on servers: what stands at an address such as s3://bucket/mole.jpg, through
fsspec.

An address is asked only where a user names it. Each kind of place needs a package of its own: s3fs, gcsfs,
adlfs, aiohttp.
"""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeGuard
from urllib.parse import urljoin, urlsplit

from lentigo.common.file_reading import MAX_FILE_BYTES, read_regular
from lentigo.errors import ImageError, MissingError, UsageError, first_line, tell_install

# Packages that fsspec needs for a kind of place; None: nothing more
PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
    "file": None,
    "memory": None,
}
ADDRESS_SECONDS = 120.0  # in which an object must have come
SILENT_SECONDS = 20.0  # that a server may be silent for
PIECE_BYTES = 1 << 20  # that are read at once
_ADDRESS = re.compile(rf"({'|'.join(PACKAGES)})://.")


def is_address(name: object) -> TypeGuard[str]:
    """Whether a name is an address rather than a path.

    Args:
        name: Anything; what is no text is none.

    >>> is_address("s3://bucket/mole.jpg"), is_address("photos/mole.jpg"), is_address("C:/mole.jpg")
    (True, False, False)
    """
    return isinstance(name, str) and _ADDRESS.match(name) is not None


def read_address(address: str) -> bytes:
    """Reads the bytes at an address.

    Args:
        address: Of one object.

    Returns:
        All of them.

    Raises:
        ImageError: Where there is no such object, or it may not be read.
    """
    try:
        system, path = open_place(address)
        return read_within(system, path, address.partition("://")[0])
    except FileNotFoundError as error:
        raise ImageError(f"{address}: no such object; expected a photograph: check the address") from error
    except PermissionError as error:
        if "redirected" in str(error):
            raise ImageError(
                f"{address}: {error}: not followed; expected a photograph at the address itself"
            ) from error
        raise ImageError(
            f"{address}: access is denied; expected an object that you may read: check credentials and "
            "permissions where it is read"
        ) from error
    except MissingError as error:
        raise ImageError(f"{address}: {error}") from error
    except TimeoutError as error:
        raise ImageError(
            f"{address}: does not answer within {SILENT_SECONDS:.0f} seconds, or takes more than "
            f"{ADDRESS_SECONDS:.0f}; expected a photograph: check the connection"
        ) from error
    except Exception as error:  # each kind of place has its own errors; they share no base class
        raise ImageError(
            f"{address}: cannot be read ({first_line(error)}); expected a photograph: check address, "
            "connection and credentials"
        ) from error


def read_within(system: Any, path: str, kind: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of an object, in bounded time and memory: a server may be slow, silent or never end.

    Args:
        system: fsspec's file system.
        path: Of the object there.
        kind: Of the address, such as `https`.
        max_bytes: A longer object is refused.

    Raises:
        TooLarge: Where there are more bytes.
        TimeoutError: Where they take too long.
    """
    from fsspec.asyn import sync

    if kind == "file":
        return read_regular(path, max_bytes)
    if kind in ("http", "https"):
        return sync(system.loop, download, system, path, max_bytes, timeout=ADDRESS_SECONDS)
    limits = {"timeout": ADDRESS_SECONDS} if getattr(system, "async_impl", False) else {}
    size = system.info(path, **limits).get("size")
    if size is not None and size > max_bytes:
        raise TooLarge(max_bytes)
    return system.cat_file(path, **limits)


async def download(system: Any, address: str, max_bytes: int) -> bytes:
    """The body of a web server's response.

    Raises `TooLarge` as soon as it is more than `max_bytes`, whatever its head said.
    """
    import aiohttp

    timeout = aiohttp.ClientTimeout(
        total=ADDRESS_SECONDS, sock_connect=SILENT_SECONDS, sock_read=SILENT_SECONDS
    )
    session = await system.set_session()
    options = {**system.kwargs, "timeout": timeout}
    pieces = []
    size = 0
    async with session.get(system.encode_url(address), **options) as response:
        if response.status == 404:
            raise FileNotFoundError(address)
        if response.status in (401, 403):
            raise PermissionError(f"the server answers {response.status}")
        response.raise_for_status()
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            size += len(piece)
            if size > max_bytes:
                raise TooLarge(max_bytes)
            pieces.append(piece)
    return b"".join(pieces)


class TooLarge(Exception):
    """An object with more bytes than a photograph has. Raised by `read_within`, never to a user."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"more than {max_bytes / 1e6:.0f} MB")


def hash_address(address: str) -> str:
    """Hashes what stands at an address.

    Args:
        address: Of one object.

    Returns:
        The SHA-256 in hexadecimal; "" where it cannot be read.
    """
    try:
        return hashlib.sha256(read_address(address)).hexdigest()
    except ImageError:
        return ""


def walk_address(address: str) -> Iterator[str]:
    """Lists the addresses of all objects below one.

    Web servers are not listed.

    Args:
        address: Of a folder, or of an object, which gives itself.

    Yields:
        Addresses, folder by folder, sorted within each; hidden ones are left out.

    Raises:
        ImageError: Where it cannot be listed.
        MissingError: Where a package is missing.
    """
    if address.startswith(("http://", "https://")):
        yield address
        return
    try:
        system, root = open_place(address)
        if not system.isdir(root):
            yield address
            return
        for folder, _, files in system.walk(root, on_error="raise"):
            inner = folder.removeprefix(root)
            if "/." in inner:
                continue
            prefix = f"{address.rstrip('/')}{inner.rstrip('/')}"
            for name in sorted(files):
                if name and not name.startswith("."):
                    yield f"{prefix}/{name}"
    except MissingError:
        raise
    except Exception as error:  # as for reading: fsspec's places share no base class of errors
        raise ImageError(
            f"{address}: cannot be listed ({first_line(error)}); expected a folder that you may read: check "
            "address and credentials"
        ) from error


@lru_cache(maxsize=256)  # fsspec keeps a session for each
def make_session_factory(named: str | None) -> Any:
    """Makes what makes aiohttp's sessions for the addresses of a host.

    A redirect to another host is followed only where that is a public one: whoever answers at a public
    address could otherwise have this machine ask services of its own network.
    """
    import aiohttp

    async def check_redirect(_session: Any, _context: Any, params: Any) -> None:
        target = urljoin(str(params.url), params.response.headers.get("Location", ""))
        parts = urlsplit(target)
        is_web = parts.scheme in ("http", "https")
        is_same_host = parts.hostname == named
        if not is_web or not (is_same_host or is_public(parts.hostname)):
            raise PermissionError(f"redirected to {target}, which is none of the public web")

    async def make_session(**options: Any) -> Any:
        options.pop("loop", None)
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(check_redirect)
        return aiohttp.ClientSession(**options, trace_configs=[trace])

    return make_session


def is_public(host: str | None) -> bool:
    """Whether a host is on the public internet, and nothing that it resolves to is local or private.

    An unknown host is not.

    >>> is_public("127.0.0.1"), is_public("169.254.169.254"), is_public("10.1.2.3")
    (False, False, False)
    >>> is_public("[::1]"), is_public(None)
    (False, False)
    """
    addresses = resolve_host(host) if host else []
    return bool(addresses) and all(address.is_global for address in addresses)


def resolve_host(host: str) -> list[IPv4Address | IPv6Address]:
    """The addresses that a host has; none where it is unknown."""
    try:
        entries = socket.getaddrinfo(host.strip("[]"), None)
    except (OSError, UnicodeError):
        return []
    names = {str(entry[4][0]).partition("%")[0] for entry in entries}  # without an IPv6 zone
    return list(map(ip_address, names))


def open_place(address: str) -> tuple[Any, str]:
    """fsspec's file system of an address, and the path there. Raises `MissingError`.

    Args:
        address: Such as s3://bucket/folder.
    """
    kind = address.partition("://")[0]
    try:
        import fsspec
    except ImportError as error:
        raise MissingError(
            f"{kind}:// needs fsspec, which the plain install leaves out; {tell_install('cluster')}"
        ) from error
    if kind not in PACKAGES:
        raise UsageError(
            f"{address}: places of the kind {kind!r} are unknown; expected {', '.join(PACKAGES)}"
        )
    try:
        if kind in ("http", "https"):
            return fsspec.core.url_to_fs(address, get_client=make_session_factory(urlsplit(address).hostname))
        return fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise MissingError(
            f"{kind}:// needs {PACKAGES[kind]} wherever photographs are read; pip install {PACKAGES[kind]}"
        ) from error
