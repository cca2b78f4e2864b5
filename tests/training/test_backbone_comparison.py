import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from lentigo.errors import ModelError, UsageError
from lentigo.inference.performance.costs import Cost
from lentigo.models.networks.backbones import BACKBONES
from lentigo.training.heads import Score
from lentigo.training.recipe_lookup import find_head_recipe
from lentigo.training.selection import backbone_costs, comparison_units
from lentigo.training.selection.comparison import Protocol, compare_backbones, list_backbones
from lentigo.training.selection.ranking import rank_backbones

pytestmark = pytest.mark.usefixtures("toy_backbone", "untraced")
RECIPE = find_head_recipe("best", epochs=2)
ORIGINALS = {
    "densenet121",
    "densenet169",
    "densenet201",
    "inceptionv3",
    "inceptionresnetv2",
    "xception",
    "vgg16",
    "vgg19",
    "mobilenetv2",
    "nasnetmobile",
    "resnet50",
    "resnet101",
    "resnet152",
    "efficientnetb0",
    "efficientnetb3",
}


@pytest.fixture(scope="module")
def weights(weight_file, tmp_path_factory):
    """A folder with weights of two backbones, and with two files for a third."""
    folder = tmp_path_factory.mktemp("weights")
    for name in ("toy", "other_toy"):
        shutil.copy(weight_file(name), folder / f"{name}.weights.h5")
    for number in (1, 2):
        (folder / f"vgg16_{number}.h5").write_bytes(b"")
    return str(folder)


@pytest.fixture(scope="module")
def finished(synthetic_lesions, weights, tmp_path_factory):
    """A finished comparison: its folder and its ranking."""
    out = tmp_path_factory.mktemp("comparison")
    ranking = compare_backbones(
        synthetic_lesions,
        out,
        ["toy", "other_toy", "vgg16"],
        Protocol(RECIPE, 2, 1, weights, costs=False),
    )
    ranking.save(out)
    return out, ranking


def make_score(auroc):
    return Score(auroc, auroc - 0.05, 0.5, 20, 10, 1, 2, 1.0)


def test_the_backbones_of_the_original_are_in_the_table():
    assert set(BACKBONES) >= ORIGINALS


def test_each_backbone_has_a_score_of_each_fold(finished):
    out, ranking = finished
    assert {standing.backbone: len(standing.scores) for standing in ranking.ranked} == {
        "toy": 2,
        "other_toy": 2,
    }
    assert len(list((out / "units").glob("*-fold*.json"))) == 4


def test_every_photograph_is_held_out_once(finished, synthetic_lesions):
    _, ranking = finished
    assert all(sum(score.n for score in standing.scores) == ranking.facts["n"] for standing in ranking.ranked)


def test_a_backbone_without_usable_weights_is_named_and_the_others_go_on(finished):
    _, ranking = finished
    assert [
        (one.backbone, "vgg16_1.h5, vgg16_2.h5 are all for vgg16; expected one" in one.reason)
        for one in ranking.missing
    ] == [("vgg16", True)]


def test_what_is_finished_is_not_trained_again(finished, synthetic_lesions, weights, monkeypatch):
    out, before = finished
    monkeypatch.setattr(comparison_units, "score_head", None)
    again = compare_backbones(synthetic_lesions, out, ["toy"], Protocol(RECIPE, 2, 1, weights, costs=False))
    assert again.ranked[0].scores == next(s.scores for s in before.ranked if s.backbone == "toy")


def test_a_unit_that_is_lost_is_made_again_with_the_same_score(finished, synthetic_lesions, weights):
    out, _ = finished
    path = out / "units" / "toy-seed0-fold1.json"
    before = json.loads(path.read_text())
    path.unlink()
    compare_backbones(synthetic_lesions, out, ["toy"], Protocol(RECIPE, 2, 1, weights, costs=False))
    assert json.loads(path.read_text())["auroc"] == pytest.approx(before["auroc"], abs=0.05)


def test_another_recipe_is_refused_by_the_name_of_what_changed(finished, synthetic_lesions, weights):
    out, _ = finished
    with pytest.raises(UsageError, match="was started with another epochs"):
        compare_backbones(
            synthetic_lesions,
            out,
            ["toy"],
            Protocol(find_head_recipe("best", epochs=3), 2, 1, weights),
        )


def test_other_photographs_are_refused(finished, synthetic_lesions, weights, tmp_path):
    out, _ = finished
    table = pd.read_csv(synthetic_lesions / "manifest.csv").iloc[:-1]
    table["image"] = [str(synthetic_lesions / image) for image in table["image"]]
    table.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(UsageError, match="another data_fingerprint"):
        compare_backbones(tmp_path / "manifest.csv", out, ["toy"], Protocol(RECIPE, 2, 1, weights))


