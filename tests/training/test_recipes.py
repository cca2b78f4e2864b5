import dataclasses
import json

import pytest

from lentigo.errors import UsageError
from lentigo.training.recipe_lookup import find_head_recipe, find_recipe
from lentigo.training.recipes import BEST, SEED, Recipe
from lentigo.training.stage_builders import build_lowres_stage, list_builders
from lentigo.training.views.augmentation import Augmentation


def test_seed_is_the_recipe_of_the_original():
    facts = (
        SEED.epochs,
        SEED.batch_size,
        SEED.validation_split,
        SEED.finetune,
        SEED.dropout_1,
        SEED.dropout_2,
        SEED.head_learning_rate,
        SEED.label_smoothing,
    )
    assert facts == (150, 32, 0.2, False, 0.8, 0.5, 1e-3, 0.0)


def test_best_is_the_default():
    assert find_recipe("best") == Recipe()


def test_every_range_of_augmentation_is_in_the_recipe():
    assert {item.name for item in dataclasses.fields(Augmentation)} <= {
        item.name for item in dataclasses.fields(Recipe)
    }


def test_a_change_of_none_is_no_change():
    assert find_recipe("seed", epochs=None) == SEED


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"validation_split": 1.5},
        {"learning_rate": float("nan")},
        {"dropout_1": 1.0},
        {"batch_size": -1},
    ],
)
def test_a_number_out_of_range_is_named(change):
    with pytest.raises(UsageError, match=f"{next(iter(change)).replace('_', '-')} is .*; expected"):
        find_recipe("best", **change)


def test_smaller_views_can_be_the_last_stage():
    recipe = find_recipe("best", head_epochs=0, lowres_epochs=2, epochs=0)
    assert list_builders(recipe) == [build_lowres_stage]


def test_an_unknown_recipe_is_named():
    with pytest.raises(UsageError, match="recipe 'bets' is unknown; expected best or seed"):
        find_recipe("bets")


def write(path, entries):
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return path


def test_a_recipe_comes_back_from_its_file(tmp_path):
    recipe = Recipe(name="mine", dropout_1=0.3, flip=False, epochs=7)
    assert find_recipe(write(tmp_path / "recipe.json", dataclasses.asdict(recipe))) == recipe


def test_what_a_file_leaves_out_is_as_in_best_and_flags_come_last(tmp_path):
    path = write(tmp_path / "mine.json", {"dropout_1": 0, "epochs": 7})
    assert find_recipe(str(path), epochs=3) == dataclasses.replace(BEST, name="mine", dropout_1=0, epochs=3)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"droput_1": 0.3}, "'droput_1' is no field of a recipe; expected dropout_1"),
        ({"dropout_1": 1.5}, "dropout-1 is 1.5; expected 0 to 0.99"),
        ({"epochs": 2.5}, "epochs is 2.5; expected a whole number"),
        ({"epochs": True}, "epochs is True; expected a whole number"),
        ({"flip": 1}, "flip is 1; expected true or false"),
        ({"weight_decay": "much"}, "weight_decay is 'much'; expected a number"),
        ([1], "holds no JSON object"),
        ("{", "not readable as JSON"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, entries, message):
    path = write(tmp_path / "recipe.json", entries)
    with pytest.raises(UsageError) as failure:
        find_recipe(path)
    assert str(failure.value).startswith(f"{path}: ") and message in str(failure.value)


def test_a_head_recipe_leaves_the_backbone_alone_unless_asked():
    assert not find_head_recipe("best").finetune and find_head_recipe("best").epochs == BEST.head_epochs
    assert find_head_recipe("best", finetune=True) == BEST and find_head_recipe("seed") == SEED
