"""The service keeps to its OpenAPI document, whatever is sent to it."""

import os

import pytest
from served import Served, draw_image

schemathesis = pytest.importorskip("schemathesis")
from hypothesis import HealthCheck, settings  # noqa: E402
from schemathesis.checks import load_all_checks  # noqa: E402

from lentigo.serving.http.app import make_app  # noqa: E402

load_all_checks()
CALM = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None, "derandomize": True}
EXAMPLES = int(os.environ.get("LENTIGO_EXAMPLES", 100))


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """The service, in need of keys, with something of each kind in its store."""
    folder = tmp_path_factory.mktemp("contract")
    with Served(
        f"sqlite:///{folder}/store.db", image_folder=folder / "photos", rate=1e6, burst=10**6
    ) as served:
        _, secret = served.service.store.add_key("all", ["read", "predict", "review"])
        served.client.headers["Authorization"] = f"Bearer {secret}"
        lesion = served.call("POST", "/v1/lesions", json={"name": "P1"}).json()
        for seed in range(3):
            served.send(draw_image(seed), lesion=lesion["id"])
        yield served


schema = schemathesis.openapi.from_dict(make_app().openapi())


def validate(case, keyed):
    """Sends a case with the key, and holds the answer against the document.

    A photograph of random bytes is refused, as is a cursor of random letters: the document cannot say which
    are valid.
    """
    excluded = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
    case.call_and_validate(
        f"http://127.0.0.1:{keyed.port}",
        headers={"Authorization": keyed.client.headers["Authorization"]},
        excluded_checks=excluded,
    )


@schema.parametrize()
@settings(max_examples=5, **CALM)
def test_a_few_requests(case, keyed):
    validate(case, keyed)


@pytest.mark.check
@schema.parametrize()
@settings(max_examples=EXAMPLES, **CALM)
def test_many_requests(case, keyed):
    validate(case, keyed)


def test_every_operation_says_how_it_fails(keyed):
    for path, item in keyed.get("/openapi.json").json()["paths"].items():
        for method, operation in item.items():
            problems = {
                status
                for status, answer in operation["responses"].items()
                if "application/problem+json" in answer.get("content", {})
            }
            assert {"400", "403", "500"} <= problems, (method, path)


def test_the_document_has_examples(keyed):
    parts = keyed.get("/openapi.json").json()["components"]["schemas"]
    assert all(parts[name]["examples"] for name in ("Problem", "Verdict", "NewLesion"))
