import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from lentigo.errors import UsageError
from lentigo.images.photographs import read_image
from lentigo.images.problems import Problem
from lentigo.inference.explanation import explain, explain_images, name_figures
from lentigo.inference.predictor import Predictor
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.network import open_network
from lentigo.models.runtime import Session


def lentigo(*words):
    """Runs the command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "lentigo", *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ,
        timeout=300,
    )


@pytest.fixture(scope="module")
def head(run):
    """The head of that RUN."""
    return open_network(run / "model.keras", BACKBONES["mobilenetv3small"]).head


def compute_head(head, x):
    """The head in double precision."""
    for number in (1, 2):
        (kernel, bias), norm = (
            head.get_layer(f"head_dense_{number}").get_weights(),
            head.get_layer(f"head_norm_{number}"),
        )
        gamma, beta, mean, variance = (value.astype(float) for value in norm.get_weights())
        x = (np.maximum(x @ kernel.astype(float) + bias, 0) - mean) / np.sqrt(
            variance + norm.epsilon
        ) * gamma + beta
    kernel, bias = head.get_layer("logit").get_weights()
    return float((x @ kernel.astype(float) + bias)[0])


def test_the_map_is_that_of_the_graph(run, image):
    expected = Session(run / "model.onnx", precision="f32").run(read_image(image).pixels[None])["heatmap"][0]
    explanation = explain(image, run, fp32=True)
    assert (expected < 0).any() and (expected > 0).any() and explanation.heatmap.dtype == np.float32
    np.testing.assert_allclose(explanation.heatmap, expected, atol=1e-6 * np.abs(expected).max())
    assert explanation.figure_file is None


def test_the_sum_of_the_map_is_the_slope_of_the_logit_along_the_embedding(run, head, image):
    answer = Session(run / "model.onnx", precision="f32").run(read_image(image).pixels[None])
    explanation = explain(image, run, fp32=True)
    embedding, step = answer["embedding"][0].astype(float), 1e-6
    slope = (compute_head(head, embedding * (1 + step)) - compute_head(head, embedding * (1 - step))) / (
        2 * step
    )
    assert abs(slope) > 0.01
    assert explanation.heatmap.sum() == pytest.approx(slope, rel=1e-3)


def test_an_explanation_holds_the_prediction_that_predict_gives(run, image, bad):
    said, (explanation, problem) = (
        list(Predictor(run).predict([image, bad])),
        explain_images(Predictor(run), [image, bad], {}),
    )
    assert explanation.prediction.probability == said[0].probability and explanation.image == str(image)
    assert problem == said[1]


def test_with_flips_the_map_is_that_of_the_photograph_as_it_is(run, image):
    plain, flipped = (next(Predictor(run, fp32=True, tta=tta).infer([image])) for tta in (False, True))
    np.testing.assert_allclose(flipped.heatmap, plain.heatmap, atol=1e-5 * np.abs(plain.heatmap).max())
    np.testing.assert_array_equal(flipped.pixels, read_image(image).pixels)
    assert flipped.logit != pytest.approx(plain.logit, rel=1e-4)


def test_one_photograph_gives_the_file_that_was_named(run, image, tmp_path):
    explanation = explain(image, run, out=tmp_path / "heat.png")
    with Image.open(tmp_path / "heat.png") as opened:
        assert opened.width > opened.height > 200 and np.asarray(opened).std() > 10
    assert [path.name for path in tmp_path.iterdir()] == ["heat.png"]
    assert explanation.figure_file == tmp_path / "heat.png"


def test_photographs_of_one_name_have_a_figure_each(run, image, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mole.jpg").write_bytes(image.read_bytes())
    explain([tmp_path / "a" / "mole.jpg", tmp_path / "b" / "mole.jpg"], run, out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_mole.png", "b_mole.png"]


def test_names_stay_apart_on_any_file_system():
    paths = ["x/Mole.jpg", "y/x/mole.png", "x/mole.tif", "x/spot.jpg", "x_mole.jpg", "x/spot.jpg"]
    figures = name_figures(paths, "out")
    assert len(figures) == 5 and len({str(figure).casefold() for figure in figures.values()}) == 5
    assert figures["x/spot.jpg"].name == "spot.png"


@pytest.mark.parametrize(("paths", "out"), [(["a.jpg", "b.jpg"], "heat.png"), (["a.jpg"], "heat.jpg")])
def test_a_file_that_cannot_be_meant_is_refused(paths, out):
    with pytest.raises(UsageError, match="expected a folder"):
        name_figures(paths, out)


def test_a_figure_never_replaces_its_photograph(run, image, tmp_path):
    Image.open(image).save(tmp_path / "mole.png")
    with pytest.raises(UsageError, match="would replace the photograph"):
        explain(tmp_path / "mole.png", run, out=tmp_path)


def test_a_photograph_that_vanishes_meanwhile_is_listed(run, image, tmp_path):
    copy = tmp_path / "mole.jpg"
    copy.write_bytes(image.read_bytes())
    predictor = Predictor(run)
    answers = [*predictor.infer([copy])]
    copy.unlink()
    predictor.infer = lambda paths: answers
    (problem,) = explain_images(predictor, [copy], name_figures([copy], tmp_path / "out"))
    assert isinstance(problem, Problem) and "cannot be read" in problem.error


def test_explain_lists_a_bad_photograph(run, image, bad, tmp_path):
    result = lentigo("explain", image, bad, image, "--model", run, "--out", tmp_path / "out", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3 and str(bad) in result.stderr
    assert np.shape(lines[0]["heatmap"]) == (7, 7) and lines[2]["figure"] == str(
        tmp_path / "out" / f"{image.stem}.png"
    )
    assert set(lines[1]) == {"image", "error"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{image.stem}.png"]


def test_predict_draws_on_the_way(run, image, bad, tmp_path):
    result = lentigo(
        "predict",
        bad,
        image,
        "--model",
        run,
        "--explain",
        tmp_path / "out",
        "--csv",
        tmp_path / "answers.csv",
        "--json",
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3 and set(lines[0]) == {"image", "error"}
    assert set(lines[1]) == {
        "image",
        "label",
        "probability",
        "threshold",
        "in_distribution",
        "shifted",
        "model",
        "seconds",
        "reason",
        "warnings",
        "figure",
    }
    with Image.open(lines[1]["figure"]) as opened:
        assert opened.width > opened.height
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 2
