"""Explanation: where a photograph speaks for malignant and where against, as numbers and as a figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from PIL import Image
from scipy.interpolate import PchipInterpolator

from lentigo.data.drawing import ACCENT, new_figure, save_figure
from lentigo.data.photos import SUFFIXES, Problem, read_photo
from lentigo.errors import PhotoError, UsageError
from lentigo.inference.prediction import Answer, Prediction, Predictor, gather_photos

SIDE = 800  # pixels, of the photograph's longer side in a figure
PANEL = 4.4  # inches, of the same
FOR, AGAINST = (0.86, 0.18, 0.0), (0.0, 0.36, 0.75)  # a red and a blue that the colour-blind tell apart, and from grey
SIGNED = LinearSegmentedColormap.from_list(  # one colour on either side of zero, where it is transparent
    "signed", [(0.0, (*AGAINST, 0.75)), (0.5, (*AGAINST, 0.0)), (0.5, (*FOR, 0.0)), (1.0, (*FOR, 0.75))]
)  # fmt: skip


@dataclass(frozen=True)
class Explanation:
    """The answer for one photograph, and where in it the answer comes from.

    `heatmap` is float32 (h, w), a coarse grid over the whole photograph: what each cell adds to the logit, above zero
    for malignant, below zero against. `figure` is the PNG that shows it, where one was asked for.
    """

    image: str
    prediction: Prediction
    heatmap: np.ndarray
    figure: Path | None


@dataclass(frozen=True)
class Explanations:
    """The explanations, and beside them what could not be explained."""

    explanations: tuple[Explanation, ...]
    problems: tuple[Problem, ...]


def explain(inputs: str | Path | Iterable[str | Path], model: str | Path = "bundled", *, out: str | Path | None = None, exact: bool = False) -> Explanations:
    """Explains photographs and folders of photographs; prediction and heatmap come from one pass.

    `out` is a folder for one PNG a photograph, or, for one photograph, a name ending in .png; without it nothing is drawn.
    Raises `ModelError` for a RUN that cannot be used and `UsageError` for an `out` that cannot be meant.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    predictor = Predictor(model, exact=exact)
    paths, problems = gather_photos(inputs)
    answers = list(explain_photos(predictor, paths, {} if out is None else name_figures(paths, out)))
    explanations = tuple(a for a in answers if isinstance(a, Explanation))
    return Explanations(explanations, tuple(problems) + tuple(a for a in answers if isinstance(a, Problem)))


def explain_photos(predictor: Predictor, paths: Iterable[str | Path], figures: Mapping[str, Path]) -> Iterator[Explanation | Problem]:
    """One explanation for each path, in order and in constant memory; `figures` says where the drawing of a path goes, if anywhere."""
    for answer in predictor.answer(paths):
        if isinstance(answer, Problem):
            yield answer
            continue
        image = answer.prediction.image
        try:
            if image in figures:
                save_figure(draw_explanation(read_photo(image, side=None).pixels, answer), figures[image])
            yield Explanation(image, answer.prediction, answer.heatmap, figures.get(image))
        except PhotoError as error:  # it was there a moment ago
            yield Problem(image, str(error).removeprefix(f"{image}: "))


def name_figures(paths: Iterable[str | Path], out: str | Path) -> dict[str, Path]:
    """Where the figure of each photograph goes: `out` itself for one photograph and a name in .png, else a file in the folder `out`.

    A figure has the name of its photograph; where two photographs share one, the folder's name comes before, then a number.

    >>> {name: figure.name for name, figure in name_figures(["a/mole.jpg", "b/mole.jpg", "b/spot.jpg"], "figures").items()}
    {'a/mole.jpg': 'a_mole.png', 'b/mole.jpg': 'b_mole.png', 'b/spot.jpg': 'spot.png'}

    Raises `UsageError` for several photographs and one file, and where a figure would replace a photograph.
    """
    photos = {str(path): Path(path) for path in paths}  # a photograph that is named twice has one figure
    out = Path(out)
    if out.suffix.lower() in SUFFIXES and not out.is_dir():
        if len(photos) > 1 or out.suffix.lower() != ".png":
            raise UsageError(f"{out}: cannot hold {len(photos)} figure(s); expected a folder, or for one photograph a name ending in .png")
        figures = dict.fromkeys(photos, out)
    else:
        figures = {image: out / f"{name}.png" for image, name in zip(photos, name_apart(photos.values()), strict=True)}
    sources = {path.resolve() for path in photos.values()}
    for figure in figures.values():
        if figure.resolve() in sources:
            raise UsageError(f"{out}: the figure would replace the photograph {figure}; choose another folder")
    return figures


