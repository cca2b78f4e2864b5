import random

import keras
import numpy as np
import pytest

from lentigo.errors import ModelError
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.keras_graph import cut_network
from lentigo.models.networks.network import build_network, hash_weights, open_network, unfreeze_backbone
from lentigo.models.networks.output_models import build_runtime_model, build_saved_model, find_mid_level_map

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3)).astype("uint8")


@pytest.fixture(scope="module")
def network(random_network):
    return random_network("mobilenetv2")


def numbers(variable):
    return keras.ops.convert_to_numpy(variable).copy()


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.fixture(scope="module")
def densenet(random_network):
    return random_network("densenet121")


def test_densenet121_has_the_parameters_of_the_original(densenet):
    full = densenet.classifier
    assert full.count_params() == 8_618_561
    assert count(full.trainable_variables) == 1_577_985


def test_full_is_head_after_trunk(network):
    np.testing.assert_allclose(
        network.classifier(PIXELS), network.head(network.feature_extractor(PIXELS)), atol=1e-6
    )


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_a_cut_network_answers_alike_in_two_steps(network, share):
    first, rest = cut_network(network.classifier, share)
    np.testing.assert_allclose(rest(first(PIXELS)["map"]), network.classifier(PIXELS), atol=1e-6)
    assert 0 < first.count_params() < share * network.classifier.count_params()


@pytest.mark.parametrize("share", [0.3, 0.31, 0.32])
def test_a_cut_goes_through_one_map_alone(densenet, share):
    first, _ = cut_network(densenet.classifier, share)
    name = first.output["map"]._keras_history.operation.name
    assert name.endswith("concat") or name.startswith("pool"), (
        name
    )  # elsewhere in a dense block two maps are needed


LARGE = [pytest.param(name, marks=pytest.mark.check) for name in ("resnet50", "nasnetmobile", "vgg16")]


@pytest.mark.parametrize("name", ["mobilenetv2", "densenet121", *LARGE])
def test_the_middle_is_a_map_of_the_trunk_and_its_moments_come_out(name, random_network):
    network = random_network(name)
    middle = find_mid_level_map(network)
    map_of = keras.Model(network.feature_extractor.input, middle)(PIXELS[:2]).numpy()
    told = build_runtime_model(network)(PIXELS[:2])["middle"].numpy()
    by_hand = np.concatenate([map_of.mean(axis=(1, 2)), (map_of**2).mean(axis=(1, 2))], axis=1)
    np.testing.assert_allclose(told, by_hand, rtol=1e-3, atol=1e-4 * by_hand.max())
    assert 7 <= middle.shape[1] <= 56


def test_a_share_too_small_to_cut_at_is_named(network):
    with pytest.raises(ModelError, match="expected a larger share"):
        cut_network(network.classifier, 0.001)


def test_batch_norms_of_an_unfrozen_trunk_stay_still(toy_backbone):
    network = build_network(BACKBONES["toy"], "none")
    unfreeze_backbone(network)
    norms = [
        layer
        for layer in network.feature_extractor.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for norm in norms:  # a random trunk's signal fades to 1e-12 without this, and no gradient comes through
        norm.gamma.assign(np.random.default_rng(1).uniform(1.0, 2.0, norm.gamma.shape))
    kernel = next(
        layer for layer in network.feature_extractor.layers if isinstance(layer, keras.layers.Conv2D)
    ).kernel
    before, kernel_before = [numbers(norm.moving_mean) for norm in norms], numbers(kernel)
    network.classifier.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    network.classifier.fit(PIXELS, np.array([[0], [1], [0], [1]]), epochs=1, verbose=0)
    assert all(
        np.array_equal(numbers(norm.moving_mean), mean) for norm, mean in zip(norms, before, strict=True)
    )
    assert not np.array_equal(numbers(kernel), kernel_before)


def test_a_saved_network_answers_alike(seeded, tmp_path):
    network = seeded[0][0]
    build_saved_model(network).save(tmp_path / "model.keras")
    opened = open_network(tmp_path / "model.keras", network.backbone)
    np.testing.assert_array_equal(opened.classifier(PIXELS), network.classifier(PIXELS))
    assert hash_weights(opened) == hash_weights(network)


@pytest.fixture(scope="module")
def seeded(toy_backbone):
    """Networks of the seeds 3, 3 and 4, and whether building them left the global state of chance alone."""
    state = random.getstate()
    networks = [build_network(BACKBONES["toy"], "none", seed=seed) for seed in (3, 3, 4)]
    return networks, random.getstate() == state


def test_the_same_seed_gives_the_same_head(seeded):
    first, second, third = (network.head for network in seeded[0])
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))
    assert not all(
        np.array_equal(a, b) for a, b in zip(first.get_weights(), third.get_weights(), strict=True)
    )


def test_the_same_seed_gives_the_same_random_trunk_and_leaves_the_global_state_alone(seeded):
    networks, left_alone = seeded
    names = [hash_weights(network) for network in networks]
    assert names[0] == names[1] != names[2] and left_alone


def test_weights_come_from_a_file(toy_backbone, tmp_path):
    image = keras.Input((224, 224, 3))
    base = keras.applications.Toy(include_top=False, input_tensor=image, name="toy", weights=None)
    base.save_weights(tmp_path / "m.weights.h5")
    loaded = build_network(BACKBONES["toy"], tmp_path / "m.weights.h5")
    features = np.mean(base([PIXELS.astype("float32") / 127.5 - 1]), axis=(1, 2))
    assert features.max() > 0.01
    np.testing.assert_allclose(loaded.feature_extractor(PIXELS), features, atol=1e-5)


def test_a_missing_weight_file_is_named():
    with pytest.raises(ModelError, match=r"nowhere.weights.h5: no such weight file"):
        build_network(BACKBONES["mobilenetv2"], "nowhere.weights.h5")


def test_weights_of_another_backbone_are_refused(weight_file, toy_backbone):
    with pytest.raises(ModelError, match="does not fit vgg16"):
        build_network(BACKBONES["vgg16"], weight_file("toy"))


def test_a_failed_download_says_which_file_to_put_where(monkeypatch, capsys):
    def fail(*_, **__):
        print("Downloading data from ...")  # as Keras does, where machine output may stand
        raise OSError("URL fetch failure")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", fail)
    with pytest.raises(
        ModelError,
        match=r"could not be downloaded; put Keras' file for MobileNetV2.*or pass it: --weights FILE",
    ):
        build_network(BACKBONES["mobilenetv2"], "imagenet")
    said = capsys.readouterr()
    assert said.out == "" and "Downloading" in said.err


@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)], ids=["empty", "foreign", "an empty ZIP"]
)
def test_a_damaged_model_is_one_line(tmp_path, content):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(
        ModelError, match=r"model\.keras: cannot be opened by this Keras .* copy the RUN again"
    ):
        open_network(tmp_path / "model.keras", BACKBONES["mobilenetv2"])
