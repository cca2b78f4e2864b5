import numpy as np
import pandas as pd
import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.training.selection.folds import assign_folds, gather_pool


@pytest.fixture
def closed(synthetic_lesions, tmp_path):
    """Synthetic lesions whose manifest has all three splits; the files of the test split are no
    photographs.
    """
    table = pd.read_csv(synthetic_lesions / "manifest.csv")
    place = table["patient_id"].rank(method="dense").astype(int) % 4
    table["split"] = place.map({0: "test", 1: "validation", 2: "train", 3: "train"})
    table["image"] = [str(synthetic_lesions / image) for image in table["image"]]
    for row in table.index[table["split"] == "test"]:
        path = tmp_path / f"closed_{row}.jpg"
        path.write_bytes(b"closed")
        table.loc[row, "image"] = str(path)
    table.to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path / "manifest.csv"


def test_the_pool_is_all_but_the_test_split_and_has_no_split(closed):
    pool, given = gather_pool(closed), load_dataset(closed).table
    assert len(pool.dataset) == (given["split"] != "test").sum() and pool.dataset.table["split"].isna().all()


def test_no_file_of_the_test_split_is_opened(closed, monkeypatch):
    from PIL import Image

    opened, original = [], Image.open
    monkeypatch.setattr(
        Image,
        "open",
        lambda file, *rest, **more: (
            opened.append(str(getattr(file, "name", file))) or original(file, *rest, **more)
        ),
    )
    pool = gather_pool(closed)
    assert pool.problems == () and not [name for name in opened if "closed" in name]


def test_a_patient_is_in_one_fold(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    folds = assign_folds(dataset, 4, 0)
    assert (pd.Series(folds).groupby(dataset.table["patient_id"]).nunique() == 1).all()


def test_every_fold_has_both_classes_in_like_numbers(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    counts = pd.crosstab(assign_folds(dataset, 4, 0), dataset.malignant)
    assert (
        counts.shape == (4, 2)
        and counts.to_numpy().min() > 0
        and np.ptp(counts.to_numpy(), axis=0).max() <= 3
    )


def test_another_seed_draws_other_folds_and_the_same_seed_the_same(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    first, same, other = (assign_folds(dataset, 3, seed) for seed in (0, 0, 1))
    assert (first == same).all() and (first != other).any()


def test_too_few_lesions_for_the_folds_are_counted(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    few = dataset.take(
        np.unique(
            np.concatenate(
                [np.flatnonzero(dataset.malignant == 0), np.flatnonzero(dataset.malignant == 1)[:1]]
            )
        )
    )
    with pytest.raises(DataError, match=r"1 group .* of the class malignant .*expected 3 at least.*--folds"):
        assign_folds(few, 3, 0)


@pytest.mark.parametrize("folds", [0, 1, 21])
def test_a_number_of_folds_that_makes_no_sense_is_named(synthetic_lesions, folds):
    with pytest.raises(UsageError, match=f"folds is {folds}; expected 2 to 20"):
        assign_folds(load_dataset(synthetic_lesions), folds, 0)
