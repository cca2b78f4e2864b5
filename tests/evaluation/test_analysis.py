"""The analysis of an assessment, on a RUN and the synthetic lesions of its training."""

import json
import shutil

import numpy as np
import pytest

from lentigo.evaluation.analysis import analyse
from lentigo.evaluation.assessment import evaluate
from lentigo.evaluation.ledger import read_ledger
from lentigo.evaluation.report import write_report
from lentigo.inference.predictor import Predictor

pytestmark = pytest.mark.usefixtures("fewest_trees")


@pytest.fixture(scope="module")
def other(run, tmp_path_factory):
    """The same RUN by another name, with another threshold."""
    folder = tmp_path_factory.mktemp("other") / "other"
    shutil.copytree(run, folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "threshold": 0.0}))
    return folder


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """Where the evaluations of `analysed` are counted, and no others."""
    return tmp_path_factory.mktemp("ledger") / "ledger.jsonl"


@pytest.fixture(scope="module")
def analysed(run, other, synthetic_lesions, ledger):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENTIGO_LEDGER", str(ledger))
        predictor = Predictor(run)
        assessment = evaluate(predictor, synthetic_lesions, split="all")
        return predictor, assessment, analyse(predictor, assessment, against=Predictor(other))


def test_photographs_of_the_training_are_named(analysed):
    _, assessment, _ = analysed
    named = [image.image for image in assessment.contamination.images]
    assert set(named) == set(assessment.table["image"])


def test_a_model_beside_itself_differs_by_nothing(analysed):
    predictor, assessment, analysis = analysed
    pair = analysis.comparison
    assert pair.difference == 0 and pair.p == 1 and pair.n == assessment.n
    assert pair.names[0].startswith("other@") and pair.names[1] == predictor.name


def test_thresholds_are_each_models_own(analysed):
    _, assessment, analysis = analysed
    # Threshold 0 calls all malignant
    assert analysis.comparison.first_accuracy == assessment.n_malignant / assessment.n
    assert analysis.comparison.second_accuracy == pytest.approx(assessment.metrics.accuracy)


def test_the_evaluation_of_the_other_model_is_counted_too(analysed, ledger, monkeypatch):
    monkeypatch.setenv("LENTIGO_LEDGER", str(ledger))
    assert set(read_ledger().counts.values()) == {2}


def test_the_worst_mistakes_are_wrong_and_sorted(analysed):
    _, assessment, analysis = analysed
    missed = [m.probability for m in analysis.mistakes if m.truth == "malignant"]
    assert missed == sorted(missed) and all(p < assessment.threshold for p in missed)


def test_every_number_is_json(analysed):
    facts = json.loads(json.dumps(analysed[2].to_json(), allow_nan=False))
    assert {
        "reliability",
        "decision_curve",
        "risk_coverage",
        "subgroups",
        "shortcut_baselines",
        "comparison",
    } <= set(facts)
    assert not any(np.isnan(v) for v in facts["comparison"].values() if isinstance(v, float))


def test_the_report_shows_the_pair(analysed, tmp_path):
    predictor, assessment, analysis = analysed
    html = write_report(predictor.bundle, assessment, tmp_path, closer=(predictor, analysis))
    assert "Beside another model" in html and "other@" in html
    assert len(html) < 2_000_000
    assert html.count("data:image/webp;base64,") == len(analysis.mistakes)
    assert html.count("speaks for malignant") == 1
