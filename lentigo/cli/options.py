"""Options of the command line that several commands share, and those that the table of recipes makes."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

from typer import Option

Json = Annotated[bool, Option("--json", help="Machine output on stdout.")]
Model = Annotated[str, Option("--model", help="A RUN folder, or 'bundled'.")]
Fp32 = Annotated[bool, Option("--fp32", help="Compute in fp32 instead of the processor's fastest precision.")]
TestTimeAugmentation = Annotated[
    bool,
    Option(
        "--tta",
        help="Average over four mirrored views (four times the work); for a RUN with a calibration for that "
        "(train --tta).",
    ),
]
Device = Annotated[
    str,
    Option("--device", help="cpu (OpenVINO), or by ONNX Runtime: cuda, rocm, coreml, directml, onnxruntime."),
]
OnCluster = Annotated[
    str | None,
    Option(
        "--cluster",
        help="Work on the nodes of a Ray cluster: HOST:PORT of its head, ray://HOST:PORT, auto, or local "
        "for worker processes here.",
    ),
]
OperatingPoint = Annotated[
    str | None,
    Option(
        "--operating-point",
        help="sensitivity=0.95, specificity=0.9, youden, cost=FN:FP or a probability, instead of the RUN's "
        "own.",
    ),
]
Alpha = Annotated[
    float | None,
    Option(
        "--alpha",
        min=0,
        max=0.5,
        help="Conformal risk instead of the RUN's own; 0 decides every known photograph.",
    ),
]


ImageColumn = Annotated[
    str | None,
    Option(
        "--image-column", help="The column of a table that names the photographs, where that is not found."
    ),
]
LabelColumn = Annotated[
    str | None, Option("--label-column", help="The column that says benign or malignant, or the diagnosis.")
]
Meanings = Annotated[
    list[str] | None,
    Option(
        "--map",
        help="What words of labels or names of class folders mean, such as "
        "mel=malignant,nv=benign,other=skip.",
    ),
]
Addresses = Annotated[
    bool,
    Option("--addresses", help="Asks addresses (s3://, https://) in a table, which may come from anybody."),
]
TABLE_OPTIONS = {
    "image_column": (ImageColumn, None),
    "label_column": (LabelColumn, None),
    "meanings": (Meanings, None),
    "addresses": (Addresses, False),
}


def table_options(command: Callable) -> Callable:
    """Adds to a command that takes DATA the options that say how a table or class folders are read; it gets
    them as `columns`, None without any.
    """
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    own = [
        p.replace(annotation=hints[p.name])
        for p in signature.parameters.values()
        if p.name != "columns" and p.kind is not p.VAR_KEYWORD
    ]
    rest = [p for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in TABLE_OPTIONS.items()
    ]

    @functools.wraps(command)
    def run(**values: Any) -> Any:
        image, label, meanings, addresses = (values.pop(name) for name in TABLE_OPTIONS)
        columns = None
        if image is not None or label is not None or meanings or addresses:
            from lentigo.datasets.columns import make_options

            columns = make_options(image, label, meanings or (), addresses=addresses)
        return command(**values, columns=columns)

    run.__signature__ = signature.replace(parameters=[*own, *added, *rest])
    run.__annotations__ = {p.name: p.annotation for p in (*own, *added, *rest)}
    return run


def load_data(data: Any, columns: Any) -> Any:
    """DATA as it was named, or the data set that it is read as where options say how."""
    if columns is None or data is None:
        return data
    from lentigo.datasets.manifests import load_dataset

    return load_dataset(data, columns)


def recipe_options(command: Callable) -> Callable:
    """Replaces `**changes` of a command by one option for each field of `Recipe`: flags and card cannot
    disagree.
    """
    from lentigo.training.recipes import Recipe

    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    kept = [
        p.replace(annotation=hints[p.name])
        for p in signature.parameters.values()
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    types = {"str": str, "int": int, "float": float, "bool": bool}
    for field in (f for f in dataclasses.fields(Recipe) if f.name != "name"):
        flag = f"--{field.name.replace('_', '-')}"
        option = Option(
            f"{flag}/--no-{flag[2:]}" if field.type == "bool" else flag,
            help=f"{field.metadata['help']}; best: {field.default}",
            show_default=False,
        )
        kept.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[types[field.type] | None, option],
            )
        )
    command.__signature__ = signature.replace(parameters=kept)
    command.__annotations__ = {p.name: p.annotation for p in kept}
    return command
