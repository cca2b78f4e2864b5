"""Photographs of an evaluation that show the same picture are one group, and those of the training are
named.
"""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from lentigo.cli.output.evaluations import print_contamination
from lentigo.common.hashing import hash_file
from lentigo.datasets.manifests import load_dataset
from lentigo.duplicates.searches import searches_folder
from lentigo.evaluation.analysis import analyse
from lentigo.evaluation.assessment import evaluate
from lentigo.evaluation.contamination import Contamination, find_contamination, search_contamination
from lentigo.evaluation.training_duplicates import search_training_duplicates
from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import open_bundle

pytestmark = pytest.mark.usefixtures("fewest_trees")


@pytest.fixture(scope="module")
def folder(synthetic_lesions, tmp_path_factory):
    """Six training photographs turned, four lesions that no RUN has seen, one of them twice."""
    folder = tmp_path_factory.mktemp("duplicates")
    for label in ("benign", "malignant"):
        (folder / label).mkdir()
        for number in (900, 901):
            Image.fromarray(draw_synthetic_lesion(label, number).image).save(
                folder / label / f"new_{number}.png"
            )
    for number, path in enumerate(sorted(synthetic_lesions.glob("*/synthetic_*.jpg"))[:6]):
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(
            folder / path.parent.name / f"{number}.png"
        )
    Image.open(folder / "benign" / "new_900.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        folder / "benign" / "new_flipped.png"
    )
    return folder


@pytest.fixture(scope="module")
def searched(run, folder):
    return search_training_duplicates(open_bundle(run), load_dataset(folder))


def test_duplicates_of_training_photographs_are_found_in_other_files(searched):
    _, duplicates = searched
    assert len({each.image for each in duplicates}) == 6 and not any(
        "new_" in each.image for each in duplicates
    )
    assert {each.kind for each in duplicates} <= {"near", "partial"} and all(
        "synthetic_" in each.training_image for each in duplicates
    )


def test_duplicates_in_the_set_share_a_group(searched):
    dataset, _ = searched
    new = dataset.table["image"].str.contains("new_").to_numpy()
    groups = {
        image.partition("/duplicates")[2].partition("/")[2]: group
        for image, group in zip(dataset.table["image"][new], dataset.groups[new], strict=True)
    }
    assert groups["benign/new_900.png"] == groups["benign/new_flipped.png"] and len(set(groups.values())) == 4


def test_columns_of_the_set_keep_their_kind(run, folder, tmp_path):
    table = load_dataset(folder).table.assign(age=50, split="test")
    table.to_csv(tmp_path / "manifest.csv", index=False)
    dataset, _ = search_training_duplicates(open_bundle(run), load_dataset(tmp_path))
    assert dataset.table["age"].dtype == np.int64 and dataset.table["split"].tolist() == ["test"] * len(table)


def test_an_assessment_draws_whole_groups_of_duplicates(run, folder):
    assessment = evaluate(run, folder)
    assert len(np.unique(assessment.dataset.groups)) == 10 and len(assessment.contamination.duplicates) >= 6
    assert evaluate(run, folder, duplicates=False).contamination.duplicates is None


def test_what_the_training_searched_is_not_searched_again(run, synthetic_lesions):
    before = set(searches_folder().iterdir())
    search_training_duplicates(open_bundle(run), load_dataset(synthetic_lesions))
    assert set(searches_folder().iterdir()) == before


def test_a_given_duplicate_group_is_kept(run, folder, tmp_path):
    table = load_dataset(folder).table
    table["duplicate_group"] = np.where(table["image"].str.contains("new_901"), "mine", None)
    table.to_csv(tmp_path / "manifest.csv", index=False)
    dataset, _ = search_training_duplicates(open_bundle(run), load_dataset(tmp_path))
    assert set(dataset.table.loc[dataset.table["image"].str.contains("new_901"), "duplicate_group"]) == {
        "mine"
    }


# --- what a RUN knows by hashes alone


@pytest.fixture(scope="module")
def again(synthetic_lesions, tmp_path_factory):
    """All synthetic lesions saved again as JPEG of quality 85: other files, the same pictures."""
    folder = tmp_path_factory.mktemp("again")
    for path in synthetic_lesions.glob("*/synthetic_*.jpg"):
        (folder / path.parent.name).mkdir(exist_ok=True)
        Image.open(path).save(folder / path.parent.name / path.name, quality=85)
    return folder


@pytest.fixture
def moved(run, tmp_path):
    """The RUN, whose training photographs are nowhere."""
    folder = shutil.copytree(run, tmp_path / "moved")
    (folder / "splits.csv").write_text((folder / "splits.csv").read_text().replace(".jpg", ".gone"))
    card = json.loads((folder / "card.json").read_text())
    card["files"]["splits.csv"] = hash_file(folder / "splits.csv")
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_a_run_whose_files_are_gone_knows_its_photographs_in_other_files(moved, again):
    _, known = search_contamination(open_bundle(moved), load_dataset(again))
    assert known.count("picture") == known.n == 48 and known.not_known == 0 and known.searched == 0
    assert any(
        "has learned from 48 of these 48 photographs (0 by their files, 48 by what they show)" in note
        for note in known.notes
    )
    assert any("0 of the 48: the files of the others are not where they were" in note for note in known.notes)


def test_what_a_run_cannot_know_is_said_and_not_called_clean(moved, again):
    (moved / "learned.npz").unlink()
    card = json.loads((moved / "card.json").read_text())
    card["files"].pop("learned.npz")
    (moved / "card.json").write_text(json.dumps(card))
    _, known = search_contamination(open_bundle(moved), load_dataset(again))
    assert known.images == () and known.not_known == known.learned_from == 48
    assert known.notes[0].startswith("not known for 48 of the 48 photographs that moved@")


def test_nobody_looked_is_said(run, again):
    known = find_contamination(open_bundle(run), load_dataset(again), by_content=False)
    assert known.images == () and known.to_json()["by_picture"] is None and known.to_json()["not_known"] == 48
    assert "by their files alone" in known.notes[0]


def test_the_second_model_of_a_comparison_is_looked_at_too(run, toy_run, folder):
    mine = Predictor(toy_run("logit", "embedding"))
    analysis = analyse(mine, evaluate(mine, folder), against=Predictor(run))
    assert len(analysis.contamination_of_other.images) == 6


def test_people_are_told_of_both(run, folder, capsys):
    _, known = search_contamination(open_bundle(run), load_dataset(folder))
    print_contamination(known.to_json())
    assert "has learned from 6 of these 11 photographs" in capsys.readouterr().out
    known = Contamination("run@1", 10, 100, 0, (), True, searched=100)
    print_contamination(known.to_json())
    assert (
        "none of these photographs is, in whatever file, among 100 that run@1 has learned from"
        in capsys.readouterr().out
    )
