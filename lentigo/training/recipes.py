"""Recipes: every number that decides a training run, in one flat table.

The defaults of `Recipe` are our best run; LOG.md tells how each was found. `SEED` is the recipe that started
it all.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from lentigo.errors import UsageError
from lentigo.training.recipe_fields import Search, check_range, number, search_views, switch


@dataclass(frozen=True)
class Recipe:
    """What decides a training run. Rates are per step, ranges of augmentation as in `Augmentation`.

    >>> SEED.epochs, SEED.finetune
    (150, False)
    """

    name: str = field(default="best", metadata={"help": "best, seed, or a word of your own"})
    backbone: str = field(default="densenet121", metadata={"help": "a name of the backbone table"})
    input_size: int = number(
        224,
        "pixels along the side at which the backbone sees a photograph, a multiple of 32; below 224 the "
        "network shrinks it first",
        64,
        224,
    )
    epochs: int = number(24, "epochs of the last stage; 0: smaller views are the last", 0)
    lowres_epochs: int = number(
        0, "epochs of the whole network on smaller views, before those of full size", 0
    )
    lowres_size: int = number(128, "pixels along the side of those smaller views", 32, 224)
    freeze: float = number(
        0.0,
        "share of the network's layers, from the photograph on, that stay frozen while the others are "
        "fine-tuned",
        0,
        0.9,
    )
    batch_size: int = number(32, "photographs a step", 2, search=Search(choices=(16, 32, 64, 128)))
    validation_split: float = number(0.2, "share of the training photographs kept for validation", 0.01, 0.9)
    seed: int = number(0, "decides split, head, dropout, order and views", 0, 2**31)
    finetune: bool = switch(True, "train the backbone too, after the head")
    head_epochs: int = number(100, "epochs of the head alone, at most, before the backbone learns", 0)
    head_learning_rate: float = number(
        1e-3, "Adam's rate while only the head learns", search=Search(1e-4, 1e-2, log=True)
    )
    learning_rate: float = number(
        1e-4, "highest rate while the backbone learns", search=Search(1e-5, 1e-3, log=True, whole=True)
    )
    lowres_learning_rate: float = number(0.0, "highest rate on smaller views; 0: as at full size", 0)
    views: int = number(
        0, "views an epoch while the backbone learns; 0: as many as there are training photographs", 0
    )
    warmup_epochs: float = number(
        1.0, "epochs of linear warm-up; a cosine to zero follows", search=search_views(4.0)
    )
    weight_decay: float = number(
        0.0, "decoupled weight decay (AdamW)", search=Search(choices=(0.0, 1e-4, 1e-3, 1e-2, 1e-1))
    )
    ema: float = number(
        0.99,
        "momentum of the moving average of the weights; 0: none",
        0,
        0.99999,
        Search(choices=(0.0, 0.9, 0.99, 0.999), whole=True),
    )
    label_smoothing: float = number(
        0.0, "share of the label given to the other class", 0, 0.5, Search(0.0, 0.3)
    )
    operating_point: str = field(
        default="sensitivity=0.95",
        metadata={
            "help": "rule of the threshold, on validation: sensitivity=0.95, specificity=0.9, youden, "
            "cost=FN:FP or a probability"
        },
    )
    alpha: float = number(
        0.1,
        "predictions are uncertain unless their conformal set at this alpha is exactly the label; 0: none",
        0,
        0.5,
    )
    tta: bool = switch(
        True, "calibrate the mean over four mirrored views, too, so that `predict --tta` can be used"
    )
    mask_epochs: int = number(60, "epochs of the decoder", 1)
    mask_learning_rate: float = number(2e-3, "highest rate while the decoder learns")
    mask_width: int = number(0, "channels of the decoder; 0: as many as the backbone's cost allows", 0, 512)
    head: str = field(
        default="hidden",
        metadata={
            "help": "hidden: two layers of 1024 and 512 before the logit; linear: none",
            "choices": ("hidden", "linear"),
        },
    )
    refit_head: bool = switch(
        False,
        "fit a linear head anew once the backbone has learned: each class of a source has the same say",
    )
    balance: str = field(
        default="none",
        metadata={
            "help": "source: batches balanced by source, and by class inside each source; diagnosis: rare "
            "diagnoses of a class more often, too; none: each photograph once an epoch",
            "choices": ("none", "source", "diagnosis"),
        },
    )
    diagnosis: str = field(
        default="",
        metadata={"help": "column of the diagnosis, which a second head learns; none without a name"},
    )
    diagnosis_weight: float = number(
        0.4, "weight of the diagnosis' cross-entropy beside that of the class", 0, 10
    )
    clip_norm: float = number(0.0, "largest norm of all gradients together; 0: any", 0)
    class_weights: bool = switch(False, "weigh the classes by their rarity", Search(choices=(False, True)))
    patience: int = number(8, "epochs without a better validation AUROC before stopping; 0: never stop", 0)
    dropout_1: float = number(0.8, "dropout after the head's first layer", 0, 0.99, Search(0.0, 0.95))
    dropout_2: float = number(0.5, "dropout after the head's second layer", 0, 0.99, Search(0.0, 0.95))
    mixup: float = number(
        0.0,
        "views: blended in pairs, labels too, by shares from Beta(a, a); 0: none",
        0,
        10,
        search_views(0.4),
    )
    rotation: float = number(180.0, "views: degrees to either side", 0, 180, search_views(180.0))
    flip: bool = switch(True, "views: mirrored half of the time", Search(choices=(False, True), whole=True))
    zoom: float = number(0.2, "views: logarithm of the scale", 0, 2, search_views(0.5))
    stretch: float = number(0.1, "views: logarithm of the stretch along an axis", 0, 1, search_views(0.3))
    shift: float = number(0.08, "views: share of the side", 0, 0.5, search_views(0.2))
    brightness: float = number(0.2, "views: logarithm of the gain", 0, 2, search_views(0.5))
    contrast: float = number(0.2, "views: logarithm of the gain about mid-grey", 0, 2, search_views(0.5))
    saturation: float = number(0.2, "views: logarithm of the gain about grey", 0, 2, search_views(0.5))
    tint: float = number(0.06, "views: logarithm of each channel's gain", 0, 1, search_views(0.2))
    corruption: float = number(
        0.0, "views: probability of each of blur, noise and JPEG compression", 0, 1, search_views(0.5)
    )
    resampling: float = number(
        0.0,
        "views: probability of being shrunk, to a quarter at least, and enlarged again",
        0,
        1,
        search_views(0.5),
    )
    artefacts: float = number(
        0.0,
        "views: probability of each of hairs, a ruler, ink, dark corners and a coloured patch at the border",
        0,
        1,
        search_views(0.5),
    )
    background_swap: float = number(
        0.0,
        "views of photographs with masks: probability that the lesion lies on another photograph's skin",
        0,
        1,
        search_views(0.5),
    )
    lesion_removal: float = number(
        0.0,
        "views of photographs with masks: probability that the lesion is painted over; skin alone has no "
        "class, its label is 0.5",
        0,
        0.9,
        search_views(0.3),
    )
    outline_weight: float = number(
        0.0,
        "photographs with masks: weight of the outline's loss, which the backbone learns beside the class; 0: "
        "it learns none",
        0,
        10,
    )
    amelanosis: float = number(0.0, "views with masks: probability that the lesion loses its pigment", 0, 1)
    mosaic: float = number(
        0.0, "views with masks: probability that four are shown as one, each at half its size", 0, 1
    )

    @property
    def uses_masks(self) -> bool:
        """Whether the classifier learns with the masks of photographs."""
        return max(self.background_swap, self.lesion_removal, self.outline_weight) > 0

    @property
    def units(self) -> tuple[int, ...]:
        """The sizes of the head's hidden layers."""
        return (1024, 512) if self.head == "hidden" else ()

    def __post_init__(self) -> None:
        for recipe_field in dataclasses.fields(self):
            check_range(recipe_field, getattr(self, recipe_field.name))
        if self.input_size % 32:
            raise UsageError(f"input-size is {self.input_size}; expected a multiple of 32")
        # No epoch at full size is fine only where the smaller views are the last stage
        if self.epochs == 0 and not (self.finetune and self.lowres_epochs):
            raise UsageError("epochs is 0; expected 1 at least, or lowres-epochs of the whole network")


SEED = Recipe(
    name="seed",
    epochs=150,
    finetune=False,
    head_epochs=0,
    ema=0.0,
    patience=0,
    operating_point="0.5",
    tta=False,
)
BEST = Recipe()
RECIPES = {recipe.name: recipe for recipe in (BEST, SEED)}
FIELDS = {recipe_field.name: recipe_field for recipe_field in dataclasses.fields(Recipe)}
