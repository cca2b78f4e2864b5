import dataclasses

import pytest

from lentigo.errors import UsageError
from lentigo.training.augmentation import Augmentation
from lentigo.training.recipes import SEED, Recipe, find_recipe


def test_seed_is_the_recipe_of_the_original():
    facts = (SEED.epochs, SEED.batch_size, SEED.validation_split, SEED.finetune, SEED.dropout_1, SEED.dropout_2, SEED.head_learning_rate, SEED.label_smoothing)
    assert facts == (150, 32, 0.2, False, 0.8, 0.5, 1e-3, 0.0)


def test_best_is_the_default():
    assert find_recipe("best") == Recipe()


def test_every_range_of_augmentation_is_in_the_recipe():
    assert {item.name for item in dataclasses.fields(Augmentation)} <= {item.name for item in dataclasses.fields(Recipe)}


def test_a_change_of_none_is_no_change():
    assert find_recipe("seed", epochs=None) == SEED


@pytest.mark.parametrize("change", [{"epochs": 0}, {"validation_split": 1.5}, {"learning_rate": float("nan")}, {"dropout_1": 1.0}, {"batch_size": -1}])
def test_a_number_out_of_range_is_named(change):
    with pytest.raises(UsageError, match=f"{next(iter(change)).replace('_', '-')} is .*; expected"):
        find_recipe("best", **change)


def test_an_unknown_recipe_is_named():
    with pytest.raises(UsageError, match="recipe 'bets' is unknown; expected best or seed"):
        find_recipe("bets")
