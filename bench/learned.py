"""Gives a RUN that was made without `learned.npz` the hashes of its photographs, as far as they are at hand.

`--data` names folders with the very files of its training; `--again` folders of training photographs that
were saved in other files since, so that nobody knows which is which: they are added as photographs of the
training. `--not-known` says how many photographs of the training are in none of these folders. Example:

    python bench/learned.py lentigo/models/bundled --data photos/train --again photos/more --not-known 412
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tables import make_parser, print_table

from lentigo.common.hashing import hash_file
from lentigo.common.staging import stage_folder
from lentigo.duplicates.perceptual_hashes import hash_images
from lentigo.images.listing import find_images
from lentigo.models.bundle import LEARNED, PAST, SPLITS, amend_bundle, open_bundle
from lentigo.models.training_record import BYTES_EACH, TrainingRecord, list_training_record
from lentigo.models.training_record_files import read_training_record


def main() -> None:
    """Writes `learned.npz` in place of `splits.csv` and `past.csv`, and prints what it knows."""
    parser = make_parser(__doc__)
    parser.add_argument("run", type=Path, help="a packed RUN, or one that keeps no paths")
    parser.add_argument("--data", nargs="*", default=[], help="folders with the files of the training")
    parser.add_argument(
        "--again", nargs="*", default=[], help="folders of training photographs in other files"
    )
    parser.add_argument(
        "--not-known", type=int, help="photographs that are in none of the folders (default: as counted)"
    )
    options = parser.parse_args()
    bundle = open_bundle(options.run)
    learned = fill_learned(read_training_record(bundle), options.data)
    if options.again:
        learned = add_again(learned, options.again)
    if options.not_known is not None:
        learned = replace(learned, unlisted=learned.unlisted + options.not_known - learned.not_known)
    with stage_folder(options.run / LEARNED) as folder:
        learned.write(folder / LEARNED)
        amend_bundle(bundle, [folder / LEARNED], drop=(SPLITS, PAST))
    size = (options.run / LEARNED).stat().st_size
    print_table(
        ["photographs", "not known in other files", "bytes", "bytes of a photograph"],
        [[learned.total, learned.not_known, size, BYTES_EACH]],
    )


def fill_learned(learned: TrainingRecord, folders: list[str]) -> TrainingRecord:
    """The hashes of the photographs whose files lie in some folders."""
    files = list_files(folders)
    return learned.fill(files, [hash_file(path) for path in files])


def list_files(folders: list[str]) -> list[str]:
    """The paths of all photographs in some folders."""
    files: list[str] = []
    for folder in folders:
        files += map(str, find_images(folder))
    return files


def add_again(learned: TrainingRecord, folders: list[str]) -> TrainingRecord:
    """Photographs of the training that were saved in other files: known by these too, and not counted
    twice.
    """
    files = list_files(folders)
    again = list_training_record(
        [hash_file(path) for path in files], ["train"] * len(files), hash_images(files)
    )
    both = learned.add(again)
    return replace(both, unlisted=both.unlisted - (len(both) - len(learned)))


if __name__ == "__main__":
    main()
