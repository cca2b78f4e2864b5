"""Downloads from an archive that behaves, and from one that does not."""

import threading
import time
import tracemalloc

import pandas as pd
import pytest
from archive_server import Answer, ArchiveServer, draw_image, get, hidden, images

from lentigo.common.hashing import hash_file
from lentigo.datasets.archive.archive_folder import ArchiveFolder
from lentigo.datasets.archive.archive_images import ArchiveImage
from lentigo.datasets.archive.downloads import MAX_FAILURES_IN_A_ROW
from lentigo.datasets.archive.receipts import read_receipts
from lentigo.datasets.archive.selection import Selection
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import ArchiveError, DataError, UsageError
from lentigo.images.problems import Problem


@pytest.fixture
def server():
    with ArchiveServer(12) as server:
        yield server


@pytest.fixture
def out(tmp_path):
    return tmp_path / "isic"


# --- an archive that behaves


def test_a_download_is_a_data_set_at_once(server, out):
    download = get(server, out)
    assert (download.n, download.fetched, download.problems) == (12, 12, ()) and download.licenses == {
        "CC-0": 4,
        "CC-BY": 4,
        "CC-BY-NC": 4,
    }
    assert images(out) == server.files and download.size == sum(map(len, server.files.values()))
    dataset = load_dataset(out)
    assert (
        len(dataset) == 8
        and dataset.malignant.sum() == 4
        and set(dataset.table["license"]) == {"CC-0", "CC-BY"}
    )
    assert all("Indeterminate" in problem.error for problem in dataset.problems)


def test_the_folder_is_laid_out_as_the_archives_own_tool_does(server, out):
    get(server, out)
    assert sorted(path.name for path in out.iterdir() if path.suffix != ".jpg") == [
        ".archive",
        "attribution.txt",
        "licenses",
        "metadata.csv",
    ]
    assert sorted(path.name for path in (out / "licenses").iterdir()) == [
        "CC-0.txt",
        "CC-BY-NC.txt",
        "CC-BY.txt",
    ]
    assert (out / "licenses" / "CC-BY.txt").read_text(encoding="utf-8") == "The terms of CC-BY: ©\n"
    assert (out / "attribution.txt").read_text(encoding="utf-8") == "Hôpital Saint-Louis, 皮膚科\n\nAnonymous"


def test_each_receipt_is_that_of_its_file(server, out):
    get(server, out)
    receipts = read_receipts(out / ".archive" / "receipts.jsonl")
    assert {name: receipt.sha256 for name, receipt in receipts.items()} == {
        name: hash_file(out / f"{name}.jpg") for name in server.files
    }


def test_the_order_is_the_archives_whatever_comes_first(server, out):
    server.on_file = lambda name: time.sleep(0.05 * (int(name[-1]) % 3))
    get(server, out, threads=6)
    assert pd.read_csv(out / "metadata.csv")["isic_id"].tolist() == sorted(server.files, reverse=True)


def test_a_limit_and_licences_choose(server, out):
    download = get(server, out, Selection(licenses=("CC-BY",), limit=2))
    assert list(images(out)) == ["ISIC_0000007", "ISIC_0000010"] and download.licenses == {"CC-BY": 2}
    assert [path.name for path in (out / "licenses").iterdir()] == ["CC-BY.txt"]


def test_progress_sees_the_listing_and_the_photographs(server, out):
    seen = []

    def watch(items, total=None, label=""):
        items = list(items)
        seen.append((label, total, len(items)))
        return items

    get(server, out, progress=watch)
    assert seen == [("listing", 12, 12), ("photographs", 12, 12)]


def test_files_are_fetched_at_once_and_by_no_more_threads_than_asked_for(server, out):
    now, most, lock = [0], [0], threading.Lock()

    def count(_):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.03)
        with lock:
            now[0] -= 1

    server.on_file = count
    get(server, out, threads=3)
    assert most[0] == 3


def test_metadata_is_not_kept_in_memory(tmp_path):
    """A field of 20 kB for each of 500 photographs is 8 MB; an eighth of it may be in memory at once."""
    images = (
        ArchiveImage(f"ISIC_{number:07d}", "CC-0", "", "https://h/a.jpg", 1, {"note": f"{number} " * 4000})
        for number in range(500)
    )
    folder = ArchiveFolder(tmp_path)
    with folder.claim():
        tracemalloc.start()
        folder.write_listing("https://h/", Selection(), images)
        assert folder.write_tables().n == 500 and tracemalloc.get_traced_memory()[1] < 1e6
        tracemalloc.stop()
    assert (tmp_path / "metadata.csv").stat().st_size > 7e6


