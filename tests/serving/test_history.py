"""`lentigo keys` and `lentigo history`, as a user runs them."""

import csv
import json
import os
import sys
from datetime import UTC, datetime, timedelta

import pytest
from json_schemas import hold_schema
from PIL import Image
from toys import make_lesion, make_record, make_review

from lentigo.cli import app as cli
from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.serving.store.kept_images import ImageFolder
from lentigo.serving.store.store import open_store


@pytest.fixture
def db(tmp_path, monkeypatch):
    """The URL of a store that LENTIGO_DB names."""
    monkeypatch.setenv("LENTIGO_DB", f"sqlite:///{tmp_path}/store.db")
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def lentigo(monkeypatch, capsys, db):
    """Runs a command; gives its exit code, and what it wrote to stdout and stderr."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["lentigo", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return run


@pytest.fixture
def filled(db):
    """Three predictions: a malignant one of today with a lesion and a review, and two of 400 days ago, one
    with a kept photograph.
    """
    today, old = datetime.now(UTC) - timedelta(minutes=5), datetime.now(UTC) - timedelta(days=400)
    with open_store(db) as store:
        spot = store.add_lesion(make_lesion("spot"))
        records = [
            make_record(created=today, label="malignant", lesion=spot.id),
            make_record(created=old, kept=True),
            make_record(created=old, model="=other"),
        ]
        store.add(records)
        store.review(records[0].id, make_review("malignant", "=grown"))
    return records


@pytest.mark.parametrize("command", ["keys add", "keys revoke", "keys list", "history"])
def test_help_has_an_example(lentigo, command):
    code, out, _ = lentigo(*command.split(), "--help")
    assert code == 0 and f"Example: lentigo {command}" in out


# --- keys


def test_a_key_is_shown_once_on_stdout(lentigo, db):
    code, out, err = lentigo("keys", "add", "clinic", "--scopes", "read, review")
    assert code == 0 and "clinic, may read, review" in err
    with open_store(db) as store:
        assert store.find_key(out.strip()).scopes == ("read", "review")
    assert out.strip() not in lentigo("keys", "list")[1] + lentigo("keys", "list", "--json")[1]


def test_keys_as_json(lentigo, db):
    made = json.loads(lentigo("keys", "add", "clinic", "--json")[1])
    hold_schema("keys_add", "lentigo keys add --json", [made])
    assert (
        made["name"] == "clinic"
        and made["scopes"] == ["read", "predict"]
        and made["key"].startswith("lentigo_")
    )
    (listed,) = [json.loads(line) for line in lentigo("keys", "list", "--json")[1].splitlines()]
    revoked = json.loads(lentigo("keys", "revoke", "clinic", "--json")[1])
    hold_schema("keys", "lentigo keys list --json", [listed, revoked])
    assert listed["revoked"] is None and revoked["revoked"] is not None


def test_a_revoked_key_ends_and_is_listed(lentigo, db):
    _, secret, _ = lentigo("keys", "add", "clinic")
    assert lentigo("keys", "revoke", "clinic")[0] == 0
    with open_store(db) as store:
        assert store.find_key(secret.strip()) is None
        assert [(event.action, event.subject) for event in store.list_events().events] == [
            ("key revoked", "clinic"),
            ("key added", "clinic"),
        ]
    assert "clinic" in lentigo("keys", "list")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["keys", "add", "x", "--scopes", "all"],
            "key 'x' for all: expected a name and some of the scopes read, predict, review",
        ),
        (["keys", "revoke", "x"], "no key is named 'x'"),
        (["history", "--db", "mysql://joe:pw@host/db"], "cannot be a database of mysql"),
        (["history", "--label", "bad"], "expected benign, malignant, uncertain"),
        (["history", "--since", "yesterday"], "--since 'yesterday': expected a date such as 2026-01-31"),
        (["history", "--lesion", "no"], "no lesion has that name or id"),
        (["history", "--forget", "a year"], "age 'a year': expected hours, days or weeks"),
        (["history", "--forget", "1d", "--label", "benign"], "--forget goes by age alone"),
    ],
)
def test_a_call_that_is_wrong_is_told_in_a_line(lentigo, words, message):
    code, out, err = lentigo(*words)
    assert (code, out, err.count("\n")) == (2, "", 1) and message in err


def test_a_store_that_does_not_answer_is_told_in_a_line(lentigo):
    code, _, err = lentigo("keys", "list", "--db", "postgresql://joe:pw@localhost:1/db")
    assert code == 4 and err.count("\n") == 1 and "does not answer" in err and "pw" not in err


# --- history


def read_ids(out):
    return [json.loads(line)["id"] for line in out.splitlines()]


def test_history_for_people(lentigo, filled):
    code, out, _ = lentigo("history")
    lines = out.strip().splitlines()
    assert (
        code == 0
        and len(lines) == 4
        and filled[0].id in lines[1]
        and "malignant" in lines[1]
        and "spot" in lines[1]
    )
    assert len(lentigo("history", "--limit", "1")[1].strip().splitlines()) == 2


def test_history_as_json_is_one_object_a_line(lentigo, filled):
    code, out, _ = lentigo("history", "--json")
    records = [json.loads(line) for line in out.splitlines()]
    hold_schema("history", "lentigo history --json", records)
    first = records[0]
    assert code == 0 and len(records) == 3
    assert (first["id"], first["label"], first["review"]["verdict"], first["lesion"]) == (
        filled[0].id,
        "malignant",
        "malignant",
        filled[0].lesion,
    )


def test_history_is_filtered(lentigo, filled):
    today, kept, other = (record.id for record in filled)
    day = (datetime.now(UTC) - timedelta(days=30)).date()
    for words in (
        ["--lesion", "spot"],
        ["--lesion", filled[0].lesion],
        ["--label", "malignant"],
        ["--since", day],
        ["--reviewed"],
    ):
        assert read_ids(lentigo("history", "--json", *words)[1]) == [today], words
    for words in (["--until", day], ["--not-reviewed"]):
        assert set(read_ids(lentigo("history", "--json", *words)[1])) == {kept, other}, words
    assert read_ids(lentigo("history", "--json", "--model", "=other")[1]) == [other]


def test_nothing_is_said_to_match(lentigo):
    assert lentigo("history") == (0, "", "nothing in the store matches\n") and lentigo(
        "history", "--json"
    ) == (0, "", "")


def test_an_export_holds_everything_that_matches_and_no_formula(lentigo, filled, db, tmp_path):
    code, _, err = lentigo("history", "--csv", tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (
        code == 0
        and "3 predictions" in err
        and {row["id"] for row in rows} == {record.id for record in filled}
    )
    assert rows[0]["review_note"] == "'=grown" and {row["model"] for row in rows} == {"toy", "'=other"}
    exported = json.loads(
        lentigo("history", "--csv", tmp_path / "some.csv", "--label", "benign", "--json")[1]
    )
    hold_schema("history_csv", "lentigo history --csv FILE --json", [exported])
    assert exported == {"csv": str(tmp_path / "some.csv"), "n": 2}
    with open_store(db) as store:
        assert store.list_events().events[0].action == "export"


# --- retention


def test_forgetting_without_yes_only_says_what_it_would_delete(lentigo, filled):
    code, _, err = lentigo("history", "--forget", "365d")
    assert (
        code == 2
        and "would delete 2 predictions made before" in err
        and "1 of them with a kept photograph; add --yes" in err
    )
    assert len(read_ids(lentigo("history", "--json")[1])) == 3


def test_forgetting_needs_the_folder_where_photographs_are_kept(lentigo, filled):
    code, _, err = lentigo("history", "--forget", "365d", "--yes")
    assert code == 2 and "name its folder by --keep-photos" in err
    assert len(read_ids(lentigo("history", "--json")[1])) == 3


def test_what_is_old_is_forgotten_with_its_photographs(lentigo, filled, db, tmp_path):
    folder, content = ImageFolder(tmp_path / "kept"), tmp_path / "synthetic.png"
    Image.fromarray(draw_synthetic_lesion("benign", seed=1).image).save(content)
    young = make_record(created=datetime.now(UTC), kept=True)
    with open_store(db) as store:
        store.add([young])
    for record in (young, filled[1]):
        folder.keep(record.sha256, content.read_bytes())
    code, out, _ = lentigo(
        "history", "--forget", "365d", "--yes", "--keep-photos", tmp_path / "kept", "--json"
    )
    assert (
        code == 0 and json.loads(out)["predictions"] == 2 and json.loads(out)["photos"] == [filled[1].sha256]
    )
    assert read_ids(lentigo("history", "--json")[1]) == [young.id, filled[0].id]
    assert folder.get(young.sha256) and folder.get(filled[1].sha256) is None
    with open_store(db) as store:
        assert store.list_events().events[0].action == "forget"


def test_what_a_crash_left_without_a_record_goes_too(lentigo, filled, db, tmp_path):
    known = make_record(kept=True)
    with open_store(db) as store:
        store.add([known])
    folder, content = ImageFolder(tmp_path / "kept"), tmp_path / "synthetic.png"
    Image.fromarray(draw_synthetic_lesion("benign", seed=1).image).save(content)
    stray, fresh = "a1" * 32, "b2" * 32
    for sha256 in (stray, fresh, known.sha256):
        folder.keep(sha256, content.read_bytes())
    os.utime(tmp_path / "kept" / f"{stray}.jpg", (0, 0))
    (tmp_path / "kept" / f".{stray}.123-456.part.jpg").write_bytes(content.read_bytes())
    (tmp_path / "kept" / "notes.jpg").write_text("of somebody else")
    code, out, _ = lentigo(
        "history", "--forget", "365d", "--yes", "--keep-photos", tmp_path / "kept", "--json"
    )
    said = json.loads(out)
    hold_schema("history_forget", "lentigo history --forget --json", [said])
    assert code == 0 and said["strays"] == [stray, fresh] and said["parts"] == 1
    assert sorted(path.name for path in (tmp_path / "kept").glob("*.jpg")) == sorted(
        [f"{known.sha256}.jpg", "notes.jpg"]
    )
    assert list((tmp_path / "kept").glob(".*part*")) == []


def test_a_prediction_dated_after_now_goes_with_what_came_after_it(lentigo, db):
    now = datetime.now(UTC)
    records = [
        make_record(created=now + timedelta(days=3650)),
        make_record(created=now - timedelta(days=400)),
        make_record(created=now),
    ]
    with open_store(db) as store:
        for record in records:
            store.add([record])
    assert json.loads(lentigo("history", "--forget", "365d", "--yes", "--json")[1])["predictions"] == 2
    assert read_ids(lentigo("history", "--json")[1]) == [records[2].id]


def test_a_prediction_dated_after_now_is_listed(lentigo, db):
    with open_store(db) as store:
        store.add([make_record(created=datetime.now(UTC) + timedelta(days=3650))])
    code, _, err = lentigo("history", "--forget", "365d", "--yes")
    assert code == 3 and "1 predictions: dated after now" in err


def test_forgetting_by_a_date_asks_no_clock(lentigo, filled):
    day = (filled[1].created + timedelta(days=1)).date().isoformat()
    code, _, err = lentigo("history", "--forget", day)
    assert code == 2 and f"made before {day}" in err


def test_a_photograph_that_cannot_be_removed_is_listed(lentigo, filled, tmp_path):
    (tmp_path / "kept" / f"{filled[1].sha256}.jpg").mkdir(parents=True)  # a folder is no file
    code, _, err = lentigo("history", "--forget", "365d", "--yes", "--keep-photos", tmp_path / "kept")
    assert (
        code == 3
        and "1 left out:" in err
        and filled[1].sha256 in err
        and "deleted 2 predictions, 0 kept photographs" in err
    )
