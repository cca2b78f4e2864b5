"""The ledger counts photographs, whatever set or file they come in and whatever a crash left in it; one that
cannot be written is refused by name.
"""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import SpaceError
from lentigo.evaluation.ledger import ledger_path, record_evaluation, require_ledger


@pytest.fixture(autouse=True)
def ledger(tmp_path, monkeypatch):
    """A ledger of its own for each test."""
    monkeypatch.setenv("LENTIGO_LEDGER", str(tmp_path / "ledger.jsonl"))


@pytest.fixture(scope="module")
def dataset(synthetic_lesions):
    """Twelve synthetic lesions."""
    whole = load_dataset(synthetic_lesions)
    return whole.take(np.arange(len(whole)) % 4 == 0)


def record(dataset, **options):
    exposure = record_evaluation(dataset, "test", "toy@1", **options)
    return exposure.photographs, exposure.evaluated_before, exposure.most_often, exposure.same_set


def test_the_same_set_again(dataset):
    assert record(dataset) == (12, 0, 0, 0)
    assert record(dataset) == (12, 12, 1, 1)
    assert record(dataset) == (12, 12, 2, 2)


def test_a_part_of_it_and_more_than_it(dataset, synthetic_lesions):
    record(dataset)
    assert record(dataset.take(np.arange(11))) == (11, 11, 1, 0)
    assert record(load_dataset(synthetic_lesions)) == (48, 12, 2, 0)


def test_other_labels_are_the_same_photographs(dataset):
    record(dataset)
    turned = dataset.assign(label=dataset.table["label"].map({"benign": "malignant", "malignant": "benign"}))
    assert record(turned) == (12, 12, 1, 0)


def test_other_files_are_the_same_photographs(dataset, tmp_path):
    record(dataset)
    for number, (image, label) in enumerate(zip(dataset.table["image"], dataset.table["label"], strict=True)):
        (tmp_path / "again" / label).mkdir(parents=True, exist_ok=True)
        Image.open(image).save(tmp_path / "again" / label / f"{number}.webp", quality=80)
    again = load_dataset(tmp_path / "again")
    assert record(again) == (12, 12, 1, 0)
    assert record(dataset) == (12, 12, 2, 1)


def test_without_looking_files_alone_count(dataset, tmp_path):
    record(dataset, by_content=False)
    for label in ("benign", "malignant"):
        (tmp_path / "again" / label).mkdir(parents=True)
    for image, label in zip(dataset.table["image"], dataset.table["label"], strict=True):
        shutil.copy(image, tmp_path / "again" / label)
    assert record(load_dataset(tmp_path / "again"), by_content=False) == (12, 12, 1, 1)


def test_lines_of_earlier_versions_count_their_set(dataset):
    old = {
        "fingerprint": dataset.fingerprint,
        "split": "test",
        "model": "toy@1",
        "when": "2026-01-01T00:00:00+00:00",
    }
    ledger_path().write_text(2 * (json.dumps(old) + "\n"))
    assert record(dataset) == (12, 12, 2, 2)
    assert record(dataset.take(np.arange(6))) == (6, 6, 1, 0)  # since the line above names them


DAMAGE = {
    "torn": b'{"fingerprint": "ab',
    "not text": b"\xff\xfe\x00",
    "not JSON": b"[[[[[",
    "nested": b"[" * 100_000,
    "null": b"null\n",
    "nothing in it": b'{"split": "test"}\n',
    "cut": b'{"fingerprint": "a", "method": 1, "photographs": "AAA=", "new": ""}\n',
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_ledger_goes_on_counting_and_says_so_in_one_line(dataset, damage):
    record(dataset)
    ledger_path().write_bytes(ledger_path().read_bytes() + DAMAGE[damage])
    exposure = record_evaluation(dataset, "test", "toy@1")
    assert (exposure.evaluated_before, exposure.most_often) == (12, 1)
    assert (
        "line 2 of the ledger is damaged and counts for nothing, so it may have been more often: restore"
        in exposure.note
    )
    assert "\n" not in exposure.note and record(dataset) == (12, 12, 2, 2)


def test_several_damaged_lines_are_one_line_too(dataset):
    ledger_path().write_text("x\ny\n\n")
    note = record_evaluation(dataset, "test", "toy@1").note
    assert (
        note.startswith("none of these photographs")
        and "2 lines of the ledger are damaged (the first: 1) and count for nothing" in note
    )


def test_a_ledger_that_cannot_be_written_names_its_variable(dataset):
    ledger_path().mkdir(parents=True)
    for call in (require_ledger, lambda: record(dataset)):
        with pytest.raises(
            SpaceError, match=r"ledger.jsonl: the ledger, .* cannot be written .* set LENTIGO_LEDGER"
        ):
            call()


def test_a_line_costs_few_bytes(dataset):
    record(dataset)
    record(dataset)
    first, second = ledger_path().read_text().splitlines()
    assert len(first) < 300 + 12 * 70 and len(second) < 300 + 12 * 12
