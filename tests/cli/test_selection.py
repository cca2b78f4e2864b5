import json

import pytest
from json_schemas import hold_schema


def test_a_comparison_without_photographs_says_what_it_takes(lentigo):
    result = lentigo("compare", "--backbones", "mobilenetv2")
    assert (
        result.returncode == 2
        and "expected photographs and a folder" in result.stderr
        and len(result.stderr.splitlines()) == 1
    )


def test_costs_alone_are_one_object(lentigo, tmp_path):
    result = lentigo("compare", "--cost-only", "--backbones", "mobilenetv3small", "--json")
    facts = json.loads(result.stdout)
    hold_schema("compare_costs", "lentigo compare --cost-only --json", [facts])
    (found,) = facts["backbones"]
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
    assert compared.returncode == 0
    ranking = json.loads(compared.stdout)
    hold_schema("compare", "lentigo compare --json", [ranking])
    assert ranking["backbones"][0]["backbone"] == backbone
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
    assert tuned.returncode == 0
    tuning = json.loads(tuned.stdout)
    hold_schema("tune", "lentigo tune --json", [tuning])
    assert tuning["trials"]["complete"] >= 1
    trained = lentigo(
        "train",
        synthetic_lesions,
        "--recipe",
        tuning["recipe_file"],
        "--folds",
        "2",
        "--weights",
        weights,
        "--out",
        tmp_path / "run",
        "--json",
    )
    assert trained.returncode == 0
    training = json.loads(trained.stdout)
    hold_schema("train_folds", "lentigo train --folds --json", [training])
    assert 0 < training["validation"]["n"] < 48  # which are in no fold
    assert json.loads((tmp_path / "run" / "card.json").read_text())["recipe"]["name"] == "tuned"
