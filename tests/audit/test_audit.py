"""The audit: what was planted in a set is found, and nothing else; the report shows the pairs."""

import base64
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import lentigo
from lentigo.audit.audit import audit
from lentigo.audit.pair_views import describe_transformation, frame_back, frame_onto
from lentigo.audit.report import write_audit
from lentigo.datasets.manifests import load_dataset
from lentigo.duplicates.duplicates import Transformation
from lentigo.errors import DataError
from lentigo.images.synthetic_lesions import draw_synthetic_lesion

pytestmark = pytest.mark.usefixtures("few_trees")


def save(folder, name, pixels, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, **options)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Train and test, twelve synthetic lesions of each class and split, with a crop across, a conflict, an
    empty, a tiny and two unreadable files.
    """
    folder = tmp_path_factory.mktemp("set")
    for number in range(24):
        for label in ("benign", "malignant"):
            save(
                folder / ("train" if number < 12 else "test"),
                f"{label}/{number:02d}.png",
                draw_synthetic_lesion(label, number).image,
            )
    lesion = draw_synthetic_lesion("malignant", 3).image
    save(folder, "test/malignant/crop.jpg", lesion[10:190, 30:210], quality=90)
    save(folder, "train/benign/mirrored.png", draw_synthetic_lesion("malignant", 5).image[:, ::-1])
    save(folder, "train/benign/even.png", np.full((224, 224, 3), (200, 160, 150), np.uint8))
    save(folder, "train/benign/even too.png", np.full((224, 224, 3), (200, 160, 150), np.uint8))
    save(folder, "train/benign/tiny.png", draw_synthetic_lesion("benign", 40).image[::8, ::8])
    for name in ("broken.jpg", "broken too.jpg"):
        (folder / "test/benign" / name).write_bytes(b"no photograph")
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return audit(folder)


@pytest.fixture(scope="module")
def facts(found):
    return json.loads(json.dumps(found.to_json(), allow_nan=False))


def test_the_json_is_that_of_the_contract(facts):
    assert set(facts) >= {
        "n",
        "unreadable",
        "duplicates",
        "leaks",
        "groups",
        "label_conflicts",
        "shortcut_baselines",
        "artefacts",
        "skin_tone",
    }
    assert facts["n"] == 48 + 7 and set(facts["duplicates"][0]) >= {
        "a",
        "b",
        "kind",
        "score",
        "transformation",
    }
    assert set(facts["shortcut_baselines"]) >= {
        "border_only_auroc",
        "file_only_auroc",
        "thumbnail_only_auroc",
        "ci",
    }


def test_a_crop_in_the_other_split_is_a_leak(facts):
    (leak,) = facts["leaks"]
    assert leak["kind"] == "partial" and set(leak["splits"]) == {"train", "test"}
    assert {image.rsplit("/", 1)[1] for image in (leak["a"], leak["b"])} == {"03.png", "crop.jpg"}


def test_one_lesion_with_two_labels_is_a_conflict(facts):
    (conflict,) = facts["label_conflicts"]
    assert {
        image.rsplit("/", 1)[1]: label for image, label in zip(conflict["images"], conflict["labels"])
    } == {"05.png": "malignant", "mirrored.png": "benign"}


def test_only_the_planted_pairs_are_duplicates(facts):
    assert len(facts["duplicates"]) == 2 and facts["groups"] == 2


def test_unreadable_and_empty_photographs_are_listed_and_duplicates_of_nothing(facts):
    assert [problem["image"].rsplit("/", 1)[1] for problem in facts["unreadable"]] == [
        "broken too.jpg",
        "broken.jpg",
    ]
    assert [image.rsplit("/", 1)[1] for image in facts["quality"]["empty"]] == ["even too.png", "even.png"]
    assert not any(
        "even" in image or "broken" in image
        for duplicate in facts["duplicates"]
        for image in (duplicate["a"], duplicate["b"])
    )


def test_a_tiny_photograph_is_named(facts):
    assert [image.rsplit("/", 1)[1] for image in facts["quality"]["tiny"]] == ["tiny.png"]


def test_rates_are_given_by_class_with_intervals(facts):
    hair = facts["artefacts"]["hair"]
    assert set(hair) == {"all", "benign", "malignant"} and hair["all"]["n"] == 53
    assert all(rate["ci"][0] <= rate["rate"] <= rate["ci"][1] for rate in hair.values())


def test_every_readable_photograph_has_a_skin_tone(facts):
    assert sum(sum(row.values()) for row in facts["skin_tone"].values()) == 53


def test_the_baselines_keep_duplicates_in_one_fold(found):
    assert (
        found.shortcut_baselines.n == 53 and found.shortcut_baselines.groups == 50
    )  # two pairs, and two files of the same bytes


def test_ids_in_two_splits_are_leaks_and_labels_of_one_lesion_must_agree(tmp_path):
    for number in range(4):
        save(tmp_path, f"{number}.png", draw_synthetic_lesion("benign", 50 + number).image)
    rows = {
        "image": [f"{n}.png" for n in range(4)],
        "label": ["benign", "malignant", "benign", "malignant"],
        "split": ["train", "test", "train", "test"],
    }
    pd.DataFrame(rows | {"lesion_id": ["a", "a", None, None], "patient_id": ["1", None, "2", "2"]}).to_csv(
        tmp_path / "manifest.csv", index=False
    )
    facts = audit(tmp_path).to_json()
    assert [leak["kind"] for leak in facts["leaks"]] == ["patient_id", "lesion_id"]
    assert [len(conflict["images"]) for conflict in facts["label_conflicts"]] == [2]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Three synthetic lesions without classes, so that nothing is fitted to them, and a part of one."""
    folder = tmp_path_factory.mktemp("few")
    for number in (20, 21, 22):
        save(folder, f"{number}.png", draw_synthetic_lesion("malignant", number).image)
    save(folder, "part.jpg", draw_synthetic_lesion("malignant", 21).image[10:190, 30:210], quality=90)
    return folder


