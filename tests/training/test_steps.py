"""The fast step is Keras' own step."""

from functools import cache

import keras
import numpy as np
import pytest

from lentigo.training.loop.stages import compile_model
from lentigo.training.loop.steps import FusedAdamW, make_epoch, make_keras_step, make_tensorflow_step
from lentigo.training.recipe_lookup import find_recipe

RNG = np.random.default_rng(0)
INPUTS, LABELS = RNG.normal(size=(50, 12)).astype(np.float32), RNG.integers(0, 2, (50, 1)).astype(np.float32)
WEIGHTS = RNG.uniform(0.5, 1.5, 50).astype(np.float32)


def train_toy(make_step, optimizer, recipe):
    """Losses, accuracies and weights of a toy with dropout and a batch norm after seven steps, the last one
    smaller.
    """
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.Dense(8, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5, seed=1),
        keras.layers.Dense(1),
    ]
    model = keras.Sequential([keras.Input((12,)), *layers])
    compile_model(model, recipe, 0.01, recipe.ema)
    if optimizer is not None:
        model.optimizer = optimizer(
            0.01,
            weight_decay=recipe.weight_decay,
            use_ema=recipe.ema > 0,
            ema_momentum=recipe.ema or 0.99,
        )
        model.optimizer.build(model.trainable_variables)
    step = make_step(model)
    logs = [
        step(INPUTS[n : n + 16], LABELS[n : n + 16], WEIGHTS[n : n + 16]) for n in (0, 16, 32, 0, 16, 32, 48)
    ]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return np.array(logs), [
        keras.ops.convert_to_numpy(v) for v in (*model.weights, *model.optimizer.variables)
    ]


def step_by_epochs(model):
    """A step that is an epoch of the fused kind, of one batch or of several."""
    epoch = make_epoch(model, INPUTS, LABELS, WEIGHTS)

    def step(inputs, labels, weights):
        start = int(np.flatnonzero((inputs[0] == INPUTS).all(axis=1))[0])
        return tuple(epoch([np.arange(start, start + len(inputs))]) / len(inputs))

    return step


@cache
def train_by_keras(recipe):
    """What `train_toy` gives by Keras' own step, which takes longest."""
    return train_toy(make_keras_step, keras.optimizers.AdamW, recipe)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the fast step is TensorFlow's")
@pytest.mark.parametrize("make_fast_step", [make_tensorflow_step, step_by_epochs])
@pytest.mark.parametrize("changes", [{"ema": 0.0}, {"ema": 0.9, "weight_decay": 0.1, "label_smoothing": 0.1}])
def test_the_fast_step_gives_the_weights_of_keras(changes, make_fast_step):
    recipe = find_recipe("best", **changes)
    expected_logs, expected = train_by_keras(recipe)
    logs, weights = train_toy(make_fast_step, FusedAdamW, recipe)
    np.testing.assert_allclose(logs, expected_logs, atol=1e-5)
    for ours, theirs in zip(weights, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the fused epoch is TensorFlow's")
def test_an_epoch_is_its_steps_one_after_the_other():
    batches = [np.arange(16), np.arange(16, 32), np.arange(32, 50)]
    models = []
    for _ in range(2):
        model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        compile_model(model, find_recipe("seed"), 0.01, 0.0)
        models.append(model)
    step = make_tensorflow_step(models[0])
    expected = sum(len(rows) * np.array(step(INPUTS[rows], LABELS[rows], WEIGHTS[rows])) for rows in batches)
    found = make_epoch(models[1], INPUTS, LABELS, WEIGHTS)(batches)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(*(model.get_weights()[0] for model in models), atol=1e-6)
