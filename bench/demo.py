"""`make demo`: Lentigo from end to end on lesions that it draws itself, with the commands that a user types.

No photograph and no weight file is needed: the backbone keeps random weights, and only the head learns. So
the numbers say that the machinery runs, not how good Lentigo is on skin; for that see BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import csv
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

HOME = Path("demo")
RECIPE = [
    "--recipe",
    "seed",
    "--backbone",
    "densenet121",
    "--weights",
    "none",
    "--epochs",
    "60",
    "--operating-point",
    "youden",
]


def main() -> None:
    """Draws, splits, describes, trains, evaluates and predicts, then says where everything is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=240, help="synthetic lesions of each class")
    options = parser.parse_args()
    started = time.perf_counter()
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ |= {"LENTIGO_CACHE": str(HOME / "cache"), "LENTIGO_LEDGER": str(HOME / "ledger.jsonl")}
    split = HOME / "synthetic.csv"
    run("data", "synth", "--out", HOME / "synthetic", "--count", options.count)
    run("data", "split", HOME / "synthetic", "--out", split, "--test", "0.25", "--validation", "0")
    run("data", "info", split, "--out", HOME / "figures")
    run("train", split, "--out", HOME / "run", *RECIPE)
    run("evaluate", HOME / "run", split, "--out", HOME / "report.html")
    run("predict", *choose_tests(split), "--model", HOME / "run", "--json")
    print(
        f"\nDone in {time.perf_counter() - started:.0f} s. Synthetic lesions and a random backbone: the "
        "numbers show that all parts run, no more."
    )
    for what, path in (
        ("report", "report.html"),
        ("figures", "report/figures"),
        ("samples", "figures/samples.png"),
        ("model", "run"),
    ):
        print(f"{what + ':':<9}{HOME / path}")


def run(*words: object) -> None:
    """Shows a command and runs it; ends the demo where it fails."""
    command = ["lentigo", *map(str, words)]
    print(f"\n$ {shlex.join(command)}", flush=True)
    status = subprocess.run([sys.executable, "-m", *command]).returncode
    if status:
        sys.exit(f"demo: that command ended with code {status}")


def choose_tests(split: Path) -> list[Path]:
    """Two photographs of each class from the test split of a manifest."""
    with split.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    return [
        split.parent / row["image"]
        for label in ("benign", "malignant")
        for row in [row for row in rows if row["label"] == label][:2]
    ]


if __name__ == "__main__":
    main()
