"""Photographs that a RUN has learned from: how surely they are recognised by their hashes, and what that
costs.

Hashes of all photographs of `--data` are searched for changed copies of `--count` of them (a row for each
change), and for `--queries` photographs as they are: what is then found beside the photograph itself is the
same picture, or a false find. Pairs that share an ISIC number or a lesion in a `--table` are explained; the
others are compared in full by the search for duplicates, and what that does not confirm is listed. Example:

    python bench/contamination.py --data photos/train more/ ham10000/images \\
        --table ids/train.csv=photos --table ham10000/manifest.csv=ham10000 --count 300 --queries 3000
"""

from __future__ import annotations

import io
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, permutations
from pathlib import Path

import numpy as np
import pandas as pd
from changes import CHANGES, compress, resize, turn
from PIL import Image
from scipy.stats import binomtest
from tables import describe_machine, make_parser, print_table, require_readable

from lentigo.duplicates.candidates import MIRRORED
from lentigo.duplicates.fingerprints import TURNS, take_fingerprint
from lentigo.duplicates.hash_search import TURNED, UPRIGHT, HashIndex, find_limit
from lentigo.duplicates.pair_comparison import compare_row
from lentigo.duplicates.perceptual_hashes import BYTES, hash_images, read_frame, reduce_pixels
from lentigo.images.listing import find_images
from lentigo.images.photographs import read_image

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def compress_webp(quality: int) -> Change:
    """Saved as WebP and opened again."""

    def change(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "WEBP", quality=quality)
        return np.asarray(Image.open(buffer).convert("RGB"))

    return change


def save_again(change: Change) -> Change:
    """A change whose result is kept as a JPEG file of quality 85."""
    return lambda pixels, rng: compress(85)(np.ascontiguousarray(change(pixels, rng)), rng)


PLAIN = {
    "JPEG 95": compress(95), "JPEG 85": compress(85), "JPEG 70": compress(70), "JPEG 50": compress(50),
    "WebP 80": compress_webp(80), "WebP 50": compress_webp(50),
    "resized x 0.5, JPEG 85": save_again(resize(0.5)), "resized x 0.7, JPEG 85": save_again(resize(0.7)),
    "resized x 2, JPEG 85": save_again(resize(2)), "mirrored, JPEG 85": save_again(turn(0, True)),
    "turned by 90, JPEG 85": save_again(turn(1)), "turned by 180, JPEG 85": save_again(turn(2)),
}  # fmt: skip
MARGINS = (-0.05, 0.0, 0.05)  # of the likeness above its limit: a laxer one, ours, a stricter one
FALSE_FINDS = [
    "likeness above the limit",
    "pairs",
    "same id",
    "same by full comparison",
    "neither",
    "neither, of a million pairs",
]
OTHERS = (
    "squeezed to 3/4",
    "contrast, gamma",
    "hue, saturation",
    "grey",
    "cropped by 5%",
    "cropped by 10%",
    "cropped by 20%",
    "rotated, reflected",
    "rotated, black",
    "shifted by 10%",
    "turned, x 0.5, gamma, JPEG 50",
)


