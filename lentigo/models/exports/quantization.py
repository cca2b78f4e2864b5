"""The int8 form of a graph: quantised by NNCF on validation photographs, and measured beside the original."""

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

from lentigo.common.hashing import hash_file
from lentigo.common.statistics.intervals import estimate_auroc
from lentigo.common.statistics.resampling import spread_rows
from lentigo.errors import ModelError, tell_install
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.models.bundle import INT8_GRAPH, SPLITS, Bundle
from lentigo.models.engine import block_imports, openvino
from lentigo.models.exports.agreement import compare_predictions, measure_logits
from lentigo.models.runtime import Session

CALIBRATION_IMAGES = 300  # NNCF's own default
ERRORS_ONLY = 40  # NNCF's level of messages


@dataclass(frozen=True)
class QuantizationLoss:
    """What int8 costs: a graph in fp32 and its int8 form as it is served, on the validation photographs.

    Attributes:
        n: The number of photographs.
        n_malignant: How many of them are malignant.
        calibration: Photographs that the int8 form was calibrated on.
        auroc_before: Of the graph in fp32.
        auroc_after: Of its int8 form.
        loss: Of AUROC.
        ci_before: The 95 % interval of `auroc_before`.
        ci_after: The 95 % interval of `auroc_after`.
        ci_loss: The 95 % interval of `loss`.
        largest_difference: Of P(malignant) before calibration.
        mean_difference: The same, without its sign.
        nncf: The version of NNCF.
        decisions_equal: The share of the photographs that both decide alike at the RUN's threshold.
        neutral: Whether the int8 form may be what the RUN predicts with (`lentigo.models.exports.agreement`).
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
    mean_difference: float
    nncf: str
    decisions_equal: float
    neutral: bool


def quantize_bundle(bundle: Bundle, folder: Path) -> QuantizationLoss:
    """Writes the int8 form of a RUN's graph and measures it on the RUN's validation photographs.

    Args:
        bundle: The RUN.
        folder: Where the int8 form is written.

    Raises:
        ModelError: The validation photographs are not to be had, NNCF is missing, or the card does not say
            at which logit the RUN decides.
    """
    nncf = load_nncf()
    if "logit_threshold" not in bundle.card:
        raise ModelError(
            f"{bundle.folder}: its card.json has no `logit_threshold`, at which decisions are compared; "
            "train the RUN again"
        )
    table = list_validation(bundle)
    if table["label"].nunique() < 2:
        raise ModelError(
            f"{bundle.folder / SPLITS}: names no readable, unchanged validation photographs of both "
            "classes; int8 is calibrated and "
            f"measured on them: put them back, or call from the folder where `lentigo train` was called"
        )
    calibration = [image.pixels for image in read_some(table["image"], CALIBRATION_IMAGES)]
    int8_graph = folder / INT8_GRAPH
    save_model(quantize_graph(bundle.graph, calibration), int8_graph)
    before = measure_logits(Session(bundle.graph, precision="f32"), table["image"])
    after = measure_logits(Session(int8_graph), table["image"])
    return compare(
        table,
        before,
        after,
        bundle.card["logit_threshold"],
        calibration=len(calibration),
        nncf=nncf.__version__,
    )


def save_model(model: openvino.Model, path: Path) -> None:
    """Writes OpenVINO's own form, weights as they are.

    Args:
        model: The model.
        path: The file, .xml; its weights go beside it.

    Raises:
        OSError: It cannot be written.
    """
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:  # all that it says is "iostream error"
        raise OSError(str(error)) from error


def load_nncf() -> Any:
    """The module `nncf`, quiet. Raises `ModelError` where it is not installed."""
    os.environ.setdefault("NNCF_CI", "1")  # else NNCF reports its use to Google Analytics
    try:
        with block_imports():
            import nncf
    except ImportError as error:
        raise ModelError(f"--int8 needs NNCF, which is not installed; {tell_install('export')}") from error
    nncf.set_log_level(ERRORS_ONLY)
    return nncf


def list_validation(bundle: Bundle) -> pd.DataFrame:
    """Lists the validation photographs of a RUN that are where they were and as they were.

    Args:
        bundle: The RUN.

    Returns:
        Rows of its `splits.csv`.
    """
    path = bundle.folder / SPLITS
    if not path.is_file():
        return pd.DataFrame(columns=["image", "label", "group"])
    table = pd.read_csv(path, dtype={"image": str, "label": str})
    if "image" not in table:  # a packed RUN's
        return table.iloc[:0].reindex(columns=["image", "label", "group"])
    # Validation alone: what the network has learned from would make int8 look better
    table = table[table["split"] == "validation"]
    same = []
    for image, digest in zip(table["image"], table["sha256"], strict=True):
        same.append(is_same(image, digest))
    return table[np.array(same, dtype=bool)].reset_index(drop=True)


def is_same(path: str, digest: str) -> bool:
    """Whether a file can be read and has this hash."""
    try:
        return hash_file(path) == digest
    except (OSError, ValueError):
        return False


def read_some(images: Iterable[str], count: int) -> list[DecodedImage]:
    """Reads some photographs, spread over a whole list; those that cannot be read are left out.

    Args:
        images: Paths.
        count: How many at most.
    """
    chosen = list(images)
    places = spread_rows(len(chosen), count).tolist()
    spread = stream_images(map(chosen.__getitem__, places))
    return [image for image in spread if isinstance(image, DecodedImage)]


def quantize_graph(graph: Path, images: list[np.ndarray]) -> openvino.Model:
    """Turns the feature extractor of a graph into int8.

    Head, heatmap and mask cost next to nothing and stay as they are. Batch norms are folded into convolutions
    first, as OpenVINO does later by itself: of weights that are scaled afterwards int8 would keep less.

    Args:
        graph: The file of the ONNX graph.
        images: Photographs that it is calibrated on, uint8 (side, side, 3).
    """
    from openvino._offline_transformations import apply_moc_transformations

    nncf = load_nncf()
    model = openvino.Core().read_model(graph)
    # Patterns are fused first: NNCF counts operations, not what they become
    apply_moc_transformations(model, cf=False)
    embedding = model.output("embedding").get_node()
    extractor = {operation.get_friendly_name() for operation in walk_back(embedding)}
    others = []
    for operation in model.get_ordered_ops():
        if operation.get_friendly_name() not in extractor:
            others.append(operation.get_friendly_name())
    scope = nncf.IgnoredScope(names=others, validate=False)
    data = nncf.Dataset([image[None] for image in images])
    with redirect_stdout(io.StringIO()):  # its progress bar
        return nncf.quantize(
            model, data, subset_size=len(images), preset=nncf.QuantizationPreset.MIXED, ignored_scope=scope
        )


def walk_back(operation: openvino.Node) -> Iterator[openvino.Node]:
    """An operation and all it is made of."""
    stack = [operation]
    seen: set[str] = set()
    while stack:
        node = stack.pop()
        if node.get_name() not in seen:
            seen.add(node.get_name())
            for source in node.input_values():
                stack.append(source.get_node())
            yield node


def compare(
    table: pd.DataFrame, before: np.ndarray, after: np.ndarray, cut: float, *, calibration: int, nncf: str
) -> QuantizationLoss:
    """Compares two sets of logits of the same photographs, with intervals by groups.

    Args:
        table: The photographs, with `label` and `group`.
        before: Logits in fp32, float (n,); NaN for a photograph that cannot be read.
        after: Logits in int8.
        cut: A photograph is malignant from this logit on.
        calibration: Photographs that the int8 form was calibrated on.
        nncf: The version of NNCF.
    """
    is_measured = ~np.isnan(before) & ~np.isnan(after)
    before = before[is_measured]
    after = after[is_measured]
    malignant = (table["label"] == "malignant").to_numpy(dtype=int)[is_measured]
    groups = np.unique(table["group"].to_numpy()[is_measured], return_inverse=True)[1]
    probabilities = (expit(before), expit(after))
    decided = (before >= cut, after >= cut)
    found = compare_predictions(malignant, probabilities, decided, groups)
    return QuantizationLoss(
        n=found.n,
        n_malignant=int(malignant.sum()),
        calibration=calibration,
        auroc_before=found.auroc_before,
        auroc_after=found.auroc_after,
        loss=found.auroc_before - found.auroc_after,
        ci_before=estimate_auroc(malignant, before, groups)[1],
        ci_after=estimate_auroc(malignant, after, groups)[1],
        ci_loss=found.loss_ci,
        largest_difference=found.largest_difference,
        mean_difference=found.mean_difference,
        nncf=nncf,
        decisions_equal=found.decisions_equal,
        neutral=found.neutral,
    )
