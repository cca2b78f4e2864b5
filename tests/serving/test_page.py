"""The page, in a browser, against the service itself: what a reader sees, hears and can do with it."""

from __future__ import annotations

import csv
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import combinations, pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from pandas import DataFrame
from PIL import Image

from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.inference.similarity.case_indexing import index_cases
from lentigo.serving.http.app import make_app
from lentigo.serving.settings import Settings
from lentigo.serving.store.store import open_store

CHROMIUM = Path("/usr/bin/chromium")
playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed")
expect = playwright.expect
expect.set_options(timeout=20_000)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
VIEWS = ("#/", "#/lesions", "#/records", "#/model", "#/model/card")
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"  # `npm install` beside package.json
MINUS = "\N{MINUS SIGN}"
NAME = "Erika Mustermann 1964.jpg"
REFUSED = re.compile(
    "Failed to load resource: the server responded with a status of (4|503)|net::ERR_CONNECTION"
)  # what a browser itself says of a problem


class Running:
    """The service on a port of its own, which it keeps when it is stopped and started again."""

    def __init__(self, folder: Path, **settings) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.database = f"sqlite:///{folder}/store.db"
        self.settings = Settings(
            database=self.database, image_folder=folder / "photos", port=self.port, **settings
        )
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Running:
        self.server = uvicorn.Server(
            uvicorn.Config(make_app(self.settings), port=self.port, log_config=None, lifespan="on", ws="none")
        )
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            self.thread.join(0.05)
        return self

    def __exit__(self, *_) -> None:
        self.server.should_exit = True
        self.thread.join()

    def ask(self, path: str, method: str = "GET", **more):
        with httpx.Client(base_url=self.url, timeout=60) as client:
            return client.request(method, path, **more)

    def records(self, **query) -> list[dict]:
        return self.ask("/v1/predictions", params=query).json()["predictions"]

    def send(self, *contents: bytes, **fields) -> list[dict]:
        files = [("photos", ("photograph", content)) for content in contents]
        return self.ask("/v1/predictions", "POST", files=files, data=fields).json()["predictions"]


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Running]:
    """A service that keeps photographs and shows known lesions."""
    folder = tmp_path_factory.mktemp("service")
    make_index(folder / "known")
    with Running(folder, index=folder / "known", similar=3) as running:
        yield running


