import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from lentigo.audit.baseline_models import BASELINES, cross_validate, divide
from lentigo.audit.image_facts import describe_colours, read_facts
from lentigo.audit.shortcut_baselines import measure_shortcut_baselines, read_set
from lentigo.common.progress import show_nothing
from lentigo.common.statistics.intervals import measure_scores
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError

pytestmark = pytest.mark.usefixtures("few_trees")

KEYS = {
    f"{name}_only_{score}"
    for name in ("file", "header", "border", "corners", "thumbnail", "source")
    for score in ("auroc", "accuracy")
}


def draw_set(folder, count=40, seed=0, border=0, centre=0, quality=0):
    """A class folder of noise, 64 x 64; malignant ones are so much brighter at the border or centre, or saved
    so much better.
    """
    rng = np.random.default_rng(seed)
    for name, malignant in (("benign", 0), ("malignant", 1)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = rng.normal(110, 12, (64, 64, 3)) + rng.normal(0, 6, 3) + border * malignant
            image[12:-12, 12:-12] += (centre - border) * malignant
            Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(
                folder / name / f"{number:03d}.jpg", quality=85 + quality * malignant
            )
    return folder


def baselines_of(data, *names):
    """The AUROC of the shortcut baselines of these names alone, cross-validated."""
    dataset, facts, _ = read_set(data, show_nothing)
    wanted = {name: facts[name] if name in names else None for name in BASELINES}
    answers = cross_validate(dataset, wanted, divide(dataset, seed=0), seed=0)
    return [roc_auc_score(dataset.malignant, answers[name]) for name in names]


@pytest.fixture(scope="module")
def bordered(tmp_path_factory):
    """A set whose borders give the class away."""
    return draw_set(tmp_path_factory.mktemp("bordered"), border=40)


@pytest.fixture(scope="module")
def shortcut_baselines(bordered):
    return measure_shortcut_baselines(bordered)


def test_a_border_that_gives_the_class_away_is_found(shortcut_baselines):
    baselines = shortcut_baselines.baselines
    assert (
        baselines["border_only"].auroc > 0.95
        and baselines["corners_only"].auroc > 0.95
        and baselines["thumbnail_only"].accuracy > 0.9
    )
    assert baselines["header_only"].auroc == 0.5 and baselines["source_only"] is None


def test_a_lesion_alone_is_no_shortcut_of_the_border(tmp_path):
    thumbnail, border, corners = baselines_of(
        draw_set(tmp_path / "set", centre=40), "thumbnail_only", "border_only", "corners_only"
    )
    assert thumbnail > 0.95 and border < 0.65 and corners < 0.65


def test_another_camera_is_found_in_the_files(tmp_path):
    header, file, border = baselines_of(
        draw_set(tmp_path / "set", quality=1), "header_only", "file_only", "border_only"
    )
    assert header == file == 1.0 and border < 0.75


def test_a_source_that_gives_the_class_away_is_found(bordered):
    dataset = load_dataset(bordered)
    source = np.where(dataset.malignant == 1, "clinic", "archive")
    source[::10] = "clinic"
    baseline = measure_shortcut_baselines(Dataset("set", dataset.table.assign(source=source))).baselines[
        "source_only"
    ]
    assert baseline.accuracy == pytest.approx((dataset.malignant == (source == "clinic")).mean())
    assert 0.9 < baseline.auroc < 1


def test_noise_has_a_baseline_of_chance():
    """Over sets of 40 photographs whose source says nothing; the pooled folds had a mean of 0.45."""
    aurocs = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        malignant, folds = (
            np.arange(40) % 2,
            rng.permutation(np.arange(20) % 5).repeat(2),
        )  # a pair of both classes in one fold
        source, scores = rng.integers(0, 2, 40), np.empty(40)
        for fold in range(5):
            learn, rest = folds != fold, folds == fold
            shares = np.array([malignant[learn & (source == name)].mean() for name in (0, 1)])
            scores[rest] = shares[source[rest]]
        aurocs.append(measure_scores(malignant, scores, scores > 0.5, np.arange(40), folds)[0]["auroc"])
    assert np.mean(aurocs) == pytest.approx(0.5, abs=0.04)


def test_only_pairs_of_a_fold_count():
    truth, score, folds = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1])
    assert measure_scores(truth, score, score > 0.5, np.arange(4), folds)[0]["auroc"] == 1
    assert measure_scores(truth, score, score > 0.5, np.arange(4))[0]["auroc"] == 0.75


