"""HTTP to an archive: which hosts, how often, how long."""

import time
from types import SimpleNamespace

import httpx
import pytest
from archive_server import QUICK, Answer, ArchiveServer

from lentigo.datasets.archive.faults import (
    ContentFault,
    Fault,
    Patience,
    Refusal,
    Stopped,
    Unreachable,
    judge_status,
    name_fault,
    read_retry_after,
)
from lentigo.datasets.archive.transport import Transport
from lentigo.errors import ArchiveError, UsageError


@pytest.fixture
def server():
    with ArchiveServer(3) as server:
        yield server


def read(server, patience=QUICK, path="files/ISIC_0000001.jpg"):
    """What a file's address answers, with the patience of a transport."""
    with Transport(server.url, patience=patience) as transport:

        def attempt():
            with transport.open_file(server.file_url.replace("files/", path)) as response:
                return response.read()

        return transport.retry(attempt)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_a_status_that_passes_is_waited_out(server, status):
    server.faults["ISIC_0000001"] = [Answer(status)] * 3
    assert read(server) == server.files["ISIC_0000001"]
    assert len(server.fetched()) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204])
def test_a_status_that_stays_is_refused_at_once(server, status):
    server.always["ISIC_0000001"] = Answer(status)
    with pytest.raises(
        Refusal, match=rf"localhost/files/ISIC_0000001\.jpg: answered {status}; expected 200"
    ) as refused:
        read(server)
    assert refused.value.status == status and len(server.fetched()) == 1


def test_patience_ends(server):
    server.always["ISIC_0000001"] = Answer(503)
    with pytest.raises(Fault, match="answered 503 each time; expected 200: run the same command later"):
        read(server)
    assert len(server.fetched()) == QUICK.attempts


def test_retry_after_is_honoured(server):
    server.faults["ISIC_0000001"] = [Answer(429, headers={"Retry-After": "1"})]
    started = time.monotonic()
    assert read(server) == server.files["ISIC_0000001"]
    assert time.monotonic() - started >= 1


def test_retry_after_beyond_all_patience_ends_it(server):
    server.always["ISIC_0000001"] = Answer(429, headers={"Retry-After": "86400"})
    with pytest.raises(ArchiveError, match="asks to be left alone for 86400 s; run the same command later"):
        read(server)
    assert len(server.fetched()) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 7 ", 7),
        ("-3", None),
        ("soon", None),
        ("", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
    ],
)
def test_retry_after_that_makes_no_sense_is_none(value, seconds):
    assert read_retry_after(value) == seconds


def test_retry_after_may_be_a_date():
    from datetime import UTC, datetime, timedelta
    from email.utils import format_datetime

    assert (
        28 < read_retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)) <= 30
    )


def test_waits_double_differ_and_have_an_end(server):
    with Transport(server.url) as transport:
        waits = [
            [
                transport._choose_wait(
                    SimpleNamespace(attempt_number=n, outcome=SimpleNamespace(exception=lambda: Fault("x")))
                )
                for n in range(1, 12)
            ]
            for _ in range(20)
        ]
    for one in waits:
        assert all(min(2**n, 60) <= wait <= 2 * min(2**n, 60) for n, wait in enumerate(one))
    assert len({wait for one in waits for wait in one}) == 220


def test_a_connection_cut_in_the_middle_of_a_body_is_asked_again(server):
    server.faults["ISIC_0000001"] = [Answer(body=server.files["ISIC_0000001"], cut=700)] * 2
    assert read(server) == server.files["ISIC_0000001"] and len(server.fetched()) == 3


def test_a_server_that_falls_silent_is_asked_again(server):
    import threading

    server.faults["ISIC_0000001"] = [
        Answer(body=server.files["ISIC_0000001"], cut=700, hold=threading.Event())
    ]
    assert read(server, Patience(attempts=2, first_wait=0.01, timeout=0.2)) == server.files["ISIC_0000001"]


def test_a_port_that_nobody_listens_to_is_named(server):
    address = server.url
    server.server.shutdown()
    server.server.server_close()
    with (
        Transport(address, patience=QUICK) as transport,
        pytest.raises(
            Fault, match=r"127\.0\.0\.1/api/v2/: no whole answer \(ConnectError: .*\); check the connection"
        ),
    ):
        transport.retry(lambda: transport.open_archive(address).__enter__())


def test_a_host_that_never_answered_is_tried_less_often_than_one_that_did(server):
    with Transport(server.url, patience=QUICK) as transport:
        for answered, attempts in [(False, QUICK.few_attempts), (True, QUICK.attempts)]:
            transport.answered, tries = answered, []

            def attempt(tries=tries):
                tries.append(1)
                raise name_fault(httpx.ConnectError("refused"), transport.base)

            with pytest.raises(Unreachable):
                transport.retry(attempt)
            assert len(tries) == attempts


def test_wrong_content_is_asked_for_less_often(server):
    tries = []

    def attempt():
        tries.append(1)
        raise ContentFault("x")

    with Transport(server.url, patience=QUICK) as transport, pytest.raises(ContentFault):
        transport.retry(attempt)
    assert len(tries) == QUICK.few_attempts


