"""The embedded server: a real PostgreSQL as our direct child, private, durable, gone when we are gone.

Every way it can be found is covered: never started, stopped cleanly, killed, still shutting down after our own death,
a pid file that names a stranger. Nothing here adds users or changes modes of folders that were there before.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO
from urllib.parse import quote

import asyncpg
import structlog

from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.postgres import launch
from gateway.kernel.postgres.account import Account, choose_account, owner_of
from gateway.kernel.postgres.binaries import Binaries, find_binaries
from gateway.kernel.postgres.folder import PORT, ServerFolder
from gateway.kernel.randomness import Randomness, SystemRandomness

_LOG = structlog.get_logger(__name__)

USER = "tillgate"
DATABASE = "gateway"
# what a server says while a killed predecessor, or one that is shutting down, still holds the folder
_HELD = ("postmaster.pid", "shared memory block", "could not lock", "Address already in use")
_HELD_FOR_S = 10.0
_STOP_FOR_S = 60.0
_NOT_YET = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InternalClientError,
    TimeoutError,
)


class EmbeddedPostgresError(Exception):
    """The server could not be made or started; the text has the server's own words and what to do."""


class EmbeddedPostgres:
    """Owns one server in one directory.

    Start it from the main thread: the server is told of the end of the thread that started it. While it runs it is
    watched, and started again where it ended by itself; `stop` ends both. `parameters` are server settings on top of
    ours (`{"fsync": "off"}` for tests). Source: components of the house, PostgreSQL 18 documentation chapter 18.
    """

    def __init__(
        self,
        *,
        directory: Path,
        binaries: Path | None = None,
        parameters: Mapping[str, str] = MappingProxyType({}),
        randomness: Randomness | None = None,
        clock: Clock | None = None,
        start_within_s: float = 600.0,
    ) -> None:
        self._folder = ServerFolder(directory)
        self._setting = binaries
        self._parameters = dict(parameters)
        self._randomness = randomness or SystemRandomness()
        self._clock = clock or SystemClock()
        self._start_within_s = start_within_s
        self._account = Account()
        self._binaries: Binaries | None = None
        self._claim: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the running server, or None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def dsn(self, database: str = DATABASE) -> str:
        """Return the address of `database` on this server, password included: never to be logged."""
        return _dsn(self._folder, database)

    async def start(self) -> str:
        """Start the server, make it first where there is none, and return the DSN once it answers.

        Starting twice is harmless. Raises EmbeddedPostgresError, NoBinariesError or FolderInUseError.
        """
        async with self._lock:
            if self.pid is None:
                _require_main_thread()
                await self._bring_up()
            if self._watch is None:
                self._watch = asyncio.create_task(self._keep_up(), name="embedded-postgres")
        return self.dsn()

    async def stop(self) -> None:
        """End the server cleanly: sessions are cut, everything committed is on disk."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        async with self._lock:
            if self._process is not None:
                await self._end(self._process)
                self._process = None
            if self._claim is not None:
                self._claim.close()
                self._claim = None

    async def restart(self) -> str:
        """Stop and start; returns the same DSN."""
        await self.stop()
        return await self.start()

    async def _bring_up(self) -> None:
        self._account = choose_account(user=os.getuid(), owner=owner_of(self._folder.data))
        self._folder.prepare(self._account.user)
        self._claim = self._claim or self._folder.lock()
        try:
            self._binaries = await asyncio.to_thread(find_binaries, self._setting)
            if not self._folder.data.exists():
                await asyncio.to_thread(self._make)
            self._refuse_other_version()
            await self._start_server()
            await self._make_database()
        except BaseException:
            await self._give_up()
            raise

    async def _give_up(self) -> None:
        if self._process is not None:
            await self._end(self._process)
            self._process = None
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def _make(self) -> None:
        """Run initdb beside the final place and rename: a kill in between leaves no half a data folder."""
        self._folder.discard_unfinished()
        self._write_password()
        locale = (
            ["--locale-provider=builtin", "--locale=C.UTF-8"] if self._programs.major >= 17 else ["--locale=C.UTF-8"]
        )
        command = [
            *(self._programs.initdb, "-D", str(self._folder.unfinished), "-U", USER, "-A", "scram-sha-256"),
            *("--pwfile", str(self._folder.password), "-E", "UTF8", "--data-checksums", *locale),
        ]
        run = subprocess.run(  # noqa: S603 - our own arguments
            self._behind_launcher(command),
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            cwd=self._folder.directory,
        )
        if run.returncode:
            self._folder.discard_unfinished()
            raise EmbeddedPostgresError(self._cannot("create the database", run.stderr))
        self._folder.unfinished.rename(self._folder.data)

    def _write_password(self) -> None:
        self._folder.password.unlink(missing_ok=True)
        self._folder.password.touch(mode=0o600)
        self._folder.password.write_text(self._randomness.octets(24).hex())
        if self._account.user is not None:
            os.chown(self._folder.password, self._account.user, self._account.user)

    def _refuse_other_version(self) -> None:
        found = (self._folder.data / "PG_VERSION").read_text().strip()
        if found != str(self._programs.major):
            raise EmbeddedPostgresError(
                f"{self._folder.data} was made by PostgreSQL {found}, the programs in {self._programs.folder} are"
                f" {self._programs.major}: set [database] binaries to version {found}, or dump and restore",
            )

    async def _start_server(self) -> None:
        """Start and wait; a folder that is still held by a dying predecessor is tried again for a while."""
        end = self._clock.monotonic() + _HELD_FOR_S
        while True:
            self._folder.clear_leftovers()
            mark = self._folder.log.stat().st_size if self._folder.log.exists() else 0
            self._process = self._spawn()
            if await self._answers(self._process):
                return
            words = self._words_since(mark)
            if not any(held in words for held in _HELD) or self._clock.monotonic() > end:
                raise EmbeddedPostgresError(self._cannot("start the database", words))
            await asyncio.sleep(0.1)

    def _spawn(self) -> subprocess.Popen[bytes]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder.sockets),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "lc_messages": "C",
            **self._parameters,
        }
        pairs = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [self._programs.postgres, "-D", str(self._folder.data), *pairs]
        with self._folder.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own arguments
                self._behind_launcher(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                cwd=self._folder.directory,
                start_new_session=True,  # Ctrl-C in a terminal is for us; we end the server when we are done
            )

    def _behind_launcher(self, command: list[str]) -> list[str]:
        user = "-" if self._account.user is None else str(self._account.user)
        launcher = (sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), user)
        return [*self._account.prefix, *launcher, *command]

    async def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until the server takes connections; False where it ended. Recovery after a crash may take its time."""
        end = self._clock.monotonic() + self._start_within_s
        while process.poll() is None:
            try:
                connection = await asyncpg.connect(self.dsn("postgres"), timeout=5)
            except _NOT_YET:
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return True
            if self._clock.monotonic() > end:
                raise EmbeddedPostgresError(self._cannot(f"start the database in {self._start_within_s:.0f} s", ""))
        return False

    async def _make_database(self) -> None:
        connection = await asyncpg.connect(self.dsn("postgres"), timeout=30)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()

    async def _keep_up(self) -> None:
        """Start the server again where it ended without our asking."""
        pause = 0.2
        while True:
            await asyncio.sleep(pause)
            async with self._lock:
                if self._process is not None and self._process.poll() is None:
                    pause = 0.2
                    continue
                try:
                    _LOG.warning("database ended by itself, starting it again")
                    await self._start_server()
                except (EmbeddedPostgresError, OSError) as error:
                    _LOG.error("database does not start", error=str(error))
                    pause = min(pause * 2, 30.0)

    async def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Fast shutdown; where it takes too long, immediate shutdown; then the kill that recovery is made for."""
        for request, patience in ((signal.SIGINT, _STOP_FOR_S), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
            if process.poll() is not None:
                return
            process.send_signal(request)
            end = self._clock.monotonic() + patience
            while process.poll() is None and self._clock.monotonic() < end:  # noqa: ASYNC110 - a process gives no event
                await asyncio.sleep(0.01)

    def _words_since(self, mark: int) -> str:
        with self._folder.log.open("rb") as log:
            log.seek(mark)
            return log.read(8192).decode(errors="replace")

    def _cannot(self, what: str, words: str) -> str:
        hint = ""
        if os.getuid() == 0 and self._account.user is not None:
            hint = (
                f" It runs as user {self._account.user} because root may not run PostgreSQL, and user namespaces and"
                f" the capability DAC_OVERRIDE are refused here: that user must be able to enter"
                f" {self._folder.directory} and to read {self._programs.folder}; or start as an ordinary user; or set"
                " [database] dsn to a running server."
            )
        tail = " | ".join(line for line in words.strip().splitlines()[-8:])
        return f"cannot {what} in {self._folder.directory}: {tail or 'no answer'}. Log: {self._folder.log}.{hint}"

    @property
    def _programs(self) -> Binaries:
        if self._binaries is None:
            self._binaries = find_binaries(self._setting)
        return self._binaries


def running_dsn(directory: Path, database: str = DATABASE) -> str | None:
    """Return the DSN of the server that another process runs in `directory`, or None where there is none."""
    folder = ServerFolder(directory)
    return _dsn(folder, database) if folder.live_pid() is not None and folder.password.exists() else None


def discard(directory: Path) -> None:
    """Remove a stopped server's folder and its socket folder, data included."""
    folder = ServerFolder(directory)
    shutil.rmtree(folder.sockets, ignore_errors=True)
    shutil.rmtree(folder.directory, ignore_errors=True)


def _dsn(folder: ServerFolder, database: str) -> str:
    try:
        password = folder.password.read_text().strip()
    except FileNotFoundError:
        raise EmbeddedPostgresError(f"{folder.password} is missing: without it nobody can log in") from None
    return f"postgresql://{USER}:{password}@/{database}?host={quote(str(folder.sockets))}&port={PORT}"


def _environment() -> dict[str, str]:
    """Only what the programs need: no PG* variable of the caller's, messages in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _require_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise EmbeddedPostgresError("start the embedded database from the main thread: it ends with its starter")
