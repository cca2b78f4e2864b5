"""Options that several commands share, those of tables, and those that the recipe makes."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from typer import Argument, Option

from lentigo.errors import UsageError

if TYPE_CHECKING:
    from lentigo.datasets.dataset import Dataset
    from lentigo.datasets.masks import MaskSet
    from lentigo.datasets.tables.options import TableOptions

# What a command works on
Images = Annotated[list[str], Argument(help="Photographs, folders, or '-' for paths on standard input.")]
Run = Annotated[str, Argument(help="A RUN folder, or 'bundled'.")]
Model = Annotated[str, Option("--model", help="A RUN folder, or 'bundled'.")]

# How it answers
Json = Annotated[bool, Option("--json", help="Machine output on stdout.")]

# How it computes
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

# How it decides
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

# What it trains: shared by train, compare and tune
Duplicates = Annotated[
    bool,
    Option(
        "--duplicates/--no-duplicates",
        help="Looks for photographs that show the same picture; --no-duplicates goes by ids alone.",
    ),
]
Folds = Annotated[
    int,
    Option(
        "--folds",
        help="Parts of the photographs, each held out once; patients, lesions and duplicates stay together.",
    ),
]
BaseRecipe = Annotated[
    str, Option("--recipe", help="best, seed or a JSON file; the backbone stays frozen without --finetune.")
]

Callbacks = Annotated[
    list[str] | None,
    Option(
        "--callback",
        help="Tells an experiment tracker of each epoch, through its callback for Keras: tensorboard, "
        "mlflow or wandb, where that is installed; may be repeated.",
    ),
]
Leaks = Annotated[
    str,
    Option(
        "--leaks",
        help="What to do where a given split leaks: refuse; drop (leaves out what belongs with "
        "photographs of a later split); allow (marks the RUN).",
    ),
]
Weights = Annotated[
    str, Option("--weights", help="Of the backbone: imagenet, none, bundled, a RUN or a file.")
]
Recipe = Annotated[str, Option("--recipe", help="best, seed, or a JSON file such as `lentigo tune` writes.")]

# How a table or class folders are read
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
TABLE_OPTIONS = {  # by parameter: its annotation and its default
    "image_column": (ImageColumn, None),
    "label_column": (LabelColumn, None),
    "meanings": (Meanings, None),
    "addresses": (Addresses, False),
}
FIELD_TYPES: dict[Any, type] = {"str": str, "int": int, "float": float, "bool": bool}  # of `Recipe`


def table_options(command: Callable) -> Callable:
    """Adds to a command the options that say how a table or class folders are read.

    Args:
        command: A command with the parameter `columns`, which gets a `TableOptions`, or None where none of
            these options was given.

    Returns:
        The command with the options in place of `columns`.
    """

    @functools.wraps(command)  # its name and help stay
    def run(**values: Any) -> Any:
        given = {name: values.pop(name) for name in TABLE_OPTIONS}
        return command(**values, columns=make_columns(**given))

    own, changes = split_parameters(command)
    shown = [parameter for parameter in own if parameter.name != "columns"]
    for name, (annotation, default) in TABLE_OPTIONS.items():
        shown.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation))
    return replace_parameters(run, [*shown, *changes])


def make_columns(
    image_column: str | None, label_column: str | None, meanings: list[str] | None, addresses: bool
) -> Any:
    """A `TableOptions` of the options that were given; None where none was."""
    if image_column is None and label_column is None and not meanings and not addresses:
        return None
    from lentigo.datasets.tables.options import make_options

    return make_options(image_column, label_column, meanings or (), addresses=addresses)


def recipe_options(command: Callable) -> Callable:
    """Replaces `**changes` of a command by one option for each field of `Recipe`: flags and card cannot
    disagree.

    Args:
        command: A command with the parameter `**changes`, which gets the value of each field, or None.

    Returns:
        The same command, with the options.
    """
    from lentigo.training import recipes

    own, _ = split_parameters(command)
    added = []
    for field in dataclasses.fields(recipes.Recipe):
        if field.name != "name":
            added.append(make_recipe_option(field))
    return replace_parameters(command, [*own, *added])


def make_recipe_option(field: dataclasses.Field) -> Parameter:
    """The parameter for a field of `Recipe`; None means that the recipe's own value stays."""
    help_text = f"{field.metadata['help']}; best: {field.default}"
    option = Option(name_flag(field), help=help_text, show_default=False)
    value_type: Any = FIELD_TYPES[field.type]
    annotation = Annotated[value_type | None, option]
    return Parameter(field.name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def name_flag(field: dataclasses.Field) -> str:
    """The flag of a field of `Recipe`: `head_epochs` is --head-epochs; a switch has one for each value."""
    name = field.name.replace("_", "-")
    return f"--{name}/--no-{name}" if field.type == "bool" else f"--{name}"


def split_parameters(command: Callable) -> tuple[list[Parameter], list[Parameter]]:
    """The named parameters of a command with their annotations resolved, and its `**changes`."""
    # `columns` is no option; what it is would be slow to import
    hints = get_type_hints(command, localns={"TableOptions": object}, include_extras=True)
    named = []
    changes = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.kind is Parameter.VAR_KEYWORD:
            changes.append(parameter)
        else:
            named.append(parameter.replace(annotation=hints[parameter.name]))
    return named, changes


def replace_parameters(command: Any, parameters: list[Parameter]) -> Any:
    """The same command, which shows these parameters to whoever inspects it, as Typer does."""
    command.__signature__ = inspect.signature(command).replace(parameters=parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def refuse_beside(option: str, others: dict[str, bool]) -> None:
    """Refuses a call whose options do not go together.

    Args:
        option: The option that was given, such as "--masks".
        others: Options that have no meaning beside it, by whether they were given.

    Raises:
        UsageError: One of them was given.
    """
    given = [name for name, is_given in others.items() if is_given]
    if given:
        raise UsageError(f"{option} does not go with {', '.join(given)}; leave one of them out")


def load_data(data: Path, columns: TableOptions | None) -> Path | Dataset:
    """Reads a data set where options say how.

    Args:
        data: DATA as it was named.
        columns: What the options say; None where none was given.

    Returns:
        The `Dataset` where `columns` is given, else `data` itself.

    Raises:
        DataError: It cannot be read.
    """
    if columns is None:
        return data
    from lentigo.datasets.manifests import load_dataset

    return load_dataset(data, columns)


def load_mask_pairs(data: Path, columns: TableOptions | None) -> Path | MaskSet:
    """Reads a manifest of photographs and masks where options say how.

    Args:
        data: The manifest as it was named.
        columns: What the options say; None where none was given.

    Returns:
        The `MaskSet` where `columns` is given, else `data` itself.

    Raises:
        DataError: It cannot be read.
    """
    if columns is None:
        return data
    from lentigo.datasets.masks import list_masks

    return list_masks(data, columns)
