"""What every benchmark prints: the machine it ran on, and Markdown tables."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FLAGS = ("avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
LIBRARIES = ("keras", "tensorflow-cpu", "openvino", "onnxruntime", "numpy", "scikit-learn")


def describe_machine() -> str:
    """Processor, cores, instruction sets that matter here, and versions, in one line."""
    facts = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in facts)}
    flags = [flag for flag in FLAGS if flag in found.get("flags", "").split()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    libraries = ", ".join(f"{name} {number}" for name in LIBRARIES if (number := find_version(name)))
    return f"{found.get('model name', platform.processor())}, {cores} cores ({', '.join(flags)}), Python {platform.python_version()}, {libraries}"


def find_version(name: str) -> str:
    """The version of an installed package, "" without it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def print_table(columns: Iterable[str], rows: Iterable[Iterable]) -> None:
    """A Markdown table; numbers with four digits."""
    columns = list(columns)
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(
            f"| {' | '.join(f'{cell:.4g}' if isinstance(cell, float) else str(cell) for cell in row)} |",
            flush=True,
        )
