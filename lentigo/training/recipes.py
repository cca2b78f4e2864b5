"""Recipes: every number that decides a training run, in one flat table.

The defaults of `Recipe` are our best run; LOG.md tells how each was found. `SEED` is the recipe that started it all.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from lentigo.errors import UsageError


def number(default, text: str, low: float = 0.0, high: float = float("inf")):
    """A field with its explanation and its range, ends included."""
    return field(default=default, metadata={"help": text, "low": low, "high": high})


def switch(default: bool, text: str):
    """A field that is on or off."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Recipe:
    """What decides a training run. Rates are per step, ranges of augmentation as in `Augmentation`.

    >>> SEED.epochs, SEED.finetune
    (150, False)
    """

    name: str = field(default="best", metadata={"help": "best or seed"})
    backbone: str = field(default="densenet121", metadata={"help": "a name of the backbone table"})
    epochs: int = number(24, "epochs of the last stage", 1)
    small_epochs: int = number(0, "epochs of the whole network on smaller views, before those of full size", 0)
    small_side: int = number(128, "pixels along the side of those smaller views", 32, 224)
    still_share: float = number(0.0, "share of the network's layers, from the photograph on, that stay still while the others are fine-tuned", 0, 0.9)
    batch_size: int = number(32, "photographs a step", 2)
    validation_split: float = number(0.2, "share of the training photographs kept for validation", 0.01, 0.9)
    seed: int = number(0, "decides split, head, dropout, order and views", 0, 2**31)
    finetune: bool = switch(True, "train the backbone too, after the head")
    head_epochs: int = number(100, "epochs of the head alone, at most, before the backbone learns", 0)
    head_learning_rate: float = number(1e-3, "Adam's rate while only the head learns")
    learning_rate: float = number(1e-4, "highest rate while the backbone learns")
    warmup_epochs: float = number(1.0, "epochs of linear warm-up; a cosine to zero follows")
    weight_decay: float = number(0.0, "decoupled weight decay (AdamW)")
    average: float = number(0.99, "momentum of the moving average of the weights; 0: none", 0, 0.99999)
    label_smoothing: float = number(0.0, "share of the label given to the other class", 0, 0.5)
    operating_point: str = field(default="sensitivity=0.95", metadata={"help": "rule of the threshold, on validation: sensitivity=0.95, specificity=0.9, youden, cost=FN:FP or a probability"})
    risk: float = number(0.1, "answers whose conformal set holds both classes at this risk are uncertain; 0: none", 0, 0.5)
    mask_epochs: int = number(60, "epochs of the decoder", 1)
    mask_learning_rate: float = number(2e-3, "highest rate while the decoder learns")
    mask_width: int = number(0, "channels of the decoder; 0: as many as the backbone's cost allows", 0, 512)
    class_weights: bool = switch(False, "weigh the classes by their rarity")
    patience: int = number(8, "epochs without a better validation AUROC before stopping; 0: never stop", 0)
    dropout_1: float = number(0.8, "dropout after the head's first layer", 0, 0.99)
    dropout_2: float = number(0.5, "dropout after the head's second layer", 0, 0.99)
    mixup: float = number(0.0, "views: blended in pairs, labels too, by shares from Beta(a, a); 0: none", 0, 10)
    rotation: float = number(180.0, "views: degrees to either side", 0, 180)
    flip: bool = switch(True, "views: mirrored half of the time")
    zoom: float = number(0.2, "views: logarithm of the scale", 0, 2)
    stretch: float = number(0.1, "views: logarithm of the stretch along an axis", 0, 1)
    shift: float = number(0.08, "views: share of the side", 0, 0.5)
    brightness: float = number(0.2, "views: logarithm of the gain", 0, 2)
    contrast: float = number(0.2, "views: logarithm of the gain about mid-grey", 0, 2)
    saturation: float = number(0.2, "views: logarithm of the gain about grey", 0, 2)
    tint: float = number(0.06, "views: logarithm of each channel's gain", 0, 1)
    degradation: float = number(0.0, "views: probability of each of blur, noise and JPEG compression", 0, 1)
    artefacts: float = number(0.0, "views: probability of each of hairs, a ruler, ink and dark corners", 0, 1)
    amelanosis: float = number(0.0, "views with masks: probability that the lesion loses its pigment", 0, 1)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            check_range(item, getattr(self, item.name))


def check_range(item: dataclasses.Field, value: object) -> None:
    """Raises `UsageError` for a number outside its field's range."""
    low, high = item.metadata.get("low"), item.metadata.get("high")
    if low is not None and not low <= value <= high:  # NaN fails too
        raise UsageError(f"{item.name.replace('_', '-')} is {value}; expected {low:g} to {high:g}")


SEED = Recipe(name="seed", epochs=150, finetune=False, head_epochs=0, average=0.0, patience=0, operating_point="0.5")
BEST = Recipe()
RECIPES = {recipe.name: recipe for recipe in (BEST, SEED)}


def find_recipe(name: str, **changes: object) -> Recipe:
    """A recipe by name, with changes; a change that is None is none.

    Raises `UsageError` for an unknown name or a number out of range.
    """
    if name not in RECIPES:
        raise UsageError(f"recipe {name!r} is unknown; expected {' or '.join(RECIPES)}")
    return dataclasses.replace(RECIPES[name], **{key: value for key, value in changes.items() if value is not None})
