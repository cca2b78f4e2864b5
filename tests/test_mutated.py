"""A short version of bench/mutated.py: damaged photographs of every format, each named once by every command
and by the service.
"""

import faulthandler
import importlib.util
import sys
import warnings
from pathlib import Path

import pytest

from lentigo.images.decoding.formats import HEIC
from lentigo.images.photographs import try_image

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture(scope="module")
def mutated():
    """The program, as a module."""
    sys.path.insert(0, str(BENCH))
    try:
        spec = importlib.util.spec_from_file_location("mutated", BENCH / "mutated.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["mutated"] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCH))
        sys.modules.pop("mutated", None)


@pytest.fixture(scope="module")
def seeds(mutated):
    return mutated.draw_seeds()


def test_every_seed_is_read_but_animations_and_a_heic_without_its_extra(seeds, tmp_path):
    unread = set()
    for name, content in seeds.items():
        (tmp_path / name).write_bytes(content)
        if hasattr(try_image(tmp_path / name), "error"):
            unread.add(name)
    assert unread == {"png-animated", "gif-animated", "webp-animated", *([] if HEIC else ["heic"])}


def test_the_same_seed_makes_the_same_files(mutated, seeds):
    for damage in mutated.DAMAGES.values():
        assert damage(seeds, 7, 0) == damage(seeds, 7, 0) != damage(seeds, 7, 1)


def test_files_of_any_structure_are_read_or_refused_in_one_line(mutated, seeds, tmp_path):
    seeds = seeds | mutated.draw_dicom_seeds(mutated.draw_lesion())
    outcomes = {"read": 0, "refused": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(len(seeds) * 4):
            _, content = mutated.damage_named(seeds, number, 5)
            (tmp_path / "x").write_bytes(content)
            result = try_image(tmp_path / "x")
            if hasattr(result, "error"):
                mutated.require_line(result.error)
            outcomes["refused" if hasattr(result, "error") else "read"] += 1
    assert min(outcomes.values()) > len(seeds)  # neither is all that comes out


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_memory_is_counted_from_the_watch_on(mutated):
    before = bytearray(300_000_000)
    del before
    watch = mutated.begin_watch()
    quiet = watch.measure_peak()
    meanwhile = bytearray(b"1") * 200_000_000
    del meanwhile
    assert quiet < 0.1 and 0.15 < watch.measure_peak() < 0.28


def test_every_damaged_file_is_named_by_every_step(mutated, seeds, toy_run, tmp_path, monkeypatch):
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda *_, **__: None)  # pytest has its own
    tally = mutated.Tally(
        watch=mutated.begin_watch()
    )  # what other tests of this worker have held is not counted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = mutated.write_batch(tmp_path / "photos", seeds, range(50), 11)
        with mutated.Upload(str(toy_run()), f"sqlite:///{tmp_path / 'records.db'}") as upload:
            mutated.try_batch(tmp_path / "photos", paths, str(toy_run()), upload, tally)
    assert tally.faults == [] and tally.files == 52
    assert all(tally.answered[step] + tally.refused[step] == 52 for step in mutated.STEPS)
