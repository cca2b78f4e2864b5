"""How fast a cluster answers: `predict` by 1, 2 and 4 workers of one processor each beside the plain path,
and what a million photographs would take. Example:

    python bench/cluster.py runs/first photos/ --repeat 4

Workers run on this machine (Ray, loopback). On a machine with fewer processors than workers the rates say
what is lost, not what is won.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from tables import describe_machine, make_parser, print_table

MILLIONS = (1, 10, 100)
MACHINES = (1, 4, 16)
MACHINE_CORES = 16  # of the machine that the estimate is for


def main() -> None:
    """Photographs a second by each way, then hours and cost by number of machines."""
    parser = make_parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="a RUN folder, or bundled")
    parser.add_argument("photos", metavar="FOLDER")
    parser.add_argument("--repeat", type=int, default=1, help="how often the photographs are gone through")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--price", type=float, default=0.05, help="of a processor for an hour")
    options = parser.parse_args()
    from lentigo.images.listing import find_images

    paths = [str(path) for path in find_images(options.photos)] * options.repeat
    alone = measure_plain(options.run, paths)
    rows: list[list] = [["one process, one thread", "", alone, 1.0, ""]]
    rate_of_a_worker = {}
    for count in options.workers:
        start, rate = measure_workers(options.run, paths, count)
        rate_of_a_worker[count] = rate / count
        rows.append([f"{count} workers", start, rate, rate / alone, rate / alone / count])
    rows.insert(1, ["one process, all threads", "", measure_plain(options.run, paths, None), "", ""])
    print(describe_machine(), f"{len(paths)} photographs", sep="; ")
    print_table(
        ["way", "s to start", "photographs a second", "of one process", "of it for each worker"], rows
    )
    # More workers than processors wait for one another: they say nothing of a machine with enough
    cores = os.cpu_count() or 1
    fitting = [rate for count, rate in rate_of_a_worker.items() if count <= cores]
    print_estimate(min(fitting or rate_of_a_worker.values()), options.price)


def measure_plain(run: str, paths: list[str], threads: int | None = 1) -> float:
    """Photographs a second by `Predictor` on so many threads, once it is loaded."""
    from lentigo.inference.predictor import Predictor

    predictor = Predictor(run, threads=threads)
    return time_answers(predictor.predict(paths), len(paths))[1]


def measure_workers(run: str, paths: list[str], count: int) -> tuple[float, float]:
    """Seconds until a cluster of so many workers has answered once each, and its photographs a second after
    that.
    """
    from lentigo.common.parallel.cluster import join_cluster
    from lentigo.common.parallel.ray_start import LOCAL
    from lentigo.inference.distributed import predict_on
    from lentigo.models.bundle import find_bundle

    started = time.perf_counter()
    bundle = find_bundle(run)
    with join_cluster(LOCAL, cores=1, workers=count) as joined:
        few = paths[: 32 * count]
        list(predict_on(joined, bundle, few, count=len(few)))
        ready = time.perf_counter() - started
        return ready, time_answers(predict_on(joined, bundle, paths, count=len(paths)), len(paths))[1]


def time_answers(answers: Iterable, n: int) -> tuple[float, float]:
    """Seconds for all answers, and answers a second."""
    started = time.perf_counter()
    count = sum(1 for _ in answers)
    seconds = time.perf_counter() - started
    if count != n:
        raise RuntimeError(f"{count} answers; expected one for each of {n} photographs")
    return seconds, n / seconds


def print_estimate(rate: float, price: float) -> None:
    """Hours and cost for millions of photographs at this rate of a processor, where reading them is no slower
    than here.
    """
    columns = ["photographs", "processor hours", f"cost at {price:g} an hour"]
    for machines in MACHINES:
        columns.append(f"hours on {machines} machines of {MACHINE_CORES}")
    rows = []
    for millions in MILLIONS:
        hours = millions * 1e6 / rate / 3600
        on_machines = [hours / MACHINE_CORES / machines for machines in MACHINES]
        rows.append([f"{millions} million", hours, hours * price, *on_machines])
    print_table(columns, rows)


if __name__ == "__main__":
    main()
