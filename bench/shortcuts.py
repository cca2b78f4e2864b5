"""What can be had without the lesion: the shortcut baselines of a data set, or those beside a test result, as
a table.

python bench/shortcuts.py photographs/train              cross-validated by group
python bench/shortcuts.py photographs/train other/       fitted to the first, measured on the second
"""

from __future__ import annotations

import argparse
import time

from tables import print_table

from lentigo.audit.shortcut_baselines import measure_shortcut_baselines


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("against", nargs="?")
    options = parser.parse_args()
    started = time.perf_counter()
    found = measure_shortcut_baselines(options.data, against=options.against)
    rows = [["majority class", show(found.majority_accuracy, found.majority_ci), "0.500"]]
    for name, baseline in found.baselines.items():
        scores = (
            [show(getattr(baseline, score), baseline.ci[score]) for score in ("accuracy", "auroc")]
            if baseline
            else ["-", "-"]
        )
        rows.append([name.replace("_", " "), *scores])
    print_table(["known", "accuracy", "AUROC"], rows)
    print(
        f"{found.n} photographs, {found.groups} groups, {time.perf_counter() - started:.0f} s; 95 % "
        "intervals over groups"
    )


def show(value: float, ci: tuple[float, float]) -> str:
    """A value with its interval."""
    return f"{value:.3f} ({ci[0]:.3f} to {ci[1]:.3f})"


if __name__ == "__main__":
    main()
