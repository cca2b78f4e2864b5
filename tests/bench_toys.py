"""The toys that the programs of bench/ run on: drawn photographs of every kind of set that they take, weight files
with random weights, and RUNs.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from lentigo.images.non_lesions import draw_no_lesions
from lentigo.images.synthetic_lesions import write_synthetic_lesions

COUNT = 10  # photographs of each class in a set
LARGE = 640  # pixels: enough skin around a lesion to be woven from
SETS = {"ham10000": 11, "isic2018": 12, "isic2020": 13, "phone": 14}  # published sets, each by its seed
KINDS = (
    "dark_corner",
    "hair",
    "gel_border",
    "gel_bubble",
    "ruler",
    "ink",
    "patches",
)  # of ISIC 2018's labels
DIAGNOSES = {"benign": ("nv", "bkl", "df", "vasc"), "malignant": ("mel", "bcc", "scc")}
FITZPATRICK = (1, 3, 4, 5)


def write_photographs(folder: Path) -> None:
    """Folders of drawn photographs: of lesions, large ones and a few, of other things, and of each published set.

    Args:
        folder: Where `drawn`, `large`, `few`, `flowers` and `photographs` come to be.
    """
    write_synthetic_lesions(folder / "drawn", COUNT, seed=1)
    write_synthetic_lesions(folder / "large", 3, seed=2, size=LARGE)
    write_synthetic_lesions(folder / "few", 2, seed=3)
    (folder / "flowers").mkdir()
    for number, pixels in enumerate(draw_no_lesions(224, 2)):
        Image.fromarray(pixels).save(folder / "flowers" / f"{number}.png")
    for name, seed in SETS.items():
        write_set(folder / "photographs" / name, seed)
    write_class_folders(folder / "photographs")
    shutil.copytree(folder / "large", folder / "photographs" / "lesion_masks")
    name_splits(folder / "photographs" / "lesion_masks" / "manifest.csv")


def write_set(folder: Path, seed: int) -> None:
    """A set with a manifest as the published ones have it: diagnoses, lesions, patients, artefacts, skin types."""
    table = write_synthetic_lesions(folder, COUNT, seed=seed)
    rng = np.random.default_rng(seed)
    table["lesion_id"] = [f"{folder.name}_{lesion}" for lesion in table["lesion_id"]]
    table["isic_id"] = [f"{folder.name}_{row}" for row in range(len(table))]
    table["patient_id"] = [f"{folder.name}_{patient}" for patient in table["patient_id"]]
    names = [DIAGNOSES[label] for label in table["label"]]
    table["diagnosis"] = [of_label[row % len(of_label)] for row, of_label in enumerate(names)]
    table["fitzpatrick"] = [FITZPATRICK[row % len(FITZPATRICK)] for row in range(len(table))]
    for kind in KINDS:
        table[kind] = rng.permutation(len(table)) % 2
    table.to_csv(folder / "manifest.csv", index=False)


def write_class_folders(folder: Path) -> None:
    """Class folders with the table of identifiers beside them, as `bench/sources.py` takes them."""
    (folder / "ids").mkdir()
    rows = []
    for split, seed in (("train", 21), ("test", 22)):
        drawn = write_synthetic_lesions(folder / "malignant_vs_benign" / split, COUNT, seed=seed)
        shutil.rmtree(folder / "malignant_vs_benign" / split / "masks")
        (folder / "malignant_vs_benign" / split / "manifest.csv").unlink()
        for number, (image, label) in enumerate(zip(drawn["image"], drawn["label"], strict=True)):
            diagnosis = DIAGNOSES[label][0]
            rows.append((f"{split}/{image}", diagnosis, f"{split}_{number}", "camera"))
    table = pd.DataFrame(rows, columns=["image", "diagnosis", "lesion_id", "source"])
    table.to_csv(folder / "ids" / "malignant_vs_benign.csv", index=False)


def name_splits(manifest: Path) -> None:
    """Puts every third pair of a manifest into the test split, the others into training and validation."""
    table = pd.read_csv(manifest)
    table["split"] = [("train", "test", "validation")[row % 3] for row in range(len(table))]
    table.to_csv(manifest, index=False)


def write_lite_weights(path: Path) -> None:
    """A file of EfficientNet-Lite2's weights, by the names of the published one, all random."""
    import keras

    from lentigo.models.networks.efficientnet_lite import build_efficientnet_lite2

    rng = np.random.default_rng(0)
    arrays = {}
    for layer in build_efficientnet_lite2(keras.Input((64, 64, 3))).layers:
        for variable in layer.weights:
            name = "kernel" if "kernel" in variable.name else variable.name
            values = rng.normal(0, 0.2 if name == "kernel" else 0.1, variable.shape)
            if name == "gamma":
                values += 1
            if "variance" in name:
                values = np.abs(values) + 0.5
            arrays[f"{layer.name}/{name}"] = values.astype(np.float32)
    np.savez(path, **arrays)


def age_card(run: Path, out: Path) -> None:
    """A copy of a RUN with a card of format 1."""
    shutil.copytree(run, out)
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    card["format"] = 1
    card["risk"] = card.pop("alpha")
    (out / "card.json").write_text(json.dumps(card), encoding="utf-8")
