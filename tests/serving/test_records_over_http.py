"""What was answered, over HTTP: lists, lesions, reviews, exports, kept photographs, the audit trail; and a
store that is gone.
"""

import csv
import io
import os
import threading

import pytest
from PIL import Image
from served import Served, draw_image, draw_stripes, encode
from test_predictions import is_problem

from lentigo.serving.store.kept_images import THUMBNAIL_SIDE


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    with Served(f"sqlite:///{folder}/store.db", image_folder=folder / "photos") as served:
        yield served


@pytest.fixture(scope="module")
def lesion(served):
    """A lesion with three photographs, sent in another order than they were taken in."""
    lesion = served.call("POST", "/v1/lesions", json={"name": "P017-3", "site": "left forearm"}).json()
    for seed, day in ((1, "2026-03-01"), (3, "2026-01-01"), (5, "2026-02-01")):
        assert (
            served.send(draw_image(seed), lesion=lesion["id"], taken=day, mm_per_pixel="0.05").status_code
            == 201
        )
    return lesion


def review(served, id, **verdict):
    return served.call("PUT", f"/v1/predictions/{id}/review", json=verdict)


# --- lists


def test_pages_link_to_one_another(served, lesion):
    path, seen = f"/v1/predictions?lesion={lesion['id']}&limit=2", []
    while path:
        answer = served.get(path)
        seen += [p["id"] for p in answer.json()["predictions"]]
        path = answer.links.get("next", {}).get("url")
        assert bool(path) == (answer.json()["next"] is not None)
    assert len(seen) == len(set(seen)) == 3


@pytest.mark.parametrize(
    "query",
    [
        "label=benign",
        "label=malignant",
        "label=uncertain",
        "reviewed=false",
        "since=2020-01-01T00:00:00Z",
        "until=2020-01-01T00:00:00",
        "model=none",
    ],
)
def test_filters(served, lesion, query):
    name, _, value = query.partition("=")
    found = served.get(f"/v1/predictions?limit=500&{query}").json()["predictions"]
    everything = served.get("/v1/predictions?limit=500").json()["predictions"]
    expected = {
        "label": lambda p: p["label"] == value,
        "reviewed": lambda p: p["review"] is None,
        "since": lambda p: True,
        "until": lambda p: False,
        "model": lambda p: False,
    }
    assert found == [p for p in everything if expected[name](p)]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=x",
        "label=bad",
        "since=yesterday",
        "reviewed=maybe",
        "since=0001-01-01T00:00:00%2B23:00",
        "since=0.5",
        "labels=benign",
        "=1",
    ],
)
def test_a_filter_that_means_nothing(served, query):
    assert is_problem(served.get(f"/v1/predictions?{query}"), 422, "invalid")


# --- lesions


def test_a_lesion_over_time(served, lesion):
    said = served.get(f"/v1/lesions/{lesion['id']}").json()
    assert [p["taken"][:10] for p in said["predictions"]] == [
        "2026-01-01",
        "2026-02-01",
        "2026-03-01",
    ] and said["count"] == 3
    first, second, _ = said["predictions"]
    change = said["changes"][0]
    assert (change["from"], change["to"], change["days"]) == (first["id"], second["id"], 31)
    assert change["probability"] == pytest.approx(second["probability"] - first["probability"])
    assert change["area_mm2"] == pytest.approx(second["measures"]["area_mm2"] - first["measures"]["area_mm2"])
    assert change["area_ratio"] == pytest.approx(
        second["measures"]["area_mm2"] / first["measures"]["area_mm2"]
    )


def test_areas_without_a_scale_are_not_compared(served):
    lesion = served.call("POST", "/v1/lesions", json={"name": "P017-4"}).json()["id"]
    served.send(draw_image(1), lesion=lesion, taken="2026-01-01")
    served.send(draw_image(3), lesion=lesion, taken="2026-02-01", mm_per_pixel="0.05")
    change = served.get(f"/v1/lesions/{lesion}").json()["changes"][0]
    assert (change["area_ratio"], change["area_mm2"]) == (None, None)
    assert change["probability"] is not None


def test_a_refused_photograph_is_compared_with_nothing(served):
    lesion = served.call("POST", "/v1/lesions", json={"name": "P017-5"}).json()["id"]
    served.send(draw_image(1), lesion=lesion, taken="2026-01-01", mm_per_pixel="0.05")
    served.send(draw_stripes(), lesion=lesion, taken="2026-02-01", mm_per_pixel="0.05")
    change = served.get(f"/v1/lesions/{lesion}").json()["changes"][0]
    assert (change["probability"], change["area_ratio"], change["area_mm2"]) == (None, None, None)