def make_index(folder: Path) -> None:
    """Known lesions: four malignant ones of the patients 0 to 3, and a benign one."""
    paths, rows = folder.with_name("cases"), []
    paths.mkdir()
    for seed, label in enumerate(["malignant"] * 4 + ["benign"]):
        path = paths / f"{label}{seed}.jpg"
        path.write_bytes(draw(label, seed, size=96))
        diagnosis = "melanoma" if label == "malignant" else "nevus"
        rows.append([str(path), label, diagnosis, f"patient {seed}", "CC-0", "drawings"])
    columns = ["image", "label", "diagnosis", "patient_id", "license", "source"]
    index_cases(DataFrame(rows, columns=columns), folder)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser) -> Iterator[Callable]:
    """Opens the page of a service; at the end nothing may have been wrong in it, and nothing asked from
    elsewhere.
    """
    contexts, wrong = [], []

    def open_page(service: Running, view: str = "", **options):
        def hear(message) -> None:
            if message.type in ("error", "warning") and not REFUSED.search(message.text):
                wrong.append(message.text)

        def check(request) -> None:
            if not request.url.startswith((service.url, "blob:", "data:")):
                wrong.append(request.url)

        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", hear)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", check)
        # Without this the driver begins to catch file dialogs while a key is on its way, and misses some.
        page.on("filechooser", lambda chooser: None)
        page.goto(f"{service.url}/{view}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong


def draw(
    label: str = "malignant", seed: int = 3, view: int = 0, size: int = 224, kind: str = "JPEG"
) -> bytes:
    """A synthetic lesion as the bytes of a file."""
    return encode(draw_synthetic_lesion(label, seed, view, size).image, kind)


def encode(pixels: np.ndarray, kind: str = "JPEG") -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def make_noise() -> bytes:
    """A picture of nothing."""
    return encode(np.random.default_rng(5).integers(0, 256, (240, 320, 3), np.uint8), "PNG")


def name_file(content: bytes, name: str = NAME) -> dict:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


def choose(page, *files: dict) -> None:
    page.locator("#files").set_input_files(list(files))


def show_result(page, content: bytes):
    """The result of one photograph."""
    choose(page, name_file(content))
    result = page.get_by_role("article")
    result.wait_for()
    return result


# --- a photograph


def test_a_photograph_is_answered_with_decision_probability_outline_and_measures(service, visit):
    page = visit(service)
    result = show_result(page, draw())
    record = service.records(limit=1)[0]
    expect(result.get_by_role("heading", level=2)).to_have_text(record["label"].capitalize())
    words = re.compile(
        rf"^{record['label'].capitalize()}\. Probability of malignant .*operating point "
        rf"{100 * record['threshold']:.0f}"
    )
    expect(result.locator(".scale")).to_have_attribute("aria-label", words)
    expect(page.get_by_role("status")).to_contain_text(record["label"].capitalize())
    expect(result.locator(".stage img")).to_be_visible()
    expect(result.locator("svg.outline polygon.line")).to_have_count(len(record["outline"]))
    expect(result).to_contain_text(f"{record['measures']['border_irregularity']:.2f} (a disc: 1)")
    expect(result).to_contain_text(record["model"])
    expect(page.get_by_role("contentinfo")).to_contain_text("A research tool, not a medical device.")


@pytest.mark.check
def test_the_probability_is_said_to_hold_where_it_was_calibrated(service, visit):
    result = show_result(visit(service), draw("benign", 8))
    expect(result.locator(".meaning")).to_contain_text("validation photographs: ")
    prevalence = round(100 * service.ask("/v1/models").json()["models"][0]["prevalence"])
    expect(result.locator(".meaning")).to_contain_text(f"There {prevalence} in 100 lesions were malignant")


@pytest.mark.check
def test_sliders_make_heatmap_and_outline_fainter_by_the_keyboard(service, visit):
    page = visit(service)
    result = show_result(page, draw())
    for name, layer in (("Heatmap, opacity", "canvas.heat"), ("Outline, opacity", "svg.outline")):
        result.get_by_label(name).focus()
        page.keyboard.press("Home")
        expect(result.locator(layer)).to_have_css("opacity", "0")
        page.keyboard.press("ArrowRight")
        expect(result.locator(layer)).to_have_css("opacity", "0.05")


def find_mixed(service: Running) -> tuple[bytes, np.ndarray]:
    """A photograph that speaks for both classes, and its heatmap (7, 7)."""
    for seed in range(40):
        content = draw("benign", seed)
        record = service.send(content)[0]
        grid = np.array(record["heatmap"])
        is_mixed = grid.min() < -grid.max() / 4 and grid.max() > -grid.min() / 4
        if is_mixed and record["in_distribution"]:
            return content, grid
    raise AssertionError("expected a photograph that speaks for both classes among 40 drawn ones")


@pytest.mark.check
def test_the_heatmap_is_red_where_it_speaks_for_malignant_and_blue_where_against(service, visit):
    page = visit(service)
    content, grid = find_mixed(service)
    show_result(page, content)
    script = """(canvas, places) => {
      const whole = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return places.map(([x, y]) => Array.from(whole.data.slice(4 * (Math.floor(y * whole.height) * whole.width + Math.floor(x * whole.width))).slice(0, 4)));
    }"""
    cells = [np.unravel_index(cell, grid.shape) for cell in (grid.argmax(), grid.argmin())]
    most, least = page.locator("canvas.heat").evaluate(
        script, [[(column + 0.5) / 7, (row + 0.5) / 7] for row, column in cells]
    )
    assert most[0] > most[2] and most[3] > 0
    assert least[2] > least[0] and least[3] > 0


@pytest.mark.check
def test_the_name_of_a_file_is_not_sent(service, visit):
    page = visit(service)
    sent = []
    page.on("request", lambda request: sent.append(request))
    expect(show_result(page, draw("benign", 2))).to_contain_text(NAME)
    bodies = [request.post_data_buffer or b"" for request in sent if request.method == "POST"]
    assert bodies and not any(b"Mustermann" in body for body in bodies)


@pytest.mark.check
def test_what_the_model_does_not_know_is_refused_with_the_reason(service, visit):
    result = show_result(visit(service), make_noise())
    expect(result.get_by_role("heading", level=2)).to_have_text("Refused")
    expect(result).to_contain_text("The model does not decide: unlike the photographs that the model knows")


@pytest.mark.check
def test_a_refused_photograph_shows_no_probability_outline_or_measures(service, visit):
    page = visit(service)
    result = show_result(page, make_noise())
    expect(result.locator(".stage img")).to_be_visible()
    for part in (".scale", ".outline", ".heat", ".slider", ".diagnosis"):
        expect(result.locator(part)).to_have_count(0)
    expect(result).not_to_contain_text("Measures of the lesion")
    page.get_by_role("link", name="Records").click()
    row = page.get_by_role("table").get_by_role("row").nth(1)
    expect(row).to_contain_text("Refused")
    expect(row).not_to_contain_text("%")


@pytest.mark.check
def test_a_photograph_that_the_browser_cannot_show_is_answered_and_outlined(service, visit):
    result = show_result(visit(service), draw(kind="TIFF"))
    expect(result).to_contain_text("This browser cannot show this kind of photograph.")
    expect(result.locator("svg.outline")).to_be_visible()


def test_similar_known_lesions_are_shown_but_for_those_of_the_patient(service, visit):
    page = visit(service)
    cases = show_result(page, draw("malignant", 3)).locator(".cases li")
    expect(cases).to_have_count(3)
    expect(cases.first.get_by_role("img", name="melanoma, malignant, similarity")).to_be_visible()
    expect(cases.first).to_contain_text("licence CC-0")
    page.get_by_label("Patient id in the index").fill(" patient 3 ")
    with page.expect_response("**/v1/predictions") as answer:
        choose(page, name_file(draw("malignant", 3), "again.jpg"))
    others = [case["sha256"] for case in answer.value.json()["predictions"][0]["similar"]]
    assert hashlib.sha256(draw("malignant", 3, size=96)).hexdigest() not in others
    assert len(others) == 3 and service.records(limit=1)[0]["similar"][0]["sha256"] == others[0]


@pytest.mark.check
def test_flaws_of_the_photograph_are_listed(service, visit):
    result = show_result(visit(service), draw(size=96))
    warnings = service.records(limit=1)[0]["warnings"]
    assert warnings
    expect(result.locator(".warnings li")).to_have_text(warnings)


@pytest.mark.check
def test_a_scale_gives_millimetres(service, visit):
    page = visit(service)
    page.get_by_label("Scale, mm per pixel").fill("0.05")
    page.keyboard.press("Tab")
    expect(show_result(page, draw("malignant", 11))).to_contain_text("mm²")


# --- several photographs, and what goes wrong


@pytest.mark.check
def test_failures_stand_beside_answers_in_the_servers_words(service, visit):
    page = visit(service)
    contents = {
        "first.jpg": draw("benign", 4),
        "second.jpg": b"no photograph",
        "third.jpg": b"",
        "fourth.jpg": draw(seed=5),
    }
    choose(page, *(name_file(content, name) for name, content in contents.items()))
    rows = page.get_by_role("list", name="Photographs of this visit").get_by_role("listitem")
    expect(rows.locator(".answer")).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("The photograph cannot be read: not a photograph")
    expect(rows.nth(2).locator(".failure")).to_be_visible()
    expect(rows.get_by_role("button", name="Try again")).to_have_count(0)
    pick = rows.nth(3).locator("button.pick")
    pick.press("Enter")
    expect(page.get_by_role("article")).to_contain_text("fourth.jpg")
    expect(pick).to_be_focused()
    expect(pick).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Remove: second.jpg").click()
    expect(rows).to_have_count(3)


@pytest.mark.check
def test_a_service_that_comes_back_gets_the_photograph_once(tmp_path, visit):
    running = Running(tmp_path)
    with running:
        page = visit(running)
        page.get_by_role("button", name="Choose photographs").wait_for()
    choose(page, name_file(draw()))
    expect(page.locator(".queue")).to_contain_text("The service does not answer")
    with running:
        page.get_by_role("article").wait_for()
        assert len(running.records()) == 1


@pytest.mark.check
def test_a_service_that_stays_away_leaves_the_reader_a_way_to_try_again(tmp_path, visit):
    running = Running(tmp_path)
    with running:
        page = visit(running)
        page.get_by_role("button", name="Choose photographs").wait_for()
    choose(page, name_file(draw(), "mole.jpg"))
    again = page.get_by_role("button", name="Try again: mole.jpg")
    again.wait_for(timeout=40_000)
    page.get_by_role("link", name="Records").click()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.get_by_role("link", name="Photographs").click()
    with running:
        again.click()
        page.get_by_role("article").wait_for()
        assert len(running.records()) == 1


@pytest.mark.check
def test_a_photograph_is_sent_again_after_the_wait_that_the_service_asks_for(tmp_path, visit):
    key = make_key(tmp_path)
    with Running(tmp_path, rate=1.0, burst=1) as running:
        page = visit(running)
        page.get_by_label("Key", exact=True).fill(key)
        page.keyboard.press("Enter")
        choose(page, *(name_file(draw(seed=seed), f"{seed}.jpg") for seed in (1, 2, 3)))
        expect(page.locator(".queue .answer")).to_have_count(3)


@pytest.mark.check
def test_a_photograph_on_its_way_can_be_stopped(service, visit):
    page = visit(service)
    page.route("**/v1/predictions", lambda route: None)  # a line that has gone dead
    choose(page, name_file(draw(), "mole.jpg"))
    page.get_by_role("button", name="Stop: mole.jpg").click()
    expect(page.locator(".queue li")).to_have_count(0)


@pytest.mark.check
def test_another_photograph_that_is_chosen_opens(service, visit):
    page = visit(service)
    show_result(page, draw("benign", 4))
    choose(page, name_file(draw("malignant", 13), "next.jpg"))
    expect(page.get_by_role("article")).to_contain_text("next.jpg")


@pytest.mark.check
def test_a_reload_keeps_the_list_but_no_name_of_a_file(service, visit):
    page = visit(service)
    for name in ("first.jpg", NAME):
        choose(page, name_file(draw("benign", len(name)), name))
        expect(page.get_by_role("article")).to_contain_text(name)
    page.reload()
    rows = page.get_by_role("list", name="Photographs of this visit").get_by_role("listitem")
    expect(rows.locator(".answer")).to_have_count(2)
    expect(page.get_by_role("article").locator(".stage img")).to_be_visible()
    expect(rows.locator("img").first).to_be_visible()
    assert "Mustermann" not in page.evaluate("() => JSON.stringify(sessionStorage)")
    page.get_by_role("button", name="Remove").first.click()
    page.reload()
    expect(page.get_by_role("article")).to_be_visible()
    assert len(page.evaluate("() => sessionStorage.getItem('lentigo-visit')").split()) == 1


@pytest.mark.check
def test_the_answers_of_a_visit_are_saved_as_csv(service, visit):
    page = visit(service)
    names = ("=1+1.jpg", "second.jpg", "third.png")
    for name, content in zip(names, (draw("benign", 4), b"no photograph", make_noise()), strict=True):
        choose(page, name_file(content, name))
    expect(page.locator(".queue .answer")).to_have_count(2)
    page.locator(".failure").wait_for()
    with page.expect_download() as loading:
        page.get_by_role("button", name="Save the answers as CSV").click()
    rows = list(csv.DictReader(loading.value.path().read_text("utf-8").splitlines()))
    assert [row["image"] for row in rows] == ["'=1+1.jpg", "second.jpg", "third.png"]
    assert [row["decision"] for row in rows][1:] == ["", "refused"]
    assert 0 <= float(rows[0]["probability"]) <= 1 and rows[2]["probability"] == ""
    assert rows[1]["error"].startswith("The photograph cannot be read")


@pytest.mark.check
def test_the_first_view_has_an_example_and_what_the_model_can_do(service, visit):
    page = visit(service)
    test = service.ask("/v1/models").json()["models"][0]["test"]
    expect(page.get_by_role("main")).to_contain_text(f"On {test['n']} test photographs")
    expect(page.get_by_role("main")).to_contain_text(f"{test['auroc']:.3f}")
    page.get_by_role("button", name="Try the example").click()
    result = page.get_by_role("article")
    expect(result.locator("svg.outline")).to_be_visible()
    expect(result.locator(".scale")).to_be_visible()


# --- ways in


@pytest.mark.check
@pytest.mark.parametrize("event", ["drop", "paste"])
def test_photographs_are_dropped_and_pasted_anywhere(service, visit, event):
    page = visit(service, "#/model")
    script = """([event, numbers]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(numbers)], "mole.jpg", { type: "image/jpeg" }));
      const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true }), paste = new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
      document.body.dispatchEvent({ drop, paste }[event]);
    }"""
    page.evaluate(script, [event, list(draw("benign", 6))])
    expect(page.get_by_role("article")).to_be_visible()


@pytest.mark.check
def test_the_camera_takes_a_photograph(service, visit):
    page = visit(service, permissions=["camera"])
    page.get_by_role("button", name="Use the camera").click()
    shutter = page.get_by_role("button", name="Take the photograph")
    expect(shutter).to_be_focused()
    page.wait_for_function("() => document.getElementById('camera-view').videoWidth > 0")
    shutter.click()
    expect(page.get_by_role("article")).to_be_visible()
    expect(page.locator("#camera")).to_be_hidden()


@pytest.mark.check
def test_without_a_camera_the_systems_own_dialog_opens(service, visit):
    page = visit(service)
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', "
        "'NotFoundError')) }"
    )
    with page.expect_file_chooser() as opened:
        page.get_by_role("button", name="Use the camera").click()
    assert opened.value.element.get_attribute("capture") == "environment"


