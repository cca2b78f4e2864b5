"""A RUN folder: the whole model on disk, and the check that it is whole."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lentigo.common.file_names import take_path
from lentigo.common.hashing import hash_file
from lentigo.common.json_values import write_json
from lentigo.errors import ModelError
from lentigo.models.cards.card_reading import DEFAULT_OUTPUTS, FORMAT, read_card
from lentigo.models.external_data import list_external_files

GRAPH = "model.onnx"
CLASSIFIER = "model.keras"
CARD = "card.json"
HISTORY = "history.csv"
SPLITS = "splits.csv"
# Every photograph that it has learned from, and its starts; see lentigo.models.training_record
LEARNED = "learned.npz"
# Of RUNs made before learned.npz: the sides of photographs that its start knew and its own training did not
# have
PAST = "past.csv"
MASKS = "masks.csv"  # on which side of the decoder's training each photograph with a mask stood
MODEL_CARD = "model_card.md"  # for people, who may complete it by hand: so its hash is not kept
REFERENCE = "reference.npz"  # what the model knows: embeddings and validation scores, for the refusal
ARTEFACT_HEAD = "artefacts.npz"  # the head that finds artefacts by the frozen branch
# The quantised graph, where `lentigo export --int8` made one
INT8_GRAPH = "model.int8.xml"
INT8_WEIGHTS = "model.int8.bin"
HASHED = (GRAPH, CLASSIFIER, REFERENCE, ARTEFACT_HEAD, HISTORY, SPLITS, LEARNED, PAST, MASKS)
BUNDLED = Path(__file__).with_name("bundled")  # the RUN that comes with the package
# Of the card's metrics, that `lentigo info` shows
RESULTS = (
    "n",
    "accuracy",
    "auroc",
    "sensitivity",
    "specificity",
    "specificity_at_95_sensitivity",
    "ece",
    "ci",
)
EXPECTED_MODEL = 'the folder of a RUN, or "bundled"; what `lentigo.load_model` gives predicts by itself: model.predict(...)'


@dataclass(frozen=True)
class Bundle:
    """A finished RUN: its folder and what `card.json` says of it."""

    folder: Path
    card: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """What predictions are signed with: the folder's name and the start of the graph's hash."""
        return f"{self.folder.resolve().name}@{self.card['files'][GRAPH][:8]}"

    @property
    def graph(self) -> Path:
        return self.folder / GRAPH

    @property
    def outputs(self) -> tuple[str, ...]:
        """The graph's outputs: of logit, embedding, heatmap, mask those that it has."""
        return tuple(self.card.get("outputs", DEFAULT_OUTPUTS))

    @property
    def threshold(self) -> float:
        return float(self.card["threshold"])


def open_bundle(folder: str | Path) -> Bundle:
    """Opens a RUN, or what "bundled" names, and checks the hashes of its files.

    Raises `ModelError` for a folder that is no RUN, is incomplete, altered, or of a newer format.

    Args:
        folder: A RUN, or "bundled".
    """
    bundle = find_bundle(folder)
    check_hashes(bundle)
    return bundle


def find_bundle(folder: str | Path) -> Bundle:
    """A RUN whose card is read and whose files are there, not yet checked: `check_hashes` does that. Raises
    as `open_bundle`.

    Weights that the graph takes from elsewhere must lie in files that the card names: then their hashes are
    checked too.

    Args:
        folder: A RUN, or "bundled".
    """
    folder = BUNDLED if str(folder) == "bundled" else take_path(folder, "model", EXPECTED_MODEL)
    card = read_card(folder / CARD)
    bundle = Bundle(folder, card)
    # Missing before altered: it is the more common, and the quicker to find
    require_files(bundle)
    require_own_weights(bundle)
    return bundle


def require_files(bundle: Bundle) -> None:
    """Raises `ModelError` where a file that the card names is missing, or the graph is not among them."""
    for name in bundle.card["files"]:
        if not (bundle.folder / name).is_file():
            raise ModelError(
                f"{bundle.folder / name}: is missing; expected the RUN as `lentigo train` wrote it: copy the "
                "whole folder again"
            )
    if GRAPH not in bundle.card["files"]:
        raise ModelError(
            f"{bundle.folder}: has no {GRAPH}; finish the training with `lentigo train ... --resume`"
        )


def require_own_weights(bundle: Bundle) -> None:
    """Raises `ModelError` where the graph of a RUN takes weights from a file that its card does not name."""
    try:
        outside = sorted(list_external_files(bundle.graph))
    except ModelError:
        check_hashes(bundle)  # that it was altered says more
        raise
    for name in outside:
        if name not in bundle.card["files"]:
            raise ModelError(
                f"{bundle.graph}: takes weights from {name[:80]!a}, which the RUN's card does not name; "
                "expected all of them in files of the RUN: copy it again from its source"
            )


