"""`lentigo bench`: what it prints of measurements, and once, in `make check`, the measurements themselves."""

import json
from pathlib import Path

import pytest
from json_schemas import hold_schema
from typer.testing import CliRunner

from lentigo.cli.app import app
from lentigo.cli.benchmark import whole_commands
from lentigo.cli.benchmark.record import BenchRecord, Failure
from lentigo.cli.benchmark.timing import Measurement, Timed, summarise, time_command
from lentigo.cli.benchmark.whole_commands import (
    FOLDER,
    ORDER,
    SEED,
    TRAINING_EPOCHS,
    Job,
    describe_command,
    name_columns,
    take_turns,
)
from lentigo.errors import ModelError, UsageError
from lentigo.inference.performance.benchmark import Benchmark, Rate

LIMITS = {"memory": 100.0, "keras": 20.0}
VERSIONS = [", before", ""]


def test_a_command_is_compared_with_its_limits():
    columns = name_columns([""])
    what, rate, cpu, first, _, of_memory, of_keras = describe_command(
        [Measurement(FOLDER, 200, 2.5, 12.0, first=0.4)], LIMITS
    )
    assert columns[1:3] == ["photographs/s", "CPU ms each"]
    assert (what, rate, cpu, first, of_memory, of_keras) == (FOLDER, "80.0", "12.0", "0.40", "0.80x", "4.00x")


def test_two_versions_stand_beside_each_other():
    before, now = Measurement(FOLDER, 10, 4.0, 30.0), Measurement(FOLDER, 10, 2.0, 10.0)
    row = dict(zip(name_columns(VERSIONS), describe_command([before, now], LIMITS), strict=True))
    assert (row["faster"], row["less CPU"]) == ("2.00x", "3.00x")
    record = BenchRecord(Benchmark("toy"), VERSIONS, [], commands={FOLDER: [before, now]})
    assert {name: list(entries) for name, entries in record.to_json()["commands"].items()} == {
        "before": [FOLDER],
        "now": [FOLDER],
    }


def test_the_recipe_is_compared_with_as_many_epochs_of_keras():
    row = describe_command([Measurement(SEED, 100, 10.0, None)], LIMITS)
    assert row[-1] == f"{10 * TRAINING_EPOCHS / 20:.0f}x"


def test_runs_are_summarised_by_their_medians():
    found = summarise("x", 10, [Timed(1.0, 2.0, 0.1), Timed(9.0, 8.0, 0.9), Timed(2.0, 3.0, 0.2)])
    assert (found.rate, found.cpu_ms, found.first) == (5.0, 300.0, 0.2)


def test_a_command_is_timed_with_its_processor_time():
    timed = time_command(["--version"])
    assert 0 < timed.first <= timed.seconds and (timed.cpu is None or timed.cpu > 0)


def test_a_command_that_fails_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"lentigo predict .* failed"):
        time_command(["predict", str(tmp_path / "none.jpg")])


def test_the_other_version_runs_from_within_a_checkout_of_this_one(tmp_path, monkeypatch):
    package = tmp_path / "before" / "lentigo"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("raise SystemExit('the version before')")
    monkeypatch.chdir(Path(__file__).parents[2])  # Python looks into the working folder first
    with pytest.raises(ModelError, match="the version before"):
        time_command(["info"], package.parent)


def test_a_command_that_takes_too_long_is_ended_and_named():
    with pytest.raises(ModelError, match=r"lentigo --version .* was ended"):
        time_command(["--version"], timeout=0.01)


def test_a_command_that_takes_long_has_fewer_rounds(monkeypatch, tmp_path):
    job = Job("bundled", [], "", 0, [], tmp_path, {", before": tmp_path, "": None})
    timed = Timed(1.0, 1.0, 1.0)
    assert take_turns("x", lambda tree: timed, job, 3, deadline=float("inf")) == [[timed] * 3, [timed] * 3]
    monkeypatch.setattr(whole_commands, "MAX_STEP_SECONDS", -1.0)
    assert take_turns("x", lambda tree: timed, job, 3, deadline=float("inf")) == [[timed], [timed]]
    with pytest.raises(ModelError, match="no time is left"):
        take_turns("x", lambda tree: timed, job, 3, deadline=0.0)


def test_what_was_measured_stands_when_a_step_fails_and_when_the_rest_is_stopped(tmp_path, capsys):
    out = tmp_path / "speed.json"
    record = BenchRecord(Benchmark("toy"), [""], [FOLDER, SEED, "rest"], out)

    def fail() -> list[Measurement]:
        raise ModelError("it did not start")

    record.measure_command(FOLDER, lambda: [Measurement(FOLDER, 10, 4.0, 30.0)])
    printed = capsys.readouterr().out
    assert FOLDER in printed and "2.5" in printed
    record.measure_command(SEED, fail)
    kept = json.loads(out.read_text())
    assert kept["failed"] == [{"what": SEED, "error": "it did not start"}]
    assert kept["missing"] == ["rest"]
    assert kept["commands"]["now"][FOLDER]["rate"] == 2.5

    def stop() -> list[Measurement]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record.measure_command("rest", stop)
    record.close()
    assert "not measured: rest" in capsys.readouterr().err


def test_a_folder_that_holds_no_lentigo_is_named(lentigo, tmp_path):
    done = lentigo("bench", "--against", tmp_path)
    assert done.returncode == UsageError.exit_code
    assert "expected the source folder of another version" in done.stderr


def test_the_json_has_the_recorded_keys():
    rates = (Rate("fp32", 90.0, 0.9), Rate("from files", 80.0))
    whole = Benchmark("toy", rates, {"fp32": 1e11}, 1e9, 0.01, 0.02, 0.5, {"imports": 0.2}, 5.0)
    facts = []
    for machine, versions in ((whole, VERSIONS), (whole, [""]), (Benchmark("toy"), [])):
        record = BenchRecord(machine, versions, ["rest"], failures=[Failure(SEED, "why")])
        if versions:
            record.commands[FOLDER] = [Measurement(FOLDER, 10, 4.0, 30.0, 0.1, 5.0, 9.0) for _ in versions]
            record.commands[SEED] = [Measurement(SEED, 1, 2.0, None) for _ in versions]
        facts.append(json.loads(json.dumps(record.to_json())))
    hold_schema("bench", "lentigo bench --json", facts)


@pytest.mark.check
def test_everything_is_measured_and_written(tmp_path, monkeypatch):
    # One round tells what is measured; three tell how fast it is
    for name, number in (("ROUNDS", 1), ("COLD_ROUNDS", 1), ("SERVICE_PHOTOGRAPHS", 80)):
        monkeypatch.setattr(whole_commands, name, number)
    out = tmp_path / "speed.json"
    result = CliRunner().invoke(app, ["bench", "--no-keras", "--out", str(out)])
    assert result.exit_code == 0, result.output
    facts = json.loads(out.read_text())
    hold_schema("bench", "lentigo bench --json", [facts])
    assert facts["gemm"] and list(facts["commands"]["now"]) == list(ORDER)
    assert all(entry["rate"] > 0 for entry in facts["commands"]["now"].values())
    assert facts["failed"] == [] and facts["missing"] == []
