"""What a data set holds, in numbers and in two pictures."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.datasets.description import (
    COLUMNS,
    GAP,
    HEAD,
    ROWS,
    TILE,
    describe_dataset,
    draw_counts,
    draw_samples,
    order_splits,
)
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError

SHADES = {"benign": 60, "malignant": 180}


@pytest.fixture
def folder(tmp_path):
    """Split folders: five training photographs, three for test, one of them truncated."""
    for split, label, count in (
        ("train", "benign", 3),
        ("train", "malignant", 2),
        ("test", "benign", 1),
        ("test", "malignant", 2),
    ):
        (tmp_path / "set" / split / label).mkdir(parents=True)
        for number in range(count):
            size = (30, 20) if split == "train" else (16, 16)
            Image.new("RGB", size, (SHADES[label], number, len(split))).save(
                tmp_path / "set" / split / label / f"{number}.png"
            )
    broken = tmp_path / "set" / "test" / "malignant" / "1.png"
    broken.write_bytes(broken.read_bytes()[:20])
    return tmp_path / "set"


def test_counts_are_by_split_and_class(folder):
    description = describe_dataset(folder)
    assert description.n == 8
    assert description.counts.loc["train"].to_dict() == {"benign": 3, "malignant": 2}
    assert description.counts.loc["test"].to_dict() == {"benign": 1, "malignant": 2}


def test_sizes_are_counted_the_commonest_first(folder):
    assert list(describe_dataset(folder).sizes.items()) == [("30x20", 5), ("16x16", 2)]


def test_an_unreadable_photograph_is_listed_with_its_path_once(folder):
    (problem,) = describe_dataset(folder).problems
    assert problem.image == str(folder / "test" / "malignant" / "1.png")
    assert problem.error.startswith("damaged or truncated") and problem.image not in problem.error


def test_problems_of_the_manifest_come_first(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.png").touch()
    pd.DataFrame({"image": ["none.png", "a.png", "b.png"], "label": "benign"}).to_csv(
        tmp_path / "manifest.csv"
    )
    assert next(problem.error for problem in describe_dataset(tmp_path).problems) == "no such file"
    assert len(describe_dataset(tmp_path).problems) == 2


def test_groups_and_fingerprint_are_those_of_the_dataset(folder):
    dataset, description = load_dataset(folder), describe_dataset(folder)
    assert description.groups == len(set(dataset.groups)) == 8
    assert description.fingerprint == dataset.fingerprint


def test_a_class_that_is_missing_counts_zero_and_a_missing_split_is_unsplit(tmp_path):
    (tmp_path / "benign").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "benign" / "a.png")
    assert describe_dataset(tmp_path).to_json()["counts"] == {"unsplit": {"benign": 1, "malignant": 0}}


def test_a_dataset_may_be_given_instead_of_a_path(folder):
    assert describe_dataset(load_dataset(folder).of_split("test")).n == 3


def test_the_description_is_json(folder):
    value = json.loads(json.dumps(describe_dataset(folder).to_json(), allow_nan=False))
    assert set(value) == {
        "name",
        "n",
        "groups",
        "sizes",
        "fingerprint",
        "diagnoses",
        "other_diagnoses",
        "counts",
        "reading",
        "notes",
        "problems",
    }
    assert value["counts"]["train"] == {"benign": 3, "malignant": 2} and set(value["problems"][0]) == {
        "image",
        "error",
    }


def test_progress_sees_every_photograph(folder):
    seen = []
    describe_dataset(folder, progress=lambda items, total, label: seen.append((total, label)) or items)
    assert seen == [(8, "photographs")]


def test_a_path_that_is_no_data_set_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="expected"):
        describe_dataset(tmp_path / "none")


def test_the_sheet_shows_benign_above_and_malignant_below_and_skips_the_unreadable(folder, tmp_path):
    path = draw_samples(load_dataset(folder), tmp_path / "figures" / "samples.png")
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet)
    rows, columns = ROWS, COLUMNS
    block = HEAD + rows * TILE
    assert pixels.shape == (2 * block + GAP, columns * TILE, 3)
    for start, shade, count in ((0, SHADES["benign"], 4), (block + GAP, SHADES["malignant"], 3)):
        top = start + HEAD
        assert (pixels[start:top] < 128).any()  # the name of the class
        assert (pixels[top : top + TILE, : count * TILE, 0] == shade).all()
        assert (pixels[top : top + rows * TILE, count * TILE :] == 255).all()


def test_the_same_seed_draws_the_same_sheet(folder, tmp_path):
    dataset = load_dataset(folder)
    one, two, other = (
        draw_samples(dataset, tmp_path / f"{n}.png", seed).read_bytes() for n, seed in enumerate((0, 0, 1))
    )
    assert one == two != other


def test_a_sheet_of_one_class_leaves_the_other_half_white(folder, tmp_path):
    dataset = load_dataset(folder)
    with Image.open(draw_samples(dataset.take(dataset.malignant == 0), tmp_path / "a.png")) as sheet:
        assert (np.asarray(sheet)[-ROWS * TILE :] == 255).all()


def test_the_bars_are_written_as_png(folder, tmp_path):
    with Image.open(draw_counts(describe_dataset(folder), tmp_path / "new" / "counts.png")) as figure:
        assert figure.format == "PNG" and figure.width > 600


def test_splits_are_counted_in_the_order_of_their_use():
    counts = pd.DataFrame({"benign": 1, "malignant": 1}, index=["test", "other", "validation", "train"])
    assert list(order_splits(counts).index) == ["train", "validation", "test", "other"]
