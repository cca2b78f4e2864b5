"""What `lentigo audit` takes: time, processor time and peak memory by the number of photographs. Example:

python bench/audit_speed.py sources.csv --counts 10000 20000
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from tables import describe_machine, make_parser, print_table


def main() -> None:
    """Audits the first rows of a manifest, each count in a process of its own, and prints a table."""
    parser = make_parser(__doc__)
    parser.add_argument("manifest", type=Path, help="CSV: a line of titles, then one for each photograph")
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 20_000])
    options = parser.parse_args()
    print(describe_machine())
    for count in options.counts:
        print_table(
            [
                "photographs",
                "seconds",
                "processor, s",
                "of it the system's, s",
                "ms each",
                "peak memory, GiB",
            ],
            [measure_audit(options.manifest, count)],
        )


def measure_audit(manifest: Path, count: int) -> list[float]:
    """A row of the table: the audit of the first `count` photographs, its report included."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.csv"
        with manifest.open(encoding="utf-8") as file:
            lines = list(islice(file, count + 1))
        rows.write_text("".join(lines), encoding="utf-8")
        # Nothing is known of these photographs from an audit before
        environment = os.environ | {"LENTIGO_CACHE": f"{folder}/cache"}
        command = [sys.executable, "-m", "lentigo", "audit", str(rows), "--out", f"{folder}/audit.html"]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) not in (0, 3):  # 3: some photographs could not be read
        sys.exit(f"lentigo audit failed for {count} photographs")
    processor = usage.ru_utime + usage.ru_stime
    measured = len(lines) - 1
    peak = usage.ru_maxrss / 1024**2
    return [measured, seconds, processor, usage.ru_stime, 1000 * processor / measured, peak]


if __name__ == "__main__":
    main()
