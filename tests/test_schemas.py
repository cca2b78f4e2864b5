"""What 1.0 promises: the keys of every `--json`, of `card.json` and of the service, and the Python verbs."""

import dataclasses
import inspect
import json
import os
import shutil

import pytest
from json_schemas import RECORD, SCHEMAS, hold_schema
from PIL import Image

import lentigo as package
from lentigo.models.bundle import BUNDLED
from lentigo.training.recipes import Recipe

pytestmark = pytest.mark.usefixtures("fewest_trees")


@pytest.fixture
def ask(lentigo):
    """Runs a command with `--json` and gives the objects that it printed."""

    def run(*words, codes=(0,)):
        result = lentigo(*words, "--json")
        assert result.returncode in codes, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    return run


@pytest.fixture
def blank(tmp_path):
    """A photograph without a lesion."""
    Image.new("RGB", (300, 300), "white").save(tmp_path / "blank.png")
    return tmp_path / "blank.png"


@pytest.fixture(scope="module")
def few(synthetic_lesions, tmp_path_factory):
    """A folder with eight synthetic lesions of each class; some are shown twice."""
    folder = tmp_path_factory.mktemp("few")
    for label in ("benign", "malignant"):
        (folder / label).mkdir()
        for path in sorted((synthetic_lesions / label).iterdir())[:8]:
            shutil.copy(path, folder / label)
    return folder


def test_predict(ask, image, bad, blank):
    objects = ask("predict", image, bad, blank, codes=(3,))
    hold_schema("predict", "lentigo predict --json", objects)


def test_explain(ask, image):
    hold_schema("explain", "lentigo explain --json", ask("explain", image))


def test_segment(ask, image, blank, toy_run, tmp_path):
    objects = []
    for model in ("bundled", toy_run("mask")):
        objects += ask("segment", image, blank, "--out", tmp_path / "masks", "--model", model)
    hold_schema("segment", "lentigo segment --json", objects)


def test_detect(ask, image, blank, toy_run):
    objects = ask("detect", image, blank) + ask("detect", image, "--model", toy_run("mask"))
    hold_schema("detect", "lentigo detect --json", objects)


def test_evaluate(ask, few, tmp_path):
    report = tmp_path / "report.html"
    objects = ask("evaluate", "bundled", few, "--out", report)
    hold_schema("evaluate", "lentigo evaluate --json", objects)
    assert objects[0]["n"] == 16 and report.is_file()


def test_audit(ask, few):
    objects = ask("audit", few)
    hold_schema("audit", "lentigo audit --json", objects)
    assert objects[0]["duplicates"] and objects[0]["shortcut_baselines"]["border_only_auroc"] is not None


def test_data(ask, synthetic_lesions, tmp_path):
    split = tmp_path / "split.csv"
    hold_schema("data_info", "lentigo data info --json", ask("data", "info", synthetic_lesions))
    objects = ask("data", "split", synthetic_lesions, "--out", split)
    hold_schema("data_split", "lentigo data split --json", objects)
    objects = ask("data", "synth", "--out", tmp_path / "drawn", "--count", 1)
    hold_schema("data_synth", "lentigo data synth --json", objects)
    shutil.copytree(synthetic_lesions, tmp_path / "source")
    objects = ask("data", "import", tmp_path / "source", "--out", tmp_path / "imported.csv")
    hold_schema("data_import", "lentigo data import --json", objects)


def test_info(ask):
    hold_schema("info", "lentigo info --json", ask("info"))
    hold_schema("info_run", "lentigo info RUN --json", ask("info", "bundled"))


def test_card():
    card = json.loads((BUNDLED / "card.json").read_text(encoding="utf-8"))
    hold_schema("card", "card.json", [card])


@pytest.mark.parametrize("name", ["compare", "tune"])
def test_each_field_of_the_recipe_is_recorded(name):
    """`make check` holds the whole objects, since they take trainings; a new field is missed here at once."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    recorded = schema["properties"]["recipe"]["properties"]
    assert list(recorded) == [field.name for field in dataclasses.fields(Recipe)]


def hold_document(name, document):
    """Holds a document against the recorded one, or records it anew; nothing of it may go or change."""
    path = SCHEMAS / f"{name}.json"
    if os.environ.get("LENTIGO_RECORD"):
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    recorded = json.loads(path.read_text(encoding="utf-8"))
    assert list(find_losses(recorded, document)) == []
    assert document == recorded, f"{name} has grown; {RECORD}"


def find_losses(recorded, present, place=""):
    """The places of a recorded document that are gone or have another value."""
    if isinstance(recorded, dict) and isinstance(present, dict):
        for key, value in recorded.items():
            if key in present:
                yield from find_losses(value, present[key], f"{place}/{key}")
            else:
                yield f"{place}/{key} is gone"
    elif isinstance(recorded, list) and isinstance(present, list):
        yield from [f"{place}: {value} is gone" for value in recorded if value not in present]
    elif recorded != present:
        yield f"{place} was {recorded!r}, is {present!r}"


def without_words(value):
    """A document without what is for people alone."""
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            if key not in ("description", "summary", "info") or not isinstance(inner, str | dict):
                kept[key] = without_words(inner)
        return kept
    if isinstance(value, list):
        return [without_words(inner) for inner in value]
    return value


def test_the_interface_of_the_service():
    from lentigo.serving.http.app import make_app

    document = make_app().openapi()
    parts = document["components"]["schemas"]
    hold_document("http", without_words({"paths": document["paths"], "schemas": parts}))


def test_the_verbs_of_python():
    verbs = {}
    for name in sorted(set(package.__all__) - {"__version__"}):
        verb = getattr(package, name)
        verbs[name] = [parameter.name for parameter in inspect.signature(verb).parameters.values()]
    hold_document("python", verbs)
