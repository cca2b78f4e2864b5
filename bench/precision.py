"""Whether a faster precision decides as fp32 does, on the validation photographs of RUNs or on a split of a
data set. Example:

    python bench/precision.py runs/first runs/second
    python bench/precision.py runs/first --data photos/ --split test
"""

from __future__ import annotations

from tables import describe_machine, make_parser, print_table


def main() -> None:
    """A row for each RUN and faster precision; without --data the photographs are those that its splits.csv
    names.
    """
    parser = make_parser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--data")
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    print(describe_machine())
    columns = [
        "RUN",
        "backbone",
        "photographs",
        "precision",
        "decisions that differ, %",
        "AUROC fp32",
        "AUROC",
        "largest change of P",
    ]
    rows = []
    for run in options.runs:
        rows += compare(run, options.data, options.split)
    print_table(columns, rows)


def compare(run: str, data: str | None, split: str) -> list[list]:
    """Decisions, AUROC and P(malignant) in bf16 and, where the RUN has such a graph, int8, beside fp32."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    from lentigo.inference.decisions.calibration import read_calibration
    from lentigo.models.bundle import INT8_GRAPH, open_bundle
    from lentigo.models.exports.agreement import measure_logits
    from lentigo.models.runtime import Session

    bundle = open_bundle(run)
    images, malignant = choose_photos(run, data, split)
    calibration = read_calibration(bundle.card)
    sessions = {"bf16": Session(bundle.graph, precision="bf16")}
    if INT8_GRAPH in bundle.card["files"]:
        sessions["int8"] = Session(bundle.folder / INT8_GRAPH)  # its precision is in the graph
    slow = calibration.apply(measure_logits(Session(bundle.graph, precision="f32"), images))
    rows = []
    for name, session in sessions.items():
        fast = calibration.apply(measure_logits(session, images))
        differ = (slow >= bundle.threshold) != (fast >= bundle.threshold)
        aurocs = [roc_auc_score(malignant, slow), roc_auc_score(malignant, fast)]
        largest = float(np.abs(slow - fast).max())
        percent = float(100 * differ.mean())
        rows.append([run, bundle.card["backbone"], len(images), name, percent, *aurocs, largest])
    return rows


def choose_photos(run: str, data: str | None, split: str) -> tuple[list[str], list[bool]]:
    """The photographs and whether each is malignant."""
    import pandas as pd

    from lentigo.datasets.dataset import select_split
    from lentigo.datasets.manifests import load_dataset

    if data is None:
        splits = pd.read_csv(f"{run}/splits.csv", dtype=str)
        table = splits[splits["split"] == "validation"]
    else:
        table = select_split(load_dataset(data), split).table
    return table["image"].tolist(), (table["label"] == "malignant").tolist()


if __name__ == "__main__":
    main()
