"""Packing: a RUN made small enough to travel inside the package, as its graph with weights of 16 bits and
what answering needs.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd

from lentigo.common.files import write_text, write_whole
from lentigo.common.hashing import hash_readable
from lentigo.datasets.dataset import Dataset
from lentigo.models.bundle import (
    ARTEFACT_HEAD,
    GRAPH,
    HISTORY,
    LEARNED,
    MODEL_CARD,
    REFERENCE,
    SPLITS,
    Bundle,
    check_hashes,
    draft_bundle,
    finish_bundle,
)
from lentigo.models.graphs.graph_weights import halve_weights
from lentigo.models.training_record import TrainingRecord
from lentigo.models.training_record_files import read_training_record

PATH = re.compile(
    r"(?<![\w./:])(?:/[^\s/,;:|`'\"<>]+){2,}"
)  # of a file or folder, as a system with slashes has it
LEFT_OUT = ("int8", "coming")  # entries of the card on files that stay behind


def pack_bundle(run: Bundle, out: str | Path, **entries: Any) -> Bundle:
    """Writes the RUN to a new or empty folder without what only further training needs: `model.keras`, and
    the names of its photographs, which `learned.npz` knows without names, so that nobody validates or
    measures on what it has learned from.

    The graph and the reference of the refusal have weights of 16 bits; the card says of which graph they are,
    and gets `entries` besides. Raises `ModelError` for a RUN that was altered.
    """
    check_hashes(run)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with write_whole(out / GRAPH) as temporary:
        onnx.save(halve_weights(onnx.load(run.graph)), temporary)
    if (run.folder / REFERENCE).is_file():
        halve_reference(run.folder / REFERENCE, out / REFERENCE)
    if (run.folder / ARTEFACT_HEAD).is_file():
        shutil.copy(run.folder / ARTEFACT_HEAD, out / ARTEFACT_HEAD)
    shutil.copy(run.folder / HISTORY, out / HISTORY)
    gather_learned(run).write(out / LEARNED)
    write_text(out / MODEL_CARD, shorten_paths((run.folder / MODEL_CARD).read_text(encoding="utf-8")))
    card = forget_photographs({key: value for key, value in run.card.items() if key not in LEFT_OUT})
    draft = draft_bundle(out, card | {"packed_from": run.card["files"][GRAPH], **entries})
    return finish_bundle(draft, run.card["metrics"])


def gather_learned(run: Bundle) -> TrainingRecord:
    """What a RUN has learned from. Of one made before there were perceptual hashes they are taken now, where
    its photographs still lie.
    """
    learned, path = read_training_record(run), run.folder / SPLITS
    if not learned.not_known or not path.is_file():
        return learned
    images = [image for image in pd.read_csv(path, dtype=str).get("image", ()) if Path(image).is_file()]
    return learned.fill(images, [hash_readable(image) for image in images])


def take_unlearned(dataset: Dataset, runs: Sequence[Bundle]) -> Dataset:
    """The photographs of those lesions and patients that none of some RUNs has learned from."""
    groups = dataset.groups
    unlearned = np.ones(len(dataset), bool)
    for run in runs:
        recognised = gather_learned(run).recognise(list(dataset.table["image"]), dataset.digests)
        learned = np.array([found is not None and found.split == "train" for found in recognised])
        unlearned &= ~np.isin(groups, groups[learned])
    return dataset.take(unlearned)


def forget_photographs(entry: Any) -> Any:
    """An entry of a card without examples of photographs, and without the folders that things lay in."""
    if isinstance(entry, dict):
        return {key: forget_photographs(value) for key, value in entry.items() if key != "examples"}
    if isinstance(entry, list):
        return [forget_photographs(value) for value in entry]
    return shorten_paths(entry) if isinstance(entry, str) else entry


def shorten_paths(text: str) -> str:
    """Absolute paths by their last names.

    >>> shorten_paths("of /home/me/images/a.csv and 3/4")
    'of a.csv and 3/4'
    """
    return PATH.sub(lambda found: found[0].rsplit("/", 1)[1], text)


def halve_reference(path: Path, out: Path) -> None:
    """Copies a reference with its large table in 16 bits."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    with write_whole(out) as temporary, open(temporary, "wb") as content:
        np.savez(content, **arrays | {"whitening": arrays["whitening"].astype(np.float16)})
