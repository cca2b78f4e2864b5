"""Compiling a graph with OpenVINO for this processor, and the cache of compiled graphs."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from lentigo.common.cache import keep_in_cache, list_cache, read_from_cache
from lentigo.common.hashing import hash_bytes, hash_file
from lentigo.common.user_folders import cache_folder
from lentigo.errors import ModelError
from lentigo.models.bundle import INT8_GRAPH, INT8_WEIGHTS, Bundle
from lentigo.models.engine import openvino
from lentigo.models.graphs.capped_relus import fuse_capped_relus
from lentigo.models.graphs.graph_checks import find_fault

MAX_CACHED_GRAPHS = 24  # each of about the size of its weights
REWRITES = 1  # counted up when the graph is rewritten otherwise before it is compiled: part of a cached name


def choose_precision(bundle: Bundle, *, fp32: bool = False) -> str:
    """Chooses the fastest precision that both this processor computes in and the card of a RUN vouches for.

    Args:
        bundle: The RUN.
        fp32: Whether fp32 is asked for.

    Returns:
        "int8", "bf16" or "f32".
    """
    if fp32:
        return "f32"
    capabilities = list_capabilities()
    files = bundle.card["files"]
    has_int8 = INT8_GRAPH in files and INT8_WEIGHTS in files
    # Measured, not assumed: a precision is used where the card says that decisions stay
    if has_int8 and is_neutral(bundle, "int8") and "INT8" in capabilities:
        return "int8"
    if is_neutral(bundle, "bf16") and "BF16" in capabilities:
        return "bf16"
    return "f32"


def is_neutral(bundle: Bundle, precision: str) -> bool:
    """Whether the card of a RUN vouches that a precision predicts as fp32 does."""
    entry = bundle.card.get(precision) or {}  # null, where it could not be measured
    return entry.get("neutral", False)


def fastest_precision(core: openvino.Core | None = None) -> str:
    """Names the fastest precision of floating-point numbers of this processor.

    Args:
        core: OpenVINO's, where there is one already.

    Returns:
        "bf16" where the processor computes in it, else "f32".
    """
    return "bf16" if "BF16" in list_capabilities(core) else "f32"


def list_capabilities(core: openvino.Core | None = None) -> list[str]:
    """What this processor computes in, by OpenVINO's names: FP32, BF16, INT8 and others."""
    return (core or openvino.Core()).get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def bound_threads(threads: int) -> dict[str, str]:
    """Options for so many threads, free to run on any processor: pinned, those of two processes would share
    the same ones.

    Args:
        threads: How many, 1 at least.
    """
    return {"INFERENCE_NUM_THREADS": str(threads), "ENABLE_CPU_PINNING": "NO"}


def compile_graph(
    core: openvino.Core,
    model: str | Path | bytes,
    batch: int,
    options: dict[str, str],
    outputs: Collection[str] | None = None,
) -> openvino.CompiledModel:
    """Compiles a graph for requests of one size.

    Args:
        core: OpenVINO's.
        model: The file of the graph, or its content.
        batch: Photographs in a request.
        options: Of OpenVINO.
        outputs: Names of the outputs that are asked for: what only others need is not computed. None for all.

    Raises:
        ModelError: The graph does not take photographs.
        RuntimeError: OpenVINO cannot read it.
    """
    graph = core.read_model(model)
    first_input = graph.inputs[0]
    shape = list_sizes(first_input)
    # OpenVINO would convert other inputs without a word, and answer nonsense
    takes_pixels = len(shape) == 4 and shape[3] == 3 and first_input.element_type == openvino.Type.u8
    if len(graph.inputs) != 1 or not takes_pixels:
        raise explain_failure(
            model,
            f"takes {first_input.element_type.to_string()} {shape} instead of uint8 photographs (n, side, "
            "side, 3)",
        )
    if outputs is not None:
        drop_outputs(graph, outputs)
    graph.reshape([batch, *shape[1:]])  # the code is made for requests of this size
    fault = find_fault(graph, batch)
    if fault:
        raise explain_failure(model, fault)
    fuse_capped_relus(graph)
    return core.compile_model(graph, "CPU", options)


def list_sizes(graph_input: openvino.Output) -> list[int]:
    """The shape of an input; 0 for a size that stays open, as that of the batch does."""
    sizes = []
    for size in graph_input.partial_shape:
        sizes.append(size.get_length() if size.is_static else 0)
    return sizes


def drop_outputs(graph: openvino.Model, wanted: Collection[str]) -> None:
    """Drops the outputs of a graph that are not wanted, by their names."""
    for output in graph.outputs:
        if not output.get_names() & set(wanted):
            graph.remove_result(output.get_node())


def recall_graph(
    core: openvino.Core,
    path: str | Path,
    batch: int,
    options: dict[str, str],
    digest: str | None,
    outputs: Collection[str] | None = None,
) -> openvino.CompiledModel:
    """Compiles a graph as `compile_graph` does, or takes it from the cache where it has been compiled before.

    Args:
        core: OpenVINO's.
        path: The file of the graph.
        batch: Photographs in a request.
        options: Of OpenVINO.
        digest: The hash of the graph, where it is known.
        outputs: As for `compile_graph`.
    """
    # What decides the compiled graph, and hence its name in the cache
    facts = [
        digest or hash_file(path),
        batch,
        sorted(options.items()),
        None if outputs is None else sorted(outputs),
        REWRITES,
        openvino.__version__,
        core.get_property("CPU", "FULL_DEVICE_NAME"),
    ]
    blob = cache_folder() / "compiled" / f"{hash_bytes(repr(facts).encode())[:32]}.blob"
    kept = read_from_cache(blob)
    if kept is not None:
        with suppress(RuntimeError):  # of another build
            compiled = core.import_model(kept, "CPU", options)
            with suppress(OSError):  # a cache that can only be read
                blob.touch()  # the graphs that were not used for longest go first
            return compiled
    compiled = compile_graph(core, path, batch, options, outputs)
    if keep_in_cache(blob, compiled.export_model().getvalue()):
        remove_oldest_graphs(blob.parent)
    return compiled


def remove_oldest_graphs(folder: Path) -> None:
    """Removes the compiled graphs that were not used for longest."""
    with suppress(OSError):  # another process may do the same
        newest_first = sorted(list_cache(folder, ".blob"), key=lambda path: -path.stat().st_mtime)
        for blob in newest_first[MAX_CACHED_GRAPHS:]:
            blob.unlink()


def explain_failure(model: str | Path | bytes, reason: str) -> ModelError:
    """The error for a graph that cannot be used, in one line.

    Args:
        model: The graph: its path or its bytes.
        reason: What OpenVINO said.
    """
    name = "the graph" if isinstance(model, bytes) else model
    return ModelError(
        f"{name}: cannot be compiled ({reason.strip().splitlines()[-1]}); expected the model.onnx of a RUN, "
        "copy it again"
    )
