"""Every branch that an option opens, from the command line: that its value arrives where it is meant to."""

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import product

import click
import pandas as pd
import pydicom
import pytest
import typer

from lentigo.cli.app import app
from lentigo.training.recipes import Recipe

pytestmark = pytest.mark.usefixtures("fewest_trees")


def list_commands(command: click.Command) -> Iterator[click.Command]:
    """A command, or those of a group."""
    if isinstance(command, typer.core.TyperGroup):
        for below in command.commands.values():
            yield from list_commands(below)
    else:
        yield command


def test_a_flag_of_a_command_has_one_meaning():
    for command in list_commands(typer.main.get_command(app)):
        flags = Counter(flag for option in command.params for flag in (*option.opts, *option.secondary_opts))
        assert max(flags.values()) == 1, command.name


def test_every_field_of_the_recipe_arrives_by_its_flag():
    fields = [field for field in dataclasses.fields(Recipe) if field.name != "name"]
    commands = {command.name: command for command in list_commands(typer.main.get_command(app))}
    for name, field in product(("fit", "train", "compare", "tune"), fields):
        flag = f"--{field.name.replace('_', '-')}"
        words = [flag] if field.type == "bool" else [flag, str(field.default)]
        expected = True if field.type == "bool" else field.default
        context = commands[name].make_context(name, ["DATA", "--out", "OUT", *words])
        assert context.params[field.name] == expected, (name, flag)


# Calls and the option that has no meaning in them
CONTRADICTIONS = [
    ("train DATA --out NEW --masks --folds 3", "--masks"),
    ("train DATA --out NEW --masks --bf16", "--bf16"),
    ("train DATA --out NEW --masks --devices all", "--devices"),
    ("train DATA --out NEW --masks --holdout-source clinic", "--holdout-source"),
    ("train DATA --out NEW --masks --callback tensorboard", "--callback"),
    ("train DATA --out NEW --folds 3 --not-lesions DATA", "--not-lesions"),
    ("train DATA --out NEW --folds 3 --callback tensorboard", "--callback"),
    ("evaluate RUN DATA --masks --stress", "--stress"),
    ("evaluate RUN DATA --masks --against bundled", "--against"),
    ("evaluate RUN DATA --masks --operating-point youden", "--operating-point"),
    ("evaluate RUN DATA --masks --alpha 0.1", "--alpha"),
]


def test_options_that_do_not_go_together_are_code_2(lentigo, toy_run, synthetic_lesions, tmp_path):
    places = {"DATA": synthetic_lesions / "manifest.csv", "NEW": tmp_path / "new", "RUN": toy_run()}
    for call, option in CONTRADICTIONS:
        result = lentigo(*(places.get(word, word) for word in call.split()))
        assert result.returncode == 2, (call, result.stderr)
        assert f"does not go with {option};" in result.stderr, (call, result.stderr)
    assert not (tmp_path / "new").exists()


def test_finetune_beside_masks_is_told_of_the_decoder(lentigo, run, synthetic_lesions):
    result = lentigo("train", synthetic_lesions, "--masks", "--finetune", "--out", run)
    assert result.returncode == 2 and "--finetune would change the classifier of" in result.stderr


# --- branches of one option each


@pytest.fixture
def few(synthetic_lesions, tmp_path):
    """Eight synthetic lesions, as a manifest."""
    table = pd.read_csv(synthetic_lesions / "manifest.csv").groupby("label").head(4)
    table["image"] = [str(synthetic_lesions / image) for image in table["image"]]
    table[["image", "label"]].to_csv(tmp_path / "few.csv", index=False)
    return tmp_path / "few.csv"


def read_answer(result):
    """The object that a command printed."""
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_evaluate_decides_by_the_operating_point_and_alpha_that_are_named(lentigo, run, few):
    words = ("--no-duplicates", "--operating-point", 0.4, "--alpha", 0, "--device", "onnxruntime", "--json")
    facts = read_answer(lentigo("evaluate", run, few, *words))
    assert facts["threshold"] == 0.4 and facts["coverage"] == 1.0


def test_evaluate_compares_with_another_run(lentigo, toy_run, few):
    words = ("--no-duplicates", "--against", toy_run("logit", "embedding", "heatmap"), "--json")
    difference = read_answer(lentigo("evaluate", toy_run(), few, *words))["comparison"]["difference"]
    assert difference == 0


def test_evaluate_asks_again_about_changed_photographs(lentigo, toy_run, few):
    facts = read_answer(lentigo("evaluate", toy_run(), few, "--no-duplicates", "--stress", "--json"))
    assert len(facts["stress"]) > 10


