import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.evaluation import report
from lentigo.evaluation.assessment import evaluate
from lentigo.evaluation.report import write_report
from lentigo.images.problems import Problem
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import open_bundle

KEYS = {
    "n",
    "n_malignant",
    "accuracy",
    "auroc",
    "sensitivity",
    "specificity",
    "threshold",
    "brier",
    "ece",
    "average_precision",
    "specificity_at_95_sensitivity",
    "coverage",
    "ci",
    "confusion",
    "split",
    "model",
    "data_fingerprint",
    "times_test_opened",
}


@pytest.fixture(scope="module")
def toy(toy_run):
    """A classifier of a few nodes: what is no fact of a network takes it."""
    return Predictor(toy_run("logit", "embedding"))


@pytest.fixture(scope="module")
def assessment(run, synthetic_lesions):
    return evaluate(run, synthetic_lesions, split="all")


@pytest.fixture(scope="module")
def warned(run, assessment, tmp_path_factory):
    """The report of an assessment that left a photograph out: its HTML, and the folder of its figures."""
    folder = tmp_path_factory.mktemp("figures")
    with_problem = replace(assessment, problems=(Problem("broken.jpg", "not a photograph"),))
    return write_report(open_bundle(run), with_problem, folder), folder


def test_the_json_is_that_of_the_contract(assessment):
    answers = json.loads(json.dumps(assessment.to_json(), allow_nan=False))
    assert set(answers) >= KEYS
    assert answers["n"] == 48 and answers["n_malignant"] == 24 and sum(map(sum, answers["confusion"])) == 48
    for name, (low, high) in answers["ci"].items():
        assert low <= answers[name] <= high, name


def test_each_look_is_counted(toy, synthetic_lesions):
    first, second = (
        evaluate(toy, synthetic_lesions, split="all"),
        evaluate(toy, synthetic_lesions, split="all"),
    )
    assert second.times_test_opened == first.times_test_opened + 1


def test_the_same_photographs_elsewhere_are_the_same_set(toy, synthetic_lesions, tmp_path):
    shutil.copytree(synthetic_lesions, tmp_path / "copy")
    first, second = evaluate(toy, synthetic_lesions), evaluate(toy, tmp_path / "copy")
    assert second.times_test_opened > first.times_test_opened


def test_one_class_gives_what_can_be_computed(toy, synthetic_lesions, tmp_path):
    shutil.copytree(synthetic_lesions / "benign", tmp_path / "photos" / "benign")
    answers = evaluate(toy, tmp_path / "photos").to_json()
    assert answers["auroc"] is None and answers["sensitivity"] is None and answers["specificity"] is not None
    assert answers["ci"]["auroc"] == [None, None]


def test_an_unreadable_photograph_is_listed(toy, synthetic_lesions, tmp_path):
    for name in ("benign", "malignant"):
        shutil.copytree(synthetic_lesions / name, tmp_path / "photos" / name)
    (tmp_path / "photos" / "benign" / "bad.jpg").write_bytes(b"?")
    assessment = evaluate(toy, tmp_path / "photos")
    assert assessment.n == 48 and [p.image for p in assessment.problems] == [
        str(tmp_path / "photos" / "benign" / "bad.jpg")
    ]


def test_nothing_readable_is_an_error(toy, tmp_path):
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / "bad.jpg").write_bytes(b"?")
    with pytest.raises(DataError, match="none of its 1 photographs can be read"):
        evaluate(toy, tmp_path)


def test_an_unknown_split_is_named(toy, synthetic_lesions, tmp_path):
    table = load_dataset(synthetic_lesions).table.assign(split="train")
    table.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(UsageError, match="split 'tset' is unknown"):
        evaluate(toy, tmp_path / "manifest.csv", split="tset")
    with pytest.raises(DataError, match="no photograph in the split 'test'; it has train"):
        evaluate(toy, tmp_path / "manifest.csv")


def test_data_without_splits_are_not_called_a_test(toy, synthetic_lesions):
    assert evaluate(toy, synthetic_lesions, duplicates=False).split == "all"


def test_the_report_names_the_rule_in_use(run, synthetic_lesions, tmp_path):
    predictor = Predictor(run, operating_point="0.37")
    found = evaluate(predictor, synthetic_lesions, duplicates=False)
    assert found.to_json()["threshold_rule"] == found.decisions[0].rule == "0.37"
    assert "rule: 0.37" in write_report(predictor.bundle, found, tmp_path)


def test_a_number_has_one_interval_in_the_evaluation(assessment):
    in_use = assessment.decisions[0]
    assert {name: assessment.ci[name] for name in in_use.ci} == in_use.ci


def test_the_refusals_own_error_rate_is_drawn(run, assessment, tmp_path, monkeypatch):
    marked = []
    monkeypatch.setattr(
        report, "draw_risk_coverage", lambda curve, path, answered: marked.append(answered) or path
    )
    monkeypatch.setattr(report, "draw_reliability", lambda bins, path: path)
    monkeypatch.setattr(report, "draw_decision_curve", lambda curve, path, threshold: path)
    analysis = SimpleNamespace(reliability=(), risk_coverage=None, decision_curve=None)
    report.draw_analysis(assessment, analysis, tmp_path)
    answered = assessment.table[assessment.table["decision"] != "uncertain"]
    expected = None
    if len(answered):
        expected = pytest.approx(
            (len(answered) / len(assessment.table), (answered["decision"] != answered["label"]).mean())
        )
    assert marked == [expected]


def test_the_report_holds_every_number_and_figure(assessment, warned):
    html, folder = warned
    for name, value in assessment.to_json().items():
        if isinstance(value, float):
            assert f"{value:.3f}" in html, name
    assert html.count("<figure role") == html.count("<svg") == 5 and "http" not in html
    names = ("roc", "precision_recall", "confusion", "probabilities", "history")
    assert {path.name for path in folder.iterdir()} == {
        f"{name}{end}" for name in names for end in (".png", ".svg")
    }


def test_the_report_names_the_model_by_its_hash_and_no_path(run, warned):
    html, _ = warned
    assert open_bundle(run).card["files"]["model.onnx"] in html
    assert str(run) not in html


def test_warnings_come_before_the_numbers(warned):
    html, _ = warned
    assert 0 < html.index("could not be read") < html.index('class="tiles"')


def test_a_report_of_one_class_says_what_is_not_defined(run, synthetic_lesions, tmp_path):
    shutil.copytree(synthetic_lesions / "benign", tmp_path / "photos" / "benign")
    html = write_report(open_bundle(run), evaluate(run, tmp_path / "photos"), tmp_path / "figures")
    assert "not defined" in html and not (tmp_path / "figures" / "roc.png").exists()


def test_a_set_too_small_for_its_intervals_says_so(run, synthetic_lesions, tmp_path, assessment):
    for label in ("benign", "malignant"):
        (tmp_path / label).mkdir()
        for path in sorted((synthetic_lesions / label).glob("*.jpg"))[:6]:
            shutil.copy(path, tmp_path / label)
    small = evaluate(run, tmp_path)
    assert (
        assessment.notes == ()
        and "only 12 photographs" in small.notes[0]
        and small.to_json()["notes"] == list(small.notes)
    )
    assert "only 12 photographs" in write_report(open_bundle(run), small, tmp_path / "figures")