# --- again


def test_the_same_call_again_asks_for_nothing(server, out):
    first = get(server, out)
    server.log.clear()
    again = get(server, out)
    assert server.log == [] and again == type(first)(first.out, 12, 0, first.size, first.licenses, ())


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: content[:-1] + b"x", lambda content: b"", None]
)
def test_a_file_that_was_damaged_is_fetched_again_and_no_other(server, out, damage):
    get(server, out)
    server.log.clear()
    path = out / "ISIC_0000003.jpg"
    path.unlink() if damage is None else path.write_bytes(damage(path.read_bytes()))
    assert get(server, out).fetched == 1
    assert [path for path, _ in server.log] == ["files/ISIC_0000003.jpg"] and images(out) == server.files


def test_a_larger_limit_fetches_the_rest_alone(server, out):
    get(server, out, Selection(limit=3))
    server.log.clear()
    assert get(server, out, Selection(limit=5)).fetched == 2
    assert (
        server.fetched() == ["ISIC_0000008", "ISIC_0000009"] and len(pd.read_csv(out / "metadata.csv")) == 5
    )


def test_another_selection_in_the_same_folder_is_refused_before_anything_is_asked(server, out):
    get(server, out, Selection(limit=3))
    server.log.clear()
    with pytest.raises(UsageError, match="holds another selection"):
        get(server, out, Selection("sex:male"))
    assert server.log == []


def test_a_listing_stays_until_an_update_is_asked_for(server, out):
    get(server, out, Selection(limit=3))
    server.files["ISIC_0000013"] = draw_image(13)
    server.entries["ISIC_0000013"] = server.describe("ISIC_0000013")
    assert get(server, out, Selection(limit=3)).fetched == 0
    download = get(server, out, Selection(limit=3), update=True)
    assert download.fetched == 1 and list(images(out)) == [
        "ISIC_0000010",
        "ISIC_0000011",
        "ISIC_0000012",
        "ISIC_0000013",
    ]
    assert len(pd.read_csv(out / "metadata.csv")) == 4  # whatever is there keeps its row and its attribution


def test_a_file_that_the_archive_replaced_is_fetched_by_an_update(server, out):
    get(server, out)
    server.files["ISIC_0000003"] = draw_image(99, side=64)
    server.entries["ISIC_0000003"] = server.describe("ISIC_0000003")
    assert get(server, out, update=True).fetched == 1 and images(out) == server.files


# --- an archive that does not behave


@pytest.mark.parametrize(
    "fault",
    [
        Answer(429),
        Answer(429, headers={"Retry-After": "0"}),
        Answer(500),
        Answer(503),
        Answer(body=draw_image(3), cut=1000),
        Answer(body=b"", length=2000, cut=0),
        Answer(body=draw_image(3)[:-10]),
        Answer(body=b"<html>wait</html>", headers={"Content-Type": "text/html"}),
        Answer(body=b"<" * len(draw_image(3)), headers={"Content-Type": "text/html"}),
        Answer(body=draw_image(3) + b"more"),
        Answer(body=draw_image(3) + b"more", headers={"Content-Length": None}, cut=10**6),
        Answer(body=draw_image(3)[:900], headers={"Content-Length": None}, cut=10**6),
    ],
)
def test_a_fault_that_passes_leaves_no_trace(server, out, fault):
    server.faults["ISIC_0000003"] = [fault]
    assert get(server, out).problems == () and images(out) == server.files and hidden(out) == []
    assert server.fetched().count("ISIC_0000003") == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Answer(503), "answered 503 each time; expected 200"),
        (Answer(body=draw_image(3), cut=1000), "no whole answer (RemoteProtocolError"),
        (Answer(body=draw_image(3)[:-10]), "bytes; expected {size}, which the archive lists"),
        (
            Answer(body=draw_image(3)[:900], headers={"Content-Length": None}, cut=10**6),
            "gave 900 bytes; expected {size}, which the archive lists",
        ),
        (
            Answer(body=draw_image(3) + b"more", headers={"Content-Length": None}, cut=10**6),
            "gave more than {size} bytes; expected {size}",
        ),
        (
            Answer(body=b"<" * len(draw_image(3)), headers={"Content-Type": "text/html"}),
            "is no photograph (text/html: not a photograph ({size} bytes of text)",
        ),
        (
            Answer(302, headers={"Location": "http://elsewhere.org/a.jpg"}),
            "keeps a file at http://elsewhere.org; expected https: not followed",
        ),
        (Answer(403), "answered 403; expected 200"),
    ],
)
def test_a_fault_that_stays_costs_that_photograph_alone_and_the_next_call_fetches_it_alone(
    server, out, fault, words
):
    server.always["ISIC_0000003"] = fault
    download = get(server, out)
    (problem,) = download.problems
    assert (
        problem.image == "ISIC_0000003"
        and words.format(size=len(server.files["ISIC_0000003"])) in problem.error
    )
    assert (
        download.n == 11
        and images(out) == {name: content for name, content in server.files.items() if name != "ISIC_0000003"}
        and hidden(out) == []
    )
    assert "ISIC_0000003" not in (out / "metadata.csv").read_text()
    server.always.clear()
    server.log.clear()
    assert get(server, out).fetched == 1 and server.asked("") == ["files/ISIC_0000003.jpg"]
    assert images(out) == server.files and len(pd.read_csv(out / "metadata.csv")) == 12


