import shutil
from contextlib import nullcontext

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import ModelError
from lentigo.images.photographs import read_all
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.network import build_network
from lentigo.training.start import feature_shards
from lentigo.training.start import features as extraction
from lentigo.training.start.feature_shards import features_folder, load_shards
from lentigo.training.start.features import Features, extract_features, refuse_frozen_features

pytestmark = pytest.mark.usefixtures("toy_backbone")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def dataset(synthetic_lesions, cache, monkeypatch):
    """Six synthetic lesions, and a cache of their own, which holds compiled graphs and no features."""
    shutil.rmtree(cache / "features", ignore_errors=True)
    monkeypatch.setenv("LENTIGO_CACHE", str(cache))
    return load_dataset(synthetic_lesions).take(np.array([0, 1, 2, 30, 31, 32]))


@pytest.fixture(scope="module")
def network():
    return build_network(BACKBONES["toy"], "none")


@pytest.fixture
def asked(monkeypatch):
    """The number of photographs that the trunk was run on."""
    seen = []
    original = extraction.stream_images
    monkeypatch.setattr(extraction, "stream_images", lambda paths: original(seen.extend(paths) or paths))
    return seen


def test_features_are_those_of_keras(network, dataset):
    images, _ = read_all(dataset.table["image"])
    expected = network.feature_extractor.predict(np.stack([image.pixels for image in images]), verbose=0)
    np.testing.assert_allclose(extract_features(network, dataset, fp32=True).values, expected, atol=1e-4)


def test_features_are_computed_once(network, dataset, asked):
    first = extract_features(network, dataset)
    second = extract_features(network, dataset)
    assert len(asked) == 6
    np.testing.assert_array_equal(first.values, second.values)


def test_a_changed_photograph_is_computed_again(network, dataset, asked, tmp_path):
    path = tmp_path / "changed.jpg"
    image = dataset.table["image"].iloc[0]
    Image.open(image).save(path)
    table = pd.DataFrame({"image": [str(path)], "label": ["benign"]})
    table.to_csv(tmp_path / "manifest.csv", index=False)
    extract_features(network, load_dataset(tmp_path / "manifest.csv"))
    Image.open(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    extract_features(network, load_dataset(tmp_path / "manifest.csv"))
    assert len(asked) == 2


def test_other_weights_have_another_cache(network):
    other = build_network(BACKBONES["toy"], "none", seed=1)
    assert features_folder(network, True) != features_folder(other, True)


def test_other_preprocessing_has_another_cache(network):
    import dataclasses

    other = dataclasses.replace(network, backbone=dataclasses.replace(network.backbone, sees="raw"))
    assert features_folder(network, True) != features_folder(other, True)


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[: len(b) // 2], lambda b: b"foreign", lambda b: b""],
    ids=["torn", "foreign", "empty"],
)
def test_a_damaged_shard_is_rebuilt(network, dataset, damage):
    before = extract_features(network, dataset)
    (shard,) = features_folder(network, False).glob("*.sealed")
    shard.write_bytes(damage(shard.read_bytes()))
    np.testing.assert_array_equal(extract_features(network, dataset).values, before.values)
    assert len(load_shards(features_folder(network, False), set(dataset.digests))) == 6


def test_only_the_shards_of_a_data_set_are_read(network, dataset, monkeypatch):
    for rows in ([0, 1, 2], [3, 4, 5]):
        extract_features(network, dataset.take(np.array(rows)))
    read = []
    original = feature_shards.read_values
    monkeypatch.setattr(feature_shards, "read_values", lambda path: read.append(path) or original(path))
    assert (
        set(load_shards(features_folder(network, False), {dataset.digests[0]})) == {dataset.digests[0]}
        and len(read) == 1
    )


def test_of_a_shard_only_the_photographs_of_a_data_set_are_kept(network, dataset):
    extract_features(network, dataset)
    assert set(load_shards(features_folder(network, False), {dataset.digests[1], "another"})) == {
        dataset.digests[1]
    }


def test_features_that_are_no_numbers_are_refused():
    features = Features(np.array([[1.0, 2.0], [np.nan, 3.0]], np.float32), np.ones(2, bool), ())
    with pytest.raises(
        ModelError, match="toy with --weights none: gives 1 of 2 photographs features that are no numbers"
    ):
        refuse_frozen_features(features, "toy", "none")


def test_a_shard_with_other_numbers_is_rebuilt(network, dataset):
    before = extract_features(network, dataset)
    (shard,) = features_folder(network, False).glob("*.sealed")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    np.testing.assert_array_equal(extract_features(network, dataset).values, before.values)


@pytest.mark.filterwarnings("ignore::lentigo.common.cache.CacheWarning")
def test_features_are_computed_where_nothing_can_be_kept(network, dataset, tmp_path, monkeypatch):
    before = extract_features(network, dataset)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LENTIGO_CACHE", str(tmp_path / "file"))
    np.testing.assert_array_equal(extract_features(network, dataset).values, before.values)


def test_an_unreadable_photograph_is_left_out_and_named(network, dataset, tmp_path):
    path = tmp_path / "bad.jpg"
    path.write_bytes(b"not a photograph")
    table = pd.concat(
        [dataset.table, pd.DataFrame({"image": [str(path)], "label": ["benign"]})], ignore_index=True
    )
    table[["image", "label"]].to_csv(tmp_path / "manifest.csv", index=False)
    features = extract_features(network, load_dataset(tmp_path / "manifest.csv"))
    assert features.readable.tolist() == [True] * 6 + [False]
    assert [problem.image for problem in features.problems] == [str(path)]


@pytest.mark.parametrize(("size", "refused"), [(1e-7, True), (1e-5, False)])
def test_features_that_hardly_differ_are_refused_whatever_their_mean(size, refused):
    values = 3 + size * np.random.default_rng(0).uniform(0, 1, (50, 8)).astype(np.float32)
    features = Features(values, np.ones(50, bool), ())
    with pytest.raises(ModelError, match="the same features") if refused else nullcontext():
        refuse_frozen_features(features, "toy", "none")


def test_training_on_features_is_training_the_frozen_network(dataset):
    """Same logits before, same loss of an epoch, same logits after, from the same seed."""
    images, _ = read_all(dataset.table["image"])
    pixels, labels = (
        np.stack([image.pixels for image in images]),
        dataset.malignant[:, None].astype("float32"),
    )
    whole = build_network(BACKBONES["toy"], "none", seed=5)
    head = keras.models.clone_model(whole.head)
    head.set_weights(whole.head.get_weights())
    values = extract_features(whole, dataset, fp32=True).values
    np.testing.assert_allclose(head(values), whole.classifier(pixels), atol=1e-4)
    losses = []
    for model, inputs in ((whole.classifier, pixels), (head, values)):
        model.compile(keras.optimizers.SGD(1e-2), keras.losses.BinaryCrossentropy(from_logits=True))
        losses.append(
            model.fit(inputs, labels, batch_size=3, epochs=1, shuffle=False, verbose=0).history["loss"][0]
        )
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    np.testing.assert_allclose(head(values), whole.classifier(pixels), atol=1e-3)
