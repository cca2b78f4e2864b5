"""`lentigo receive`: images by C-STORE over real sockets on loopback, answered once, whatever happens."""

import io
import json
import random
import shutil
import subprocess
import sys
import threading
import time

import pydicom
import pytest
from dicom_toys import draw_pixels, encode, encode_jpeg, make_dataset, wrap_jpeg
from json_schemas import hold_schema
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    Comprehensive3DSRStorage,
    CTImageStorage,
    DermoscopicPhotographyImageStorage,
    SegmentationStorage,
    Verification,
)

from lentigo.cli.hospital.receive import check_titles, choose_destination
from lentigo.clinical.dimse.answering import Waits, answer_image, answer_until
from lentigo.clinical.dimse.destinations import DimseDestination, FolderDestination, read_address
from lentigo.clinical.dimse.receiver import Listening, Receiver, check_object
from lentigo.clinical.dimse.spool import Spool
from lentigo.clinical.worklist import Instance, Stored, name_report
from lentigo.errors import HospitalError, ImageError, SpaceError, UsageError
from lentigo.images.problems import Problem
from lentigo.inference.predictor import Predictor

KILLS = 8
PIXELS = draw_pixels()


def make_scan(frames=1):
    """A dermoscopic photograph of some JPEGs."""
    return pydicom.dcmread(io.BytesIO(wrap_jpeg(*[encode_jpeg(PIXELS)] * frames)))


@pytest.fixture
def receiver(tmp_path):
    """A receiver on a free port, whose reports are kept."""
    spool = Spool(tmp_path / "spool")
    reports = []
    made = Receiver(Listening(port=0), spool, "toy", reports.append)
    made.reports = reports
    made.start()
    yield made
    made.stop()
    spool.close()


def call(port, *datasets, title="LENTIGO", syntax=None, own="CAMERA"):
    """Sends data sets; the status and the comment of each. None where the call itself is not taken."""
    entity = AE(own)
    for dataset in datasets:
        meta = dataset.file_meta
        entity.add_requested_context(meta.MediaStorageSOPClassUID, syntax or meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, ae_title=title)
    if not association.is_established:
        return None
    answers = []
    for dataset in datasets:
        status = association.send_c_store(dataset)
        answers.append((status.Status, status.get("ErrorComment", "")))
    association.release()
    return answers


def test_an_image_that_is_accepted_is_on_the_disk(receiver):
    scan = make_scan()
    assert call(receiver.port, scan) == [(0x0000, "")]
    assert receiver.spool.list_waiting() == [scan.SOPInstanceUID]
    kept = receiver.spool.find(scan.SOPInstanceUID)
    assert pydicom.dcmread(kept).PixelData == scan.PixelData and kept.stat().st_mode & 0o77 == 0


def test_what_is_sent_twice_is_kept_once(receiver):
    scan = make_scan()
    assert call(receiver.port, scan, scan) == [(0x0000, "")] * 2
    assert receiver.spool.list_waiting() == [scan.SOPInstanceUID]


def test_an_image_that_is_answered_is_not_kept_again(receiver):
    scan = make_scan()
    receiver.spool.mark_done(name_report("toy", scan.SOPInstanceUID))
    assert call(receiver.port, scan) == [(0x0000, "")]
    assert receiver.spool.list_waiting() == []


def test_a_call_for_another_is_rejected(receiver):
    assert call(receiver.port, make_scan(), title="OTHER") is None
    (problem,) = receiver.reports
    assert "'OTHER'" in problem.error and "'LENTIGO'" in problem.error


def test_only_those_who_may_call_are_taken(tmp_path):
    spool = Spool(tmp_path)
    receiver = Receiver(Listening(port=0, callers=["CAMERA"]), spool, "toy", lambda problem: None)
    receiver.start()
    try:
        assert call(receiver.port, make_scan(), own="STRANGER") is None
        assert call(receiver.port, make_scan()) == [(0x0000, "")]
    finally:
        receiver.stop()


@pytest.mark.parametrize(
    "context", [(CTImageStorage, ExplicitVRLittleEndian), (None, "1.2.840.10008.1.2.4.100")]
)
def test_classes_and_syntaxes_that_are_not_read_are_not_negotiated(receiver, context):
    entity = AE("CAMERA")
    entity.add_requested_context(context[0] or DermoscopicPhotographyImageStorage, context[1])
    entity.add_requested_context(Verification)
    association = entity.associate("127.0.0.1", receiver.port, ae_title="LENTIGO")
    assert [accepted.abstract_syntax for accepted in association.accepted_contexts] == [Verification]
    assert association.send_c_echo().Status == 0x0000
    association.release()
    (problem,) = receiver.reports
    assert "not taken" in problem.error or "not read" in problem.error


def test_what_cannot_be_answered_is_refused_with_its_reason(receiver):
    document = make_scan()
    del document.PixelData
    nameless = make_scan()
    nameless.StudyInstanceUID = ""
    (first, second) = call(receiver.port, document, nameless)
    assert first[0] == 0xC000 and "without pixels" in first[1]
    assert second[0] == 0xC000 and "StudyInstanceUID" in second[1]
    assert receiver.spool.list_waiting() == [] and len(receiver.reports) == 2