@pytest.mark.check
def test_everything_is_done_by_the_keyboard(service, visit):
    page = visit(service)
    press_until(page, "Choose photographs")
    with page.expect_file_chooser() as opened:
        page.keyboard.press("Enter")
    opened.value.set_files([name_file(draw("malignant", 21))])
    page.get_by_role("article").wait_for()
    press_until(page, "benign")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    press_until(page, "Save the verdict")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article")).to_contain_text("Reader: malignant.")
    expect(page.get_by_role("status")).to_have_text("The verdict is saved.")


def press_until(page, words: str, most: int = 30) -> None:
    """Presses Tab until what has those words, or that value, has the focus; and on the way the focus can be
    seen.
    """
    for _ in range(most):
        page.keyboard.press("Tab")
        script = "() => { const it = document.activeElement; return [it.value || it.textContent, getComputedStyle(it).outlineStyle !== 'none'] }"
        text, outlined = page.evaluate(script)
        assert outlined or text == ""
        if text == words:
            return
    pytest.fail(f"{words}: no Tab leads there")


# --- verdicts, lesions, records


@pytest.mark.check
def test_a_readers_verdict_stands_beside_the_models_and_is_kept(service, visit):
    page = visit(service)
    result = show_result(page, draw("malignant", 31))
    result.get_by_role("radio", name="Uncertain").check()
    result.get_by_label("Note").fill("<b>see again</b>")
    result.get_by_role("button", name="Save the verdict").click()
    expect(result).to_contain_text("Reader: uncertain.")
    result.get_by_role("link", name="Open the record").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Record")
    expect(page.get_by_role("article")).to_contain_text("<b>see again</b>")
    expect(page.get_by_role("radio", name="Uncertain")).to_be_checked()
    record = service.records(limit=1)[0]
    assert (record["review"]["verdict"], record["review"]["note"]) == ("uncertain", "<b>see again</b>")


