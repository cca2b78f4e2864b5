"""One manifest of several published sets of photographs, for training over sources: who made each picture,
what it shows, which lesion, which outline.

    python bench/sources.py photographs --out sources.csv --masks masks.csv

`photographs` holds `malignant_vs_benign`, `more_training`, `ids`, `ham10000`, `isic2018`, `isic2020` and
`phone`, as far as they are there. The first two are one source, `archive`. Each other set is a source of its
own; the clinic and the device that made a photograph stand in the column `device`. Balanced by device, a few
dozen malignant photographs of two of them would be shown thousands of times. Photographs that show one
picture, or one lesion, with two labels are left out.

`--masks` also writes the pairs of photograph and outline, for the decoder: those of these sets and of
`lesion_masks`, with its split.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from tables import make_parser, print_table

from lentigo.common.progress import show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.groups import GROUP_COLUMNS
from lentigo.splits.conflicts import find_conflicts
from lentigo.splits.leaks import join_duplicates, search_dataset

DIAGNOSES = {
    "mel": "melanoma",
    "melanoma": "melanoma",
    "nv": "nevus",
    "nevus": "nevus",
    "nev": "nevus",
    "bcc": "basal_cell_carcinoma",
    "scc": "squamous_cell_carcinoma",
    "akiec": "squamous_cell_carcinoma",
    "ack": "squamous_cell_carcinoma",
    "bkl": "benign_keratosis",
    "sek": "benign_keratosis",
    "df": "dermatofibroma",
    "vasc": "vascular_lesion",
}
COLUMNS = (
    "image",
    "label",
    "diagnosis",
    "source",
    "device",
    "split",
    "lesion_id",
    "patient_id",
    "mask",
    "fitzpatrick",
)
FOLDERS = ("malignant_vs_benign/train", "malignant_vs_benign/test", "more_training")


def main() -> None:
    """Gathers, searches duplicates, leaves out contradictions, writes."""
    parser = make_parser(__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--masks", type=Path, help="a manifest for `lentigo train --masks`")
    options = parser.parse_args()
    tables = [read_folder(options.photographs, name) for name in FOLDERS]
    tables += [read_set(options.photographs / name) for name in ("ham10000", "isic2018", "isic2020", "phone")]
    table = pd.concat([one for one in tables if one is not None], ignore_index=True).reindex(columns=COLUMNS)
    dataset = Dataset("sources", table)
    joined = join_duplicates(dataset, search_dataset(dataset, show_nothing))
    conflicting: set[str] = set()
    for conflict in find_conflicts(joined):
        conflicting.update(conflict.images)
    kept = joined.table[~joined.table["image"].isin(conflicting)]
    print(
        f"{len(table)} photographs, {len(conflicting)} of them left out: one picture or lesion with two "
        "labels"
    )
    counts = kept.groupby(["source", "label"]).size().unstack(fill_value=0)
    print_table(
        ["source", *counts.columns],
        [[name, *row] for name, row in zip(counts.index, counts.to_numpy().tolist())],
    )
    kept.to_csv(options.out, index=False)
    if options.masks:
        pairs = list_pairs(kept, options.photographs / "lesion_masks")
        pairs.to_csv(options.masks, index=False)
        print(f"{len(pairs)} outlines")


def list_pairs(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The photographs with an outline, and those of a folder of outlines with a manifest, if it is there."""
    columns = ["image", "mask", "source", "split", *GROUP_COLUMNS]
    pairs = [table.loc[table["mask"].notna(), columns]]
    if folder.is_dir():
        drawings = place_files(pd.read_csv(folder / "manifest.csv", dtype=str), folder)
        pairs.append(drawings.assign(source=folder.name))
    return pd.concat(pairs, ignore_index=True).reindex(columns=columns)


def place_files(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """A table whose photographs and masks are named by their whole paths."""
    for column in ("image", "mask"):
        if column in table:
            table[column] = [str((folder / name).resolve()) for name in table[column]]
    return table


def read_folder(root: Path, name: str) -> pd.DataFrame | None:
    """Class folders, with what the table of identifiers knows of their photographs; None where there is no
    such folder.
    """
    if not (root / name).is_dir():
        return None
    whole, _, split = name.partition("/")
    paths = sorted(path for path in (root / name).glob("*/*") if path.is_file())
    table = pd.DataFrame(
        {"image": [str(path.resolve()) for path in paths], "label": [path.parent.name for path in paths]}
    )
    table["key"] = [path.relative_to(root / whole).as_posix() for path in paths]
    table["split"] = "test" if split == "test" else "train"
    known = pd.read_csv(root / "ids" / f"{whole}.csv", dtype=str).rename(columns={"image": "key"})
    known = known.rename(columns={"source": "device"})
    table = table.merge(known[["key", "diagnosis", "lesion_id", "device"]], on="key", how="left")
    table["source"] = "archive"
    table["diagnosis"] = table["diagnosis"].map(DIAGNOSES)
    if whole == "malignant_vs_benign":
        table["diagnosis"] = table["diagnosis"].where(table["label"] == "malignant", "nevus")
    return table


def read_set(folder: Path) -> pd.DataFrame | None:
    """A set with a manifest of its own, whose name is its source; None where it is not there."""
    if not folder.is_dir():
        return None
    table = pd.read_csv(folder / "manifest.csv", dtype=str)
    table = table[table["label"].isin(["benign", "malignant"])].reset_index(drop=True)
    table = place_files(table, folder)
    if "source" in table:
        table["device"] = table["source"]
    table["source"] = folder.name
    table["diagnosis"] = table["diagnosis"].str.lower().map(DIAGNOSES)
    table["split"] = "train"
    return table


if __name__ == "__main__":
    main()
