"""Before a training: the folder that it may write, its photographs, the two sides, and the settings that a resumed one must share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.data.files import write_json, write_whole
from lentigo.data.manifests import Dataset, load_dataset
from lentigo.data.splits import refuse_leaks, split_validation
from lentigo.errors import UsageError
from lentigo.models.bundle import CARD
from lentigo.training.recipes import Recipe


def check_folder(out: Path, resume: bool) -> None:
    """Refuses to write over a RUN, finished or not."""
    if (out / CARD).is_file():
        raise UsageError(f"{out}: holds a finished RUN; choose another folder, or remove it")
    if out.is_file():
        raise UsageError(f"{out}: is a file; expected a folder to be made")
    if (out / "checkpoint").is_dir() and not resume:
        raise UsageError(f"{out}: holds an unfinished RUN; go on with --resume, or choose another folder")


def load_training_data(data: str | Path) -> Dataset:
    """The photographs to train on: all but the test split. Raises `DataError` where they cannot be used."""
    dataset = load_dataset(data)
    refuse_leaks(dataset.table, dataset.name)
    kept = dataset.take((dataset.table["split"] != "test").to_numpy())
    kept.require_both_classes()
    return kept


def split_or_read(dataset: Dataset, recipe: Recipe, path: Path, *, resume: bool) -> np.ndarray:
    """The validation photographs, bool (n,): to resume as `splits.csv` says, else as given, else drawn; written to `splits.csv`."""
    if resume and path.is_file():
        known = pd.read_csv(path, dtype=str).set_index("image")["split"]
        held_out = dataset.table["image"].map(known)
        if held_out.notna().all():
            return (held_out == "validation").to_numpy()
    held_out = (dataset.table["split"] == "validation").to_numpy()
    if not held_out.any():
        held_out = split_validation(dataset.malignant, dataset.groups, recipe.validation_split, recipe.seed)
    table = dataset.table.assign(split=np.where(held_out, "validation", "train"), group=dataset.groups, sha256=dataset.digests)
    for side in (dataset.take(held_out), dataset.take(~held_out)):
        side.require_both_classes()
    with write_whole(path) as temporary:
        table[["image", "label", "split", "group", "sha256"]].to_csv(temporary, index=False)
    return held_out


def keep_settings(path: Path, settings: dict[str, Any]) -> None:
    """Writes the settings of a new run; those of a resumed one must be the same."""
    if not path.is_file():
        return write_json(path, settings)
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [key for key in settings if json.loads(json.dumps(settings[key])) != before.get(key)]
    if "recipe" in changed:
        changed = [key for key, value in settings["recipe"].items() if value != before["recipe"].get(key)]
    if changed:
        raise UsageError(f"{path.parent.parent}: was started with another {', '.join(changed)}; resume with the same call, or choose another folder")
