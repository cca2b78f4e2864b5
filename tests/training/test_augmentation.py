from dataclasses import replace

import cv2
import numpy as np
import pytest

from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.training.views.augmentation import (
    Augmentation,
    augment_image,
    augment_pair,
    bleach_lesion,
    view_generator,
)
from lentigo.training.views.mixing import lay_mosaics, mix_views

PHOTO = draw_synthetic_lesion("malignant", 3).image
NONE = Augmentation(*[0.0] * 11)


def test_nothing_changes_when_every_range_is_zero():
    np.testing.assert_array_equal(augment_image(PHOTO, NONE, view_generator(0, 0, 0)), PHOTO)


def test_a_view_is_a_function_of_seed_epoch_and_photograph():
    views = [
        augment_image(PHOTO, Augmentation(), view_generator(*key))
        for key in ((0, 1, 2), (0, 1, 2), (0, 2, 2), (1, 1, 2), (0, 1, 3))
    ]
    np.testing.assert_array_equal(views[0], views[1])
    assert all(not np.array_equal(views[0], other) for other in views[2:])


def test_a_view_keeps_shape_type_and_most_of_the_light():
    views = np.stack([augment_image(PHOTO, Augmentation(), view_generator(0, 0, n)) for n in range(30)])
    assert views.shape[1:] == PHOTO.shape and views.dtype == np.uint8
    assert abs(views.mean() - PHOTO.mean()) < 15


def test_rotation_alone_turns_about_the_centre():
    turned = augment_image(PHOTO, Augmentation(180.0, *[0.0] * 8), view_generator(0, 0, 0))
    centre = slice(108, 116)
    assert abs(turned[centre, centre].mean() - PHOTO[centre, centre].mean()) < 4
    assert np.abs(turned.astype(int) - PHOTO).mean() > 2


def test_colour_alone_keeps_the_place():
    tinted = augment_image(
        PHOTO, Augmentation(0.0, False, 0.0, 0.0, 0.0, 0.3, 0.3, 0.3, 0.1), view_generator(0, 0, 5)
    )
    grey, before = tinted.mean(axis=2).ravel(), PHOTO.mean(axis=2).ravel()
    assert np.corrcoef(grey, before)[0, 1] > 0.97


def test_mixed_views_and_labels_keep_their_shares():
    views = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (0, 100, 200, 250)])
    labels = views[:, 0, 0, :1].astype(np.float32) / 250
    mixed, shares, weights = mix_views(views, labels, np.ones(4, np.float32), 0.4, np.random.default_rng(0))
    np.testing.assert_allclose(mixed[:, 0, 0, 0] / 250, shares[:, 0], atol=0.005)
    assert (
        (mixed != views).any()
        and (np.abs(shares - labels) <= 0.5).all()
        and weights.tolist() == pytest.approx([1] * 4)
    )


def test_a_mixed_view_loses_what_both_photographs_lose_each_with_the_weight_of_its_class():
    rng = np.random.default_rng(1)
    malignant, logits = rng.integers(0, 2, 64), rng.normal(0, 2, 64)
    labels, weights = (
        malignant[:, None].astype(np.float32),
        np.where(malignant == 1, 4.0, 0.5).astype(np.float32),
    )
    views = np.arange(64, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)

    def measure_loss(label, logit):
        return np.log1p(np.exp(logit)) - label * logit

    _, mixed, weight = mix_views(views, labels, weights, 0.4, np.random.default_rng(0))
    drawn = np.random.default_rng(0)
    share = drawn.beta(0.4, 0.4, 64)
    share, other = np.maximum(share, 1 - share), drawn.permutation(64)
    expected = share * weights * measure_loss(malignant, logits) + (1 - share) * weights[
        other
    ] * measure_loss(malignant[other], logits)
    np.testing.assert_allclose(weight * measure_loss(mixed[:, 0], logits), expected, rtol=1e-5)


def test_a_degraded_view_keeps_its_place_and_loses_detail():
    degraded = augment_image(PHOTO, replace(NONE, corruption=1.0), view_generator(0, 0, 1))
    assert degraded.shape == PHOTO.shape and degraded.dtype == np.uint8
    assert np.corrcoef(cv2.blur(degraded, (9, 9)).ravel(), cv2.blur(PHOTO, (9, 9)).ravel())[0, 1] > 0.98
    assert not np.array_equal(degraded, PHOTO)


