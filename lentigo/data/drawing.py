"""The house style of figures. Matplotlib draws into files; no window is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lentigo.data.files import write_whole

BENIGN, MALIGNANT, ACCENT, GREY = "#2a7f9e", "#c8553d", "#37474f", "#b0bec5"


def new_figure(width: float = 5.0, height: float = 4.2) -> Figure:
    """An empty figure; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy_axes(axes: Any, title: str, x: str, y: str) -> None:
    """Title, labels and a light frame."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Writes a PNG at 144 dots an inch, whole or not at all."""
    with write_whole(path) as temporary:
        figure.savefig(temporary, dpi=144)
    return Path(path)