def test_predict_shifts_to_a_prevalence(lentigo, run, image):
    as_trained = read_answer(lentigo("predict", image, "--model", run, "--json"))
    rare = lentigo("predict", image, "--model", run, "--prevalence", 0.01, "--json")
    assert "nan%" not in rare.stderr
    assert read_answer(rare)["probability"] < as_trained["probability"]


def test_predict_writes_every_report_of_one_photograph(lentigo, toy_run, image, tmp_path):
    files = {"--sr": "report.dcm", "--seg": "outline.dcm", "--fhir": "report.json"}
    words = [word for option, name in files.items() for word in (option, tmp_path / name)]
    read_answer(lentigo("predict", image, "--model", toy_run(), *words, "--study-uid", "1.2.3", "--json"))
    for name in ("report.dcm", "outline.dcm"):
        assert pydicom.dcmread(tmp_path / name).StudyInstanceUID == "1.2.3"
    assert "1.2.3" in (tmp_path / "report.json").read_text()


def test_known_lesions_of_the_patient_are_left_out(lentigo, toy_run, few, image, tmp_path):
    table = pd.read_csv(few).assign(patient_id="P1")
    table.loc[0, "patient_id"] = "P2"
    table.to_csv(few, index=False)
    model = ("--model", toy_run())
    read_answer(lentigo("index", few, "--out", tmp_path / "known", *model, "--json"))
    words = ("--index", tmp_path / "known", "--similar", 8, "--patient", "P1", "--json")
    assert len(read_answer(lentigo("predict", image, *model, *words))["similar"]) == 1


def test_audit_finds_duplicates_in_another_set(lentigo, few, tmp_path):
    (tmp_path / "others").mkdir()
    shutil.copy(pd.read_csv(few)["image"][0], tmp_path / "others" / "again.jpg")
    facts = read_answer(lentigo("audit", few, "--against", tmp_path / "others", "--model", "none", "--json"))
    assert "again.jpg" in str(facts["duplicates"])


def test_an_import_leaves_the_published_split_aside(lentigo, synthetic_lesions, tmp_path):
    table = pd.read_csv(synthetic_lesions / "manifest.csv").assign(split="test")
    table["image"] = [str(synthetic_lesions / image) for image in table["image"]]
    table.to_csv(tmp_path / "manifest.csv", index=False)
    for option, expected in (("--splits", {"test"}), ("--no-splits", set())):
        out = tmp_path / f"imported{option}.csv"
        read_answer(lentigo("data", "import", tmp_path / "manifest.csv", "--out", out, option, "--json"))
        imported = pd.read_csv(out)
        assert set(imported.get("split", pd.Series()).dropna()) == expected


def test_a_photograph_as_dicom_has_the_patient_and_the_study_that_are_named(lentigo, image, tmp_path):
    words = ("--study-uid", "1.2.3", "--patient-id", "P7", "--kind", "dermoscopic", "--json")
    read_answer(lentigo("data", "to-dicom", image, "--out", tmp_path / "mole.dcm", *words))
    made = pydicom.dcmread(tmp_path / "mole.dcm")
    assert (made.StudyInstanceUID, made.PatientID) == ("1.2.3", "P7")


@pytest.mark.check
def test_train_takes_what_is_computed_and_tested_beside_the_recipe(
    lentigo, few, weight_file, synthetic_lesions, tmp_path
):
    table = pd.read_csv(few).assign(source=["clinic", "clinic", "phone", "clinic"] * 2)
    table.to_csv(few, index=False)
    recipe = ("--recipe", "seed", "--backbone", "mobilenetv3small", "--epochs", 1)
    start = ("--weights", weight_file("mobilenetv3small"), "--no-duplicates", "--validation-split", 0.4)
    beside = ("--bf16", "--holdout-source", "phone", "--not-lesions", synthetic_lesions / "benign", "--json")
    facts = read_answer(lentigo("train", few, "--out", tmp_path / "run", *recipe, *start, *beside))
    assert facts["holdouts"]["phone"]["n"] == 2


@pytest.mark.check
def test_export_quantises(lentigo, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    words = ("--format", "openvino", "--int8", "--out", tmp_path / "lesions.xml")
    result = lentigo("export", tmp_path / "run", *words)
    assert result.returncode == 0 and "decisions alike" in result.stdout
    assert "largest difference of P(malignant) from fp32" in result.stdout
