"""The folder of an embedded server: its data, password, log and lock, and where its socket may be."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import IO

PORT = 54998
# a socket's path must fit sockaddr_un (108 bytes with its end on Linux, 104 on macOS)
_LONGEST_SOCKET = 100


class FolderInUseError(Exception):
    """Another live process supervises a server in this folder."""


class ServerFolder:
    """Paths under one directory; what is made here is private, what was there keeps its mode."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.data = self.directory / "data"
        self.unfinished = self.directory / "data.new"
        self.password = self.directory / "password"
        self.log = self.directory / "server.log"
        self.sockets = self._socket_folder()

    def prepare(self, owner: int | None) -> None:
        """Make the folders that are missing; what is ours of them goes to `owner` where one is given."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if owner is not None and self.directory.stat().st_uid == os.getuid():
            os.chown(self.directory, owner, owner)
        self._prepare_sockets(owner)

    def lock(self) -> IO[str]:
        """Claim the folder for this process until the file is closed. Raises FolderInUseError."""
        claim = (self.directory / "lock").open("a+")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            claim.seek(0)
            holder = claim.read().strip()
            claim.close()
            raise FolderInUseError(
                f"{self.directory} is in use by process {holder or 'unknown'}: stop it, or choose another folder",
            ) from None
        claim.truncate(0)
        claim.write(str(os.getpid()))
        claim.flush()
        return claim

    def clear_leftovers(self) -> None:
        """Remove socket and pid files of a server that is gone.

        After a restart of a container or machine the pid in `postmaster.pid` may belong to somebody else, and
        PostgreSQL would refuse to start. The folder is claimed, so nobody else starts a server here meanwhile.
        """
        if self.live_pid() is not None:
            return
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for leftover in self.sockets.glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)

    def live_pid(self) -> int | None:
        """Process id of the server that serves this folder now, or None."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        try:  # a postmaster lives in its data folder; without /proc the pid alone must do
            return pid if Path(f"/proc/{pid}/cwd").samefile(self.data) else None
        except OSError:
            return None if Path("/proc/self/cwd").exists() else pid

    def discard_unfinished(self) -> None:
        """Remove what an interrupted initdb left behind."""
        shutil.rmtree(self.unfinished, ignore_errors=True)

    def _socket_folder(self) -> Path:
        near = self.directory / "run"
        if len(os.fsencode(near / f".s.PGSQL.{PORT}.lock")) <= _LONGEST_SOCKET:
            return near
        name = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"tillgate-{os.getuid()}-{name}"

    def _prepare_sockets(self, owner: int | None) -> None:
        try:
            self.sockets.mkdir(mode=0o700)
        except FileExistsError:
            self._refuse_foreign(owner)
        else:
            if owner is not None:
                os.chown(self.sockets, owner, owner)

    def _refuse_foreign(self, owner: int | None) -> None:
        found = self.sockets.lstat()
        ours = found.st_uid in {os.getuid(), os.getuid() if owner is None else owner}
        if not stat.S_ISDIR(found.st_mode) or not ours or found.st_mode & 0o077:
            raise FolderInUseError(f"{self.sockets} is not a private folder of ours: remove it and start again")
