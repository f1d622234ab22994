from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from connectors.sftp import SftpAddress

SSHD = os.environ.get("TILLGATE_SSHD") or shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")


@dataclass
class SftpServer:
    """A real OpenSSH server of this test run, with one folder for each direction."""

    address: SftpAddress
    root: Path


def _key() -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _private_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen) -> None:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        assert process.poll() is None, "sshd ended at its start"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("sshd does not answer")


@pytest.fixture(scope="session")
def sshd(tmp_path_factory) -> Iterator[SftpServer]:
    if SSHD is None:
        pytest.skip("needs OpenSSH's server: apt-get install openssh-server")
    home, port = tmp_path_factory.mktemp("sshd"), _free_port()
    host_private, host_public = _key()
    user_private, user_public = _key()
    _private_file(home / "host", host_private)
    _private_file(home / "authorized", user_public + "\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    settings = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {home / 'host'}",
        f"AuthorizedKeysFile {home / 'authorized'}",
        f"PidFile {home / 'pid'}",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
        "Subsystem sftp internal-sftp",
    ]
    (home / "config").write_text("\n".join(settings) + "\n")
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(home / "config")], stderr=subprocess.DEVNULL)
    _wait_for(port, process)
    address = SftpAddress(
        host="127.0.0.1", port=port, user=getpass.getuser(), private_key=user_private, host_key=host_public
    )
    yield SftpServer(address, home)
    process.terminate()
    process.wait(10)


@pytest.fixture
def sftp(sshd: SftpServer, tmp_path: Path) -> SftpServer:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    return SftpServer(sshd.address, tmp_path)
