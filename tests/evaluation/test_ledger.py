"""The ledger: counted, whatever a crash left in it, and refused by name where it cannot be written."""

import pytest

from lentigo.errors import SpaceError
from lentigo.evaluation.ledger import count_openings, ledger_path, record_opening, require_ledger


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("LENTIGO_LEDGER", str(tmp_path / "new" / "ledger.jsonl"))


def test_each_look_is_counted():
    assert [record_opening("abc", "test", "model") for _ in range(3)] == [1, 2, 3]
    assert count_openings("abc") == 3 and count_openings("ab") == 0


def test_a_set_that_was_never_opened_counts_nothing():
    assert count_openings("abc") == 0


@pytest.mark.parametrize("left", [b'{"fingerprint": "ab', b"\xff\xfe\x00", b"[[[[[", b""], ids=["torn", "not text", "not JSON", "empty"])
def test_a_damaged_ledger_goes_on_counting(left):
    record_opening("abc", "test", "model")
    ledger_path().write_bytes(ledger_path().read_bytes() + left)
    assert record_opening("abc", "test", "model") == 2


def test_a_ledger_that_cannot_be_written_names_its_variable(tmp_path):
    ledger_path().mkdir(parents=True)
    for call in (require_ledger, lambda: record_opening("abc", "test", "model")):
        with pytest.raises(SpaceError, match=r"ledger.jsonl: the ledger, .* cannot be written .* set LENTIGO_LEDGER"):
            call()
