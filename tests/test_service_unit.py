"""The unit for systemd, held by systemd itself where it is installed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[1] / "deploy" / "lentigo.service"
PROGRAM = "/opt/lentigo/bin/lentigo"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_finds_no_fault_in_the_unit(tmp_path):
    """The program is not installed here, so another takes its place; all else is as shipped."""
    text = UNIT.read_text(encoding="utf-8")
    assert f"ExecStart={PROGRAM} serve" in text
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace(PROGRAM, sys.executable), encoding="utf-8")
    result = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert result.returncode == 0 and result.stderr == ""


def test_the_service_has_no_rights_of_its_own():
    text = UNIT.read_text(encoding="utf-8")
    assert re.search(r"^DynamicUser=yes$", text, re.MULTILINE)
    assert re.search(r"^CapabilityBoundingSet=$", text, re.MULTILINE)
    assert re.search(r"^NoNewPrivileges=yes$", text, re.MULTILINE)
