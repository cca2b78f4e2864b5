"""A batch of random views with what is to be learned of them."""

from __future__ import annotations

import cv2
import numpy as np

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.images.photographs import SIDE
from lentigo.training.recipes import Recipe
from lentigo.training.views.augmentation import augment_image, augment_pair, find_augmentation, view_generator
from lentigo.training.views.background_swap import plan_swap
from lentigo.training.views.lesion_removal import draw_removal, forget_class, remove_lesion
from lentigo.training.views.mixing import Mixed, mix_views

NO_MASK = -1.0  # in place of each pixel of a mask that a photograph has not


def load_views(
    dataset: Dataset,
    recipe: Recipe,
    epoch: int,
    rows: np.ndarray,
    weights: np.ndarray,
    side: int = SIDE,
    outline_side: int = SIDE,
) -> Mixed:
    """Loads random views of some photographs.

    Args:
        dataset: The training photographs.
        recipe: Says how views are drawn and mixed, and what is learned of them.
        epoch: From 0; each epoch has views of its own.
        rows: Which photographs, int (n,).
        weights: What each of them weighs before views are mixed, float32 (n,).
        side: Of the views, in pixels.
        outline_side: Of the masks, in pixels, where they are learned beside the class.

    Returns:
        Views, uint8 (n, side, side, 3), labels, float32 (n, k), and weights, float32 (n,). A view without
        its lesion has the label 0.5, and no diagnosis. Where outlines
        are learned the last `outline_side * outline_side` labels are the mask of the view, `NO_MASK`
        without one.
    """
    augmentation = find_augmentation(recipe)
    swap = plan_swap(dataset, recipe.background_swap)
    labels = encode_labels(dataset, recipe, rows)
    views = []
    outlines = []
    # One generator for each view: what is drawn for one changes no other
    for place, row in enumerate(rows):
        generator = find_generator(recipe, epoch, rows, place)
        # Reading a mask takes as long as the photograph: only where something is made of it
        mask = swap.read_outline(row, side) if recipe.uses_masks else None
        image = swap.read_view(row, side, mask, generator)
        if mask is not None and draw_removal(mask, recipe.lesion_removal, generator):
            image = remove_lesion(image, mask)
            mask = np.zeros_like(mask)
            forget_class(labels[place])
        moved_mask = None
        if mask is None or not recipe.outline_weight:
            view = augment_image(image, augmentation, generator)
        else:
            view, moved_mask = augment_pair(image, mask, augmentation, generator)
        views.append(view)
        if recipe.outline_weight:
            outlines.append(flatten_outline(moved_mask, outline_side))
    batch = np.stack(views)
    if recipe.outline_weight:
        labels = np.concatenate([labels, np.stack(outlines)], axis=1)
    if not recipe.mixup:
        return batch, labels, weights
    return mix_views(batch, labels, weights, recipe.mixup, view_generator(recipe.seed, epoch, *rows))


def flatten_outline(mask: np.ndarray | None, side: int) -> np.ndarray:
    """The mask of a view at another side, row by row, float32 (side * side,); `NO_MASK` where it has none."""
    if mask is None:
        return np.full(side * side, NO_MASK, np.float32)
    return np.asarray(cv2.resize(mask, (side, side)), np.float32).ravel()


def find_generator(recipe: Recipe, epoch: int, rows: np.ndarray, place: int) -> np.random.Generator:
    """The generator of one view of a batch.

    An epoch of its own number of views may show a photograph several times: each time it is another view.

    Args:
        recipe: Says the seed, and how photographs are drawn.
        epoch: From 0.
        rows: The photographs of the batch, int (n,).
        place: Of the view in the batch, from 0.
    """
    # A photograph may be drawn twice in an epoch: its place in the batch tells the views apart
    if recipe.views or recipe.balance != "none":
        return view_generator(recipe.seed, epoch, *rows, place)
    return view_generator(recipe.seed, epoch, rows[place])


def encode_labels(dataset: Dataset, recipe: Recipe, rows: np.ndarray) -> np.ndarray:
    """Encodes class and diagnosis of some photographs.

    Args:
        dataset: The training photographs.
        recipe: Names the column of the diagnosis, if it is learned.
        rows: Which photographs, int (n,).

    Returns:
        Malignant, float32 (n, 1); with a diagnosis also that, (n, 1 + 7), all 0 where it is not known.
    """
    malignant = dataset.malignant[rows, None].astype(np.float32)
    if not recipe.diagnosis:
        return malignant
    words = dataset.table[recipe.diagnosis].to_numpy(dtype=object)[rows]
    # A photograph without a diagnosis has a row of zeros
    one_hot = words[:, None] == np.array(DIAGNOSES, dtype=object)
    return np.concatenate([malignant, one_hot.astype(np.float32)], axis=1)


def count_label_columns(recipe: Recipe) -> int:
    """Counts the columns of `encode_labels`.

    Args:
        recipe: Names the column of the diagnosis, if it is learned.
    """
    return 1 + len(DIAGNOSES) if recipe.diagnosis else 1
