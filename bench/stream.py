"""Whether memory stays flat over many photographs: those of a folder, again and again, through the path that
is served. Example:

    python bench/stream.py runs/first photos/ --count 100000
"""

from __future__ import annotations

import os
import time
from itertools import cycle, islice
from pathlib import Path

from tables import describe_machine, make_parser, print_table

STEPS = 10  # rows of the table
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Resident memory and rate after each tenth of the photographs."""
    parser = make_parser(__doc__)
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("photos", metavar="FOLDER")
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    from lentigo.images.listing import find_images
    from lentigo.inference.predictor import Predictor

    images = islice(cycle(find_images(options.photos)), options.count)
    answers = Predictor(options.run).predict(images)
    started = time.perf_counter()
    rows = []
    step = max(1, options.count // STEPS)
    for number, _ in enumerate(answers, 1):
        if number % step == 0:
            rows.append([number, number / (time.perf_counter() - started), resident_mebibytes()])
    print(describe_machine())
    print_table(["photographs", "a second, so far", "resident memory, MiB"], rows)


def resident_mebibytes() -> float:
    """The memory that this process holds now, MiB (Linux)."""
    words = Path("/proc/self/statm").read_text().split()
    return int(words[1]) * PAGE_BYTES / 2**20  # the second word counts resident pages


if __name__ == "__main__":
    main()
