"""The ISIC archive's interface: pages, queries, and answers that are not what they should be."""

import json

import pytest
from archive_server import LICENSES, QUICK, Answer, ArchiveServer, say_json

from lentigo.datasets.archive.archive_client import Archive
from lentigo.datasets.archive.archive_images import parse_image
from lentigo.datasets.archive.selection import Selection, make_selection
from lentigo.datasets.archive.transport import Transport
from lentigo.errors import ArchiveError, UsageError


@pytest.fixture
def server():
    with ArchiveServer(12) as server:
        yield server


def search(server, selection=Selection()):
    """The names of the photographs that an archive lists, and the count that it gives first."""
    with Transport(server.url, patience=QUICK) as transport:
        count, images = Archive(transport).search(selection)
        return count, [image.isic_id for image in images]


def names(*numbers):
    return [f"ISIC_{number:07d}" for number in numbers]


# --- pages


def test_all_pages_are_read_in_the_archives_order_though_only_the_first_has_a_count():
    with ArchiveServer(250) as server:
        count, found = search(server)
        assert count == 250 and found == names(*range(250, 0, -1))
        assert [query["limit"] for query in server.queries()] == ["100"] * 3


def test_a_limit_asks_for_no_more_pages_than_it_needs():
    with ArchiveServer(250) as server:
        assert search(server, Selection(limit=3)) == (3, names(250, 249, 248))
        assert search(server, Selection(limit=101))[1] == names(*range(250, 149, -1))
        assert [query["limit"] for query in server.queries()] == ["3", "100", "100"]


def test_a_limit_is_of_photographs_that_have_the_licence(server):
    assert search(server, Selection(licenses=("CC-BY",), limit=3)) == (None, names(10, 7, 4))


def test_several_licences_are_any_of_them(server):
    assert search(server, Selection(licenses=("CC-BY", "CC-0")))[1] == names(12, 10, 9, 7, 6, 4, 3, 1)


def test_several_collections_are_any_of_them(server):
    server.collections = {70: names(1, 2), 218: names(2, 5)}
    assert search(server, Selection(collections=(70, 218)))[1] == names(5, 2, 1)
    assert server.queries()[-1]["collections"] == "70,218"


def test_a_collection_without_public_photographs_is_a_usage_error_even_among_others(server):
    with pytest.raises(
        UsageError, match="collection 999 holds no public photograph; expected the number of one, such as 70"
    ):
        search(server, Selection(collections=(70, 999)))


@pytest.mark.parametrize(
    "query",
    [
        'diagnosis_3:"Melanoma Invasive" AND sex:male',
        'a:"50 % & more?" AND b:"x+y=z#1/2"',
        "site:tête",
        'x:"皮膚 癌"',
    ],
)
def test_a_query_arrives_as_it_was_written_on_every_page(query):
    with ArchiveServer(150) as server:
        server.select = lambda _: list(server.entries)
        assert len(search(server, Selection(query))[1]) == 150
        assert [asked["query"] for asked in server.queries()] == [query, query]


def test_a_query_chooses(server):
    assert search(server, Selection('diagnosis_1:"Malignant" AND sex:male'))[1] == names(10, 4)


def test_a_photograph_on_two_pages_counts_once():
    with ArchiveServer(150) as server:
        select = server.select
        server.select = lambda query: (
            (chosen := select(query))[:100] + chosen[95:]
        )  # what cursors do where photographs have the same time
        assert search(server)[1] == names(*range(150, 0, -1))


def test_a_cursor_that_repeats_is_refused():
    with ArchiveServer(150) as server:
        server.next_page = f"{server.url}images/search/?cursor=MA%3D%3D&limit=100"
        with pytest.raises(ArchiveError, match=r"(comes back to a page that was read|bring nothing new)"):
            search(server)
        assert len(server.log) <= 3


def test_pages_that_never_end_under_new_addresses_are_refused(server):
    pages = iter(range(1000))
    server.answer_page = lambda query: say_json(
        {
            "results": [server.entries["ISIC_0000001"]],
            "count": None,
            "next": f"{server.url}images/search/?cursor={next(pages)}",
        }
    )
    with pytest.raises(ArchiveError, match="bring nothing new and do not end"):
        search(server)
    assert len(server.log) == 2


