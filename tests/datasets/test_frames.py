"""pandas tables as data sets."""

import numpy as np
import pandas as pd
import pytest

from lentigo.audit.audited_set import open_set
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError


@pytest.fixture
def frame(synthetic_lesions):
    rows = []
    for label in ("benign", "malignant"):
        for path in sorted((synthetic_lesions / label).glob("synthetic_*.jpg"))[:3]:
            rows.append({"image": path, "label": label, "patient_id": path.stem, "age": 50})
    return pd.DataFrame(rows)


def test_a_frame_is_read_as_a_manifest_would_be(frame, tmp_path):
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    expected = load_dataset(tmp_path / "manifest.csv")
    dataset = load_dataset(frame)
    assert dataset.fingerprint == expected.fingerprint and dataset.name == "DataFrame"
    assert list(dataset.table["patient_id"]) == list(expected.table["patient_id"])


def test_the_frame_itself_stays_as_it_was(frame):
    before = frame.copy(deep=True)
    load_dataset(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_index_categories_and_other_words_do_not_matter(frame):
    changed = frame.rename(columns={"image": "path", "label": "target"}).set_index("age")
    changed["target"] = changed["target"].map({"benign": 0, "malignant": 1}).astype("category")
    assert load_dataset(changed).fingerprint == load_dataset(frame).fingerprint


def test_a_data_set_stays_as_it_is(frame):
    dataset = load_dataset(frame)
    assert load_dataset(dataset) is dataset


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[:0], "has no row"),
        (lambda frame: frame[["label", "age"]], "no column is known to name the photographs"),
        (lambda frame: frame[["image", "age"]], "no column says benign or malignant"),
        (lambda frame: pd.concat([frame, frame[:1]]), r"stands in several rows \(0, 6\).*drop_duplicates"),
        (lambda frame: frame.assign(image=[np.zeros((4, 4, 3))] * 6), "row 0 of the column 'image' holds"),
        (lambda frame: frame.assign(image=[*frame["image"][:5], None]), "row 5 of the column 'image' holds"),
        (lambda frame: frame.assign(image=["no.jpg", *"abcde"]), "none of its 6 photographs is there"),
    ],
)
def test_what_cannot_be_meant_is_refused(frame, change, message):
    with pytest.raises(DataError, match=f"DataFrame: .*{message}"):
        load_dataset(change(frame))


def test_an_audit_takes_a_frame_without_labels(frame):
    assert len(open_set(frame[["image"]])) == 6 and len(open_set(frame)) == 6
