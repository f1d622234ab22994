"""Three PostgreSQL nodes, one primary and two standbys, any one of which must confirm a commit; their misfortunes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from gateway.kernel.clock import SystemClock
from gateway.kernel.postgres import launch
from gateway.kernel.postgres.account import choose_account
from gateway.kernel.postgres.binaries import find_binaries
from gateway.kernel.postgres.migrate import migrate
from gateway.kernel.postgres.pool import DATABASE_ERRORS

NAMES = ("n1", "n2", "n3")
DATABASE = "gateway"
USER = "tillgate"
PORT = 54997
_WITHIN_S = 60.0


class Node:
    """One server in a folder of its own; its socket folder is private, so nobody is asked for a password."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.home = directory / name
        self.data = self.home / "data"
        self.log = self.home / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self._account = choose_account(user=os.getuid(), owner=None)
        self._programs = find_binaries().folder
        self.home.mkdir(mode=0o700)
        if self._account.user is not None:
            os.chown(self.home, self._account.user, self._account.user)

    @property
    def conninfo(self) -> str:
        """Where others of the cluster find it."""
        return f"host={self.home} port={PORT} user={USER}"

    def dsn(self, database: str = DATABASE) -> str:
        """Its own address."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.home))}&port={PORT}"

    def make(self) -> None:
        """Make an empty server."""
        self._run("initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")

    def copy(self, primary: Node, *options: str) -> None:
        """Make it a copy of `primary`, by default one that follows it."""
        self._run("pg_basebackup", "-d", primary.conninfo, "-D", self.data, "-c", "fast", *(options or ("-R",)))

    def start(self, **settings: str) -> None:
        """Start it; it ends with this process."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.home),
            "port": str(PORT),
            "cluster_name": self.name,
            "shared_buffers": "32MB",
            "wal_keep_size": "256MB",
            "wal_retrieve_retry_interval": "100ms",
            "max_connections": "60",
            "synchronous_standby_names": f"ANY 1 ({', '.join(name for name in NAMES if name != self.name)})",
            **settings,
        }
        pairs = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._launched("postgres", "-D", str(self.data), *pairs),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
                cwd=self.home,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it as a power cut does, sessions and all."""
        if self.process is None or self.process.poll() is not None:
            return
        pids = [self.process.pid, *self._children()]
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it cleanly."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(_WITHIN_S)

    def halt(self, *, go_on: bool = False) -> None:
        """Let it stand still, or go on: to the others it looks like a network that takes nothing any more."""
        assert self.process is not None
        for pid in (self.process.pid, *self._children()):
            _signal(pid, signal.SIGCONT if go_on else signal.SIGSTOP)

    def follow(self, primary: Node) -> None:
        """Follow another primary from now on."""
        conninfo = f"{primary.conninfo} application_name={self.name}"
        with (self.data / "postgresql.auto.conf").open("a") as conf:
            conf.write(f"primary_conninfo = '{conninfo}'\n")
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    async def answers(self, query: str, wanted: Callable[[Any], Any] = bool, database: str = "postgres") -> Any:
        """Ask until the answer is as wanted; returns it."""
        clock = SystemClock()
        ends = clock.monotonic() + _WITHIN_S
        while True:
            with suppress(*DATABASE_ERRORS):
                connection = await asyncpg.connect(self.dsn(database), timeout=5)
                try:
                    answer = await connection.fetchval(query)
                finally:
                    await connection.close()
                if wanted(answer):
                    return answer
            assert clock.monotonic() < ends, f"{self.name}: {query}\n{self.words()}"
            await asyncio.sleep(0.02)

    def words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:]) if self.log.exists() else ""

    def _children(self) -> list[int]:
        assert self.process is not None
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with suppress(OSError):
            return [int(pid) for pid in listed.read_text().split()]
        return []

    def _run(self, program: str, *arguments: object) -> None:
        command = self._launched(program, *map(str, arguments))
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.home)
        assert done.returncode == 0, done.stderr

    def _launched(self, program: str, *arguments: str) -> list[str]:
        user = "-" if self._account.user is None else str(self._account.user)
        launcher = (sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), user)
        return [*self._account.prefix, *launcher, str(self._programs / program), *arguments]


def _signal(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)


class Cluster:
    """The three nodes; `primary` is the one that is believed to be it."""

    def __init__(self, directory: Path) -> None:
        self.nodes = [Node(directory, name) for name in NAMES]
        self.primary = self.nodes[0]

    @property
    def dsn(self) -> str:
        """The address a gateway is given: all three hosts, the one that takes writes."""
        hosts = quote(",".join(str(node.home) for node in self.nodes), safe=",/")
        ports = ",".join(str(PORT) for _ in self.nodes)
        return f"postgresql://{USER}@/{DATABASE}?host={hosts}&port={ports}&target_session_attrs=read-write"

    @property
    def standbys(self) -> list[Node]:
        """The others."""
        return [node for node in self.nodes if node is not self.primary]

    async def start(self, **settings: str) -> None:
        """Make and start all three and the migrated database."""
        self.primary.make()
        self.primary.start(**settings)
        await self.primary.answers("SELECT true")
        for node in self.standbys:
            node.copy(self.primary)
            node.start()
        await self.confirmed(2)
        connection = await asyncpg.connect(self.primary.dsn("postgres"))
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        await connection.close()
        await migrate(self.primary.dsn())

    async def confirmed(self, standbys: int) -> None:
        """Wait until so many standbys follow and count."""
        counting = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'"
        await self.primary.answers(counting, lambda count: count >= standbys)

    async def fail_over(self, *, silently: bool = False) -> Node:
        """End the primary, promote the standby that has most, let the other follow it; returns the old primary.

        It is killed, or `silently` stands still from now on: its connections stay open, and nothing answers.
        """
        dead = self.primary
        dead.halt() if silently else dead.kill()
        received = "SELECT pg_last_wal_receive_lsn() - '0/0'::pg_lsn"
        has = {node: await node.answers(received) for node in self.standbys}
        self.primary = max(has, key=lambda node: has[node])
        await self.primary.answers("SELECT pg_promote()")
        for node in self.standbys:
            if node is not dead:
                node.follow(self.primary)
        return dead

    async def rejoin(self, node: Node) -> None:
        """Make an ended primary a standby of the present one."""
        node.kill()
        shutil.rmtree(node.data)
        node.copy(self.primary)
        node.start()
        await self.confirmed(2)

    def stop(self) -> None:
        """End everything."""
        for node in self.nodes:
            node.kill()


@asynccontextmanager
async def open_cluster(**settings: str) -> AsyncIterator[Cluster]:
    """A cluster that is gone with its folder when the block ends; `settings` are for the first primary."""
    directory = Path(tempfile.mkdtemp(prefix="tg-nodes-"))
    cluster = Cluster(directory)
    try:
        await cluster.start(**settings)
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)
