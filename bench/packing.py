"""Packing: a RUN made small enough to travel inside the package, as its graph with weights of 16 bits and
what answering needs.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from known import gather_learned

from lentigo.common.files import write_text, write_whole
from lentigo.models.bundle import (
    ARTEFACT_HEAD,
    GRAPH,
    HISTORY,
    LEARNED,
    MODEL_CARD,
    REFERENCE,
    Bundle,
    check_hashes,
    draft_bundle,
    finish_bundle,
)

PATH = re.compile(
    r"(?<![\w./:])(?:/[^\s/,;:|`'\"<>]+){2,}"
)  # of a file or folder, as a system with slashes has it
LICENCE_FILE = "LICENSE"
LICENCE = (
    "weights for non-commercial research use (trained on photographs of the ISIC archive, part of them CC BY-NC "
    "4.0); the code has its own licence, Apache-2.0"
)
LEFT_OUT = ("int8", "coming")  # entries of the card on files that stay behind


def pack_bundle(run: Bundle, out: str | Path, **entries: Any) -> Bundle:
    """Writes the RUN to a new or empty folder without what only further training needs: `model.keras`, and
    the names of its photographs, which `learned.npz` knows without names, so that nobody validates or
    measures on what it has learned from.

    The graph and the reference of the refusal have weights of 16 bits; the card says of which graph they are,
    and gets `entries` besides. Raises `ModelError` for a RUN that was altered.
    """
    # Here: whoever reads a call's help does not wait for Keras
    from lentigo.models.graphs.graph_weights import halve_weights

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


def pack_weights(run: Bundle, out: str | Path, **entries: Any) -> Bundle:
    """Packs a RUN as `pack_bundle` does, with the licence of weights that have learned from the archive."""
    packed = pack_bundle(run, out, licence=LICENCE, **entries)
    write_text(
        packed.folder / LICENCE_FILE,
        f"Lentigo: {LICENCE}.\nA research tool, not a medical device: no diagnosis, no treatment decision.\n",
    )
    return packed


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
