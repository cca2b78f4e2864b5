"""A manifest of outlined photographs whose validation is one kind of photograph: those of one shape, none of
which is left to learn from.

python bench/formats.py photographs/lesion_masks --size 512x340 --out held_out.csv
lentigo train held_out.csv --masks --out runs/without
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from lentigo.datasets.masks import list_masks
from lentigo.images.image_sizes import measure_image


def main() -> None:
    """Writes the manifest and prints how many stand on either side."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("masks")
    parser.add_argument(
        "--size", required=True, help="width x height of the photographs to hold out, as 512x340"
    )
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    table = list_masks(options.masks).table
    table = table[table["split"] != "test"]
    size = tuple(int(side) for side in options.size.split("x"))
    held_out = np.array([measure_image(image) == size for image in table["image"]])
    paths = {name: table[name].map(lambda path: str(Path(path).resolve())) for name in ("image", "mask")}
    table.assign(**paths, split=np.where(held_out, "validation", "train"))[["image", "mask", "split"]].to_csv(
        options.out, index=False
    )
    print(f"{held_out.sum()} held out, {(~held_out).sum()} to learn from")


if __name__ == "__main__":
    main()
