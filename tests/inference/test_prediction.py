import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from lentigo.errors import DataError, ModelError, UsageError
from lentigo.images.listing import collect_images
from lentigo.images.photographs import read_all
from lentigo.images.problems import Problem
from lentigo.inference.opening import begin_opening
from lentigo.inference.prediction import predict
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult, Prediction
from lentigo.models.bundle import Bundle, open_bundle
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.network import open_network


@pytest.fixture(scope="module")
def paths(synthetic_lesions):
    return sorted((synthetic_lesions / "malignant").glob("*.jpg"))


@pytest.fixture
def with_bad(paths, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(paths[0].read_bytes()[:500])
    return [bad, *paths[:9], bad, *paths[9:18], bad]


def test_photographs_differ_in_their_answers(run, synthetic_lesions):
    """Of the toy itself: where all answers are alike, the other tests here say nothing."""
    logits = [
        answer.logit
        for answer in Predictor(run, fp32=True).infer(sorted(synthetic_lesions.glob("*/synthetic_*.jpg")))
        if isinstance(answer, InferenceResult)
    ]
    assert np.std(logits) > 0.1 and len(np.unique(np.round(logits, 4))) > 40


def test_answers_come_in_the_order_of_the_questions(run, with_bad):
    answers = list(Predictor(run).predict(with_bad))
    assert [answer.image for answer in answers] == [str(path) for path in with_bad]
    assert [type(answer) for answer in answers].count(Problem) == 3


def test_an_answer_does_not_depend_on_its_neighbours(run, paths):
    paths = paths[:8]
    predictor = Predictor(run, fp32=True)
    together = [answer.probability for answer in predictor.predict(paths)]
    alone = [next(predictor.predict([path])).probability for path in paths]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_probabilities_are_those_of_the_saved_keras_model(run, paths):
    paths = paths[:6]
    images, _ = read_all(paths)
    network = open_network(run / "model.keras", BACKBONES["mobilenetv3small"])
    expected = 1 / (
        1 + np.exp(-np.asarray(network.classifier(np.stack([image.pixels for image in images])))[:, 0])
    )
    np.testing.assert_allclose(
        [a.probability for a in Predictor(run, fp32=True).predict(paths)], expected, atol=1e-4
    )


def test_flips_average_the_logit_over_four_views(run, paths):
    predictor = Predictor(run, fp32=True)
    image = read_all(paths[:1])[0][0]
    views = [image.pixels, image.pixels[:, ::-1], image.pixels[::-1], image.pixels.transpose(1, 0, 2)]
    expected = np.mean(
        [predictor.session.run(np.ascontiguousarray(view)[None])["logit"][0, 0] for view in views]
    )
    answer = next(Predictor(run, fp32=True, tta=True).infer(paths[:1]))
    assert answer.logit == pytest.approx(expected, abs=1e-4)


def test_the_mean_over_the_views_has_its_own_calibration_threshold_and_scores(run, synthetic_lesions):
    plain, flipped = Predictor(run), Predictor(run, tta=True)
    assert (
        flipped.decider.threshold == flipped.bundle.card["tta"]["threshold"]
        and plain.decider.threshold == plain.bundle.card["threshold"]
    )
    sides = pd.read_csv(run / "splits.csv")
    validation = sides.loc[sides["split"] == "validation", "image"]
    for predictor in (plain, flipped):
        stored = np.concatenate([predictor.decider.reference.benign, predictor.decider.reference.malignant])
        served = [answer.probability for answer in predictor.predict(validation)]
        np.testing.assert_allclose(np.sort(served), np.sort(stored), atol=1e-4)
    assert not np.allclose(plain.decider.reference.malignant, flipped.decider.reference.malignant)


def test_photographs_in_memory_are_rated_as_those_on_disk_are_answered(run, paths):
    images, _ = read_all(paths[:3])
    for tta in (False, True):
        predictor = Predictor(run, fp32=True, tta=tta)
        rated = list(predictor.predict_probabilities(image.pixels for image in images))
        np.testing.assert_allclose(
            rated, [answer.probability for answer in predictor.predict(paths[:3])], atol=1e-5
        )


def test_flips_without_a_calibration_for_them_are_refused(run, paths):
    bundle = open_bundle(run)
    bare = Bundle(bundle.folder, {**bundle.card, "tta": None})
    with pytest.raises(
        ModelError, match=r"no calibration for their mean .* leave --tta out, or train the RUN with --tta"
    ):
        list(Predictor(bare, tta=True).predict(paths[:1]))


def test_the_label_is_the_decision_at_the_threshold(run, paths):
    for answer in predict(paths, run).predictions:
        assert answer.label == ("malignant" if answer.probability >= answer.threshold else "benign")


def test_a_folder_is_read_recursively(run, synthetic_lesions):
    answers = predict(synthetic_lesions, run)
    assert len(answers.predictions) == 48 and all(isinstance(a, Prediction) for a in answers.predictions)
    assert len(answers.problems) == 48 and all(
        "a mask of" in problem.error for problem in answers.problems
    )  # masks are no photographs


def test_problems_stand_beside_predictions(run, with_bad):
    answers = predict(with_bad, run)
    assert len(answers.predictions) == 18 and len(answers.problems) == 3


def test_a_photograph_that_vanishes_after_it_was_listed_is_a_problem_in_its_place(run, paths, tmp_path):
    for path in paths[:5]:
        shutil.copy(path, tmp_path)
    found, _ = collect_images([tmp_path])
    found[2].unlink()
    answers = list(Predictor(run).predict(found))
    assert [answer.image for answer in answers] == [str(path) for path in found]
    assert [isinstance(answer, Problem) for answer in answers] == [
        False,
        False,
        True,
        False,
        False,
    ] and "No such file" in answers[2].error


def test_an_empty_folder_among_others_is_listed(tmp_path, paths):
    found, problems = collect_images([tmp_path, paths[0]])
    assert found == [paths[0]] and [problem.image for problem in problems] == [str(tmp_path)]


def test_an_empty_folder_alone_is_an_error(tmp_path):
    with pytest.raises(DataError, match="holds no photograph"):
        collect_images([tmp_path])


def test_a_flaw_of_the_photograph_is_a_warning_with_its_value(run, paths, tmp_path):
    sharp = Image.open(paths[0])
    sharp.filter(ImageFilter.GaussianBlur(5)).save(tmp_path / "blurred.png")
    sharp.resize((90, 70)).save(tmp_path / "small.png")
    blurred, small = Predictor(run).predict([tmp_path / "blurred.png", tmp_path / "small.png"])
    assert any(warning.startswith("blurred: sharpness") for warning in blurred.warnings)
    assert any(warning.startswith("small: the smaller side has 70 pixels") for warning in small.warnings)


@pytest.fixture
def run_without_numbers(toy_run, tmp_path):
    """A toy whose logit is NaN."""
    import onnx
    from onnx import numpy_helper

    from lentigo.common.json_values import write_json
    from lentigo.models.bundle import draft_bundle, open_bundle

    folder = shutil.copytree(toy_run(), tmp_path / "toy")
    model = onnx.load(folder / "model.onnx")
    for constant in model.graph.initializer:
        if constant.name == "gentle":
            constant.CopyFrom(numpy_helper.from_array(np.float32(np.nan), "gentle"))
    onnx.save(model, folder / "model.onnx")
    write_json(folder / "card.json", draft_bundle(folder, open_bundle(toy_run()).card).card)
    return folder


def test_an_answer_that_is_no_number_is_a_problem_and_not_benign(run_without_numbers, paths):
    answers = list(Predictor(run_without_numbers).predict(paths[:2]))
    assert [type(answer) for answer in answers] == [Problem, Problem]
    assert "answers with a logit that is no number" in answers[0].error and "--fp32" in answers[0].error


def test_a_probability_that_is_no_number_is_refused(run_without_numbers):
    with pytest.raises(ModelError, match="no number"):
        list(Predictor(run_without_numbers).predict_probabilities([np.zeros((224, 224, 3), np.uint8)]))


def test_a_predictor_can_be_pickled(run, paths):
    predictor = Predictor(run, tta=True)
    copy = pickle.loads(pickle.dumps(predictor))
    assert [a.probability for a in copy.predict(paths[:3])] == [
        a.probability for a in predictor.predict(paths[:3])
    ]


def test_settings_beside_a_run_that_is_being_opened_are_refused(toy_run):
    opening = begin_opening(toy_run(), tta=True)
    assert Predictor(opening).settings.tta
    with pytest.raises(UsageError, match="is being opened with settings already; expected none beside it"):
        Predictor(opening, tta=False)
