import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import ModelError, UsageError
from lentigo.training.recipe_lookup import find_head_recipe, find_recipe
from lentigo.training.selection.fold_evaluation import FoldEvaluator
from lentigo.training.selection.tuning.study_database import StudyAddress, open_study
from lentigo.training.selection.tuning.trials import choose_best, run_trials, tabulate
from lentigo.training.selection.tuning.tuning import Plan, set_apart, tune
from lentigo.training.start.features import Features

pytestmark = pytest.mark.usefixtures("toy_backbone", "untraced")
RECIPE = find_head_recipe("best", backbone="toy", epochs=1)
POSTGRES = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="module")
def plan(weight_file):
    return Plan(RECIPE, 2, 2, str(weight_file("toy")))


@pytest.fixture(scope="module")
def finished(synthetic_lesions, plan, tmp_path_factory):
    """A finished search of two trials: its folder and its answer."""
    out = tmp_path_factory.mktemp("tuning")
    tuning = tune(synthetic_lesions, out, plan)
    tuning.save(out)
    return out, tuning


def test_the_recipe_that_is_written_is_one_that_train_takes(finished):
    out, tuning = finished
    assert (
        find_recipe(out / "recipe.json") == tuning.recipe
        and tuning.recipe.name == "tuned"
        and not tuning.recipe.finetune
    )


def test_the_gain_is_against_the_default_recipe(finished):
    _, tuning = finished
    rows = tuning.table
    assert (
        rows["default"].tolist() == [True, False]
        and tuning.default_auroc == rows["auroc"][0]
        and tuning.auroc == rows["auroc"].max()
    )


def test_the_gain_is_confirmed_on_photographs_that_the_search_never_saw(finished):
    _, tuning = finished
    if tuning.table["auroc"].idxmax() == 0:
        assert tuning.confirmation is None
    else:
        assert tuning.confirmation.gain.mean == pytest.approx(
            np.mean(tuning.confirmation.best) - np.mean(tuning.confirmation.default)
        )
        assert (
            tuning.confirmation.n
            == tuning.facts["n_confirming"]
            == tuning.facts["n"] - tuning.facts["n_searched"]
        )


