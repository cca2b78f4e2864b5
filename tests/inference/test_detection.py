import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

import lentigo
from lentigo.errors import ModelError, UsageError
from lentigo.images.problems import Problem
from lentigo.inference.lesions.detection import detect, detect_images, find_lesions
from lentigo.inference.lesions.search import MAX_SEARCHED_PIXELS, SearchSettings, outline_close_up
from lentigo.inference.predictor import Predictor

SKIN, BROWN = (225, 195, 180), (85, 55, 45)
MANY = [
    (100, 80, 180, 150),
    (700, 90, 760, 140),
    (1300, 200, 1500, 420),
    (300, 500, 420, 580),
    (900, 700, 960, 780),
    (200, 1000, 320, 1090),
    (1500, 1100, 1570, 1160),
]


def draw_image(path, lesions, size=(1600, 1200), **options):
    image = Image.new("RGB", size, SKIN)
    for lesion in lesions:
        ImageDraw.Draw(image).ellipse(lesion, fill=BROWN)
    image.save(path, **options)
    return path


def corners(detection):
    return sorted(
        (spot.box.x, spot.box.y, spot.box.x + spot.box.width, spot.box.y + spot.box.height)
        for spot in detection.lesions
    )


def count_passes(predictor):
    """Photographs that the network is asked about, in a list that grows."""
    passes, run = [], predictor.session._run_requests
    predictor.session._run_requests = lambda batches: run(
        passes.append(count) or (pixels, count) for pixels, count in batches
    )
    return passes


def test_each_lesion_of_an_overview_has_one_box(toy_run, tmp_path):
    found = detect(draw_image(tmp_path / "back.png", MANY), toy_run())
    np.testing.assert_allclose(corners(found), sorted(MANY), atol=6)


def test_a_close_up_has_one_box_and_costs_one_pass(toy_run, tmp_path):
    predictor = Predictor(toy_run(), count=1)
    passes = count_passes(predictor)
    (found,) = detect_images(
        predictor, [draw_image(tmp_path / "mole.png", [(300, 200, 700, 500)], (900, 600))], {}
    )
    np.testing.assert_allclose(corners(found), [(300, 200, 700, 500)], atol=5)
    assert sum(passes) == 1


def test_close_ups_share_a_batch(toy_run, tmp_path):
    predictor = Predictor(toy_run())
    passes = count_passes(predictor)
    images = [
        draw_image(tmp_path / f"{number}.png", [(300, 200, 700, 500)], (900, 600))
        for number in range(predictor.session.batch)
    ]
    found = list(detect_images(predictor, images, {}))
    assert [len(answer.lesions) for answer in found] == [1] * len(images) and passes == [len(images)]


def test_a_photograph_that_goes_after_its_first_pass_is_a_problem_in_its_place(toy_run, tmp_path):
    predictor = Predictor(toy_run())
    images = [
        draw_image(tmp_path / f"{number}.png", [(300, 200, 700, 500)], (900, 600)) for number in range(3)
    ]
    answers = list(predictor.infer(images))
    images[1].unlink()
    assert [isinstance(found, Problem) for found in find_lesions(predictor, answers)] == [False, True, False]


def test_the_object_is_that_of_the_contract(toy_run, tmp_path):
    image = draw_image(tmp_path / "back.png", MANY[:2])
    facts = json.loads(json.dumps(detect(image, toy_run()).to_json(), allow_nan=False))
    assert (
        facts["image"] == str(image)
        and [set(box) for box in facts["boxes"]]
        == [{"x", "y", "width", "height", "score", "malignant_probability"}] * 2
    )
    assert all(
        isinstance(box[key], int) for box in facts["boxes"] for key in ("x", "y", "width", "height")
    ) and all(0 < box["score"] <= 1 for box in facts["boxes"])


def test_boxes_come_with_the_surest_first(toy_run, tmp_path):
    scores = [spot.score for spot in detect(draw_image(tmp_path / "back.png", MANY), toy_run()).lesions]
    assert scores == sorted(scores, reverse=True)


def test_without_a_classifier_nothing_is_said_of_malignancy(toy_run, tmp_path):
    for lesions in (MANY, MANY[2:3]):
        spots = detect(draw_image(tmp_path / "back.png", lesions), toy_run("mask")).lesions
        assert len(spots) == len(lesions) and {spot.malignant_probability for spot in spots} == {None}


