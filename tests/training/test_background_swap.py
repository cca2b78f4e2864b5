"""Lesions laid onto other photographs' skin."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.images.photographs import read_image
from lentigo.training.preparation import check_call
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.views.background_swap import keep_usable_masks, match_light, plan_swap, swap_background
from lentigo.training.views.view_batches import load_views

SIDE = 128
PALE = np.array([230, 190, 170])
TANNED = np.array([150, 110, 90])
BROWN = np.array([90, 50, 30])


def draw(skin: np.ndarray, x: int, radius: int = 22) -> tuple[np.ndarray, np.ndarray]:
    """A brown disc on skin with a little grain, and its mask."""
    mask = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (x, SIDE // 2), radius, 1, -1)
    image = np.where(mask[:, :, None] == 1, BROWN, skin) + np.random.default_rng(0).normal(
        0, 3, (SIDE, SIDE, 3)
    )
    return np.clip(image, 0, 255).astype(np.uint8), mask


@pytest.fixture
def swapped() -> np.ndarray:
    """The lesion of a pale photograph, at the left, on the skin of a tanned one, whose own lay at the
    right.
    """
    return swap_background(*draw(PALE, 40), *draw(TANNED, 90))


def test_the_skin_is_that_of_the_other_photograph(swapped):
    assert np.abs(np.median(swapped[:15], axis=(0, 1)) - TANNED).max() < 4


def test_the_lesion_is_still_there_and_the_other_one_is_gone(swapped):
    middle = SIDE // 2
    assert swapped[middle, 40].mean() < 0.7 * TANNED.mean()
    assert np.abs(swapped[middle - 8 : middle + 8, 95:105].mean(axis=(0, 1)) - TANNED).max() < 12


def test_the_lesion_takes_on_the_light_of_its_new_skin():
    image, mask = draw(PALE, 40)
    assert match_light(image, mask, draw(TANNED, 90)[0].astype(np.float32)) == pytest.approx(
        np.maximum((TANNED + 1) / (PALE + 1), 1 / 1.5), abs=0.03
    )


def test_on_its_own_skin_a_lesion_keeps_its_colours():
    image, mask = draw(PALE, 40)
    inner = cv2.erode(mask, np.ones((13, 13), np.uint8)) == 1  # away from the soft edge
    swapped = swap_background(image, mask, image, mask).astype(int)
    assert np.abs(swapped - image)[inner].mean() < 4


@pytest.mark.parametrize("share", ["none", "all"])
def test_without_lesion_or_without_skin_the_photograph_stays(share):
    image, mask = draw(PALE, 40)
    empty = np.full_like(mask, share == "all")
    assert swap_background(image, empty, *draw(TANNED, 90)) is image
    assert swap_background(image, mask, image, empty) is image


def test_a_painted_place_is_not_smoother_than_skin(swapped):
    painted = swapped[SIDE // 2 - 8 : SIDE // 2 + 8, 84:100].astype(float)
    assert painted.std(axis=(0, 1)).min() > 1


def test_only_photographs_with_masks_get_another_skin(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    without = replace(dataset, table=dataset.table.assign(mask=[None, *dataset.table["mask"][1:]]))
    swap = plan_swap(without, 1.0)
    photographs = [read_image(path, SIDE).pixels for path in without.table["image"][:2]]
    views = []
    for row in (0, 1):
        mask = swap.read_outline(row, SIDE)
        views.append(swap.read_view(row, SIDE, mask, np.random.default_rng(0)))
    assert np.array_equal(views[0], photographs[0])
    assert not np.array_equal(views[1], photographs[1])


def test_a_training_sees_lesions_on_other_skin(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    rows = np.arange(4)
    views = []
    for probability in (0.0, 1.0):
        recipe = find_recipe("best", background_swap=probability)
        views.append(load_views(dataset, recipe, 0, rows, np.ones(4, np.float32), SIDE)[0])
    assert (views[0] != views[1]).any(axis=(1, 2, 3)).all()


def test_masks_are_found_beside_the_manifest_from_any_folder(synthetic_lesions, monkeypatch, tmp_path):
    dataset = load_dataset(synthetic_lesions)
    monkeypatch.chdir(tmp_path)
    assert len(keep_usable_masks(dataset)) == len(dataset)


def test_an_empty_mask_is_listed_and_its_photograph_keeps_its_skin(synthetic_lesions, tmp_path):
    dataset = load_dataset(synthetic_lesions)
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), np.zeros((SIDE, SIDE), np.uint8))
    table = dataset.table.assign(mask=[str(empty), *dataset.table["mask"][1:]])
    checked = keep_usable_masks(replace(dataset, table=table))
    assert checked.table["mask"].isna().tolist() == [True] + [False] * (len(dataset) - 1)
    assert [problem.image for problem in checked.problems] == [table["image"][0]]
    assert "used without its mask" in checked.problems[0].error and "empty" in checked.problems[0].error


def test_without_masks_what_needs_them_is_an_error(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    bare = replace(dataset, table=dataset.table.drop(columns="mask"))
    message = (
        "--background-swap, --lesion-removal and --outline-weight need the masks of lesions, and 0 can be used; "
        "expected two at least in a column `mask`"
    )
    with pytest.raises(DataError, match=message):
        keep_usable_masks(bare)


@pytest.mark.parametrize("field", ["background_swap", "lesion_removal", "outline_weight"])
def test_what_needs_masks_is_an_error_with_a_frozen_backbone(field, tmp_path):
    recipe = find_recipe("seed", **{field: 0.5})
    message = "--background-swap, --lesion-removal and --outline-weight are for a backbone"
    with pytest.raises(UsageError, match=message):
        check_call(tmp_path / "run", recipe, resume=False)
