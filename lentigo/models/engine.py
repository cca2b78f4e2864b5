"""OpenVINO, imported without its telemetry. Every module of this package takes it from here.

`import openvino` by itself reports its use to Google Analytics, and writes `~/intel/openvino_ga_cid`, by the
package `openvino_telemetry`; where that package cannot be imported OpenVINO goes on without it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TELEMETRY = "openvino_telemetry"


@contextmanager
def block_telemetry() -> Iterator[None]:
    """Lets no module that is imported meanwhile import `openvino_telemetry`; who imports it afterwards for
    other reasons gets it.
    """
    before = sys.modules.get(TELEMETRY)
    modules: dict[str, Any] = sys.modules
    modules[TELEMETRY] = None  # the import system's own word for: raise ImportError
    try:
        yield
    finally:
        if before is None:
            del sys.modules[TELEMETRY]
        else:
            sys.modules[TELEMETRY] = before


with block_telemetry():
    import openvino

__all__ = ["block_telemetry", "openvino"]
