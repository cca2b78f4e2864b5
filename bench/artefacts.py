"""Artefacts that `lentigo.images.artefacts.artefact_detection` finds: how often in photographs as they are,
and how often where one is drawn.

Each is drawn on the photographs in which its kind was not found, so that whatever is found is the drawing;
beside it the share in which a flag of another kind appeared. With labels by hand also precision and recall: a
CSV with `image` (a path) and a column for each kind, 2 plainly there, 1 faint or doubtful, 0 not there.
Example:

    python bench/artefacts.py photos/train more/ --sample 1000 --labels labels.csv

`--model bundled` adds the learned head of a RUN, as an audit does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quality import sample_photos
from tables import describe_machine, make_parser, print_table

from lentigo.audit.inspection import flag_artefacts
from lentigo.images.artefacts.learned_artefacts import ArtefactDetector, list_detectors
from lentigo.images.measures.quality import measure_quality
from lentigo.inference.auditing.artefact_embedding import open_artefact_detector

Draw = Callable[[np.ndarray, np.random.Generator], None]
CASTS = (
    (0.85, 0.95, 1.25),
    (1.1, 0.75, 0.9),
    (1.05, 0.8, 1.1),
    (0.85, 1.05, 0.95),
    (1.2, 0.85, 0.6),
)  # blue, red, violet, green, orange


def main() -> None:
    """Rates as they are, rates where drawn, and agreement with labels."""
    parser = make_parser(__doc__)
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    parser.add_argument("--sample", type=int, metavar="N", help="take N photographs by chance (default: all)")
    parser.add_argument(
        "--labels", nargs="*", default=(), metavar="CSV", help="labels by hand; a table for each file"
    )
    parser.add_argument("--model", help="a RUN with a learned head, or 'bundled' (default: none)")
    options = parser.parse_args()
    from lentigo.images.photographs import read_all

    print(describe_machine())
    finder = open_finder(options.model)
    images, _ = read_all(sample_photos(options.folders, options.sample))
    pixels = [image.pixels for image in images]
    flags, ratio = finder.find(pixels)
    print_table(
        [f"{len(pixels)} photographs as they are", *(name(kind) for kind in finder.kinds)],
        [["found, %", *(100 * flags.mean(axis=0))]],
    )
    print(f"\ntime of a photograph, over that of `measure_quality`: {ratio:.2f}")
    rows = (drawn_row(finder, kind, draw, pixels, flags) for kind, draw in drawings().items())
    print_table(["drawn", "photographs", "found, 95 % interval", "another kind appeared"], rows)
    for path in options.labels:
        print_table(
            [
                path,
                "labelled",
                "found",
                "precision (2)",
                "precision (1, 2)",
                "recall of 2",
                "specificity of 0",
            ],
            label_rows(finder, Path(path)),
        )


def name(kind: str) -> str:
    """For people."""
    return kind.replace("_", " ")


@dataclass(frozen=True)
class Finder:
    """What finds artefacts: image processing, and a learned head where there is one."""

    kinds: tuple[str, ...]
    detector: ArtefactDetector | None

    def find(self, images: list[np.ndarray]) -> tuple[np.ndarray, float]:
        """The flags, bool (n, kinds), and the time this takes as a multiple of that of `measure_quality`,
        which is half a millisecond on an idle core.
        """
        flags, seconds = [], np.zeros(2)
        for pixels in images:
            started = time.process_time()
            found = flag_artefacts(pixels, self.detector)
            between = time.process_time()
            measure_quality(pixels)
            seconds += (between - started, time.process_time() - between)
            flags.append([found[kind] for kind in self.kinds])
        return np.array(flags), seconds[0] / seconds[1]


def open_finder(model: str | None) -> Finder:
    """Image processing, and the head of a model where one is named."""
    if model is None:
        return Finder(tuple(list_detectors(None)), None)
    detector = open_artefact_detector(model)
    if detector is None:
        raise SystemExit(f"{model}: has no head for artefacts; expected a RUN with artefacts.npz")
    return Finder(tuple(list_detectors(detector.head)), detector)


def drawings() -> dict[str, Draw]:
    """What draws each kind, in place, on float32 (3, S, S)."""
    from lentigo.images.artefacts import drawn_artefacts as artefacts

    return {
        "hair": artefacts.add_hairs,
        "ruler": artefacts.add_ruler,
        "ink": artefacts.add_ink,
        "dark_corners": artefacts.add_dark_corners,
        "white_frame": add_white_frame,
        "colour_cast": add_cast,
    }


def add_white_frame(image: np.ndarray, rng: np.random.Generator) -> None:
    """A round picture on white paper.

    Args:
        image: RGB, float32 (3, S, S); it is changed.
        rng: Draws how large the picture is.
    """
    from lentigo.images.artefacts.drawn_artefacts import blend, grid, rise

    y, x = grid(image.shape[1]) - np.float32(0.5)  # image widths from the middle
    far = np.hypot(y, x)
    radius = rng.uniform(0.46, 0.52)
    blend(image, rise(far, radius, radius + 0.01), (255, 255, 255))


def add_cast(image: np.ndarray, rng: np.random.Generator) -> None:
    """Light of one of `CASTS`.

    Args:
        image: RGB, float32 (3, S, S); it is changed.
        rng: Draws which.
    """
    image *= np.array(CASTS[rng.integers(len(CASTS))], np.float32).reshape(3, 1, 1)


def drawn_row(finder: Finder, kind: str, draw: Draw, images: list[np.ndarray], flags: np.ndarray) -> list:
    """How often a drawing is found where nothing of its kind was, and how often it raises another flag."""
    which, rng, drawn = finder.kinds.index(kind), np.random.default_rng(0), []
    free = np.flatnonzero(~flags[:, which])
    for index in free:
        image = np.ascontiguousarray(images[index].transpose(2, 0, 1), np.float32)
        draw(image, rng)
        drawn.append(np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8).transpose(1, 2, 0)))
    found, _ = finder.find(drawn)
    others = np.delete(found & ~flags[free], which, axis=1)
    return [
        name(kind),
        len(free),
        show(found[:, which].sum(), len(free)),
        show(others.any(axis=1).sum(), len(free)),
    ]


def label_rows(finder: Finder, path: Path) -> list[list]:
    """Agreement with labels by hand."""
    import pandas as pd

    from lentigo.images.photographs import read_image

    table = pd.read_csv(path)
    flags, _ = finder.find([read_image(image).pixels for image in table["image"]])
    return [
        label_row(name(kind), table[kind].to_numpy(), flags[:, finder.kinds.index(kind)])
        for kind in finder.kinds
        if kind in table
    ]


def label_row(kind: str, label: np.ndarray, flag: np.ndarray) -> list:
    """Counts and shares of one kind."""
    shares = [(label == 2)[flag], (label > 0)[flag], flag[label == 2], ~flag[label == 0]]
    return [
        kind,
        f"{(label == 2).sum()} + {(label == 1).sum()} of {len(label)}",
        int(flag.sum()),
        *(show(share.sum(), len(share)) for share in shares),
    ]


def show(hits: int, n: int) -> str:
    """A share with its exact interval (Clopper and Pearson 1934)."""
    from scipy.stats import binomtest

    if n == 0:
        return "-"
    low, high = binomtest(int(hits), int(n)).proportion_ci()
    return f"{hits / n:.3f} ({low:.2f} to {high:.2f}; {hits} of {n})"


if __name__ == "__main__":
    main()
