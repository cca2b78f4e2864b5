"""`lentigo bench`: how fast this machine is."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from lentigo.cli.options import Json, Model
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.terminal import mute_stderr, print_columns, print_json, report_problems

SYNTHETIC_COUNT = 60  # of each class, drawn where no photographs are named
MAX_IMAGES = 300  # of those named, that are measured with
# Names of the two versions, as the columns have them
NOW = ""
BEFORE = ", before"

if TYPE_CHECKING:
    from lentigo.cli.benchmark.timing import Measurement
    from lentigo.inference.performance.benchmark import Benchmark

bench_app = typer.Typer(rich_markup_mode=None)


@bench_app.command(epilog="Example: lentigo bench photos/ --model runs/first --out speed.json")
def bench(
    images: Annotated[
        list[str] | None,
        Argument(
            help="Photographs or folders to measure with, a few hundred; without them synthetic lesions are "
            "drawn.",
            show_default=False,
        ),
    ] = None,
    model: Model = "bundled",
    data: Annotated[
        Path | None,
        Option(
            "--data",
            help="Class folders (benign/, malignant/) to audit and to train on; the synthetic lesions "
            "without it.",
        ),
    ] = None,
    weights: Annotated[str, Option("--weights", help="What the training starts from.")] = "bundled",
    backbone: Annotated[
        str | None, Option("--backbone", help="Of the training; the model's own without it.")
    ] = None,
    keras: Annotated[
        bool, Option("--keras/--no-keras", help="Compare with Keras where it is installed.")
    ] = True,
    commands: Annotated[
        bool,
        Option("--commands/--no-commands", help="Time whole commands, too: folder, masks, audit, service."),
    ] = True,
    against: Annotated[
        Path | None,
        Option("--against", help="Source folder of another version of Lentigo: its commands run in turn."),
    ] = None,
    out: Annotated[Path | None, Option("--out", help="A JSON file with every number.")] = None,
    as_json: Json = False,
) -> None:
    """Measures how fast this machine answers: rates, one photograph, a cold start, whole commands, beside
    Keras and the processor's limits.
    """
    from lentigo.cli.benchmark.whole_commands import (
        Job,
        measure_commands,
    )
    from lentigo.common.json_values import write_json
    from lentigo.datasets.manifests import load_dataset
    from lentigo.images.listing import collect_images
    from lentigo.inference.performance.benchmark import measure_machine
    from lentigo.models.bundle import open_bundle

    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        data = data or draw_photographs(work / "synthetic")
        dataset = load_dataset(data)
        listed, problems = collect_images(images or dataset.table["image"])
        paths = [str(image) for image in listed[:MAX_IMAGES]]
        # TensorFlow greets whoever imports it
        stack.enter_context(mute_stderr() if keras else nullcontext())
        bars = stack.enter_context(Bars())
        bundle = open_bundle(model)
        result = measure_machine(bundle, paths, keras=keras, progress=bars)
        measured: dict[str, list[Measurement]] = {}
        if commands:
            trees: dict[str, Path | None] = {} if against is None else {BEFORE: against}
            start = ["--backbone", backbone or bundle.card["backbone"], "--weights", weights]
            job = Job(model, paths, str(data), len(dataset), start, work, trees | {NOW: None})
            measured = measure_commands(job, bars)
    facts = make_facts(result, measured)
    if out is not None:
        write_json(out, facts)
    if as_json:
        print_json(facts)
    else:
        print_benchmark(result, measured)
    report_problems(problems)


def make_facts(result: Benchmark, measured: dict[str, list[Measurement]]) -> dict[str, Any]:
    """What was measured, as values of JSON.

    Args:
        result: Rates and times of the model.
        measured: Those of whole commands, by the version of Lentigo.
    """
    from lentigo.cli.benchmark.whole_commands import list_measurements

    return result.to_json() | {"commands": list_measurements(measured)}


def print_benchmark(result: Benchmark, measured: dict[str, list[Measurement]]) -> None:
    """What was measured, for people: a table each of rates, of times and of whole commands."""
    from lentigo.cli.benchmark.whole_commands import tabulate_commands

    print_columns(*result.tabulate_rates())
    print_columns(*result.tabulate_times())
    if measured:
        print_columns(*tabulate_commands(measured, result.list_limits()))


def draw_photographs(folder: Path) -> Path:
    """Draws synthetic lesions of both classes into a folder; their manifest."""
    from lentigo.images.synthetic_lesions import write_synthetic_lesions

    write_synthetic_lesions(folder, SYNTHETIC_COUNT)
    return folder / "manifest.csv"
