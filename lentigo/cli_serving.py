"""The commands around the service: `lentigo serve`, who may use it (`lentigo keys`) and what it has answered (`lentigo history`)."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Option

serving_app = typer.Typer(rich_markup_mode=None)
keys_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may use the service, and for what.")
serving_app.add_typer(keys_app, name="keys")

Db = Annotated[str | None, Option("--db", help="sqlite:///FILE or postgresql://USER@HOST/NAME; else $LENTIGO_DB, else a file in your data folder.")]
