"""`lentigo bench`: what it prints of measurements, and once, in `make check`, the measurements themselves."""

import json

import pytest
from json_schemas import hold_schema
from typer.testing import CliRunner

from lentigo.cli.app import app
from lentigo.cli.benchmark.bench import make_facts
from lentigo.cli.benchmark.timing import Measurement, Timed, summarise, time_command
from lentigo.cli.benchmark.whole_commands import (
    FOLDER,
    SEED,
    TRAINING_EPOCHS,
    list_measurements,
    tabulate_commands,
)
from lentigo.errors import ModelError
from lentigo.inference.performance.benchmark import Benchmark, Rate

LIMITS = {"memory": 100.0, "keras": 20.0}


def test_a_command_is_compared_with_its_limits():
    columns, ((what, rate, cpu, first, _, of_memory, of_keras),) = tabulate_commands(
        {"": [Measurement(FOLDER, 200, 2.5, 12.0, first=0.4)]}, LIMITS
    )
    assert columns[1:3] == ["photographs/s", "CPU ms each"]
    assert (what, rate, cpu, first, of_memory, of_keras) == (FOLDER, "80.0", "12.0", "0.40", "0.80x", "4.00x")


def test_two_versions_stand_beside_each_other():
    before, now = Measurement(FOLDER, 10, 4.0, 30.0), Measurement(FOLDER, 10, 2.0, 10.0)
    columns, (row,) = tabulate_commands({", before": [before], "": [now]}, LIMITS)
    assert dict(zip(columns, row, strict=True)) | {"faster": "2.00x", "less CPU": "3.00x"} == dict(
        zip(columns, row, strict=True)
    )
    assert list(list_measurements({", before": [before], "": [now]})) == ["before", "now"]


def test_the_recipe_is_compared_with_as_many_epochs_of_keras():
    row = tabulate_commands({"": [Measurement(SEED, 100, 10.0, None)]}, LIMITS)[1][0]
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


def test_the_json_has_the_recorded_keys():
    rates = (Rate("fp32", 90.0, 0.9), Rate("from files", 80.0))
    facts = []
    for cold_keras, trees in ((5.0, (", before", "")), (None, ("",)), (5.0, ())):
        machine = Benchmark("toy", rates, {"fp32": 1e11}, 1e9, 0.01, 0.02, 0.5, {"imports": 0.2}, cold_keras)
        measured = {
            tree: [Measurement(FOLDER, 10, 4.0, 30.0, 0.1, 5.0, 9.0), Measurement(SEED, 1, 2.0, None)]
            for tree in trees
        }
        facts.append(json.loads(json.dumps(make_facts(machine, measured))))
    hold_schema("bench", "lentigo bench --json", facts)


@pytest.mark.check
def test_everything_is_measured_and_written(tmp_path):
    out = tmp_path / "speed.json"
    result = CliRunner().invoke(app, ["bench", "--no-keras", "--out", str(out)])
    assert result.exit_code == 0, result.output
    facts = json.loads(out.read_text())
    hold_schema("bench", "lentigo bench --json", [facts])
    assert facts["gemm"] and len(facts["commands"]["now"]) == 6
    assert all(entry["rate"] > 0 for entry in facts["commands"]["now"].values())
