import json

import pytest


def test_a_comparison_without_photographs_says_what_it_takes(lentigo):
    result = lentigo("compare", "--backbones", "mobilenetv2")
    assert (
        result.returncode == 2
        and "expected photographs and a folder" in result.stderr
        and len(result.stderr.splitlines()) == 1
    )


def test_costs_alone_are_one_object(lentigo, tmp_path):
    result = lentigo("compare", "--cost-only", "--backbones", "mobilenetv3small", "--json")
    (found,) = json.loads(result.stdout)["backbones"]
    assert (
        result.returncode == 0
        and found["backbone"] == "mobilenetv3small"
        and found["cost"]["memory_megabytes"] > 50
    )


@pytest.mark.check
def test_compare_tune_and_train_on_what_was_found(lentigo, synthetic_lesions, weight_file, tmp_path):
    weights, backbone = weight_file("mobilenetv3small"), "mobilenetv3small"
    short = ["--epochs", "1", "--folds", "2", "--json"]
    compared = lentigo(
        "compare",
        synthetic_lesions,
        "--backbones",
        backbone,
        "--weights-dir",
        weights.parent,
        "--seeds",
        "1",
        "--no-costs",
        "--out",
        tmp_path / "compared",
        *short,
    )
    assert compared.returncode == 0 and json.loads(compared.stdout)["backbones"][0]["backbone"] == backbone
    tuned = lentigo(
        "tune",
        synthetic_lesions,
        "--backbone",
        backbone,
        "--weights",
        weights,
        "--trials",
        "2",
        "--out",
        tmp_path / "tuned",
        *short,
    )
    assert tuned.returncode == 0 and json.loads(tuned.stdout)["trials"]["complete"] >= 1
    recipe = json.loads(tuned.stdout)["recipe_file"]
    trained = lentigo(
        "train",
        synthetic_lesions,
        "--recipe",
        recipe,
        "--folds",
        "2",
        "--weights",
        weights,
        "--out",
        tmp_path / "run",
        "--json",
    )
    assert trained.returncode == 0 and json.loads(trained.stdout)["validation"]["n"] == 48
    assert json.loads((tmp_path / "run" / "card.json").read_text())["recipe"]["name"] == "tuned"
