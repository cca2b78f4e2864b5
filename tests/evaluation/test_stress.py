"""Stress: the changes are what their names say, chance follows seed and photograph, and the table compares
with the unchanged.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lentigo.datasets.dataset import Dataset
from lentigo.errors import DataError
from lentigo.evaluation import stress as changes
from lentigo.evaluation.stress import STRESSES, change_images, compare_changes, stress_model, tabulate_stress
from lentigo.images.photographs import read_image
from lentigo.images.synthetic_lesions import draw_synthetic_lesion

CHANGES = dict(STRESSES)
PHOTO = draw_synthetic_lesion("malignant", 3).image
DISC = np.where(
    np.hypot(*(np.indices((224, 224)) - 111.5))[..., None] < 60,
    np.uint8([80, 50, 40]),
    np.uint8([220, 180, 160]),
)


def read_brightness(images):
    """A model that calls dark photographs malignant."""
    return (1 - image.mean() / 255 for image in images)


@pytest.fixture(scope="module")
def dataset(synthetic_lesions):
    images = [
        str(path)
        for name in ("benign", "malignant")
        for path in sorted((synthetic_lesions / name).glob("*.jpg"))[:8]
    ]
    return Dataset("toy", pd.DataFrame({"image": images, "label": ["benign"] * 8 + ["malignant"] * 8}))


@pytest.fixture(scope="module")
def threshold(dataset):
    """In the middle of the model's answers."""
    return float(np.median(list(read_brightness(read_image(path).pixels for path in dataset.table["image"]))))


@pytest.fixture(scope="module")
def stresses(dataset, threshold):
    return {stress.name: stress for stress in stress_model(read_brightness, dataset, threshold=threshold)}


def changed(name: str, pixels: np.ndarray = DISC, seed: int = 0) -> np.ndarray:
    return CHANGES[name](pixels, np.random.default_rng(seed))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_gives_another_photograph_of_the_same_kind(name):
    before = PHOTO.copy()
    after = changed(name, PHOTO)
    assert after.shape == (224, 224, 3) and after.dtype == np.uint8 and after.flags.c_contiguous
    assert (after != before).mean() > 0.002
    np.testing.assert_array_equal(PHOTO, before)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_drawn_on_a_photograph_depends_on_no_other(dataset, name):
    alone = dataset.take(np.array([3]))
    among_others = list(change_images(dataset, CHANGES[name], seed=1))[3]
    np.testing.assert_array_equal(next(change_images(alone, CHANGES[name], seed=1)), among_others)


@pytest.mark.parametrize("name", ["noise, sigma 12", "drawn hair", "ruler marks", "ink", "dark corners"])
def test_another_seed_draws_something_else(dataset, name):
    first, second = (next(change_images(dataset, CHANGES[name], seed)) for seed in (0, 1))
    assert (first != second).any()


def test_another_photograph_has_its_marks_elsewhere(dataset):
    marked = zip(change_images(dataset, CHANGES["ruler marks"], 0), dataset.table["image"], strict=True)
    marks = [np.abs(after.astype(int) - read_image(path).pixels).max(axis=2) > 30 for after, path in marked]
    assert all((marks[0] & other).sum() < 0.5 * marks[0].sum() for other in marks[1:])


def test_turning_four_times_by_90_degrees_gives_the_photograph_back():
    turned = PHOTO
    for _ in range(4):
        turned = changed("rotated by 90 degrees", turned)
    np.testing.assert_array_equal(turned, PHOTO)


def test_turning_by_45_degrees_twice_is_turning_by_90():
    turned = changes.warp(changes.warp(DISC[:, :112].repeat(2, axis=1), 45), 45).astype(int)[60:164, 60:164]
    assert np.abs(turned - np.rot90(DISC[:, :112].repeat(2, axis=1))[60:164, 60:164]).mean() < 4


@pytest.mark.parametrize(
    ("name", "factor"),
    [("zoomed in by 15 %", 1.15), ("zoomed out by 15 %", 1 / 1.15), ("rotated by 45 degrees", 1)],
)
def test_a_zoom_changes_the_lesions_side(name, factor):
    width = np.sqrt((changed(name)[..., 0] < 150).sum() / (DISC[..., 0] < 150).sum())
    assert width == pytest.approx(factor, rel=0.01)


