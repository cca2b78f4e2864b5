"""Writes requirements.lock anew: every version of constraints.txt with the SHA-256 of its files; of those
that serving needs deploy/requirements.lock, and what their licences are licences.md.

    python deploy/lock.py

The hashes are those that the package index names, read by pip itself. Whoever installs by `pip install
--require-hashes -r requirements.lock`, as the container does, gets these files or none. To be run in the
project's own environment after constraints.txt has changed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from packaging.version import Version
from pip._internal.index.collector import LinkCollector, parse_links
from pip._internal.models.index import PyPI
from pip._internal.models.link import Link
from pip._internal.models.search_scope import SearchScope
from pip._internal.network.session import PipSession

HOUSE = Path(__file__).parent.parent
PINS = HOUSE / "constraints.txt"
LOCK = HOUSE / "requirements.lock"
SERVING_LOCK = HOUSE / "deploy" / "requirements.lock"
SERVING = ("serve", "postgres", "heic")  # extras in the container
BUILDER = "setuptools"  # which builds Lentigo there
LICENCES = HOUSE / "licences.md"
PYTHONS = (
    "-cp311-",
    "-cp312-",
    "-cp313-",
    "-abi3-",
    "-py3-",
    "-py311-",
    "-py312-",
    "-py313-",
    "-py2.py3-",
)  # in the names of wheels that are taken
LEFT_OUT = (
    "musllinux",
    "ppc64le",
    "s390x",
    "riscv64",
    "i686",
    "win32",
    "armv7l",
    "pyodide",
    "-cp313t-",
    "ios_",
    "android",
)
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


def list_hashes_of(name: str, version: str, collector: LinkCollector) -> set[str]:
    """The hashes of the wheels of one version, of whatever common platform."""
    page = collector.fetch_response(Link(f"{PyPI.simple_url}/{name}/"))
    found = set()
    for link in parse_links(page) if page else ():
        is_taken = any(word in link.filename for word in PYTHONS) and not any(
            word in link.filename for word in LEFT_OUT
        )
        if not link.is_wheel or not is_taken or link.hash_name != "sha256":
            continue
        if parse_wheel_filename(link.filename)[1] == Version(version):
            found.add(link.hash)
    return found


def write_lock(pins: dict[str, str]) -> None:
    """Writes every pin with its hashes. Ends the program where one has none."""
    collector = LinkCollector(PipSession(), SearchScope([], [PyPI.simple_url], False))
    hashes = {}
    for name, version in sorted(pins.items()):
        hashes[name] = list_hashes_of(name, version, collector)
        print(f"{name} {version}: {len(hashes[name])} files", file=sys.stderr)
    if without := sorted(name for name in pins if not hashes[name]):
        raise SystemExit(f"no wheel for {', '.join(without)}; expected one of a common platform")
    LOCK.write_text(list_hashes(pins, hashes), encoding="utf-8")
    serving = {name: pins[name] for name in find_needs(SERVING) | {BUILDER} if name in pins}
    SERVING_LOCK.write_text(list_hashes(serving, hashes), encoding="utf-8")


def list_hashes(pins: dict[str, str], hashes: dict[str, set[str]]) -> str:
    """Pins and their hashes as pip reads them."""
    lines = ["# Written by deploy/lock.py from constraints.txt."]
    for name, version in sorted(pins.items()):
        lines.append(
            " \\\n    ".join(
                [f"{name}=={version}", *(f"--hash=sha256:{digest}" for digest in sorted(hashes[name]))]
            )
        )
    return "\n".join(lines) + "\n"


def find_needs(extras: Iterable[str]) -> set[str]:
    """The packages that Lentigo needs with some extras, by pyproject.toml, and all that those need, by what
    is installed here.
    """
    found: set[tuple[str, str]] = set()
    waiting = [("lentigo", extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for words in list_own_needs(extra) if name == "lentigo" else requires(name) or ():
            need = Requirement(words)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(plain(need.name), inner) for inner in ("", *need.extras)]
    return {name for name, _ in found} - {"lentigo"}


def list_own_needs(extra: str) -> list[str]:
    """What pyproject.toml says; the metadata of an editable install are those of the day on which it was
    installed.
    """
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["optional-dependencies"][extra] if extra else project["dependencies"]


def name_licence(package: Distribution) -> str:
    """What a package says of its licence: the expression, else the classifiers, else the first line of the
    field.
    """
    facts = package.metadata
    expression = facts.get("License-Expression") or ""
    classifiers = [
        word.rpartition(" :: ")[2]
        for word in facts.get_all("Classifier") or ()
        if word.startswith("License ::")
    ]
    said = (facts.get("License") or "").strip().splitlines()
    for words in (expression, ", ".join(classifiers), said[0] if said else ""):
        if words not in UNSAID:
            return words[:80]
    return "not said"


def write_licences(pins: dict[str, str]) -> None:
    """Writes the licences of all packages that are installed here. Ends the program where one is not."""
    installed = {
        plain(package.metadata["Name"]): package for package in distributions() if package.metadata["Name"]
    }
    if without := sorted(set(pins) - set(installed)):
        raise SystemExit(f"not installed: {', '.join(without)}; run `make setup` first")
    lines = [
        "# Licences of the packages that Lentigo is tested with",
        "",
        "Written by `deploy/lock.py`, from what each package says of itself. Lentigo is Apache-2.0 and "
        "ships none of them.",
        "",
        "| package | version | licence |",
        "|---|---|---|",
    ]
    for name, version in sorted(pins.items()):
        lines.append(f"| {name} | {version} | {name_licence(installed[name])} |")
    LICENCES.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    pins = read_pins(PINS.read_text(encoding="utf-8"))
    write_licences(pins)
    write_lock(pins)
