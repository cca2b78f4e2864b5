"""Photographs over HTTP: answers, problems, and requests that are sent twice."""

import asyncio
import contextlib
import io
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from served import Served, draw_image, draw_stripes, encode

from lentigo.inference.lesions.segmentation import segment
from lentigo.inference.prediction import predict

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with Served(
        f"sqlite:///{tmp_path_factory.mktemp('served')}/store.db",
        max_images=4,
        max_image_bytes=300_000,
        max_request_bytes=1_000_000,
        max_pixels=1_000_000,
    ) as served:
        yield served


def is_problem(answer, status, kind):
    """Whether an answer is a problem as RFC 9457 has them, of that kind."""
    said = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance"} <= set(said) and said[
        "status"
    ] == answer.status_code
    return (answer.status_code, said["type"]) == (status, f"urn:lentigo:problem:{kind}")


# --- answers


def test_the_answer_is_that_of_predict(served, tmp_path):
    (tmp_path / "x.jpg").write_bytes(draw_image(3))
    said = served.send(draw_image(3)).json()["predictions"][0]
    expected = predict(tmp_path / "x.jpg")
    assert said["probability"] == pytest.approx(expected.probability, abs=1e-4)
    assert (said["label"], said["threshold"], said["in_distribution"], said["model"]) == (
        expected.label,
        expected.threshold,
        expected.in_distribution,
        expected.model,
    )


def test_the_measures_are_those_of_segment(served, tmp_path):
    (tmp_path / "x.jpg").write_bytes(draw_image(5, 300))
    said = served.send(draw_image(5, 300)).json()["predictions"][0]
    expected = segment(tmp_path / "x.jpg")
    assert said["measures"]["area_px"] == pytest.approx(expected.measures.area_px, rel=1e-3)
    assert said["measures"]["colours"] == list(expected.measures.colours)


def test_the_outline_encloses_the_area(served):
    said = served.send(draw_image(5, 300)).json()["predictions"][0]
    area = 0.0
    for polygon in said["outline"]:
        x, y = np.array(polygon).T
        area += abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == pytest.approx(said["measures"]["area_px"], rel=0.05)


def test_the_heatmap_is_a_grid(served):
    assert np.shape(served.send(draw_image(1)).json()["predictions"][0]["heatmap"]) == (5, 5)


def test_answers_stand_in_the_order_sent(served):
    photos = [draw_image(seed) for seed in (7, 8, 9)]
    said = served.send(*photos).json()["predictions"]
    assert [p["position"] for p in said] == [0, 1, 2]
    assert [p["sha256"] for p in said] == [
        served.send(photo).json()["predictions"][0]["sha256"] for photo in photos
    ]


def test_what_is_no_lesion_is_not_decided(served):
    said = served.send(draw_stripes()).json()["predictions"][0]
    assert (said["label"], said["in_distribution"]) == ("uncertain", False) and said["reason"]


def test_size_is_that_of_the_upright_photograph(served):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    said = served.send(encode(Image.fromarray(NOISE[:32]), "JPEG", exif=exif)).json()["predictions"][0]
    assert (said["width"], said["height"]) == (32, 64)


def test_a_scale_gives_millimetres(served):
    measures = served.send(draw_image(5), mm_per_pixel="0.1").json()["predictions"][0]["measures"]
    assert measures["area_mm2"] == pytest.approx(measures["area_px"] * 0.01)


def test_a_dicom_file_is_answered_with_its_own_scale_and_no_name_of_it(served):
    pytest.importorskip("pydicom")
    from dicom_toys import encode as encode_dicom
    from dicom_toys import make_dataset, wrap_jpeg

    pixels = np.asarray(Image.open(io.BytesIO(draw_image(5))).convert("RGB"))
    named = {"PatientName": "Secret^Name", "PatientID": "S-1"}
    scan = encode_dicom(make_dataset(pixels, PixelSpacing=[0.1, 0.1], **named))
    frames = wrap_jpeg(*[encode(Image.fromarray(pixels), "JPEG")] * 2, pixels=pixels, **named)
    said = served.send(scan, frames, scan[:3000])
    assert "Secret" not in said.text and "S-1" not in said.text
    (prediction,) = said.json()["predictions"]
    measures = prediction["measures"]
    assert measures["area_mm2"] == pytest.approx(measures["area_px"] * 0.01)
    frames_problem, torn_problem = said.json()["problems"]
    assert "holds 2 frames" in frames_problem["detail"]
    assert "damaged or truncated" in torn_problem["detail"]


def test_the_record_is_what_was_answered(served):
    said = served.send(draw_image(2)).json()["predictions"][0]
    assert served.get(f"/v1/predictions/{said['id']}").json() == said


def test_day_is_kept(served):
    assert (
        served.send(draw_image(2), taken="2026-08-01").json()["predictions"][0]["taken"]
        == "2026-08-01T00:00:00+00:00"
    )


