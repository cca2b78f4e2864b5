"""Who may ask: keys and scopes, hosts, other sites; headers, the page, and what is logged."""

import json
import logging
import socket
import time
from itertools import product
from pathlib import Path

import pytest
from served import Served, draw_image
from test_predictions import is_problem

from lentigo.errors import UsageError
from lentigo.serving.http.app import PAGE
from lentigo.serving.http.middleware import CSP
from lentigo.serving.rate_limiter import RateLimiter
from lentigo.serving.server import serve
from lentigo.serving.store.store import open_store

NOBODY = "00000000-0000-4000-8000-000000000000"
ROUTES = [
    ("GET", "/v1/predictions", "read"),
    ("GET", f"/v1/predictions/{NOBODY}", "read"),
    ("GET", f"/v1/predictions/{NOBODY}/photo", "read"),
    ("GET", f"/v1/predictions/{NOBODY}/thumbnail", "read"),
    ("GET", "/v1/predictions.csv", "read"),
    ("GET", "/v1/lesions", "read"),
    ("GET", f"/v1/lesions/{NOBODY}", "read"),
    ("GET", "/v1/models", "read"),
    ("GET", "/v1/models/card", "read"),
    ("GET", "/metrics", "read"),
    ("POST", "/v1/predictions", "predict"),
    ("POST", "/v1/lesions", "predict"),
    ("GET", "/v1/events", "review"),
    ("PUT", f"/v1/predictions/{NOBODY}/review", "review"),
    ("DELETE", f"/v1/predictions/{NOBODY}", "review"),
]
BODIES = {"POST /v1/lesions": {"name": "P1"}, f"PUT /v1/predictions/{NOBODY}/review": {"verdict": "benign"}}


@pytest.fixture(scope="module")
def open_served(tmp_path_factory):
    with Served(f"sqlite:///{tmp_path_factory.mktemp('open')}/store.db") as served:
        yield served


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """The service with a key for each scope, in `secrets`."""
    with Served(f"sqlite:///{tmp_path_factory.mktemp('keyed')}/store.db", rate=1e6, burst=10**6) as served:
        served.secrets = {
            scope: served.service.store.add_key(scope, [scope])[1] for scope in ("read", "predict", "review")
        }
        yield served


def ask(served, method, path, secret=None, **headers):
    headers |= {"Authorization": f"Bearer {secret}"} if secret else {}
    return served.call(method, path, headers=headers, json=BODIES.get(f"{method} {path}"))


# --- keys


@pytest.mark.parametrize("method, path, scope", ROUTES)
def test_a_key_opens_what_it_is_for(keyed, method, path, scope):
    assert ask(keyed, method, path, keyed.secrets[scope]).status_code not in (401, 403)
    for other in {"read", "predict", "review"} - {scope}:
        assert is_problem(ask(keyed, method, path, keyed.secrets[other]), 403, "not-allowed")


def test_without_a_key_no_route_is_open(keyed):
    for (method, path, _), secret in product(ROUTES, [None, "lentigo_unknown", "x" * 5000]):
        answer = ask(keyed, method, path, secret)
        assert is_problem(answer, 401, "no-key"), (method, path, secret)
        assert answer.headers["www-authenticate"] == "Bearer", (method, path, secret)


@pytest.mark.parametrize("header", ["Basic eDp5", "Bearer", "lentigo_x", "Bearer \u00e9"])
def test_a_header_that_is_no_key(keyed, header):
    assert is_problem(keyed.get("/v1/models", headers=[(b"authorization", header.encode())]), 401, "no-key")


def test_a_revoked_key_ends_at_once(tmp_path):
    with Served(f"sqlite:///{tmp_path}/store.db") as served:
        _, secret = served.service.store.add_key("clinic", ["read"])
        before = ask(served, "GET", "/v1/models", secret).status_code
        served.service.store.revoke_key("clinic")
        assert (
            before,
            ask(served, "GET", "/v1/models", secret).status_code,
            served.get("/v1/models").status_code,
        ) == (200, 401, 401)


