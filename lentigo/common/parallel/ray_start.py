"""Joining a Ray cluster, or starting its processes on this machine: quietly, and with errors that name the
cure.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import tempfile
from contextlib import ExitStack
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from lentigo.errors import ClusterError, UsageError, first_line

LOCAL = "local"  # in place of an address: worker processes on this machine
START_ATTEMPTS = 3  # of the processes on this machine, where it is too busy for them
ANSWER_SECONDS = 5.0  # in which whoever listens at an address must greet
MAX_SOCKET_FOLDER_LETTERS = 40  # sockets have short names
MAX_MESSAGE_LETTERS = 300  # of Ray's own words
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"  # and an empty SETTINGS frame
HTTP2_FRAME_BYTES = 9  # of the head of a frame; its fourth byte is the type
HTTP2_SETTINGS = b"\x04"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_gcs_server_request_timeout_seconds": "10",
}
# Ray's word for: nobody else may join, listen on 127.0.0.1
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


def list_settings(address: str) -> dict[str, str | None]:
    """Lists the environment variables that Ray shall have.

    Workers on this machine are on loopback only, and behind a token that only this process and they know.
    That it is asked for Ray sees to itself.

    Args:
        address: Of the cluster, or `LOCAL`.

    Returns:
        Values by name; None for a variable that stays as it is.
    """
    settings: dict[str, str | None] = dict(QUIET)
    if address == LOCAL:
        settings.update(LOOPBACK)
        settings["RAY_AUTH_TOKEN"] = make_token()
        settings["RAY_AUTH_MODE"] = None
    return settings


@cache
def make_token() -> str:
    """A token; one for a process, since Ray reads it once."""
    return secrets.token_hex(32)


def check_address(address: str) -> None:
    """Checks, before Ray waits for it, that a cluster listens at an address.

    Args:
        address: As for `join_cluster`.

    Raises:
        UsageError: For an address that is none.
        ClusterError: Where nobody listens, or another server does.
    """
    if address in (LOCAL, "auto"):
        return
    host, port = parse_address(address)
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as connection:
            without_tls = os.environ.get("RAY_USE_TLS", "0") == "0"
            if without_tls and not speaks_http2(connection):
                raise describe_silence(address, "what listens there is another server")
    except OSError as error:
        raise describe_silence(address, error.strerror or str(error)) from error


def parse_address(address: str) -> tuple[str, int]:
    """The host and the port of an address. Raises `UsageError` for one that is none."""
    parts = urlsplit(address if "://" in address else f"ray-head://{address}")
    try:
        host = parts.hostname
        port = parts.port
    except ValueError:
        host = None
        port = None
    if not host or not port or parts.scheme not in ("ray", "ray-head"):
        raise UsageError(
            f"cluster {address!r} is no address; expected HOST:PORT of its head, ray://HOST:PORT, auto or "
            f"{LOCAL}"
        )
    return host, port


def speaks_http2(connection: socket.socket) -> bool:
    """Whether a server greets as HTTP/2 asks, which Ray's do.

    It has to send a SETTINGS frame first (RFC 9113, section 3.4). Ray itself would wait for minutes. Raises
    `OSError` after a while of silence.
    """
    connection.sendall(HTTP2_GREETING)
    frame = b""
    while len(frame) < 4:
        more = connection.recv(HTTP2_FRAME_BYTES - len(frame))
        if not more:
            break
        frame += more
    return frame[3:4] == HTTP2_SETTINGS


def start_ray(address: str, processors: int, stack: ExitStack) -> None:
    """Joins or starts Ray without its dashboard and its messages.

    Args:
        address: As for `join_cluster`.
        processors: Of the processes on this machine, for `LOCAL`.
        stack: Removes Ray's temporary folder at its end.

    Raises:
        ClusterError: Where Ray cannot be joined or started.
    """
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    attempts = 1
    if address == LOCAL:
        attempts = START_ATTEMPTS
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="lentigo-", ignore_cleanup_errors=True)
        )
        options["include_dashboard"] = False
        options["num_cpus"] = processors
        if len(folder) < MAX_SOCKET_FOLDER_LETTERS:
            options["_temp_dir"] = folder
    for attempt in range(1, attempts + 1):
        try:
            ray.init(address, **options)
            return
        except Exception as error:  # Ray raises what it is, down to a bare Exception
            ray.shutdown()
            if attempt == attempts or not is_late(error):
                raise describe_failed_start(address, error) from error


def is_late(error: Exception) -> bool:
    """Whether Ray gave up only because its processes took long to start.

    It waits half a minute, and no setting says otherwise.
    """
    return "timed out during startup" in str(error)


def describe_failed_start(address: str, error: Exception) -> ClusterError:
    """What Ray says where it cannot be joined or started, in one line with its cure."""
    message = " ".join(str(error).split())
    if is_late(error):
        return ClusterError(
            f"cluster {address}: Ray's own processes do not start in time, {START_ATTEMPTS} times over; "
            "expected a machine that is less busy: try later"
        )
    if "ersion" in message:  # "version" or "Version"
        return ClusterError(
            f"cluster {address}: {message[:MAX_MESSAGE_LETTERS]}; install the same versions of Ray and "
            "Python on every machine"
        )
    if "oken" in message:  # "token" or "Token"
        return ClusterError(
            f"cluster {address}: asks for a token ({first_line(error)}); set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN to that of the cluster"
        )
    if isinstance(error, ConnectionError | TimeoutError):
        return describe_silence(address, first_line(error))
    return ClusterError(
        f"cluster {address}: cannot be joined ({first_line(error)}); expected the head of a Ray cluster, "
        "see docs/cluster.md"
    )


def describe_silence(address: str, reason: str) -> ClusterError:
    """The error where nobody answers at an address."""
    return ClusterError(
        f"cluster {address}: nobody answers ({reason}); expected the head of a Ray cluster: start one with "
        f"`ray start --head --port=6379`, or work on this machine with --cluster {LOCAL}"
    )


def silence_ray() -> None:
    """Keeps Ray from printing on stdout that a worker or a node was lost: it would stand among the
    results.
    """
    import ray._private.worker as inner

    if hasattr(inner, "_worker_logs_enabled"):
        inner._worker_logs_enabled = False


def count_cores() -> int:
    """Counts the processors that this process may use.

    Returns:
        At least 1.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