def test_formats_are_known_by_content(served):
    assert (
        served.call(
            "POST", "/v1/predictions", files={"photos": ("x.txt", draw_image(1, format="PNG"), "text/plain")}
        ).status_code
        == 201
    )


# --- problems


@pytest.mark.parametrize(
    "content, words",
    [
        (b"root:x:0:0:root:/root:/bin/bash\n", "not a photograph"),
        (b"", "the file is empty"),
        (draw_image(1)[:3000], "damaged or truncated"),
        (encode(Image.new("RGB", (2000, 1000)), "PNG"), "more than 1 million"),
        (b"GIF89a" + bytes(40), "not a photograph"),
    ],
    ids=["text", "empty", "truncated", "too many pixels", "broken GIF"],
)
def test_a_file_that_is_no_photograph(served, content, words):
    answer = served.send(content)
    assert (
        is_problem(answer, 422, "no-photograph")
        and words in answer.json()["problems"][0]["detail"]
        and words in answer.json()["detail"]
    )


def test_failures_stand_beside_successes(served):
    answer = served.send(b"text", draw_image(1), b"")
    assert answer.status_code == 201
    assert [p["position"] for p in answer.json()["predictions"]] == [1] and [
        p["position"] for p in answer.json()["problems"]
    ] == [0, 2]


def test_no_photograph(served):
    assert is_problem(
        served.call("POST", "/v1/predictions", files={"taken": (None, "2026-08-01")}), 422, "invalid"
    )


def test_a_hundred_photographs(served):
    assert is_problem(served.send(*[draw_image(1)] * 100), 413, "too-large")


def test_a_photograph_of_too_many_bytes(served):
    answer = served.send(bytes(400_000))
    assert is_problem(answer, 413, "too-large") and "300000" in answer.json()["detail"]


def test_too_many_bytes_in_all_are_refused_before_they_are_read(served):
    answer = served.send(*[bytes(299_000)] * 4)
    assert is_problem(answer, 413, "too-large") and "1000000" in answer.json()["detail"]


def test_too_many_bytes_whose_length_was_not_said(served):
    pieces = (b"x" * 100_000 for _ in range(20))
    answer = served.call("POST", "/v1/lesions", content=pieces, headers={"Content-Type": "application/json"})
    assert is_problem(answer, 413, "too-large")


@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\nnot a form",
        b"--y\r\n\r\n",
        b"",
        b"--x\r\nContent-Disposition: form-data; name=photos\r\n\r\nhalf",
        b"--x\r\nContent-Disposition: form-data; name=other\r\n\r\n1\r\n--x--\r\n",
        b"--x\r\n" + b"A: " + b"b" * 9000 + b"\r\n\r\n",
    ],
    ids=["garbage", "other boundary", "empty", "cut off", "unknown field", "long head"],
)
def test_a_broken_form(served, body):
    answer = served.call(
        "POST", "/v1/predictions", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.headers["content-type"] == "application/problem+json" and answer.status_code in (
        400,
        413,
        422,
    )


@pytest.mark.parametrize("kind", ["application/json", "", "multipart/form-data", "text/plain; boundary=x"])
def test_what_is_no_form(served, kind):
    assert served.call(
        "POST", "/v1/predictions", content=b"{}", headers={"Content-Type": kind}
    ).status_code in (400, 415)


@pytest.mark.parametrize(
    "fields",
    [
        {"taken": "yesterday"},
        {"taken": "0001-01-01T00:00:00+23:00"},
        {"mm_per_pixel": "-1"},
        {"mm_per_pixel": "nan"},
        {"lesion": "unknown"},
        {"lesion": "x" * 201},
    ],
)
def test_a_field_that_means_nothing(served, fields):
    answer = served.send(draw_image(1), **fields)
    assert is_problem(answer, 422, "invalid") and next(iter(fields)) in answer.json()["detail"]


# --- sent twice


def test_a_request_sent_again_is_answered_from_the_store(served):
    first, again = (served.send(draw_image(1), b"text", key="again") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()


def test_the_same_key_with_other_photographs(served):
    served.send(draw_image(1), key="other")
    for photos in ([draw_image(2)], [draw_image(1), draw_image(2)], [b"text"]):
        assert is_problem(served.send(*photos, key="other"), 409, "other-request")


@pytest.mark.parametrize(
    "other",
    [{"taken": "2026-08-01"}, {"mm_per_pixel": "0.1"}, {"mm_per_pixel": "0.05", "taken": "2026-08-01"}, {}],
)
def test_the_same_key_with_other_details(served, other):
    first = {"mm_per_pixel": "0.05"}
    key = f"details {sorted(other)}".replace(" ", "")
    assert served.send(draw_image(1), key=key, **first).status_code == 201
    assert is_problem(served.send(draw_image(1), key=key, **other), 409, "other-request")
    assert served.send(draw_image(1), key=key, mm_per_pixel="0.050").status_code == 200


@pytest.mark.parametrize(
    "other", [[b"other text", 1], [1, b"text"], [b"text", 1, b"text"], [b"text", 1, 2]], ids=str
)
def test_the_same_key_with_another_file_that_cannot_be_read(served, other):
    key = f"rest-{len(other)}-{other[0] == 1}-{other[-1]}".replace("'", "")
    assert served.send(b"text", draw_image(1), key=key).status_code == 201
    photos = [draw_image(item) if isinstance(item, int) else item for item in other]
    assert is_problem(served.send(*photos, key=key), 409, "other-request")


def test_equal_requests_at_once_are_recorded_once(served):
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: served.send(draw_image(4), draw_image(6), key="race"), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "with space"])
def test_a_key_that_is_none(served, key):
    assert is_problem(
        served.call(
            "POST", "/v1/predictions", files={"photos": draw_image(1)}, headers={"Idempotency-Key": key}
        ),
        422,
        "invalid",
    )