@pytest.mark.check
def test_a_lesion_is_created_and_followed_over_time(service, visit):
    page = visit(service, "#/lesions")
    expect(page.get_by_role("main")).to_contain_text("name, date of birth or number: it is stored as it is")
    page.get_by_label("Pseudonym").fill("<i>P017</i>")
    page.get_by_label("Site on the body").fill("left forearm")
    page.get_by_role("button", name="Create the lesion").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("<i>P017</i>")
    page.get_by_role("link", name="Add photographs").click()
    for day, view in (("2026-01-10", 0), ("2026-05-02", 1)):
        expect(page.get_by_label("Lesion", exact=True).locator("option:checked")).to_have_text(
            "<i>P017</i>, left forearm"
        )
        page.get_by_label("Taken on").fill(day)
        page.get_by_label("Scale, mm per pixel").fill("0.05")
        choose(page, name_file(draw(seed=41, view=view), f"{view}.jpg"))
        expect(page.locator(".queue .answer")).to_have_count(view + 1)
    page.get_by_role("article").get_by_role("link", name="its history").click()
    visits = page.get_by_role("region", name="Photographs, oldest first").get_by_role("listitem")
    expect(visits.get_by_role("heading")).to_have_text(["10 Jan 2026", "2 May 2026"])
    expect(visits.locator("img")).to_have_count(2)
    lesion = next(one for one in service.ask("/v1/lesions").json()["lesions"] if one["name"] == "<i>P017</i>")
    change = service.ask(f"/v1/lesions/{lesion['id']}").json()["changes"][0]
    growth = 100 * (change["area_ratio"] - 1)
    expect(visits.nth(1)).to_contain_text(
        f"112 days later: area {MINUS if growth < 0 else '+'}{abs(growth):.0f}"
    )
    expect(
        page.get_by_role("img", name=re.compile("^Probability of malignant: 10 Jan 2026, .*; 2 May 2026"))
    ).to_be_visible()
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(3)


