"""Whether the processor's fast precision decides as fp32 does: both on the validation photographs of a RUN. Example:

    python bench/precision.py runs/first runs/second
"""

from __future__ import annotations

import argparse

from tables import describe_machine, print_table


def main() -> None:
    """A row for each RUN; the photographs are those that its splits.csv names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    options = parser.parse_args()
    print(describe_machine())
    columns = ["RUN", "backbone", "photographs", "fast", "decisions that differ, %", "AUROC fp32", "AUROC fast", "largest change of P"]
    print_table(columns, [compare(run) for run in options.runs])


def compare(run: str) -> list:
    """Decisions, AUROC and P(malignant) in fp32 and in the fast precision."""
    import numpy as np
    import openvino
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    from lentigo.inference.prediction import Predictor
    from lentigo.models.runtime import fastest_precision

    table = pd.read_csv(f"{run}/splits.csv", dtype=str).query("split == 'validation'")
    exact, fast = ([answer.probability for answer in Predictor(run, exact=exact).predict(table["image"])] for exact in (True, False))
    malignant = table["label"] == "malignant"
    exact, fast = np.array(exact), np.array(fast)
    predictor = Predictor(run)
    changed = 100 * np.mean((exact >= predictor.bundle.threshold) != (fast >= predictor.bundle.threshold))
    return [run, predictor.bundle.card["backbone"], len(table), fastest_precision(openvino.Core()), float(changed),
            roc_auc_score(malignant, exact), roc_auc_score(malignant, fast), float(np.abs(exact - fast).max())]  # fmt: skip


if __name__ == "__main__":
    main()
