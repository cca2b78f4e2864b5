"""What a data set holds: counts, sizes, and two pictures of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from lentigo.common.files import write_whole
from lentigo.common.json_values import list_fields
from lentigo.common.plots import BENIGN, MALIGNANT, new_figure, save_figure, tidy_axes
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import CLASSES, Dataset, DataSource
from lentigo.datasets.groups import GROUP_COLUMNS
from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.tables.cells import SUBJECT_COLUMNS
from lentigo.datasets.tables.diagnosis_columns import count_diagnoses
from lentigo.datasets.tables.options import TableReading
from lentigo.errors import ImageError
from lentigo.images.image_sizes import measure_image
from lentigo.images.photographs import DecodedImage, read_all
from lentigo.images.problems import Problem

ROWS = 3  # of samples, for each class
COLUMNS = 8  # of samples
TILE = 112  # pixels, the side of a sample
GAP = 8  # pixels between the classes
HEAD = 30  # pixels above the samples of a class, for its name
LETTER = 18  # pixels, the height of its letters
SPLIT_ORDER = ("train", "validation", "test")  # others follow by their names
BAR_HEIGHT = 0.38  # of the space between two splits


@dataclass(frozen=True)
class Description:
    """What a data set holds.

    Attributes:
        name: The path it was read from.
        n: Photographs.
        counts: A table of counts by split and class.
        groups: Patients, lesions, duplicates or files.
        sizes: "WIDTHxHEIGHT" in pixels with their counts, the most common first.
        fingerprint: A hash of contents and labels.
        problems: What cannot be used.
        diagnoses: Photographs of each of the seven diagnoses.
        other_diagnoses: Photographs of words that are none of them, as they are written.
        reading: How columns and labels were understood.
        notes: What else one should know.
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
        """The fields as plain values."""
        counts = {}
        for split, row in self.counts.iterrows():
            counts[split] = {name: int(row[name]) for name in CLASSES}
        return {
            "name": self.name,
            "n": self.n,
            "groups": self.groups,
            "sizes": self.sizes,
            "fingerprint": self.fingerprint,
            "diagnoses": self.diagnoses,
            "other_diagnoses": self.other_diagnoses,
            "counts": counts,
            "reading": None if self.reading is None else self.reading.to_json(),
            "notes": list(self.notes),
            "problems": list_fields(self.problems),
        }


def describe_dataset(data: DataSource, *, progress: Progress = show_nothing) -> Description:
    """Counts the photographs of a data set and opens each for its size.

    Args:
        data: The data set, or a path as `load_dataset` takes it.
        progress: Of the photographs.

    Returns:
        What it holds.

    Raises:
        DataError: It cannot be read.
    """
    dataset = load_dataset(data)
    sizes, unreadable = count_sizes(dataset, progress)
    problems = [*dataset.problems, *unreadable]
    splits = dataset.table["split"].fillna("unsplit")
    counts = pd.crosstab(splits, dataset.table["label"])
    diagnoses, other_diagnoses = count_diagnoses(dataset.table)
    return Description(
        name=dataset.name,
        n=len(dataset),
        # Both classes are columns even where one is missing
        counts=order_splits(counts.reindex(columns=list(CLASSES), fill_value=0)),
        groups=dataset.n_groups,
        sizes=dict(sizes.most_common()),
        fingerprint=dataset.fingerprint,
        problems=tuple(problems),
        diagnoses=diagnoses,
        other_diagnoses=other_diagnoses,
        reading=dataset.reading,
        notes=dataset.notes,
    )


def count_sizes(dataset: Dataset, progress: Progress) -> tuple[Counter[str], list[Problem]]:
    """How many photographs have each size, such as 600x450, and those whose header cannot be read."""
    sizes: Counter[str] = Counter()
    problems = []
    # Every header is read: a size that is rare is often that of a screenshot or a scan
    for image in progress(dataset.table["image"], total=len(dataset), label="photographs"):
        try:
            width, height = measure_image(image)
        except ImageError as error:
            problems.append(Problem.from_error(image, error))
        else:
            sizes[f"{width}x{height}"] += 1
    return sizes, problems