# --- many at once


def test_photographs_that_come_together_are_asked_about_together(tmp_path):
    with Served(f"sqlite:///{tmp_path}/store.db", wait_ms=100) as served, ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(
                lambda seed: served.send(draw_image(seed % 4), headers={"Connection": "close"}), range(32)
            )
        )
        calls, photographs = (
            read_metric(served, "lentigo_batch_photographs_count"),
            read_metric(served, "lentigo_batch_photographs_sum"),
        )
    assert {answer.status_code for answer in answers} == {201}
    assert photographs == 32 and calls <= 16


def test_everyone_gets_their_own_answer(served):
    alone = {seed: served.send(draw_image(seed)).json()["predictions"][0]["probability"] for seed in range(8)}
    with ThreadPoolExecutor(8) as pool:
        together = list(
            pool.map(
                lambda seed: served.send(draw_image(seed)).json()["predictions"][0]["probability"], range(8)
            )
        )
    assert together == pytest.approx(list(alone.values()), abs=1e-5)


class PausedPool:
    """A pool that answers when it is let go."""

    def __init__(self, pool):
        self.pool = pool
        self.go = threading.Event()
        self.begun = threading.Event()
        self.sizes = []
        self.name = pool.name
        self.bundle = pool.bundle
        self.outlines = pool.outlines
        self.single = pool.single
        self.search = pool.search

    def predict(self, images):
        self.sizes.append(len(images))
        self.begun.set()
        assert self.go.wait(30)
        return self.pool.predict(images)


@pytest.fixture
def paused_pool(served):
    return PausedPool(served.service.pool)


