"""Downloads that are killed, stopped, or out of space, and what the next one makes of them."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from archive_server import Answer, ArchiveServer, draw_image, get, hidden, images

from lentigo.datasets.archive.receipts import read_receipts
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import SpaceError

RUN_QUICK = """
import sys
from lentigo.datasets.archive.downloads import download_archive
from lentigo.datasets.archive.faults import Patience
print(download_archive(sys.argv[1], url=sys.argv[2], threads=2, patience=Patience(attempts=2, first_wait=0.01)))
"""


@pytest.fixture
def server():
    with ArchiveServer(12) as server:
        yield server


@pytest.fixture
def out(tmp_path):
    return tmp_path / "isic"


@contextmanager
def halfway(server, out, name, start):
    """A download in a process of its own that has half of a photograph and waits for the rest, and the event
    that it waits for.
    """
    hold = threading.Event()
    server.faults[name] = [Answer(body=server.files[name], cut=1000, hold=hold)]
    with start(out, server) as process:
        while not list(out.glob(f".{name}.*.part.jpg")):
            assert process.poll() is None
            time.sleep(0.01)
        yield process, hold
        hold.set()


def start_quick(out, server):
    return subprocess.Popen(
        [sys.executable, "-c", RUN_QUICK, str(out), server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_command(out, server):
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from lentigo.cli.app import main; main()"
    words = [
        sys.executable,
        "-c",
        code,
        "data",
        "get",
        "isic",
        "--out",
        str(out),
        "--url",
        server.url,
        "--threads",
        "2",
    ]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_download_that_was_killed_goes_on_where_it_was(server, out):
    with halfway(server, out, "ISIC_0000004", start_quick) as (process, _):
        while "ISIC_0000005" not in images(out):
            time.sleep(0.01)
        process.kill()
        process.wait()
    there = images(out)
    assert 7 <= len(there) < 12 and "ISIC_0000004" not in there and hidden(out)
    assert load_dataset(out).problems  # a data set already, in which some are missing
    noted = set(read_receipts(out / ".archive" / "receipts.jsonl"))
    server.log.clear()
    assert get(server, out).problems == ()
    assert images(out) == server.files and hidden(out) == []
    assert server.fetched() == sorted(set(server.files) - noted) and len(there) - len(noted) <= 2


def test_ctrl_c_says_how_far_it_came_and_leaves_what_is_finished(server, out):
    with halfway(server, out, "ISIC_0000004", start_command) as (process, hold):
        while "ISIC_0000005" not in images(out):
            time.sleep(0.01)
        server.always = dict.fromkeys(server.files, Answer(503))  # whatever comes now does not
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        hold.set()
        words = process.communicate(timeout=20)[1]
    assert process.returncode == 130 and hidden(out) == []
    assert re.fullmatch(
        r"lentigo: stopped; \d+ of 12 photographs are there, the same command fetches the others\n", words
    )
    server.always.clear()
    assert 8 <= len(images(out)) < 12 and get(server, out).problems == () and images(out) == server.files


@pytest.mark.check
def test_killed_at_random_moments_by_an_archive_full_of_faults_it_still_ends_whole(out):
    luck = random.Random(1)
    with ArchiveServer(150) as server:
        for name in luck.sample(sorted(server.files), 60):
            content = server.files[name]
            faults = [
                Answer(429, headers={"Retry-After": "0"}),
                Answer(503),
                Answer(body=content, cut=luck.randrange(len(content))),
                Answer(body=content[:-1]),
            ]
            server.faults[name] = luck.choices(faults, k=2)
        kills = 0
        while len(read_receipts(out / ".archive" / "receipts.jsonl")) < 140:
            before = len(read_receipts(out / ".archive" / "receipts.jsonl"))
            server.on_file = lambda _: time.sleep(0.02)
            with start_quick(out, server) as process:
                while (
                    len(read_receipts(out / ".archive" / "receipts.jsonl")) < before + 5
                    and process.poll() is None
                ):
                    time.sleep(luck.random() * 0.02)
                process.kill()
                kills += 1
        get(
            server, out
        )  # two wrong bodies in a row are as many as QUICK puts up with: such a photograph is left to the next call
        assert get(server, out).problems == () and kills > 5
        assert images(out) == server.files and hidden(out) == [] and len(load_dataset(out)) == 100


def mount(folder, options):
    """Mounts a small file system of its own, where that is allowed."""
    folder.mkdir()
    if (
        os.name != "posix"
        or os.getuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True
        ).returncode
    ):
        pytest.skip("no file system can be mounted here")


@pytest.fixture
def disk(tmp_path):
    """A file system of 128 kB, for root alone."""
    mount(tmp_path / "disk", "size=128k")
    yield tmp_path / "disk"
    subprocess.run(["umount", "-l", tmp_path / "disk"], check=True)


def test_a_disk_that_is_too_small_is_said_before_a_file_is_asked_for(disk):
    with ArchiveServer(60) as server:
        with pytest.raises(
            SpaceError, match=r"disk/isic: .* kB are still to come and .* kB are free; free some space"
        ):
            get(server, disk / "isic")
        assert server.fetched() == [] and not (disk / "isic" / "metadata.csv").exists()


def test_a_disk_that_fills_up_on_the_way_leaves_nothing_half_written(disk):
    out = disk / "isic"
    with ArchiveServer(16) as server:

        def fill(name):
            if name == "ISIC_0000010" and not (disk / "filler").exists():
                with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
                    while file.write(b"x" * 512):
                        pass

        server.on_file = fill
        with pytest.raises(
            SpaceError, match=r"could not be written \(No space left on device\); free some space"
        ):
            get(server, out, threads=2)
        there = images(out)
        assert (
            4 <= len(there) < 16
            and all(server.files[name] == content for name, content in there.items())
            and hidden(out) == []
        )
        (disk / "filler").unlink()
        server.on_file = lambda _: None
        server.log.clear()
        assert get(server, out).problems == () and images(out) == server.files
        assert len(server.fetched()) <= 16 - len(there) + 2  # a receipt may not have found room


def test_a_file_system_that_takes_no_larger_files_is_a_space_error_too(server, out):
    server.files["ISIC_0000003"] = draw_image(3, side=256)
    server.entries["ISIC_0000003"] = server.describe("ISIC_0000003")
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)){RUN_QUICK}"
    result = subprocess.run(
        [sys.executable, "-c", code, str(out), server.url], capture_output=True, text=True, timeout=60
    )
    assert (
        result.returncode == 1
        and "SpaceError: " in result.stderr
        and "ISIC_0000003.jpg: could not be written (File too large)" in result.stderr
    )
    assert hidden(out) == [] and "ISIC_0000003" not in images(out)
    assert get(server, out).problems == () and images(out) == server.files


def test_a_folder_that_may_not_be_written_is_a_space_error(server, tmp_path):
    mount(tmp_path / "disk", "size=64k,ro")
    try:
        with pytest.raises(SpaceError, match="Read-only file system"):
            get(server, tmp_path / "disk" / "isic")
        assert server.fetched() == []
    finally:
        subprocess.run(["umount", "-l", tmp_path / "disk"], check=True)
