"""Peak memory of `lentigo train` on many photographs, which are synthetic lesions drawn for the purpose.
Example:

    python bench/memory.py --count 10000 --backbone mobilenetv2
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tables import describe_machine, make_parser, print_table


def main() -> None:
    """Draws, trains in a process of its own, and prints what that process took at its peak."""
    options = parse_options()
    from lentigo.images.synthetic_lesions import write_synthetic_lesions

    with tempfile.TemporaryDirectory() as folder:
        write_synthetic_lesions(Path(folder) / "photos", options.count // 2)
        os.environ["LENTIGO_CACHE"] = f"{folder}/cache"
        command = [
            sys.executable,
            "-m",
            "lentigo",
            "train",
            f"{folder}/photos",
            "--out",
            f"{folder}/run",
            "--weights",
            "none",
            "--backbone",
            options.backbone,
            "--recipe",
            options.recipe,
            "--epochs",
            str(options.epochs),
        ]
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    print(describe_machine())
    print_table(
        ["photographs", "recipe", "backbone", "epochs", "seconds", "peak memory, GiB"],
        [[options.count, options.recipe, options.backbone, options.epochs, seconds, peak]],
    )


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--backbone", default="mobilenetv2")
    parser.add_argument("--recipe", default="seed")
    parser.add_argument("--epochs", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