def test_a_group_is_never_in_two_folds(tmp_path):
    rng, lesion = (
        np.random.default_rng(5),
        np.arange(120) // 2,
    )  # two photographs of each lesion, of one colour; its class is chance
    colours = rng.integers(60, 200, (60, 3)).astype(np.uint8)
    for number in range(120):
        Image.fromarray(np.tile(colours[lesion[number]], (32, 32, 1)) + np.uint8(number % 2)).save(
            tmp_path / f"{number:03d}.png"
        )
    label = np.array(["benign", "malignant"])[rng.permutation(np.arange(60) % 2)[lesion]]
    table = pd.DataFrame(
        {"image": [str(tmp_path / f"{number:03d}.png") for number in range(120)], "label": label}
    )
    (alone,) = baselines_of(Dataset("set", table), "border_only")
    (grouped,) = baselines_of(Dataset("set", table.assign(lesion_id=lesion)), "border_only")
    assert alone > 0.75 and grouped < 0.65


def test_the_baseline_beside_a_test_result_is_fitted_to_the_training_set(
    bordered, shortcut_baselines, tmp_path
):
    other = load_dataset(draw_set(tmp_path / "other", count=20, seed=1, border=40))
    swapped = Dataset(
        "swapped",
        other.table.assign(label=other.table["label"].map({"benign": "malignant", "malignant": "benign"})),
    )
    found = measure_shortcut_baselines(bordered, against=swapped)
    assert (found.n, found.folds, found.fitted_to) == (40, 0, str(bordered))
    assert found.baselines["border_only"].auroc < 0.05 and found.majority_accuracy == 0.5
    assert shortcut_baselines.fitted_to is None and shortcut_baselines.folds == 5


def test_the_majority_is_that_of_the_training_set(bordered, tmp_path):
    dataset = load_dataset(bordered)
    mostly = dataset.take(np.flatnonzero((dataset.malignant == 0) | (np.arange(80) % 4 == 0)))
    rest = dataset.take(np.flatnonzero((dataset.malignant == 1) | (np.arange(80) % 4 == 0)))
    assert measure_shortcut_baselines(mostly, against=rest).majority_accuracy == pytest.approx(10 / 50)


def test_the_json_is_flat_and_has_an_interval_for_each_number(shortcut_baselines):
    answers = json.loads(json.dumps(shortcut_baselines.to_json(), allow_nan=False))
    assert set(answers) >= KEYS | {"majority_accuracy"} and set(answers["ci"]) == KEYS | {"majority_accuracy"}
    assert answers["source_only_auroc"] is None and answers["ci"]["source_only_auroc"] is None
    for name in ("border_only_auroc", "border_only_accuracy", "majority_accuracy"):
        assert answers["ci"][name][0] <= answers[name] <= answers["ci"][name][1]
    assert (answers["n"], answers["n_malignant"], answers["groups"]) == (80, 40, 80)


def test_the_same_seed_gives_the_same_baseline(bordered, shortcut_baselines):
    assert measure_shortcut_baselines(bordered) == shortcut_baselines


def test_an_unreadable_photograph_is_listed(tmp_path):
    folder = draw_set(tmp_path / "set", count=12)
    (folder / "benign" / "bad.jpg").write_bytes(b"?")
    found = measure_shortcut_baselines(folder)
    assert found.n == 24 and [problem.image for problem in found.problems] == [
        str(folder / "benign" / "bad.jpg")
    ]


@pytest.mark.parametrize("malignant", [0, 1])
def test_too_few_of_a_class_leave_the_majority_alone(bordered, malignant):
    dataset = load_dataset(bordered)
    found = measure_shortcut_baselines(dataset.take(np.arange(20 - malignant, 40 + malignant)))
    answers = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (
        answers["majority_accuracy"] >= 0.9 and answers["border_only_auroc"] is None and answers["folds"] == 0
    )


def test_nothing_readable_is_an_error(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"?")
    with pytest.raises(DataError, match="none of its 1 photographs can be read"):
        measure_shortcut_baselines(
            Dataset("set", pd.DataFrame({"image": [str(tmp_path / "bad.jpg")], "label": ["benign"]}))
        )


def test_colours_are_described_as_numpy_describes_them():
    pixels = np.random.default_rng(0).integers(0, 200, (5000, 3)).astype(np.uint8)
    rows = describe_colours(pixels).reshape(3, 17)
    assert rows[:, 0] == pytest.approx(pixels.mean(axis=0), rel=1e-5) and rows[:, 1] == pytest.approx(
        pixels.std(axis=0), rel=1e-5
    )
    assert np.abs(rows[:, 2:9].T - np.percentile(pixels, [2, 10, 25, 50, 75, 90, 98], axis=0)).max() <= 1
    assert rows[:, 9:].sum(axis=1) == pytest.approx([1, 1, 1]) and (rows[:, 16] == 0).all()


def test_facts_of_the_border_do_not_know_the_centre(tmp_path):
    image = np.full((224, 224, 3), 120, np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    image[28:-28, 28:-28] = 7
    Image.fromarray(image).save(tmp_path / "b.png")
    bare, marked = read_facts(str(tmp_path / "a.png")), read_facts(str(tmp_path / "b.png"))
    for name in ("border_only", "corners_only", "header_only"):
        assert (bare[name] == marked[name]).all(), name
    assert (bare["thumbnail_only"] != marked["thumbnail_only"]).any()
