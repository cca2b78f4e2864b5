import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from lentigo.errors import UsageError
from lentigo.inference.explanation import SIGNED, explain


@pytest.fixture
def photo(phantoms):
    return sorted((phantoms / "malignant").glob("*.jpg"))[0]


def test_the_map_is_that_of_the_graph_and_keeps_its_sign(run, photo):
    from lentigo.data.photos import read_photo
    from lentigo.models.runtime import Session

    expected = Session(run / "model.onnx", exact=True).answer(read_photo(photo).pixels[None])["heatmap"][0]
    (answer,) = explain(photo, run, exact=True).explanations
    np.testing.assert_allclose(answer.heatmap, expected, atol=1e-6)
    assert answer.figure is None


def test_no_red_below_zero_and_no_blue_above():
    below, above = SIGNED(np.linspace(0, 0.49, 20)), SIGNED(np.linspace(0.51, 1, 20))
    assert (below[:, 2] > below[:, 0]).all() and (above[:, 0] > above[:, 2]).all()
    assert SIGNED(0.499)[3] < 0.01


def test_one_photograph_gives_the_file_that_was_named(run, photo, tmp_path):
    answers = explain(photo, run, out=tmp_path / "heat.png")
    with Image.open(tmp_path / "heat.png") as picture:
        assert picture.width > picture.height > 200
    assert answers.explanations[0].figure == tmp_path / "heat.png"


def test_photographs_of_one_name_have_a_figure_each(run, photo, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mole.jpg").write_bytes(photo.read_bytes())
    explain([tmp_path / "a" / "mole.jpg", tmp_path / "b" / "mole.jpg"], run, out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_mole.png", "b_mole.png"]


def test_a_figure_never_replaces_its_photograph(run, photo, tmp_path):
    Image.open(photo).save(tmp_path / "mole.png")
    with pytest.raises(UsageError, match="would replace the photograph"):
        explain(tmp_path / "mole.png", run, out=tmp_path)


def test_the_command_lists_a_bad_photograph(run, photo, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"?")
    command = [sys.executable, "-m", "lentigo", "explain", photo, tmp_path / "bad.jpg", "--model", run, "--out", tmp_path / "out", "--json"]
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3 and "heatmap" in lines[0] and set(lines[1]) == {"image", "error"}


def test_predict_alone_imports_no_matplotlib():
    code = "import sys, lentigo.inference.prediction, lentigo.cli; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
