"""A RUN that also says whether there is a lesion at all: an output `lesion`, and the limit below which a
photograph is refused.

    python bench/presence.py runs/joined --drawings runs/first/masks.csv --data sources.csv

The decoder has a map of 20 x 20 cells on its way to the mask. A linear layer on it, fitted here, gives P(lesion) of
a cell; `lesion` is the highest of a photograph. It learns from drawings that the decoder has learned from, from the same
photographs without their lesions, and from squares of skin and of lesion cut out of them. Those cells that a lesion fills by half or more are lesion, those that it
hardly touches are none. To go no further than this map costs a quarter of the decoder.

The limit lets all but 0.5 % of the photographs of each source pass; each of them shows a lesion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import openvino
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from tables import describe_machine, make_parser, print_table, require_readable

from lentigo.common.files import write_text
from lentigo.common.staging import stage_folder
from lentigo.common.statistics.resampling import spread_rows
from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.mask_reading import read_mask
from lentigo.evaluation.card.model_card import write_card
from lentigo.images.photographs import SIDE, read_image, stream_images
from lentigo.inference.decisions.refusal import load_reference
from lentigo.models.bundle import GRAPH, MODEL_CARD, REFERENCE, Bundle, amend_bundle, open_bundle
from lentigo.models.runtime import Session
from lentigo.training.holdout import list_holdouts, list_sources
from lentigo.training.views.background_swap import can_swap
from lentigo.training.views.lesion_removal import remove_lesion

CELLS = 20  # along the side of the map
OUTPUT = "lesion"
FILLED = 0.5  # of a cell, from which it counts as lesion
TOUCHED = 0.05  # of a cell, up to which it counts as none
DRAWINGS = 1500  # to fit on
INVERSE_PENALTY = 0.01
SMALLEST_SQUARE = 48  # pixels along its side
MARGIN = np.ones((9, 9), np.uint8)  # about a lesion, which is left out of a square of skin
SEED = 0
REFUSED_SHARE = 0.005  # of the photographs of a source, which the limit may refuse
MOST = 600  # photographs of a source to set the limit on


@dataclass(frozen=True)
class CellLayer:
    """P(lesion) of a cell is the sigmoid of its features times `weights`, (d,), plus `bias`."""

    weights: np.ndarray
    bias: float


def main() -> None:
    """Adds the output, sets the limit, and prints what passes it."""
    parser = make_parser(__doc__)
    parser.add_argument("run", type=Path, help="is changed")
    parser.add_argument(
        "--drawings", required=True, help="photographs with masks and splits, as `masks.csv` of a RUN"
    )
    parser.add_argument("--data", required=True, help="photographs of lesions with a column `source`")
    parser.add_argument("--most", type=int, default=MOST, help="photographs of a source")
    options = parser.parse_args()
    print(describe_machine())
    bundle = open_bundle(options.run)
    if OUTPUT in bundle.outputs:
        raise SystemExit(f"{options.run}: has the output {OUTPUT} already; expected a RUN without it")
    layer = fit_cells(bundle.graph, pd.read_csv(options.drawings, dtype=str))
    model = onnx.load(bundle.graph)
    add_output(model, layer)
    rows = write_output(bundle, model, options.data, options.most)
    print_table(["source", "n", f"{100 * REFUSED_SHARE:g} % lie below", "below the limit, %"], rows)


def fit_cells(graph: Path, drawings: pd.DataFrame) -> CellLayer:
    """Fits the linear layer of a cell on drawings of the training split."""
    training = drawings[drawings["split"] == "train"]
    chosen = training.iloc[spread_rows(len(training), DRAWINGS)]
    model = onnx.load(graph)
    name = find_map(model)
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    compiled = openvino.Core().compile_model(
        openvino.Core().read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    features = []
    labels = []
    for pixels, mask in show_drawings(chosen):
        answer = compiled(pixels[None])[name][0]  # (d, cells, cells)
        share = cv2.resize(mask.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA).ravel()
        told = (share >= FILLED) | (share <= TOUCHED)
        features.append(answer.reshape(len(answer), -1).T[told])
        labels.append((share >= FILLED)[told])
    regression = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=3000)
    regression.fit(np.concatenate(features), np.concatenate(labels))
    return CellLayer(regression.coef_[0].astype(np.float32), float(regression.intercept_[0]))


def show_drawings(drawings: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields views of each photograph with their masks, uint8 (side, side, 3) and (side, side): as it is, without its
    lesion, and as far as there is room a square of its skin and one as large of its lesion, so that
    sharpness tells nothing.
    """
    rng = np.random.default_rng(SEED)
    for image, mask_file in zip(drawings["image"], drawings["mask"], strict=True):
        pixels = read_image(image).pixels
        mask = read_mask(mask_file, SIDE)
        yield pixels, mask
        if can_swap(mask):
            yield remove_lesion(pixels, mask), np.zeros_like(mask)
            yield from cut_squares(read_image(image, side=None).pixels, read_mask(mask_file), rng)


