"""`make demo`: Lentigo from end to end on lesions that it draws itself, with the commands that a user types.

No photograph and no weight file is needed: the backbone keeps random weights, and only the head learns. So the numbers say
that the machinery runs, not how good Lentigo is on skin; for that see BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

HOME = Path("demo")
RECIPE = ["--recipe", "seed", "--backbone", "densenet121", "--weights", "none", "--epochs", "60", "--operating-point", "youden"]


def main() -> None:
    """Draws, describes, trains, evaluates and predicts, then says where everything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=240, help="phantoms of each class")
    options = parser.parse_args()
    started = time.perf_counter()
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ |= {"LENTIGO_CACHE": str(HOME / "cache"), "LENTIGO_LEDGER": str(HOME / "ledger.jsonl")}
    run("data", "synth", "--out", HOME / "phantoms", "--count", options.count)
    tests = hold_out_test(HOME / "phantoms" / "manifest.csv")
    run("data", "info", HOME / "phantoms", "--out", HOME / "figures")
    run("train", HOME / "phantoms", "--out", HOME / "run", *RECIPE)
    run("evaluate", HOME / "run", HOME / "phantoms", "--out", HOME / "report.html")
    run("predict", *tests[:4], "--model", HOME / "run", "--json")
    print(f"\nDone in {time.perf_counter() - started:.0f} s. Synthetic lesions and a random backbone: the numbers show that all parts run, no more.")
    for what, path in (("report", "report.html"), ("figures", "report/figures"), ("samples", "figures/samples.png"), ("model", "run")):
        print(f"{what + ':':<9}{HOME / path}")


def run(*words: object) -> None:
    """Shows a command and runs it; ends the demo where it fails."""
    command = ["lentigo", *map(str, words)]
    print(f"\n$ {shlex.join(command)}", flush=True)
    status = subprocess.run([sys.executable, "-m", *command]).returncode
    if status:
        sys.exit(f"demo: that command ended with code {status}")


def hold_out_test(manifest: Path) -> list[Path]:
    """Marks a quarter of the patients as test split in the manifest; gives their photographs."""
    import pandas as pd

    from lentigo.data.manifests import load_dataset
    from lentigo.data.splits import split_validation

    dataset, table = load_dataset(manifest), pd.read_csv(manifest)
    held_out = split_validation(dataset.malignant, dataset.groups, 0.25, seed=0)
    table["split"] = ["test" if test else "train" for test in held_out]
    table.to_csv(manifest, index=False)
    chosen = table[held_out].groupby("label").head(2)
    return [manifest.parent / image for image in chosen["image"]]


if __name__ == "__main__":
    main()
