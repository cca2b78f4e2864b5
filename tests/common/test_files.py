"""Files appear whole or not at all, and hashes tell contents apart."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lentigo.common.file_reading import read_regular
from lentigo.common.files import name_full_disk, require_writable, write_text, write_whole
from lentigo.common.hashing import hash_bytes, hash_file
from lentigo.common.json_values import write_json
from lentigo.common.staging import stage_folder
from lentigo.common.user_folders import NO_HOME, cache_folder, data_folder
from lentigo.errors import LentigoError, SpaceError


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_appears_with_its_folders(tmp_path):
    with write_whole(tmp_path / "a" / "b" / "new.txt") as temporary:
        temporary.write_text("new")
        assert names(tmp_path / "a" / "b") == [temporary.name]
    assert (tmp_path / "a" / "b" / "new.txt").read_text() == "new"
    assert names(tmp_path / "a" / "b") == ["new.txt"]


def test_the_temporary_path_lies_beside_is_hidden_and_keeps_the_suffix(tmp_path):
    with write_whole(tmp_path / "figure.png") as temporary:
        temporary.touch()
    assert temporary.parent == tmp_path and temporary.suffix == ".png" and temporary.name.startswith(".")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, LentigoError])
def test_an_exception_passes_leaves_the_old_file_and_no_temporary(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(error), write_whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of the n")
        raise error
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_a_space_error_and_leaves_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with (
        pytest.raises(
            SpaceError, match=r"a\.txt: could not be written \(No space left on device\); free some space"
        ),
        write_whole(tmp_path / "a.txt") as temporary,
    ):
        temporary.symlink_to("/dev/full")
        temporary.write_text("new")
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda file: (
            done.append("folder" if os.path.isdir(f"/proc/self/fd/{file}") else "file"),
            fsync(file),
        )[1],
    )
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("name"), replace(*paths))[1])
    write_text(tmp_path / "a.txt", "new")
    assert done == (["file", "name", "folder"] if os.name == "posix" else ["file", "name"])


def test_a_name_of_255_bytes_is_written(tmp_path):
    name = "é" * 125 + ".text"
    write_text(tmp_path / name, "new")
    assert names(tmp_path) == [name]


def test_what_cannot_be_written_in_the_cache_names_its_variable():
    with (
        pytest.raises(SpaceError, match="choose another folder by LENTIGO_CACHE"),
        name_full_disk(cache_folder() / "a"),
    ):
        raise OSError("no space left on device")


@pytest.mark.skipif(os.name != "posix", reason="homes of another system")
def test_a_user_without_a_home_has_folders_that_nothing_is_written_to(monkeypatch):
    for name in ("LENTIGO_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", refuse_home)
    assert cache_folder() == NO_HOME and data_folder() == NO_HOME
    with pytest.raises(SpaceError):
        write_text(cache_folder() / "a", "new")


def refuse_home():
    raise RuntimeError("Could not determine home directory.")


def test_what_can_be_written_is_known_before_and_leaves_nothing(tmp_path):
    require_writable(tmp_path / "new" / "folder" / "a.txt")
    assert names(tmp_path) == []
    (tmp_path / "file").write_text("old")
    with pytest.raises(SpaceError, match=r"a\.txt: could not be written"):
        require_writable(tmp_path / "file" / "a.txt")


def test_a_path_below_a_file_is_a_space_error(tmp_path):
    (tmp_path / "file").write_text("old")
    for path in (tmp_path / "file" / "a.txt", tmp_path / "file" / "b" / "a.txt"):
        with pytest.raises(SpaceError, match=r"a\.txt: could not be written"):
            write_text(path, "new")
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "old"


def test_a_folder_in_the_files_place_is_a_space_error(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(SpaceError, match="directory"):
        write_text(tmp_path / "a.txt", "new")
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_ours_is_a_space_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SpaceError, match="Permission denied"):
        write_text(tmp_path / "a.txt", "new")


def test_threads_that_write_one_file_leave_one_of_their_texts_whole(tmp_path):
    texts = [letter * 200_000 for letter in "abcdefgh"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_text(tmp_path / "a.txt", text), texts * 4))
    assert (tmp_path / "a.txt").read_text() in texts and names(tmp_path) == ["a.txt"]


def test_text_is_utf_8_and_json_reads_back(tmp_path):
    write_text(tmp_path / "a.txt", "naevus café 皮膚")
    write_json(tmp_path / "a.json", {"name": "café", "values": [1, 2.5, None]})
    assert (tmp_path / "a.txt").read_bytes().decode("utf-8") == "naevus café 皮膚"
    assert json.loads((tmp_path / "a.json").read_text()) == {"name": "café", "values": [1, 2.5, None]}


def test_json_refuses_nan_and_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", float("nan"))
    assert (tmp_path / "a.json").read_text() == "1\n"


def test_where_a_part_ends_changes_the_hash_of_parts():
    cuts = [(b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"abc", b""), (b"", b"abc"), ()]
    assert len({hash_bytes(*parts) for parts in cuts}) == len(cuts)


def test_the_hash_of_a_file_is_its_sha_256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert hash_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({"LENTIGO_CACHE": "/x/mine", "XDG_CACHE_HOME": "/x/cache"}, "/x/mine"),
        ({"XDG_CACHE_HOME": "/x/cache"}, "/x/cache/lentigo"),
        ({"HOME": "/x/home"}, "/x/home/.cache/lentigo"),
        ({"HOME": "/x/home", "LENTIGO_CACHE": "", "XDG_CACHE_HOME": ""}, "/x/home/.cache/lentigo"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="names of another system")
def test_the_cache_lies_where_the_environment_says(monkeypatch, variables, expected):
    for name in ("LENTIGO_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_a_staged_folder_goes_with_whatever_was_not_moved_out_of_it(tmp_path):
    with stage_folder(tmp_path / "new" / "out") as folder:
        (folder / "kept").write_text("kept")
        (folder / "left").write_text("left")
        os.replace(folder / "kept", tmp_path / "new" / "out")
    assert names(tmp_path / "new") == ["out"]


def test_a_staged_folder_goes_after_a_full_disk(tmp_path):
    with pytest.raises(SpaceError, match="out: could not be written"), stage_folder(tmp_path / "out"):
        raise OSError("no space left on device")
    assert names(tmp_path) == []


def write_sparse(path: Path) -> None:
    """A file of 600 MB that takes no room."""
    with path.open("wb") as file:
        file.truncate(600_000_000)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir, write_sparse],
    ids=["pipe", "endless", "folder", "large"],
)
def test_what_is_no_file_of_a_photograph_is_refused_at_once(tmp_path, make):
    path = tmp_path / "a.jpg"
    make(path)
    with pytest.raises(
        OSError, match=r"a pipe, not a file|a device, not a file|Is a directory|more than 512 MB"
    ):
        read_regular(path)


def test_a_pipe_of_the_shell_is_read_to_its_end():
    reader, writer = os.pipe()
    os.write(writer, b"photograph")
    os.close(writer)
    assert read_regular(f"/dev/fd/{reader}") == b"photograph"
    os.close(reader)


def test_a_pipe_that_stays_open_is_given_up(monkeypatch):
    monkeypatch.setattr("lentigo.common.file_reading.PIPE_SECONDS", 0.05)
    reader, writer = os.pipe()
    with pytest.raises(TimeoutError, match="not closed within"):
        read_regular(f"/dev/fd/{reader}")
    os.close(reader)
    os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no such devices")
def test_no_file_takes_the_place_of_a_device_or_a_pipe(tmp_path):
    """By a link, so that a device itself is in no danger here."""
    (tmp_path / "null.csv").symlink_to("/dev/null")
    (tmp_path / "full.csv").symlink_to("/dev/full")
    write_text(tmp_path / "null.csv", "image\n")
    with pytest.raises(SpaceError, match=r"full\.csv: could not be written \(No space left"):
        write_text(tmp_path / "full.csv", "image\n")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SpaceError, match=r"pipe\.csv: could not be written"):
        write_text(tmp_path / "pipe.csv", "nobody reads\n")
    reader = os.open(tmp_path / "pipe.csv", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe.csv", "image\n")
    assert os.read(reader, 100) == b"image\n"
    os.close(reader)
    assert (
        (tmp_path / "null.csv").is_char_device()
        and (tmp_path / "pipe.csv").is_fifo()
        and len(list(tmp_path.iterdir())) == 3
    )


def test_a_table_may_go_to_standard_output_that_is_a_file(tmp_path):
    code = "from lentigo.common.files import write_text; print('before', flush=True); write_text('/dev/stdout', 'image\\n'); print('after')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\nimage\nafter\n" and Path("/dev/stdout").is_symlink()
