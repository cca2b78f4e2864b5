"""What stands beside the metrics, on a RUN and the phantoms of its training."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from lentigo.data.manifests import load_dataset
from lentigo.data.phantoms import draw_phantom
from lentigo.evaluation.analysis import analyse, find_copies
from lentigo.evaluation.assessment import evaluate
from lentigo.evaluation.ledger import count_openings
from lentigo.evaluation.report import write_report
from lentigo.inference.prediction import Predictor
from lentigo.models.bundle import open_bundle


@pytest.fixture(scope="module")
def other(run, tmp_path_factory):
    """The same RUN by another name, with another threshold."""
    folder = tmp_path_factory.mktemp("other") / "other"
    shutil.copytree(run, folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "threshold": 0.0}))
    return folder


@pytest.fixture(scope="module")
def looked(run, other, phantoms):
    predictor = Predictor(run)
    assessment = evaluate(predictor, phantoms, split="all")
    return predictor, assessment, analyse(predictor, assessment, against=Predictor(other))


def test_photographs_of_the_training_are_named(looked):
    _, assessment, analysis = looked
    assert set(analysis.overlap) == set(assessment.table["image"])


def test_a_model_beside_itself_differs_by_nothing(looked):
    predictor, assessment, analysis = looked
    pair = analysis.comparison
    assert pair.difference == 0 and pair.p == 1 and pair.n == assessment.n
    assert pair.names[0].startswith("other@") and pair.names[1] == predictor.name


def test_thresholds_are_each_models_own(looked):
    _, assessment, analysis = looked
    assert analysis.comparison.first_accuracy == assessment.n_malignant / assessment.n  # threshold 0 calls all malignant
    assert analysis.comparison.second_accuracy == pytest.approx(assessment.metrics.accuracy)


def test_the_other_models_look_is_counted_too(run, other, phantoms, tmp_path, monkeypatch):
    monkeypatch.setenv("LENTIGO_LEDGER", str(tmp_path / "ledger.jsonl"))
    predictor = Predictor(run)
    assessment = evaluate(predictor, phantoms, split="all")
    analyse(predictor, assessment, against=Predictor(other))
    assert count_openings(assessment.data_fingerprint) == 2


def test_the_worst_mistakes_are_wrong_and_sorted(looked):
    _, assessment, analysis = looked
    missed = [m.probability for m in analysis.mistakes if m.truth == "malignant"]
    assert missed == sorted(missed) and all(p < assessment.threshold for p in missed)


def test_every_number_is_json(looked):
    facts = json.loads(json.dumps(looked[2].to_json(), allow_nan=False))
    assert {"reliability", "decision_curve", "risk_coverage", "subgroups", "floors", "comparison", "overlap"} <= set(facts)
    assert not any(np.isnan(v) for v in facts["comparison"].values() if isinstance(v, float))


def test_the_report_shows_the_pair(looked, tmp_path):
    predictor, assessment, analysis = looked
    html = write_report(predictor.bundle, assessment, tmp_path, closer=(predictor, analysis))
    assert "Beside another model" in html and "other@" in html


def test_copies_of_training_photographs_are_found_in_other_files(run, phantoms, tmp_path):
    for number, path in enumerate(sorted(phantoms.glob("*/phantom_*.jpg"))[:6]):
        folder = tmp_path / path.parent.name
        folder.mkdir(exist_ok=True)
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(folder / f"{number}.png")
    for number in (900, 901):  # lesions that the RUN has not seen, so that both classes are there
        for side in ("benign", "malignant"):
            (tmp_path / side).mkdir(exist_ok=True)
            Image.fromarray(draw_phantom(side, number).photo).save(tmp_path / side / f"new_{number}.png")
    copies = find_copies(open_bundle(run), load_dataset(tmp_path))
    assert len({copy.image for copy in copies}) == 6 and not any("new_" in copy.image for copy in copies)
    assert {copy.kind for copy in copies} <= {"near", "partial"} and all("phantom_" in copy.training_image for copy in copies)