def test_artefacts_are_drawn_as_often_as_asked():
    drawn = [
        not np.array_equal(augment_image(PHOTO, replace(NONE, artefacts=0.2), view_generator(0, 0, n)), PHOTO)
        for n in range(200)
    ]
    assert np.mean(drawn) == pytest.approx(1 - 0.8**4, abs=0.1)


def test_a_mask_moves_with_its_photograph():
    y, x = np.mgrid[:96, :96]
    mask = (np.hypot(x - 40, y - 52) < 18).astype(np.uint8)
    image = np.repeat(255 - 200 * mask[..., None], 3, axis=2).astype(np.uint8)
    for seed in range(5):
        view, outline = augment_pair(
            image,
            mask,
            Augmentation(brightness=0, contrast=0, saturation=0, tint=0),
            view_generator(seed, 0, 0),
        )
        assert outline.dtype == np.float32 and outline.min() >= 0 and outline.max() <= 1
        assert ((view[..., 0] < 155) != (outline > 0.5)).mean() < 0.005


def test_the_view_of_a_pair_is_that_of_the_photograph_alone():
    image, augmentation = (
        draw_synthetic_lesion("benign", 3).image,
        Augmentation(corruption=0.5, artefacts=0.5),
    )
    view, _ = augment_pair(image, np.zeros(image.shape[:2], np.uint8), augmentation, view_generator(1, 2, 3))
    assert (view == augment_image(image, augmentation, view_generator(1, 2, 3))).all()


def test_a_bleached_lesion_loses_its_darkness_in_red_and_nothing_else_changes():
    y, x = np.mgrid[:96, :96]
    mask = (np.hypot(x - 40, y - 52) < 14).astype(np.uint8)
    image = np.where(mask[..., None] == 1, (100, 60, 50), (220, 170, 150)).astype(np.uint8)
    image[:, :4] = 0
    bleached = bleach_lesion(image, mask, view_generator(0, 0, 1)).astype(int)
    lesion, skin = bleached[52, 40], bleached[52, 70]
    assert lesion[0] > 170 and (lesion[1:] > (65, 55)).all() and lesion[0] - lesion[1] > 50, lesion
    np.testing.assert_array_equal(skin, (220, 170, 150))
    assert (bleached[:, :4] == 0).all()


@pytest.mark.parametrize("share", [0, 1])
def test_a_photograph_without_lesion_or_without_skin_is_not_bleached(share):
    np.testing.assert_array_equal(
        bleach_lesion(PHOTO, np.full(PHOTO.shape[:2], share, np.uint8), view_generator(0, 0, 1)), PHOTO
    )


def test_mosaics_show_four_views_with_their_masks():
    grey = np.arange(10, 170, 20)
    views = np.repeat(grey.astype(np.uint8), 32 * 32 * 3).reshape(-1, 32, 32, 3)
    masks = np.repeat((grey / 255).astype(np.float32), 32 * 32).reshape(-1, 32, 32)
    laid, outlines = lay_mosaics(views, masks, 1.0, np.random.default_rng(0))
    assert laid.shape == views.shape and laid.dtype == np.uint8 and outlines.dtype == np.float32
    np.testing.assert_allclose(
        outlines, laid[..., 0] / 255, rtol=1e-5
    )  # a view and its mask are at one place
    corners = laid[:, ::16, ::16, 0].reshape(len(laid), 4)
    assert all(own in four for own, four in zip(grey, corners, strict=True)) and set(corners.ravel()) <= set(
        grey
    )
    assert any(len(set(four)) == 4 for four in corners)


@pytest.mark.parametrize("chance, share", [(0.0, 0.0), (0.3, 0.3)])
def test_mosaics_come_with_their_chance_and_leave_the_rest(chance, share):
    rng = np.random.default_rng(0)
    views = rng.integers(0, 256, (400, 8, 8, 3), np.uint8)
    masks = rng.random((400, 8, 8), np.float32)
    laid, outlines = lay_mosaics(views, masks, chance, np.random.default_rng(1))
    kept = (laid == views).all(axis=(1, 2, 3))
    assert 1 - kept.mean() == pytest.approx(share, abs=0.08)
    assert (outlines[kept] == masks[kept]).all()
