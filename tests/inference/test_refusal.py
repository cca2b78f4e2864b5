import dataclasses
import shutil

import numpy as np
import onnx
import pytest
from PIL import Image
from sklearn.covariance import LedoitWolf

from lentigo.common.json_values import write_json
from lentigo.errors import ModelError, UsageError
from lentigo.inference.decisions.refusal import load_reference
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import REFERENCE, draft_bundle, open_bundle
from lentigo.training.calibration.reference_fit import find_whitening, fit_reference

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(6, 6))


def draw(n, shift=0.0):
    """Embeddings (n, 6) of two classes with a common covariance, of any length, and truths."""
    malignant = RNG.integers(0, 2, n)
    directions = (
        0.1 * RNG.normal(size=(n, 6)) @ MIX
        + [3, 3, 3, 2, 2, 2]
        + np.outer(malignant, [1, 0, 0, -1, 0, 0])
        + shift
    )
    return directions * RNG.uniform(0.5, 2, (n, 1)), malignant


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def reference():
    (training, truth), (held_out, truth_held_out) = draw(2000), draw(4000)
    probability = np.clip(RNG.normal(0.3 + 0.4 * truth_held_out, 0.15), 0.01, 0.99)
    return fit_reference(training, truth, held_out, truth_held_out, probability)


def test_a_fiftieth_of_validation_are_beyond_the_limit(reference):
    distances = reference.measure_distance(draw(5000)[0])
    assert (distances > reference.limit).mean() == pytest.approx(0.02, abs=0.012)


def test_the_distance_is_mahalanobis_of_directions_from_the_nearer_class():
    (training, truth), (held_out, truth_held_out) = draw(4000), draw(500)
    reference = fit_reference(training, truth, held_out, truth_held_out, np.full(500, 0.5))
    centres = np.stack([unit(training)[truth == label].mean(axis=0) for label in (0, 1)])
    inverse = np.linalg.inv(np.cov((unit(training) - centres[truth]).T) + 1e-7 * np.eye(6))
    embeddings = unit(draw(20)[0])
    by_hand = [min(np.sqrt((e - c) @ inverse @ (e - c)) for c in centres) for e in embeddings]
    np.testing.assert_allclose(reference.measure_distance(7 * embeddings), by_hand, rtol=0.1)


def test_of_the_middle_means_and_deviations_are_measured(tmp_path):
    (means, truth), deviations = draw(4000), RNG.uniform(0.5, 1.5, (4000, 6))
    middle = np.concatenate([means, means**2 + deviations**2], axis=1)
    reference = fit_reference(middle, truth, middle[:500], truth[:500], np.full(500, 0.5), "middle")
    points = np.concatenate([means, deviations], axis=1)
    centres = np.stack([points[truth == label].mean(axis=0) for label in (0, 1)])
    inverse = np.linalg.inv(np.cov((points - centres[truth]).T))
    by_hand = [min(np.sqrt((p - c) @ inverse @ (p - c)) for c in centres) for p in points[:20]]
    np.testing.assert_allclose(reference.measure_distance(middle[:20]), by_hand, rtol=0.1)
    reference.save(tmp_path / "reference.npz")
    back = load_reference(tmp_path / "reference.npz")
    assert back.output == "middle" and np.allclose(
        back.measure_distance(middle[:20]), reference.measure_distance(middle[:20])
    )


def test_what_lies_elsewhere_is_beyond_the_limit(reference):
    assert (
        reference.measure_distance(draw(200, shift=np.array([3, -3, 0, 0, 3, 0]))[0]) > reference.limit
    ).all()


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_the_true_class_is_excluded_no_more_often_than_the_risk(alpha):
    excluded = []
    for _ in range(40):
        truth = np.repeat([0, 1], 100)
        scores = RNG.beta(2 + 2 * truth, 4 - 2 * truth)
        reference = fit_reference(*draw(50), *draw(200)[:1], truth, scores)
        fresh = RNG.beta(4, 2, 100)
        excluded += ["malignant" not in reference.find_conformal_set(p, alpha) for p in fresh]
    assert np.mean(excluded) <= alpha + 0.01


def test_doubt_holds_both_classes_and_certainty_one(reference):
    assert reference.find_conformal_set(0.001, 0.1) == ("benign",)
    assert reference.find_conformal_set(0.999, 0.1) == ("malignant",)
    assert reference.find_conformal_set(0.5, 0.01) == ("benign", "malignant")


def test_a_saved_reference_is_read_back(reference, tmp_path):
    reference.save(tmp_path / REFERENCE)
    again = load_reference(tmp_path / REFERENCE)
    for field in dataclasses.fields(reference):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(reference, field.name))


def test_a_damaged_reference_is_named(tmp_path):
    (tmp_path / REFERENCE).write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"reference.npz: is damaged"):
        load_reference(tmp_path / REFERENCE)


def change_reference(predictor, **changes):
    reference = dataclasses.replace(predictor.decider.reference, **changes)
    predictor.decider = dataclasses.replace(predictor.decider, reference=reference)


def test_a_photograph_beyond_the_limit_is_uncertain_and_the_reason_is_told(run, image):
    predictor = Predictor(run)
    change_reference(predictor, limit=0.0)
    (answer,) = predictor.predict([image])
    assert (
        answer.label == "uncertain"
        and answer.in_distribution is False
        and "unlike the photographs" in answer.reason
    )
    change_reference(predictor, limit=np.inf)
    (answer,) = predictor.predict([image])
    assert answer.label in ("benign", "malignant") and answer.in_distribution is True and answer.reason == ""


