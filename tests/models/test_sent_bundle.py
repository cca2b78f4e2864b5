"""A RUN that is sent: whole in the cache, or unpacked anew."""

import pytest

from lentigo.models.bundle import CARD, GRAPH, open_bundle
from lentigo.models.sent_bundle import pack_bundle


@pytest.fixture
def parcel(toy_run, tmp_path, monkeypatch):
    monkeypatch.setenv("LENTIGO_CACHE", str(tmp_path / "cache"))
    return pack_bundle(open_bundle(toy_run()))


def test_an_unpacked_run_is_taken_again(parcel):
    first = parcel.unpack().folder
    moment = (first / GRAPH).stat().st_mtime_ns
    assert parcel.unpack().folder == first and (first / GRAPH).stat().st_mtime_ns == moment


@pytest.mark.parametrize("name", [CARD, GRAPH])
def test_an_unpacked_run_that_was_altered_is_written_again(parcel, name):
    path = parcel.unpack().folder / name
    path.write_bytes(path.read_bytes()[:-2])
    parcel.unpack()
    assert path.read_bytes() == parcel.files[name]


@pytest.mark.filterwarnings("ignore::lentigo.common.cache.CacheWarning")
def test_a_run_is_unpacked_where_the_cache_cannot_be_written(parcel, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LENTIGO_CACHE", str(tmp_path / "file"))
    assert open_bundle(parcel.unpack().folder).card["files"].keys() == parcel.files.keys() - {CARD}
