"""What a folder of downloads remembers of itself, whatever happened to it."""

import json

import pandas as pd
import pytest
from archive_server import ArchiveServer

from lentigo.common.hashing import hash_file
from lentigo.datasets.archive.archive_folder import ArchiveFolder
from lentigo.datasets.archive.archive_images import ArchiveImage, parse_image
from lentigo.datasets.archive.receipts import Receipt, read_receipts
from lentigo.datasets.archive.selection import Selection
from lentigo.errors import DataError, SpaceError, UsageError

URL = "https://api.isic-archive.com/api/v2/"


@pytest.fixture(scope="module")
def images():
    server = ArchiveServer(6)
    server.server.server_close()
    return [parse_image(entry) for entry in server.entries.values()]


@pytest.fixture
def folder(tmp_path, images):
    folder = ArchiveFolder(tmp_path / "isic")
    with folder.claim():
        folder.write_listing(URL, Selection(limit=6), iter(images))
        yield folder


def receipt(number, size=1):
    return Receipt(f"ISIC_{number:07d}", f"ISIC_{number:07d}.jpg", size, "0" * 64)


# --- receipts


def test_receipts_are_there_after_the_process_is_not(folder):
    folder.add(receipt(1))
    folder.add(receipt(2))
    folder.add(receipt(1, size=7))
    assert read_receipts(folder.out / ".archive" / "receipts.jsonl") == {
        "ISIC_0000001": receipt(1, size=7),
        "ISIC_0000002": receipt(2),
    }


@pytest.mark.parametrize(
    "torn",
    [
        b'{"isic_id": "ISIC_00',
        b'{"isic_id": "ISIC_0000009"}',
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"isic_id": [], "file": 1, "size": 2, "sha256": 3}',
    ],
)
def test_a_line_that_was_torn_costs_that_line_alone(tmp_path, torn):
    with ArchiveFolder(tmp_path).claim() as folder:
        folder.add(receipt(1))
    book = tmp_path / ".archive" / "receipts.jsonl"
    book.write_bytes(book.read_bytes() + torn)
    with ArchiveFolder(tmp_path).claim() as folder:
        folder.add(receipt(2))
    assert read_receipts(book) == {"ISIC_0000001": receipt(1), "ISIC_0000002": receipt(2)}


def test_a_file_is_whole_where_size_and_content_are_those_that_were_noted(folder, images):
    image, path = images[0], folder.place(images[0])
    assert not folder.is_whole(image)
    path.write_bytes(b"x" * image.size)
    assert not folder.is_whole(image)  # the right size alone proves nothing
    folder.add(Receipt(image.isic_id, path.name, image.size, hash_file(path)))
    assert folder.is_whole(image)
    path.write_bytes(b"y" + b"x" * (image.size - 1))
    assert not folder.is_whole(image)
    path.unlink()
    assert not folder.is_whole(image)


def test_only_one_download_works_in_a_folder(folder):
    with (
        pytest.raises(UsageError, match="another download is at work there"),
        ArchiveFolder(folder.out).claim(),
    ):
        pass


def test_parts_of_a_killed_download_are_cleared_and_other_files_are_not(tmp_path):
    (tmp_path / "licenses").mkdir()
    gone = [
        tmp_path / ".ISIC_0000001.12-34.part.jpg",
        tmp_path / "licenses" / ".CC-0.12-34.part.txt",
        tmp_path / ".metadata.1-2.part.csv",
    ]
    mine = [tmp_path / ".hidden.jpg", tmp_path / "a.part.jpg", tmp_path / ".my.part"]
    for path in (*gone, *mine):
        path.touch()
    with ArchiveFolder(tmp_path).claim():
        assert not any(path.exists() for path in gone) and all(path.exists() for path in mine)


# --- which selection


@pytest.mark.parametrize(
    ("selection", "wanted"), [(Selection(limit=6), False), (Selection(limit=7), True), (Selection(), True)]
)
def test_the_archive_is_asked_again_for_more_alone(folder, selection, wanted):
    assert ArchiveFolder(folder.out).needs_listing(URL, selection) is wanted


@pytest.mark.parametrize(
    ("url", "selection"),
    [
        (URL, Selection(limit=5)),
        (URL, Selection("sex:male", limit=6)),
        (URL, Selection(collections=(70,), limit=6)),
        (URL, Selection(licenses=("CC-0",), limit=6)),
        ("https://mirror.org/", Selection(limit=6)),
    ],
)
def test_a_folder_of_another_selection_is_refused(folder, url, selection):
    with pytest.raises(
        UsageError,
        match=r"isic: holds another selection \(https://api\.isic.*: at most 6\); expected the same one, "
        r".*: choose another --out",
    ):
        ArchiveFolder(folder.out).needs_listing(url, selection)


