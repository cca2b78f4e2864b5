"""The house style of figures. Matplotlib draws into files; no window is opened."""

from __future__ import annotations

import base64
import io
import logging
import os
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
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter, NullFormatter

__all__ = [
    "Figure",
    "LogFormatter",
    "NullFormatter",
    "font_manager",
    "new_figure",
    "save_figure",
    "tidy_axes",
]

# Colours
BENIGN = "#2a7f9e"
MALIGNANT = "#c8553d"
ACCENT = "#37474f"
GREY = "#b0bec5"
DOTS_PER_INCH = 144
CSS_PIXELS_PER_INCH = 96


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
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
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
    with write_whole(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH)
    return Path(path)
