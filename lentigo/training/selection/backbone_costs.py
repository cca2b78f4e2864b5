"""What backbones cost on this machine: time, memory and size, measured once and kept."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

from lentigo.common.json_values import parse_json, write_json
from lentigo.common.progress import Progress, show_nothing
from lentigo.inference.performance.costs import Cost, measure_cost, name_machine
from lentigo.models.compilation import fastest_precision
from lentigo.models.graphs.onnx_graph import save_onnx
from lentigo.models.networks.backbones import Backbone
from lentigo.models.networks.network import Network, build_network
from lentigo.models.networks.output_models import build_export_model


def measure_costs(
    backbones: Sequence[Backbone],
    out: str | Path | None = None,
    fp32: bool = False,
    progress: Progress = show_nothing,
) -> dict[str, Cost]:
    """Measures what each backbone with its head costs on this machine.

    The time that arithmetic takes does not depend on the weights: they are random.

    Args:
        backbones: Entries of the backbone table.
        out: A folder that keeps the costs, which are not measured again on the same machine; or None.
        fp32: Whether the graph is run in fp32 even where bf16 is faster.
        progress: Watches the backbones go by.

    Returns:
        The costs by name.
    """
    # Costs of another precision, or of another machine, are other costs
    precision = "f32" if fp32 else fastest_precision()
    costs = {}
    for backbone in progress(backbones, total=len(backbones), label="costs"):
        path = Path(out) / "costs" / f"{backbone.name}.json" if out else None
        costs[backbone.name] = recall_cost(backbone, precision, path)
    return costs


def recall_cost(backbone: Backbone, precision: str, path: Path | None) -> Cost:
    """The cost from its file, where it was measured on this machine at this precision, else measured."""
    here = {"machine": name_machine(), "precision": precision}
    if path is not None and path.is_file():
        # A damaged file is no error: the cost is measured again.
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            facts = parse_json(path.read_bytes())
            if {name: facts.get(name) for name in here} == here:
                return Cost(**{item.name: facts[item.name] for item in fields(Cost)})
    # Weights cost the same whatever they are: none are fetched
    cost = measure_backbone(build_network(backbone, "none"), precision)
    if path is not None:
        write_json(path, {**cost.to_json(), **here})
    return cost


def measure_backbone(network: Network, precision: str) -> Cost:
    """The cost of a network as a RUN would hold it."""
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "model.onnx"
        save_onnx(build_export_model(network), graph)
        return measure_cost(graph, network.require_classifier().count_params(), precision)