def test_a_metadata_table_of_other_origin_is_not_written_over(tmp_path):
    (tmp_path / "metadata.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"holds a metadata\.csv that this command did not write"):
        ArchiveFolder(tmp_path).needs_listing(URL, Selection())


@pytest.mark.parametrize("damage", [b"", b"{", b"[]\n", b"\xff\n", b"{}\n"])
def test_a_listing_without_its_head_is_taken_anew(folder, damage):
    folder.listing.write_bytes(damage)
    assert ArchiveFolder(folder.out).needs_listing(URL, Selection())


@pytest.mark.parametrize("damage", ["{", '{"isic_id": 5}', "\0"])
def test_a_listing_that_was_damaged_further_down_is_a_data_error(folder, damage):
    folder.listing.write_text(folder.listing.read_text() + damage)
    with pytest.raises(DataError, match=r"damaged .*: run it again with --update"):
        list(folder.read_images())


def test_a_damaged_listing_can_be_renewed(folder, images):
    folder.add(Receipt(images[0].isic_id, "x", 1, ""))
    folder.listing.write_text(folder.listing.read_text() + "{")
    folder.write_listing(URL, Selection(), iter(images[2:]))
    assert [image.isic_id for image in folder.read_images()] == [
        image.isic_id for image in (*images[2:], images[0])
    ]


def test_an_empty_listing_is_a_data_error_and_keeps_the_one_before(folder, images):
    with pytest.raises(DataError, match="query 'x:y': the archive has no such photograph"):
        folder.write_listing(URL, Selection("x:y"), iter([]))
    assert list(folder.read_images()) == images


def test_a_new_listing_keeps_what_is_there_and_no_longer_listed(folder, images):
    folder.add(Receipt(images[0].isic_id, "x", 1, ""))
    folder.write_listing(URL, Selection(), iter(images[2:]))
    assert [image.isic_id for image in folder.read_images()] == [
        image.isic_id for image in (*images[2:], images[0])
    ]


# --- tables


def test_tables_are_those_of_the_archives_own_tool(folder):
    listing = folder.write_tables()
    table = pd.read_csv(folder.out / "metadata.csv")
    assert table.columns.tolist() == [
        "isic_id",
        "attribution",
        "copyright_license",
        "age_approx",
        "diagnosis_1",
        "image_type",
        "patient_id",
        "pixels_x",
        "pixels_y",
        "sex",
    ]
    assert (
        table["isic_id"].tolist() == [f"ISIC_{number:07d}" for number in range(1, 7)]
        and table["age_approx"].isna().sum() == 3
    )
    assert (folder.out / "attribution.txt").read_text(
        encoding="utf-8"
    ) == "Hôpital Saint-Louis, 皮膚科\n\nAnonymous"
    assert listing.n == 6 and dict(listing.licenses) == {"CC-0": 2, "CC-BY": 2, "CC-BY-NC": 2}


def test_tables_leave_out_what_is_missing(folder):
    folder.write_tables({f"ISIC_{number:07d}" for number in (1, 3, 5)})
    assert pd.read_csv(folder.out / "metadata.csv")["isic_id"].tolist() == [
        "ISIC_0000002",
        "ISIC_0000004",
        "ISIC_0000006",
    ]
    assert (folder.out / "attribution.txt").read_text() == "Anonymous"


def test_words_of_any_kind_come_back_from_the_table(tmp_path, images):
    words = 'ü, "quoted"\nsecond line\t皮膚 🩺'
    odd = ArchiveImage(
        "ISIC_0000001",
        "CC-0",
        words,
        "https://h/a.jpg",
        1,
        {"note": words, "flag": True, "none": None, "isic_id": "not this"},
    )
    with ArchiveFolder(tmp_path).claim() as folder:
        folder.write_listing(URL, Selection(), [odd, images[1]])
        folder.write_tables()
    table = pd.read_csv(tmp_path / "metadata.csv")
    assert table.loc[0, ["isic_id", "attribution", "note", "flag"]].tolist() == [
        "ISIC_0000001",
        words,
        words,
        True,
    ]
    assert table["none"].isna().all() and table.columns.tolist().count("isic_id") == 1


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/ISIC_1.jpg?Signature=/x.exe", "ISIC_0000001.jpg"),
        ("https://h/a.PNG", "ISIC_0000001.png"),
        ("https://h/a.tif", "ISIC_0000001.tif"),
        ("https://h/a.exe", "ISIC_0000001.jpg"),
        ("https://h/../../a", "ISIC_0000001.jpg"),
        ("https://h.com", "ISIC_0000001.jpg"),
    ],
)
def test_a_photograph_is_named_by_the_archive_and_its_suffix_is_that_of_a_photograph(tmp_path, url, name):
    assert (
        ArchiveFolder(tmp_path).place(ArchiveImage("ISIC_0000001", "CC-0", "", url, 1, {})) == tmp_path / name
    )


def test_what_would_not_fit_is_said_beforehand(folder, images):
    huge = [ArchiveImage(image.isic_id, image.license, "", image.url, 10**15, {}) for image in images]
    folder.write_listing(URL, Selection(limit=6), huge)
    with pytest.raises(
        SpaceError,
        match=r"isic: 6000\.0 TB are still to come and .* are free; free some space, choose another --out, "
        r"or ask for fewer with --limit",
    ):
        folder.check_space()
    for image in images:
        (folder.out / f"{image.isic_id}.jpg").touch()
        folder.add(Receipt(image.isic_id, f"{image.isic_id}.jpg", 10**15, ""))
    folder.check_space()  # what is there needs no further space


def test_nothing_is_written_before_the_folder_is_claimed(tmp_path):
    assert ArchiveFolder(tmp_path / "new").needs_listing(URL, Selection()) and not (tmp_path / "new").exists()


def test_a_folder_below_a_file_is_a_space_error(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(SpaceError, match="could not be written"),
        ArchiveFolder(tmp_path / "file" / "isic").claim(),
    ):
        pass


def test_the_first_line_of_a_listing_says_what_was_asked_for(folder):
    head = json.loads(folder.listing.read_text().splitlines()[0])
    assert head == {"archive": URL, "query": "", "collections": [], "licenses": [], "limit": 6}
