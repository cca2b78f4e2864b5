"""Epochs of steps: how photographs are dealt out, and what happens where a loss is no number."""

from dataclasses import replace

import numpy as np
import pytest

from lentigo.errors import DataError, ModelError, UsageError
from lentigo.training.heads import LabelledFeatures, score_head, score_logits
from lentigo.training.loop.epochs import order_rows
from lentigo.training.recipe_lookup import find_head_recipe, find_recipe

RECIPE = find_head_recipe("best", epochs=2, batch_size=16)


@pytest.fixture
def sample():
    """Sixty photographs of eight features, the first of which tells the classes apart."""
    malignant = np.arange(60) % 2
    features = np.random.default_rng(0).normal(0, 1, (60, 8)).astype(np.float32)
    features[:, 0] += malignant
    return LabelledFeatures(features, malignant)


@pytest.mark.parametrize("n", [1, 16, 17, 31, 32, 33, 49])
def test_every_photograph_is_seen_once_an_epoch_and_none_alone(n):
    batches = order_rows(n, RECIPE, "head", 0)
    assert sorted(np.concatenate(batches)) == list(range(n))
    assert n == 1 or min(map(len, batches)) > 1


def test_a_training_that_diverges_says_which_rate_to_lower(sample):
    with pytest.raises(
        ModelError,
        match=r"head, epoch 1: the loss is \S+; .*diverged, lower --head-learning-rate \(it is 1e\+30\)",
    ):
        score_head(replace(RECIPE, head_learning_rate=1e30), sample, np.arange(60) >= 40)


def test_logits_that_are_no_numbers_are_named():
    with pytest.raises(ModelError, match="1 of 3 validation photographs have a logit that is no number"):
        score_logits(np.array([0.5, np.nan, 1.0]), np.array([0, 1, 1]))


def test_a_validation_of_one_class_is_named(sample):
    held_out = np.arange(60) % 4 == 0
    with pytest.raises(DataError, match="validation: all 15 photographs are of one class; expected both"):
        score_head(RECIPE, sample, held_out)


def test_a_rate_without_end_is_no_rate():
    with pytest.raises(UsageError, match="learning-rate is inf; expected a finite number"):
        find_recipe("best", learning_rate=float("inf"))
