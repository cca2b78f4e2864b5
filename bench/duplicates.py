"""Duplicates: how many copies are found, by what was done to them, how many pairs are false, and how long it
takes.

Copies of `--count` photographs, each by another transformation in turn, are put among all photographs of
`--data` and searched in one go, and with cleanvision beside it where an interpreter is named that has it.
Pairs of originals are listed in a CSV with `--pairs`, to be looked at: whether they are false no program can
say. Example:

    python bench/duplicates.py --data photos/train --among more/ --count 900 --pairs pairs.csv
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tables import describe_machine, make_parser, print_table

if TYPE_CHECKING:
    from lentigo.duplicates.duplicates import Duplicate
    from lentigo.duplicates.fingerprints import Fingerprint

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # of uint8 (height, width, 3) RGB
CLEANVISION = """
import contextlib, json, os, sys
from cleanvision import Imagelab
kinds = ("exact_duplicates", "near_duplicates")
with contextlib.redirect_stdout(sys.stderr):
    lab = Imagelab(data_path=sys.argv[1])
    lab.find_issues({kind: {} for kind in kinds})
print(json.dumps([sorted(members) for kind in kinds for members in lab.info[kind]["sets"]]))
"""
QUALITY = 90  # of JPEG, in which copies are kept unless another is the change


def main() -> None:
    """A row for each transformation, then the pairs of originals by kind, then time and memory."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--data", required=True, nargs="+", metavar="FOLDER", help="photographs of which copies are made"
    )
    parser.add_argument(
        "--among", nargs="*", default=[], metavar="FOLDER", help="photographs to search beside them"
    )
    parser.add_argument(
        "--count", type=int, default=900, metavar="N", help="copies in all (default: %(default)s)"
    )
    parser.add_argument(
        "--only", nargs="*", metavar="NAME", help="transformations whose name contains one of these"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="take N photographs of all by chance (default: all)"
    )
    parser.add_argument("--pairs", metavar="CSV", help="write the pairs of originals there")
    parser.add_argument(
        "--beside", metavar="PYTHON", help="search with cleanvision, too, which that interpreter has"
    )
    parser.add_argument(
        "--growth",
        type=int,
        nargs="*",
        default=[],
        metavar="N",
        help="then time sets of N photographs of all, and the index alone for N photographs of mixed "
        "features",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from changes import CHANGES

    print(describe_machine())
    rng = np.random.default_rng(options.seed)
    changes = {
        name: change
        for name, change in CHANGES.items()
        if not options.only or any(part in name for part in options.only)
    }
    with tempfile.TemporaryDirectory() as folder:
        originals = list_images(options.data, options.limit, rng)
        copies = write_copies(originals, options.count, changes, Path(folder), options.seed)
        everything = [*originals, *list_images(options.among, None, rng), *(copy for copy, _, _ in copies)]
        measure(everything, copies, options.pairs)
        if options.beside:
            measure_cleanvision(options.beside, everything, copies)
        if options.growth:
            print_table(
                ["photographs", "compared", "seconds", "seconds of processor", "ms of processor each"],
                time_sets(everything, options.growth, rng),
            )
            print_table(
                [
                    "photographs in the index",
                    "pairs proposed",
                    "seconds of processor to build",
                    "to search for all",
                    "ms each, both",
                ],
                time_indices(everything, options.growth, rng),
            )


def list_images(folders: list[str], limit: int | None, rng: np.random.Generator) -> list[Path]:
    """All photographs of some folders, or `limit` of them by chance."""
    from lentigo.images.listing import find_images

    found: list[Path] = []
    for folder in folders:
        found += find_images(folder)
    if limit is None:
        return found
    return [found[row] for row in rng.permutation(len(found))[:limit]]


def write_copies(
    originals: list[Path], count: int, changes: dict[str, Change], folder: Path, seed: int
) -> list[tuple[Path, Path, str]]:
    """Writes copies, each of another photograph as long as there are any; copy, original and what was done,
    of each.
    """
    from lentigo.images.photographs import read_image

    order = np.random.default_rng([seed, 1]).permutation(len(originals))
    names = list(changes)
    plan = []
    for number in range(count):
        original = originals[order[number % len(order)]]
        plan.append((original, names[number % len(names)], number))

    def write(task: tuple[Path, str, int]) -> tuple[Path, Path, str]:
        original, name, number = task
        rng = np.random.default_rng([seed, 2, number])
        changed = changes[name](read_image(original, None).pixels, rng)
        quality = int(name.split()[-1]) if name.startswith("JPEG") else QUALITY
        path = folder / f"{number:06d}.jpg"
        path.write_bytes(encode(changed, quality))
        return path, original, name

    with ThreadPoolExecutor() as pool:
        return list(pool.map(write, plan))


def measure(everything: list[Path], copies: list[tuple[Path, Path, str]], csv_file: str | None) -> None:
    """Prints what `find_duplicates` finds."""
    import resource

    from lentigo.duplicates.pairing import find_duplicates

    wall_start = time.perf_counter()
    processor_start = time.process_time()
    duplicates = find_duplicates(everything)
    wall = time.perf_counter() - wall_start
    processor = time.process_time() - processor_start
    images = duplicates.images
    made = {str(copy): str(original) for copy, original, _ in copies}
    pairs = {}
    for duplicate in duplicates.pairs:
        pairs[frozenset((images[duplicate.a], images[duplicate.b]))] = duplicate
    groups = dict(zip(images, duplicates.group(), strict=True))
    print_recall(
        copies,
        lambda copy, original: pairs.get(frozenset((copy, original))),
        lambda copy, original: groups[copy] == groups[original],
    )
    originals = []  # pairs without a copy
    wrong = []  # pairs with a copy whose originals are no duplicates
    for duplicate in duplicates.pairs:
        if images[duplicate.a] not in made and images[duplicate.b] not in made:
            originals.append(duplicate)
        elif not explained(duplicate, images, made, groups):
            wrong.append(duplicate)
    print_originals(originals, images, made)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    columns = [
        "photographs",
        "compared",
        "copies paired with others' originals",
        "seconds",
        "seconds of processor",
        "ms of processor each",
        "MiB",
    ]
    print_table(
        columns,
        [
            [
                len(images),
                duplicates.compared,
                len(wrong),
                wall,
                processor,
                1000 * processor / len(images),
                memory,
            ]
        ],
    )
    if csv_file:
        write_pairs(csv_file, originals + wrong, images)


def print_originals(pairs: list[Duplicate], images: tuple[str, ...], made: dict[str, str]) -> None:
    """Prints how many pairs of originals there are by kind: of all, and of two that cannot be duplicates, since
    one is benign and one malignant.
    """
    from lentigo.duplicates.duplicates import KINDS

    label = [Path(image).parent.name for image in images]
    counts = Counter(Path(image).parent.name for image in images if image not in made)
    n = counts.total()
    apart = []
    for duplicate in pairs:
        if {label[duplicate.a], label[duplicate.b]} == {"benign", "malignant"}:
            apart.append(duplicate)
    rows = []
    for name, some, possible in (
        ("all", pairs, n * (n - 1) // 2),
        (
            "of a benign and a malignant one, so of different lesions",
            apart,
            counts["benign"] * counts["malignant"],
        ),
    ):
        by_kind = Counter(duplicate.kind for duplicate in some)
        rows.append([name, f"{possible:,}", *(by_kind[kind] for kind in KINDS)])
    print_table(["pairs of originals", "possible", *KINDS], rows)


def explained(
    duplicate: Duplicate, images: tuple[str, ...], made: dict[str, str], groups: dict[str, int]
) -> bool:
    """Whether the originals behind a pair are one photograph, or duplicates."""
    a, b = (made.get(images[row], images[row]) for row in (duplicate.a, duplicate.b))
    return a == b or groups[a] == groups[b]


def print_recall(
    copies: list[tuple[Path, Path, str]], paired: Callable, joined: Callable | None = None
) -> None:
    """A row for each transformation: the share of copies found, with the exact 95 % interval (Clopper and
    Pearson 1934).
    """
    from scipy.stats import binomtest

    rows = []
    for name in dict.fromkeys(name for _, _, name in copies):
        mine = [(str(copy), str(original)) for copy, original, of in copies if of == name]
        found = [paired(*pair) for pair in mine]
        hits = sum(duplicate is not None and duplicate is not False for duplicate in found)
        ci = binomtest(hits, len(mine)).proportion_ci()
        row = [name, len(mine), f"{100 * hits / len(mine):.1f} ({100 * ci.low:.1f} to {100 * ci.high:.1f})"]
        if joined is not None:
            scores = [duplicate.score for duplicate in found if duplicate]
            called = [
                sum(duplicate is not None and duplicate.kind == kind for duplicate in found)
                for kind in ("near", "partial", "same lesion")
            ]
            row += [
                100 * float(np.mean([joined(*pair) for pair in mine])),
                *called,
                float(np.median(scores)) if scores else "",
                min(scores, default=""),
            ]
        rows.append(row)
    print_table(
        [
            "copies",
            "n",
            "found, % (95 % CI)",
            *(
                ["in its group, %", "near", "partial", "same lesion", "score, median", "least"]
                if joined
                else []
            ),
        ],
        rows,
    )


def time_sets(everything: list[Path], counts: list[int], rng: np.random.Generator) -> Iterator[list]:
    """A row for each count that there are photographs enough for."""
    from lentigo.duplicates.pairing import find_duplicates

    for count in counts:
        if count > len(everything):
            continue
        chosen = [everything[row] for row in rng.permutation(len(everything))[:count]]
        wall = time.perf_counter()
        started = time.process_time()
        duplicates = find_duplicates(chosen)
        processor = time.process_time() - started
        yield [count, duplicates.compared, time.perf_counter() - wall, processor, 1000 * processor / count]


def time_indices(everything: list[Path], counts: list[int], rng: np.random.Generator) -> Iterator[list]:
    """A row for each count: the words of that many photographs looked up, each with the features of four real
    ones mixed, so that words are as common as they are.
    """
    from lentigo.common.parallel.threads import open_pool
    from lentigo.duplicates.candidates import WordIndex
    from lentigo.duplicates.fingerprints import take_fingerprint
    from lentigo.duplicates.pairing import NEIGHBOURS
    from lentigo.images.problems import separate_problems

    some = everything[:: max(1, len(everything) // 3000)]  # enough to mix from
    with ThreadPoolExecutor() as pool:
        real, _, _ = separate_problems(pool.map(take_fingerprint, map(str, some)))
    for count in counts:
        prints = []
        for _ in range(count):
            four = [real[row] for row in rng.integers(len(real), size=4)]
            prints.append(mix_features(four, rng))
        start = time.process_time()
        with open_pool() as pool:
            index = WordIndex(prints, pool, 0)
            built = time.process_time()
            pairs = 0
            for mirrored in (False, True):
                pairs += sum(1 for _ in index.search(np.arange(count), NEIGHBOURS, mirrored))
        searched = time.process_time()
        yield [count, pairs, built - start, searched - built, 1000 * (searched - start) / count]


def mix_features(prints: list[Fingerprint], rng: np.random.Generator) -> Fingerprint:
    """A description with the share of each one's features, chosen by chance."""
    points = []
    descriptors = []
    for one in prints:
        count = len(one.points)
        rows = rng.permutation(count)[: count // len(prints)]
        points.append(one.points[rows])
        descriptors.append(one.descriptors[rows])
    return replace(prints[0], points=np.concatenate(points), descriptors=np.concatenate(descriptors))


def write_pairs(path: str, pairs: list, images: tuple[str, ...]) -> None:
    """Pairs with kind, score and transformation, one a line."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "kind", "score", "features", "transformation"])
        for duplicate in pairs:
            writer.writerow(
                [
                    images[duplicate.a],
                    images[duplicate.b],
                    duplicate.kind,
                    round(duplicate.score, 3),
                    duplicate.features,
                    duplicate.transformation,
                ]
            )


def measure_cleanvision(python: str, everything: list[Path], copies: list[tuple[Path, Path, str]]) -> None:
    """Prints what cleanvision's hashes find, with its defaults, the files linked into one folder under
    numbers.
    """
    with tempfile.TemporaryDirectory() as folder:
        numbers = {str(path): f"{number:06d}{path.suffix}" for number, path in enumerate(everything)}
        for path, name in numbers.items():
            (Path(folder) / name).symlink_to(Path(path).resolve())
        wall = time.perf_counter()
        answer = subprocess.run(
            [python, "-c", CLEANVISION, folder], capture_output=True, text=True, check=True
        ).stdout
        print(f"\ncleanvision: {time.perf_counter() - wall:.0f} s")
    sets: dict[str, set[int]] = {}
    for number, members in enumerate(json.loads(answer.splitlines()[-1])):
        for member in members:
            sets.setdefault(Path(member).name, set()).add(number)
    print_recall(
        copies,
        lambda copy, original: bool(sets.get(numbers[copy], set()) & sets.get(numbers[original], set())),
    )


def encode(pixels: np.ndarray, quality: int) -> bytes:
    """A JPEG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
