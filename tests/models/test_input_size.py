"""Networks that shrink a photograph before the backbone sees it."""

import cv2
import keras
import numpy as np
import onnxruntime
import pytest

from lentigo.errors import UsageError
from lentigo.models.graphs.graph_weights import load_backbone
from lentigo.models.graphs.onnx_graph import save_onnx, to_onnx
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.feature_extractor import fit_batch_norms
from lentigo.models.networks.mask_decoder import attach_decoder, build_decoder, find_skips
from lentigo.models.networks.network import build_network, find_input_size, hash_weights, open_network
from lentigo.models.networks.output_models import build_export_model, build_saved_model, build_training_model
from lentigo.models.runtime import Session
from lentigo.training.recipe_lookup import find_recipe

# Smooth, so that the last bits of a resize do not matter, and enough for the norms of random filters
COARSE = np.random.default_rng(0).integers(0, 256, (12, 14, 14, 3)).astype("uint8")
PIXELS = np.stack([cv2.resize(image, (224, 224), interpolation=cv2.INTER_CUBIC) for image in COARSE])


@pytest.fixture(scope="module")
def network(toy_backbone):
    network = build_network(BACKBONES["toy"], "none", input_size=160)
    fit_batch_norms(network.feature_extractor, PIXELS)
    return attach_decoder(network, build_decoder(find_skips(network), 8, seed=0))


def test_all_runtimes_shrink_alike(network):
    model = build_export_model(network)
    expected = {name: np.asarray(values) for name, values in model(PIXELS, training=False).items()}
    graph = to_onnx(model).SerializeToString()
    session = onnxruntime.InferenceSession(graph)
    names = [output.name for output in session.get_outputs()]
    with_onnxruntime = dict(zip(names, session.run(names, {"image": PIXELS}), strict=True))
    for found in (Session(graph, precision="f32").run(PIXELS), with_onnxruntime):
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, atol=5e-4, err_msg=name)
    assert expected["heatmap"].shape == (12, 5, 5) and expected["mask"].shape == (12, 224, 224)


def test_a_saved_network_still_shrinks(network, tmp_path):
    path = tmp_path / "model.keras"
    build_saved_model(network).save(path)
    opened = open_network(path, network.backbone)
    assert find_input_size(opened) == 160 and hash_weights(opened) == hash_weights(network)


def test_the_size_is_part_of_what_decides_the_embedding(network, tmp_path):
    save_onnx(build_export_model(network), tmp_path / "model.onnx")
    whole = build_network(network.backbone, "none")
    load_backbone(whole, tmp_path / "model.onnx")
    assert find_input_size(whole) == 224 and hash_weights(whole) != hash_weights(network)


def test_smaller_views_are_seen_at_the_same_size(network):
    learner = build_training_model(network, 96)
    assert learner.input.shape == (None, 96, 96, 3)
    classifier = keras.Model(learner.input, {"logit": learner.outputs[0]})
    views = PIXELS[:, :96, :96]
    found = Session(to_onnx(classifier).SerializeToString(), precision="f32").run(views)["logit"]
    np.testing.assert_allclose(found, np.asarray(classifier(views, training=False)["logit"]), atol=5e-4)


def test_a_size_that_no_backbone_can_halve_five_times_is_an_error():
    with pytest.raises(UsageError, match="input-size is 150; expected a multiple of 32"):
        find_recipe("best", input_size=150)
