"""Timing: calls in this process, and whole processes from their start to their end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

from lentigo.errors import ModelError

REPEATS = 5  # of each measurement, all of them in turn, so that a busy minute hurts none alone


def time_each(call: Callable[[], Any], count: int) -> float:
    """Times a call that predicts several photographs.

    Args:
        call: Predicts them.
        count: Their number.

    Returns:
        Seconds for each.
    """
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) / count


def time_command(command: list[str]) -> float:
    """Seconds from the start of a process to its end.

    Args:
        command: Program and arguments.
    """
    started = time.perf_counter()
    run_quietly(command)
    return time.perf_counter() - started


def run_quietly(command: list[str]) -> str:
    """Runs a process and catches what it prints.

    Args:
        command: Program and arguments.

    Returns:
        Its standard output.

    Raises:
        ModelError: It fails; the message has its last words.
    """
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ModelError(f"{' '.join(command[:4])} ... failed: {lines[-1]}")
    return done.stdout
