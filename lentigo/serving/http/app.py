"""The application: routes, the middleware around them, the page, and the state of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from lentigo._version import __version__
from lentigo.serving.http import schemas
from lentigo.serving.http.access import AccessControl, require
from lentigo.serving.http.middleware import ServiceMiddleware
from lentigo.serving.http.openapi import describe_interface
from lentigo.serving.http.problems import ProblemError, install_problems
from lentigo.serving.http.record_routes import record_router
from lentigo.serving.http.routes import router
from lentigo.serving.metrics import CONTENT_TYPE
from lentigo.serving.service import Service, open_service
from lentigo.serving.settings import Settings

PAGE = Path(__file__).with_name("page")
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}


def make_app(settings: Settings = Settings(), service: Service | None = None) -> FastAPI:
    """Makes the service an ASGI application.

    Args:
        settings: what to open where no service is given.
        service: an open service; None to open one when the application starts. It is closed when the
            application ends.

    Returns:
        The application.

    >>> "/v1/predictions" in make_app().openapi()["paths"]
    True
    """

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service or await asyncio.to_thread(open_service, settings)
        app.state.access = AccessControl(app.state.service)
        app.state.service.start()  # within the event loop that answers
        yield
        await app.state.service.stop()

    app = FastAPI(
        title="Lentigo",
        version=__version__,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # served below, with problems and keys in it
        redirect_slashes=False,
        lifespan=live,
    )
    app.include_router(router)
    app.include_router(record_router)
    add_state_routes(app)
    add_page_routes(app)
    install_problems(app, [*router.routes, *record_router.routes, *app.routes])
    app.add_middleware(ServiceMiddleware)
    # FastAPI's documented way to describe a service otherwise is to replace this method.
    app.openapi = lambda: describe_interface(app)  # type: ignore[method-assign]  # as documented
    return app


def add_state_routes(app: FastAPI) -> None:
    """Adds the state of the service, for those who watch over it, and the document of its interface."""

    @app.get("/healthz", response_model=schemas.State)
    async def show_health() -> Response:
        """The service runs."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", response_model=schemas.State)
    async def show_readiness(request: Request) -> Response:
        """The model is loaded, the store answers, and the queue has places."""
        obstacle = await request.app.state.service.find_obstacle()
        if obstacle:
            raise ProblemError("busy", obstacle)
        return JSONResponse({"status": "ready"})

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def show_metrics(request: Request, who: str = require("read")) -> Response:
        """Counts for Prometheus."""
        return Response(request.app.state.service.metrics.write(), media_type=CONTENT_TYPE)

    @app.get("/openapi.json", include_in_schema=False)
    async def show_interface() -> Response:
        return JSONResponse(app.openapi())


def add_page_routes(app: FastAPI) -> None:
    """Adds the page. Its files are read when the application is made: nothing that a request says leads to a
    file.
    """
    files = {path.name: path.read_bytes() for path in sorted(PAGE.glob("*")) if path.suffix in MEDIA_TYPES}

    def show(name: str) -> Response:
        if name not in files:
            raise ProblemError("not-found", "the page has no such part")
        media_type = MEDIA_TYPES[Path(name).suffix]
        return Response(files[name], media_type=media_type, headers={"Cache-Control": "no-cache"})

    @app.get("/", include_in_schema=False)
    async def show_page() -> Any:
        return show("index.html")

    @app.get("/page/{name}", include_in_schema=False)
    async def show_part(name: str) -> Any:
        return show(name)
