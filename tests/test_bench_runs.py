"""Each program of bench/ comes to its end on toys and prints its table, or writes what it is there for."""

import contextlib
import io
import os
import runpy
import shutil
import sys
from pathlib import Path
from unittest.mock import patch

import bench_toys
import onnx
import pytest

from lentigo.images.photographs import read_image
from lentigo.models.bundle import BUNDLED, draft_bundle, finish_bundle, open_bundle
from lentigo.models.runtime import Session

BENCH = Path(__file__).parents[1] / "bench"
MODULES = {"changes.py", "known.py", "packing.py", "structures.py", "tables.py"}  # which programs import
SETS = "photographs/ham10000 photographs/phone"
PAIRS = "photographs/lesion_masks"
ALONE = [  # programs that need no photographs
    f"style.py {BENCH.parent / 'docs' / 'programs'}",
    "intervals.py --draws 2 --sizes 20",
    "noise.py --draws 2",
    "splits.py --seeds 1",
    "tuning_optimism.py --searches 2 --recipes 3 --photographs 60",
]
SOURCES = "sources.py photographs --out sources.csv --masks masks.csv"
ON_PHOTOGRAPHS = [
    "artefacts.py drawn --model bundled --sample 4",
    "audit_speed.py sources.csv --counts 8",
    "calibration.py decisions runs/bundled",
    f"contamination.py --data {SETS} --count 1 --queries 2 --table photographs/phone/manifest.csv=photographs/phone",
    "decoders.py few --count 1",
    f"detection.py bundled {PAIRS} --count 1 --bare 1",
    "duplicates.py --data drawn --count 4 --growth 10",
    "head_norms.py --epochs 1",
    "learned.py runs/learned --data photographs/ham10000 --again drawn --not-known 5",
    "learned_artefacts.py photographs/isic2018 --other photographs/ham10000 --without-gel photographs/phone "
    "--out runs/artefacts",
    f"quality.py drawn --sample 3 --masks {PAIRS}/manifest.csv",
    "refusal_left_out.py sources.csv --flowers flowers --objects few --most 8",
    "service.py bundled --steps --photos few",
    "shortcuts.py drawn few",
    "similar_cases.py --data photographs/ham10000",
    "skin_tones.py photographs/phone",
    "steps.py few --count 2 --rounds 1",
    f"stickers.py bundled {PAIRS} --split train --most 3",
    "whole_frames.py sources.csv masks.csv --folder frames --out masks_whole.csv",
    "stream.py bundled few --count 5",
]
WEIGHTS = (
    "weights.py sources.csv --masks masks.csv --start lite2.npz --lowres-epochs 1 --lowres-size 64 --epochs 0 "
    "--views 16 --batch-size 8 --mask-epochs 1 --out runs/first"
)
ON_RUNS = [
    "by_source.py sources.csv --of runs/first --models bundled",
    "covered.py sources.csv --of runs/first --models bundled --most 4",
    "decoder_shares.py runs/bundled runs/first --most 1",
    "input_sizes.py runs/first --data sources.csv --sizes 64",
    "join.py runs/seed runs/first --data sources.csv --not-lesions flowers --branch lite2.npz --out runs/joined",
    "join.py runs/first runs/first --data sources.csv --not-lesions flowers --branch lite2.npz --refuse-as runs/joined --out runs/twice",
    "precision.py bundled --data sources.csv --of runs/first --quantize",
    "refit_head.py runs/first --data sources.csv --out runs/refitted",
    f"self_training.py runs/first {PAIRS} few --out pseudo",
]
WITHOUT_TABLE = {  # and what each makes or prints
    "dicom.py --count 2": "",
    f"formats.py {PAIRS} --size 640x640 --out held_out.csv": "held_out.csv",
    f"overviews.py {PAIRS} --count 1 --out overviews": "overviews/000.jpg",
}
OTHERWISE = {  # programs that none of these lines runs, and why
    "cluster.py": "starts Ray for each count of workers: minutes",
    "decoder.py": "measures whole networks: minutes",
    "demo.py": "`make demo`",
    "inference.py": "measures for minutes, as `lentigo bench` does in tests/cli/test_benchmark.py",
    "left_out.py": "three trainings of weights.py",
    "memory.py": "a training by the command line, in tests/training",
    "mutated.py": "tests/test_mutated.py",
    "notebooks.py": "tests/test_notebooks_of_docs.py",
    "pictures.py": "writes docs/pictures, which people look at",
    "plain_service.py": "the service that service.py is compared with: needs a whole RUN",
    "recipes.py": "trainings by the command line, in tests/training",
    "refusal.py": "240 drawn pictures: a minute",
    "seed_speed.py": "trains by Keras, to be timed",
    "service_edges.py": "waits for half a minute by design",
    "small_sets.py": "trains heads ten times",
}


def name_program(line):
    """The program that a line calls."""
    return line.split()[0]


