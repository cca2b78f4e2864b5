"""What a data set holds: counts, sizes, and two pictures of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lentigo.common.files import write_whole
from lentigo.common.plots import BENIGN, MALIGNANT, new_figure, save_figure, tidy_axes
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import CLASSES, Dataset
from lentigo.datasets.groups import GROUP_COLUMNS
from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.tables.cells import SUBJECT_COLUMNS
from lentigo.datasets.tables.diagnosis_columns import count_diagnoses
from lentigo.datasets.tables.options import TableReading
from lentigo.errors import ImageError
from lentigo.images.photographs import DecodedImage, measure_image, read_all
from lentigo.images.problems import Problem

GRID = (3, 8)  # rows of each class, columns
TILE = 112  # pixels


@dataclass(frozen=True)
class Description:
    """Counts by split and class (`counts`, a table), sizes in pixels with their counts, groups, and what
    cannot be used.

    `diagnoses` counts the photographs of each of the seven diagnoses, `other_diagnoses` those of words that
    are none of them, as they are written. `reading` says how columns and labels were understood, `notes` what
    else one should know.
    """

    name: str
    n: int
    counts: pd.DataFrame
    groups: int
    sizes: dict[str, int]
    fingerprint: str
    problems: tuple[Problem, ...]
    diagnoses: dict[str, int] = field(default_factory=dict)
    other_diagnoses: dict[str, int] = field(default_factory=dict)
    reading: TableReading | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        counts = {split: {name: int(row[name]) for name in CLASSES} for split, row in self.counts.iterrows()}
        problems = [asdict(problem) for problem in self.problems]
        plain = {
            key: getattr(self, key)
            for key in ("name", "n", "groups", "sizes", "fingerprint", "diagnoses", "other_diagnoses")
        }
        reading = self.reading and self.reading.to_json()
        return {
            **plain,
            "counts": counts,
            "reading": reading,
            "notes": list(self.notes),
            "problems": problems,
        }


def describe_dataset(data: str | Path | Dataset, *, progress: Progress = show_nothing) -> Description:
    """Counts the photographs of a data set and opens each for its size. Raises `DataError` as `load_dataset`
    does.
    """
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    sizes: dict[str, int] = {}
    problems = list(dataset.problems)
    for image in progress(dataset.table["image"], total=len(dataset), label="photographs"):
        try:
            width, height = measure_image(image)
            sizes[f"{width}x{height}"] = sizes.get(f"{width}x{height}", 0) + 1
        except ImageError as error:
            problems.append(Problem(image, str(error).removeprefix(f"{image}: ")))
    counts = pd.crosstab(dataset.table["split"].fillna("unsplit"), dataset.table["label"]).reindex(
        columns=list(CLASSES), fill_value=0
    )
    common = dict(sorted(sizes.items(), key=lambda item: -item[1]))
    groups = len(np.unique(dataset.groups))
    seven, others = count_diagnoses(dataset.table)
    return Description(
        dataset.name,
        len(dataset),
        counts,
        groups,
        common,
        dataset.fingerprint,
        tuple(problems),
        diagnoses=seven,
        other_diagnoses=others,
        reading=dataset.reading,
        notes=dataset.notes,
    )


def describe_sides(training: Dataset, validation: Dataset) -> dict[str, Any]:
    """What a card says of the photographs that a model learned from and was chosen on; `known` counts those
    of which a fact is known.
    """
    table = pd.concat([training.table, validation.table], ignore_index=True)
    sides = {"training": training, "validation": validation}
    return {
        **{name: len(side) for name, side in sides.items()},
        **{f"{name}_malignant": int(side.malignant.sum()) for name, side in sides.items()},
        **{f"{name}_groups": len(np.unique(side.groups)) for name, side in sides.items()},
        "split": "given" if (validation.table["split"] == "validation").any() else "drawn",
        "known": {
            name: int(table[name].notna().sum())
            for name in (*GROUP_COLUMNS, "source", "license", *SUBJECT_COLUMNS)
            if name in table
        },
        "reading": training.reading and training.reading.to_json(),
        "sources": list_values(table, "source"),
        "licenses": list_values(table, "license"),
    }


def list_values(table: pd.DataFrame, column: str) -> list[str]:
    """The different words of a column, sorted; none without it."""
    return sorted(map(str, table[column].dropna().unique())) if column in table else []


def draw_samples(dataset: Dataset, path: str | Path, seed: int = 0) -> Path:
    """A grid of photographs drawn at random: benign above, malignant below."""
    rows, columns = GRID
    rng = np.random.default_rng(seed)
    sheet = np.full((2 * rows * TILE + 8, columns * TILE, 3), 255, np.uint8)
    for number, name in enumerate(CLASSES):
        images = dataset.table.loc[dataset.table["label"] == name, "image"].to_numpy()
        tiles, _ = read_all(rng.permutation(images)[: rows * columns], TILE)
        paste_tiles(sheet[number * (rows * TILE + 8) :], tiles, columns)
    with write_whole(path) as temporary:
        Image.fromarray(sheet).save(temporary)
    return Path(path)


def paste_tiles(sheet: np.ndarray, images: list[DecodedImage], columns: int) -> None:
    """Puts square photographs into a sheet, row by row."""
    for number, image in enumerate(images):
        top, left = number // columns * TILE, number % columns * TILE
        sheet[top : top + TILE, left : left + TILE] = image.pixels


def draw_counts(description: Description, path: str | Path) -> Path:
    """Bars of the counts by split and class."""
    figure = new_figure(6, 1.4 + 0.6 * len(description.counts))
    axes = figure.subplots()
    places = np.arange(len(description.counts))
    for shift, name, colour in ((-0.2, CLASSES[0], BENIGN), (0.2, CLASSES[1], MALIGNANT)):
        bars = axes.barh(places + shift, description.counts[name], 0.38, color=colour, label=name)
        axes.bar_label(bars, padding=3)
    axes.set_yticks(places, description.counts.index)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    tidy_axes(axes, f"{description.n} photographs", "photographs", "")
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    return save_figure(figure, path)
