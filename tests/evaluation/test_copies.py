"""Photographs of an evaluation that show the same picture are one group, and those of the training are named."""

import numpy as np
import pytest
from PIL import Image

from lentigo.data.manifests import load_dataset
from lentigo.data.phantoms import draw_phantom
from lentigo.data.searches import searches_folder
from lentigo.evaluation.assessment import evaluate
from lentigo.evaluation.copies import search_copies
from lentigo.models.bundle import open_bundle


@pytest.fixture(scope="module")
def folder(phantoms, tmp_path_factory):
    """Six training photographs turned, four lesions that no RUN has seen, one of them twice."""
    folder = tmp_path_factory.mktemp("copies")
    for side in ("benign", "malignant"):
        (folder / side).mkdir()
        for number in (900, 901):
            Image.fromarray(draw_phantom(side, number).photo).save(folder / side / f"new_{number}.png")
    for number, path in enumerate(sorted(phantoms.glob("*/phantom_*.jpg"))[:6]):
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(folder / path.parent.name / f"{number}.png")
    Image.open(folder / "benign" / "new_900.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "benign" / "new_flipped.png")
    return folder


@pytest.fixture(scope="module")
def searched(run, folder):
    return search_copies(open_bundle(run), load_dataset(folder))


def test_copies_of_training_photographs_are_found_in_other_files(searched):
    _, copies = searched
    assert len({copy.image for copy in copies}) == 6 and not any("new_" in copy.image for copy in copies)
    assert {copy.kind for copy in copies} <= {"near", "partial"} and all("phantom_" in copy.training_image for copy in copies)


def test_twins_of_the_set_share_a_group(searched):
    dataset, _ = searched
    new = dataset.table["image"].str.contains("new_").to_numpy()
    groups = {image.partition("/copies")[2].partition("/")[2]: group for image, group in zip(dataset.table["image"][new], dataset.groups[new], strict=True)}
    assert groups["benign/new_900.png"] == groups["benign/new_flipped.png"] and len(set(groups.values())) == 4


def test_columns_of_the_set_keep_their_kind(run, folder, tmp_path):
    table = load_dataset(folder).table.assign(age=50, split="test")
    table.to_csv(tmp_path / "manifest.csv", index=False)
    dataset, _ = search_copies(open_bundle(run), load_dataset(tmp_path))
    assert dataset.table["age"].dtype == np.int64 and dataset.table["split"].tolist() == ["test"] * len(table)


def test_an_assessment_draws_whole_groups_of_twins(run, folder):
    assessment = evaluate(run, folder)
    assert len(np.unique(assessment.dataset.groups)) == 10 and len(assessment.copies) >= 6
    assert evaluate(run, folder, twins=False).copies is None


def test_what_the_training_searched_is_not_searched_again(run, phantoms):
    before = set(searches_folder().iterdir())
    search_copies(open_bundle(run), load_dataset(phantoms))
    assert set(searches_folder().iterdir()) == before


def test_a_given_duplicate_group_is_kept(run, folder, tmp_path):
    table = load_dataset(folder).table
    table["duplicate_group"] = np.where(table["image"].str.contains("new_901"), "mine", None)
    table.to_csv(tmp_path / "manifest.csv", index=False)
    dataset, _ = search_copies(open_bundle(run), load_dataset(tmp_path))
    assert set(dataset.table.loc[dataset.table["image"].str.contains("new_901"), "duplicate_group"]) == {"mine"}
