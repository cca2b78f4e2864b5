from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageChops
from scipy.interpolate import PchipInterpolator

from lentigo.inference.figures.colour_bar import list_ticks
from lentigo.inference.figures.explanation_figures import (
    MARGIN,
    arrange,
    describe,
    draw_explanation,
    save_figure,
)
from lentigo.inference.figures.heatmaps import enlarge, interpolate, tint, trace
from lentigo.inference.figures.lettering import load_font, shorten, spell
from lentigo.inference.results import InferenceResult, Prediction


def answer_with(heatmap, image="mole.jpg"):
    said = Prediction(image, "benign", 0.25, 0.5, None, "toy@0", 0.1)
    return InferenceResult(
        image, said, np.zeros((224, 224, 3), np.uint8), (224, 224), -1.1, np.asarray(heatmap, np.float32)
    )


def grey_photo(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 1)).repeat(3, axis=2).astype("uint8")


def test_no_red_below_zero_and_no_blue_above_and_clear_at_zero():
    shares = np.array([[-1, -0.5, -0.01], [1, 0.5, 0.01]])
    against, speaking = tint(np.ones(shares.shape), shares)
    assert (against[:, 2] > against[:, 0]).all() and (speaking[:, 0] > speaking[:, 2]).all()
    np.testing.assert_array_equal(tint(np.full((1, 1), 0.7), np.zeros((1, 1))), np.full((1, 1, 3), 0.7))


@pytest.mark.parametrize(("sign", "strong", "weak"), [(-1, 2, 0), (1, 0, 2)])
def test_a_map_of_one_sign_is_drawn_in_one_colour(sign, strong, weak):
    heatmap = sign * np.random.default_rng(2).uniform(0, 1, (7, 7)) ** 4
    figure = draw_explanation(grey_photo(90, 130), answer_with(heatmap))
    drawn = np.asarray(figure.crop(arrange(130, 90).heatmap)).astype(int)
    assert (drawn[..., strong] >= drawn[..., weak]).all() and (
        drawn[..., strong] > drawn[..., weak] + 40
    ).sum() > 1000


def test_the_lesion_is_outlined_on_the_photograph_alone_where_there_is_a_mask():
    image, plain = grey_photo(90, 130), answer_with(np.zeros((7, 7)))
    mask = np.zeros((224, 224), np.float32)
    mask[60:150, 80:170] = 1
    before, after = (
        np.asarray(draw_explanation(image, answer)).astype(int)
        for answer in (plain, replace(plain, mask=mask))
    )
    rows, columns = np.nonzero((before != after).any(axis=2))
    left, top, right, bottom = arrange(130, 90).image
    assert left < columns.min() < columns.max() < right and top < rows.min() < rows.max() < bottom


def test_enlarging_keeps_the_cells_and_overshoots_nowhere():
    heatmap = np.zeros((7, 7), np.float32)
    heatmap[3, 3], heatmap[2, 5] = -1, 0.5
    fine = enlarge(heatmap, 35, 21)
    np.testing.assert_allclose(fine[2::5, 1::3], heatmap, atol=1e-6)
    assert fine.min() >= -1 and fine.max() <= 0.5 and fine[:, :12].max() <= 0


def test_a_cell_is_drawn_where_it_looks():
    heatmap = np.zeros((7, 7))
    heatmap[3, 4] = 1
    fine = enlarge(heatmap, 224, 448, [(31.5 + 32 * cell) / 224 for cell in range(7)])
    assert np.unravel_index(fine.argmax(), fine.shape) == (127, 318) and fine.max() == pytest.approx(
        1, abs=1e-3
    )


def test_beyond_the_outer_centres_the_map_stays_as_it_is():
    rows = np.arange(5.0)[:, None]
    fine = interpolate(rows, 224, [(37.5 + 32 * cell) / 224 for cell in range(5)])[:, 0]
    assert (fine[:37] == 0).all() and fine[166:] == pytest.approx(4) and (np.diff(fine) >= 0).all()


def test_the_cubics_are_those_of_scipy():
    cells = np.random.default_rng(3).normal(size=(7, 2))
    expected = PchipInterpolator(np.arange(-2, 9), np.pad(cells, ((2, 2), (0, 0)), mode="edge"))(
        (np.arange(50) + 0.5) / 50 * 7 - 0.5
    )
    np.testing.assert_allclose(interpolate(cells, 50), expected, atol=1e-12)