def test_a_full_queue(tmp_path, paused_pool):
    with (
        Served(f"sqlite:///{tmp_path}/store.db", paused_pool, max_waiting=2, max_images=2) as served,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(served.send, draw_image(1), draw_image(2))
        paused_pool.begun.wait(30)
        refused, ready = served.send(draw_image(3), headers={"Connection": "close"}), served.get("/readyz")
        paused_pool.go.set()
        assert (
            is_problem(refused, 503, "busy")
            and int(refused.headers["retry-after"]) > 0
            and ready.status_code == 503
        )
        assert first.result().status_code == 201 and served.send(draw_image(3)).status_code == 201


def test_too_many_bytes_held_at_once(tmp_path, paused_pool):
    with (
        Served(f"sqlite:///{tmp_path}/store.db", paused_pool, max_pending_bytes=60_000) as served,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(served.send, *[draw_image(1)] * 5)
        paused_pool.begun.wait(30)
        refused = served.send(*[draw_image(1)] * 5)
        paused_pool.go.set()
        assert (
            is_problem(refused, 503, "busy")
            and first.result().status_code == 201
            and served.service.admission.pending_bytes == 0
        )


def test_work_of_a_client_that_left_is_dropped(tmp_path, paused_pool):
    with Served(f"sqlite:///{tmp_path}/store.db", paused_pool) as served, ThreadPoolExecutor(1) as pool:
        first = pool.submit(served.send, draw_image(1))
        paused_pool.begun.wait(30)
        with contextlib.suppress(Exception):
            served.call("POST", "/v1/predictions", files={"photos": draw_image(2)}, timeout=0.3)
        while served.service.admission.waiting_images > 1:  # until the service has noticed
            threading.Event().wait(0.01)
        paused_pool.go.set()
        assert first.result().status_code == 201 and served.send(draw_image(3)).status_code == 201
        assert paused_pool.sizes == [1, 1]


def test_an_error_of_the_network_is_no_stack_trace(tmp_path, paused_pool):
    paused_pool.predict = lambda images: 1 / 0
    with Served(f"sqlite:///{tmp_path}/store.db", paused_pool) as served:
        answer = served.send(draw_image(1))
        assert (
            is_problem(answer, 500, "bug")
            and "ZeroDivision" not in answer.text
            and "/" not in answer.json()["detail"]
        )
        assert served.get("/v1/predictions").json()["predictions"] == []


def read_metric(served, name):
    lines = served.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(name))


def make_wide(pixels, format):
    """A photograph of so many pixels and few bytes."""
    return encode(Image.new("RGB", (1000, pixels // 1000), "white"), format)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "WEBP"])
def test_what_cannot_be_decoded_small_has_a_lower_limit(tmp_path, format):
    limits = {"max_pixels": 1_000_000, "max_pixels_whole": 400_000}
    with Served(f"sqlite:///{tmp_path}/store.db", **limits) as served:
        answer = served.send(make_wide(500_000, format), make_wide(500_000, "JPEG"))
    assert answer.status_code == 201 and [problem["position"] for problem in answer.json()["problems"]] == [0]
    assert "more than 0.4 million" in answer.json()["problems"][0]["detail"]


def declare_size(png, width, height):
    """A PNG whose header declares another size, with the checksum that goes with it."""
    header = png[12:16] + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def test_bombs_and_truncated_files_leave_the_other_photographs_answered(served):
    """One request of several: each file is held against the limits by itself, before any of it is decoded."""
    bomb = declare_size(encode(Image.new("RGB", (8, 8)), "PNG"), 20_000, 20_000)
    answer = served.send(bomb, draw_image(1)[:3000], draw_image(1), make_wide(2_000_000, "WEBP"))
    problems = {problem["position"]: problem["detail"] for problem in answer.json()["problems"]}
    assert [record["position"] for record in answer.json()["predictions"]] == [2] and set(problems) == {
        0,
        1,
        3,
    }
    assert "pixels" in problems[0] and "truncated" in problems[1] and "pixels" in problems[3]


@pytest.mark.parametrize(
    "options, is_heavy", [({"format": "PNG"}, True), ({"progressive": True}, True), ({}, False)], ids=str
)
def test_what_is_decoded_whole_is_heavy(options, is_heavy):
    from lentigo.serving.predictions.upload_decoding import inspect_upload
    from lentigo.serving.settings import Settings

    assert inspect_upload(encode(Image.new("L", (3000, 3000)), **options), 0, Settings()).is_heavy == is_heavy


def test_a_large_request_does_not_stand_before_a_small_one(tmp_path, paused_pool):
    """While 20 photographs wait, one of another request is answered with the next batch."""
    with (
        Served(f"sqlite:///{tmp_path}/store.db", paused_pool, max_batch=4) as served,
        ThreadPoolExecutor(2) as pool,
    ):
        order = []
        large = pool.submit(served.send, *[draw_image(seed) for seed in range(20)])
        paused_pool.begun.wait(30)
        while len(served.service.batcher.waiting) < 16:
            threading.Event().wait(0.005)
        small = pool.submit(served.send, draw_image(1), headers={"Connection": "close"})
        while len(served.service.batcher.waiting.items_by_owner) < 2:
            threading.Event().wait(0.005)
        large.add_done_callback(lambda _: order.append("large"))
        small.add_done_callback(lambda _: order.append("small"))
        paused_pool.go.set()
        assert (large.result().status_code, small.result().status_code) == (201, 201) and order == [
            "small",
            "large",
        ]


def test_threads_are_shared_by_request_and_heavy_work_leaves_one():
    from lentigo.serving.fair_pool import FairPool

    begun, go = [], threading.Event()

    def work(name):
        begun.append(name)
        assert go.wait(30)
        return name

    async def ask_all():
        pool = FairPool(2, 1, "test")
        heavy = [
            asyncio.ensure_future(pool.run("a", work, f"a{number}", is_heavy=True)) for number in range(3)
        ]
        await asyncio.sleep(0)
        light = [asyncio.ensure_future(pool.run("b", work, f"b{number}")) for number in range(2)]
        while len(begun) < 2:
            await asyncio.sleep(0.001)
        assert begun == ["a0", "b0"]
        go.set()
        answers = await asyncio.gather(*heavy, *light)
        pool.shutdown()
        return answers

    assert asyncio.run(ask_all()) == ["a0", "a1", "a2", "b0", "b1"]


def test_batcher_keeps_order_and_size():
    from lentigo.serving.batching import Batcher

    sizes = []

    async def ask_all():
        batcher = Batcher(
            lambda images: [image * 10 for image in images],
            max_batch=4,
            wait_ms=1,
            observe_size=sizes.append,
        )
        answers = await asyncio.gather(*(batcher.predict(number) for number in range(10)))
        await batcher.close()
        return answers

    assert asyncio.run(ask_all()) == [number * 10 for number in range(10)] and sizes == [4, 4, 2]
