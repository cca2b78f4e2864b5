"""Synthetic lesions: the same names give the same pixels, and a folder of them is a whole data set."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.errors import UsageError
from lentigo.images.synthetic_lesions import draw_synthetic_lesion, write_synthetic_lesions

LABELS = ("benign", "malignant")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("synthetic") / "set"
    return out, write_synthetic_lesions(out, 24, seed=3, size=48)


@pytest.mark.parametrize("label", LABELS)
def test_the_same_names_give_the_same_pixels(label):
    first, second = (draw_synthetic_lesion(label, seed=5, view=1, size=64) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.mask, second.mask)


@pytest.mark.parametrize("size", [32, 97, 224])
def test_shapes_and_types_follow_the_size(size):
    synthetic_lesion = draw_synthetic_lesion("benign", seed=0, size=size)
    assert (synthetic_lesion.image.shape, synthetic_lesion.image.dtype) == ((size, size, 3), np.uint8)
    assert (synthetic_lesion.mask.shape, synthetic_lesion.mask.dtype) == ((size, size), np.uint8)
    assert set(np.unique(synthetic_lesion.mask)) == {0, 255}


def test_another_view_is_another_photograph_of_a_lesion_of_the_same_area():
    first, second = (draw_synthetic_lesion("malignant", seed=5, view=view, size=96) for view in (0, 1))
    assert first.label == second.label == "malignant"
    assert (first.mask != second.mask).any()
    assert 0.6 < (first.mask > 0).sum() / (second.mask > 0).sum() < 1.6


def test_labels_and_seeds_name_different_lesions():
    images = [draw_synthetic_lesion(label, seed=seed, size=32).image for label in LABELS for seed in (0, 1)]
    assert len({image.tobytes() for image in images}) == 4


def test_the_size_does_not_change_the_lesion():
    small, large = (draw_synthetic_lesion("malignant", seed=2, size=size).mask for size in (64, 128))
    assert ((small > 0) == (large[::2, ::2] > 0)).mean() > 0.97


@pytest.mark.parametrize("label", LABELS)
def test_the_lesion_is_darker_than_the_skin_around_it(label):
    synthetic_lesions = [draw_synthetic_lesion(label, seed, size=64) for seed in range(30)]
    middle = np.zeros((64, 64), bool)
    middle[10:-10, 10:-10] = True  # leaves dark corners out
    darker = [p.image[p.mask > 0].mean() < p.image[middle & (p.mask == 0)].mean() for p in synthetic_lesions]
    assert np.mean(darker) > 0.9


def test_malignant_lesions_are_larger_on_average_but_not_always():
    benign, malignant = (
        [(draw_synthetic_lesion(label, seed, size=48).mask > 0).mean() for seed in range(60)]
        for label in LABELS
    )
    assert np.mean(malignant) > 1.2 * np.mean(benign)
    assert min(malignant) < np.median(benign)


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": "mole", "seed": 0},
        {"label": "benign", "seed": -1},
        {"label": "benign", "seed": 0, "size": 31},
    ],
)
def test_a_wrong_argument_is_a_usage_error(wrong):
    with pytest.raises(UsageError, match="expected"):
        draw_synthetic_lesion(**wrong)


def test_the_manifest_is_complete(folder):
    out, manifest = folder
    assert list(manifest.columns) == [
        "image",
        "label",
        "lesion_id",
        "patient_id",
        "mask",
        "source",
        "license",
    ]
    assert manifest["label"].value_counts().to_dict() == {"benign": 24, "malignant": 24}
    assert not manifest.isna().any(axis=None)
    pd.testing.assert_frame_equal(pd.read_csv(out / "manifest.csv"), manifest, check_dtype=False)


def test_the_folder_holds_what_the_manifest_names_and_nothing_else(folder):
    out, manifest = folder
    named = {*manifest["image"], *manifest["mask"], "manifest.csv"}
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == named
    for row in manifest.itertuples():
        with Image.open(out / row.image) as image, Image.open(out / row.mask) as mask:
            assert image.size == mask.size == (48, 48)
        assert row.image.startswith(row.label + "/")


def test_lesions_have_one_label_and_one_patient_and_some_have_two_views(folder):
    _, manifest = folder
    lesions = manifest.groupby("lesion_id")
    assert (lesions[["label", "patient_id"]].nunique() == 1).all(axis=None)
    assert lesions.size().max() == 2
    assert manifest.groupby("patient_id")["lesion_id"].nunique().max() >= 2


def test_the_same_seed_writes_the_same_files(tmp_path):
    for name in ("one", "two"):
        write_synthetic_lesions(tmp_path / name, 2, seed=1, size=32)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_progress_watches_the_work_by_name_and_number(tmp_path):
    seen = []
    write_synthetic_lesions(tmp_path, 2, size=32, progress=lambda shots, **facts: seen.append(facts) or shots)
    assert seen == [{"total": 4, "label": "synthetic lesions"}]


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 1, "size": 8}, {"count": 1, "seed": -1}])
def test_a_refused_set_leaves_nothing_behind(tmp_path, wrong):
    with pytest.raises(UsageError):
        write_synthetic_lesions(tmp_path / "set", **wrong)
    assert not (tmp_path / "set").exists()
