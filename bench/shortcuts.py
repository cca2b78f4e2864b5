"""What can be had without the lesion: the shortcut baselines of a data set, or those beside a test result, as
a table.

    python bench/shortcuts.py photographs/train              # cross-validated by group
    python bench/shortcuts.py photographs/train other/       # fitted to the first, measured on the second
"""

from __future__ import annotations

import time

from tables import make_parser, print_table, show_value

from lentigo.audit.shortcut_baselines import measure_shortcut_baselines


def main() -> None:
    """Measures and prints."""
    parser = make_parser(__doc__)
    parser.add_argument("data")
    parser.add_argument("against", nargs="?")
    options = parser.parse_args()
    started = time.perf_counter()
    found = measure_shortcut_baselines(options.data, against=options.against)
    rows = [["majority class", show_value(found.majority_accuracy, found.majority_ci), "0.500"]]
    for name, baseline in found.baselines.items():
        accuracy = "-"
        auroc = "-"
        if baseline is not None:
            accuracy = show_value(baseline.accuracy, baseline.ci["accuracy"])
            auroc = show_value(baseline.auroc, baseline.ci["auroc"])
        rows.append([name.replace("_", " "), accuracy, auroc])
    print_table(["known", "accuracy", "AUROC"], rows)
    print(
        f"{found.n} photographs, {found.groups} groups, {time.perf_counter() - started:.0f} s; 95 % "
        "intervals over groups"
    )


if __name__ == "__main__":
    main()
