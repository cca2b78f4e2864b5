import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

import lentigo
from lentigo.errors import ModelError, SpaceError, UsageError
from lentigo.images.photographs import view_image
from lentigo.images.problems import Problem
from lentigo.inference.lesions.segmentation import segment
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult

SKIN, BROWN = (225, 195, 180), (85, 55, 45)


def draw_image(path, size=(900, 600), lesion=(300, 150, 600, 350), **options):
    """A brown ellipse, its box given, on skin."""
    image = Image.new("RGB", size, SKIN)
    if lesion:
        ImageDraw.Draw(image).ellipse(lesion, fill=BROWN)
    path.parent.mkdir(exist_ok=True)
    image.save(path, **options)
    return path


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def image(tmp_path):
    return draw_image(tmp_path / "photos" / "mole.jpg")


def test_mask_and_outline_are_written_at_the_size_of_the_photograph(toy_run, image, tmp_path):
    found = segment(image, toy_run(), out=tmp_path / "out")
    mask = read(tmp_path / "out" / "mole_mask.png")
    assert (
        found.mask == tmp_path / "out" / "mole_mask.png"
        and mask.shape == (600, 900)
        and set(np.unique(mask)) == {0, 255}
    )
    truth = np.zeros((600, 900), bool)
    truth[np.hypot((np.mgrid[:600, :900][1] - 450) / 150, (np.mgrid[:600, :900][0] - 250) / 100) <= 1] = True
    assert ((mask > 0) & truth).sum() / ((mask > 0) | truth).sum() > 0.97
    assert read(found.overlay).shape == (600, 900, 3)


def test_it_is_measured(toy_run, image):
    found = segment(image, toy_run(), mm_per_pixel=0.02)
    assert (
        found.found
        and found.measures.diameter_px == pytest.approx(300, abs=5)
        and found.measures.diameter_mm == pytest.approx(6, abs=0.1)
    )
    assert found.measures.area_px == pytest.approx(
        np.pi * 150 * 100, rel=0.02
    ) and found.measures.colours == ("dark brown",)
    assert (
        np.abs(
            np.subtract((found.box.x, found.box.y, found.box.width, found.box.height), (300, 150, 300, 200))
        ).max()
        <= 3
    )


def test_one_pass_gives_class_heatmap_and_mask(toy_run, image):
    predictor, passes = Predictor(toy_run(), count=1), []
    run = predictor.session._run_requests
    predictor.session._run_requests = lambda batches: run(
        passes.append(count) or (pixels, count) for pixels, count in batches
    )
    answer = next(predictor.infer([image]))
    assert isinstance(answer, InferenceResult) and passes == [1]
    assert [round(centre * 224, 1) for centre in answer.centres] == [
        31.5,
        63.5,
        95.5,
        127.5,
        159.5,
        191.5,
        223.5,
    ]
    assert (
        answer.prediction.label == "benign"
        and answer.heatmap.shape == (7, 7)
        and answer.mask.shape == (224, 224)
        and answer.mask.max() > 0.9
    )


def test_segment_says_what_predict_says(toy_run, image):
    assert segment(image, toy_run()).prediction.probability == lentigo.predict(image, toy_run()).probability


def test_without_a_classifier_there_is_a_mask_and_no_class(toy_run, image):
    found = segment(image, toy_run("mask"))
    assert found.found and found.prediction is None and found.to_json()["probability"] is None


def test_without_a_decoder_the_error_says_how_to_train_one(toy_run, image):
    with pytest.raises(ModelError, match="lentigo train MASKS --masks --out RUN"):
        segment(image, toy_run("logit", "embedding", "heatmap"))


def test_a_run_that_classifies_nothing_does_not_predict(toy_run, image):
    for verb in (lentigo.predict, lentigo.explain):
        with pytest.raises(ModelError, match="classifies none"):
            verb(image, toy_run("mask"))


def test_a_photograph_without_a_lesion_gives_an_empty_mask_and_nulls(toy_run, tmp_path):
    found = segment(draw_image(tmp_path / "skin.png", lesion=None), toy_run(), out=tmp_path / "out")
    facts = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert not found.found and not read(found.mask).any()
    assert (
        facts["box"]
        is facts["area_px"]
        is facts["diameter_mm"]
        is facts["asymmetry"]
        is facts["colours"]
        is facts["cut_off"]
        is None
    )


