"""What of the processor's time each step takes for a photograph, and what it took in another version. Example:

    python bench/steps.py photos/ --count 64 --against ../lentigo-before

Processor time of one process, medians of some rounds, the versions in turn: other programs beside it hurt
both alike. OpenVINO's own share is in the network's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from tables import describe_machine, make_parser, print_table

HOUSE = Path(__file__).parents[1]
# Modules whose functions are called here
MEASURED = (
    "lentigo/audit/image_facts.py",
    "lentigo/audit/inspection.py",
    "lentigo/duplicates/fingerprints.py",
    "lentigo/duplicates/pairing.py",
    "lentigo/images/artefacts/artefact_detection.py",
    "lentigo/images/listing.py",
    "lentigo/images/measures/quality.py",
    "lentigo/images/measures/skin_tone.py",
    "lentigo/images/photographs.py",
    "lentigo/inference/lesions/segmentation.py",
    "lentigo/inference/predictor.py",
)


def main() -> None:
    """Measures the versions in turn, and prints a table."""
    parser = make_parser(__doc__)
    parser.add_argument("photos", metavar="FOLDER")
    parser.add_argument("--count", type=int, default=64, help="photographs that are measured with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--against", type=Path, help="source folder of another version")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure_steps(options.photos, options.count, options.model)))
        return
    if options.against is not None:
        require_rooms(options.against)
    trees = [HOUSE] if options.against is None else [options.against.absolute(), HOUSE]
    rounds: dict[Path, list[dict[str, float]]] = {tree: [] for tree in trees}
    for _ in range(options.rounds):
        for tree in trees:
            rounds[tree].append(measure_tree(tree))
    print(describe_machine())
    columns = ["step", *(f"CPU ms, {'now' if tree == HOUSE else 'before'}" for tree in trees)]
    rows: list[list[Any]] = []
    for step in rounds[HOUSE][0]:
        times = [median(each[step] for each in rounds[tree]) for tree in trees]
        rows.append([step, *times] + ([times[0] / times[1]] if len(times) > 1 else []))
    print_table([*columns, "ratio"] if len(trees) > 1 else columns, rows)


def require_rooms(tree: Path) -> None:
    """Ends where another version lacks a module that is measured: older ones have other rooms."""
    missing = [module for module in MEASURED if not (tree / module).is_file()]
    if missing:
        sys.exit(
            f"--against: {tree} has no {missing[0]}; expected a version with today's rooms: `lentigo bench "
            "--against` compares whole commands of any version"
        )


def measure_tree(tree: Path) -> dict[str, float]:
    """The steps of the version in a folder, in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--alone"]
    environment = os.environ | {"PYTHONPATH": f"{tree}:{Path(__file__).parent}"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_steps(folder: str, count: int, model: str) -> dict[str, float]:
    """Milliseconds of processor time for a photograph, by step."""
    from lentigo.audit.image_facts import describe_facts
    from lentigo.audit.inspection import inspect_image
    from lentigo.duplicates.fingerprints import describe_pixels
    from lentigo.duplicates.pairing import pair_fingerprints
    from lentigo.images.artefacts.artefact_detection import find_artefacts
    from lentigo.images.listing import find_images
    from lentigo.images.measures.quality import measure_quality
    from lentigo.images.measures.skin_tone import estimate_ita
    from lentigo.images.photographs import develop_image
    from lentigo.inference.lesions.segmentation import segment_images
    from lentigo.inference.predictor import Predictor

    found = find_images(folder)
    paths = [str(path) for path in found[:: max(1, len(found) // count)]][:count]
    contents = [Path(path).read_bytes() for path in paths]
    taken: dict[str, float] = {}

    def lap(step: str, work: Callable[[], list[Any]]) -> list[Any]:
        started = time.process_time()
        results = work()
        taken[step] = 1000 * (time.process_time() - started) / len(paths)
        return results

    images = lap("read: a file to 224 x 224 pixels", lambda: list(map(develop_image, contents, paths)))
    pixels = [image.pixels for image in images]
    predictor = Predictor(model)
    plain = load_plain(model)
    list(segment_images(predictor, paths[:4], {}))  # loads what is loaded once
    list(plain.predict(paths[:4]))
    lap("network, with heatmap and mask", lambda: list(predictor.session.stream(pixels)))
    lap("quality gate", lambda: list(map(measure_quality, pixels)))
    lap("predict, files to answers", lambda: list(plain.predict(paths)))
    lap("segment, files to measures", lambda: list(segment_images(predictor, paths, {})))
    inspections = lap("audit: a photograph inspected", lambda: list(map(inspect_image, paths)))
    lap("of it: fingerprint for duplicates", lambda: list(map(describe_pixels, pixels)))
    lap("of it: artefacts", lambda: list(map(find_artefacts, pixels)))
    lap("of it: facts for the baselines", lambda: list(map(describe_facts, contents, pixels, paths)))
    lap("of it: skin tone", lambda: list(map(estimate_ita, pixels)))
    fingerprints = [inspection.fingerprint for inspection in inspections]
    lap("audit: duplicates among them", lambda: list(pair_fingerprints(paths, fingerprints).pairs))
    return taken


def load_plain(model: str) -> Any:
    """The RUN as `lentigo predict` loads it; versions before 2026-11-29 compute heatmap and mask, too."""
    from lentigo.inference.predictor import Predictor

    try:
        return Predictor(model, explained=False)
    except TypeError:
        return Predictor(model)


if __name__ == "__main__":
    main()
