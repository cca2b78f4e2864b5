"""Reports as pages: one HTML file each that holds everything it shows, in one style."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape


def render_page(package: str, name: str, **values: Any) -> str:
    """The HTML of a template in the folder of a package, such as "lentigo.evaluation"; it may include the
    parts in `lentigo/common/pages`.

    Values are escaped; the filter `text` keeps code between backticks.
    """
    loader = jinja2.ChoiceLoader(
        [jinja2.PackageLoader(package, "."), jinja2.PackageLoader("lentigo.common", "pages")]
    )
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["text"] = escape_html
    return environment.get_template(name).render(**values)


def embed(path: Path) -> str:
    """A file as base64."""
    return base64.b64encode(path.read_bytes()).decode()


def escape_html(text: str) -> Markup:
    """Text whose signs mean themselves, but for code between backticks.

    >>> print(escape_html("a < b: `x`"))
    a &lt; b: <code>x</code>
    """
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))
