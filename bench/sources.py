"""One manifest of several published sets of photographs, for training over sources: who made each picture,
what it shows, which lesion, which outline.

    python bench/sources.py photographs --out sources.csv

`photographs` holds `malignant_vs_benign`, `more_training`, `ids`, `ham10000`, `isic2018`, `isic2020` and
`phone`, as far as they are there. A photograph of the first two that is known to be a copy of HAM10000 gets
the clinic and the device that made it as its source; the others are one source, `isic_mixed`: what is left of
each alone has one class only. Photographs that show one picture, or one lesion, with two labels are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from tables import print_table

from lentigo.common.progress import show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.splits.leaks import join_duplicates, search_dataset
from lentigo.splits.partition import find_conflicts

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
COLUMNS = ("image", "label", "diagnosis", "source", "split", "lesion_id", "patient_id", "mask", "fitzpatrick")
FOLDERS = ("malignant_vs_benign/train", "malignant_vs_benign/test", "more_training")


def main() -> None:
    """Gathers, searches duplicates, leaves out contradictions, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    tables = [read_folder(options.photographs, name) for name in FOLDERS]
    tables += [read_set(options.photographs / name) for name in ("ham10000", "isic2018", "isic2020", "phone")]
    table = pd.concat([one for one in tables if one is not None], ignore_index=True).reindex(columns=COLUMNS)
    dataset = Dataset("sources", table)
    joined = join_duplicates(dataset, search_dataset(dataset, show_nothing))
    conflicting = set()
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
    table = table.merge(known[["key", "diagnosis", "lesion_id", "source"]], on="key", how="left")
    table["source"] = table["source"].fillna("isic_mixed")
    table["diagnosis"] = table["diagnosis"].map(DIAGNOSES)
    if whole == "malignant_vs_benign":
        table["diagnosis"] = table["diagnosis"].where(table["label"] == "malignant", "nevus")
    return table


def read_set(folder: Path) -> pd.DataFrame | None:
    """A set with a manifest of its own; None where it is not there. Its name is its source where it names
    none.
    """
    if not folder.is_dir():
        return None
    table = pd.read_csv(folder / "manifest.csv", dtype=str)
    table = table[table["label"].isin(["benign", "malignant"])].reset_index(drop=True)
    for column in ("image", "mask"):
        if column in table:
            table[column] = [str((folder / name).resolve()) for name in table[column]]
    if "source" not in table:
        table["source"] = folder.name
    table["diagnosis"] = table["diagnosis"].str.lower().map(DIAGNOSES)
    table["split"] = "train"
    return table


if __name__ == "__main__":
    main()