def test_no_patient_is_searched_on_and_confirmed_on(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    n = len(dataset)
    features = Features(np.arange(n, dtype=np.float32)[:, None], np.ones(n, bool), ())
    evaluator, reserve = set_apart(dataset, features, Plan(RECIPE, folds=3), Path("work"))
    searched = evaluator.photographs.dataset
    assert not set(searched.table["patient_id"]) & set(reserve.dataset.table["patient_id"])
    assert len(searched) + len(reserve.dataset) == n
    assert len(reserve.dataset) == pytest.approx(0.2 * n, abs=2)
    assert set(reserve.dataset.malignant) == {0, 1}
    assert set(evaluator.folds) == {0, 1, 2}


def test_features_stay_with_their_photographs_where_some_cannot_be_read(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions)
    readable = np.arange(len(dataset)) % 7 != 3
    features = Features(np.flatnonzero(readable).astype(np.float32)[:, None], readable, ())
    evaluator, reserve = set_apart(dataset, features, Plan(RECIPE, folds=2), Path("work"))
    for photographs in (evaluator.photographs, reserve):
        rows = photographs.features[:, 0].astype(int)
        expected = dataset.table["image"].iloc[rows].tolist()
        assert photographs.dataset.table["image"].tolist() == expected


def test_a_pruned_trial_has_the_auroc_of_the_folds_that_were_measured(tmp_path):
    hard = (0.3, 0.0, 0.2)

    def measure(recipe, watch):
        aurocs = [1 - abs(recipe.dropout_1 - 0.3) / 2 - difficulty for difficulty in hard]
        for fold, auroc in enumerate(aurocs):
            watch(fold, auroc)
        return aurocs

    place = StudyAddress(f"sqlite:///{tmp_path / 'trials.db'}", "toy")
    run_trials(place, RECIPE, measure, 20, lambda items, **_: items)
    table = tabulate(open_study(place), {"dropout_1": None})
    pruned = table[table["state"] == "pruned"]
    expected = [
        1 - abs(x - 0.3) / 2 - np.mean(hard[: len(folds.split())])
        for x, folds in zip(pruned["dropout_1"], pruned["folds"], strict=True)
    ]
    assert len(pruned) and pruned["auroc"].tolist() == pytest.approx(expected)
    assert pruned["gain"].tolist() == pytest.approx(
        ((RECIPE.dropout_1 - 0.3) - (pruned["dropout_1"] - 0.3).abs()).div(2).tolist()
    )


@pytest.mark.parametrize("share", [0, 1, float("nan")])
def test_a_share_that_leaves_nothing_to_confirm_on_is_named(share):
    with pytest.raises(UsageError, match="confirm-share is"):
        Plan(RECIPE, confirm_share=share)


def test_the_answer_is_files_and_figures(finished):
    out, tuning = finished
    assert (
        len(pd.read_csv(out / "trials.csv")) == 2
        and (out / "figures" / "slices.png").is_file()
        and (out / "figures" / "trials.png").is_file()
    )
    assert json.loads((out / "tuning.json").read_text()) == json.loads(json.dumps(tuning.to_json()))


def test_the_same_call_does_nothing_again(finished, synthetic_lesions, plan, monkeypatch):
    out, before = finished
    monkeypatch.setattr(FoldEvaluator, "measure", None)
    monkeypatch.setattr(FoldEvaluator, "predict", None)
    again = tune(synthetic_lesions, out, plan)
    pd.testing.assert_frame_equal(again.table, before.table)
    assert again.confirmation == before.confirmation


def test_another_recipe_is_refused_by_the_name_of_what_changed(finished, synthetic_lesions, plan):
    out, _ = finished
    with pytest.raises(UsageError, match="was started with another patience"):
        tune(
            synthetic_lesions,
            out,
            Plan(
                find_head_recipe("best", backbone="toy", epochs=1, patience=3),
                2,
                2,
                plan.weights,
            ),
        )


def test_a_default_recipe_that_fails_is_an_error_with_the_reason(tmp_path):
    def fail(recipe, watch):
        raise ValueError("no number")

    place = StudyAddress(f"sqlite:///{tmp_path / 'trials.db'}", "toy")
    run_trials(place, RECIPE, fail, 2, lambda items, **_: items)
    with pytest.raises(ModelError, match=r"0 of 2 trials are complete.*ValueError: no number"):
        choose_best(open_study(place))


def test_a_number_of_trials_that_makes_no_sense_is_named():
    with pytest.raises(UsageError, match="trials is 0"):
        Plan(RECIPE, 0)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The address of a PostgreSQL of its own, which nobody else reaches."""
    if not (POSTGRES / "initdb").is_file() or not shutil.which("runuser"):
        pytest.skip("no PostgreSQL")
    folder = Path("/tmp") / f"lentigo-{tmp_path_factory.mktemp('postgres').name}-{time.monotonic_ns()}"
    folder.mkdir()
    shutil.chown(folder, "nobody")

    def call(name, *words):
        subprocess.run(
            ["runuser", "-u", "nobody", "--", str(POSTGRES / name), *words],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    call("initdb", "-D", f"{folder}/data", "-U", "lentigo", "--auth=trust")
    call(
        "pg_ctl",
        "-D",
        f"{folder}/data",
        "-w",
        "-o",
        f"-c listen_addresses= -k {folder}",
        "-l",
        f"{folder}/log",
        "start",
    )
    yield f"postgresql://lentigo@/postgres?host={folder}"
    call("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.mark.check
def test_a_study_in_postgresql_goes_on_as_one_in_a_file(database, tmp_path):
    def measure(recipe, watch):
        watch(0, recipe.dropout_1)
        return [recipe.dropout_1]

    drawn = []
    for address in (database, f"sqlite:///{tmp_path / 'trials.db'}"):
        for count in (3, 6):
            run_trials(StudyAddress(address, "toy"), RECIPE, measure, count, lambda items, **_: items)
        drawn.append([trial.params for trial in open_study(StudyAddress(address, "toy")).get_trials()])
    assert len(drawn[0]) == 6 and drawn[0] == drawn[1]