@pytest.fixture(scope="module")
def lesion(service) -> str:
    """The id of a lesion with two photographs, of which the second alone has a scale."""
    lesion = service.ask("/v1/lesions", "POST", json={"name": "P019"}).json()["id"]
    for view, scale in ((0, {}), (1, {"mm_per_pixel": "0.05"})):
        service.send(draw(seed=71, view=view), lesion=lesion, taken=f"2026-0{view + 1}-01", **scale)
    return lesion


@pytest.mark.check
def test_an_area_changes_only_where_both_photographs_have_a_scale(service, visit, lesion):
    page = visit(service, f"#/lesions/{lesion}")
    visits = page.get_by_role("region", name="Photographs, oldest first").get_by_role("listitem")
    expect(visits.nth(1)).to_contain_text("31 days later: area not compared without a scale in mm")
    expect(page.get_by_role("table").get_by_role("row").nth(2)).to_contain_text("not compared without")


@pytest.mark.check
def test_two_photographs_of_a_lesion_share_a_frame_with_a_slider(service, visit, lesion):
    page = visit(service, f"#/lesions/{lesion}")
    expect(page.get_by_label("Left")).to_have_value("0")
    expect(page.get_by_label("Right")).to_have_value("1")
    after = page.locator(".side.after")
    expect(page.locator(".pair img")).to_have_count(2)
    expect(after.locator("img")).to_be_visible()
    page.get_by_label("Border").focus()
    page.keyboard.press("Home")
    expect(after).to_have_css("clip-path", "inset(0px 0px 0px 0%)")
    page.get_by_label("Right").select_option("0")
    expect(after.locator(".date")).to_have_text("1 Jan 2026")