def cut_squares(
    pixels: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the largest square of skin beside a lesion and its mask, then one as large on the lesion; nothing where there
    is no such square.

    Args:
        pixels: A photograph, uint8 (h, w, 3).
        mask: Its own, uint8, of any size.
        rng: Draws the place on the lesion.
    """
    height, width = pixels.shape[:2]
    lesion = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    free = cv2.copyMakeBorder(1 - cv2.dilate(lesion, MARGIN), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    # The pixel that is furthest from any lesion and from the edges is the middle of the largest free square
    reach = cv2.distanceTransform(free, cv2.DIST_C, 3)
    y, x = np.unravel_index(reach.argmax(), reach.shape)
    half = int(reach.max()) - 1
    if 2 * half < SMALLEST_SQUARE:
        return
    places = np.argwhere(lesion)
    on_lesion = places[rng.integers(len(places))]
    for middle in ((y - 1, x - 1), on_lesion):
        top = int(np.clip(middle[0] - half, 0, height - 2 * half))
        left = int(np.clip(middle[1] - half, 0, width - 2 * half))
        square = np.s_[top : top + 2 * half, left : left + 2 * half]
        yield (
            cv2.resize(pixels[square], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR),
            cv2.resize(lesion[square], (SIDE, SIDE), interpolation=cv2.INTER_NEAREST),
        )


def find_map(model: onnx.ModelProto) -> str:
    """The name of the decoder's map of cells, (n, d, cells, cells)."""
    for node in model.graph.node:
        if node.output[0].startswith(f"mask_{CELLS}_smooth_relu"):
            return node.output[0]
    raise SystemExit(
        f"the graph has no map of {CELLS} x {CELLS} cells of a decoder; expected a RUN with one that sees {8 * CELLS} pixels"
    )


def add_output(model: onnx.ModelProto, layer: CellLayer) -> None:
    """Gives a graph the output `lesion`, (n, 1)."""
    constants = {
        "lesion_weights": layer.weights[None, :, None, None],
        "lesion_bias": np.array([layer.bias], np.float32),
    }
    for name, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    model.graph.node.extend(
        [
            helper.make_node("Conv", [find_map(model), *constants], ["lesion_cells"]),
            helper.make_node("Flatten", ["lesion_cells"], ["lesion_row"]),
            helper.make_node("ReduceMax", ["lesion_row"], ["lesion_highest"], axes=[1], keepdims=1),
            helper.make_node("Sigmoid", ["lesion_highest"], [OUTPUT]),
        ]
    )
    batch = model.graph.output[0].type.tensor_type.shape.dim[0]
    shape = [batch.dim_param or batch.dim_value, 1]
    model.graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape))
    onnx.checker.check_model(model)


def write_output(bundle: Bundle, model: onnx.ModelProto, data: str, most: int) -> list[list]:
    """Writes a graph with the output and its limit into the RUN, and gives a row for each source."""
    session = Session(model.SerializeToString(), precision="f32", outputs=(OUTPUT,))
    dataset = load_dataset(data)
    highest = {}
    for name, source in list_holdouts(dataset, sorted(set(list_sources(dataset)))).items():
        images = source.table["image"].iloc[spread_rows(len(source), most)]
        pixels = (require_readable(image).pixels for image in stream_images(images))
        highest[name] = np.array([answer[OUTPUT][0] for answer in session.stream(pixels)])
    quantiles = {name: np.quantile(values, REFUSED_SHARE, method="lower") for name, values in highest.items()}
    limit = float(min(quantiles.values()))
    changed = replace(load_reference(bundle.folder / REFERENCE), lesion_limit=limit)
    outputs = sorted({*bundle.card["outputs"], OUTPUT})
    refusal = {**bundle.card["refusal"], "lesion_limit": limit}
    with stage_folder(bundle.graph) as staged:
        files = [staged / name for name in (GRAPH, REFERENCE)]
        onnx.save(model, files[0])
        changed.save(files[1])
        whole = amend_bundle(bundle, files, outputs=outputs, refusal=refusal)
    write_text(bundle.folder / MODEL_CARD, write_card(whole))
    print(f"limit: P(lesion) {limit:.3f}")
    return [
        [name, len(values), quantiles[name], 100 * (values < limit).mean()]
        for name, values in highest.items()
    ]


if __name__ == "__main__":
    main()
