"""What stands before a training: leaks are refused, left out or marked, and duplicates share a group."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from packing import pack_bundle
from PIL import Image

from lentigo.common.progress import show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.evaluation.card.model_card import write_card
from lentigo.evaluation.contamination import find_contamination
from lentigo.models.bundle import open_bundle
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.recipes import SEED
from lentigo.training.start.weights import take_backbone
from lentigo.training.trainer import train
from lentigo.training.training_set import LeakPolicy, check_training_set, load_labelled
from lentigo.training.validation import MIN_NEW_GROUPS, draw_validation, find_start, refuse_learned

ALLOW, DROP = LeakPolicy(leaks="allow"), LeakPolicy(leaks="drop")


pytestmark = pytest.mark.usefixtures("toy_backbone", "untraced")


@pytest.fixture(scope="module")
def leaking(synthetic_lesions, tmp_path_factory):
    """Synthetic lesions in train and test folders; two of the test are training photographs, turned."""
    folder = tmp_path_factory.mktemp("leaking")
    table = pd.read_csv(synthetic_lesions / "manifest.csv")
    test = table["patient_id"].isin(sorted(table["patient_id"].unique())[::4])
    for image, label, there in zip(table["image"], table["label"], test, strict=True):
        target = folder / ("test" if there else "train") / label / image.rpartition("/")[2]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(synthetic_lesions / image, target)
    for label in ("benign", "malignant"):
        first = sorted((folder / "train" / label).iterdir())[0]
        Image.open(first).transpose(Image.Transpose.ROTATE_90).save(
            folder / "test" / label / f"turned_{first.stem}.png"
        )
    return folder


def leak_policy(folder, how=LeakPolicy()):
    return check_training_set(load_labelled(folder), how, show_nothing)


def list_copied(folder):
    """The training photographs that the test shows turned, and other views of their lesions."""
    stems = [path.stem.removeprefix("turned_") for path in (folder / "test").glob("*/turned_*")]
    return {path.name for stem in stems for path in (folder / "train").glob(f"*/{stem[:-2]}_*")}


def test_a_split_that_leaks_is_refused_with_its_cures(leaking):
    with pytest.raises(
        DataError,
        match=r"its split leaks: .* test photographs .* such as .*turned_.*--leaks drop.*--leaks allow",
    ):
        leak_policy(leaking)


def test_by_ids_alone_it_is_not_seen_and_nothing_is_opened(leaking):
    training_set = leak_policy(leaking, LeakPolicy(duplicates=False))
    assert (
        training_set.leaks is None
        and training_set.duplicates is None
        and "digests" not in vars(training_set.dataset)
    )


def test_dropping_leaves_out_what_the_test_shows(leaking):
    training_set = leak_policy(leaking, DROP)
    left = {path.name for path in (leaking / "train").glob("*/*")} - {
        image.rpartition("/")[2] for image in training_set.dataset.table["image"]
    }
    assert left == list_copied(leaking) and training_set.left_out == len(left) >= 2
    assert training_set.describe()["leaks"] is None and training_set.describe()["left_out"]["n"] == len(left)
    assert set(training_set.dataset.table["split"]) == {"train"}


def test_allowing_leaves_out_nothing_and_says_so(leaking):
    training_set = leak_policy(leaking, ALLOW)
    facts = training_set.describe()
    assert training_set.left_out == 0 and len(training_set.dataset) == len(
        list((leaking / "train").glob("*/*"))
    )
    assert (
        facts["left_out"] is None
        and facts["leaks"]["photographs"]["test"] >= 2
        and facts["leaks"]["examples"]
    )


def test_a_clean_split_is_no_matter(synthetic_lesions):
    training_set = leak_policy(synthetic_lesions)
    assert (
        training_set.leaks is None and training_set.left_out == 0 and training_set.describe()["leaks"] is None
    )


def test_duplicates_share_a_group_where_no_id_joins_them(synthetic_lesions, tmp_path):
    for label in ("benign", "malignant"):
        shutil.copytree(synthetic_lesions / label, tmp_path / label)
    training_set, lesions = (
        leak_policy(tmp_path),
        pd.read_csv(synthetic_lesions / "manifest.csv")["lesion_id"],
    )
    assert (
        len(np.unique(training_set.dataset.groups)) == lesions.nunique() < len(lesions)
        and training_set.duplicates["groups"] == 8
    )


def test_ids_on_two_sides_leak_without_a_search_too(synthetic_lesions, tmp_path):
    table = pd.read_csv(synthetic_lesions / "manifest.csv").assign(split=["train", "test"] * 24)
    table.assign(image=[str(synthetic_lesions / image) for image in table["image"]]).to_csv(
        tmp_path / "manifest.csv", index=False
    )
    with pytest.raises(DataError, match=r"patient_id: \d+.*same "):
        leak_policy(tmp_path, LeakPolicy(duplicates=False))
    kept = leak_policy(tmp_path, LeakPolicy(duplicates=False, leaks="drop")).dataset.table
    test = set(table.loc[table["split"] == "test", "patient_id"])
    assert not test & set(kept["patient_id"])


def test_dropping_everything_of_a_class_is_an_error(synthetic_lesions, tmp_path):
    for split in ("train", "test"):
        shutil.copytree(synthetic_lesions / "benign", tmp_path / split / "benign")
        shutil.copytree(synthetic_lesions / "malignant", tmp_path / split / "malignant")
    with pytest.raises(DataError, match="none of its photographs is left"):
        leak_policy(tmp_path, DROP)


def test_test_photographs_that_cannot_be_read_do_not_matter(leaking, tmp_path):
    folder = shutil.copytree(leaking, tmp_path / "photos")
    for path in (folder / "test").glob("*/*"):
        path.write_bytes(b"closed")
    assert leak_policy(folder).leaks is None


def test_a_leak_policy_is_one_of_three():
    with pytest.raises(UsageError, match="expected one of refuse, drop, allow"):
        LeakPolicy(leaks="perhaps")


# --- the RUN


@pytest.fixture(scope="module")
def marked(leaking, weight_file, tmp_path_factory):
    """A RUN that was trained on the leaking split all the same."""
    out = tmp_path_factory.mktemp("marked") / "run"
    train(
        leaking,
        out,
        find_recipe("seed", backbone="toy", epochs=1),
        weights=weight_file("toy"),
        leak_policy=ALLOW,
    )
    return out


def test_a_run_with_leaks_is_marked_in_card_and_report(marked):
    card = json.loads((marked / "card.json").read_text())
    assert (
        card["leaks"]["kinds"]
        and card["leaks"]["examples"][0]["splits"] == ["train", "test"]
        and card["data"]["duplicates"]["groups"] >= 2
    )
    text, page = (marked / "model_card.md").read_text(), (marked / "report.html").read_text()
    assert text.index("## Read this first: leaks") < text.index("## What it is") and "`--leaks allow`" in text
    assert page.index("Trained on a split that leaks") < page.index('<div class="tiles">')
    assert "no such group is in two splits" not in text and "in two splits all the same" in text


def test_a_marked_run_says_so_when_it_is_measured(marked, leaking):
    from lentigo.evaluation.assessment import evaluate

    answers = evaluate(marked, leaking).to_json()
    assert answers["leaks"] == open_bundle(marked).card["leaks"]


def test_a_card_counts_what_was_left_out_and_is_not_marked(marked, leaking):
    bundle = open_bundle(marked)
    facts = leak_policy(leaking, DROP).describe()
    data = {**bundle.card["data"], "left_out": facts["left_out"]}
    text = write_card(
        dataclasses.replace(bundle, card={**bundle.card, "leaks": facts["leaks"], "data": data})
    )
    n = len(list_copied(leaking))
    assert "Read this first" not in text and f"{n} photographs were left out (`--leaks drop`)" in text


@pytest.mark.check
def test_a_run_that_dropped_them_is_not_marked_and_counts_them(leaking, weight_file, tmp_path):
    recipe = find_recipe("seed", backbone="toy", epochs=1)
    training = train(leaking, tmp_path / "run", recipe, weights=weight_file("toy"), leak_policy=DROP)
    card, text = training.bundle.card, write_card(training.bundle)
    assert card["leaks"] is None and card["data"]["left_out"]["n"] == training.training_set.left_out == len(
        list_copied(leaking)
    )
    assert (
        "Read this first" not in text
        and f"{training.training_set.left_out} photographs were left out (`--leaks drop`)" in text
    )
    assert training.problems == ()


def test_validation_is_drawn_with_duplicates_on_one_side(leaking, marked):
    splits = pd.read_csv(marked / "splits.csv")
    lesion = splits["image"].str.extract(r"synthetic_(\d+)_", expand=False)
    assert (splits.groupby(lesion)["split"].nunique() == 1).all() and (
        splits.groupby("group")["split"].nunique() == 1
    ).all()
    assert lesion.duplicated().any() and "patient_id" not in load_dataset(leaking).table


def know(dataset, side):
    """The split in which each photograph is known, "" where it is not, from what `side` says of its row."""
    return np.array([side(row) or "" for row in range(len(dataset))], dtype=object)


def write_again(table, folder, suffix):
    """The same photographs saved as other files; their manifest."""
    folder.mkdir()
    images = [folder / f"{number}{suffix}" for number in range(len(table))]
    for image, target in zip(table["image"], images, strict=True):
        Image.open(image).save(target, quality=80)
    manifest = folder / "manifest.csv"
    table.assign(image=[str(image) for image in images]).to_csv(manifest, index=False)
    return manifest


def test_what_the_start_was_trained_on_is_not_validation_and_what_it_was_judged_by_stays(synthetic_lesions):
    dataset = load_labelled(synthetic_lesions)
    before = draw_validation(dataset, SEED, know(dataset, lambda row: ""))
    again = draw_validation(
        dataset, SEED.__class__(seed=7), know(dataset, lambda row: "validation" if before[row] else "train")
    )
    np.testing.assert_array_equal(again, before)


def test_new_photographs_beside_known_ones_are_drawn_as_ever(synthetic_lesions):
    dataset = load_labelled(synthetic_lesions)
    old = np.isin(dataset.groups, np.unique(dataset.groups)[::2])
    held_out = draw_validation(dataset, SEED, know(dataset, lambda row: old[row] and "train"))
    assert not held_out[old].any()
    for label in (0, 1):
        new = ~old & (dataset.malignant == label)
        assert 0 < held_out[new].sum() < new.sum()


def test_a_group_of_which_one_photograph_was_trained_on_is_no_validation(synthetic_lesions):
    dataset = load_labelled(synthetic_lesions)
    before = draw_validation(dataset, SEED, know(dataset, lambda row: ""))
    group = next(number for number in dataset.groups[before] if (dataset.groups == number).sum() > 1)
    row = np.flatnonzero(dataset.groups == group)[0]
    held_out = draw_validation(
        dataset, SEED, know(dataset, lambda n: "validation" if before[n] and n != row else "train")
    )
    assert not held_out[dataset.groups == group].any() and held_out.sum() < before.sum()


def test_nothing_left_to_judge_by_is_an_error(synthetic_lesions):
    dataset = load_labelled(synthetic_lesions)
    with pytest.raises(
        DataError,
        match=rf"has learned from {len(dataset)} of its {len(dataset)} photographs.*{MIN_NEW_GROUPS} other lesions "
        r"of each class: add them, or start from imagenet",
    ):
        draw_validation(dataset, SEED, know(dataset, lambda row: "train"))


def test_a_start_knows_the_photographs_of_its_run_and_other_weights_know_none(run, tmp_path):
    table = pd.read_csv(run / "splits.csv")
    start = find_start(run)
    assert start.find_splits(Dataset("own", table)).tolist() == table["split"].tolist()
    assert start.describe() == {"photographs": len(table), "not_known": 0}
    assert (
        find_start("imagenet").describe() is None
        and find_start(tmp_path / "some.weights.h5").describe() is None
    )


def test_judges_that_the_start_has_learned_from_are_refused(run, tmp_path):
    table = pd.read_csv(run / "splits.csv")[["image", "label", "split"]]
    for side in ("train", "validation"):
        table[table["split"] == side][["image", "label"]].to_csv(tmp_path / f"{side}.csv", index=False)
    refuse_learned(load_dataset(tmp_path / "validation.csv"), find_start(run))
    refuse_learned(load_dataset(tmp_path / "train.csv"), find_start("imagenet"))
    with pytest.raises(
        DataError,
        match=r"has learned from (\d+) of the \1 photographs that are to judge this training.*expected "
        r"others",
    ):
        refuse_learned(load_dataset(tmp_path / "train.csv"), find_start(run))


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_judges_that_were_saved_again_are_refused(run, tmp_path, suffix):
    table = pd.read_csv(run / "splits.csv")[["image", "label", "split"]]
    judges = load_dataset(
        write_again(table[table["split"] == "train"].drop(columns="split"), tmp_path / "again", suffix)
    )
    with pytest.raises(DataError, match=r"has learned from (\d+) of the \1 photographs that are to judge"):
        refuse_learned(judges, find_start(run))


def test_validation_is_not_drawn_from_what_the_start_knows_in_other_files(run, tmp_path):
    table = pd.read_csv(run / "splits.csv")[["image", "label", "split"]]
    dataset = load_labelled(write_again(table.drop(columns="split"), tmp_path / "again", ".webp"))
    held_out = draw_validation(dataset, SEED, find_start(run).find_splits(dataset))
    assert set(table["split"][held_out]) == {"validation"}


def test_a_given_split_whose_validation_the_start_has_learned_from_is_refused(run, tmp_path):
    table = pd.read_csv(run / "splits.csv")[["image", "label", "split"]]
    table["split"] = table["split"].map({"train": "validation", "validation": "train"})
    table.to_csv(tmp_path / "turned.csv", index=False)
    with pytest.raises(DataError, match="are to judge this training"):
        train(
            tmp_path / "turned.csv",
            tmp_path / "out",
            dataclasses.replace(SEED, backbone="mobilenetv3small"),
            weights=run,
            leak_policy=LeakPolicy(duplicates=False),
        )
    assert not (tmp_path / "out" / "splits.csv").exists()


def test_what_the_start_of_a_start_knew_goes_along(marked, tmp_path):
    table = pd.read_csv(marked / "splits.csv")[["image", "label", "split"]]
    gone = table[table["split"] == "train"].groupby("label").head(3)
    table.drop(gone.index)[["image", "label"]].to_csv(tmp_path / "fewer.csv", index=False)
    second = tmp_path / "second"
    train(
        tmp_path / "fewer.csv",
        second,
        find_recipe("seed", backbone="toy", epochs=1),
        weights=marked,
        leak_policy=LeakPolicy(duplicates=False),
    )
    packed = pack_bundle(open_bundle(second), tmp_path / "packed").folder
    for folder in (second, packed):
        start, taken = find_start(folder), Dataset("gone", gone[["image", "label"]])
        assert (
            start.find_splits(
                load_dataset(
                    write_again(gone[["image", "label"]], tmp_path / f"again_{folder.name}", ".webp")
                )
            ).tolist()
            == ["train"] * 6
        )
        assert len(start.learned) == len(table) and "learned.npz" in open_bundle(folder).card["files"]
        with pytest.raises(DataError, match="has learned from 6 of the 6"):
            refuse_learned(taken, start)
    assert len(find_contamination(open_bundle(second), Dataset("gone", gone[["image", "label"]])).images) == 6


# --- the backbone of the weights


def test_a_named_recipe_takes_the_backbone_of_the_run_that_it_starts_from():
    card = open_bundle("bundled").card
    backbone = card["backbone"]
    assert backbone != find_recipe("best").backbone
    for recipe in ("best", "seed"):
        assert take_backbone(recipe, "bundled", {"epochs": 3}) == {
            "epochs": 3,
            "backbone": backbone,
            "input_size": card["recipe"]["input_size"],
        }


def test_a_backbone_that_was_asked_for_stays():
    own = find_recipe("seed", backbone="xception")
    assert take_backbone("best", "bundled", {"backbone": "xception"}) == {"backbone": "xception"}
    assert take_backbone(own, "bundled", {}) == {} and take_backbone("best", "imagenet", {}) == {}
