"""Whether a faster precision decides as fp32 does, on the validation photographs of RUNs or on a split of a
data set. Example:

    python bench/precision.py runs/first runs/second
    python bench/precision.py runs/first --data photos/ --split test
    python bench/precision.py bundled --data sources.csv --of runs/second --quantize     # makes int8 for it

The bundled weights do not name their validation photographs: `--of` takes those of another RUN. bf16 is
measured where the processor computes in it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from by_source import take_validation
from tables import describe_machine, make_parser, print_table

from lentigo.datasets.dataset import Dataset, select_split
from lentigo.datasets.manifests import load_dataset
from lentigo.inference.decisions.calibration import read_calibration
from lentigo.models.bundle import INT8_GRAPH, Bundle, open_bundle
from lentigo.models.compilation import fastest_precision
from lentigo.models.exports.agreement import Agreement, compare_predictions, measure_logits
from lentigo.models.exports.quantization import CALIBRATION_IMAGES, quantize_graph, read_some, save_model
from lentigo.models.runtime import Session

COLUMNS = (
    "RUN",
    "photographs",
    "precision",
    "decisions that are equal, %",
    "AUROC fp32",
    "AUROC",
    "loss, 95 %",
    "change of P: mean",
    "largest",
    "neutral",
)


def main() -> None:
    """A row for each RUN and faster precision; without --data the photographs are those that its splits.csv
    names.
    """
    parser = make_parser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--data")
    parser.add_argument("--split", default="test")
    parser.add_argument("--of", metavar="RUN", help="whose validation photographs of DATA are taken")
    parser.add_argument("--quantize", action="store_true", help="makes an int8 form, which is not kept")
    options = parser.parse_args()
    print(describe_machine())
    rows = []
    for run in options.runs:
        dataset = choose_photographs(run, options)
        with tempfile.TemporaryDirectory() as folder:
            rows += compare(run, dataset, Path(folder) if options.quantize else None)
    if not rows:
        raise SystemExit(
            "nothing to compare with fp32; expected a processor that computes in bf16, a RUN with an int8 form, "
            "or --quantize"
        )
    print_table(COLUMNS, rows)


def choose_photographs(run: str, options: argparse.Namespace) -> Dataset:
    """The photographs with their labels."""
    if options.of:
        return take_validation(load_dataset(options.data), options.of)
    if options.data:
        return select_split(load_dataset(options.data), options.split)
    return take_validation(load_dataset(f"{run}/splits.csv"), run)


def compare(run: str, dataset: Dataset, folder: Path | None) -> list[list]:
    """A row for bf16 and one for int8, where there are such; int8 is made in `folder` where one is given."""
    bundle = open_bundle(run)
    calibration = read_calibration(bundle.card["calibration"])
    images = dataset.table["image"].tolist()
    slow = calibration.apply(measure_logits(Session(bundle.graph, precision="f32"), images))
    rows = []
    for name, session in open_sessions(bundle, images, folder).items():
        fast = calibration.apply(measure_logits(session, images))
        decided = (slow >= bundle.threshold, fast >= bundle.threshold)
        agreement = compare_predictions(dataset.malignant, (slow, fast), decided, dataset.groups)
        rows.append([run, agreement.n, name, *describe(agreement)])
    return rows


def open_sessions(bundle: Bundle, images: list[str], folder: Path | None) -> dict[str, Session]:
    """The faster precisions of a RUN, by name."""
    sessions = {}
    if fastest_precision() == "bf16":
        sessions["bf16"] = Session(bundle.graph, precision="bf16")
    if folder is not None:
        calibration = [image.pixels for image in read_some(images, CALIBRATION_IMAGES)]
        save_model(quantize_graph(bundle.graph, calibration), folder / INT8_GRAPH)
        sessions["int8"] = Session(folder / INT8_GRAPH)
    elif INT8_GRAPH in bundle.card["files"]:
        sessions["int8"] = Session(bundle.folder / INT8_GRAPH)  # its precision is in the graph
    return sessions


def describe(agreement: Agreement) -> list:
    """The cells of a comparison."""
    low, high = agreement.loss_ci
    return [
        f"{100 * agreement.decisions_equal:.1f}",
        agreement.auroc_before,
        agreement.auroc_after,
        f"{low:.4f} to {high:.4f}",
        agreement.mean_difference,
        agreement.largest_difference,
        agreement.neutral,
    ]


if __name__ == "__main__":
    main()
