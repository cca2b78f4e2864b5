"""Clusters: what can be said without one, and, among the checks, a real one on loopback that loses a node."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from subprocess import PIPE

import pytest

from lentigo.common.parallel import ray_start, worker
from lentigo.common.parallel.ray_start import check_address
from lentigo.common.parallel.worker import make_task, name_versions, refuse_node
from lentigo.common.user_folders import set_environment
from lentigo.errors import ClusterError, UsageError

os.environ.update(ray_start.LOOPBACK)  # before any test imports Ray, which looks once
CLI = [sys.executable, "-m", "lentigo"]


def test_a_task_is_refused_by_a_node_with_another_lentigo():
    said, _, found = make_task()({**name_versions(), "Lentigo": "0.0.1"})
    assert said == "refused" and found == name_versions()


def test_a_task_is_welcome_on_a_node_with_the_same_versions():
    assert make_task()(name_versions())[0] == "ready"


def test_a_task_is_sent_whole_and_needs_no_lentigo_where_it_arrives(tmp_path):
    pickle = pytest.importorskip("ray.cloudpickle")
    (tmp_path / "task").write_bytes(pickle.dumps(make_task()))
    code = f"import sys; sys.modules['lentigo'] = None; import pickle; print(pickle.load(open({str(tmp_path / 'task')!r}, 'rb'))({{}}))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert "'refused'" in answer.stdout and "'Lentigo': 'none'" in answer.stdout, answer.stderr


def test_a_refusal_names_the_node_and_both_versions():
    message = str(refuse_node("ward-7", {"Lentigo": "0.0.1", "Python": "3.12"}))
    assert all(
        word in message
        for word in (
            "ward-7",
            "Lentigo 0.0.1",
            "Python 3.12",
            f"Lentigo {name_versions()['Lentigo']}",
            f"Python {name_versions()['Python']}",
        )
    )


def test_an_address_at_which_nobody_listens_is_an_error_with_its_cure():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ClusterError, match=r"nobody answers .*ray start --head"):
            check_address(f"127.0.0.1:{free.getsockname()[1]}")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", None], ids=["web server", "closes", "silent"]
)
def test_a_server_that_is_no_cluster_is_an_error(answer, monkeypatch):
    monkeypatch.setattr(ray_start, "ANSWER_SECONDS", 0.5)

    def serve(server):
        with server.accept()[0] as connection:
            connection.recv(100)
            if answer is None:
                time.sleep(1)
            connection.sendall(answer or b"")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        with pytest.raises(ClusterError, match="nobody answers"):
            check_address(f"127.0.0.1:{server.getsockname()[1]}")
        thread.join()


@pytest.mark.parametrize("address", ["nowhere", "http://host:1", "host:", ":6379", "host:port", ""])
def test_what_is_no_address_is_a_wrong_call(address):
    with pytest.raises(UsageError, match="is no address"):
        check_address(address)


def test_the_environment_is_put_back(monkeypatch):
    monkeypatch.setenv("LENTIGO_A", "before")
    with set_environment({"LENTIGO_A": "within", "LENTIGO_B": "within"}):
        assert os.environ["LENTIGO_A"] == os.environ["LENTIGO_B"] == "within"
    assert os.environ["LENTIGO_A"] == "before" and "LENTIGO_B" not in os.environ


def test_work_is_opened_once_in_a_worker():
    pickle, np = pytest.importorskip("ray.cloudpickle"), pytest.importorskip("numpy")
    opened = []

    class Doubling:
        def open(self, cores):
            opened.append(cores)
            return lambda batch: [2 * item for item in batch]

    worker._opened["key"] = Doubling().open(3)
    first = worker.do_batch(3, "key", np.empty(0, np.uint8), pickle.dumps([1, 2]))
    second = worker.do_batch(3, "key", np.empty(0, np.uint8), pickle.dumps([3]))
    assert pickle.loads(first) == [2, 4] and pickle.loads(second) == [6] and opened == [3]
    worker._opened.clear()


def call(*words, **options):
    """Output, errors and exit code of a command."""
    answer = subprocess.run([*CLI, *map(str, words)], capture_output=True, text=True, timeout=600, **options)
    return answer.stdout, answer.stderr, answer.returncode


def read_rows(text):
    """Rows of JSON without the time they took."""
    return [
        {key: value for key, value in json.loads(line).items() if key != "seconds"}
        for line in text.splitlines()
    ]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A folder of 160 synthetic lesions, a damaged file among them."""
    from lentigo.images.synthetic_lesions import write_synthetic_lesions

    folder = tmp_path_factory.mktemp("many")
    write_synthetic_lesions(folder, 80, seed=2)
    (folder / "benign" / "synthetic_bad.jpg").write_bytes(b"no photograph")
    return folder


@pytest.fixture(scope="module")
def nodes():
    """A cluster of a head and three nodes of one processor each, on loopback; only the last may be
    removed.
    """
    with set_environment(ray_start.QUIET):
        from ray.cluster_utils import Cluster

        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        found.extra = [found.add_node(num_cpus=1) for _ in range(2)]
        yield found
        found.shutdown()


@pytest.mark.check
def test_rows_are_those_of_one_machine_although_a_node_is_lost(nodes, many):
    names = [many / "benign", many / "malignant"]
    alone, _, _ = call("predict", *names, "--json")
    with subprocess.Popen(
        [*CLI, "predict", *map(str, names), "--json", "--cluster", nodes.address],
        stdout=PIPE,
        stderr=PIPE,
        text=True,
    ) as process:
        first = process.stdout.readline()
        nodes.remove_node(nodes.extra.pop(), allow_graceful=False)
        rest, errors = (
            process.stdout.read(),
            process.stderr.read(),
        )  # communicate() would lose what readline() has buffered
    assert process.returncode == 3
    together = read_rows(first + rest)  # every line is JSON: Ray's own words do not stand among them
    assert together == read_rows(alone)
    assert len({row["image"] for row in together}) == len(together) == 161
    assert re.fullmatch(
        r"1 left out:\n  .*synthetic_bad.jpg: not a photograph.*\n.* photographs: .*, 1 left out; threshold "
        r".*\n",
        errors,
    ), errors


@pytest.mark.check
def test_an_audit_is_that_of_one_machine(nodes, synthetic_lesions):
    alone, together = (
        call("audit", synthetic_lesions, "--json", *more) for more in ((), ("--cluster", nodes.address))
    )
    assert alone[2] == together[2], together[1]
    assert json.loads(together[0]) == json.loads(alone[0])


@pytest.mark.check
def test_nothing_is_left_of_workers_on_this_machine(many, tmp_path):
    out, errors, code = call(
        "predict", many / "malignant", "--json", "--csv", tmp_path / "answers.csv", "--cluster", "local"
    )
    assert code == 0 and len(read_rows(out)) == 80
    assert len(errors.splitlines()) == 1 and errors.startswith("80 photographs: ")  # the summary alone
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 81
    assert not [
        line
        for line in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout.splitlines()
        if "/lentigo-" in line and "raylet" in line
    ]


@pytest.mark.check
def test_a_stop_keeps_what_was_answered(many, tmp_path):
    with subprocess.Popen(
        [*CLI, "predict", str(many), "--json", "--csv", str(tmp_path / "a.csv"), "--cluster", "local"],
        stdout=PIPE,
        stderr=PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            if "error" not in json.loads(line):  # the damaged file is in no table
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "photographs answered" in errors
    assert len((tmp_path / "a.csv").read_text().splitlines()) >= 2
