"""Several devices and half the width of numbers. With JAX, where it is installed, on processors that play
several devices.
"""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from lentigo.errors import UsageError
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.runtime import Session
from lentigo.training.heads import LabelledFeatures, predict_logits, train_head
from lentigo.training.loop.devices import count_devices, use_devices
from lentigo.training.recipe_lookup import find_head_recipe

RECIPE = find_head_recipe("best", epochs=4, batch_size=16, dropout_1=0.0, dropout_2=0.0)
with_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")


def draw_sample(n=128):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, 16)).astype(np.float32)
    return LabelledFeatures(features, (features[:, 0] > 0).astype(int))


def learn(sample):
    """Logits of a head that has learned from three quarters of a sample."""
    held_out = np.arange(len(sample.malignant)) % 4 == 0
    return predict_logits(train_head(RECIPE, sample, held_out)[0], sample.features)


def run_jax(code, devices=4):
    """What a program prints, with Keras on JAX and so many devices."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": os.pathsep.join([*sys.path, os.path.dirname(__file__)]),
    }
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return answer.stdout


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="needs another backend")
def test_several_devices_need_jax():
    with pytest.raises(UsageError, match="KERAS_BACKEND=jax"), use_devices("2"):
        pass


@pytest.mark.parametrize("devices", ["0", "-1", "two", ""])
def test_a_number_that_is_none_is_a_wrong_call(devices):
    with pytest.raises(UsageError, match="expected a number"), use_devices(devices):
        pass


def test_one_device_is_one_device():
    with use_devices("1") as count:
        assert count == count_devices() == 1


def test_bf16_ends_with_its_context():
    with use_devices(bf16=True):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_bf16_learns_what_float32_learns():
    sample = draw_sample()
    with use_devices(bf16=True):
        half = learn(sample)
    assert half.dtype == np.float32 and np.corrcoef(half, learn(sample))[0, 1] > 0.99


def test_the_graph_of_a_bf16_network_computes_in_float32():
    from lentigo.models.networks.backbones import BACKBONES
    from lentigo.models.networks.network import build_network
    from lentigo.models.networks.output_models import build_runtime_model

    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    with use_devices(bf16=True):
        half = build_network(BACKBONES["mobilenetv3small"], "none")
        graph = to_onnx(build_runtime_model(half)).SerializeToString()
    whole = build_network(BACKBONES["mobilenetv3small"], "none")
    whole.classifier.set_weights(half.classifier.get_weights())
    answers = Session(graph, precision="f32").run(images)
    for name, expected in build_runtime_model(whole)(images).items():
        np.testing.assert_allclose(answers[name], np.asarray(expected), atol=1e-4, err_msg=name)


@with_jax
@pytest.mark.check
def test_four_devices_learn_what_one_learns():
    one, four = (
        np.array(
            run_jax(
                f"from test_devices import *\nwith use_devices({devices!r}): print(*learn(draw_sample()))"
            ).split(),
            float,
        )
        for devices in ("1", "all")
    )
    np.testing.assert_allclose(four, one, rtol=1e-3, atol=1e-3)
    assert np.ptp(one) > 1


@with_jax
@pytest.mark.check
def test_a_last_batch_that_cannot_be_shared_out_is_cut():
    code = "from test_devices import *\nwith use_devices('all'): print(*learn(draw_sample(122)))"
    assert len(run_jax(code).split()) == 122


@with_jax
@pytest.mark.check
def test_more_devices_than_there_are_is_a_wrong_call():
    code = "from test_devices import *\ntry:\n    with use_devices('9'): pass\nexcept UsageError as error: print(error)"
    assert run_jax(code).startswith("9 devices; expected 4 at most")