def test_files_of_lower_quality_lose_more():
    losses = [
        np.abs(changes.recompress(PHOTO, quality).astype(int) - PHOTO).mean() for quality in (95, 60, 30)
    ]
    assert losses == sorted(losses) and losses[0] > 0
    np.testing.assert_array_equal(changed("JPEG quality 30", PHOTO), changes.recompress(PHOTO, 30))


def test_half_size_and_back_loses_what_alternates_from_pixel_to_pixel():
    board = np.indices((224, 224)).sum(axis=0)[..., None].repeat(3, axis=2) % 2 * 100
    np.testing.assert_array_equal(changes.resample(board.astype(np.uint8), 0.5), 50)


def test_a_blur_of_sigma_2_spreads_a_point_as_a_gaussian():
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 255
    assert changes.blur(point, 2)[20, 20, 0] == pytest.approx(255 / (2 * np.pi * 4), abs=1)


def test_noise_has_its_sigma():
    noise = (
        changes.add_noise(np.full((224, 224, 3), 128, np.uint8), np.random.default_rng(0), 12).astype(float)
        - 128
    )
    assert noise.std() == pytest.approx(12, rel=0.02) and abs(noise.mean()) < 0.1


def test_light_is_multiplied_and_burns_out():
    assert changes.dim(np.uint8([[[100, 200, 10]]]), 1.5).tolist() == [[[150, 255, 15]]]
    assert changed("darkened to 60 %").mean() < DISC.mean() < changed("brightened to 130 %").mean()


def test_warm_is_yellower_and_cool_is_bluer():
    def blue(pixels):
        return pixels[..., 2].mean() / pixels[..., 0].mean()

    assert blue(changed("tinted warm")) < 0.85 * blue(DISC) and blue(changed("tinted cool")) > 1.15 * blue(
        DISC
    )


def test_hairs_are_dark_and_thin_and_at_least_six():
    for seed in range(5):
        drawn = np.abs(changed("drawn hair", seed=seed).astype(int) - DISC).max(axis=2) > 40
        assert 0.005 < drawn.mean() < 0.3
        assert changed("drawn hair", seed=seed)[drawn].mean() < DISC[drawn].mean()
        assert (
            drawn[1:-1, 1:-1] & drawn[:-2, 1:-1] & drawn[2:, 1:-1] & drawn[1:-1, :-2] & drawn[1:-1, 2:]
        ).mean() < 0.6 * drawn.mean()


def test_ruler_marks_leave_the_middle_alone():
    for seed in range(5):
        drawn = (changed("ruler marks", seed=seed) != DISC).any(axis=2)
        assert drawn.any() and not drawn[62:162, 62:162].any()


def test_ink_is_violet_or_blue_and_leaves_the_middle_alone():
    skin = np.full((224, 224, 3), (220, 180, 160), np.uint8)
    for seed in range(5):
        after = changed("ink", skin, seed)
        drawn = (np.abs(after.astype(int) - skin) > 60).any(axis=2)
        assert 0.003 < drawn.mean() < 0.1 and not drawn[62:162, 62:162].any()
        red, green, blue = (after[drawn] / skin[drawn]).mean(axis=0)  # what of the skin's light is left
        assert blue > 1.1 * max(red, green)