def test_another_set_is_searched_for_duplicates(few, tmp_path):
    save(tmp_path, "turned.png", np.rot90(draw_synthetic_lesion("malignant", 20).image))
    save(tmp_path, "other.png", draw_synthetic_lesion("benign", 60).image)
    facts = audit(few, against=tmp_path).to_json()
    (leak,) = facts["leaks"]
    assert (
        leak["kind"] == "near"
        and leak["b"].endswith("turned.png")
        and tuple(leak["splits"]) == (str(few), str(tmp_path))
    )
    assert facts["n"] == len(list(few.iterdir()))


def test_a_set_is_no_duplicate_of_itself(few):
    assert not audit(few, against=few).leaks


def test_photographs_without_classes_can_be_audited(tmp_path):
    lesion = draw_synthetic_lesion("benign", 7).image
    save(tmp_path, "below/a b.png", lesion)
    save(tmp_path, "ü.png", lesion[:, ::-1])
    facts = audit(tmp_path).to_json()
    assert (
        [duplicate["kind"] for duplicate in facts["duplicates"]] == ["near"]
        and facts["shortcut_baselines"] is None
        and not facts["label_conflicts"]
    )


def test_a_misspelt_class_is_not_taken_for_photographs_without_classes(tmp_path):
    save(tmp_path, "benign/1.png", draw_synthetic_lesion("benign", 1).image)
    save(tmp_path, "malignent/2.png", draw_synthetic_lesion("malignant", 1).image)
    with pytest.raises(DataError, match="malignant"):
        audit(tmp_path)


def test_nothing_readable_is_one_clear_error(tmp_path):
    (tmp_path / "one.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="none of its 1 photographs can be read"):
        audit(tmp_path)


def test_the_verb_takes_a_data_set(folder):
    dataset = load_dataset(folder / "train")
    assert lentigo.audit(dataset.take(np.arange(6))).name == str(folder / "train")


def test_the_report_shows_both_photographs_of_a_pair(found):
    page = write_audit(found)
    assert (
        "test/malignant/crop.jpg" in page and "train/malignant/03.png" in page and "This split leaks" in page
    )
    image = page.split('alt="')[1].split("base64,")[1].split('"')[0]
    assert Image.open(io.BytesIO(base64.b64decode(image))).size[0] > 20


def test_the_report_says_what_to_do_next_and_shares_of_skin_tones(found):
    page = write_audit(found)
    assert "lentigo data split DATA --out manifest.csv" in page.split("This split leaks")[1][:600]
    duplicates = page.split("<h2>Duplicates</h2>")[1].split("<table")[0]
    assert "What to do next" in duplicates
    skin = page.split("<h2>Skin around the lesion</h2>")[1].split("</table>")[0]
    assert "100.0 %" in skin or skin.count(" %") >= len(found.to_json()["skin_tone"])


def test_the_report_of_a_photograph_that_has_gone_is_written_all_the_same(few, tmp_path):
    shutil.copytree(few, tmp_path / "test")
    found = audit(tmp_path / "test")
    (tmp_path / "test/part.jpg").unlink()
    flagged = replace(found, images=found.images.assign(hair=True))
    assert "Hair" in write_audit(flagged)


def test_frames_lie_where_the_transformation_says():
    crop = Transformation(
        1.0, 1.0, 0.0, False, (0.1, -0.05), 0.5
    )  # the first's middle lies right of and above the second's
    assert frame_onto(crop, (100, 100), (200, 200))[0] == pytest.approx((70, 40))
    assert frame_back(crop, (100, 100), (200, 200))[0] == pytest.approx((-70, -40))


def test_words_of_a_transformation():
    quarter_turn = Transformation(1.0, 1.0, -90.0, False, (0.0, 0.0), 1.0)
    assert describe_transformation(quarter_turn) == "turned by 270 degrees"