def run_program(line, folder):
    """Runs a program in a folder, and gives what it printed."""
    name, *arguments = line.split()
    program = str(BENCH / name)
    stdout = io.StringIO()
    with (
        patch.object(sys, "argv", [program, *arguments]),
        patch.dict(os.environ),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(stdout),
    ):
        runpy.run_path(program, run_name="__main__")
    return stdout.getvalue()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with drawn sets, their one manifest, random weights, and copies of the bundled weights."""
    folder = tmp_path_factory.mktemp("programs")
    bench_toys.write_photographs(folder)
    bench_toys.write_lite_weights(folder / "lite2.npz")
    for name in ("bundled", "learned", "artefacts", "rejudged"):
        shutil.copytree(BUNDLED, folder / "runs" / name)
    run_program(SOURCES, folder)
    return folder


@pytest.fixture(scope="module")
def run_of_sources(world, run):
    """A RUN with a decoder, in the same folder, that has learned from the sources for one short epoch; beside it
    `runs/seed`.
    """
    shutil.copytree(run, world / "runs" / "seed")
    run_program(WEIGHTS, world)
    return world / "runs" / "first"


@pytest.mark.parametrize("line", ALONE, ids=name_program)
def test_a_program_that_needs_no_photographs_prints_a_table(line, tmp_path):
    assert "|---|" in run_program(line, tmp_path)


# Few photographs: a mean of nothing, or an undefined score, is no fault of a program
@pytest.mark.check
@pytest.mark.filterwarnings("default")
class TestOnToys:
    @pytest.mark.parametrize("line", ON_PHOTOGRAPHS, ids=name_program)
    def test_a_program_prints_a_table(self, line, world):
        assert "|---|" in run_program(line, world)

    @pytest.mark.parametrize("line", ON_RUNS, ids=name_program)
    def test_a_program_that_needs_a_run_prints_a_table(self, line, run_of_sources):
        assert "|---|" in run_program(line, run_of_sources.parents[1])

    @pytest.mark.parametrize(("line", "made"), WITHOUT_TABLE.items())
    def test_a_program_makes_its_file(self, line, made, world):
        run_program(line, world)
        assert (world / made).exists()

    def test_the_mean_of_a_run_and_itself_answers_as_it_does(self, run_of_sources, image):
        run_program("soup.py runs/first runs/first --out runs/mean", run_of_sources.parents[1])
        pixels = read_image(image).pixels[None]
        first, mean = (
            Session(open_bundle(folder).graph, precision="f32").run(pixels)["logit"]
            for folder in (run_of_sources, run_of_sources.with_name("mean"))
        )
        assert mean == pytest.approx(first, abs=1e-4)

    def test_a_run_learns_to_say_whether_there_is_a_lesion(self, world):
        """The bundled weights without their output `lesion` get one again."""
        folder = shutil.copytree(world / "runs" / "bundled", world / "runs" / "silent")
        model = onnx.load(folder / "model.onnx")
        for kept in (model.graph.node, model.graph.initializer, model.graph.output):
            names = [each.output[0] if hasattr(each, "op_type") else each.name for each in kept]
            for place in reversed([place for place, name in enumerate(names) if name.startswith("lesion")]):
                del kept[place]
        onnx.save(model, folder / "model.onnx")
        card = dict(open_bundle(BUNDLED).card)
        outputs = [name for name in card["outputs"] if name != "lesion"]
        finish_bundle(draft_bundle(folder, {**card, "outputs": outputs}), card["metrics"])
        printed = run_program(
            "presence.py runs/silent --drawings masks.csv --data sources.csv --most 8", world
        )
        assert "limit: P(lesion)" in printed
        silent = open_bundle(folder)
        assert "lesion" in silent.outputs and 0 < silent.card["refusal"]["lesion_limit"] < 1

    def test_a_card_of_format_1_is_upgraded(self, world):
        bench_toys.age_card(world / "runs" / "bundled", world / "runs" / "old")
        assert "format 1 became" in run_program("upgrade_run.py runs/old", world)
        assert open_bundle(world / "runs" / "old").card == open_bundle(world / "runs" / "bundled").card

    def test_judging_the_bundled_weights_anew_leaves_their_decisions(self, world):
        known = "--known photographs/malignant_vs_benign/train --not-lesions flowers --branch lite2.npz"
        run_program(f"rejudge.py {known} --out runs/rejudged", world)
        before, after = (open_bundle(world / "runs" / name).card for name in ("bundled", "rejudged"))
        for name in ("threshold", "prevalence", "logit_threshold"):
            assert after[name] == pytest.approx(before[name])
        assert after["calibration"] == pytest.approx(before["calibration"])


def test_each_program_is_run_or_has_a_reason():
    lines = [
        *ALONE,
        SOURCES,
        *ON_PHOTOGRAPHS,
        WEIGHTS,
        *ON_RUNS,
        *WITHOUT_TABLE,
        "presence.py",
        "rejudge.py",
        "soup.py",
        "upgrade_run.py",
        "style.py",
    ]
    run = {line.split()[0] for line in lines}
    assert {path.name for path in BENCH.glob("*.py")} == run | set(OTHERWISE) | MODULES
    assert not run & set(OTHERWISE)