def main() -> None:
    """Prints cost, recall by change, recall of other frames, and false finds."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", required=True, nargs="+", help="folders of photographs")
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        metavar="CSV=FOLDER",
        help="image,isic_id[,lesion_id], paths below FOLDER",
    )
    parser.add_argument("--count", type=int, default=300, help="photographs of which each change is made")
    parser.add_argument(
        "--queries", type=int, default=3000, help="photographs that are looked for as they are"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(describe_machine())
    files: list[str] = []
    for folder in options.data:
        files += map(str, find_images(folder))
    started = time.perf_counter()
    hashes = hash_images(files)
    seconds = time.perf_counter() - started
    index = HashIndex(hashes)
    print_table(
        ["photographs", "of these hashed", "bytes each", "seconds", "ms each"],
        [[len(files), index.size, BYTES, seconds, 1000 * seconds / len(files)]],
    )
    facts = read_tables(options.table)
    order = np.random.default_rng(options.seed).permutation(index.rows)  # those that can be read
    measure_recall(files, index, order[: options.count])
    measure_frames(files, hashes, facts)
    measure_false(files, index, order[: options.queries], facts)


def read_tables(given: list[str]) -> dict[str, tuple[str, str]]:
    """The ISIC number and the lesion of each photograph, by its path; "" where it is not known."""
    facts = {}
    for each in given:
        csv_file, _, folder = each.partition("=")
        table = pd.read_csv(csv_file, dtype=str).fillna("")
        lesions = table["lesion_id"] if "lesion_id" in table else [""] * len(table)
        for image, number, lesion in zip(table["image"], table["isic_id"], lesions, strict=True):
            facts[str(Path(folder) / image)] = (number, lesion)
    return facts


def measure_recall(files: list[str], index: HashIndex, rows: np.ndarray) -> None:
    """A row for each change: the share of copies whose original, or its equal, is found, and the least
    likeness.
    """
    changes = PLAIN | {name: save_again(CHANGES[name]) for name in OTHERS}

    def find(change: Change, row: int) -> bool:
        """Whether a changed photograph is found."""
        rng = np.random.default_rng(int(row))
        pixels = change(read_image(files[row], None).pixels, rng)
        return bool(index.find_frame(reduce_pixels(np.ascontiguousarray(pixels))))

    table = []
    for name, change in changes.items():
        started = time.perf_counter()
        with ThreadPoolExecutor() as pool:
            hits = sum(pool.map(partial(find, change), rows))
        ci = binomtest(hits, len(rows)).proportion_ci()
        found = f"{100 * hits / len(rows):.1f} ({100 * ci.low:.1f} to {100 * ci.high:.1f})"
        milliseconds = 1000 * (time.perf_counter() - started) / len(rows)
        table.append([name, len(rows), found, milliseconds])
    print_table(["copies", "n", "found, % (95 % CI)", "ms each"], table)


def measure_frames(files: list[str], hashes: np.ndarray, facts: dict[str, tuple[str, str]]) -> None:
    """Pairs of one ISIC number in two folders, such as a crop and a squeezed frame: each looked for among the
    other folder's.
    """
    groups = defaultdict(list)
    for row, file in enumerate(files):
        number = facts.get(file, ("", ""))[0]
        if number:
            groups[number].append(row)
    counts: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for rows in groups.values():
        for a, b in permutations(rows, 2):
            looked_for = Path(files[a]).parts[-3]  # the folder of a set, above its classes
            known = Path(files[b]).parts[-3]
            if looked_for != known:
                found = HashIndex(hashes[[b]]).find_image(files[a])
                counts[looked_for, known].append(bool(found))
    table = [[*folders, len(found), 100 * float(np.mean(found))] for folders, found in counts.items()]
    print_table(["looked for", "known", "pairs of one ISIC number", "found, %"], table)


def measure_false(
    files: list[str], index: HashIndex, rows: np.ndarray, facts: dict[str, tuple[str, str]]
) -> None:
    """Pairs of photographs by how far their likeness is above the limit: the same picture by id, confirmed by
    the full comparison, or neither.
    """

    def search(row: int) -> list[tuple[float, int, int]]:
        """How far above the limit, the photograph, and the one that it is like."""
        frame = read_frame(files[row])
        if frame is None:
            raise SystemExit(f"{files[row]}: can no longer be read; expected what it was when it was hashed")
        margin = index.compare_frame(frame, (*UPRIGHT, *TURNED)) - find_limit(frame)
        found = []
        for column in np.flatnonzero(margin >= MARGINS[0]):
            other = int(index.rows[column])
            if other != row:
                found.append((float(margin[column]), row, other))
        return found

    with ThreadPoolExecutor() as pool:
        pairs = list(chain.from_iterable(pool.map(search, rows)))
    verdicts = {pair: judge_pair(files, pair[1], pair[2], facts) for pair in pairs}
    possible = len(rows) * (index.size - 1)
    table = []
    for limit in MARGINS:
        said = [verdict for pair, verdict in verdicts.items() if pair[0] >= limit]
        n_false = said.count("neither")
        counts = [said.count("id"), said.count("full comparison"), n_false]
        table.append([f"{limit:+.2f}", possible, *counts, 1e6 * n_false / possible])
    print_table(FALSE_FINDS, table)
    for pair, verdict in sorted(verdicts.items(), reverse=True):
        if verdict == "neither" and pair[0] >= 0:
            print(f"  {pair[0]:.3f} {files[pair[1]]} {files[pair[2]]}")


def judge_pair(files: list[str], a: int, b: int, facts: dict[str, tuple[str, str]]) -> str:
    """Why two photographs are alike: "id", "full comparison" or "neither"."""
    number_a, lesion_a = facts.get(files[a], ("", ""))
    number_b, lesion_b = facts.get(files[b], ("", ""))
    if (number_a and number_a == number_b) or (lesion_a and lesion_a == lesion_b):
        return "id"
    prints = [require_readable(take_fingerprint(files[row])) for row in (a, b)]
    if prints[0].digest == prints[1].digest:
        return "full comparison"
    duplicate = compare_row(prints, [((0, 1), (*range(TURNS), MIRRORED))])[0]
    return "full comparison" if duplicate else "neither"


if __name__ == "__main__":
    main()