def name_apart(paths: Iterable[Path]) -> Iterator[str]:
    """A name for each path, no two alike on any file system."""
    paths = list(paths)
    shared = Counter(path.stem.casefold() for path in paths)
    taken: set[str] = set()
    tries: Counter[str] = Counter()
    for path in paths:
        name = unique = path.stem if shared[path.stem.casefold()] == 1 else f"{path.resolve().parent.name}_{path.stem}"
        while unique.casefold() in taken:
            tries[name.casefold()] += 1
            unique = f"{name}_{tries[name.casefold()] + 1}"
        taken.add(unique.casefold())
        yield unique


def draw_explanation(photo: np.ndarray, answer: Answer) -> Figure:
    """The photograph, uint8 (height, width, 3), and beside it the same in grey with the heatmap over it."""
    picture = Image.fromarray(photo)
    picture.thumbnail((SIDE, SIDE))
    grey = 0.4 + 0.6 * np.asarray(picture.convert("L")) / 255  # pale, so that the colours are the map's alone
    fine, limit = enlarge(answer.heatmap, *grey.shape), float(np.abs(answer.heatmap).max()) or 1.0
    figure = new_figure(*figure_size(picture.width / picture.height))
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    left, right = figure.subplots(1, 2)
    left.imshow(np.asarray(picture))
    right.imshow(grey, cmap="gray", vmin=0, vmax=1)
    right.imshow(SIGNED(Normalize(-limit, limit)(fine)))
    levels = [level for level in (-limit / 2, limit / 2) if fine.min() < level < fine.max()]
    if levels and min(fine.shape) > 1:
        right.contour(fine, levels, colors="black", linewidths=0.8)  # dashed below zero
    for axes, title in ((left, "photograph"), (right, "what speaks for malignant, and what against")):
        axes.set_axis_off()
        axes.set_title(title, fontsize=9, color=ACCENT)
    draw_scale(figure, right, limit, answer.heatmap.size)
    draw_words(figure, right, answer)
    return figure


def enlarge(heatmap: np.ndarray, height: int, width: int) -> np.ndarray:
    """The heatmap at the size of a photograph, by monotone cubics (PCHIP) along both axes.

    Plain bicubic overshoots: beside a blue cell it paints a red rim that the model never spoke of.
    """
    for axis, size in ((0, height), (1, width)):
        cells = heatmap.shape[axis]
        centres = np.clip((np.arange(size) + 0.5) / size * cells - 0.5, 0, cells - 1)  # in cells; beyond the last one it stays
        heatmap = PchipInterpolator(np.arange(cells), heatmap, axis=axis)(centres)
    return heatmap


def figure_size(ratio: float) -> tuple[float, float]:
    """Inches for two panels of width / height = `ratio`, with room for scale, title and footer."""
    ratio = min(max(ratio, 0.65), 2)
    return 2 * PANEL * min(1, ratio) + 1.3, PANEL / max(1, ratio) + 1.5


def draw_scale(figure: Figure, axes: Axes, limit: float, cells: int) -> None:
    """The colour bar: what the colours say, in words and in units."""
    bar = figure.colorbar(ScalarMappable(Normalize(-limit, limit), SIGNED), ax=axes, fraction=0.05, pad=0.02)
    bar.set_label(f"change of the logit by one of {cells} cells", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    for level, style in ((limit / 2, "-"), (-limit / 2, "--")):
        bar.ax.axhline(level, color="black", linewidth=0.8, linestyle=style)
    bar.ax.set_title("for\nmalignant", fontsize=8, color=FOR)
    bar.ax.set_xlabel("against\nmalignant", fontsize=8, color=AGAINST)


def draw_words(figure: Figure, axes: Axes, answer: Answer) -> None:
    """Title, sum and footer; what a file is called is never read as mathematics."""
    said, cells = answer.prediction, float(answer.heatmap.sum())
    decision = f"{said.label}: P(malignant) {said.probability:.3f}, threshold {said.threshold:.3f}"
    constant = round(answer.logit, 2) - round(cells, 2)  # so that the three numbers add up as they are printed
    total = f"all cells {cells:+.2f}, the network's constant {constant:+.2f}: logit {answer.logit:+.2f}"
    figure.suptitle(f"{spell(Path(said.image).name)}\n{decision}", fontsize=11, fontweight="bold", parse_math=False)
    axes.text(0.5, -0.02, total, transform=axes.transAxes, ha="center", va="top", fontsize=8, color=ACCENT)
    figure.supxlabel(f"research tool, not a diagnosis; model {spell(said.model)}", fontsize=7, color=ACCENT, parse_math=False)


def spell(name: str, length: int = 48) -> str:
    """A name as the figure's font can write it, the middle left out where it is long."""
    known = get_font(findfont("DejaVu Sans")).get_charmap()
    name = "".join(letter if ord(letter) in known and letter.isprintable() else "?" for letter in name)
    return name if len(name) <= length else f"{name[: length // 2]}...{name[-length // 2 :]}"
