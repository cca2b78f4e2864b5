"""What people give for photographs, models, settings and folders: taken as it is meant, or refused by name."""

import copy
import pickle
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import lentigo
from lentigo.common.results.summaries import Summarized
from lentigo.errors import ImageError, LentigoError, UsageError
from lentigo.inference.output_names import name_files

GREY = np.full((32, 32, 3), 90, np.uint8)
RESULTS = (  # each module and the result that it gives
    ("lentigo.inference.results", "Prediction"),
    ("lentigo.inference.results", "Predictions"),
    ("lentigo.inference.explanation", "Explanations"),
    ("lentigo.inference.lesions.segmentation", "Segmentation"),
    ("lentigo.inference.lesions.segmentation", "Segmentations"),
    ("lentigo.inference.lesions.detection", "Detection"),
    ("lentigo.inference.lesions.detection", "Detections"),
    ("lentigo.inference.similarity.case_indexing", "IndexedCases"),
    ("lentigo.audit.audit", "Audit"),
    ("lentigo.datasets.dataset", "Dataset"),
    ("lentigo.splits.partition", "Partition"),
    ("lentigo.evaluation.assessment", "Assessment"),
    ("lentigo.evaluation.masks.mask_assessment", "MaskAssessment"),
    ("lentigo.models.exports.export", "Export"),
    ("lentigo.training.trainer", "Training"),
    ("lentigo.training.masks.mask_training", "MaskTraining"),
    ("lentigo.training.fitting.fit", "Study"),
    ("lentigo.training.selection.ranking", "Ranking"),
    ("lentigo.training.selection.tuning.tuning_results", "Tuning"),
)


class Tensor:
    """An array of another library, as PyTorch, TensorFlow and JAX give it."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.fromarray(GREY).save(tmp_path / "mole.png")
    return tmp_path


@pytest.mark.parametrize("name", ["~/mole.png", Path("~/mole.png"), np.array("~/mole.png")])
def test_a_tilde_is_the_home_folder(toy_run, home, name):
    assert lentigo.predict(name, toy_run()).image == str(home / "mole.png")


def test_a_folder_that_is_to_be_made_is_not_called_tilde(toy_run, home, monkeypatch):
    monkeypatch.chdir(home)
    lentigo.segment("mole.png", toy_run(), out="~/masks")
    assert (home / "masks").is_dir() and not (home / "~").exists()


def test_a_tensor_is_an_array(toy_run):
    alone = lentigo.predict(Tensor(GREY), toy_run())
    several = lentigo.predict(Tensor(np.stack([GREY, GREY])), toy_run())
    assert alone.probability == several[1].probability == lentigo.predict(GREY, toy_run()).probability


@pytest.mark.parametrize(
    "given, words",
    [
        ("", "photograph 1 is ''; expected a path"),
        ([None], "photograph 1 is missing"),
        (pd.DataFrame({"image": ["a.png", np.nan]}), "photograph 2 is missing .*dropna"),
        (np.uint8(3), "of the type int"),
        (Tensor(np.moveaxis(GREY, 2, 0)), "channels last"),
    ],
)
def test_what_is_no_photograph_is_named(toy_run, given, words):
    with pytest.raises(UsageError, match=words):
        lentigo.predict(given, toy_run())


def test_a_path_of_windows_keeps_its_separators(toy_run):
    with pytest.raises(ImageError, match=r"^C:\\mole\.png: cannot be read"):
        lentigo.predict(PureWindowsPath("C:/mole.png"), toy_run())


@pytest.mark.parametrize("model", [None, 3, ""])
def test_what_is_no_model_is_named(model):
    with pytest.raises(UsageError, match=r'^model is .*expected the folder of a RUN, or "bundled"'):
        lentigo.predict(GREY, model)


@pytest.mark.parametrize("out", [None, "", 3])
def test_what_is_no_folder_is_named(out):
    with pytest.raises(UsageError, match=r"^out is .*expected the name of a folder"):
        lentigo.train("photos", out)


@pytest.mark.parametrize(
    "setting",
    [
        {"prevalence": "0.1"},
        {"alpha": 2},
        {"alpha": True},
        {"threads": 0},
        {"threads": "2"},
        {"operating_point": ["youden"]},
        {"device": None, "fp32": True, "threads": 1.5},
    ],
)
def test_a_setting_of_another_type_or_range_is_named(toy_run, setting):
    with pytest.raises(UsageError, match=r" is .*; expected "):
        lentigo.load_model(toy_run(), **setting)


def test_numbers_of_numpy_are_numbers(toy_run):
    model = lentigo.load_model(toy_run(), prevalence=np.float32(0.5), threads=np.int64(1))
    assert model.predict(GREY).threshold == pytest.approx(0.5)


def test_a_threshold_is_a_number_too():
    assert lentigo.predict(GREY, operating_point=np.float64(0.25)).threshold == 0.25


@pytest.mark.parametrize("similar", ["3", 2.5, True])
def test_a_number_of_cases_is_whole(toy_run, similar):
    with pytest.raises(UsageError, match="similar is "):
        lentigo.predict(GREY, toy_run(), similar=similar, index="known")


@pytest.mark.parametrize("place, name", RESULTS)
def test_a_result_is_one_line(place, name):
    module = pytest.importorskip(place)
    assert getattr(module, name).__repr__ is Summarized.__repr__


@pytest.mark.parametrize("verb", ["predict", "explain", "segment", "detect"])
def test_results_are_compared_hashed_copied_and_sent(toy_run, verb):
    results = getattr(lentigo, verb)([GREY, GREY[:, :16]], toy_run())
    sent = pickle.loads(pickle.dumps(results))
    assert results == sent == copy.deepcopy(results) and hash(results[0]) == hash(sent[0])
    assert results[0] != results[1]
    assert "\n" not in repr(results) and len(repr(results)) < 200 and len(repr(results[0])) < 200


def test_every_verb_refuses_what_it_cannot_read(toy_run):
    for verb in ("predict", "explain", "segment", "detect"):
        with pytest.raises(LentigoError, match="expected uint8"):
            getattr(lentigo, verb)(GREY / 255, toy_run())


def test_a_model_that_is_loaded_is_evaluated(toy_run, synthetic_lesions):
    paths = sorted(synthetic_lesions.glob("*/*.jpg"))[::12]
    frame = pd.DataFrame({"image": map(str, paths), "label": [path.parent.name for path in paths]})
    by_model = lentigo.evaluate(lentigo.load_model(toy_run()), frame, split="all", duplicates=False)
    by_folder = lentigo.evaluate(toy_run(), frame, split="all", duplicates=False)
    assert by_model.metrics == by_folder.metrics


def test_what_is_made_of_a_dicom_frame_is_named_by_its_number(tmp_path):
    names = [f"{tmp_path}/film.dcm#2", f"{tmp_path}/film.dcm#5", f"{tmp_path}/mole.jpg"]
    files = name_files(names, tmp_path / "out", "_mask.png")
    assert [mask.name for (mask,) in files.values()] == [
        "film_frame2_mask.png",
        "film_frame5_mask.png",
        "mole_mask.png",
    ]
