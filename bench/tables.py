"""What the programs of this folder share: their command line, the machine they ran on, photographs that have to
be readable, values with intervals, and Markdown tables.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from lentigo.images.problems import Problem

Result = TypeVar("Result")

FLAGS = ("avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
LIBRARIES = ("keras", "tensorflow-cpu", "openvino", "onnxruntime", "numpy", "scikit-learn")


def make_parser(text: str | None) -> argparse.ArgumentParser:
    """A command line whose `--help` is what a program says of itself.

    Args:
        text: The program's docstring, shown with its line breaks.
    """
    return argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)


def describe_machine() -> str:
    """Processor, cores, instruction sets that matter here, and versions, in one line."""
    facts = read_processor()
    processor = facts.get("model name", platform.processor())
    present = facts.get("flags", "").split()
    flags = ", ".join(flag for flag in FLAGS if flag in present)
    cores = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):  # those that this process may use
        cores = len(os.sched_getaffinity(0))
    versions = [f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        number = find_version(name)
        if number:
            versions.append(f"{name} {number}")
    return f"{processor}, {cores} cores ({flags}), {', '.join(versions)}"


def read_processor() -> dict[str, str]:
    """What Linux says of the processor, by its words; nothing elsewhere."""
    place = Path("/proc/cpuinfo")
    facts = {}
    if place.is_file():
        for line in place.read_text().splitlines():
            key, _, value = line.partition(":")
            facts[key.strip()] = value.strip()
    return facts


def find_version(name: str) -> str:
    """The version of an installed package, "" without it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def require_readable(result: Result | Problem) -> Result:
    """What was made of a photograph, where a program cannot do without any.

    Args:
        result: Of a photograph, or why it could not be used.

    Raises:
        SystemExit: With the photograph's name and what is wrong with it.
    """
    from lentigo.images.problems import Problem

    if isinstance(result, Problem):
        raise SystemExit(f"{result.image}: {result.error}")
    return result


def show_value(value: float, ends: tuple[float, float], digits: int = 3) -> str:
    """A value with its interval, such as "0.912 (0.880 to 0.940)"; "-" where there is none.

    Args:
        value: The value; NaN where it does not exist.
        ends: Of its interval.
        digits: Behind the point.
    """
    if math.isnan(value):
        return "-"
    low, high = ends
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def show_share(found: np.ndarray, groups: np.ndarray) -> str:
    """The share of photographs that have something, with its 95 % interval; "-" without photographs.

    Args:
        found: Whether each has it, bool (n,).
        groups: Group numbers, int (n,), by which the interval is made.
    """
    from lentigo.common.statistics.intervals import estimate_share

    if len(found) == 0:
        return "-"
    return show_value(float(found.mean()), estimate_share(found, groups), digits=2)


def print_table(columns: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Prints a Markdown table; numbers have four digits.

    Args:
        columns: The titles.
        rows: Of numbers and words; each is printed as soon as it is there.
    """
    titles = list(columns)
    print(f"\n| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for row in rows:
        cells = [f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row]
        print(f"| {' | '.join(cells)} |", flush=True)