def test_other_weights_are_refused(finished, synthetic_lesions, weights, tmp_path):
    out, _ = finished
    content = (Path(weights) / "toy.weights.h5").read_bytes()
    (tmp_path / "toy.h5").write_bytes(content + b" ")
    with pytest.raises(UsageError, match=r"was made with the weights toy.weights.h5@.*, not toy.h5@"):
        compare_backbones(synthetic_lesions, out, ["toy"], Protocol(RECIPE, 2, 1, str(tmp_path)))


def test_no_weights_at_all_is_an_error(synthetic_lesions, weights, tmp_path):
    with pytest.raises(ModelError, match=r"none of 1 backbones can be compared; the first: .*vgg16"):
        compare_backbones(synthetic_lesions, tmp_path / "out", ["vgg16"], Protocol(RECIPE, 2, 1, weights))


def test_the_answer_is_a_table_a_file_and_a_figure(finished):
    out, ranking = finished
    table = pd.read_csv(out / "comparison.csv")
    assert (
        table["backbone"].tolist() == [standing.backbone for standing in ranking.ranked]
        and table["auroc"].is_monotonic_decreasing
    )
    assert json.loads((out / "comparison.json").read_text()) == json.loads(json.dumps(ranking.to_json()))
    assert (out / "figures" / "quality_cost.png").stat().st_size > 1000


def test_the_best_is_compared_with_each_and_p_is_adjusted():
    scores = {"a": [0.9, 0.91, 0.92, 0.93], "b": [0.8, 0.82, 0.81, 0.84], "c": [0.89, 0.93, 0.9, 0.93]}
    ranking = rank_backbones(
        {name: [make_score(auroc) for auroc in aurocs] for name, aurocs in scores.items()}, {}, 1 / 3
    )
    assert [standing.backbone for standing in ranking.ranked] == ["a", "c", "b"] and ranking.ranked[
        0
    ].behind is None
    _, c, b = ranking.ranked
    assert (
        b.behind.mean == pytest.approx(-0.0975)
        and b.p_adjusted == pytest.approx(2 * b.behind.p)
        and c.p_adjusted == pytest.approx(c.behind.p)
        and b.p_adjusted < 0.05 < c.p_adjusted
    )


def test_one_training_has_no_interval_and_is_drawn(tmp_path):
    cost = Cost(4_000_000, 300_000_000, 9.0, 6.0, None, 16.0, "f32")
    ranking = rank_backbones({"a": [make_score(0.9)], "b": [make_score(0.8)]}, {"a": cost, "b": cost}, 0.25)
    assert ranking.to_json()["backbones"][1]["behind"]["p_adjusted"] is None
    assert ranking.save(tmp_path).is_file()


def test_a_name_that_is_unknown_is_refused():
    with pytest.raises(UsageError, match="resnet18"):
        list_backbones(["mobilenetv2", "resnet18"])


@pytest.mark.check
def test_the_whole_network_is_compared_on_one_split_a_seed(synthetic_lesions, weights, tmp_path):
    recipe = find_head_recipe("best", finetune=True, head_epochs=1, epochs=1)
    ranking = compare_backbones(
        synthetic_lesions, tmp_path, ["toy"], Protocol(recipe, 2, 1, weights, costs=False)
    )
    (score,) = ranking.ranked[0].scores
    assert score.epochs == 2 and score.n < ranking.facts["n"] / 2 and not list((tmp_path / "work").iterdir())


@pytest.mark.check
@pytest.mark.parametrize("name", ["densenet121", "resnet50", "nasnetmobile", "efficientnetlite2"])
def test_the_cost_of_a_backbone_of_each_family_is_measured_without_weights(name, tmp_path):
    cost = backbone_costs.measure_costs([BACKBONES[name]], tmp_path)[name]
    assert (
        cost.multiplications > 50e6
        and cost.parameters > 1e6
        and cost.milliseconds_alone > 0
        and cost.megabytes == pytest.approx(4e-6 * cost.parameters, rel=0.2)
    )


def test_a_cost_is_measured_once_on_a_machine(tmp_path, monkeypatch):
    first = backbone_costs.measure_costs([BACKBONES["toy"]], tmp_path)
    # Pixels, inputs and outputs of five convolutions of 3 x 3
    shapes = [(112, 3, 8), (56, 8, 16), (28, 16, 32), (14, 32, 64), (7, 64, 64)]
    expected = sum(side**2 * 9 * inputs * outputs for side, inputs, outputs in shapes)
    assert first["toy"].multiplications == pytest.approx(expected, rel=0.1)
    monkeypatch.setattr(backbone_costs, "measure_backbone", None)
    assert backbone_costs.measure_costs([BACKBONES["toy"]], tmp_path) == first
