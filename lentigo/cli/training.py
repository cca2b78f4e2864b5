"""`lentigo train`: a classifier, an ensemble of folds, or a mask decoder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from lentigo.cli.options import (
    Callbacks,
    Duplicates,
    Fp32,
    Json,
    Leaks,
    Recipe,
    Weights,
    load_data,
    load_mask_pairs,
    recipe_options,
    table_options,
)
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.evaluations import (
    print_mask_scores,
    print_scores,
    print_start,
    print_training_set,
)
from lentigo.cli.output.terminal import (
    mute_stderr,
    mute_tensorflow,
    print_json,
    print_message,
    report_problems,
)
from lentigo.errors import UsageError

training_app = typer.Typer(rich_markup_mode=None)


@training_app.command(epilog="Example: lentigo train photos/ --out runs/first --recipe seed")
@recipe_options
@table_options
def train(
    data: Annotated[Path, Argument(help="Class folders, split folders, a manifest or an archive folder.")],
    out: Annotated[
        Path, Option("--out", help="The RUN folder to be made; with --masks also a finished one.")
    ],
    recipe: Recipe = "best",
    folds: Annotated[
        int | None,
        Option(
            "--folds",
            help="A head for each fold of the training photographs on the frozen backbone, all in one RUN; "
            "validation is in no fold.",
        ),
    ] = None,
    weights: Weights = "imagenet",
    masks: Annotated[
        bool,
        Option(
            "--masks",
            help="DATA is a manifest of photographs and masks (image,mask): trains a decoder, for a "
            "finished RUN too.",
        ),
    ] = False,
    unfreeze: Annotated[
        bool, Option("--finetune", help="With --masks and without labels: trains the backbone too.")
    ] = False,
    holdout_source: Annotated[
        list[str] | None,
        Option(
            "--holdout-source",
            help="Trains without a source, its duplicates, lesions and patients, and measures on it; may be "
            "repeated.",
        ),
    ] = None,
    not_lesions: Annotated[
        Path | None,
        Option("--not-lesions", help="Folder of pictures of other things, which the RUN is to refuse."),
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with an unfinished RUN.")] = False,
    devices: Annotated[
        str,
        Option(
            "--devices",
            help="A number of GPUs that share out each batch, or all; needs Keras on JAX "
            "(KERAS_BACKEND=jax).",
        ),
    ] = "1",
    bf16: Annotated[
        bool, Option("--bf16", help="Compute in bfloat16, with weights in float32 (mixed_bfloat16).")
    ] = False,
    fp32: Fp32 = False,
    duplicates: Duplicates = True,
    leaks: Leaks = "refuse",
    callback: Callbacks = None,
    as_json: Json = False,
    columns: Any = None,
    **changes: Any,
) -> None:
    """Trains a classifier, with --masks what outlines lesions; nothing is learned or chosen on the test
    split.
    """
    from lentigo.training.recipes import find_recipe

    if unfreeze and not masks:
        raise UsageError(
            "--finetune goes with --masks; the recipe says whether a classifier's backbone learns: --finetune"
        )
    with mute_stderr():  # TensorFlow greets whoever imports it
        from lentigo.training.loop.devices import use_devices
        from lentigo.training.trainer import train as train_classifier
        from lentigo.training.training_set import LeakPolicy
        from lentigo.training.weights import take_backbone
    changes = take_backbone(recipe, weights, changes)
    if folds is not None and masks:
        raise UsageError(
            "--folds and --masks: expected one of them; train the RUN with --folds first, then add a "
            "decoder with --masks"
        )
    options: dict[str, Any] = {
        "weights": weights,
        "resume": resume,
        "fp32": fp32,
        "leak_policy": LeakPolicy(duplicates, leaks),
    }
    if callback and (masks or folds is not None):
        raise UsageError(
            "--callback watches the training of one classifier; leave it out with --masks and --folds"
        )
    if masks:
        if devices != "1" or bf16:
            raise UsageError(
                "--devices and --bf16 are for classifiers; a decoder is trained on one device, in float32: "
                "leave them out with --masks"
            )
        options["finetune"] = unfreeze
        pairs = load_mask_pairs(data, columns)
        return train_mask_decoder(pairs, out, find_recipe(recipe, **changes), options, as_json)
    if folds is not None and (holdout_source or not_lesions):
        raise UsageError(
            "--folds goes with neither --holdout-source nor --not-lesions; leave one of them out"
        )
    dataset = load_data(data, columns)
    with Bars() as bars, use_devices(devices, bf16=bf16):
        options["progress"] = bars
        if folds is not None:
            training = train_folds(dataset, out, recipe, folds, changes, options)
        else:
            options["holdout_sources"] = holdout_source or []
            options["not_lesions"] = not_lesions
            options["callbacks"] = callback or []
            training = train_classifier(dataset, out, find_recipe(recipe, **changes), **options)
    if as_json:
        print_json(describe_training(training, out))
    else:
        print_training(training, out)
    report_problems(training.problems)


def train_folds(
    data: Any, out: Path, recipe: str, folds: int, changes: dict[str, Any], options: dict[str, Any]
) -> Any:
    """`lentigo train --folds`: the training; `changes` are those of the recipe, `options` those of
    `lentigo.training.selection.ensemble.train_folds`.

    Args:
        data: The photographs.
        out: The RUN to be made.
        recipe: Its name or file.
        folds: How many heads.
        changes: Of the recipe.
        options: Of `lentigo.training.selection.ensemble.train_folds`.
    """
    from lentigo.training.recipes import find_head_recipe, find_recipe
    from lentigo.training.selection.ensemble import train_folds as train_ensemble

    mute_tensorflow()
    if find_recipe(recipe).finetune and not changes.get("finetune"):
        print_message(f"--folds: the backbone stays frozen; of recipe {recipe} the head's part is trained")
    return train_ensemble(data, out, find_head_recipe(recipe, **changes), folds=folds, **options)


def describe_training(training: Any, out: Path) -> dict[str, Any]:
    """A training for machines.

    Args:
        training: What `train` gave.
        out: The RUN.
    """
    holdout_scores = {}
    for source, assessment in training.holdouts.items():
        holdout_scores[source] = assessment.to_json()
    return {
        "run": str(out),
        "validation": training.validation.to_json(),
        "holdouts": holdout_scores,
        "seconds": training.seconds,
        "start": training.bundle.card.get("start"),
        **training.training_set.describe(),
        "problems": [dataclasses.asdict(problem) for problem in training.problems],
    }


def print_training(training: Any, out: Path) -> None:
    """A training for people."""
    print_scores(f"{out}, validation", training.validation.to_json())
    for source, assessment in training.holdouts.items():
        print_scores(f"{out}, {source}, which it was trained without", assessment.to_json())
    print_training_set(training.training_set.describe())
    print_start(training.bundle.card.get("start"))
    print_message(f"{training.seconds:.0f} s; report: {out / 'report.html'}; figures: {out / 'figures'}")


def train_mask_decoder(data: Any, out: Path, recipe: Any, options: dict[str, Any], as_json: bool) -> None:
    """`lentigo train --masks`: a decoder, and before it a classifier where the manifest has labels and the
    RUN is new; `options` are those of `train_masks`.
    """
    with mute_stderr():  # TensorFlow greets whoever imports it
        from lentigo.training.masks.mask_training import train_masks

    with Bars() as bars:
        training = train_masks(data, out, recipe, **options, progress=bars)
    mask_scores = training.validation.to_json()
    class_scores = None
    if training.classifier is not None:
        class_scores = training.classifier.validation.to_json()
    if as_json:
        print_json(
            {
                "run": str(out),
                "masks": mask_scores,
                "validation": class_scores,
                "seconds": training.seconds,
                "problems": [dataclasses.asdict(problem) for problem in training.problems],
            }
        )
    else:
        if class_scores is not None:
            print_scores(f"{out}, validation", class_scores)
        print_mask_scores(f"{out}, validation", mask_scores)
        print_message(f"{training.seconds:.0f} s; figure: {out / 'figures' / 'history_masks.png'}")
    report_problems(training.problems)