@pytest.mark.check
def test_a_name_that_is_taken_is_told_in_the_servers_words(service, visit):
    service.ask("/v1/lesions", "POST", json={"name": "P018"})
    page = visit(service, "#/lesions")
    page.get_by_label("Pseudonym").fill("P018")
    page.get_by_role("button", name="Create the lesion").click()
    expect(page.get_by_role("alert")).to_contain_text("That is taken")


@pytest.mark.check
def test_photographs_that_are_not_kept_leave_a_place_with_the_outline(tmp_path, visit):
    running = Running(tmp_path)
    running.settings = Settings(database=running.database, port=running.port)
    with running:
        record = running.send(draw())[0]
        page = visit(running, f"#/records/{record['id']}")
        expect(page.get_by_role("article")).to_contain_text(
            "The service does not keep photographs; only the outline is shown."
        )
        expect(page.locator("svg.outline")).to_be_visible()


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Iterator[Running]:
    """A service with thirty records, more than a page."""
    with Running(tmp_path_factory.mktemp("archive")) as running:
        for label in ("benign", "malignant"):
            running.send(*(draw(label, seed, size=96) for seed in range(15)))
        yield running


@pytest.mark.check
def test_records_are_filtered_and_the_address_keeps_the_filter(archive, visit):
    page = visit(archive, "#/records")
    page.get_by_label("Decision").select_option("malignant")
    expect(page).to_have_url(re.compile("label=malignant"))
    expect(page.get_by_label("Decision")).to_be_focused()
    rows = page.get_by_role("table").get_by_role("row")
    count = len(archive.records(label="malignant", limit=500))
    expect(rows).to_have_count(1 + min(25, count))
    page.reload()
    expect(page.get_by_label("Decision")).to_have_value("malignant")
    expect(rows).to_have_count(1 + min(25, count))
    page.get_by_label("To").fill("2020-01-01")
    expect(page.get_by_role("main")).to_contain_text("No record matches.")
    page.get_by_role("link", name="Show all").click()
    expect(rows).to_have_count(26)


@pytest.mark.check
def test_records_are_paged_and_the_way_back_leads_back(archive, visit):
    page = visit(archive, "#/records")
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(26)
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(6)
    expect(page.get_by_role("link", name="Older")).to_have_count(0)
    page.go_back()
    expect(rows).to_have_count(26)


@pytest.mark.check
def test_records_are_exported_as_the_service_writes_them(archive, visit):
    page = visit(archive, "#/records")
    with page.expect_download() as loading:
        page.get_by_role("button", name="Export as CSV").click()
    assert loading.value.path().read_bytes() == archive.ask("/v1/predictions.csv").content


@pytest.mark.check
def test_records_show_thumbnails_and_short_ids(archive, visit):
    page = visit(archive, "#/records")
    record = archive.records(limit=1)[0]
    row = page.get_by_role("table").get_by_role("row").nth(1)
    expect(row.locator("img.thumb")).to_be_visible()
    expect(row.get_by_role("link", name=record["id"][:8], exact=True)).to_be_visible()


@pytest.mark.check
def test_filters_overlap_at_no_width(archive, visit):
    page = visit(archive, "#/records")
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(26)
    for width in range(280, 1400, 40):
        page.set_viewport_size({"width": width, "height": 800})
        boxes = page.locator(".filters :is(select, input)").evaluate_all(
            "(all) => all.map((it) => it.getBoundingClientRect().toJSON())"
        )
        for one, other in combinations(boxes, 2):
            beside = one["right"] <= other["left"] or other["right"] <= one["left"]
            below = one["bottom"] <= other["top"] or other["bottom"] <= one["top"]
            assert beside or below, width


@pytest.mark.check
def test_a_record_is_deleted_after_a_question(service, visit):
    page = visit(service)
    id = service.send(draw("benign", 91))[0]["id"]
    page.goto(f"{service.url}/#/records/{id}")
    delete = page.get_by_role("button", name="Delete the record")
    delete.click()
    page.get_by_role("button", name="Cancel").click()
    assert service.ask(f"/v1/predictions/{id}").status_code == 200
    delete.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Records")
    expect(page.get_by_role("table")).not_to_contain_text(id[:8])
    assert service.ask(f"/v1/predictions/{id}").status_code == 404


