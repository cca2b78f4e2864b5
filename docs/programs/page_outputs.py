"""Runs the commands of the pages, and compares what they print with what the pages show.

    python docs/programs/page_outputs.py                 # says where a page shows something else
    python docs/programs/page_outputs.py --write         # writes the outputs into the pages
    python docs/programs/page_outputs.py README.md       # some pages only

Each page has a folder of its own with the files that its commands name: `lesion.jpg`, `mole.jpg`, `photos/`,
`scan.dcm`, `scans/` and `runs/first`. All are drawn or come with the package. A line `...` in an output stands for whatever follows.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from command_blocks import HOUSE, CommandBlock, find_blocks, list_pages

LESION_SEED = 1  # draws a lesion of several colours
LESION_SIZE = 640  # pixels
PHOTOGRAPHS = 12  # of each class in photos/
NUMBER = re.compile(r"(?<![\w.@])\d+(?:\.\d+)?")
SECONDS = re.compile(r'(?<="seconds": )[\d.e-]+|[\d.]+(?= s\b)')
TOLERANCE = 0.02  # of a number: processors do not round alike
ANY_LINES = "..."


def make_world(folder: Path) -> None:
    """Writes the files that the commands of the pages name.

    Args:
        folder: An empty folder.
    """
    from lentigo.images.synthetic_lesions import write_synthetic_lesions
    from lentigo.models.bundle import find_bundle

    drawn = write_synthetic_lesions(folder / ".drawn", 1, seed=LESION_SEED, size=LESION_SIZE)
    for label, name in (("malignant", "lesion.jpg"), ("benign", "mole.jpg")):
        image = drawn.loc[drawn["label"] == label, "image"].iloc[0]
        shutil.copy(folder / ".drawn" / image, folder / name)
    shutil.rmtree(folder / ".drawn")
    make_scans(folder)
    write_synthetic_lesions(folder / "photos", PHOTOGRAPHS, seed=LESION_SEED)
    shutil.copytree(find_bundle("bundled").folder, folder / "runs" / "first")


def make_scans(folder: Path) -> None:
    """Writes the photographs of a world as DICOM: `scan.dcm`, and two in `scans/`.

    Args:
        folder: With `lesion.jpg` and `mole.jpg`.
    """
    from lentigo.clinical.photograph_object import encode_object, make_photograph

    (folder / "scans").mkdir()
    for name in ("lesion", "mole"):
        content = (folder / f"{name}.jpg").read_bytes()
        scan = encode_object(make_photograph(content, name, "dermoscopic"))
        (folder / "scans" / f"{name}.dcm").write_bytes(scan)
    shutil.copy(folder / "scans" / "lesion.dcm", folder / "scan.dcm")


def run_block(block: CommandBlock, world: Path) -> str:
    """Runs the commands of a block in a world, and gives what a terminal would show.

    Args:
        block: The commands.
        world: The folder in which they are called.

    Raises:
        RuntimeError: A command ended with a code of its own other than 0 and 3.
    """
    environment = {
        **os.environ,
        "PATH": f"{world / '.bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(HOUSE),
        "LENTIGO_CACHE": str(world / ".cache"),
        "LENTIGO_LEDGER": str(world / ".ledger.jsonl"),
        "COLUMNS": "100",
    }
    result = subprocess.run(
        ["bash", "-c", block.commands],
        cwd=world,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    if result.returncode not in (0, 3):
        raise RuntimeError(f"{block.name}: ended with code {result.returncode}\n{result.stdout}")
    return result.stdout.replace(f"{world}/", "")


def install_command(world: Path) -> None:
    """Puts this checkout's `lentigo` where the shell of a world finds it."""
    (world / ".bin").mkdir()
    program = world / ".bin" / "lentigo"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lentigo "$@"\n', encoding="utf-8")
    program.chmod(0o755)


def find_difference(shown: str, printed: str) -> str:
    """Says where a page shows something else than a command prints; "" where it does not.

    Numbers may differ a little, seconds at will, and a line `...` stands for all that follows.

    >>> find_difference("malignant  0.901", "malignant  0.902")
    ''
    >>> find_difference("malignant  0.901", "benign  0.1")
    "shown 'malignant  0.901', printed 'benign  0.1'"
    """
    shown_lines = shown.rstrip().splitlines()
    printed_lines = printed.rstrip().splitlines()
    if ANY_LINES in shown_lines:
        shown_lines = shown_lines[: shown_lines.index(ANY_LINES)]
        printed_lines = printed_lines[: len(shown_lines)]
    if len(shown_lines) != len(printed_lines):
        return f"shown {len(shown_lines)} lines, printed {len(printed_lines)}"
    for ours, theirs in zip(shown_lines, printed_lines, strict=True):
        if not is_alike(ours, theirs):
            return f"shown {ours!r}, printed {theirs!r}"
    return ""


def is_alike(ours: str, theirs: str) -> bool:
    """Whether two lines say the same, but for seconds and the last digits of numbers."""
    ours, theirs = SECONDS.sub("N", ours), SECONDS.sub("N", theirs)
    if NUMBER.sub("#", ours) != NUMBER.sub("#", theirs):
        return False
    for one, other in zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=True):
        if abs(float(one) - float(other)) > TOLERANCE * max(1, abs(float(one))):
            return False
    return True


def shorten(shown: str, printed: str) -> str:
    """What a page is to show: all that is printed, or as many lines as before where `...` ends them."""
    lines = shown.splitlines()
    if ANY_LINES not in lines:
        return printed.rstrip() + "\n"
    return "\n".join([*printed.splitlines()[: lines.index(ANY_LINES)], ANY_LINES, ""])


def check_page(page: Path, *, write: bool) -> list[str]:
    """Runs the commands of a page in a world of its own.

    Args:
        page: The Markdown file.
        write: Whether outputs that differ are written into it.

    Returns:
        A line for each block that shows something else than it prints.
    """
    differences = []
    replacements = []
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder).resolve()
        make_world(world)
        install_command(world)
        for block in find_blocks(page):
            if block.reason is not None:
                continue
            printed = run_block(block, world)
            if block.output is None:
                continue
            difference = find_difference(block.output, printed)
            if difference:
                differences.append(f"{block.name}: {difference}")
                replacements.append((block.output_span, shorten(block.output, printed)))
    if write:
        text = page.read_text(encoding="utf-8")
        for span, output in reversed(replacements):
            text = text[: span[0]] + output + text[span[1] :]
        page.write_text(text, encoding="utf-8")
    return differences


def list_pages_with_outputs() -> list[Path]:
    """The pages that show what a command prints. Others may need a network, or days."""
    pages = []
    for page in list_pages():
        blocks = find_blocks(page)
        if any(block.output is not None and block.reason is None for block in blocks):
            pages.append(page)
    return pages


def main() -> None:
    """Runs the commands of all pages that show outputs, or of those that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", type=Path, help="all that show outputs where none is named")
    parser.add_argument("--write", action="store_true", help="write what is printed into the pages")
    options = parser.parse_args()
    differences = []
    for page in options.pages or list_pages_with_outputs():
        differences += check_page(page.resolve(), write=options.write)
    print("\n".join(differences) or "every page shows what its commands print")
    sys.exit(bool(differences) and not options.write)


if __name__ == "__main__":
    main()