def test_a_photograph_that_was_withdrawn_is_listed_and_an_update_leaves_it_out(server, out):
    listed = server.entries["ISIC_0000003"]
    server.always["ISIC_0000003"] = Answer(404)
    server.on_file = lambda _: server.entries.pop("ISIC_0000003", None)  # after the listing
    assert get(server, out).problems == (
        Problem("ISIC_0000003", "withdrawn: the archive has it no longer; --update leaves it out"),
    )
    assert len(get(server, out).problems) == 1
    assert get(server, out, update=True).problems == ()
    server.entries["ISIC_0000003"] = listed


def test_an_address_that_expired_is_asked_for_again(server, out):
    server.always["ISIC_0000003"] = Answer(403)
    server.files["renewed"] = server.files["ISIC_0000003"]

    def renew(name):
        server.entries["ISIC_0000003"]["files"]["full"]["url"] = f"{server.file_url}renewed.jpg"

    server.on_file = renew
    assert get(server, out).problems == () and images(out)["ISIC_0000003"] == server.files["renewed"]


def test_a_file_that_changed_since_it_was_listed_is_named(server, out):
    server.always["ISIC_0000003"] = Answer(403)
    server.on_file = lambda _: server.entries["ISIC_0000003"]["files"]["full"].update(size=5)
    (problem,) = get(server, out).problems
    assert problem.error.startswith("changed since it was listed") and "now 5" in problem.error


def test_a_licence_that_cannot_be_had_is_listed_beside_the_photographs(server, out):
    server.always["CC-BY"] = Answer(404)
    download = get(server, out)
    assert download.n == 12 and [problem.image for problem in download.problems] == ["licenses/CC-BY.txt"]
    server.always.clear()
    assert get(server, out).problems == () and (out / "licenses" / "CC-BY.txt").is_file()


def test_an_archive_that_is_down_is_not_asked_for_every_photograph(out):
    with ArchiveServer(4 * MAX_FAILURES_IN_A_ROW) as server:
        server.always = dict.fromkeys(server.files, Answer(404))
        with pytest.raises(
            ArchiveError,
            match=f"{MAX_FAILURES_IN_A_ROW} photographs in a row could not be fetched, the last ISIC_.*; what "
            "came before is kept",
        ):
            get(server, out, threads=2)
        assert len(server.fetched()) < 3 * MAX_FAILURES_IN_A_ROW


def test_an_error_of_a_thread_that_nobody_foresaw_is_not_swallowed(server, out, monkeypatch):
    monkeypatch.setattr("lentigo.datasets.archive.file_fetching.measure_image", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        get(server, out)
    assert hidden(out) == []


def test_no_photograph_at_all_is_a_data_error(server, out):
    with pytest.raises(
        DataError, match="query 'sex:unknown': the archive has no such photograph; expected at least one"
    ):
        get(server, out, Selection("sex:unknown"))


def test_a_query_that_is_not_understood_makes_no_folder(server, out):
    with pytest.raises(UsageError):
        get(server, out, Selection('sex:"'))
    assert not out.exists()


@pytest.mark.parametrize("threads", [0, 65, -1])
def test_a_number_of_threads_that_makes_no_sense_is_a_usage_error(server, out, threads):
    with pytest.raises(UsageError, match="threads; expected 1 to 64"):
        get(server, out, threads=threads)
