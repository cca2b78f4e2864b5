"""Whether a faster precision decides as fp32 does, on the validation photographs of RUNs or on a split of a
data set. Example:

python bench/precision.py runs/first runs/second
python bench/precision.py runs/first --data photos/ --split test
"""

from __future__ import annotations

import argparse

from tables import describe_machine, print_table


def main() -> None:
    """A row for each RUN and faster precision; without --data the photographs are those that its splits.csv
    names.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    print_table(columns, [row for run in options.runs for row in compare(run, options.data, options.split)])


def compare(run: str, data: str | None, split: str) -> list[list]:
    """Decisions, AUROC and P(malignant) in bf16 and, where the RUN has a duplicate, int8, beside fp32."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    from lentigo.inference.decisions.calibration import read_calibration
    from lentigo.models.bundle import INT8_GRAPH, open_bundle
    from lentigo.models.runtime import Session, measure_logits

    bundle = open_bundle(run)
    images, malignant = choose_photos(run, data, split)
    calibration = read_calibration(bundle.card)
    graphs = {"f32": bundle.graph, "bf16": bundle.graph} | (
        {"int8": bundle.folder / INT8_GRAPH} if INT8_GRAPH in bundle.card["files"] else {}
    )
    answers = {
        name: calibration.apply(
            measure_logits(Session(graph, precision=None if name == "int8" else name), images)
        )
        for name, graph in graphs.items()
    }
    fp32 = answers.pop("f32")
    return [
        [
            run,
            bundle.card["backbone"],
            len(images),
            name,
            float(100 * np.mean((fp32 >= bundle.threshold) != (fast >= bundle.threshold))),
            roc_auc_score(malignant, fp32),
            roc_auc_score(malignant, fast),
            float(np.abs(fp32 - fast).max()),
        ]
        for name, fast in answers.items()
    ]


def choose_photos(run: str, data: str | None, split: str) -> tuple[list[str], list[bool]]:
    """The photographs and whether each is malignant."""
    import pandas as pd

    from lentigo.datasets.dataset import select_split
    from lentigo.datasets.manifests import load_dataset

    table = (
        pd.read_csv(f"{run}/splits.csv", dtype=str).query("split == 'validation'")
        if data is None
        else select_split(load_dataset(data), split).table
    )
    return table["image"].tolist(), (table["label"] == "malignant").tolist()


if __name__ == "__main__":
    main()
