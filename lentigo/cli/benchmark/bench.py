"""`lentigo bench`: how fast this machine is."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from typer import Argument, Option

from lentigo.cli.options import Json, Model
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.terminal import FAILED_INPUTS, print_json, report_problems
from lentigo.errors import UsageError

SYNTHETIC_COUNT = 60  # of each class, drawn where no photographs are named
MAX_IMAGES = 300  # of those named, that are measured with
MAX_MINUTES = 14  # of everything; a command that is not done by then is ended and listed
# Names of the two versions, as the columns have them
NOW = ""
BEFORE = ", before"

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
    Keras and the processor's limits. Each row is printed and kept in --out as soon as it is measured.
    """
    from lentigo.cli.benchmark.record import BenchRecord
    from lentigo.cli.benchmark.whole_commands import ORDER, Job, measure_command
    from lentigo.datasets.manifests import load_dataset
    from lentigo.images.listing import collect_images
    from lentigo.inference.performance.benchmark import Benchmark, list_machine_steps
    from lentigo.models.bundle import open_bundle

    deadline = time.monotonic() + MAX_MINUTES * 60
    require_package(against)
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        data = data or draw_photographs(work / "synthetic")
        dataset = load_dataset(data)
        listed, problems = collect_images(images or dataset.table["image"])
        paths = [str(image) for image in listed[:MAX_IMAGES]]
        bundle = open_bundle(model)
        steps = list_machine_steps(bundle, paths, keras=keras, progress=stack.enter_context(Bars()))
        trees: dict[str, Path | None] = {} if against is None else {BEFORE: against}
        start = ["--backbone", backbone or bundle.card["backbone"], "--weights", weights]
        job = Job(model, paths, str(data), len(dataset), start, work, trees | {NOW: None})
        names = ORDER if commands else ()
        record = BenchRecord(
            Benchmark(bundle.name), list(job.trees), [*steps, *names], out, shown=not as_json
        )
        stack.callback(record.close)  # after Ctrl-C, too: what was measured stands
        for what, step in steps.items():
            record.measure_machine(what, step)
        for what in names:
            record.measure_command(what, partial(measure_command, what, job, deadline))
    if as_json:
        print_json(record.to_json())
    report_problems(problems)
    if record.failures:
        raise typer.Exit(FAILED_INPUTS)


def require_package(tree: Path | None) -> None:
    """Raises `UsageError` where a folder that is to be compared with holds no Lentigo."""
    if tree is not None and not (tree / "lentigo" / "__main__.py").is_file():
        raise UsageError(
            f"--against: {tree}: holds no lentigo/__main__.py; expected the source folder of another version"
        )


def draw_photographs(folder: Path) -> Path:
    """Draws synthetic lesions of both classes into a folder; their manifest."""
    from lentigo.images.synthetic_lesions import write_synthetic_lesions

    write_synthetic_lesions(folder, SYNTHETIC_COUNT)
    return folder / "manifest.csv"