def is_run(weights: str | Path) -> bool:
    """Whether the weights that a training is to start from are a RUN's: the bundled one, or a folder with a
    graph.

    Args:
        weights: "bundled", a folder, a file, or the name of published weights.
    """
    return str(weights) == "bundled" or (Path(weights) / GRAPH).is_file()


def check_hashes(bundle: Bundle) -> None:
    """Raises `ModelError` where a file of a RUN is not the one that its card names.

    Args:
        bundle: The RUN.
    """
    coming = bundle.card.get("coming", {})  # of a RUN that was being amended when its process ended
    for name, expected in bundle.card["files"].items():
        if hash_file(bundle.folder / name) not in (expected, coming.get(name)):
            raise ModelError(
                f"{bundle.folder / name}: was altered (its hash differs from card.json); copy the RUN again "
                "from its source"
            )


def draft_bundle(folder: Path, card: dict[str, Any]) -> Bundle:
    """A RUN whose files are written but whose card is not: it can answer, and is not finished.

    Args:
        folder: Where the files are.
        card: Its entries, without hashes.
    """
    files = {}
    for name in HASHED:
        if (folder / name).is_file():
            files[name] = hash_file(folder / name)
    return Bundle(folder, {"format": FORMAT, **card, "files": files})


def finish_bundle(draft: Bundle, metrics: dict[str, Any]) -> Bundle:
    """Writes the card, with which a RUN is finished.

    Args:
        draft: The RUN as `draft_bundle` gives it.
        metrics: Its scores by the name of the set.
    """
    card = {**draft.card, "metrics": metrics}
    write_json(draft.folder / CARD, card)
    return Bundle(draft.folder, card)


def amend_bundle(
    bundle: Bundle, files: Iterable[Path], *, drop: Sequence[str] = (), **entries: Any
) -> Bundle:
    """Moves files into a finished RUN, and writes the card with their hashes and with `entries`; the RUN is
    valid at every moment.

    Of the int8 form, whose two files must be of one kind, the card forgets the old ones first; of other files
    it knows both meanwhile: what comes must go with what is there.

    Args:
        bundle: The RUN.
        files: That move into it, from the same disk.
        drop: Names of files that go.
        entries: Of the card, new or changed.
    """
    files = list(files)
    before = dict(bundle.card)
    before.pop("coming", None)
    coming = {file.name: hash_file(file) for file in files}
    kept = choose_kept(before["files"], coming, drop)
    meanwhile = before | {"files": kept, "coming": coming}
    if kept != before["files"]:
        # What the card said of files that go is no longer true, and what comes is not there yet
        meanwhile = {key: value for key, value in meanwhile.items() if key not in entries}
    # The card first: whoever reads in between accepts the old file and the new one
    write_json(bundle.folder / CARD, meanwhile)
    for name in drop:
        (bundle.folder / name).unlink(missing_ok=True)
    for file in files:
        os.replace(file, bundle.folder / file.name)
    card = {**before, **entries, "files": {**kept, **coming}}
    write_json(bundle.folder / CARD, card)
    return Bundle(bundle.folder, card)


def choose_kept(files: dict[str, str], coming: Container[str], drop: Container[str]) -> dict[str, str]:
    """The files of a card that stay valid while others come and go."""
    kept = {}
    for name, digest in files.items():
        is_replaced_int8 = name in coming and name in (INT8_GRAPH, INT8_WEIGHTS)
        if name not in drop and not is_replaced_int8:
            kept[name] = digest
    return kept


def pick_results(metrics: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of the metrics of each set those of `RESULTS`; a set without any is left out."""
    results = {}
    for split, found in metrics.items():
        if found:
            results[split] = {name: found[name] for name in RESULTS if name in found}
    return results


def describe_bundle(bundle: Bundle) -> dict[str, Any]:
    """What `lentigo info` says of a RUN: name, backbone, licence, size, answers, and results, on validation
    and wherever else its card has some.

    Args:
        bundle: The RUN.
    """
    size = sum((bundle.folder / name).stat().st_size for name in bundle.card["files"])
    return {
        "name": bundle.name,
        "folder": str(bundle.folder),
        "backbone": bundle.card["backbone"],
        "licence": bundle.card.get("licence"),
        "megabytes": round(size / 1e6, 1),
        "outputs": list(bundle.outputs),
        "results": pick_results(bundle.card.get("metrics", {})),
        "lentigo": bundle.card.get("lentigo"),
        "threshold": bundle.card.get("threshold"),
        "threshold_rule": bundle.card.get("threshold_rule"),
        "recipe": bundle.card.get("recipe"),
        "data": (bundle.card.get("data") or {}).get("name"),
        "leaks": bundle.card.get("leaks"),
    }
