"""Reports as pages: one HTML file each that holds everything it shows, in one style."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape


def render_page(package: str, name: str, **values: Any) -> str:
    """Renders a page.

    Values are escaped; the filter `text` keeps code between backticks.

    Args:
        package: That holds the template in its folder, such as "lentigo.evaluation".
        name: Of the template, which may include the parts in `lentigo/common/pages`.
        values: What the template shows, by name.

    Returns:
        HTML.
    """
    # A page's own folder first: it may replace a shared part
    own = jinja2.PackageLoader(package, ".")
    shared = jinja2.PackageLoader("lentigo.common", "pages")
    loader = jinja2.ChoiceLoader([own, shared])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["text"] = escape_html
    return environment.get_template(name).render(**values)


def embed(path: Path) -> str:
    """Reads a file to be embedded in a page.

    Args:
        path: Such as of a figure.

    Returns:
        Base64.
    """
    return base64.b64encode(path.read_bytes()).decode()


def inline_vectors(path: Path) -> Markup:
    """Reads an SVG that stands in a page as it is, so that its colours follow the page.

    Args:
        path: Of a PNG that `save_vectors` wrote; the SVG is beside it.

    Returns:
        The element; a name space is not needed within HTML.
    """
    svg = path.with_suffix(".svg").read_text("utf-8")
    return Markup(re.sub(r' (xmlns(:xlink)?|version)="[^"]*"', "", svg))


def escape_html(text: str) -> Markup:
    """Escapes text for HTML; code between backticks is marked as such.

    Args:
        text: Of people or files.

    Returns:
        HTML that shows the text.

    >>> print(escape_html("a < b: `x`"))
    a &lt; b: <code>x</code>
    """
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))