@pytest.mark.check
def test_the_whole_model_card_is_one_link_away(service, visit):
    page = visit(service, "#/model")
    page.get_by_role("link", name="The whole model card").click()
    card = page.get_by_role("main")
    expect(card.get_by_role("heading", name="Intended use")).to_be_visible()
    expect(card.get_by_role("row").filter(has_text="Parameters").first).to_be_visible()
    expect(card).not_to_contain_text("|---|")


@pytest.mark.check
def test_a_record_that_is_not_there_is_told(service, visit):
    page = visit(service, "#/records/00000000-0000-0000-0000-000000000000")
    expect(page.get_by_role("alert")).to_contain_text("there is no prediction with that id")


@pytest.mark.check
def test_the_model_says_what_it_is_not_for(service, visit):
    facts = service.ask("/v1/models").json()["models"][0]
    main = visit(service, "#/model").get_by_role("main")
    expect(main).to_contain_text(facts["not_for"][0])
    expect(main).to_contain_text(facts["licence"])
    rows = main.get_by_role("row").filter(has_text="AUROC")
    expect(rows).to_have_count(2)
    for shown, measured in zip(rows.all(), (facts["test"], facts["metrics"]["validation"]), strict=True):
        expect(shown).to_contain_text(f"{measured['auroc']:.3f}")


# --- keys


def make_key(folder: Path) -> str:
    with open_store(f"sqlite:///{folder}/store.db") as store:
        return store.add_key("clinic", ("read", "predict", "review"))[1]


@pytest.mark.check
def test_a_key_is_asked_for_until_one_is_right_and_kept_for_the_tab_alone(tmp_path, visit):
    key = make_key(tmp_path)
    with Running(tmp_path) as running:
        page = visit(running, "#/records")
        field = page.get_by_label("Key", exact=True)
        field.fill("lentigo_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_contain_text("did not accept that key")
        field.fill(key)
        page.keyboard.press("Enter")
        expect(page.get_by_role("main")).to_contain_text("No record matches.")
        page.get_by_role("link", name="Photographs").click()
        expect(show_result(page, draw())).to_contain_text("Probability")
        kept = page.evaluate(
            "() => [Object.keys(sessionStorage).sort(), localStorage.length, document.cookie]"
        )
        assert kept == [["lentigo-key", "lentigo-visit"], 0, ""]
        page.get_by_role("link", name="Model").click()
        page.get_by_role("button", name="Forget the key").click()
        assert page.evaluate("() => sessionStorage.length") == 0


@pytest.mark.check
def test_a_reader_without_a_key_is_told_and_can_try_again(tmp_path, visit):
    key = make_key(tmp_path)
    with Running(tmp_path) as running:
        page = visit(running, "#/model")
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("alert")).to_contain_text("A key is needed")
        page.get_by_role("button", name="Try again").click()
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Use the key").click()
        expect(page.get_by_role("main")).to_contain_text("Operating point")


# --- for everybody


@pytest.mark.check
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_is_wider_than_the_window(service, visit, width):
    page = visit(service, viewport={"width": width, "height": 800})
    show_result(page, make_noise())
    choose(
        page,
        name_file(b"no photograph", "a_name_that_is_long_and_has_no_place_to_break_it_at_all_" * 3 + ".jpg"),
    )
    page.locator(".failure").wait_for()
    assert measure_overflow(page) <= 0
    lesion = service.ask("/v1/lesions", "POST", json={"name": f"{'W' * 90}{width}"}).json()
    for view in range(2):
        service.send(draw(seed=51, view=view), lesion=lesion["id"], taken=f"2026-0{view + 1}-01")
    for view in (*VIEWS[1:], f"#/lesions/{lesion['id']}"):
        page.goto(f"{service.url}/{view}")
        expect(page.locator("main .quiet", has_text="loading")).to_have_count(0)
        assert measure_overflow(page) <= 0, view


def measure_overflow(page) -> int:
    """Pixels by which the page is wider than the window."""
    return page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")


CONTRAST = """() => {
  const parse = (text) => { const found = text.match(/[\\d.]+/g).map(Number); return found.length > 3 && found[3] === 0 ? null : found.slice(0, 3); };
  const bend = (part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4;
  const light = (rgb) => { const [r, g, b] = rgb.map((part) => bend(part / 255)); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = (element) => element ? parse(getComputedStyle(element).backgroundColor) ?? ground(element.parentElement) : [255, 255, 255];
  const speaks = (element) => element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.querySelectorAll("body *")].filter(speaks).map((element) => {
    const style = getComputedStyle(element), letters = element instanceof SVGElement ? style.fill : style.color;
    const [high, low] = [light(parse(letters)), light(ground(element))].sort((a, b) => b - a);
    return [element.textContent.trim().slice(0, 40), (high + .05) / (low + .05)];
  });
}"""  # WCAG 2.2, contrast ratio and relative luminance


