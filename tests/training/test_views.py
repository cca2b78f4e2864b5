"""Batches of views, and the outline that is learned beside the class."""

from dataclasses import replace

import numpy as np
import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import UsageError
from lentigo.models.bundle import open_bundle
from lentigo.models.networks.output_models import build_training_model
from lentigo.training.preparation import build_outline, check_call
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.start.starting_network import build_start
from lentigo.training.trainer import train
from lentigo.training.views.view_batches import NO_MASK, load_views

SIDE = 64
WEIGHTS = np.ones(4, np.float32)


def test_a_photograph_that_is_drawn_twice_is_seen_as_two_views(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    rows = np.array([3, 3, 5, 3])
    views, _, _ = load_views(dataset, find_recipe("best", views=4), 0, rows, WEIGHTS, SIDE)
    assert not np.array_equal(views[0], views[1]) and not np.array_equal(views[1], views[3])
    again, _, _ = load_views(dataset, find_recipe("best", views=4), 0, rows, WEIGHTS, SIDE)
    assert np.array_equal(views, again)


def test_the_mask_moves_with_its_view(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    masks = [None, *dataset.table["mask"][1:]]
    dataset = replace(dataset, table=dataset.table.assign(mask=masks))
    recipe = find_recipe("best", outline_weight=0.5, tint=0.0, brightness=0.0, contrast=0.0)
    views, labels, _ = load_views(dataset, recipe, 0, np.arange(4), WEIGHTS, SIDE, SIDE)
    assert labels.shape == (4, 1 + SIDE * SIDE) and (labels[0, 1:] == NO_MASK).all()
    for view, mask in zip(views[1:], labels[1:, 1:].reshape(3, SIDE, SIDE), strict=True):
        green = view[:, :, 1]  # lesions are darker than skin
        assert green[mask == 1].mean() < green[mask == 0].mean() - 20


def test_the_learner_gives_the_outline_at_the_size_of_its_views():
    recipe = find_recipe("best", backbone="mobilenetv3small", outline_weight=0.5, mask_width=8)
    network = build_start(recipe, "none")
    model = build_training_model(network, 64, build_outline(network, recipe))
    assert [output.shape for output in model.outputs] == [(None, 1), (None, 64 * 64)]
    smaller = build_start(find_recipe(recipe, input_size=160), "none")
    model = build_training_model(smaller, 160, build_outline(smaller, recipe))
    assert [output.shape for output in model.outputs] == [(None, 1), (None, 224 * 224)]


@pytest.mark.check
@pytest.mark.usefixtures("toy_backbone")
def test_an_outline_is_learned_beside_the_class_and_is_not_written(synthetic_lesions, weight_file, tmp_path):
    recipe = find_recipe(
        "best",
        backbone="toy",
        head_epochs=0,
        lowres_epochs=1,
        lowres_size=64,
        epochs=1,
        batch_size=16,
        outline_weight=0.5,
        mask_width=8,
        background_swap=0.3,
        tta=False,
    )
    weights = weight_file("toy")
    training = train(synthetic_lesions, tmp_path / "run", recipe, weights=weights)
    bundle = open_bundle(tmp_path / "run")
    assert bundle.outputs == ("logit", "embedding", "heatmap")
    assert bundle.card["recipe"]["outline_weight"] == 0.5
    assert 0 <= training.validation.metrics.auroc <= 1


def test_blends_have_no_outline(tmp_path):
    recipe = find_recipe("best", outline_weight=0.5, mixup=0.2)
    with pytest.raises(UsageError, match="--outline-weight and --mixup"):
        check_call(tmp_path / "run", recipe, resume=False)
