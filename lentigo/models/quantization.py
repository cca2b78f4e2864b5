"""The int8 twin of a graph: quantised by NNCF on validation photographs, measured beside the original, kept or refused."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from lentigo.data.files import hash_file
from lentigo.data.intervals import compare_aurocs, estimate_auroc
from lentigo.data.photos import Photo, stream_photos
from lentigo.errors import ModelError, tell_install
from lentigo.models.bundle import INT8_GRAPH, SPLITS, Bundle
from lentigo.models.engine import block_telemetry, openvino
from lentigo.models.runtime import Session, measure_logits

LARGEST_LOSS = 0.005  # of the validation AUROC
CALIBRATION = 300  # photographs, NNCF's own default


@dataclass(frozen=True)
class Loss:
    """Validation AUROC of a graph in fp32 and of its int8 twin as it is served; intervals are of 95 %.

    `largest_difference` is that of P(malignant) before calibration, over all `n` photographs.
    """

    n: int
    n_malignant: int
    calibration: int
    auroc_before: float
    auroc_after: float
    loss: float
    ci_before: tuple[float, float]
    ci_after: tuple[float, float]
    ci_loss: tuple[float, float]
    largest_difference: float
    nncf: str


def quantize_bundle(bundle: Bundle, folder: Path) -> Loss:
    """Writes the int8 twin of a RUN's graph into `folder` and measures it on the RUN's validation photographs.

    Raises `ModelError` where those are not to be had, where NNCF is missing, and where the AUROC falls by more than 0.005.
    """
    nncf = load_nncf()
    table = list_validation(bundle)
    if table["label"].nunique() < 2:
        raise ModelError(
            f"{bundle.folder / SPLITS}: names no readable, unchanged validation photographs of both classes; int8 is calibrated and "
            f"measured on them: put them back, or call from the folder where `lentigo train` was called"
        )
    calibration = [photo.pixels for photo in read_some(table["image"], CALIBRATION)]
    twin = folder / INT8_GRAPH
    save_model(quantize_graph(bundle.graph, calibration), twin)
    before = measure_logits(Session(bundle.graph, precision="f32"), table["image"])
    after = measure_logits(Session(twin), table["image"])
    loss = compare(table, before, after, calibration=len(calibration), nncf=nncf.__version__)
    if not loss.loss <= LARGEST_LOSS:
        raise ModelError(
            f"{bundle.folder}: int8 lowers the validation AUROC from {loss.auroc_before:.4f} to {loss.auroc_after:.4f}; expected a loss "
            f"of at most {LARGEST_LOSS}: nothing was written, use this RUN without int8"
        )
    return loss


def save_model(model: openvino.Model, path: Path) -> None:
    """Writes OpenVINO's own form, weights as they are. Raises `OSError` as other writers do."""
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:  # all that it says is "iostream error"
        raise OSError(str(error)) from error


def load_nncf() -> Any:
    """The module `nncf`, quiet. Raises `ModelError` where it is not installed."""
    os.environ.setdefault("NNCF_CI", "1")  # else NNCF reports its use to Google Analytics
    try:
        with block_telemetry():
            import nncf
    except ImportError as error:
        raise ModelError(f"--int8 needs NNCF, which is not installed; {tell_install('export')}") from error
    nncf.set_log_level(40)  # errors
    return nncf


def list_validation(bundle: Bundle) -> pd.DataFrame:
    """The validation photographs of a RUN that are where they were and as they were: rows of `splits.csv`."""
    path = bundle.folder / SPLITS
    if not path.is_file():
        return pd.DataFrame(columns=["image", "label", "group"])
    table = pd.read_csv(path, dtype={"image": str, "label": str})
    if "image" not in table:  # a packed RUN's
        return table.iloc[:0].reindex(columns=["image", "label", "group"])
    table = table[table["split"] == "validation"]
    same = [is_same(image, digest) for image, digest in zip(table["image"], table["sha256"], strict=True)]
    return table[np.array(same, dtype=bool)].reset_index(drop=True)


def is_same(path: str, digest: str) -> bool:
    """Whether a file can be read and has this hash."""
    try:
        return hash_file(path) == digest
    except (OSError, ValueError):
        return False


def read_some(images: Iterable[str], count: int) -> list[Photo]:
    """At most `count` photographs, spread over the whole list; those that cannot be read are left out."""
    images = list(images)
    chosen = [images[n] for n in np.unique(np.linspace(0, len(images) - 1, count).round().astype(int))] if len(images) > count else images
    return [photo for photo in stream_photos(chosen) if isinstance(photo, Photo)]


def quantize_graph(graph: Path, photos: list[np.ndarray]) -> openvino.Model:
    """A graph with its trunk in int8, calibrated on photographs uint8 (side, side, 3).

    Head, heatmap and mask cost next to nothing and stay as they are. Batch norms are folded into convolutions first, as
    OpenVINO does later by itself: of weights that are scaled afterwards int8 would keep less.
    """
    from openvino._offline_transformations import apply_moc_transformations

    nncf = load_nncf()
    model = openvino.Core().read_model(graph)
    apply_moc_transformations(model, cf=False)
    trunk = {operation.get_friendly_name() for operation in walk_back(model.output("embedding").get_node())}
    others = [operation.get_friendly_name() for operation in model.get_ordered_ops() if operation.get_friendly_name() not in trunk]
    scope = nncf.IgnoredScope(names=others, validate=False)
    data = nncf.Dataset([photo[None] for photo in photos])
    with redirect_stdout(io.StringIO()):  # its progress bar
        return nncf.quantize(model, data, subset_size=len(photos), preset=nncf.QuantizationPreset.MIXED, ignored_scope=scope)


def walk_back(operation: openvino.Node) -> Iterator[openvino.Node]:
    """An operation and all it is made of."""
    stack, seen = [operation], set()
    while stack:
        node = stack.pop()
        if node.get_name() not in seen:
            seen.add(node.get_name())
            stack += [source.get_node() for source in node.input_values()]
            yield node


def compare(table: pd.DataFrame, before: np.ndarray, after: np.ndarray, **facts: Any) -> Loss:
    """AUROCs of two sets of logits (n,) of the same photographs, with intervals by groups."""
    known = ~np.isnan(before) & ~np.isnan(after)
    before, after = before[known], after[known]
    malignant = (table["label"] == "malignant").to_numpy(dtype=int)[known]
    groups = np.unique(table["group"].to_numpy()[known], return_inverse=True)[1]
    first, ci_before = estimate_auroc(malignant, before, groups)
    second, ci_after = estimate_auroc(malignant, after, groups)
    ci_loss = compare_aurocs(malignant, after, before, groups)[1]
    difference = float(np.abs(expit(before) - expit(after)).max())
    return Loss(
        len(malignant), int(malignant.sum()), facts["calibration"], first, second, first - second, ci_before, ci_after, ci_loss, difference, facts["nncf"]
    )