def test_lesions_are_listed(served, lesion):
    assert [(known["name"], known["count"]) for known in served.get("/v1/lesions").json()["lesions"]][-1] == (
        "P017-3",
        3,
    )


def test_a_name_that_is_taken(served, lesion):
    assert is_problem(served.call("POST", "/v1/lesions", json={"name": "P017-3"}), 409, "conflict")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"name": "x", "other": 1},
        {"name": 5},
        [],
        "x",
    ],
)
def test_a_lesion_that_is_none(served, body):
    assert is_problem(served.call("POST", "/v1/lesions", json=body), 422, "invalid")


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_json(served, body):
    assert served.call(
        "POST", "/v1/lesions", content=body, headers={"Content-Type": "application/json"}
    ).status_code in (400, 422)


# --- reviews


def test_the_last_verdict_counts(served):
    said = served.send(draw_image(2)).json()["predictions"][0]
    review(served, said["id"], verdict="benign")
    answer = review(served, said["id"], verdict="malignant", note="grown")
    assert (
        answer.json()["review"]["verdict"],
        answer.json()["review"]["note"],
        answer.json()["review"]["who"],
    ) == ("malignant", "grown", "local")
    assert served.get(f"/v1/predictions/{said['id']}").json() == answer.json()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "bad"},
        {"verdict": "benign", "note": "x" * 2001},
        {"verdict": "benign", "note": "\0"},
        {"verdict": "benign", "who": "x"},
    ],
)
def test_a_verdict_that_is_none(served, body):
    said = served.send(draw_image(2)).json()["predictions"][0]
    assert is_problem(review(served, said["id"], **body), 422, "invalid")


def test_a_verdict_on_nothing(served):
    assert is_problem(
        review(served, "00000000-0000-4000-8000-000000000000", verdict="benign"), 404, "not-found"
    )


# --- exports


def test_an_export_is_the_list(served, lesion):
    rows = list(csv.DictReader(io.StringIO(served.get(f"/v1/predictions.csv?lesion={lesion['id']}").text)))
    listed = served.get(f"/v1/predictions?lesion={lesion['id']}").json()["predictions"]
    assert [(row["id"], float(row["probability"]), row["taken"]) for row in rows] == [
        (p["id"], p["probability"], p["taken"]) for p in listed
    ]


@pytest.mark.parametrize("note", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_no_cell_is_a_formula(served, note):
    said = served.send(draw_image(2)).json()["predictions"][0]
    review(served, said["id"], verdict="benign", note=note)
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(served.get("/v1/predictions.csv").text))}
    assert rows[said["id"]]["review_note"] == f"'{note}"


# --- kept photographs


def test_a_kept_photograph_has_its_pixels_alone(served):
    exif = Image.Exif()
    exif[0x010E] = "Jane Doe"
    said = served.send(encode(Image.open(io.BytesIO(draw_image(1))), "JPEG", exif=exif)).json()[
        "predictions"
    ][0]
    answer = served.get(f"/v1/predictions/{said['id']}/photo")
    assert said["kept"] and answer.headers["content-type"] == "image/jpeg" and b"Jane" not in answer.content
    assert Image.open(io.BytesIO(answer.content)).size == (224, 224)


def test_a_thumbnail_is_a_small_copy(served):
    id = served.send(draw_image(1, size=448)).json()["predictions"][0]["id"]
    answer = served.get(f"/v1/predictions/{id}/thumbnail")
    assert Image.open(io.BytesIO(answer.content)).size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)


# --- one record is deleted


def test_a_deleted_record_is_gone_with_its_verdict_and_photograph(tmp_path):
    with Served(f"sqlite:///{tmp_path}/store.db", image_folder=tmp_path / "photos") as served:
        first, second = served.send(draw_image(1), draw_image(2)).json()["predictions"]
        review(served, first["id"], verdict="benign", note="XYZZY")
        assert served.call("DELETE", f"/v1/predictions/{first['id']}").status_code == 204
        assert is_problem(served.get(f"/v1/predictions/{first['id']}"), 404, "not-found")
        assert [one["id"] for one in served.get("/v1/predictions").json()["predictions"]] == [second["id"]]
        assert [path.stem for path in (tmp_path / "photos").glob("*.jpg")] == [second["sha256"]]
    assert not any(b"XYZZY" in path.read_bytes() for path in tmp_path.glob("store.db*"))


