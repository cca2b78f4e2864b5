"""Writes requirements.lock anew: every version of constraints.txt with the SHA-256 of its files; of those that serving needs
deploy/requirements.lock, and what their licences are licences.md.

    python deploy/lock.py

pip is asked what it would install for each platform and Python below, and says the hashes that the package index names. Whoever installs by
`pip install --require-hashes -r requirements.lock`, as the container does, gets these files or none. To be run after constraints.txt has changed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import Distribution, distributions, requires
from pathlib import Path

HOUSE = Path(__file__).parent.parent
PINS = HOUSE / "constraints.txt"
LOCK = HOUSE / "requirements.lock"
SERVING_LOCK = HOUSE / "deploy" / "requirements.lock"
SERVING = ("serve", "postgres")  # extras in the container
BUILDER = "setuptools"  # which builds Lentigo there
LICENCES = HOUSE / "licences.md"
PLATFORMS = {  # names of wheels that run there
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64"),
    "aarch64": ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64"),
}
PYTHONS = ("3.11", "3.12")  # of `make setup` and of the container
UNSAID = ("", "UNKNOWN")


def read_pins(text: str) -> dict[str, str]:
    """Versions by the plain names of packages.

    >>> read_pins("# words\\nWerkzeug==3.1.9\\n")
    {'werkzeug': '3.1.9'}
    """
    pins = {}
    for line in text.splitlines():
        name, equal, version = line.partition("#")[0].strip().partition("==")
        if equal:
            pins[plain(name)] = version.split()[0].rstrip("\\")
    return pins


def plain(name: str) -> str:
    """The name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def ask_pip(pins: dict[str, str], python: str, platforms: Iterable[str]) -> dict[str, str]:
    """The hash of the file that pip would install of each package; packages that have none there are left out."""
    found = {}
    waiting = dict(pins)
    while waiting:
        with tempfile.TemporaryDirectory() as folder:
            wanted, report = Path(folder, "wanted.txt"), Path(folder, "report.json")
            wanted.write_text("".join(f"{name}=={version}\n" for name, version in waiting.items()), encoding="utf-8")
            command = [
                sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:", "--quiet",
                "--target", folder, "--python-version", python, *(word for name in platforms for word in ("--platform", name)),
                "--report", str(report), "--requirement", str(wanted),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode == 0:
                for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
                    found[plain(item["metadata"]["name"])] = item["download_info"]["archive_info"]["hashes"]["sha256"]
                return found
        missing = re.search(r"No matching distribution found for ([\w.-]+)==", done.stderr)
        if not missing:
            raise SystemExit(done.stderr)
        del waiting[plain(missing[1])]
    return found


def write_lock(pins: dict[str, str]) -> None:
    """Writes every pin with its hashes. Ends the program where one has none."""
    hashes: dict[str, set[str]] = defaultdict(set)
    places = [(python, machine) for python in PYTHONS for machine in PLATFORMS]
    with ThreadPoolExecutor(len(places)) as pool:
        answers = pool.map(lambda place: ask_pip(pins, place[0], PLATFORMS[place[1]]), places)
        for place, found in zip(places, answers, strict=True):
            print(f"Python {place[0]}, {place[1]}: {len(found)} of {len(pins)}", file=sys.stderr)
            for name, digest in found.items():
                hashes[name].add(digest)
    if without := sorted(set(pins) - set(hashes)):
        raise SystemExit(f"no file for {', '.join(without)}; expected a wheel for one of the platforms at least")
    LOCK.write_text(list_hashes(pins, hashes), encoding="utf-8")
    serving = {name: pins[name] for name in find_needs(SERVING) | {BUILDER} if name in pins}
    SERVING_LOCK.write_text(list_hashes(serving, hashes), encoding="utf-8")


def list_hashes(pins: dict[str, str], hashes: dict[str, set[str]]) -> str:
    """Pins and their hashes as pip reads them."""
    lines = ["# Written by deploy/lock.py from constraints.txt: Linux, x86_64 and aarch64."]
    for name, version in sorted(pins.items()):
        lines.append(" \\\n    ".join([f"{name}=={version}", *(f"--hash=sha256:{digest}" for digest in sorted(hashes[name]))]))
    return "\n".join(lines) + "\n"


def find_needs(extras: Iterable[str]) -> set[str]:
    """The packages that Lentigo needs with some extras, and all that those need, by what is installed here."""
    from packaging.requirements import Requirement

    found: set[tuple[str, str]] = set()
    waiting = [("lentigo", extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for words in requires(name) or ():
            need = Requirement(words)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(plain(need.name), inner) for inner in ("", *need.extras)]
    return {name for name, _ in found} - {"lentigo"}


def name_licence(package: Distribution) -> str:
    """What a package says of its licence: the expression, else the classifiers, else the first line of the field."""
    facts = package.metadata
    expression = facts.get("License-Expression") or ""
    classifiers = [word.rpartition(" :: ")[2] for word in facts.get_all("Classifier") or () if word.startswith("License ::")]
    said = (facts.get("License") or "").strip().splitlines()
    for words in (expression, ", ".join(classifiers), said[0] if said else ""):
        if words not in UNSAID:
            return words[:80]
    return "not said"


def write_licences(pins: dict[str, str]) -> None:
    """Writes the licences of all packages that are installed here. Ends the program where one is not."""
    installed = {plain(package.metadata["Name"]): package for package in distributions() if package.metadata["Name"]}
    if without := sorted(set(pins) - set(installed)):
        raise SystemExit(f"not installed: {', '.join(without)}; run `make setup` first")
    lines = [
        "# Licences of the packages that Lentigo is tested with", "",
        "Written by `deploy/lock.py`, from what each package says of itself. Lentigo is Apache-2.0 and ships none of them.", "",
        "| package | version | licence |", "|---|---|---|",
    ]  # fmt: skip
    for name, version in sorted(pins.items()):
        lines.append(f"| {name} | {version} | {name_licence(installed[name])} |")
    LICENCES.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    pins = read_pins(PINS.read_text(encoding="utf-8"))
    write_licences(pins)
    write_lock(pins)