@pytest.mark.check
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_have_the_contrast_that_wcag_asks_for(service, visit, scheme):
    page = visit(service, color_scheme=scheme)
    show_result(page, draw())
    for view in VIEWS:
        page.goto(f"{service.url}/{view}")
        expect(page.locator("main .quiet", has_text="loading")).to_have_count(0)
        pairs = page.evaluate(CONTRAST)
        assert pairs and not [pair for pair in pairs if pair[1] < 4.5], view


@pytest.mark.check
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(service, visit, lesion, scheme):
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm install --prefix tests/serving")
    page = visit(service, color_scheme=scheme)
    choose(page, name_file(draw(), "a.jpg"), name_file(make_noise(), "b.png"), name_file(b"text", "c.jpg"))
    expect(page.locator(".queue .answer")).to_have_count(2)
    found = run_axe(page)
    for view in (*VIEWS, f"#/lesions/{lesion}", f"#/records/{service.records(limit=1)[0]['id']}"):
        page.goto(f"{service.url}/{view}")
        expect(page.locator("main .quiet", has_text="loading")).to_have_count(0)
        found += [(view, *problem) for problem in run_axe(page)]
    assert not found


def run_axe(page) -> list[tuple[str, str]]:
    """What axe-core finds: the rule and the element."""
    page.evaluate(AXE.read_text("utf-8"))
    violations = page.evaluate("async () => (await axe.run()).violations")
    return [(one["id"], node["html"]) for one in violations for node in one["nodes"]]


@pytest.mark.check
def test_a_view_that_the_keyboard_opened_shows_where_the_focus_is(service, visit):
    page = visit(service)
    press_until(page, "Records")
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_be_focused()
    expect(heading).to_have_css("outline-style", "solid")


@pytest.mark.check
def test_headings_are_in_order_controls_have_names_and_pictures_words(service, visit):
    page = visit(service)
    show_result(page, draw())
    for view in (*VIEWS, f"#/records/{service.records(limit=1)[0]['id']}"):
        page.goto(f"{service.url}/{view}")
        expect(page.locator("main .quiet", has_text="loading")).to_have_count(0)
        levels = page.evaluate(
            "() => [...document.querySelectorAll('main :is(h1, h2, h3, h4)')].map((heading) => "
            "Number(heading.tagName[1]))"
        )
        assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
        assert page.evaluate(
            "() => [...document.querySelectorAll('main :is(select, textarea, "
            "input:not([aria-hidden]))')].every((it) => it.labels.length)"
        )
        assert page.locator("img:not([alt]), svg:not([aria-hidden], [role=img])").count() == 0
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Records")).to_have_attribute(
        "aria-current", "true"
    )


@pytest.mark.check
def test_a_result_is_one_page_of_paper_in_a_dark_room_too(service, visit):
    page = visit(service, color_scheme="dark")
    result = show_result(page, draw())
    result.get_by_role("radio", name="Benign").check()
    result.get_by_label("Note").fill("a line\n" * 5)
    result.get_by_role("button", name="Save the verdict").click()
    expect(result).to_contain_text("Reader: benign.")
    assert len(re.findall(rb"/Type /Page\b", page.pdf(prefer_css_page_size=True, format="A4"))) == 1
    page.emulate_media(media="print")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    expect(page.get_by_role("button", name="Save the verdict")).to_be_hidden()
    expect(page.get_by_role("contentinfo")).to_be_visible()


@pytest.mark.check
def test_nothing_jumps_while_a_record_loads(service, visit):
    id = service.send(draw("malignant", 61))[0]["id"]
    page = visit(service, f"#/records/{id}")
    expect(page.get_by_role("article").locator(".stage img")).to_be_visible()
    script = """() => new Promise((resolve) => {
      let sum = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => { sum += entry.value; })).observe({ type: "layout-shift", buffered: true });
      setTimeout(() => resolve(sum), 200);
    })"""
    assert page.evaluate(script) < 0.05


@pytest.mark.check
def test_with_the_systems_own_colours_the_scale_keeps_its_marks(service, visit):
    page = visit(service, forced_colors="active", reduced_motion="reduce")
    result = show_result(page, draw())
    for mark in (".scale-pin", ".scale-mark", ".scale-track"):
        expect(result.locator(mark)).to_be_visible()
    assert page.evaluate("() => document.getAnimations().length") == 0
