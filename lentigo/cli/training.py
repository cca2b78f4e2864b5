"""`lentigo train`: a classifier, an ensemble of folds, or a mask decoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    refuse_beside,
    table_options,
)
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.terminal import (
    mute_stderr,
    mute_tensorflow,
    print_json,
    print_message,
    report_problems,
)
from lentigo.cli.output.trainings import describe_training, print_mask_training, print_training

if TYPE_CHECKING:
    from lentigo.datasets.dataset import Dataset
    from lentigo.datasets.masks import MaskSet
    from lentigo.datasets.tables.options import TableOptions
    from lentigo.training.masks.mask_training import MaskTraining
    from lentigo.training.recipes import Recipe as TrainingRecipe
    from lentigo.training.trainer import Training
    from lentigo.training.training_set import LeakPolicy

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
    columns: TableOptions | None = None,
    **changes: Any,
) -> None:
    """Trains a classifier, with --masks what outlines lesions; nothing is learned or chosen on the test
    split.
    """
    with mute_stderr():  # TensorFlow greets whoever imports it
        from lentigo.training.loop.devices import use_devices
        from lentigo.training.start.weights import take_backbone
        from lentigo.training.training_set import LeakPolicy
    changes = take_backbone(recipe, weights, changes)
    common = CommonOptions(out, weights, resume, fp32, LeakPolicy(duplicates, leaks))
    own = ClassifierOptions(holdout_source or [], not_lesions, callback or [])
    if folds is not None:
        refuse_beside("--folds", {"--masks": masks, **own.list_given()})
    if masks:
        refuse_beside("--masks", {"--devices": devices != "1", "--bf16": bf16, **own.list_given()})
        decoder = train_decoder(load_mask_pairs(data, columns), recipe, changes, common)
        return print_mask_training(decoder, out, as_json)
    dataset = load_data(data, columns)
    with Bars() as bars, use_devices(devices, bf16=bf16):
        if folds is not None:
            training = train_ensemble(dataset, choose_head_recipe(recipe, changes), folds, common, bars)
        else:
            training = train_one(dataset, recipe, changes, common, own, bars)
    if as_json:
        print_json(describe_training(training, out))
    else:
        print_training(training, out)
    report_problems(training.problems)


@dataclass(frozen=True)
class CommonOptions:
    """What a classifier, an ensemble and a decoder are trained with alike.

    Attributes:
        out: The RUN folder.
        weights: What the training starts from.
        resume: Whether an unfinished RUN goes on.
        fp32: Whether features are computed in fp32.
        leak_policy: What is done where a given split leaks.
    """

    out: Path
    weights: str
    resume: bool
    fp32: bool
    leak_policy: LeakPolicy


@dataclass(frozen=True)
class ClassifierOptions:
    """What a single classifier is trained with, and neither an ensemble nor a decoder.

    Attributes:
        holdout_sources: Sources that it learns without.
        not_lesions: A folder of pictures of other things.
        callbacks: Names of experiment trackers.
    """

    holdout_sources: list[str]
    not_lesions: Path | None
    callbacks: list[str]

    def list_given(self) -> dict[str, bool]:
        """Whether each option was given, by its flag."""
        return {
            "--holdout-source": bool(self.holdout_sources),
            "--not-lesions": self.not_lesions is not None,
            "--callback": bool(self.callbacks),
        }


def train_one(
    dataset: Path | Dataset,
    recipe: str,
    changes: dict[str, Any],
    common: CommonOptions,
    own: ClassifierOptions,
    bars: Bars,
) -> Training:
    """`lentigo train` without `--folds` and `--masks`."""
    from lentigo.training.recipe_lookup import find_recipe
    from lentigo.training.trainer import train as train_classifier

    return train_classifier(
        dataset,
        common.out,
        find_recipe(recipe, **changes),
        weights=common.weights,
        resume=common.resume,
        fp32=common.fp32,
        leak_policy=common.leak_policy,
        holdout_sources=own.holdout_sources,
        not_lesions=own.not_lesions,
        callbacks=own.callbacks,
        progress=bars,
    )


def train_decoder(
    pairs: Path | MaskSet, recipe: str, changes: dict[str, Any], common: CommonOptions
) -> MaskTraining:
    """`lentigo train --masks`.

    Args:
        pairs: Photographs and their masks.
        recipe: Its name or file.
        changes: Of the recipe; None leaves a field as it is.
        common: Where, from what, and how.
    """
    from lentigo.training.masks.mask_training import train_masks
    from lentigo.training.recipe_lookup import find_recipe

    with Bars() as bars:
        return train_masks(
            pairs,
            common.out,
            find_recipe(recipe, **changes),
            weights=common.weights,
            # Only where it is asked for: a decoder is learned on the features of a frozen backbone
            finetune=bool(changes.get("finetune")),
            resume=common.resume,
            fp32=common.fp32,
            leak_policy=common.leak_policy,
            progress=bars,
        )


def train_ensemble(
    dataset: Path | Dataset, recipe: TrainingRecipe, folds: int, common: CommonOptions, bars: Bars
) -> Training:
    """`lentigo train --folds`."""
    from lentigo.training.selection.ensemble import train_folds

    return train_folds(
        dataset,
        common.out,
        recipe,
        folds=folds,
        weights=common.weights,
        resume=common.resume,
        fp32=common.fp32,
        leak_policy=common.leak_policy,
        progress=bars,
    )


def choose_head_recipe(recipe: str, changes: dict[str, Any]) -> TrainingRecipe:
    """The recipe of `--folds`; says so where it leaves something of the named one out.

    Args:
        recipe: Its name or file.
        changes: Of the recipe; None leaves a field as it is.
    """
    from lentigo.training.recipe_lookup import find_head_recipe, find_recipe

    mute_tensorflow()
    # Folds train heads on cached features alone
    if find_recipe(recipe).finetune and not changes.get("finetune"):
        print_message(f"--folds: the backbone stays frozen; of recipe {recipe} the head's part is trained")
    return find_head_recipe(recipe, **changes)
