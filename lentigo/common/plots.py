"""The house style of figures. Matplotlib draws into files; no window is opened."""

from __future__ import annotations

import base64
import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lentigo.common.cache import shared_folder
from lentigo.common.files import write_whole
from lentigo.common.user_folders import set_environment


@contextmanager
def place_font_list() -> Iterator[None]:
    """Lets Matplotlib, imported meanwhile, keep its list of fonts in the cache of this program.

    It would make folders in the user's home. A user who has settings of Matplotlib's, or has imported it,
    keeps them.
    """
    config_folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    has_settings = "MPLCONFIGDIR" in os.environ or Path(config_folder, "matplotlib").is_dir()
    if "matplotlib" in sys.modules or has_settings:
        yield
        return
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it says that it builds its list
    with set_environment({"MPLCONFIGDIR": str(shared_folder("matplotlib"))}):
        yield


with place_font_list():
    from matplotlib import font_manager, rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter, MaxNLocator, NullFormatter

__all__ = [
    "Figure",
    "LogFormatter",
    "MaxNLocator",
    "NullFormatter",
    "font_manager",
    "label_line",
    "new_figure",
    "save_figure",
    "save_vectors",
    "tidy_axes",
]

# Colours
BENIGN = "#2a7f9e"
MALIGNANT = "#c8553d"
ACCENT = "#37474f"
GREY = "#b0bec5"
DOTS_PER_INCH = 144
COMPRESS_LEVEL = 3  # of a PNG: half of the time that 6 takes, for a tenth more bytes
CSS_PIXELS_PER_INCH = 96
FONT_SIZE = 10  # points, of all words in a figure
BAND_OPACITY = 0.18  # of a 95 % interval
# What follows the scheme of the page that an SVG stands in; the name of the page's own colour
THEMED = {"#000000": "ink", BENIGN: "benign", MALIGNANT: "malignant", ACCENT: "curve", GREY: "faint"}


class ShownFigure(Figure):
    """A figure that a notebook shows also where nobody has imported pyplot."""

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
        return buffer.getvalue()

    def to_html(self) -> str:
        """An image element that holds the figure, at most as wide as the page."""
        png = base64.b64encode(self._repr_png_()).decode()
        width = round(self.get_size_inches()[0] * CSS_PIXELS_PER_INCH)
        return f'<img alt="" style="max-width:100%;width:{width}px" src="data:image/png;base64,{png}">'


def new_figure(width: float = 5.0, height: float = 4.2) -> ShownFigure:
    """Makes an empty figure.

    Args:
        width: Inches.
        height: Inches.

    Returns:
        The figure, drawn by Agg.
    """
    figure = ShownFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy_axes(axes: Any, title: str, x: str, y: str) -> None:
    """Gives axes a title, labels and a light frame.

    Args:
        axes: Matplotlib's.
        title: Above, at the left.
        x: The label below.
        y: The label at the side.
    """
    # At a given height: to look for ticks and labels above, of which there are none, took a tenth of a figure
    axes.set_title(title, loc="left", fontsize=FONT_SIZE, fontweight="bold", y=1.0)
    axes.set_xlabel(x, fontsize=FONT_SIZE)
    axes.set_ylabel(y, fontsize=FONT_SIZE)
    axes.tick_params(labelsize=FONT_SIZE)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Writes a figure, whole or not at all.

    Args:
        figure: As `new_figure` made it.
        path: Of a PNG.

    Returns:
        The path.

    Raises:
        SpaceError: When the disk is full or not writable.
    """
    figure.set_dpi(DOTS_PER_INCH)
    with write_whole(path) as temporary:
        # `figure.savefig` would draw it twice, the first time for a layout that drawing makes anyway
        canvas = FigureCanvasAgg(figure)
        canvas.print_png(temporary, pil_kwargs={"compress_level": COMPRESS_LEVEL})
    return Path(path)


def save_vectors(figure: Figure, path: str | Path) -> Path:
    """Writes a figure as `save_figure` does, and beside it as an SVG whose colours follow the scheme of the
    page that holds it. The figure has no background then.

    Args:
        figure: As `new_figure` made it.
        path: Of the PNG; the SVG has its name with the suffix .svg.

    Returns:
        The path of the PNG.

    Raises:
        SpaceError: When the disk is full or not writable.
    """
    save_figure(figure, path)
    figure.set_layout_engine("none")  # everything stands where the PNG has it
    # Transparent: the page behind may be bright or dark
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set_facecolor("none")
        patch.set_edgecolor("none")
    with write_whole(Path(path).with_suffix(".svg")) as temporary:
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": Path(path).stem}):
            # Without a date, the same numbers give the same file
            FigureCanvasSVG(figure).print_svg(temporary, metadata={"Date": None})
        temporary.write_text(theme_vectors(temporary.read_text("utf-8")), "utf-8")
    return Path(path)


def theme_vectors(svg: str) -> str:
    """Makes an SVG of Matplotlib's follow its page: colours by name, the page's font, nothing but the
    drawing.

    Args:
        svg: As Matplotlib wrote it.

    Returns:
        The element `svg`; without a page its colours are those that Matplotlib wrote.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, name in THEMED.items():
        svg = re.sub(rf"(fill|stroke): {colour}", rf"\1: var(--{name}, {colour})", svg)
    return re.sub(r"'?DejaVu Sans'?[^;\"]*", "system-ui, sans-serif", svg)


def label_line(axes: Any, x: float, y: float, words: str, colour: str) -> None:
    """Writes what a line is at its end, instead of a legend.

    Args:
        axes: Matplotlib's.
        x: Of the line's end, in data units.
        y: Likewise.
        words: What the line is.
        colour: Of the line.
    """
    axes.annotate(
        words,
        (x, y),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=colour,
        fontsize=FONT_SIZE,
        annotation_clip=False,
    )