def test_a_stopped_transport_neither_waits_nor_asks(server):
    with Transport(server.url, patience=Patience(first_wait=60)) as transport:
        transport.stopped.set()
        with pytest.raises(Stopped):
            transport.retry(lambda: transport.open_archive(server.url).__enter__())
    assert server.log == []


def test_a_certificate_that_is_not_trusted_is_no_passing_fault():
    error = httpx.ConnectError(
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
    )
    fault = name_fault(error, httpx.URL("https://api.isic-archive.com/api/v2/"))
    assert not isinstance(fault, Fault) and "SSL_CERT_FILE" in str(fault)


def test_a_signature_is_not_told(server):
    server.always["ISIC_0000001"] = Answer(403)
    with pytest.raises(Refusal) as refused:
        read(server, path="files/ISIC_0000001.jpg?signature=s3cret")
    assert "s3cret" not in str(refused.value)


# --- hosts


@pytest.mark.parametrize(
    "address",
    [
        "",
        "isic",
        "ftp://127.0.0.1/",
        "http://api.isic-archive.com/api/v2/",
        "https://",
        "http://[::1",
        "https://h/?query=x",
        "file:///etc/",
    ],
)
def test_an_address_that_is_none_of_an_archive_is_a_usage_error(address):
    with pytest.raises(UsageError, match="is none of an archive; expected one such as https://api"):
        Transport(address)


def test_an_address_with_a_password_is_refused_and_the_password_not_told():
    with pytest.raises(UsageError, match="credentials are not supported, public photographs only") as refused:
        Transport("https://me:s3cret@example.org/api/v2/")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://api.isic-archive.com/api/v2",
        "http://127.0.0.1:80/",
        "http://localhost:8000/api/v2/",
        "http://[::1]/",
    ],
)
def test_https_and_this_machine_are_fine_with_or_without_a_slash_at_the_end(address):
    assert Transport(address).base.path.endswith("/")


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.org/api/v2/",
        "http://127.0.0.1:1/api/v2/",
        "//elsewhere.org/",
        "https://api.isic-archive.com.elsewhere.org/",
        "https://api.isic-archive.com:8443/api/v2/",
    ],
)
def test_the_interface_is_not_followed_to_another_host(target):
    transport = Transport("https://api.isic-archive.com/api/v2/")
    with pytest.raises(
        ArchiveError,
        match=r"points to another host, .*; expected https://api\.isic-archive\.com: not followed",
    ):
        transport.allow_archive(httpx.URL(target))


def test_the_interface_stays_with_https_where_its_server_says_http():
    transport = Transport("https://api.isic-archive.com/api/v2/")
    assert (
        str(transport.allow_archive(httpx.URL("http://api.isic-archive.com/api/v2/x?a=%22b%20c%22")))
        == "https://api.isic-archive.com/api/v2/x?a=%22b%20c%22"
    )


def test_files_come_from_any_host_by_https_alone():
    transport = Transport("https://api.isic-archive.com/api/v2/")
    assert transport.allow_file(httpx.URL("https://isic-archive.s3.amazonaws.com/a.jpg"))
    for address in (
        "http://isic-archive.s3.amazonaws.com/a.jpg",
        "http://127.0.0.1/a.jpg",
        "file:///etc/passwd",
        "/a.jpg",
    ):
        with pytest.raises(ArchiveError, match="expected https: not followed"):
            transport.allow_file(httpx.URL(address))


def test_a_redirect_of_a_file_to_another_host_is_followed_and_one_of_the_interface_is_not(server):
    other = server.file_url.replace("localhost", "127.0.0.1")
    server.faults["ISIC_0000001"] = [Answer(302, headers={"Location": f"{other}ISIC_0000002.jpg"})]
    assert read(server) == server.files["ISIC_0000002"]
    server.faults["entry ISIC_0000001"] = [
        Answer(301, headers={"Location": f"{server.file_url}ISIC_0000002.jpg"})
    ]
    with (
        Transport(server.url, patience=QUICK) as transport,
        pytest.raises(ArchiveError, match="points to another host, http://localhost"),
    ):
        transport.open_archive(f"{server.url}images/ISIC_0000001/").__enter__()


def test_a_redirect_to_where_it_came_from_ends(server):
    server.always["ISIC_0000001"] = Answer(302, headers={"Location": "/files/ISIC_0000001.jpg"})
    with pytest.raises(ArchiveError, match="more than 5 redirects; expected an answer"):
        read(server)


def test_a_redirect_to_nonsense_is_named(server):
    server.always["ISIC_0000001"] = Answer(302, headers={"Location": "http://[::1"})
    with pytest.raises(ArchiveError, match="Invalid URL in location header"):
        read(server)


def test_no_cookie_name_or_password_is_sent(server, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine localhost login me password s3cret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with Transport(server.url) as transport:
        request = transport.client.build_request("GET", server.url)
    assert {"authorization", "cookie"}.isdisjoint(request.headers) and request.headers[
        "user-agent"
    ].startswith("lentigo/")


def test_what_a_refusal_says_is_kept(server):
    response = httpx.Response(
        400, json={"message": "Could not parse search query."}, request=httpx.Request("GET", "https://h/")
    )
    with pytest.raises(Refusal) as refused:
        judge_status(response, QUICK)
    assert "Could not parse" in refused.value.detail
