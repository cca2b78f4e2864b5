"""The server: it listens, answers until it is told to end, and then finishes what it has accepted; in this
process, or in several workers.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, suppress
from pathlib import Path
from typing import Any

import uvicorn

from lentigo.errors import UsageError
from lentigo.serving.http.app import make_app
from lentigo.serving.http.connections import choose_connection_limit, count_open_files, make_protocol
from lentigo.serving.logs import capture_log
from lentigo.serving.service import Service, open_service
from lentigo.serving.settings import Settings
from lentigo.serving.workers import WorkerGroup

IDLE_SECONDS = 15  # after which a connection without a request is closed
MAX_BACKLOG = 128  # connections that the system accepts before this process has looked at them


def serve(
    model: str | Path = "bundled",
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    db: str | None = None,
    keep_images: str | Path | None = None,
    index: str | Path | None = None,
    on_ready: Callable[[dict[str, Any]], None] = lambda facts: None,
    **limits: Any,
) -> None:
    """Serves a RUN over HTTP until the process is told to end (SIGTERM, SIGINT).

    Args:
        model: a RUN or "bundled".
        host: the name or address to listen at.
        port: the port; 0 for any that is free.
        db: the URL of the store; None for the usual one.
        keep_images: the folder to keep photographs in; None to keep none.
        index: the folder of `lentigo.index_cases`, of which the nearest known lesions are shown beside each
            photograph; None for none.
        on_ready: called with address, model and store once requests are taken.
        limits: further fields of `lentigo.serving.settings.Settings`.

    Raises:
        ModelError: the model or the index cannot be used.
        StoreError: the store does not answer.
        UsageError: the port is taken, or others can reach the host while the store has no key.
    """
    settings = Settings(
        model=model,
        database=db,
        image_folder=Path(keep_images) if keep_images else None,
        index=Path(index) if index else None,
        host=host,
        port=port,
        **limits,
    )
    with listen(settings) as listener:
        if settings.workers == 1:
            serve_here(settings, listener, on_ready)
        else:
            WorkerGroup(serve_here, settings, listener).run(on_ready)


def serve_here(
    settings: Settings, listener: socket.socket, on_ready: Callable[[dict[str, Any]], None]
) -> None:
    """Serves in this process until it is told to end.

    Args:
        settings: which model and store, and the limits.
        listener: a socket of `listen`.
        on_ready: as for `serve`.
    """
    with capture_log() as stream:
        service = open_service(settings)
        require_key(service)
        facts = describe_service(service, listener)
        config = make_config(settings, make_app(settings, service))

        def announce() -> None:
            with redirect_stderr(stream):
                on_ready(facts)

        AnnouncingServer(config, announce).run(sockets=[listener])


def describe_service(service: Service, listener: socket.socket) -> dict[str, Any]:
    """Address, model, store, folders of photographs and of known lesions, for whoever started the
    service.
    """
    folder = service.settings.image_folder
    index = service.settings.index
    return {
        "url": name_url(listener),
        "model": service.pool.name,
        "store": service.store.database.place,
        "photographs": None if folder is None else str(folder),
        "known_cases": None if index is None else str(index),
    }


def name_url(listener: socket.socket) -> str:
    """The address of a socket, for people and their browsers."""
    name, number = listener.getsockname()[:2]  # of IPv6 two more follow
    if ":" in name:  # IPv6
        name = f"[{name}]"
    return f"http://{name}:{number}"


def make_config(settings: Settings, app: Any) -> uvicorn.Config:
    """Configures uvicorn to serve an application within the limits of the settings.

    Args:
        settings: the limits.
        app: the ASGI application.

    Returns:
        The configuration.
    """
    max_connections = choose_connection_limit(settings.max_connections, count_open_files())
    return uvicorn.Config(
        app,
        http=make_protocol(max_connections, settings.header_seconds, settings.read_seconds),
        log_config=None,  # `capture_log` does it
        access_log=False,  # the middleware writes one line a request, without addresses
        server_header=False,
        date_header=True,
        lifespan="on",
        ws="none",
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
        backlog=min(MAX_BACKLOG, max_connections),
        proxy_headers=False,  # whoever sends a request could write them
        port=settings.port,
    )


class AnnouncingServer(uvicorn.Server):
    """A server that says when it takes requests."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_ready = on_ready

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        # After the last answer uvicorn raises the signal that ended it once more: the log stays as it is
        with suppress(KeyboardInterrupt):
            super().run(sockets=sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_ready()


def listen(settings: Settings) -> socket.socket:
    """Opens a socket at the address of the settings. Raises `UsageError` where it cannot be had."""
    try:
        addresses = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = addresses[0]
        with ExitStack() as stack:
            # asyncio sends at once (without Nagle's algorithm) only where the protocol is named.
            listener = stack.enter_context(socket.socket(family, proto=socket.IPPROTO_TCP))
            # So that a service that was just ended can be started again
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            stack.pop_all()  # from here on the caller closes it
            return listener
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{settings.host}:{settings.port}: cannot be listened at ({reason}); choose another --port or "
            "--host"
        ) from error


def require_key(service: Service) -> None:
    """Raises `UsageError`, with the store closed, where others can reach the service and nobody has a key."""
    if service.settings.is_local:
        return
    has_key = any(key.revoked is None for key in service.store.list_keys())
    if has_key:
        return
    service.store.close()
    raise UsageError(
        f"--host {service.settings.host}: others can reach it, and the store has no key; make one "
        "(`lentigo keys add NAME`), or serve on 127.0.0.1"
    )
