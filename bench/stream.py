"""Whether memory stays flat over many photographs: those of a folder, again and again, through the path that
is served. Example:

python bench/stream.py runs/first photos/ --count 100000
"""

from __future__ import annotations

import argparse
import time
from itertools import cycle, islice
from pathlib import Path

from tables import describe_machine, print_table

STEPS = 10


def main() -> None:
    """Resident memory and rate after each tenth of the photographs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("photos", metavar="FOLDER")
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    from lentigo.images.listing import find_images
    from lentigo.inference.predictor import Predictor

    answers = Predictor(options.run).predict(islice(cycle(find_images(options.images)), options.count))
    started, rows = time.perf_counter(), []
    for number, _ in enumerate(answers, 1):
        if number % (options.count // STEPS) == 0:
            rows.append([number, number / (time.perf_counter() - started), resident_mebibytes()])
    print(describe_machine())
    print_table(["photographs", "a second, so far", "resident memory, MiB"], rows)


def resident_mebibytes() -> float:
    """Of this process, now (Linux)."""
    words = Path("/proc/self/statm").read_text().split()
    return int(words[1]) * 4096 / 2**20


if __name__ == "__main__":
    main()
