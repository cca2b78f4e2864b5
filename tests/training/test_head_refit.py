"""The last layer fitted anew: each class of each source has the same say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import UsageError
from lentigo.images.photographs import read_image
from lentigo.models.bundle import open_bundle
from lentigo.models.runtime import Session
from lentigo.training.calibration.head_refit import (
    MOST_OF_A_CELL,
    draw_balanced,
    embed_photographs,
    fit_last_layer,
)
from lentigo.training.preparation import check_call
from lentigo.training.recipe_lookup import find_recipe

RNG = np.random.default_rng(0)


def name_photographs(sources, malignant):
    """A data set of these sources and classes, whose files are not looked at."""
    labels = np.where(np.array(malignant) == 1, "malignant", "benign")
    images = [f"{number}.jpg" for number in range(len(labels))]
    return Dataset("drawn", pd.DataFrame({"image": images, "label": labels, "source": sources}))


def test_a_source_in_which_one_class_is_rare_does_not_predict_the_class():
    """Two sources, one mostly malignant. A layer that may lean on the source does; the balanced one hardly."""
    malignant = np.concatenate([RNG.random(3000) < 0.95, RNG.random(3000) < 0.05]).astype(int)
    sources = np.repeat(["referrals", "screening"], 3000)
    tells_source = (sources == "referrals").astype(float)
    embeddings = np.stack([malignant + RNG.normal(0, 1.5, 6000), tells_source], axis=1)
    data = name_photographs(sources, malignant)
    rows, weights = draw_balanced(data, seed=0)
    kernel, _ = fit_last_layer(embeddings[rows], malignant[rows].astype(float), weights)
    plain, _ = fit_last_layer(embeddings, malignant, np.ones(6000))
    assert kernel.shape == (2, 1) and kernel[0] > 0.2
    assert abs(kernel[1, 0]) < 0.3 < 1 < plain[1, 0]


def test_classes_of_a_source_weigh_the_same_and_no_cell_has_too_many():
    malignant = np.repeat([0, 1, 0, 1], [7000, 100, 30, 30])
    sources = np.repeat(["large", "small"], [7100, 60])
    rows, weights = draw_balanced(name_photographs(sources, malignant), seed=0)
    assert len(rows) == len(set(rows)) == MOST_OF_A_CELL + 160
    for source in ("large", "small"):
        of_source = sources[rows] == source
        shares = [weights[of_source & (malignant[rows] == label)].sum() for label in (0, 1)]
        assert shares[0] == pytest.approx(shares[1])
    again, _ = draw_balanced(name_photographs(sources, malignant), seed=0)
    other, _ = draw_balanced(name_photographs(sources, malignant), seed=1)
    assert np.array_equal(rows, again) and not np.array_equal(rows, other)


@pytest.mark.parametrize("sources", [None, ""])
def test_photographs_without_a_source_are_of_one(sources):
    malignant = np.repeat([0, 1], [300, 100])
    data = name_photographs("", malignant)
    if sources is None:
        data = replace(data, table=data.table.drop(columns="source"))
    rows, weights = draw_balanced(data, seed=0)
    assert sorted(rows) == list(range(400))
    assert weights[malignant[rows] == 1].sum() == pytest.approx(weights[malignant[rows] == 0].sum())


def test_a_training_ends_with_the_layer_that_its_embeddings_give(
    toy_backbone, untraced, synthetic_lesions, tmp_path
):
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import open_network
    from lentigo.training.trainer import train

    recipe = find_recipe("best", backbone="toy", epochs=1, head_epochs=0, head="linear", views=8, tta=False)
    recipe = replace(recipe, refit_head=True)
    run = train(synthetic_lesions, tmp_path / "run", recipe, weights="none", fp32=True).bundle
    splits = pd.read_csv(run.folder / "splits.csv")
    names = set(splits.loc[splits["split"] == "train", "image"])
    dataset = load_dataset(synthetic_lesions)
    training = dataset.take(dataset.table["image"].isin(names).to_numpy())
    session = Session(run.graph, precision="f32")
    kernel, bias = fit_last_layer(*embed_photographs(session, training, recipe))
    answers = session.run(np.stack([read_image(image).pixels for image in training.table["image"]]))
    last = open_network(run.folder / "model.keras", find_backbone("toy")).head.get_layer("logit")
    np.testing.assert_allclose(last.get_weights()[0], kernel, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(answers["logit"], answers["embedding"] @ kernel + bias, rtol=1e-3, atol=1e-4)
    assert run.card["recipe"]["refit_head"] is True


def test_photographs_are_shown_as_they_are_and_as_views(toy_run, synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    recipe = find_recipe("best", lesion_removal=0.9, mixup=0.3)
    session = Session(open_bundle(toy_run()).graph, precision="f32")
    embeddings, labels, weights = embed_photographs(session, dataset, recipe)
    rows, _ = draw_balanced(dataset, recipe.seed)
    n = len(rows)
    assert len(embeddings) == len(labels) == len(weights) == 2 * n
    assert np.array_equal(labels[:n], dataset.malignant[rows]) and (labels[n:] == 0.5).mean() > 0.5
    assert np.abs(embeddings[:n] - embeddings[n:]).max() > 0


def test_what_has_no_class_pulls_to_neither():
    """Skin alone, along a direction of its own: the layer does not use that direction."""
    embeddings = np.concatenate(
        [
            RNG.normal([[2, 0]], 1, (500, 2)),
            RNG.normal([[-2, 0]], 1, (500, 2)),
            RNG.normal([[0, 5]], 1, (500, 2)),
        ]
    )
    labels = np.repeat([1.0, 0.0, 0.5], 500)
    kernel, bias = fit_last_layer(embeddings, labels, np.ones(1500))
    assert kernel[0] > 0.5 and abs(kernel[1, 0]) < 0.1 and abs(bias[0]) < 0.3
    assert abs((embeddings[1000:] @ kernel + bias).mean()) < 0.3


def test_a_head_with_hidden_layers_cannot_be_fitted_so(tmp_path):
    with pytest.raises(UsageError, match=r"--refit-head fits a last layer .* expected --head linear"):
        check_call(tmp_path / "run", find_recipe("best", refit_head=True), resume=False)
