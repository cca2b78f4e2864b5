"""`lentigo serve`: the classifier over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from lentigo.cli.options import Json, Model
from lentigo.cli.output.terminal import print_json, print_message
from lentigo.cli.service.options import Database

serve_app = typer.Typer(rich_markup_mode=None)


@serve_app.command(epilog="Example: lentigo serve --port 8000 --db postgresql://lentigo@localhost/lentigo")
def serve(
    host: Annotated[
        str,
        Option("--host", help="Where to listen; others than this machine need a key: `lentigo keys add`."),
    ] = "127.0.0.1",
    port: Annotated[int, Option("--port", help="0 for any that is free.")] = 8000,
    model: Model = "bundled",
    db: Database = None,
    keep_images: Annotated[
        Path | None,
        Option("--keep-photos", help="Folder to keep photographs in: pixels alone. Without it none is kept."),
    ] = None,
    index: Annotated[
        Path | None,
        Option("--index", help="Known lesions, made by `lentigo index`: the nearest are shown."),
    ] = None,
    similar: Annotated[int, Option("--similar", help="How many of them, beside each photograph.")] = 5,
    queue: Annotated[int, Option("--queue", help="Photographs that may wait; more are refused.")] = 128,
    wait_ms: Annotated[
        float, Option("--wait-ms", help="How long a photograph waits for others to be answered with.")
    ] = 1.0,
    rate: Annotated[float, Option("--rate", help="Requests a second of one key, on average.")] = 50.0,
    workers: Annotated[
        int,
        Option(
            "--workers",
            help="Processes that answer, each with a model of its own (about 0.4 GB): one a processor at most.",
        ),
    ] = 1,
    as_json: Json = False,
) -> None:
    """Serves the classifier over HTTP, with a page for people; the log is a JSON line a request on stderr."""
    from lentigo.serving.server import serve as run_server

    def announce(facts: dict[str, Any]) -> None:
        """Says where the service answers, once it does."""
        if as_json:
            print_json(facts)
        else:
            print_message(
                f"{facts['model']} answers at {facts['url']} (store: {facts['store']}); Ctrl-C ends it. A "
                "research tool, not a medical device."
            )

    run_server(
        model,
        host=host,
        port=port,
        db=db,
        keep_images=keep_images,
        index=index,
        similar=similar,
        max_waiting=queue,
        wait_ms=wait_ms,
        rate=rate,
        workers=workers,
        on_ready=announce,
    )