def test_who_asked_is_recorded(keyed):
    said = keyed.send(draw_image(1), headers={"Authorization": f"Bearer {keyed.secrets['predict']}"}).json()[
        "predictions"
    ][0]
    assert keyed.service.store.get(said["id"]).who == "predict"


def test_two_keys_may_use_the_same_name_of_a_request(tmp_path):
    with Served(f"sqlite:///{tmp_path}/store.db") as served:
        secrets = [served.service.store.add_key(name, ["predict"])[1] for name in ("a", "b")]
        answers = [
            served.send(draw_image(n), key="same", headers={"Authorization": f"Bearer {secret}"})
            for n, secret in enumerate(secrets)
        ]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_too_many_requests_of_a_key(tmp_path):
    with Served(f"sqlite:///{tmp_path}/store.db", rate=0.01, burst=3) as served:
        _, secret = served.service.store.add_key("clinic", ["read"])
        answers = [ask(served, "GET", "/v1/models", secret) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429] and is_problem(
        answers[3], 429, "too-many"
    )
    assert 0 < int(answers[3].headers["retry-after"]) <= 100


def test_a_bucket_fills_again():
    moments = iter([0, 0, 0, 0.5, 1.5])
    rate_limiter = RateLimiter(rate=1, burst=2, now=lambda: next(moments))
    assert [rate_limiter.take("a") for _ in range(5)] == [0, 0, 1, 0.5, 0]


def test_health_and_page_need_no_key(keyed):
    assert {keyed.get(path).status_code for path in ("/healthz", "/readyz", "/", "/openapi.json")} == {200}


# --- hosts and sites


OTHERS = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "0.0.0.0",
    "",
    "localhost.",
    "localhost.:8000",
    "evil.example:localhost",
    "localhost@evil.example",
    "localhost:80@evil.example",
    "evil.example#localhost",
    "localhost, evil.example",
    "[::]",
    "[::1%25lo]",
    "::1",
    "127.1",
    "localhost:",
    "localhost:123456",
    "LOCALHOST.evil.example",
]
PATHS = [
    "/v1/predictions",
    "/",
    "/page/page.js",
    "/metrics",
    "/openapi.json",
    "/v1/predictions/z",
    "/healthz/",
    "/healthz/../v1/predictions",
    "//v1/predictions",
    "/v1%2fpredictions",
    "/v1/predictions;/healthz",
    "/v1/predictions?z",
    "/xyz",
]


@pytest.mark.parametrize("host", OTHERS)
def test_another_name_is_refused(open_served, host):
    assert is_problem(open_served.get("/v1/predictions", headers={"Host": host}), 403, "cross-site")
    assert is_problem(open_served.get("/", headers={"Host": host}), 403, "cross-site")


