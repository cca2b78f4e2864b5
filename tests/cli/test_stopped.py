"""A command that is asked to end leaves no temporary file behind, and dies of the signal that it got."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of another system")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_end_leaves_nothing_half_written(tmp_path, name):
    number = getattr(signal, name)
    # Under nohup, say, a process would ignore the signal, and draw all of them
    code = (
        f"import signal; signal.signal(signal.{name}, signal.SIG_DFL); "
        "from lentigo.cli.app import main; main()"
    )
    words = ["data", "synth", "--out", str(tmp_path), "--count", "5000"]
    with subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True) as process:
        while len(list(tmp_path.glob("masks/[!.]*.png"))) < 2:
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait() == -number
        assert process.stderr.read() == f"lentigo: stopped ({name})\n"
    assert not list(tmp_path.rglob(".*.part*"))


def test_what_nohup_ignores_stays_ignored():
    code = (
        "import signal; from lentigo.cli.app import stop_on_signals; "
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); stop_on_signals(); "
        "print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "True\n"