def test_another_object_than_the_one_announced_is_refused():
    scan = make_scan()
    with pytest.raises(ImageError, match="announced"):
        check_object(encode(scan), generate_uid())


def test_frames_beyond_count_are_refused(monkeypatch):
    monkeypatch.setattr("lentigo.clinical.dimse.receiver.MAX_FRAMES", 2)
    film = make_scan(frames=3)
    with pytest.raises(ImageError, match="holds 3 frames"):
        check_object(encode(film), film.SOPInstanceUID)


def test_a_full_disk_is_out_of_resources(receiver, monkeypatch):
    def fill(uid, content):
        raise SpaceError("spool: no space left on device")

    monkeypatch.setattr(receiver.spool, "keep", fill)
    ((status, comment),) = call(receiver.port, make_scan())
    assert status == 0xA700 and "disk is full" in comment


def test_who_sends_without_end_is_cut_off(receiver, monkeypatch):
    monkeypatch.setattr("lentigo.clinical.dimse.receiver.MAX_FILE_BYTES", 50_000)
    large = make_dataset(draw_pixels(300, 300))
    entity = AE("CAMERA")
    entity.add_requested_context(large.SOPClassUID, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", receiver.port, ae_title="LENTIGO")
    assert "Status" not in association.send_c_store(large)
    assert receiver.spool.list_waiting() == [] and "more than" in receiver.reports[0].error
    assert call(receiver.port, make_scan()) == [(0x0000, "")]


def test_a_dry_run_refuses_so_that_the_sender_keeps_its_own(tmp_path):
    spool = Spool(tmp_path)
    seen = []
    receiver = Receiver(Listening(port=0), spool, "toy", seen.append, dry_run=True)
    receiver.start()
    scan = make_scan()
    ((status, comment),) = call(receiver.port, scan)
    receiver.stop()
    assert status == 0x0124 and "dry run" in comment and spool.list_waiting() == []
    assert seen == [Instance(scan.StudyInstanceUID, scan.SeriesInstanceUID, scan.SOPInstanceUID, 1)]


def test_a_port_that_is_taken_is_one_line(receiver):
    other = Receiver(Listening(port=receiver.port), receiver.spool, "toy", print)
    with pytest.raises(HospitalError, match="cannot listen there"):
        other.start()


def test_a_spool_belongs_to_one_process(tmp_path):
    pytest.importorskip("fcntl")
    first = Spool(tmp_path)
    with pytest.raises(UsageError, match="another `lentigo receive`"):
        Spool(tmp_path)
    first.close()
    Spool(tmp_path).close()


@pytest.mark.parametrize("text", ["PACS", "PACS@host", "@host:104", "PACS@host:0", "PACS@host:99999"])
def test_an_address_that_is_none_is_one_line(text):
    with pytest.raises(UsageError, match="such as PACS@10"):
        read_address(text)


def test_results_have_one_place(tmp_path):
    for send, out in (("", None), ("PACS@host:104", tmp_path)):
        with pytest.raises(UsageError, match="one place"):
            choose_destination(send, out, "LENTIGO")
    with pytest.raises(UsageError, match="1 to 16"):
        check_titles("A" * 17)


def test_waits_grow_and_end():
    waits = Waits()
    waits.put_off("1.2")
    assert not waits.may_try("1.2") and not waits.may_try("1.3")
    waits.put_off("1.2")
    assert waits.last["1.2"] == 10.0
    waits.forget("1.3")
    assert waits.may_try("1.3") and not waits.may_try("1.2")


# --- the command, with DCMTK's storescu as the sender


@pytest.fixture
def start(toy_run, tmp_path):
    """Starts `lentigo receive`; gives the process and its port."""
    processes = []

    def run(*words):
        command = [sys.executable, "-m", "lentigo", "receive", "--port", "0", "--model", str(toy_run())]
        command += ["--spool", str(tmp_path / "spool"), "--json", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process, json.loads(process.stdout.readline())["port"]

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def write_scans(folder, count):
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.dcm").write_bytes(encode(make_scan()))
    return sorted(folder.iterdir())


def send(port, paths, title="LENTIGO"):
    """DCMTK's storescu; its exit code is 0 where all was stored."""
    command = ["storescu", "-R", "-xy", "-aec", title, "127.0.0.1", str(port), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True).returncode


needs_storescu = pytest.mark.skipif(shutil.which("storescu") is None, reason="needs dcmtk")


@pytest.mark.check
@needs_storescu
def test_the_command_answers_what_storescu_sends(start, tmp_path):
    process, port = start("--out", str(tmp_path / "out"))
    scans = write_scans(tmp_path / "scans", 3)
    assert send(port, scans) == 0 and send(port, scans) == 0
    assert send(port, scans, title="OTHER") != 0
    lines = [json.loads(process.stdout.readline()) for _ in range(4)]
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0 and "3 images answered" in said
    hold_schema("receive", "lentigo receive --json", [line for line in lines if "error" not in line])
    assert len(list((tmp_path / "out").iterdir())) == 6 and "'OTHER'" in said
    assert list((tmp_path / "spool" / "waiting").iterdir()) == []


@pytest.mark.check
@needs_storescu
def test_kills_lose_and_double_nothing(start, pacs, tmp_path):
    """Killed at any moment, while images come and while results go."""
    scans = write_scans(tmp_path / "scans", 4)
    rng = random.Random(0)
    unsent = list(scans)
    words = ("--send", str(pacs.address))
    for _ in range(KILLS):
        process, port = start(*words)
        if unsent and send(port, [unsent[0]]) == 0:
            unsent.pop(0)
        time.sleep(2 * rng.random())
        process.kill()
        process.communicate()
    process, port = start(*words)
    for scan in unsent:
        assert send(port, [scan]) == 0
    waiting = tmp_path / "spool" / "waiting"
    deadline = time.monotonic() + 120
    while list(waiting.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.2)
    kinds = [modality for modality, _ in pacs.held]
    assert (kinds.count("SR"), kinds.count("SEG")) == (4, 4)


# --- answers


class Pacs:
    """Another store SCP, which counts what it gets; `status` is what it answers."""

    def __init__(self):
        self.status = 0x0000
        self.calls = []
        entity = AE("PACS")
        entity.add_supported_context(Comprehensive3DSRStorage)
        entity.add_supported_context(SegmentationStorage)
        entity.add_supported_context(Verification)
        handlers = [(evt.EVT_C_STORE, self.take)]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.address = read_address(f"PACS@127.0.0.1:{self.server.server_address[1]}")

    def take(self, event):
        if self.status == 0x0000:
            self.calls.append((event.dataset.Modality, str(event.dataset.SOPInstanceUID)))
        return self.status

    @property
    def held(self):
        return set(self.calls)


@pytest.fixture
def pacs():
    server = Pacs()
    yield server
    server.server.shutdown()


@pytest.fixture
def spool(tmp_path):
    made = Spool(tmp_path / "spool")
    yield made
    made.close()


def put(spool, dataset):
    spool.keep(dataset.SOPInstanceUID, encode(dataset))
    return dataset.SOPInstanceUID


def test_report_and_segmentation_of_each_frame_are_sent(pacs, spool, toy_run):
    uid = put(spool, make_scan(frames=2))
    predictor = Predictor(toy_run(), count=1)
    results = list(answer_image(spool, predictor, DimseDestination(pacs.address, "LENTIGO"), uid))
    assert [result.image for result in results] == [f"{uid}#1", f"{uid}#2"]
    assert [modality for modality, _ in pacs.calls] == ["SEG", "SR"] * 2
    assert {result.sr for result in results} == {name for modality, name in pacs.held if modality == "SR"}
    assert spool.list_waiting() == []


def test_what_is_refused_waits_and_is_sent_later(pacs, spool, toy_run):
    uid = put(spool, make_scan())
    predictor = Predictor(toy_run(), count=1)
    destination = DimseDestination(pacs.address, "LENTIGO", attempts=1)
    for status, words in ((0xA700, "out of resources"), (0x0124, "does not allow"), (0xC123, "C123")):
        pacs.status = status
        with pytest.raises(HospitalError, match=words):
            list(answer_image(spool, predictor, destination, uid))
        assert spool.list_waiting() == [uid] and pacs.calls == []
    pacs.status = 0x0000
    assert len(list(answer_image(spool, predictor, destination, uid))) == 1
    assert len(pacs.calls) == 2 and spool.list_waiting() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom leaves its socket
def test_a_destination_that_is_gone_is_one_line():
    destination = DimseDestination(read_address("PACS@127.0.0.1:1"), "LENTIGO", attempts=1)
    with pytest.raises(HospitalError, match="does not answer"):
        destination.echo()


def test_what_cannot_be_answered_is_set_aside(spool, toy_run, tmp_path):
    uid = put(spool, make_scan())
    spool.find(uid).write_bytes(b"damaged since")
    destination = FolderDestination(tmp_path / "out")
    (problem,) = answer_image(spool, Predictor(toy_run(), count=1), destination, uid)
    assert isinstance(problem, Problem) and (spool.aside / f"{uid}.dcm").exists()
    assert spool.list_waiting() == []


def test_images_are_answered_as_they_arrive(receiver, toy_run, tmp_path):
    predictor = Predictor(toy_run(), count=1)
    stop = threading.Event()
    results = []
    destination = FolderDestination(tmp_path / "out")

    def work():
        answer_until(stop, receiver.arrived, receiver.spool, predictor, destination, results.append)

    worker = threading.Thread(target=work)
    worker.start()
    scan = make_scan()
    call(receiver.port, scan)
    deadline = time.monotonic() + 60
    while not results and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    worker.join()
    (stored,) = results
    assert isinstance(stored, Stored) and stored.image == scan.SOPInstanceUID
    assert {path.stem for path in (tmp_path / "out").iterdir()} == {stored.sr, stored.seg}
