"""OpenVINO, imported without its telemetry and without its converter. Every module of this package takes it
from here.

`import openvino` by itself reports its use to Google Analytics, and writes `~/intel/openvino_ga_cid`, by the
package `openvino_telemetry`. It imports a converter of other frameworks' models, too, which nobody here asks
for and which takes as long as OpenVINO itself. Where they cannot be imported OpenVINO goes on without them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BLOCKED = ("openvino_telemetry", "openvino.tools.ovc")


@contextmanager
def block_imports() -> Iterator[None]:
    """Lets no module that is imported meanwhile import one of `BLOCKED`; who imports it afterwards for other
    reasons gets it.
    """
    modules: dict[str, Any] = sys.modules
    before = {name: modules[name] for name in BLOCKED if name in modules}
    for name in BLOCKED:
        modules[name] = None  # the import system's own word for: raise ImportError
    try:
        yield
    finally:
        for name in BLOCKED:
            del modules[name]
        modules.update(before)


with block_imports():
    import openvino

__all__ = ["block_imports", "openvino"]
