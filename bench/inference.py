"""How fast a RUN answers beside Keras, as ratios of one run: what `lentigo bench` prints, as Markdown.
Example:

    python bench/inference.py runs/first photos/
"""

from __future__ import annotations

from tables import describe_machine, make_parser, print_table


def main() -> None:
    """Measures, and prints rates, latency and the cold start."""
    parser = make_parser(__doc__)
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "photos", metavar="FOLDER", help="photographs to measure with, all of them for the row of files"
    )
    options = parser.parse_args()
    from lentigo.images.listing import find_images
    from lentigo.inference.performance.benchmark import Benchmark, list_machine_steps
    from lentigo.models.bundle import open_bundle

    bundle = open_bundle(options.run)
    result = Benchmark(bundle.name)
    for step in list_machine_steps(bundle, find_images(options.photos)).values():
        result = step(result)
    print(describe_machine())
    print_table(*result.tabulate_rates())
    print_table(*result.tabulate_times())


if __name__ == "__main__":
    main()
