"""Lentigo from end to end on lesions that it draws itself, with the commands that a user types.

    make demo
    python bench/demo.py --count 240

It trains a RUN that starts from the bundled backbone, evaluates it once, and then asks the bundled model about
one photograph: a prediction, an explanation, an outline. No photograph and no weight file is downloaded. The
lesions are drawn, so the numbers say that the machinery runs; for real skin see BENCHMARKS.md.
"""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tables import make_parser

HOME = Path("demo")
SPLIT = HOME / "synthetic.csv"
RUN = HOME / "run"
PHOTOGRAPH = HOME / "drawn" / "malignant" / "synthetic_00001_0.jpg"
PHOTOGRAPH_SEED = 1  # draws a lesion of several colours
# A few hundred drawn lesions: few epochs of a part of the backbone, and the last epoch itself, since an average
# over so few steps would still hold the start.
RECIPE = (
    "--recipe best --head-epochs 30 --epochs 8 --freeze 0.4 --learning-rate 2e-4 --ema 0 --patience 0 "
    "--operating-point youden"
)
TEST_PHOTOGRAPHS = 2  # of each class, which the new RUN answers
RESULTS = {
    "report": HOME / "report.html",
    "samples": HOME / "figures" / "samples.png",
    "model": RUN,
    "photograph": PHOTOGRAPH,
    "explanation": HOME / "explanation.png",
    "outline": HOME / "outline" / f"{PHOTOGRAPH.stem}_outline.jpg",
}


def main() -> None:
    """Trains and evaluates on drawn lesions, lets the bundled model look at one, and says where all is."""
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=240, help="synthetic lesions of each class")
    options = parser.parse_args()
    started = time.perf_counter()
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ |= {"LENTIGO_CACHE": str(HOME / "cache"), "LENTIGO_LEDGER": str(HOME / "ledger.jsonl")}
    train(options.count)
    look_at_photograph()
    print(f"\nDone in {time.perf_counter() - started:.0f} s. Look at:")
    for what, path in RESULTS.items():
        print(f"  {what:<12} {path}")
    print("\nThese lesions are drawn: the numbers show that all parts run. For skin see BENCHMARKS.md.")


def train(count: int) -> None:
    """A RUN from the bundled backbone, measured once on its test split."""
    run("data", "synth", "--out", HOME / "synthetic", "--count", count)
    run("data", "split", HOME / "synthetic", "--out", SPLIT, "--test", "0.25", "--validation", "0")
    run("data", "info", SPLIT, "--out", HOME / "figures")
    start = ["--weights", "bundled", "--backbone", find_bundled_backbone()]
    run("train", SPLIT, "--out", RUN, *start, *RECIPE.split())
    run("evaluate", RUN, SPLIT, "--out", RESULTS["report"])
    run("predict", *choose_tests(SPLIT), "--model", RUN)


def look_at_photograph() -> None:
    """What the bundled model says of one photograph."""
    seed = ("--seed", PHOTOGRAPH_SEED)
    run("data", "synth", "--out", HOME / "drawn", "--count", 1, *seed, "--size", 640)
    run("predict", PHOTOGRAPH)
    run("explain", PHOTOGRAPH, "--out", RESULTS["explanation"])
    run("segment", PHOTOGRAPH, "--out", RESULTS["outline"].parent)


def run(*words: object) -> None:
    """Shows a command and runs it; ends the demo where it fails."""
    command = ["lentigo", *map(str, words)]
    print(f"\n$ {shlex.join(command)}", flush=True)
    status = subprocess.run([sys.executable, "-m", *command]).returncode
    if status:
        sys.exit(f"demo: that command ended with code {status}")


def find_bundled_backbone() -> str:
    """The backbone of the weights that come with the package."""
    command = [sys.executable, "-m", "lentigo", "info", "bundled", "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)["backbone"]


def choose_tests(split: Path) -> list[Path]:
    """Some photographs of each class from the test split of a manifest."""
    chosen: dict[str, list[Path]] = {"benign": [], "malignant": []}
    with split.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test" and len(chosen[row["label"]]) < TEST_PHOTOGRAPHS:
                chosen[row["label"]].append(split.parent / row["image"])
    return [*chosen["benign"], *chosen["malignant"]]


if __name__ == "__main__":
    main()
