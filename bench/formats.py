"""A manifest of outlined photographs whose validation is one kind of photograph: those of one shape, none of
which is left to learn from.

    python bench/formats.py photographs/lesion_masks --size 512x340 --out held_out.csv
    lentigo train held_out.csv --masks --out runs/without

A decoder that is trained on it says how outlines of photographs of another format would be.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tables import make_parser

from lentigo.datasets.masks import list_masks
from lentigo.images.image_sizes import measure_image


def main() -> None:
    """Writes the manifest and prints how many stand on either side."""
    parser = make_parser(__doc__)
    parser.add_argument("masks")
    parser.add_argument(
        "--size", required=True, help="width x height of the photographs to hold out, as 512x340"
    )
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    table = list_masks(options.masks).table
    table = table[table["split"] != "test"].copy()
    width, height = map(int, options.size.split("x"))
    held_out = np.array([measure_image(image) == (width, height) for image in table["image"]])
    for name in ("image", "mask"):  # whole paths: the manifest may stand in another folder
        table[name] = table[name].map(lambda path: str(Path(path).resolve()))
    table["split"] = np.where(held_out, "validation", "train")
    table[["image", "mask", "split"]].to_csv(options.out, index=False)
    print(f"{held_out.sum()} held out, {(~held_out).sum()} to learn from")


if __name__ == "__main__":
    main()