def test_a_photograph_that_another_record_has_stays(tmp_path):
    with Served(f"sqlite:///{tmp_path}/store.db", image_folder=tmp_path / "photos") as served:
        first = served.send(draw_image(1)).json()["predictions"][0]["id"]
        second = served.send(draw_image(1)).json()["predictions"][0]["id"]
        served.call("DELETE", f"/v1/predictions/{first}")
        assert served.get(f"/v1/predictions/{second}/photo").status_code == 200


def test_a_record_whose_photograph_is_kept_elsewhere_is_not_deleted(tmp_path):
    database = f"sqlite:///{tmp_path}/store.db"
    with Served(database, image_folder=tmp_path / "photos") as served:
        id = served.send(draw_image(1)).json()["predictions"][0]["id"]
    with Served(database) as served:
        answer = served.call("DELETE", f"/v1/predictions/{id}")
        assert is_problem(answer, 409, "photograph-elsewhere")
        assert served.get(f"/v1/predictions/{id}").status_code == 200


def test_without_a_folder_nothing_is_kept(tmp_path):
    with Served(f"sqlite:///{tmp_path}/store.db") as served:
        said = served.send(draw_image(1)).json()["predictions"][0]
        assert not said["kept"] and is_problem(
            served.get(f"/v1/predictions/{said['id']}/photo"), 404, "not-found"
        )


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with Served(f"sqlite:///{tmp_path}/store.db", image_folder=tmp_path / "file" / "photos") as served:
        answer = served.send(draw_image(1))
        assert is_problem(answer, 503, "no-store") and str(tmp_path) not in answer.text
        assert served.get("/v1/predictions").json()["predictions"] == []


# --- the audit trail


def test_what_is_done_is_on_record(tmp_path):
    with Served(f"sqlite:///{tmp_path}/store.db", image_folder=tmp_path / "photos") as served:
        lesion = served.call("POST", "/v1/lesions", json={"name": "P1"}).json()["id"]
        id = served.send(draw_image(1), lesion=lesion).json()["predictions"][0]["id"]
        review(served, id, verdict="benign")
        served.get(f"/v1/predictions/{id}/photo")
        served.get(f"/v1/predictions/{id}/thumbnail")
        served.get("/v1/predictions.csv")
        served.call("DELETE", f"/v1/predictions/{id}")
        events = served.get("/v1/events").json()["events"]
    assert [(event["action"], event["subject"]) for event in events] == [
        ("delete", id),
        ("export", ""),
        ("thumbnail", id),
        ("photo", id),
        ("review", id),
        ("predict", id),
        ("lesion", lesion),
    ]


# --- a store that is gone


def test_without_the_store_no_answer_is_given(tmp_path):
    with Served(f"sqlite:///{tmp_path}/store.db") as served:
        assert served.send(draw_image(1)).status_code == 201
        os.rename(tmp_path / "store.db", tmp_path / "away.db")
        answer, ready = served.send(draw_image(2)), served.get("/readyz")
        assert (
            is_problem(answer, 503, "no-store")
            and "predictions" not in answer.json()
            and str(tmp_path) not in answer.text
            and ready.status_code == 503
        )
        os.rename(tmp_path / "away.db", tmp_path / "store.db")
        assert served.send(draw_image(2)).status_code == 201 and served.get("/readyz").status_code == 200
        assert len(served.get("/v1/predictions").json()["predictions"]) == 2


@pytest.mark.check
def test_postgresql_that_restarts(postgres):
    url = postgres.make_database()
    with Served(url) as served:
        assert served.send(draw_image(1)).status_code == 201
        postgres.stop()
        gone = served.send(draw_image(2), key="gone")
        postgres.start()
        assert is_problem(gone, 503, "no-store") and served.send(draw_image(2), key="gone").status_code == 201
        assert len(served.get("/v1/predictions").json()["predictions"]) == 2


def test_a_jump_of_the_clock_loses_nothing(tmp_path):
    from toys import Clock

    with Served(f"sqlite:///{tmp_path}/store.db") as served:
        served.service.store.now = clock = Clock()
        for hours in (-5, 48, -100):
            served.send(draw_image(1))
            clock.jump(hours=hours)
        assert len(served.get("/v1/predictions").json()["predictions"]) == 3


def test_answers_do_not_wait_for_a_long_export(served, lesion):
    stop = threading.Event()
    exporter = threading.Thread(
        target=lambda: [served.get("/v1/predictions.csv") for _ in range(50) if not stop.is_set()]
    )
    exporter.start()
    try:
        assert served.send(draw_image(2), headers={"Connection": "close"}).status_code == 201
    finally:
        stop.set()
        exporter.join()
