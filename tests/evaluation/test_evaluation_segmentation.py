import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from lentigo.errors import DataError, ModelError
from lentigo.evaluation.contamination import Contamination
from lentigo.evaluation.masks.mask_assessment import TITLES, evaluate_masks
from lentigo.evaluation.masks.mask_report import choose_rows, write_mask_report
from lentigo.evaluation.training_duplicates import TrainingDuplicate
from lentigo.inference.predictor import Predictor

SKIN, BROWN, PALE = (
    (225, 195, 180),
    (85, 55, 45),
    (215, 180, 165),
)  # PALE is a lesion that the toy does not see


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
    """Ten test photographs of two patients each with their masks, the last one pale, and one to train on."""
    folder, rows = tmp_path_factory.mktemp("masks"), []
    for number in range(11):
        image, mask = Image.new("RGB", (300, 200), SKIN), Image.new("L", (300, 200))
        place = (60 + 5 * number, 40, 180 + 5 * number, 130)
        ImageDraw.Draw(image).ellipse(place, fill=PALE if number == 9 else BROWN)
        ImageDraw.Draw(mask).ellipse(place, fill=255)
        image.save(folder / f"{number}.png")
        mask.save(folder / f"{number}_mask.png")
        rows.append(
            (f"{number}.png", f"{number}_mask.png", "train" if number == 10 else "test", f"p{number // 2}")
        )
    pd.DataFrame(rows, columns=["image", "mask", "split", "patient_id"]).to_csv(
        folder / "manifest.csv", index=False
    )
    return folder


@pytest.fixture(scope="module")
def assessment(toy_run, masks):
    return evaluate_masks(toy_run(), masks)


def test_what_is_seen_scores_high_and_what_is_not_scores_zero(assessment):
    table = assessment.table
    assert assessment.n == 10 and assessment.not_found == 1
    assert (
        (table["jaccard"][:9] > 0.95).all()
        and table["jaccard"][9] == 0
        and np.isnan(table["hausdorff95_px"][9])
    )
    assert (
        assessment.metrics["jaccard"] == pytest.approx(table["jaccard"].mean())
        and assessment.metrics["surface_distance_px"] < 1
    )
    assert 0.89 < assessment.metrics["box_ap50"] < 0.92 and assessment.one_box == 0.9


def test_the_object_has_all_with_intervals(assessment):
    facts = json.loads(json.dumps(assessment.to_json(), allow_nan=False))
    assert set(TITLES) == set(facts["ci"]) <= set(facts)
    for name, (low, high) in facts["ci"].items():
        assert low <= facts[name] <= high, name


def test_each_look_is_counted(toy_run, masks, assessment):
    assert evaluate_masks(toy_run(), masks).times_test_opened > assessment.times_test_opened


def test_a_photograph_that_cannot_be_read_is_left_out_and_listed(toy_run, masks, tmp_path):
    for name in ("manifest.csv", *(f"{number}{kind}.png" for number in range(11) for kind in ("", "_mask"))):
        (tmp_path / name).write_bytes((masks / name).read_bytes())
    content = (tmp_path / "3.png").read_bytes()
    (tmp_path / "3.png").write_bytes(content[: len(content) // 2])
    found = evaluate_masks(toy_run(), tmp_path)
    assert found.n == 9 and [problem.image for problem in found.problems] == [str(tmp_path / "3.png")]


def test_a_run_without_a_decoder_and_a_set_without_masks_are_refused(toy_run, masks, synthetic_lesions):
    with pytest.raises(ModelError, match="--masks"):
        evaluate_masks(toy_run("logit", "embedding", "heatmap"), masks)
    with pytest.raises(DataError):
        evaluate_masks(toy_run(), synthetic_lesions / "benign")


def test_a_decoder_alone_is_measured_as_well(toy_run, masks, assessment):
    assert evaluate_masks(toy_run("mask"), masks).metrics == assessment.metrics


def test_best_median_and_worst_are_shown(assessment):
    rows = choose_rows(assessment)
    assert [len(chosen) for chosen in rows.values()] == [4, 4, 4] and rows["worst"][-1] == 9


def test_the_report_holds_its_figures(toy_run, assessment, tmp_path):
    html = write_mask_report(Predictor(toy_run()), assessment, tmp_path)
    assert html.count("data:image/png;base64,") == 3 and all(
        (tmp_path / f"{name}.png").is_file() for name in ("best", "median", "worst")
    )
    assert "Jaccard index" in html and "In 1 of the photographs no lesion was seen" in html


def test_the_report_says_first_what_the_decoder_has_learned_from(toy_run, assessment, tmp_path):
    duplicate = TrainingDuplicate("benign_1.jpg", "train/benign_7.jpg", "crop")
    contamination = Contamination("toy", 10, 40, 0, (), True, searched=40, duplicates=(duplicate,))
    html = write_mask_report(Predictor(toy_run()), replace(assessment, contamination=contamination), tmp_path)
    warning = html.index("the numbers here are too good")
    assert warning < html.index("What was measured") < html.index("train/benign_7.jpg")
    assert str(toy_run()) not in html


def test_the_command_measures_and_writes_a_report(lentigo, toy_run, masks, tmp_path):
    report = tmp_path / "report.html"
    result = lentigo("evaluate", toy_run(), masks, "--masks", "--json", "--out", report)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["n"] == 10 and report.is_file()
