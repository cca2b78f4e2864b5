"""A whole study in one call: what it leaves, that it goes on where it stopped, and the commands that it names."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
from json_schemas import hold_schema

import lentigo
from lentigo.errors import DataError, ModelError, UsageError
from lentigo.training.fitting import fit as fitting
from lentigo.training.fitting.study_folder import STEPS

pytestmark = pytest.mark.usefixtures("toy_backbone", "fewest_trees", "untraced")
CHOICES = {"backbone": "toy", "epochs": 2, "tta": False, "test": 0.25}


class Killed(BaseException):
    """Stands for a signal that ends the process."""


@pytest.fixture(scope="module")
def make_study(synthetic_lesions, weight_file):
    """Makes a study of synthetic lesions in a folder."""

    def make(out, data=synthetic_lesions, **changes):
        options = CHOICES | changes
        return lentigo.fit(data, out, "seed", weights=weight_file("toy"), **options)

    return make


def stop_in_the_second_epoch():
    """A progress that kills the process in the second epoch of the head."""
    epochs = []

    def watch(items, total=None, label=""):
        for item in items:
            if label == "head":
                epochs.append(item)
                if len(epochs) == 2:
                    raise Killed
            yield item

    return watch


@pytest.fixture(scope="module")
def stopped(make_study, tmp_path_factory):
    """A copy of a study whose training was killed in its second epoch, and where the study itself goes on."""
    home = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        # Other tests evaluate the same photographs, which the ledger of the session counts
        patch.setenv("LENTIGO_LEDGER", str(home / "ledger.jsonl"))
        with pytest.raises(Killed):
            make_study(home / "study", progress=stop_in_the_second_epoch())
        yield shutil.copytree(home / "study", home / "stopped"), home / "study"


@pytest.fixture(scope="module")
def study(make_study, stopped):
    """A study that was resumed between two epochs."""
    _, folder = stopped
    return make_study(folder)


def test_a_study_holds_model_reports_splits_and_page(study):
    for name in (
        "index.html",
        "audit.html",
        "split.csv",
        "evaluation.html",
        "run/card.json",
        "run/report.html",
    ):
        assert (study.folder / name).is_file(), name
    assert not (study.run / "checkpoint").exists()
    assert study.evaluation["n"] > 5 and study.evaluation["times_test_opened"] == 1
    assert study.evaluation["split"] == "test"


def test_its_json_is_recorded(study):
    hold_schema("fit", "lentigo fit --json", [json.loads(json.dumps(study.to_json()))])


def test_every_link_of_the_page_leads_somewhere(study):
    page = study.index.read_text()
    links = re.findall(r'(?:href|src)="([^"#]+)"', page)
    assert len(links) > 5
    for link in links:
        assert (study.folder / link).exists(), link
    for command in study.commands.values():
        assert command in page.replace("&#39;", "'")


def test_the_split_does_not_leak(study):
    table = lentigo.load_dataset(study.folder / "split.csv").table
    groups = table.groupby("duplicate_group")["split"].nunique() if "duplicate_group" in table else None
    assert groups is None or groups.max() == 1
    assert set(table["split"]) == {"train", "test"}


def test_a_finished_study_is_not_made_again(study, make_study):
    page = study.index.stat().st_mtime_ns
    again = make_study(study.folder)
    assert again.to_json() == study.to_json()
    assert again.evaluation["times_test_opened"] == 1 and page <= study.index.stat().st_mtime_ns


def test_another_call_does_not_go_on_with_it(study, make_study):
    with pytest.raises(UsageError, match="was started with another epochs"):
        make_study(study.folder, epochs=3)
    with pytest.raises(UsageError, match="was started with another test"):
        make_study(study.folder, test=0.5)


@pytest.mark.check
@pytest.mark.parametrize("step", STEPS)
def test_a_study_that_is_stopped_in_a_step_goes_on_with_it(step, study, make_study, tmp_path, monkeypatch):
    """The steps before are not done again; the numbers are those of a study that was not stopped."""
    folder = tmp_path / "study"
    shutil.copytree(study.folder, folder)
    later = STEPS[STEPS.index(step) :]
    for name in later:
        (folder / "steps" / f"{name}.json").unlink()
    if step == "train":  # as it is when the process ends between two epochs: nothing of a card
        shutil.rmtree(folder / "run")
    names = {
        "read": "read_photographs",
        "audit": "audit_photographs",
        "split": "split_photographs",
        "train": "train_model",
        "evaluate": "evaluate_model",
    }
    done = []
    for name in STEPS:
        real = getattr(fitting, names[name])

        def watch(*words, name=name, real=real):
            done.append(name)
            return real(*words)

        monkeypatch.setattr(fitting, names[name], watch)
    again = make_study(folder)
    assert done == list(later)
    assert again.steps["split"]["splits"] == study.steps["split"]["splits"]
    assert again.evaluation["auroc"] == pytest.approx(study.evaluation["auroc"])


def test_a_study_that_is_stopped_between_epochs_says_that_it_is_not_finished(stopped):
    folder, _ = stopped
    assert (folder / "run" / "checkpoint" / "state.npz").is_file()
    assert "is not finished" in (folder / "index.html").read_text()


def test_a_training_that_is_stopped_between_epochs_is_resumed(stopped, study):
    folder, _ = stopped
    for step in ("read", "audit", "split"):  # what was done is not done again
        step_file = Path("steps") / f"{step}.json"
        assert (study.folder / step_file).read_bytes() == (folder / step_file).read_bytes()
    assert pd.read_csv(study.run / "history.csv")["epoch"].tolist() == [1, 2]


@pytest.mark.check
def test_a_study_that_was_never_stopped_comes_to_the_same_end(study, make_study, tmp_path):
    whole = make_study(tmp_path / "study")
    assert study.evaluation["auroc"] == pytest.approx(whole.evaluation["auroc"])
    columns = ["epoch", "loss", "val_loss", "val_auroc"]
    ends = [pd.read_csv(end.run / "history.csv")[columns] for end in (whole, study)]
    pd.testing.assert_frame_equal(*ends, rtol=1e-3)


def test_a_damaged_step_is_named(study, make_study, tmp_path):
    folder = shutil.copytree(study.folder, tmp_path / "study")
    (folder / "steps" / "audit.json").write_text("{")
    with pytest.raises(ModelError, match=r"audit\.json: is damaged .* does the step again"):
        make_study(folder)


def test_a_folder_of_other_files_is_not_filled(make_study, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        make_study(tmp_path)


def test_photographs_that_cannot_be_used_leave_no_study(make_study, tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError):
        make_study(tmp_path / "study", tmp_path / "photos")
    assert not (tmp_path / "study" / "steps" / "read.json").exists()


def test_the_single_commands_are_commands(study, lentigo):
    assert list(study.commands) == ["audit", "split", "train", "evaluate"]
    for command in study.commands.values():
        name, *words = shlex.split(command)
        assert name == "lentigo"
        checked = lentigo(*words, "--no-such-option")
        assert checked.returncode == 2 and "--no-such-option" in checked.stderr


def test_the_single_command_of_the_split_gives_the_same_split(study, lentigo, tmp_path):
    words = shlex.split(study.commands["split"])[1:-1]
    assert lentigo(*words, tmp_path / "split.csv").returncode in (0, 3)
    before = pd.read_csv(study.folder / "split.csv").set_index("sha256")["split"].sort_index()
    again = pd.read_csv(tmp_path / "split.csv").set_index("sha256")["split"].sort_index()
    pd.testing.assert_series_equal(before, again)