def test_a_photograph_that_lies_on_its_side_is_measured_upright(toy_run, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    found = segment(draw_image(tmp_path / "turned.jpg", exif=exif), toy_run(), out=tmp_path / "out")
    assert (found.width, found.height) == (600, 900) and read(found.mask).shape == (900, 600)
    assert np.abs(np.subtract((found.box.x, found.box.y), (600 - 350, 300))).max() <= 3


def test_flips_average_the_masks_of_the_views(toy_run, tmp_path):
    image = draw_image(tmp_path / "corner.png", lesion=(50, 40, 250, 200))
    plain, flipped = segment(image, toy_run()), segment(image, toy_run(), tta=True)
    np.testing.assert_allclose(plain.probability, flipped.probability, atol=0.02)


def test_a_large_photograph_is_measured_in_its_own_pixels(toy_run, tmp_path):
    found = segment(
        draw_image(tmp_path / "large.jpg", (4500, 3000), (1500, 750, 3000, 1750)),
        toy_run(),
        out=tmp_path / "out",
    )
    assert found.measures.diameter_px == pytest.approx(1500, rel=0.02) and read(found.mask).shape == (
        3000,
        4500,
    )
    assert max(read(found.overlay).shape) < 1300


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (20, 4000), (4000, 20)])
def test_tiny_and_long_photographs_are_photographs(toy_run, tmp_path, size):
    image = draw_image(
        tmp_path / "odd.png",
        size,
        (size[0] * 0.3, size[1] * 0.3, size[0] * 0.7, size[1] * 0.7) if min(size) > 4 else None,
    )
    found = segment(image, toy_run(), out=tmp_path / "out")
    assert (found.width, found.height) == size and found.found == (min(size) > 4)


def test_transparency_is_white_and_no_lesion(toy_run, tmp_path):
    image = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((100, 50, 200, 150), fill=(*BROWN, 255))
    image.save(tmp_path / "clear.png")
    assert segment(tmp_path / "clear.png", toy_run()).measures.area_share == pytest.approx(
        np.pi * 2500 / 60_000, rel=0.05
    )


def test_two_photographs_of_one_name_have_files_of_their_own(toy_run, tmp_path):
    images = [draw_image(tmp_path / folder / "mole.jpg") for folder in ("a", "b")]
    answers = segment(images, toy_run(), out=tmp_path / "out").segmentations
    assert [answer.mask.name for answer in answers] == ["a_mole_mask.png", "b_mole_mask.png"] and all(
        answer.overlay.is_file() for answer in answers
    )


def test_no_file_replaces_a_photograph(toy_run, tmp_path):
    images = [draw_image(tmp_path / name) for name in ("mole.png", "mole_mask.png")]
    with pytest.raises(UsageError, match="would replace the photograph"):
        segment(images, toy_run(), out=tmp_path)


def test_a_bad_photograph_is_a_problem_in_its_place(toy_run, image, bad):
    answers = segment([image, bad, image], toy_run())
    assert len(answers.segmentations) == 2 and [problem.image for problem in answers.problems] == [str(bad)]


def segment_after_its_pass(toy_run, image, files):
    """What `segment_images` yields for a photograph that is deleted after its pass."""
    predictor = Predictor(toy_run())
    answers = predictor.infer([image])
    predictor.infer = lambda paths: (image.unlink() or answer for answer in answers)
    (found,) = lentigo.inference.lesions.segmentation.segment_images(predictor, [image], files)
    return found


def test_a_photograph_that_goes_after_its_pass_cannot_be_drawn_upon(toy_run, image, tmp_path):
    files = {str(image): (tmp_path / "mask.png", tmp_path / "outline.jpg")}
    problem = segment_after_its_pass(toy_run, image, files)
    assert isinstance(problem, Problem) and "No such file" in problem.error


def test_a_photograph_that_is_not_drawn_upon_is_read_once(toy_run, image):
    assert segment_after_its_pass(toy_run, image, {}).measures.diameter_px == pytest.approx(300, abs=5)


def test_a_folder_that_cannot_be_written_is_named(toy_run, image, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpaceError, match="could not be written"):
        segment(image, toy_run(), out=tmp_path / "file" / "below")
    with pytest.raises(UsageError, match="is a file"):
        segment(image, toy_run(), out=tmp_path / "file")


def test_a_photograph_is_viewed_in_its_proportions(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    pixels, size = view_image(draw_image(tmp_path / "p.jpg", (3000, 1500), exif=exif), 125_000)
    assert size == (1500, 3000) and pixels.shape == (500, 250, 3)
    assert view_image(draw_image(tmp_path / "q.png", (30, 20), None), 125_000)[0].shape == (20, 30, 3)


def test_the_files_of_a_photograph_with_a_name_of_255_bytes_are_written(toy_run, tmp_path):
    image = tmp_path / f"{'m' * 251}.png"
    Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(image)
    found = segment(image, toy_run(), out=tmp_path / "masks")
    assert (
        found.mask.is_file()
        and found.overlay.is_file()
        and found.mask.name.startswith("mmm")
        and len(found.mask.name) < 255
    )
