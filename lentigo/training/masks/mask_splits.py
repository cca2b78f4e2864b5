"""Which pairs of photograph and mask a decoder learns from, and which choose its best epoch."""

from __future__ import annotations

import numpy as np

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.masks import MaskSet
from lentigo.errors import DataError
from lentigo.models.training_record import TrainingRecord
from lentigo.training.recipes import Recipe
from lentigo.training.validation import Start, draw_validation, find_given_validation


def keep_labelled(masks: MaskSet) -> Dataset:
    """The photographs of some pairs that have a label, for a classifier.

    Args:
        masks: The pairs.
    """
    has_label = masks.table["label"].notna()
    return Dataset(masks.name, masks.table[has_label].reset_index(drop=True), masks.problems)


def choose_validation(masks: MaskSet, recipe: Recipe, learned: TrainingRecord) -> np.ndarray:
    """The validation photographs, bool (n,): as the manifest says, else as the classifier's were where it
    has learned from them all, else drawn by groups.

    Raises `DataError` where there are too few groups to divide.

    Args:
        masks: n pairs.
        recipe: Says the share and the seed.
        learned: What the classifier has learned from.
    """
    given = find_given_validation(masks)
    if given.any() and not given.all():
        return given
    # What chose the classifier's epoch chooses the decoder's: no photograph is in both splits
    splits = Start("the classifier", learned).find_splits(masks)
    if set(splits) != {"train", "validation"}:
        splits[:] = ""  # the classifier's division says nothing, or nothing of some photographs
    if masks.n_groups < 2:
        raise DataError(
            f"{masks.name}: its photographs with masks are of one group (patient, lesion or file); expected "
            "two at least, for training and validation"
        )
    return draw_validation(masks, recipe, splits, stratified=False, min_groups=1)
