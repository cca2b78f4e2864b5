"""A ZIP from somebody else gives photographs and tables within its folder, or one line that says why not."""

import os
import shutil
import stat
import struct
import zipfile
from collections import namedtuple

import pytest

from lentigo.datasets.published import zips
from lentigo.datasets.published.zip_limits import Limits
from lentigo.datasets.published.zips import MARK, unpack
from lentigo.errors import DataError, SpaceError

SMALL = Limits(free_bytes=0, spare_bytes=0)


def pack(path, **members):
    """A ZIP of members whose names have __ for / and _x for .x."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def list_files(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARK
    )


def test_photographs_and_tables_are_unpacked_into_a_folder_of_the_zips_name(tmp_path):
    path = pack(
        tmp_path / "a" / "set.zip",
        **{
            "x/mole ä 皮膚.JPG": "photo",
            "t.csv": "table",
            "HAM10000_metadata": "table",
            "x/run.exe": "program",
            "setup": "program",
        },
    )
    folder, problems = unpack(path, tmp_path / "out")
    assert folder == tmp_path / "out" / "set" and problems == []
    assert list_files(folder) == ["HAM10000_metadata", "t.csv", "x/mole ä 皮膚.JPG"]


def test_what_a_mac_or_an_editor_left_is_not_unpacked(tmp_path):
    folder, problems = unpack(
        pack(
            tmp_path / "s.zip", **{"__MACOSX/._a.jpg": "", ".hidden/a.jpg": "", "b/.a.jpg": "", "a.jpg": "x"}
        ),
        tmp_path,
    )
    assert list_files(folder) == ["a.jpg"] and problems == []


@pytest.mark.parametrize(
    "name",
    ["../evil.jpg", "a/../../evil.jpg", "/tmp/evil.jpg", "..\\evil.jpg", "C:\\evil.jpg", "a/../evil.csv"],
)
def test_names_that_lead_outside_are_listed_and_not_written(tmp_path, name):
    folder, problems = unpack(
        pack(tmp_path / "in" / "s.zip", **{name: "evil", "good.jpg": "x"}), tmp_path / "in"
    )
    assert list_files(tmp_path) == ["in/s.zip", "in/s/good.jpg"] and list_files(folder) == ["good.jpg"]
    assert [problem.error for problem in problems] == [
        "the name leads outside: left out; expected a name within the ZIP"
    ]


def test_a_link_is_listed_and_not_made(tmp_path):
    link = zipfile.ZipInfo("link.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.jpg", "x")
    folder, (problem,) = unpack(tmp_path / "s.zip", tmp_path)
    assert list_files(folder) == ["good.jpg"] and problem.error.startswith("a link or a device")


def test_an_encrypted_zip_is_refused_with_the_cure(tmp_path):
    path = pack(tmp_path / "s.zip", **{"a.jpg": "x"})
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"s\.zip: is encrypted; expected a ZIP without a password: unpack it yourself"
    ):
        unpack(path, tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x89PNG no ZIP", b"Rar!\x1a\x07"])
def test_what_is_no_zip_is_a_data_error(tmp_path, content):
    (tmp_path / "s.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"s\.zip: no readable ZIP .*; expected one that is whole"):
        unpack(tmp_path / "s.zip", tmp_path)


def test_a_bomb_is_refused_by_its_declared_ratio_and_nothing_is_written(tmp_path):
    path = pack(tmp_path / "s.zip", **{"a.bmp": bytes(4_000_000)})
    with pytest.raises(
        DataError,
        match=r"unpacks to 4 MB, \d+ times its size, as ZIP bombs do; expected photographs, at most 100 "
        r"times",
    ):
        unpack(path, tmp_path / "out", limits=SMALL)
    assert not (tmp_path / "out").exists()


def test_small_tables_and_masks_may_be_packed_as_tightly_as_they_can(tmp_path):
    folder, problems = unpack(pack(tmp_path / "s.zip", **{"mask.bmp": bytes(4_000_000)}), tmp_path)
    assert problems == [] and (folder / "mask.bmp").stat().st_size == 4_000_000


def test_members_that_overlap_count_each(tmp_path):
    """Fifield 2019: a thousand entries of the directory that share one body, each of them credible."""
    path = pack(tmp_path / "s.zip", **{"00000.jpg": os.urandom(20_000)})
    content, count = path.read_bytes(), 1000
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entries = b"".join(
        content[start:end].replace(b"00000", f"{number:05d}".encode()) for number in range(count)
    )
    path.write_bytes(
        content[:start]
        + entries
        + content[end : end + 8]
        + struct.pack("<HHII", count, count, len(entries), start)
        + b"\0\0"
    )
    with pytest.raises(DataError, match="as ZIP bombs do"):
        unpack(path, tmp_path / "out", limits=Limits(ratio=100, free_bytes=0))


def test_a_member_larger_than_it_declares_is_cut_off_and_listed(tmp_path):
    path = pack(tmp_path / "s.zip", **{"a.jpg": bytes(1_000_000), "b.jpg": "good"})
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", 1000)
    path.write_bytes(content)
    folder, (problem,) = unpack(path, tmp_path)
    assert list_files(folder) == ["b.jpg"] and problem.error.startswith("cannot be unpacked (Bad CRC-32")


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_damaged_in_any_packing_is_one_line(tmp_path, packing):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", bytes(range(256)) * 40, packing)
        archive.writestr("b.jpg", "sound")
    content = bytearray(path.read_bytes())
    content[40:70] = b"\xff" * 30
    path.write_bytes(content)
    folder, (problem,) = unpack(path, tmp_path)
    assert list_files(folder) == ["b.jpg"] and "copy the ZIP again" in problem.error


def test_a_member_whose_two_names_differ_is_one_short_line(tmp_path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("\u00e4.jpg", "x" * 500)  # spelled in UTF-8, and marked so
        archive.writestr("b.jpg", "sound")
    content = path.read_bytes()
    path.write_bytes(content.replace("\u00e4".encode(), b"\xff\xff", 1))
    folder, (problem,) = unpack(path, tmp_path)
    assert list_files(folder) == ["b.jpg"] and len(problem.error) < 300


def test_a_damaged_member_is_listed_and_the_others_are_unpacked(tmp_path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", "this will be damaged")
        archive.writestr("b.jpg", "this will not")
    path.write_bytes(path.read_bytes().replace(b"this will be", b"this w0ll be"))
    folder, (problem,) = unpack(path, tmp_path)
    assert (
        list_files(folder) == ["b.jpg"]
        and problem.image == f"{path}/a.jpg"
        and "copy the ZIP again" in problem.error
    )


@pytest.mark.parametrize(
    "limits, message",
    [(Limits(members=1), "holds 2 files; expected at most 1"), (Limits(member_bytes=3), None)],
)
def test_there_are_limits_to_the_number_and_the_size_of_members(tmp_path, limits, message):
    path = pack(tmp_path / "s.zip", **{"a.jpg": "12345", "b.jpg": "1"})
    if message:
        with pytest.raises(DataError, match=message):
            unpack(path, tmp_path, limits=limits)
    else:
        folder, (problem,) = unpack(path, tmp_path, limits=limits)
        assert (
            list_files(folder) == ["b.jpg"]
            and problem.error == "0 MB; expected a photograph or a table, at most 0 MB"
        )


def test_a_disk_that_is_too_small_is_a_space_error(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(2_000_000))
    with pytest.raises(
        SpaceError,
        match=r"unpacks to 4 MB, and .* has 2 MB free; free some space or name another disk with --extract",
    ):
        unpack(pack(tmp_path / "s.zip", **{"a.jpg": os.urandom(4_000_000)}), tmp_path / "out", limits=SMALL)
    assert not (tmp_path / "out").exists()


def test_a_zip_in_a_zip_is_unpacked_and_a_third_is_listed(tmp_path):
    third = pack(tmp_path / "third.zip", **{"c.jpg": "x"}).read_bytes()
    inner = pack(
        tmp_path / "inner.zip", **{"b.jpg": "x", "third.zip": third, "../evil.jpg": "x"}
    ).read_bytes()
    folder, problems = unpack(
        pack(tmp_path / "outer.zip", **{"parts/inner.zip": inner, "a.jpg": "x", "broken.zip": "x"}), tmp_path
    )
    assert list_files(folder) == ["a.jpg", "parts/inner/b.jpg"]
    assert [problem.image.removeprefix(f"{tmp_path}/") for problem in problems] == [
        "outer.zip/broken.zip",
        "outer.zip/parts/inner.zip/../evil.jpg",
        "outer.zip/parts/inner.zip/third.zip",
    ]


def test_what_was_unpacked_before_is_not_unpacked_again(tmp_path, monkeypatch):
    path = pack(tmp_path / "s.zip", **{"a.jpg": "x", "../b.jpg": "x"})
    first, said = unpack(path, tmp_path)
    monkeypatch.setattr(zips, "write_member", None)
    assert unpack(path, tmp_path) == (first, said) and len(said) == 1


def test_what_was_unpacked_in_part_is_unpacked_again(tmp_path):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("a.jpg", "this will be damaged")
    good = (tmp_path / "s.zip").read_bytes()
    (tmp_path / "s.zip").write_bytes(good.replace(b"this will be", b"this w0ll be"))
    assert len(unpack(tmp_path / "s.zip", tmp_path)[1]) == 1
    (tmp_path / "s.zip").write_bytes(good)
    folder, problems = unpack(tmp_path / "s.zip", tmp_path)
    assert problems == [] and list_files(folder) == ["a.jpg"] and folder.name == "s"


def test_another_zip_of_that_name_gets_a_folder_of_its_own(tmp_path):
    first, _ = unpack(pack(tmp_path / "x" / "s.zip", **{"a.jpg": "x"}), tmp_path)
    second, _ = unpack(pack(tmp_path / "y" / "s.zip", **{"a.jpg": "y"}), tmp_path)
    assert (
        (first / "a.jpg").read_text() == "x"
        and (second / "a.jpg").read_text() == "y"
        and second.name.startswith("s-")
    )


def test_a_folder_of_the_users_own_is_left_alone(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "mine.jpg").write_text("mine")
    folder, _ = unpack(pack(tmp_path / "s.zip", **{"a.jpg": "x"}), tmp_path)
    assert list_files(tmp_path / "s") == ["mine.jpg"] and list_files(folder) == ["a.jpg"]


@pytest.mark.parametrize(
    "members", [["a.jpg", "a.jpg"], ["a.jpg", "a.jpg/b.jpg"], ["a.jpg", "a.jpg/b/c.jpg"]]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_taken_is_listed(tmp_path, members):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for name in members:
            archive.writestr(name, name)
    folder, (problem,) = unpack(tmp_path / "s.zip", tmp_path)
    assert (
        list_files(folder) == ["a.jpg"]
        and problem.error == "a second file of that name: left out; expected each name once"
    )


def test_a_name_that_is_too_long_is_listed(tmp_path):
    _, (problem,) = unpack(pack(tmp_path / "s.zip", **{"x" * 300 + ".jpg": "x", "a.jpg": "x"}), tmp_path)
    assert problem.error.startswith("the name is too long")


def test_zips_in_a_zip_share_one_allowance(tmp_path):
    """Each of ten is within the limits alone; together they are a bomb, and what is left out is listed."""
    inner = pack(tmp_path / "inner.zip", **{"a.bmp": bytes(1_000_000)}).read_bytes()
    outer = pack(tmp_path / "outer.zip", **{f"{number}.zip": inner for number in range(10)})
    folder, problems = unpack(
        outer, tmp_path / "out", limits=Limits(ratio=1, free_bytes=3_500_000, spare_bytes=0)
    )
    assert list_files(folder) == [f"{number}/a.bmp" for number in range(3)]
    assert len(problems) == 7 and all("as ZIP bombs do" in problem.error for problem in problems)


def test_zips_in_a_zip_share_one_number_of_files(tmp_path):
    inner = pack(tmp_path / "inner.zip", **{"a.jpg": "x", "b.jpg": "x"}).read_bytes()
    outer = pack(tmp_path / "outer.zip", **{"1.zip": inner, "2.zip": inner})
    folder, (problem,) = unpack(outer, tmp_path / "out", limits=Limits(members=5))
    assert (
        list_files(folder) == ["1/a.jpg", "1/b.jpg"] and "holds 6 files; expected at most 5" in problem.error
    )


def test_what_a_killed_import_left_goes_with_the_next(tmp_path):
    gone, here = find_free_number(), os.getpid()
    for name in (f".s.{gone}-1.part", f".other.{gone}-1.part", f".s.{here}-1.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_text("x")
    (tmp_path / f".manifest.{gone}-1.part.csv").write_text("x")
    (tmp_path / ".mine.part").mkdir()
    unpack(pack(tmp_path / "s.zip", **{"a.jpg": "x"}), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [".mine.part", f".s.{here}-1.part", "s", "s.zip"]
    )


def find_free_number():
    """The number of a process that has ended."""
    import subprocess

    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_folder_that_is_being_written_stays(tmp_path):
    from lentigo.common.staging import remove_leftovers, stage_folder

    with stage_folder(tmp_path / "s") as staged:
        os.utime(staged, (0, 0))
        remove_leftovers(tmp_path)
        assert staged.is_dir()
    assert list(tmp_path.iterdir()) == []
