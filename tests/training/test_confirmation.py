"""What a search gained, on photographs that it never saw."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lentigo.datasets.dataset import Dataset
from lentigo.training.selection.tuning.confirmation import compare_logits, measure_auroc


@pytest.fixture
def reserve():
    """Two hundred photographs of a hundred patients."""
    rows = np.arange(200)
    table = pd.DataFrame(
        {
            "image": [f"{row}.jpg" for row in rows],
            "label": np.where(rows // 2 % 2, "malignant", "benign"),
            "patient_id": rows // 2,
        }
    )
    return Dataset("toy", table).know_digests([f"{row:064x}" for row in rows])


def answer(reserve, strength, seed):
    """Logits (3, 200) of three models that tell the classes apart by so much."""
    return reserve.malignant * strength + np.random.default_rng(seed).normal(0, 1, (3, 200))


def test_the_auroc_is_that_of_scikit_learn(reserve):
    logits = answer(reserve, 1.0, 0)[0].round(1)
    assert measure_auroc(reserve.malignant, logits) == pytest.approx(roc_auc_score(reserve.malignant, logits))


def test_a_better_recipe_gains_and_the_interval_holds_the_gain(reserve):
    found = compare_logits(answer(reserve, 0.5, 0), answer(reserve, 2.0, 1), reserve)
    assert (
        found.gain.ci[0] < found.gain.mean < found.gain.ci[1]
        and found.gain.ci[0] > 0.1
        and found.gain.p < 0.01
    )


def test_two_recipes_that_are_alike_differ_by_chance(reserve):
    found = compare_logits(answer(reserve, 1.0, 0), answer(reserve, 1.0, 1), reserve)
    assert found.gain.ci[0] < 0 < found.gain.ci[1] and found.gain.p > 0.05


def test_the_same_answers_gain_nothing(reserve):
    answers = answer(reserve, 1.0, 0)
    found = compare_logits(answers, answers, reserve)
    assert (found.gain.mean, found.gain.ci, found.gain.p) == (0.0, (0.0, 0.0), 1.0)
    assert found.to_json()["gain"] == {"mean": 0.0, "ci": [0.0, 0.0], "p": 1.0}