def test_a_next_page_on_another_host_is_not_followed():
    with ArchiveServer(150) as server, ArchiveServer(1) as other:
        server.next_page = f"{other.url}images/search/?cursor=MQ%3D%3D"
        with pytest.raises(ArchiveError, match="points to another host"):
            search(server)
        assert other.log == []


def test_a_fault_of_a_page_is_waited_out():
    with ArchiveServer(150) as server:
        server.faults["search"] = [Answer(429), Answer(503), Answer(body=b'{"results": []}', cut=5)]
        assert len(search(server)[1]) == 150


def test_a_web_page_in_place_of_an_answer_is_asked_again_and_then_named(server):
    server.faults["search"] = [
        Answer(body=b"<html>maintenance</html>", headers={"Content-Type": "text/html"})
    ]
    assert len(search(server)[1]) == 12
    server.always["search"] = Answer(body=b"<html>log in</html>", headers={"Content-Type": "text/html"})
    with pytest.raises(
        ArchiveError,
        match=r"answered a web page \(text/html\); expected the archive's interface: check --url and "
        r"whether a proxy",
    ):
        search(server)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "answered nothing"),
        (b"ok", "answered no JSON"),
        (b"[]", "a JSON list, no object"),
        (b'{"results": [', "no JSON"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_an_answer_that_is_no_page_is_named(server, body, words):
    server.always["search"] = Answer(body=body)
    with pytest.raises(ArchiveError, match=words):
        search(server)


@pytest.mark.parametrize("change", [{"results": None}, {"results": {}}, {"count": "many"}, {"next": 5}])
def test_a_page_of_another_form_is_named(server, change):
    server.always["search"] = say_json({"results": [], "count": 0, "next": None} | change)
    with pytest.raises(
        ArchiveError, match=r"expected version 2 of the ISIC archive's interface.*look for a newer Lentigo"
    ):
        search(server)


def test_an_address_without_an_archive_is_named(server):
    server.url = server.url.replace("v2", "v9")
    with pytest.raises(ArchiveError, match=r"v9/images/search/: answered 404; expected 200"):
        search(server)


# --- entries


def test_an_entry_is_read(server):
    image = parse_image(server.entries["ISIC_0000001"])
    assert (image.isic_id, image.license, image.attribution, image.size) == (
        "ISIC_0000001",
        "CC-BY",
        "Hôpital Saint-Louis, 皮膚科",
        len(server.files["ISIC_0000001"]),
    )
    assert image.row == {
        "isic_id": "ISIC_0000001",
        "attribution": image.attribution,
        "copyright_license": "CC-BY",
        "pixels_x": 48,
        "pixels_y": 48,
        "image_type": "dermoscopic",
        "diagnosis_1": "Malignant",
        "sex": "female",
        "patient_id": "IP_0000000",
        "age_approx": 5,
    }


@pytest.mark.parametrize(
    "path",
    [
        "isic_id",
        "copyright_license",
        "attribution",
        "files.full.url",
        "files.full.size",
        "files.full",
        "files",
        "metadata",
    ],
)
@pytest.mark.parametrize("value", [None, "absent", 5.5, []])
def test_an_entry_without_a_field_that_is_needed_is_named(server, path, value):
    record = json.loads(json.dumps(server.entries["ISIC_0000001"]))
    *above, last = path.split(".")
    place = record
    for key in above:
        place = place[key]
    place.pop(last)
    if value != "absent":
        place[last] = value
    with pytest.raises(ArchiveError, match=rf"the archive lists .* with {path}.* = None|with {path} = "):
        parse_image(record)


@pytest.mark.parametrize(
    "change",
    [
        {"isic_id": "../../etc/passwd"},
        {"isic_id": "ISIC_1/../../x"},
        {"isic_id": ""},
        {"copyright_license": "../x"},
        {"copyright_license": ""},
    ],
)
def test_an_entry_cannot_choose_a_path(server, change):
    with pytest.raises(ArchiveError, match="look for a newer Lentigo"):
        parse_image(server.entries["ISIC_0000001"] | change)


@pytest.mark.parametrize("entry", [None, "ISIC_0000001", 5, []])
def test_an_entry_that_is_no_object_is_named(entry):
    with pytest.raises(ArchiveError, match="the archive lists an entry with isic_id = None"):
        parse_image(entry)


def test_fields_that_are_new_or_missing_or_nested_are_kept_as_they_are(server):
    metadata = {"acquisition": {"new": {"a": [1]}}, "other": {"x": 1}}
    image = parse_image(server.entries["ISIC_0000001"] | {"metadata": metadata})
    assert image.row["new"] == '{"a": [1]}' and image.fields == {"new": {"a": [1]}}


def test_one_photograph_is_found_or_withdrawn(server):
    with Transport(server.url, patience=QUICK) as transport:
        archive = Archive(transport)
        assert archive.find_image("ISIC_0000003").isic_id == "ISIC_0000003"
        assert archive.find_image("ISIC_9999999") is None


def test_the_text_of_a_licence_is_read(server):
    with Transport(server.url, patience=QUICK) as transport:
        assert [Archive(transport).read_license(name) for name in LICENSES] == [
            f"The terms of {name}: ©\n" for name in LICENSES
        ]


# --- selections


@pytest.mark.parametrize("query", ["sex:male and age_approx:5", 'sex:"male'])
def test_a_query_that_the_archive_does_not_understand_is_a_usage_error_with_an_example(server, query):
    with pytest.raises(UsageError) as wrong:
        search(server, Selection(query))
    assert repr(query) in str(wrong.value) and "expected one such as diagnosis_1:Malignant AND" in str(
        wrong.value
    )
    assert len(server.log) == 1


def test_a_filter_that_the_archive_does_not_accept_is_a_usage_error(server):
    server.always["search"] = say_json({"detail": [{"msg": "bad\nvalue"}]}, 422)
    with pytest.raises(UsageError, match=r"everything: the archive does not accept it .*bad"):
        search(server)


@pytest.mark.parametrize(
    ("query", "cure"),
    [
        ("diagnosis:melanoma", "expected diagnosis_1:Malignant, or deeper, diagnosis_3:"),
        ("sex:male AND -diagnosis : nevus", "expected diagnosis_1:Malignant, or deeper"),
        ("(benign_malignant:malignant)", "expected diagnosis_1:Malignant or diagnosis_1:Benign"),
    ],
)
def test_a_field_that_the_archive_no_longer_has_comes_with_the_cure(query, cure):
    with pytest.raises(UsageError, match="the archive has no field") as wrong:
        Selection(query)
    assert cure in str(wrong.value)


def test_like_fields_and_quotations_are_not_taken_for_it():
    for query in (
        "diagnosis_1:Benign",
        "diagnosis_confirm_type:histopathology",
        'diagnosis_3:"old diagnosis: none"',
    ):
        Selection(query)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"licenses": ["GPL"]}, "license 'GPL' is unknown; expected CC-0, CC-BY, CC-BY-NC"),
        ({"limit": 0}, "limit 0 leaves nothing"),
        ({"collections": ["seventy"]}, "collection 'seventy' is no number"),
        ({"collections": ["-1"]}, "collection '-1' is no number"),
        ({"collections": ["0"]}, "collection 0 is unknown"),
        ({"collections": ["70,"]}, "collection '' is no number"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(words, message):
    with pytest.raises(UsageError, match=message):
        make_selection(**words)


def test_collections_and_licences_are_understood_as_people_type_them():
    assert make_selection(collections=["218", "70, 218"], licenses=["cc-by", "CC-0"]) == Selection(
        collections=(70, 218), licenses=("CC-0", "CC-BY")
    )


def test_a_selection_in_words():
    assert Selection().describe() == "everything"
    assert (
        Selection("a:b", (1,), ("CC-0", "CC-BY"), 5).describe()
        == "query 'a:b', collections 1, licences CC-0 and CC-BY, at most 5"
    )
