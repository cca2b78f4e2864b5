"""A RUN with its last layer fitted anew, as `lentigo train --refit-head` does it at the end of a training.

    python bench/refit_head.py runs/first --data sources.csv --out runs/refitted

`model.keras` and `model.onnx` are written anew; the rest is the RUN's. Calibrate the result before use
(bench/join.py, bench/rejudge.py).
"""

from __future__ import annotations

from pathlib import Path

from known import read_recipe, take_split
from sklearn.metrics import roc_auc_score
from soup import write_changed
from tables import describe_machine, make_parser, print_table

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.models.bundle import CLASSIFIER, Bundle, open_bundle
from lentigo.models.exports.agreement import measure_logits
from lentigo.models.runtime import Session


def main() -> None:
    """Writes the RUN, and prints the AUROC of its validation photographs before and after."""
    parser = make_parser(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", required=True, help="the manifest that the RUN has learned from")
    parser.add_argument("--out", required=True, type=Path, help="a new folder")
    options = parser.parse_args()
    print(describe_machine())
    dataset = load_dataset(options.data)
    before = open_bundle(options.run)
    after = write_refitted(before, dataset, options.out)
    validation = take_split(dataset, before, "validation")
    print_table(
        ["source", "n", "malignant", "AUROC before", "AUROC after"], compare(before, after, validation)
    )


def write_refitted(run: Bundle, dataset: Dataset, out: Path) -> Bundle:
    """Writes a RUN with another last layer."""
    # After the call was read: Keras takes seconds
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import open_network
    from lentigo.training.calibration.head_refit import refit_head

    network = open_network(run.folder / CLASSIFIER, find_backbone(run.card["backbone"]))
    refit_head(network, run.graph, take_split(dataset, run, "train"), read_recipe(run))
    return write_changed(run, network, out, recipe={**run.card["recipe"], "refit_head": True})


def compare(before: Bundle, after: Bundle, validation: Dataset) -> list[list]:
    """A row for each source of the validation photographs, and one for all."""
    logits = []
    for run in (before, after):
        logits.append(measure_logits(Session(run.graph, precision="f32"), validation.table["image"]).ravel())
    sources = validation.table["source"]
    rows = []
    for name in [*sorted(set(sources)), "all"]:
        chosen = (sources == name).to_numpy() | (name == "all")
        malignant = validation.malignant[chosen]
        has_both = len(set(malignant)) > 1
        aurocs = [roc_auc_score(malignant, each[chosen]) if has_both else None for each in logits]
        rows.append([name, len(malignant), malignant.sum(), *aurocs])
    return rows


if __name__ == "__main__":
    main()
