"""The server: one process that listens, answers until it is told to end, and then finishes what it has
accepted.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr
from pathlib import Path
from typing import Any

import uvicorn

from lentigo.errors import UsageError
from lentigo.serving.http.app import make_app
from lentigo.serving.http.connections import choose_connection_limit, count_open_files, make_protocol
from lentigo.serving.logs import keep_log
from lentigo.serving.service import Service, open_service
from lentigo.serving.settings import Settings

IDLE_SECONDS = 15  # after which a connection without a request is closed
BACKLOG = 128  # connections that the system accepts before this process has looked at them


def serve(
    model: str | Path = "bundled",
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    db: str | None = None,
    keep_images: str | Path | None = None,
    ready: Callable[[dict[str, Any]], None] = lambda facts: None,
    **limits: Any,
) -> None:
    """Serves a RUN until the process is told to end (SIGTERM, SIGINT); `ready` is told address, model and
    store once requests are taken.

    `limits` are those of `lentigo.serving.settings.Settings`. Raises `ModelError`, `StoreError`, and
    `UsageError` for a port that is taken, and for a host that others reach while the store has no key.
    """
    settings = Settings(
        model=model,
        database=db,
        photos=Path(keep_images) if keep_images else None,
        host=host,
        port=port,
        **limits,
    )
    listener = listen(settings)
    with listener, keep_log() as stream:
        service = open_service(settings)
        require_key(service)
        name, number = listener.getsockname()[:2]
        url = f"http://{f'[{name}]' if ':' in name else name}:{number}"
        facts = {
            "url": url,
            "model": service.panel.name,
            "store": service.store.database.place,
            "photographs": settings.photos and str(settings.photos),
        }
        config = make_config(settings, make_app(settings, service))

        def announce() -> None:
            with redirect_stderr(stream):
                ready(facts)

        Server(config, announce).run(sockets=[listener])


def make_config(settings: Settings, app: Any) -> uvicorn.Config:
    """How uvicorn serves an application within the limits of the settings."""
    most = choose_connection_limit(settings.most_connections, count_open_files())
    return uvicorn.Config(
        app,
        http=make_protocol(most, settings.header_seconds, settings.read_seconds),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="on",
        ws="none",
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
        backlog=min(BACKLOG, most),
        proxy_headers=False,
        port=settings.port,
    )


class Server(uvicorn.Server):
    """Says when it takes requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready()


def listen(settings: Settings) -> socket.socket:
    """A socket at the address of the settings. Raises `UsageError` where it cannot be had."""
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as stack:
            listener = stack.enter_context(
                socket.socket(family, proto=socket.IPPROTO_TCP)
            )  # asyncio sends at once (no Nagle) only where it is named
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            stack.pop_all()
            return listener
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{settings.host}:{settings.port}: cannot be listened at ({reason}); choose another --port or "
            "--host"
        ) from error


def require_key(service: Service) -> None:
    """Raises `UsageError`, with the store closed, where others could use the service and nobody has a key."""
    if not service.settings.is_local and not any(key.revoked is None for key in service.store.list_keys()):
        service.store.close()
        raise UsageError(
            f"--host {service.settings.host}: others can reach it, and the store has no key; make one "
            "(`lentigo keys add NAME`), or serve on 127.0.0.1"
        )
