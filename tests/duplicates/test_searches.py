"""A search for duplicates is made once for the same contents, and gives what a search of the files gives."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from lentigo.common.cache import keep_in_cache, read_from_cache
from lentigo.datasets.manifests import load_dataset
from lentigo.duplicates import searches
from lentigo.duplicates.pairing import find_duplicates
from lentigo.duplicates.searches import search_duplicates, searches_folder
from lentigo.images.synthetic_lesions import draw_synthetic_lesion


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Eight photographs: four lesions, a mirrored copy, the same file twice, one blank, one unreadable."""
    folder = tmp_path_factory.mktemp("drawn")
    for label in ("benign", "malignant"):
        (folder / label).mkdir()
        for number in range(2):
            Image.fromarray(draw_synthetic_lesion(label, number).image).save(folder / label / f"{number}.png")
    Image.fromarray(draw_synthetic_lesion("benign", 0).image[:, ::-1]).save(folder / "benign" / "flipped.png")
    shutil.copy(folder / "malignant" / "1.png", folder / "malignant" / "again.png")
    Image.new("RGB", (224, 224), "white").save(folder / "benign" / "blank.png")
    (folder / "malignant" / "bad.jpg").write_bytes(b"no photograph")
    return folder


@pytest.fixture
def images(drawn, tmp_path, monkeypatch):
    """A copy of `drawn`, with a cache of its own."""
    monkeypatch.setenv("LENTIGO_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(drawn, tmp_path / "photos")


def search(folder, **options):
    dataset = load_dataset(folder)
    return search_duplicates(dataset.table["image"].tolist(), dataset.digests, **options)


def name_pairs(duplicates):
    return {
        (
            frozenset((duplicates.images[duplicate.a], duplicates.images[duplicate.b])),
            duplicate.kind,
            round(duplicate.score, 6),
        )
        for duplicate in duplicates.pairs
    }


def refuse(*_, **__):
    raise AssertionError("searched again")


def test_a_search_gives_what_the_engine_gives(images):
    kept, direct = search(images), find_duplicates(load_dataset(images))
    assert name_pairs(kept) == name_pairs(direct) and len(kept.pairs) == 2
    assert kept.problems == direct.problems and sorted(kept.blank) == sorted(direct.blank)
    assert [kept.images[row] for row in kept.blank] == [str(images / "benign" / "blank.png")]


def test_the_second_search_is_read(images, monkeypatch):
    first = search(images)
    monkeypatch.setattr(searches, "find_duplicates", refuse)
    second = search(images)
    assert (
        first.pairs == second.pairs
        and first.problems == second.problems
        and first.blank == second.blank
        and first.compared == second.compared
    )
    np.testing.assert_array_equal(first.groups, second.groups)


def test_names_and_order_do_not_matter(images, tmp_path, monkeypatch):
    first = search(images)
    monkeypatch.setattr(searches, "find_duplicates", refuse)
    moved = images.rename(tmp_path / "moved")
    (moved / "benign" / "0.png").rename(moved / "benign" / "z.png")
    second = search(moved)
    assert {pair[1:] for pair in name_pairs(first)} == {pair[1:] for pair in name_pairs(second)}
    assert {str(moved / "benign" / "z.png"), str(moved / "benign" / "flipped.png")} in [
        set(pair[0]) for pair in name_pairs(second)
    ]


def test_another_content_is_searched_again(images, monkeypatch):
    search(images)
    (images / "benign" / "flipped.png").unlink()
    monkeypatch.setattr(searches, "find_duplicates", refuse)
    with pytest.raises(AssertionError, match="searched again"):
        search(images)


def test_a_wider_search_serves_where_it_may(images, monkeypatch):
    whole = search(images)
    (images / "benign" / "1.png").unlink()
    monkeypatch.setattr(searches, "find_duplicates", refuse)
    assert name_pairs(search(images, wider=True)) == name_pairs(whole)


def test_a_wider_search_forgets_what_is_gone(images):
    search(images)
    for name in ("benign/0.png", "benign/blank.png", "malignant/bad.jpg"):
        (images / name).unlink()
    narrow = search(images, wider=True)
    assert (
        [duplicate.kind for duplicate in narrow.pairs] == ["exact"]
        and narrow.blank == ()
        and narrow.problems == ()
    )


def test_the_same_unreadable_file_twice_is_no_duplicate(images):
    shutil.copy(images / "malignant" / "bad.jpg", images / "benign" / "bad.jpg")
    shutil.copy(images / "benign" / "blank.png", images / "malignant" / "blank.png")
    duplicates = search(images)
    assert len(duplicates.problems) == 2 and len(duplicates.blank) == 2 and len(duplicates.pairs) == 2


def test_a_file_that_is_gone_is_in_no_pair(images):
    dataset = load_dataset(images)
    digests = [*dataset.digests[:-1], ""]
    assert len(search_duplicates(dataset.table["image"].tolist(), digests).images) == len(dataset)


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", '{"engine": 0}', None],
    ids=["empty", "torn", "list", "other engine", "other contents"],
)
def test_a_damaged_search_is_made_again(images, damage):
    whole = search(images)
    (path,) = searches_folder().iterdir()
    facts = json.loads(read_from_cache(path))
    damaged = damage if damage is not None else json.dumps({**facts, "contents": facts["contents"][1:]})
    keep_in_cache(path, damaged.encode())
    assert name_pairs(search(images)) == name_pairs(whole)


def test_a_search_that_was_altered_is_made_again(images):
    whole = search(images)
    (path,) = searches_folder().iterdir()
    path.write_bytes(path.read_bytes().replace(b'"exact"', b'"near "'))
    assert name_pairs(search(images)) == name_pairs(whole)


@pytest.mark.filterwarnings("ignore::lentigo.common.cache.CacheWarning")
def test_duplicates_are_found_where_nothing_can_be_kept(images, tmp_path, monkeypatch):
    whole = search(images)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LENTIGO_CACHE", str(tmp_path / "file"))
    assert name_pairs(search(images)) == name_pairs(whole)


def test_foreign_files_in_the_cache_do_no_harm(images):
    search(images)
    (searches_folder() / "notes.json").write_text("mine")
    (searches_folder() / "9999-x.json").write_text("{}")
    (images / "benign" / "1.png").unlink()
    assert len(search(images, wider=True).pairs) == 2


def test_nothing_gives_nothing(images):
    assert search_duplicates([], []).pairs == ()
