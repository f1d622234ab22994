"""The bank's SFTP server, in process: one customer, two folders, `in` to write to and `out` to read from."""

from __future__ import annotations

import errno
import io
import logging
import os
import posixpath
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED
from paramiko.sftp import SFTP_NO_SUCH_FILE, SFTP_OK, SFTP_PERMISSION_DENIED

from gateway.sandbox.bank.identity import fsync_folder

_LOG = logging.getLogger(__name__)
_FOLDERS = ("in", "out")
_GOODBYE_SECONDS = 5


class Uploads:
    """Which files are open for writing, so that the bank does not take one that is only half there."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._guard = threading.Lock()
        self._open: dict[Path, int] = {}

    def begin(self, path: Path) -> None:
        """Note that somebody writes to `path`."""
        with self._guard:
            self._open[path] = self._open.get(path, 0) + 1

    def end(self, path: Path) -> None:
        """Note that a writer of `path` has closed it."""
        with self._guard:
            left = self._open.pop(path) - 1
            if left:
                self._open[path] = left
        self._wake()

    def arrived(self) -> None:
        """Note that a file got its final name."""
        self._wake()

    def is_being_written(self, path: Path) -> bool:
        """Tell whether somebody still writes to `path`."""
        with self._guard:
            return path in self._open


class SftpListener:
    """Accepts connections in a thread and serves each in its own; stops without leaving one behind."""

    def __init__(self, *, host_key: str, customer: str, customer_key: str, folder: Path, uploads: Uploads) -> None:
        self._host_key = paramiko.Ed25519Key.from_private_key(io.StringIO(host_key))
        self._customer = customer
        self._customer_key = paramiko.Ed25519Key.from_private_key(io.StringIO(customer_key))
        self._folder = folder
        self._uploads = uploads
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._guard = threading.Lock()
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._accept, name="sftp", daemon=True)
        self._stopped = False

    def bind(self, host: str, port: int) -> None:
        """Take the address. Raises OSError where somebody has it."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self._socket.listen(50)

    def start(self) -> None:
        """Begin to accept."""
        for name in _FOLDERS:
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, hang up, and wait for the threads."""
        self._stopped = True
        _hang_up(self._socket)
        if self._thread.is_alive():
            self._thread.join(_GOODBYE_SECONDS)
        with self._guard:
            transports = list(self._transports)
        for transport in transports:
            transport.close()
        for transport in transports:
            transport.join(_GOODBYE_SECONDS)

    def _accept(self) -> None:
        while not self._stopped:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            try:
                self._serve(line)
            except (OSError, EOFError, paramiko.SSHException) as error:
                _LOG.info("an SFTP connection was not served: %s", error)
                line.close()

    def _serve(self, line: socket.socket) -> None:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(line)
        transport.add_server_key(self._host_key)
        transport.set_subsystem_handler("sftp", SFTPServer, _Jail, folder=self._folder, uploads=self._uploads)
        gate = _Gate(self._customer, self._customer_key)
        with self._guard:
            self._transports = [known for known in self._transports if known.is_active()] + [transport]
        # With an event given, the negotiation goes on in the transport's own thread: a client that says nothing
        # holds up nobody else.
        transport.start_server(event=threading.Event(), server=gate)


def _hang_up(line: socket.socket) -> None:
    """Close a listening socket so that a thread waiting in `accept` wakes up."""
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        if error.errno not in {errno.ENOTCONN, errno.EBADF}:
            raise
    line.close()


class _Gate(paramiko.ServerInterface):
    """Lets one user in, by public key, to one subsystem."""

    def __init__(self, customer: str, key: paramiko.PKey) -> None:
        self._customer = customer
        self._key = key

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - paramiko's signature
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        good = username == self._customer and key.asbytes() == self._key.asbytes()
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 - paramiko's signature
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _OpenFile(SFTPHandle):
    """An open file; what was written is on disk when it is closed."""

    def __init__(self, path: Path, flags: int, uploads: Uploads) -> None:
        super().__init__(flags)
        self._path = path
        self._uploads = uploads
        self._writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        self._file = os.fdopen(os.open(path, flags | os.O_NOFOLLOW, 0o600), _mode(flags))
        self.readfile = self._file
        self.writefile = self._file
        if self._writes:
            uploads.begin(path)

    def close(self) -> None:
        if self._file.closed:
            return
        if self._writes:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if self._writes:
            fsync_folder(self._path.parent)
            self._uploads.end(self._path)

    def stat(self) -> SFTPAttributes | int:
        return SFTPAttributes.from_stat(os.fstat(self._file.fileno()))

    def chattr(self, attr: SFTPAttributes) -> int:  # noqa: ARG002 - paramiko's signature
        return SFTP_OK


class _Jail(paramiko.SFTPServerInterface):
    """The customer's folder and nothing else; `out` is the bank's to write."""

    def __init__(self, server: Any, *, folder: Path, uploads: Uploads) -> None:
        super().__init__(server)
        self._folder = folder
        self._uploads = uploads

    def canonicalize(self, path: str) -> str:
        return posixpath.normpath(posixpath.join("/", path))

    def list_folder(self, path: str) -> list[SFTPAttributes] | int:
        folder = self._real(path)
        if not folder.is_dir():
            return SFTP_NO_SUCH_FILE
        return [SFTPAttributes.from_stat(child.lstat(), child.name) for child in sorted(folder.iterdir())]

    def stat(self, path: str) -> SFTPAttributes | int:
        try:
            return SFTPAttributes.from_stat(self._real(path).lstat())
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or 0)

    def lstat(self, path: str) -> SFTPAttributes | int:
        return self.stat(path)

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> SFTPHandle | int:  # noqa: ARG002 - paramiko's signature
        real = self._real(path)
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        if writes and (not self._is_ours_to_write(path) or (real.exists() and not _is_draft(real))):
            return SFTP_PERMISSION_DENIED
        try:
            return _OpenFile(real, flags, self._uploads)
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or 0)

    def remove(self, path: str) -> int:
        real = self._real(path)
        if not self._is_ours_to_write(path) or not _is_draft(real):
            return SFTP_PERMISSION_DENIED
        try:
            real.unlink()
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or 0)
        return SFTP_OK

    def rename(self, oldpath: str, newpath: str) -> int:
        """Give a file its final name; a name that is taken is refused, also between two that try at once."""
        if not (self._is_ours_to_write(oldpath) and self._is_ours_to_write(newpath)):
            return SFTP_PERMISSION_DENIED
        old, new = self._real(oldpath), self._real(newpath)
        if not _is_draft(old):
            return SFTP_PERMISSION_DENIED
        try:
            os.link(old, new, follow_symlinks=False)
            old.unlink()
            fsync_folder(new.parent)
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or 0)
        self._uploads.arrived()
        return SFTP_OK

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return self.rename(oldpath, newpath)

    def mkdir(self, path: str, attr: SFTPAttributes) -> int:  # noqa: ARG002 - paramiko's signature
        return SFTP_PERMISSION_DENIED

    def rmdir(self, path: str) -> int:  # noqa: ARG002 - paramiko's signature
        return SFTP_PERMISSION_DENIED

    def chattr(self, path: str, attr: SFTPAttributes) -> int:  # noqa: ARG002 - paramiko's signature
        return SFTP_OK if self._real(path).exists() else SFTP_NO_SUCH_FILE

    def _real(self, path: str) -> Path:
        return self._folder / self.canonicalize(path).lstrip("/")

    def _is_ours_to_write(self, path: str) -> bool:
        return posixpath.dirname(self.canonicalize(path)) == "/in"


def _is_draft(path: Path) -> bool:
    return path.suffix == ".part"


def _mode(flags: int) -> str:
    if flags & os.O_APPEND:
        return "ab+" if flags & os.O_RDWR else "ab"
    if flags & os.O_RDWR:
        return "rb+"
    return "wb" if flags & os.O_WRONLY else "rb"
