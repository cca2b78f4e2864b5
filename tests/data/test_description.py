"""What a data set holds, in numbers and in two pictures."""

from PIL import Image

from lentigo.data.description import describe_dataset, draw_counts, draw_samples
from lentigo.data.manifests import load_dataset


def test_counts_sizes_and_groups_are_those_of_the_folder(phantoms):
    facts = describe_dataset(phantoms).to_json()
    assert facts["n"] == 48 and facts["counts"] == {"unsplit": {"benign": 24, "malignant": 24}} and facts["sizes"] == {"224x224": 48}
    assert 1 < facts["groups"] < 48 and facts["problems"] == []


def test_an_unreadable_photograph_is_listed(tmp_path):
    (tmp_path / "benign").mkdir()
    Image.new("RGB", (9, 7)).save(tmp_path / "benign" / "good.png")
    (tmp_path / "benign" / "bad.png").write_bytes(b"?")
    facts = describe_dataset(tmp_path).to_json()
    assert facts["sizes"] == {"9x7": 1} and [p["image"] for p in facts["problems"]] == [str(tmp_path / "benign" / "bad.png")]


def test_the_pictures_are_pictures(phantoms, tmp_path):
    dataset = load_dataset(phantoms)
    for path in (draw_samples(dataset, tmp_path / "samples.png"), draw_counts(describe_dataset(dataset), tmp_path / "counts.png")):
        with Image.open(path) as picture:
            assert picture.width > 400 and len(picture.convert("RGB").getcolors(10**6)) > 10