def test_no_path_and_no_header_opens_it_to_another_name(open_served):
    more_headers = [
        {},
        {"Authorization": "x"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic eDp5"},
        {"Sec-Fetch-Site": "same-origin"},
    ]
    for path, headers in product(PATHS, more_headers):
        address = f"http://127.0.0.1:{open_served.port}{path}"
        answer = open_served.get(address, headers={"Host": "evil.example"} | headers)
        assert is_problem(answer, 403, "cross-site"), (path, headers)


def test_a_balancer_may_ask_by_any_name_and_through_a_proxy(open_served):
    for path in ("/healthz", "/readyz"):
        assert (
            open_served.get(
                path, headers={"Host": "evil.example", "X-Forwarded-For": "192.0.2.1"}
            ).status_code
            == 200
        )


@pytest.mark.parametrize(
    "headers",
    [
        [("Transfer-Encoding", "chunked"), ("Content-Length", "3")],
        [("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
        [("Content-Type", "multipart/form-data; boundary=a"), ("Content-Type", "text/plain")],
        [("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
    ],
)
def test_a_request_that_says_two_things_at_once_is_refused(open_served, headers):
    answer = open_served.call("POST", "/v1/predictions", headers=headers, content=iter([b"abc"]))
    assert is_problem(answer, 400, "broken-request")


@pytest.mark.parametrize(
    "name",
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "x-forwarded-proto",
        "X-Real-IP",
        "Via",
        "X-Original-Host",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Envoy-External-Address",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "CDN-Loop",
        "X_Forwarded_For",
        "Tailscale-User-Login",
    ],
)
def test_nobody_is_let_in_behind_a_proxy_without_a_key(open_served, keyed, name):
    answer = open_served.get("/v1/predictions", headers={name: "127.0.0.1"})
    assert is_problem(answer, 403, "cross-site") and "make a key" in answer.json()["detail"]
    assert (
        keyed.get(
            "/v1/models", headers={name: "x", "Authorization": f"Bearer {keyed.secrets['read']}"}
        ).status_code
        == 200
    )


def speak(served, *lines, body=b""):
    """What the service answers to lines of HTTP, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
        said = b""
        while piece := connection.recv(65536):
            said += piece
    return said


def test_an_old_proxy_is_known_by_its_http(open_served):
    """nginx speaks HTTP/1.0 to what it stands before, by that one's own name, unless it is told otherwise."""
    assert (
        b" 403 "
        in speak(open_served, "GET /v1/predictions HTTP/1.0", "Host: 127.0.0.1:8000").split(b"\r\n")[0]
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["GET /v1/predictions HTTP/1.1", "Host: localhost", "Host: evil.example"],
        ["GET /v1/predictions HTTP/1.1"],
        ["GET http://localhost/v1/predictions HTTP/1.1", "Host: evil.example"],
        [
            "GET /v1/predictions HTTP/1.1",
            "Host: localhost",
            "Origin: http://localhost",
            "Origin: http://evil.example",
        ],
        ["GET /v1/predictions HTTP/1.1", "Host: localhost", "Content-Length: 5", "Content-Length: 6"],
        [
            "GET /v1/predictions HTTP/1.1",
            "Host: localhost",
            "Sec-Fetch-Site: same-origin",
            "Sec-Fetch-Site: cross-site",
        ],
        [
            "GET /v1/predictions HTTP/1.1",
            "Host: localhost",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: identity",
        ],
    ],
    ids=str,
)
def test_what_is_said_twice_or_elsewhere_opens_nothing(open_served, lines):
    first = speak(open_served, *lines).split(b"\r\n")[0]
    assert first.split()[1] in (b"400", b"403", b"404", b"501")


def test_a_websocket_is_not_opened(open_served):
    answer = speak(
        open_served,
        "GET /v1/predictions HTTP/1.1",
        "Host: evil.example",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: eA==",
        "Sec-WebSocket-Version: 13",
    )
    assert b" 403 " in answer.split(b"\r\n")[0]


def test_a_head_without_end_is_a_problem(open_served):
    head = "GET / HTTP/1.1\r\nHost: localhost\r\n" + "".join(
        f"X-{number}: {'a' * 200}\r\n" for number in range(100)
    )
    with socket.create_connection(("127.0.0.1", open_served.port), timeout=30) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(4000)
    assert b" 400 " in answer.split(b"\r\n")[0] and b"application/problem+json" in answer


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "127.0.0.1:80", "[::1]:8000", "[::1]"])
def test_the_names_of_this_machine(open_served, host):
    assert open_served.get("/v1/predictions", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_may_not_post(open_served, headers):
    assert is_problem(open_served.send(draw_image(1), headers=headers), 403, "cross-site")
    assert open_served.get("/v1/predictions", headers=headers).status_code == 403


def test_the_page_itself_may(open_served):
    own = {"Origin": f"http://127.0.0.1:{open_served.port}", "Sec-Fetch-Site": "same-origin"}
    assert open_served.send(draw_image(1), headers=own).status_code == 201


def test_a_link_from_another_site_leads_to_the_page(open_served):
    assert open_served.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_no_other_origin_is_let_in(open_served):
    answer = open_served.call(
        "OPTIONS",
        "/v1/predictions",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status_code >= 400 and not [
        name for name in answer.headers if name.startswith("access-control")
    ]


def test_another_host_needs_a_key(tmp_path):
    with pytest.raises(UsageError, match="lentigo keys add"):
        serve(host="0.0.0.0", port=0, db=f"sqlite:///{tmp_path}/store.db")


def test_a_revoked_key_is_none(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        store.add_key("clinic", ["read"])
        store.revoke_key("clinic")
    with pytest.raises(UsageError, match="lentigo keys add"):
        serve(host="0.0.0.0", port=0, db=f"sqlite:///{tmp_path}/store.db")


def test_a_port_that_is_taken(open_served, tmp_path):
    with pytest.raises(UsageError, match="choose another --port"):
        serve(port=open_served.port, db=f"sqlite:///{tmp_path}/store.db")


# --- headers, the page, the log


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/"),
        ("GET", "/page/page.js"),
        ("GET", "/healthz"),
        ("GET", "/v1/predictions"),
        ("GET", "/v1/predictions.csv"),
        ("GET", "/nothing"),
        ("DELETE", "/v1/predictions"),
        ("POST", "/v1/predictions"),
        ("GET", "/openapi.json"),
        ("GET", "/metrics"),
        ("GET", "/page/..%2fapp.py"),
    ],
)
def test_every_answer_carries_the_headers(open_served, method, path):
    headers = open_served.call(method, path).headers
    assert (
        headers["content-security-policy"] == CSP
        and headers["x-content-type-options"] == "nosniff"
        and headers["referrer-policy"] == "no-referrer"
    )
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers and headers["cache-control"] in ("no-store", "no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nothing",
        "/docs",
        "/redoc",
        "/page/app.py",
        "/page/..%2fapp.py",
        "/page/%2e%2e/app.py",
        "/v1/predictions/",
        "/v1/lesions/" + NOBODY,
    ],
)
def test_what_is_not_there(open_served, path):
    assert is_problem(open_served.get(path), 404, "not-found")


def test_a_method_that_is_not_there(open_served):
    answer = open_served.call("DELETE", "/v1/lesions")
    assert is_problem(answer, 405, "wrong-method") and answer.headers["allow"] == "GET, POST"


def test_the_page_asks_nothing_of_others(open_served):
    names = [path.name for path in PAGE.iterdir() if path.suffix in (".html", ".css", ".js")]
    for text in [open_served.get("/").text, *(open_served.get(f"/page/{name}").text for name in names)]:
        assert "//cdn" not in text and "https://fonts" not in text


def read_lines(caplog):
    """What was logged on predictions; a line comes after its answer, so one of an earlier test may still come
    in between.
    """
    return [
        line
        for record in caplog.records
        if (line := json.loads(record.message))["route"] == "/v1/predictions"
    ]


def test_the_log_is_a_line_a_request(open_served, caplog):
    with caplog.at_level(logging.INFO, "lentigo.serving"):
        open_served.get("/v1/predictions?model=secret-name")
        open_served.call("POST", "/v1/predictions", files={"photos": ("Jane Doe.jpg", b"no photograph")})
        end = time.monotonic() + 10
        while len(read_lines(caplog)) < 2 and time.monotonic() < end:
            time.sleep(0.01)
    assert [(line["method"], line["status"], line["who"]) for line in read_lines(caplog)] == [
        ("GET", 200, "local"),
        ("POST", 422, "local"),
    ]
    assert "secret-name" not in caplog.text and "Jane" not in caplog.text and "127.0.0.1" not in caplog.text


def test_metrics_name_no_paths(open_served):
    open_served.get("/v1/predictions/secret-name")
    open_served.get("/secret-name")
    metrics = open_served.get("/metrics").text
    assert (
        "secret-name" not in metrics
        and 'route="/v1/predictions/{id}"' in metrics
        and "lentigo_waiting_photographs 0.0" in metrics
    )


def test_names_of_files_are_not_kept(open_served, tmp_path):
    open_served.call("POST", "/v1/predictions", files={"photos": ("Jane Doe.jpg", draw_image(1))})
    folder = open_served.service.store.database.url.database
    assert b"Jane" not in b"".join(path.read_bytes() for path in Path(folder).parent.iterdir())