def test_malignancy_is_asked_of_the_lesion_with_a_margin_of_skin(toy_run, tmp_path):
    """The toy's logit follows the mean darkness: that of a square of twice the lesion's side."""
    predictor = Predictor(toy_run(), fp32=True)
    (spot,) = detect(draw_image(tmp_path / "mole.png", [(700, 500, 900, 700)]), toy_run(), fp32=True).lesions
    square = Image.new("RGB", (400, 400), SKIN)
    ImageDraw.Draw(square).ellipse((100, 100, 300, 300), fill=BROWN)
    expected = next(
        predictor.predict_probabilities([np.asarray(square.resize((224, 224), Image.Resampling.BILINEAR))])
    )
    assert spot.malignant_probability == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("size", [(1600, 1200), (300, 200), (1, 1), (40, 5000)])
def test_skin_without_a_lesion_has_no_box(toy_run, tmp_path, size):
    assert detect(draw_image(tmp_path / "skin.png", [], size), toy_run()).to_json()["boxes"] == []


def test_a_lesion_that_fills_no_pixel_has_no_box(toy_run, tmp_path):
    image = draw_image(tmp_path / "dot.png", [], (1, 1))
    (answer,) = Predictor(toy_run()).infer([image])
    mask = np.zeros_like(answer.mask)
    mask[60:120, 60:120] = 1  # a lesion of a good size, in a photograph of one pixel
    assert outline_close_up(np.asarray(Image.open(image)), replace(answer, mask=mask), SearchSettings()) == []


def test_a_close_up_of_bare_skin_has_no_box_however_sure_the_network_is(toy_run, tmp_path):
    shades = np.random.default_rng(0).normal(SKIN, 6, (300, 300, 3))
    skin = tmp_path / "skin.png"
    Image.fromarray(np.clip(shades, 0, 255).astype(np.uint8)).save(skin)
    (answer,) = Predictor(toy_run()).infer([skin])
    mask = np.zeros_like(answer.mask)
    mask[60:160, 60:160] = 1
    certain = replace(answer, mask=mask)
    found = outline_close_up(
        np.asarray(Image.open(skin)), certain, replace(SearchSettings(), min_close_up_score=0)
    )
    assert len(found) == 1
    assert outline_close_up(np.asarray(Image.open(skin)), certain, SearchSettings()) == []


def test_boxes_are_those_of_the_upright_photograph(toy_run, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    found = detect(draw_image(tmp_path / "turned.jpg", MANY, exif=exif), toy_run())
    assert (found.width, found.height) == (1200, 1600)
    np.testing.assert_allclose(
        corners(found),
        sorted((1200 - bottom, left, 1200 - top, right) for left, top, right, bottom in MANY),
        atol=6,
    )


def test_a_huge_photograph_is_searched_reduced_and_answered_in_its_own_pixels(toy_run, tmp_path):
    large = [tuple(3 * side for side in lesion) for lesion in MANY]
    size = (4800, 3600)
    assert size[0] * size[1] > MAX_SEARCHED_PIXELS
    found = detect(draw_image(tmp_path / "huge.jpg", large, size), toy_run())
    np.testing.assert_allclose(corners(found), sorted(large), atol=24)


def test_lesions_of_a_strip_are_found(toy_run, tmp_path):
    lesions = [(200, 20, 260, 80), (1900, 10, 1950, 60), (3700, 30, 3770, 90)]
    np.testing.assert_allclose(
        corners(detect(draw_image(tmp_path / "strip.png", lesions, (4000, 240)), toy_run())),
        lesions,
        atol=6,
    )


def test_figures_are_drawn_beside_one_another(toy_run, tmp_path):
    images = [draw_image(tmp_path / name, MANY) for name in ("a.png", "a.jpg")]
    answers = detect(images, toy_run(), out=tmp_path / "out").detections
    assert len({answer.figure_file for answer in answers}) == 2 and all(
        answer.figure_file.is_file() for answer in answers
    )


def test_no_figure_replaces_a_photograph(toy_run, tmp_path):
    images = [draw_image(tmp_path / name, []) for name in ("a.png", "a_boxes.jpg")]
    with pytest.raises(UsageError, match="would replace"):
        detect(images, toy_run(), out=tmp_path)


def test_a_bad_photograph_is_a_problem(toy_run, bad, tmp_path):
    answers = lentigo.detect([bad, draw_image(tmp_path / "mole.png", MANY)], toy_run())
    assert len(answers.detections) == 1 and [problem.image for problem in answers.problems] == [str(bad)]


def test_without_a_decoder_the_error_says_how_to_train_one(toy_run, tmp_path):
    with pytest.raises(ModelError, match="lentigo train MASKS --masks"):
        detect(draw_image(tmp_path / "mole.png", MANY), toy_run("logit", "embedding", "heatmap"))
