"""What a RUN knows of the photographs that it has learned from."""

import json

import numpy as np
import pytest

from lentigo.common.hashing import hash_file
from lentigo.common.json_values import write_json
from lentigo.errors import ModelError
from lentigo.models.bundle import find_bundle
from lentigo.models.training_record import BYTES_EACH, forget_everything, list_training_record
from lentigo.models.training_record_files import (
    find_training_record,
    read_training_record,
    write_training_record,
)

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def hash_of(number):
    return np.full((1, 24), number, np.uint8)


def test_the_later_use_counts_and_a_hash_is_kept():
    start = list_training_record([A, B], ["train", "validation"], np.concatenate([hash_of(1), hash_of(2)]))
    both = start.add(list_training_record([B, C], ["train", "train"]))
    assert both.uses[:, 0].tolist() == [1, 1, 1] and both.hashes[:, 0].tolist() == [1, 2, 0]
    assert both.describe() == {"photographs": 3, "not_known": 1}


def test_a_photograph_known_from_training_and_validation_counts_as_trained_on(image, tmp_path):
    hashes = write_training_record(
        tmp_path / "x.npz", [str(image)], [A], np.array([True]), start=forget_everything()
    ).hashes
    learned = list_training_record([A, B], ["validation", "train"], np.concatenate([hashes, hashes]))
    assert learned.recognise([str(image)], [C])[0].split == "train"


def test_a_file_on_disk_says_what_was_written(image, run, tmp_path):
    start = list_training_record([B], ["train"], unlisted=3)
    written = write_training_record(
        tmp_path / "learned.npz", [str(image)], [A], np.array([False]), start=start
    )
    bundle = find_bundle(run)
    read = read_training_record(type(bundle)(tmp_path, bundle.card))
    for name in ("digests", "hashes", "uses"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    assert read.total == 5 and read.not_known == 4


def test_a_photograph_costs_few_bytes(tmp_path):
    rng = np.random.default_rng(0)
    digests = [rng.bytes(32).hex() for _ in range(19_000)]
    hashes = rng.integers(0, 256, (19_000, 24), dtype=np.uint8)
    list_training_record(digests, ["train"] * 19_000, hashes).write(tmp_path / "learned.npz")
    assert (tmp_path / "learned.npz").stat().st_size < 19_000 * BYTES_EACH + 2_000 < 700_000


def test_a_damaged_file_is_one_error(run, tmp_path):
    (tmp_path / "learned.npz").write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"learned\.npz: is damaged .*copy the RUN again"):
        read_training_record(type(find_bundle(run))(tmp_path, {}))


def test_hashes_of_another_method_are_not_known(image, tmp_path):
    write_training_record(
        tmp_path / "learned.npz", [str(image)], [A], np.array([False]), start=forget_everything()
    )
    with np.load(tmp_path / "learned.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "learned.npz", **arrays | {"method": np.int64(0)})
    assert read_training_record(type(find_bundle("bundled"))(tmp_path, {})).not_known == 1


def test_of_a_run_that_lists_nothing_the_card_says_how_many_are_not_known(toy_run, tmp_path):
    folder = toy_run("logit", "embedding")
    card = json.loads((folder / "card.json").read_text())
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    write_json(bare / "card.json", card | {"data": {"training": 40, "validation": 8}})
    assert find_training_record(bare).describe() == {"photographs": 48, "not_known": 48}


def test_a_table_without_picture_hashes_knows_files(toy_run, image, tmp_path):
    folder = toy_run("logit", "embedding")
    for name in ("card.json", "model.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "splits.csv").write_text(f"sha256,split\n{hash_file(image)},train\n")
    (tmp_path / "past.csv").write_text(f"sha256,split\n{A},validation\n")
    learned = find_training_record(tmp_path)
    assert learned.describe() == {"photographs": 2, "not_known": 2}
    assert learned.recognise([str(image)], [hash_file(image)])[0].how == "file"
    filled = learned.fill([str(image)], [hash_file(image)])
    assert filled.not_known == 1 and filled.recognise([str(image)], [B])[0].how == "picture"


def test_what_is_not_listed_belongs_to_the_classifier():
    learned = list_training_record([A], ["train"], unlisted=7)
    assert (learned.total, learned.of_part("classifier").total, learned.of_part("decoder").total) == (8, 8, 0)