@pytest.fixture
def run_that_finds_lesions(run, tmp_path):
    """A RUN whose graph says of a photograph that the highest P(lesion) is its brightest value / 255."""
    folder = shutil.copytree(run, tmp_path / "run")
    model = onnx.load(folder / "model.onnx")
    (image,) = model.graph.input
    nodes = [
        onnx.helper.make_node("Cast", [image.name], ["light"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Flatten", ["light"], ["lights"]),
        onnx.helper.make_node("ReduceMax", ["lights"], ["brightest"], axes=[1], keepdims=1),
        onnx.helper.make_node("Div", ["brightest", "white"], ["lesion"]),
    ]
    model.graph.node.extend(nodes)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(255, np.float32), "white"))
    output = onnx.helper.make_tensor_value_info("lesion", onnx.TensorProto.FLOAT, ["n", 1])
    model.graph.output.append(output)
    onnx.save(model, folder / "model.onnx")
    write_json(folder / "card.json", draft_bundle(folder, open_bundle(run).card).card)
    return folder


def test_where_no_lesion_is_found_the_reason_is_told(run_that_finds_lesions, image, tmp_path):
    dark = tmp_path / "dark.png"
    Image.fromarray(np.full((300, 300, 3), 100, np.uint8)).save(dark)
    for explained in (False, True):
        predictor = Predictor(run_that_finds_lesions, explained=explained)
        change_reference(predictor, limit=np.inf, lesion_limit=0.5)
        refused, answered = predictor.predict([dark, image])
        assert refused.label == "uncertain" and refused.in_distribution is False
        assert refused.reason == "no lesion found in it (P(lesion) at most 0.39, limit 0.50)"
        assert answered.in_distribution is True
        change_reference(predictor, lesion_limit=0.0)  # not asked
        assert next(predictor.predict([dark])).in_distribution is True


def test_a_photograph_on_the_fence_is_uncertain_at_a_risk(run, image):
    predictor = Predictor(run, alpha=0.1)
    scores = np.linspace(0, 1, 200)
    change_reference(predictor, limit=np.inf, benign=scores, malignant=scores)
    (answer,) = predictor.predict([image])
    p = answer.probability
    assert (answer.label == "uncertain") == (0.1 < p < 0.9)


def test_another_operating_point_moves_the_threshold(run):
    decider = Predictor(run, operating_point="0.2").decider
    assert decider.threshold == 0.2
    sensitive = Predictor(run, operating_point="sensitivity=0.9").decider
    assert sensitive.threshold <= decider.reference.malignant.max()
    with pytest.raises(UsageError, match="no validation scores"):
        dataclasses.replace(decider, reference=None).find_threshold("youden")


def test_another_prevalence_shifts_probability_and_threshold_but_no_decision(run, image):
    (here,), (there,) = (
        list(Predictor(run, alpha=0, prevalence=prevalence).predict([image])) for prevalence in (None, 0.01)
    )
    odds = (there.probability / (1 - there.probability)) / (here.probability / (1 - here.probability))
    before = Predictor(run).bundle.card["prevalence"]
    assert odds == pytest.approx((0.01 / 0.99) / (before / (1 - before)))
    assert there.label == here.label and there.threshold < here.threshold


def test_predictive_values_follow_the_prevalence(run):
    rare, common = (
        Predictor(run, prevalence=prevalence, operating_point="youden").decider.estimate_values()
        for prevalence in (0.01, 0.5)
    )
    assert rare.ppv <= common.ppv and rare.npv >= common.npv
    with pytest.raises(UsageError, match="prevalence"):
        Predictor(run, prevalence=2.0)


def test_the_limit_of_a_refusal_comes_from_pictures_without_a_lesion_and_that_of_a_shift_from_lesions():
    (training, truth), (held_out, truth_held_out) = draw(4000), draw(500)
    far = -20 * training[:200]
    reference = fit_reference(training, truth, held_out, truth_held_out, np.full(500, 0.5), no_lesions=far)
    assert reference.shift_limit < reference.limit
    assert (reference.measure_distance(far) >= reference.limit).mean() >= 0.99
    assert (reference.measure_distance(held_out) <= reference.shift_limit).mean() >= 0.98


def test_pictures_that_lie_as_near_as_lesions_do_not_widen_what_is_refused():
    (training, truth), (held_out, truth_held_out) = draw(4000), draw(500)
    reference = fit_reference(
        training, truth, held_out, truth_held_out, np.full(500, 0.5), no_lesions=held_out
    )
    assert reference.limit == reference.shift_limit


def test_the_limit_of_a_shift_is_kept_in_the_file(tmp_path):
    (training, truth), (held_out, truth_held_out) = draw(400), draw(50)
    reference = fit_reference(training, truth, held_out, truth_held_out, np.full(50, 0.5))
    reference.save(tmp_path / "reference.npz")
    assert load_reference(tmp_path / "reference.npz").shift_limit == pytest.approx(reference.shift_limit)


@pytest.mark.parametrize(("n", "d"), [(20, 60), (60, 20), (30, 30)])
def test_the_whitening_is_that_of_the_shrunk_covariance(n, d):
    rng = np.random.default_rng(n)
    residuals = rng.normal(0, rng.uniform(0.1, 3, d), (n, d))
    precision = LedoitWolf(assume_centered=True).fit(residuals).precision_
    points = rng.normal(0, 1, (10, d))
    expected = np.sqrt(np.einsum("id,de,ie->i", points, precision, points))
    np.testing.assert_allclose(np.linalg.norm(points @ find_whitening(residuals), axis=1), expected)


def test_residuals_that_are_all_alike_have_no_whitening():
    assert not find_whitening(np.zeros((5, 8))).any()