def test_lines_are_single_for_malignant_and_double_against():
    shares = np.repeat(np.linspace(-1, 1, 201)[None], 9, axis=0)
    (line,) = trace(shares)[4:5] > 0.5
    starts = np.flatnonzero(np.diff(line.astype(int)) == 1) + 1
    assert len(starts) == 3 and (starts[:2] < 60).all() and 140 < starts[2] < 160


@pytest.mark.parametrize(
    "heatmap",
    [
        np.zeros((7, 7)),
        np.full((7, 7), 0.3),
        np.eye(14) - 0.5,
        np.eye(7) * 1e-30,
        np.eye(7) * 1e9,
        np.ones((1, 1)),
    ],
)
def test_any_map_can_be_drawn(heatmap):
    assert np.asarray(draw_explanation(grey_photo(40, 40), answer_with(heatmap))).std() > 10


@pytest.mark.parametrize(
    ("height", "width"), [(120, 160), (160, 120), (20, 300), (1, 60), (60, 1), (2000, 3000)]
)
def test_the_photograph_keeps_its_aspect_ratio_and_all_is_on_the_paper(height, width):
    layout = arrange(width, height)
    for left, top, right, bottom in (layout.image, layout.heatmap):
        assert (right - left) == pytest.approx(
            (bottom - top) * width / height, abs=0.5 * max(1, width / height)
        )
        assert left >= MARGIN and top > 80 and right < layout.bar[0] and bottom <= layout.bar[3]
    assert layout.image[2] < layout.heatmap[0] and layout.bar[2] < layout.size[0] and layout.size[0] <= 1600
    assert draw_explanation(grey_photo(height, width), answer_with(np.eye(7))).size == layout.size


def test_the_photograph_stands_on_the_left_as_it_is():
    image = np.full((90, 120, 3), (200, 120, 90), np.uint8)
    figure, box = draw_explanation(image, answer_with(np.eye(7))), arrange(120, 90).image
    assert figure.crop(box).getcolors() == [(640 * 480, (200, 120, 90))]


def test_the_figure_says_file_decision_probability_and_threshold():
    words = describe(answer_with(-np.eye(7), image="folder/mo$le$.jpg"))
    assert (words.name, words.decision) == ("mo$le$.jpg", "benign: P(malignant) 0.250, threshold 0.500")
    assert words.total == "all cells -7.00, the network's constant +5.90: logit -1.10"
    assert "not a diagnosis" in words.footer and "toy@0" in words.footer


def test_a_long_name_stays_on_the_paper():
    figure = draw_explanation(grey_photo(300, 100), answer_with(np.eye(7), image="W" * 250 + ".jpg"))
    left, _, right, _ = ImageChops.difference(figure, Image.new("RGB", figure.size, "white")).getbbox()
    assert left >= MARGIN - 2 and right <= figure.width - 4
    assert (
        shorten("W" * 250 + ".jpg", load_font(20), 300).endswith("W.jpg")
        and shorten("mole.jpg", load_font(20), 300) == "mole.jpg"
    )


def test_a_name_is_spelt_in_letters_that_the_font_has():
    assert spell("mélanome\n痣\udcff.jpg") == "melanome???.jpg"


@pytest.mark.parametrize("limit", [1e-30, 0.0013, 0.17, 1.0, 3.99, 8.0, 12345.6, 1e9])
def test_ticks_are_few_round_and_within_the_scale(limit):
    values, labels = zip(*list_ticks(limit), strict=True)
    assert (
        5 <= len(values) <= 9
        and max(values) <= limit * 1.001
        and "0" in labels
        and len(set(labels)) == len(labels)
    )
    assert [float(label) for label in labels] == pytest.approx(values, rel=1e-6)
    assert max(map(len, labels)) <= 7


def test_a_figure_is_a_png(tmp_path):
    save_figure(draw_explanation(grey_photo(40, 40), answer_with(np.eye(7))), tmp_path / "new" / "heat.png")
    with Image.open(tmp_path / "new" / "heat.png") as image:
        assert image.format == "PNG" and image.mode == "RGB"
