"""`lentigo export` and `lentigo info`: a RUN for other runtimes, and what it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from lentigo._version import __version__
from lentigo.cli.options import Json, Run
from lentigo.cli.output.evaluations import print_run
from lentigo.cli.output.terminal import mute_stderr, print_json, print_line

if TYPE_CHECKING:
    from lentigo.models.exports.export import Export

models_app = typer.Typer(rich_markup_mode=None)


@models_app.command(epilog="Example: lentigo export runs/first --format litert --out lesions.tflite")
def export(
    run: Run,
    format: Annotated[str, Option("--format", help="onnx, openvino, litert or savedmodel.")],
    out: Annotated[
        Path,
        Option(
            "--out", help="A file with the format's suffix (.onnx, .xml, .tflite), or a folder to be made."
        ),
    ],
    int8: Annotated[
        bool,
        Option(
            "--int8",
            help="Quantise (openvino); kept in the RUN too, and its default, where 99.5 % of the decisions "
            "stay, AUROC loses less than 0.002, and P moves by 0.01 at most on average.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Writes a RUN for another runtime, and compares its answers with the RUN's on photographs."""
    with mute_stderr():  # converters talk
        from lentigo.models.exports.export import export as export_run

        artefact = export_run(run, format, out, int8=int8)
    if as_json:
        print_json(artefact.to_json())
    else:
        print_export(artefact, "fp32" if int8 else "model.keras")


def print_export(artefact: Export, reference: str) -> None:
    """What was exported, and how far it is from its reference, for people."""
    print_line(
        f"{artefact.path}: {artefact.format}, {artefact.megabytes:.1f} MB; "
        f"largest difference of P(malignant) from {reference}: {artefact.largest_difference:.1e} on "
        f"{artefact.photographs} photographs"
    )
    if artefact.int8 is None:
        return
    low, high = artefact.int8.ci_loss
    print_line(
        f"validation AUROC: fp32 {artefact.int8.auroc_before:.4f}, int8 {artefact.int8.auroc_after:.4f}, "
        f"lost {artefact.int8.loss:.4f} ({low:.4f} to {high:.4f})"
    )
    verdict = "too far from fp32: the RUN does not answer with it"
    if artefact.int8.neutral:
        verdict = "kept in the RUN, which answers with it"
    print_line(f"decisions alike: {artefact.int8.decisions_equal:.1%}; {verdict}")


@models_app.command(epilog="Example: lentigo info runs/first --json")
def info(
    run: Annotated[
        str | None, Argument(help="A RUN folder, or 'bundled': what it is, and how good.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """This version of Lentigo, its weights, backbones and recipes; or what a RUN is."""
    from lentigo.models.bundle import describe_bundle, open_bundle

    if run is not None:
        facts = describe_bundle(open_bundle(run))
        return print_json(facts) if as_json else print_run(facts)
    facts = describe_installation()
    return print_json(facts) if as_json else print_installation(facts)


def describe_installation() -> dict[str, Any]:
    """This version of Lentigo, what it can use, and where it keeps things."""
    from lentigo.common.user_folders import cache_folder
    from lentigo.evaluation.ledger import ledger_path
    from lentigo.models.bundle import describe_bundle, open_bundle
    from lentigo.models.networks.backbones import BACKBONES
    from lentigo.training.recipes import RECIPES

    return {
        "lentigo": __version__,
        "backbones": list(BACKBONES),
        "recipes": {name: dataclasses.asdict(recipe) for name, recipe in RECIPES.items()},
        "cache": str(cache_folder()),
        "ledger": str(ledger_path()),
        "bundled": describe_bundle(open_bundle("bundled")),
    }


def print_installation(facts: dict[str, Any]) -> None:
    """What `describe_installation` says, for people."""
    from lentigo.common.user_folders import CACHE_VARIABLE
    from lentigo.evaluation.ledger import LEDGER_VARIABLE

    print_line(f"lentigo {facts['lentigo']}")
    print_line(f"backbones: {', '.join(facts['backbones'])}")
    print_line(f"recipes: {', '.join(facts['recipes'])}")
    print_line(f"cache: {name_folder(facts['cache'], CACHE_VARIABLE)}")
    print_line(f"ledger: {name_folder(facts['ledger'], LEDGER_VARIABLE)}")
    print_run(facts["bundled"], "bundled weights")


def name_folder(path: str, variable: str) -> str:
    """A place for people; what to do where there is none."""
    from lentigo.common.user_folders import NO_HOME

    if Path(path).is_relative_to(NO_HOME):
        return f"none, since no home folder is known (set {variable})"
    return path