def describe_sides(training: Dataset, validation: Dataset) -> dict[str, Any]:
    """Describes, for a card, the photographs that a model learned from and was chosen on.

    Args:
        training: What it learned from.
        validation: What it was chosen on.

    Returns:
        Counts of both; `known` counts the photographs of which a fact is known.
    """
    table = pd.concat([training.table, validation.table], ignore_index=True)
    known = {}
    for name in (*GROUP_COLUMNS, "source", "license", *SUBJECT_COLUMNS):
        if name in table:
            # For how many photographs a fact is known, not what it is: a card names nobody
            known[name] = int(table[name].notna().sum())
    return {
        "training": len(training),
        "validation": len(validation),
        "training_malignant": int(training.malignant.sum()),
        "validation_malignant": int(validation.malignant.sum()),
        "training_groups": training.n_groups,
        "validation_groups": validation.n_groups,
        "split": "given" if (validation.table["split"] == "validation").any() else "drawn",
        "known": known,
        "reading": None if training.reading is None else training.reading.to_json(),
        "sources": list_values(table, "source"),
        "licenses": list_values(table, "license"),
    }


def list_values(table: pd.DataFrame, column: str) -> list[str]:
    """The different words of a column, sorted; none without it."""
    if column not in table:
        return []
    return sorted(map(str, table[column].dropna().unique()))


def draw_samples(dataset: Dataset, path: str | Path, seed: int = 0) -> Path:
    """Draws a grid of photographs chosen at random: benign above, malignant below, each class with its name.

    Args:
        dataset: The photographs.
        path: The picture to be written.
        seed: Decides which are chosen.

    Returns:
        The picture's path.
    """
    rng = np.random.default_rng(seed)
    block = HEAD + ROWS * TILE  # pixels, the height of a class
    sheet = np.full((2 * block + GAP, COLUMNS * TILE, 3), 255, np.uint8)
    titles = []
    # Benign above, malignant below, with a gap between
    for number, name in enumerate(CLASSES):
        images = dataset.table.loc[dataset.table["label"] == name, "image"].to_numpy()
        # Drawn at random: the first files of a folder are often of one source
        tiles, _ = read_all(rng.permutation(images)[: ROWS * COLUMNS], TILE)
        top = number * (block + GAP)
        paste_tiles(sheet[top + HEAD :], tiles)
        titles.append((top, f"{name}: {len(tiles)} of {len(images)} photographs"))
    picture = Image.fromarray(sheet)
    for top, words in titles:
        place = (4, top + HEAD // 2)
        ImageDraw.Draw(picture).text(place, words, "#111111", ImageFont.load_default(LETTER), anchor="lm")
    with write_whole(path) as temporary:
        picture.save(temporary)
    return Path(path)


def paste_tiles(sheet: np.ndarray, images: list[DecodedImage]) -> None:
    """Puts square photographs into a sheet, uint8 (height, width, 3), row by row."""
    for number, image in enumerate(images):
        row, column = divmod(number, COLUMNS)
        top = row * TILE
        left = column * TILE
        sheet[top : top + TILE, left : left + TILE] = image.pixels


def draw_counts(description: Description, path: str | Path) -> Path:
    """Draws bars of the counts by split and class: train, validation, test, then others.

    Args:
        description: The counts.
        path: The picture to be written.

    Returns:
        The picture's path.
    """
    counts = description.counts
    figure = new_figure(6, 1.4 + 0.6 * len(counts))
    axes = figure.subplots()
    places = np.arange(len(counts))
    # Two bars for each split, a little above and below its line
    for shift, name, colour in ((-0.2, CLASSES[0], BENIGN), (0.2, CLASSES[1], MALIGNANT)):
        bars = axes.barh(places + shift, counts[name], BAR_HEIGHT, color=colour, label=name)
        axes.bar_label(bars, padding=3)
    axes.set_yticks(places, counts.index)
    # The first split stands above, as in a table
    axes.invert_yaxis()
    axes.margins(x=0.12)
    tidy_axes(axes, f"{description.n} photographs", "photographs", "")
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    return save_figure(figure, path)


def order_splits(counts: pd.DataFrame) -> pd.DataFrame:
    """The table of counts with its splits in the order in which they are used."""
    known = [split for split in SPLIT_ORDER if split in counts.index]
    others = sorted(set(counts.index) - set(SPLIT_ORDER))
    return counts.loc[[*known, *others]]