def test_dark_corners_are_round():
    after = changed("dark corners")
    assert after[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 30
    np.testing.assert_array_equal(after[62:162, 62:162], DISC[62:162, 62:162])


def test_the_unchanged_come_first_and_lose_nothing(stresses):
    first = next(iter(stresses.values()))
    assert first.name == "unchanged" and len(stresses) == len(STRESSES) + 1
    assert (first.n, first.loss, first.loss_ci, first.changed, first.missed, first.shift) == (
        16,
        0,
        (0, 0),
        0,
        0,
        0,
    )


def test_a_model_that_reads_brightness_minds_the_light_and_no_flip(stresses, threshold):
    assert stresses["flipped"].changed == stresses["rotated by 90 degrees"].changed == 0
    dark, bright = stresses["darkened to 60 %"], stresses["brightened to 130 %"]
    assert dark.changed == 0.5 and dark.missed == 0 and dark.shift > 0.1  # all are called malignant now
    assert bright.changed > 0 and bright.shift < -0.05


def test_missed_are_malignant_photographs_that_only_the_unchanged_found():
    before, after = np.array([0.9, 0.9, 0.9, 0.1, 0.9]), np.array([0.1, 0.1, 0.9, 0.9, 0.1])
    (_, stress) = compare_changes(
        {"unchanged": before, "changed": after}, np.array([0, 1, 1, 1, 1]), np.arange(5), 0.5
    )
    assert (stress.missed, stress.changed) == (0.5, 0.8)


def test_the_table_is_what_a_direct_count_gives(stresses, dataset, threshold):
    unchanged, ink = (
        np.array(list(read_brightness(change_images(dataset, CHANGES.get(name, lambda p, rng: p), 0))))
        for name in ("unchanged", "ink")
    )
    stress = stresses["ink"]
    assert stress.auroc == pytest.approx(roc_auc_score(dataset.malignant, ink))
    assert stress.loss == pytest.approx(
        roc_auc_score(dataset.malignant, unchanged) - roc_auc_score(dataset.malignant, ink)
    )
    assert stress.changed == np.mean((unchanged >= threshold) != (ink >= threshold))
    assert stress.shift == pytest.approx(np.mean(ink - unchanged))
    assert stress.auroc_ci[0] <= stress.auroc <= stress.auroc_ci[1]


def test_the_loss_is_that_from_the_unchanged():
    answers = {"unchanged": np.array([0.1, 0.2, 0.9]), "changed": np.array([0.1, 0.9, 0.2])}
    (_, stress) = compare_changes(answers, np.array([0, 0, 1]), np.arange(3), 0.5)
    assert (stress.auroc, stress.loss) == (0.5, 0.5)


def test_the_interval_of_the_loss_is_paired():
    """A change that leaves the order as it is loses nothing in any resample, whatever the AUROC's own
    interval.
    """
    rng = np.random.default_rng(0)
    malignant, scores = np.arange(60) % 2, rng.random(60)
    _, other = compare_changes({"unchanged": scores, "halved": scores / 2}, malignant, np.arange(60), 0.5)
    assert other.loss_ci == (0, 0) and other.auroc_ci[1] - other.auroc_ci[0] > 0.1


def test_whole_groups_are_resampled():
    rng = np.random.default_rng(0)
    malignant, before = np.repeat(np.arange(20) % 2, 10), np.repeat(rng.random(20), 10)
    after = np.where(np.repeat(np.arange(20) < 8, 10), 1 - before, before)

    def width(groups):
        low, high = compare_changes({"unchanged": before, "changed": after}, malignant, groups, 0.5)[
            1
        ].changed_ci
        return high - low

    assert width(np.repeat(np.arange(20), 10)) > 2 * width(np.arange(200))


def test_decisions_that_all_stayed_might_not_elsewhere():
    rng = np.random.default_rng(0)
    scores = rng.random(60)
    first, other = compare_changes(
        {"unchanged": scores, "halved": scores / 2}, np.arange(60) % 2, np.arange(60), 1.0
    )
    assert first.changed_ci == (0, 0)  # the photographs themselves
    assert other.changed == 0 and other.changed_ci == pytest.approx((0, 1 - 0.025 ** (1 / 60)))


def test_one_class_has_no_auroc_but_decisions():
    (_, stress) = compare_changes(
        {"unchanged": np.array([0.2, 0.7]), "changed": np.array([0.6, 0.7])},
        np.zeros(2, int),
        np.arange(2),
        0.5,
    )
    assert (
        np.isnan([stress.auroc, *stress.auroc_ci, stress.loss, *stress.loss_ci, stress.missed]).all()
        and stress.changed == 0.5
    )


def test_unreadable_photographs_are_left_out(dataset, bad, threshold):
    table = pd.concat(
        [dataset.table, pd.DataFrame({"image": [str(bad)], "label": ["benign"]})], ignore_index=True
    )
    assert stress_model(read_brightness, Dataset("toy", table), threshold=threshold)[0].n == 16


def test_nothing_readable_is_an_error(bad):
    with pytest.raises(DataError, match="none of its 1 photographs can be read"):
        stress_model(
            read_brightness,
            Dataset("toy", pd.DataFrame({"image": [str(bad)], "label": ["benign"]})),
            threshold=0.5,
        )


def test_the_table_has_a_row_for_each_change_and_the_ends_of_each_interval(stresses):
    table = tabulate_stress(stresses.values())
    assert list(table["name"]) == list(stresses)
    assert list(table.columns) == [
        "name",
        "n",
        "auroc",
        "auroc_low",
        "auroc_high",
        "loss",
        "loss_low",
        "loss_high",
        "changed",
        "changed_low",
        "changed_high",
        "missed",
        "shift",
    ]
    assert (table.loc[16, ["auroc_low", "auroc_high"]].tolist()) == list(stresses["ink"].auroc_ci)
