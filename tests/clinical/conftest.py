"""What tests of both protocols need."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Certificates with their keys, each signed by itself: of a server on loopback, and of a client."""
    folder = tmp_path_factory.mktemp("tls")
    files = {}
    for name in ("server", "client", "stranger"):
        files[name] = folder / f"{name}.pem"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        command += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
        subprocess.run(
            [*command, "-keyout", f"{files[name]}.key", "-out", files[name]], check=True, capture_output=True
        )
        with files[name].open("ab") as file:
            file.write(Path(f"{files[name]}.key").read_bytes())
    return files
