"""Views whose lesion is painted over: skin alone has no class."""

from dataclasses import replace

import numpy as np
import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.mask_reading import read_mask
from lentigo.datasets.masks import load_masks
from lentigo.images.photographs import read_image
from lentigo.training.masks.mask_stages import load_pairs
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.views.lesion_removal import draw_removal, remove_lesion
from lentigo.training.views.view_batches import load_views

SIDE = 128
ALWAYS = 0.9  # the highest probability that a recipe takes


@pytest.fixture(scope="module")
def lesions(synthetic_lesions):
    return load_dataset(synthetic_lesions)


def test_where_the_lesion_was_the_skin_around_it_is(lesions):
    image = read_image(lesions.table["image"][0], SIDE).pixels
    mask = read_mask(lesions.table["mask"][0], SIDE)
    removed = remove_lesion(image, mask)
    skin = np.median(image[mask == 0], axis=0)
    before, after = (np.abs(np.median(each[mask == 1], axis=0) - skin).max() for each in (image, removed))
    assert removed.dtype == np.uint8 and before > 30 and after < 12
    far = np.ones_like(mask, bool)
    far[SIDE // 8 : -SIDE // 8, SIDE // 8 : -SIDE // 8] = False
    assert np.abs(removed.astype(int) - image)[far].max() <= 1


def test_skin_alone_has_neither_class_nor_diagnosis_nor_outline(lesions):
    named = replace(lesions, table=lesions.table.assign(diagnosis="nevus"))
    recipe = find_recipe("best", lesion_removal=ALWAYS, outline_weight=0.5, diagnosis="diagnosis")
    rows = np.arange(len(named))
    labels = load_views(named, recipe, 0, rows, np.ones(len(rows), np.float32), SIDE, 8)[1]
    gone = labels[:, 0] == 0.5
    assert 0.6 < gone.mean() < 1
    assert (labels[gone, 1:] == 0).all()
    assert (labels[~gone, 1:8].sum(axis=1) == 1).all() and (labels[~gone, 8:].sum(axis=1) > 0).all()


def test_without_a_mask_a_photograph_keeps_lesion_and_class(lesions):
    bare = replace(lesions, table=lesions.table.assign(mask=[None] * len(lesions)))
    rows = np.arange(8)
    seen = []
    for probability in (0.0, ALWAYS):
        recipe = find_recipe("best", lesion_removal=probability)
        seen.append(load_views(bare, recipe, 0, rows, np.ones(8, np.float32), SIDE))
    for plain, asked in zip(*seen, strict=True):
        assert np.array_equal(plain, asked)


def test_a_decoder_learns_that_skin_alone_has_no_outline(synthetic_lesions):
    masks = load_masks(synthetic_lesions)
    recipe = find_recipe("best", lesion_removal=ALWAYS)
    drawn = load_pairs(masks, recipe, 0, np.arange(len(masks)))[1]
    assert 0.6 < (drawn.max(axis=(1, 2)) == 0).mean() < 1


@pytest.mark.parametrize("mask", [np.zeros((8, 8), np.uint8), np.ones((8, 8), np.uint8)])
def test_nothing_is_removed_without_a_lesion_or_without_skin(mask):
    assert not draw_removal(mask, 1.0, np.random.default_rng(0))


def test_nothing_is_drawn_where_nothing_can_be_removed():
    """So that a recipe without removal sees the views that it saw before there was any."""
    used, unused = np.random.default_rng(0), np.random.default_rng(0)
    mask = np.zeros((8, 8), np.uint8)
    mask[3:5, 3:5] = 1
    draw_removal(mask, 0.0, used)
    assert used.random() == unused.random()
