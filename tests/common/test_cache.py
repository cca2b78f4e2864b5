"""The cache: sealed files, and a cache that cannot be written."""

import warnings

import pytest

from lentigo.common import cache
from lentigo.common.cache import (
    CacheWarning,
    keep_in_cache,
    list_cache,
    make_scratch,
    read_from_cache,
    shared_folder,
)
from lentigo.common.user_folders import cache_folder


@pytest.fixture
def kept():
    path = cache_folder() / "things" / "a.sealed"
    keep_in_cache(path, b"content of some length")
    return path


@pytest.fixture
def unwritable(tmp_path, monkeypatch):
    """A cache below a file, of which nothing has been said yet."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LENTIGO_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(cache, "_warned", set())


def test_what_is_kept_is_read(kept):
    assert read_from_cache(kept) == b"content of some length"


@pytest.mark.parametrize("place", [0, 20, 90, -1])
def test_a_changed_byte_is_noticed_and_the_file_removed(kept, place):
    content = bytearray(kept.read_bytes())
    content[place] ^= 1
    kept.write_bytes(content)
    assert read_from_cache(kept) is None
    assert not kept.exists()


def test_a_torn_file_is_noticed(kept):
    kept.write_bytes(kept.read_bytes()[:-1])
    assert read_from_cache(kept) is None


def test_what_is_not_there_is_none(kept):
    assert read_from_cache(kept.with_name("b.sealed")) is None


def test_files_that_are_still_written_are_not_listed(kept):
    kept.with_name(".b.sealed").touch()
    assert list(list_cache(kept.parent, ".sealed")) == [kept]
    assert list(list_cache(kept.parent / "none", ".sealed")) == []


def test_a_cache_that_cannot_be_written_is_said_once(unwritable):
    with pytest.warns(CacheWarning, match=r"cannot be written .* set LENTIGO_CACHE to a folder"):
        assert not keep_in_cache(cache_folder() / "a", b"")
    with warnings.catch_warnings(action="error"):
        assert not keep_in_cache(cache_folder() / "a", b"")


@pytest.mark.filterwarnings("ignore::lentigo.common.cache.CacheWarning")
def test_work_goes_to_a_temporary_folder_instead(unwritable):
    folder = shared_folder("work")
    assert folder == make_scratch() / "work" and folder.is_dir()
