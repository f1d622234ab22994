from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from gateway.kernel.postgres import embedded as module
from gateway.kernel.postgres.account import Account, choose_account, owner_of
from gateway.kernel.postgres.binaries import NoBinariesError, find_binaries
from gateway.kernel.postgres.embedded import EmbeddedPostgres, EmbeddedPostgresError, discard, running_dsn
from gateway.kernel.postgres.folder import FolderInUseError, ServerFolder

# these tests are about durability: fsync stays on, as in production
SMALL = {"shared_buffers": "16MB", "max_wal_size": "64MB"}

PARENT = """
import asyncio, sys
from pathlib import Path
from gateway.kernel.postgres.embedded import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(directory=Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="tg-"))
    yield made / "db"
    discard(made / "db")
    made.rmdir()


@pytest.fixture
async def server(directory: Path) -> AsyncIterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(directory=directory, parameters=SMALL)
    yield made
    await made.stop()


async def fetch(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def until(holds: Callable[[], bool], *, within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "did not happen in time"
        await asyncio.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


def launch_parent(directory: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PARENT, str(directory)], stdout=subprocess.PIPE)


def as_nobody(**_: object) -> Account:
    return Account(user=65534)


async def test_starts_private_and_keeps_data_over_a_clean_stop(server: EmbeddedPostgres, directory: Path) -> None:
    dsn = await server.start()
    assert await fetch(dsn, "SHOW listen_addresses") == ""
    assert await fetch(dsn, "SHOW fsync") == "on"
    assert await fetch(dsn, "SHOW data_checksums") == "on"
    assert await fetch(dsn, "SELECT datcollate FROM pg_database WHERE datname = 'gateway'") == "C.UTF-8"
    await fetch(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    for private in (directory, directory / "data", ServerFolder(directory).sockets):
        assert stat.S_IMODE(private.stat().st_mode) == 0o700, private
    assert stat.S_IMODE((directory / "password").stat().st_mode) == 0o600

    pid = server.pid
    assert pid is not None
    assert await server.restart() == dsn
    assert not lives(pid)
    assert await fetch(dsn, "SELECT answer FROM kept") == 42


async def test_starting_twice_is_one_server(server: EmbeddedPostgres) -> None:
    first, second = await asyncio.gather(server.start(), server.start())
    pid = server.pid
    assert first == second == await server.start()
    assert server.pid == pid


async def test_a_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    dsn = await server.start()
    user, at, rest = dsn.partition("@")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"{user[:-1]}x{at}{rest}")


async def test_a_killed_server_comes_back_with_everything_committed(server: EmbeddedPostgres) -> None:
    dsn = await server.start()
    await fetch(dsn, "CREATE TABLE kept (n integer)")
    connection = await asyncpg.connect(dsn)
    await connection.execute("INSERT INTO kept SELECT generate_series(1, 20000)")
    killed = server.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await until(lambda: server.pid not in {None, killed})
    await server.start()
    await connection.close()
    assert await fetch(dsn, "SELECT count(*) FROM kept") == 20000


async def test_a_server_killed_after_a_stop_of_its_watch_is_restarted_by_hand(server: EmbeddedPostgres) -> None:
    dsn = await server.start()
    await fetch(dsn, "CREATE TABLE kept AS SELECT 1 AS n")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert await server.restart() == dsn
    assert await fetch(dsn, "SELECT count(*) FROM kept") == 1


async def test_the_server_ends_with_its_killed_parent_and_the_next_start_finds_the_data(directory: Path) -> None:
    parent = launch_parent(directory)
    assert parent.stdout is not None
    pid = int(await asyncio.to_thread(parent.stdout.readline))
    assert lives(pid)
    assert running_dsn(directory) is not None
    parent.kill()
    parent.wait()
    parent.stdout.close()

    # no waiting: the predecessor is still shutting down when its successor comes
    successor = EmbeddedPostgres(directory=directory, parameters=SMALL)
    dsn = await successor.start()
    assert not lives(pid)
    assert await fetch(dsn, "SELECT 1") == 1
    await successor.stop()
    assert running_dsn(directory) is None


async def test_a_second_process_is_told_who_has_the_folder(server: EmbeddedPostgres, directory: Path) -> None:
    await server.start()
    with pytest.raises(FolderInUseError, match=rf"in use by process {os.getpid()}"):
        await EmbeddedPostgres(directory=directory).start()
    assert server.pid is not None


async def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(
    server: EmbeddedPostgres, directory: Path
) -> None:
    await server.start()
    left = (directory / "data" / "postmaster.pid").read_text()
    await server.stop()
    stranger = [str(os.getppid()), *left.split("\n")[1:]]
    (directory / "data" / "postmaster.pid").write_text("\n".join(stranger))
    assert await fetch(await server.start(), "SELECT 1") == 1


async def test_an_interrupted_initdb_leaves_nothing_that_blocks(server: EmbeddedPostgres, directory: Path) -> None:
    (directory / "data.new").mkdir(parents=True)
    (directory / "data.new" / "PG_VERSION").write_text("half")
    assert await fetch(await server.start(), "SELECT 1") == 1


async def test_a_deep_folder_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    server = EmbeddedPostgres(directory=deep, parameters=SMALL)
    try:
        dsn = await server.start()
        assert len(str(ServerFolder(deep).sockets)) < 60
        assert await fetch(dsn, "SELECT 1") == 1
    finally:
        await server.stop()
        discard(deep)


async def test_a_socket_folder_made_by_somebody_else_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    sockets = ServerFolder(deep).sockets
    sockets.mkdir(mode=0o755)
    try:
        with pytest.raises(FolderInUseError, match="not a private folder of ours"):
            await EmbeddedPostgres(directory=deep).start()
    finally:
        discard(deep)


async def test_missing_binaries_are_named_with_what_to_do(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(NoBinariesError, match=r"initdb, postgres.*set \[database\] binaries"):
        await EmbeddedPostgres(directory=directory, binaries=tmp_path).start()
    assert not (directory / "data").exists()


def test_binaries_that_do_not_run_are_named(tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 3\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(NoBinariesError, match="does not run on this machine"):
        find_binaries(tmp_path)


async def test_data_of_another_version_is_not_touched(server: EmbeddedPostgres, directory: Path) -> None:
    await server.start()
    await server.stop()
    (directory / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 12.*set \[database\] binaries to version 12"):
        await server.start()


async def test_a_bad_server_setting_is_answered_in_the_servers_words(directory: Path) -> None:
    server = EmbeddedPostgres(directory=directory, parameters={"shared_buffers": "much"})
    with pytest.raises(EmbeddedPostgresError, match=r"cannot start the database.*shared_buffers"):
        await server.start()
    assert server.pid is None


async def test_only_the_main_thread_may_start_it(directory: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="main thread"):
        await asyncio.to_thread(lambda: asyncio.run(EmbeddedPostgres(directory=directory).start()))


@pytest.mark.skipif(os.getuid() != 0, reason="only root has to become somebody else")
async def test_root_without_user_namespaces_serves_as_nobody(
    server: EmbeddedPostgres,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # root's own folders are closed to user 65534 and are left so
    monkeypatch.setattr(module, "choose_account", as_nobody)
    dsn = await server.start()
    assert await fetch(dsn, "SELECT 1") == 1
    assert owner_of(directory / "data") == 65534
    assert owner_of(Path(f"/proc/{server.pid}")) == 65534
    assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700
    await server.restart()
    assert await fetch(dsn, "SELECT 1") == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root has to become somebody else")
async def test_root_that_cannot_help_itself_is_told_what_to_do(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--")
    monkeypatch.setattr(module, "choose_account", lambda **_: Account(prefix=without, user=65534))
    with pytest.raises(EmbeddedPostgresError, match=r"user namespaces and the capability.*start as an ordinary user"):
        await EmbeddedPostgres(directory=directory).start()
    assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("user", "owner", "expected"),
    [
        (1000, None, Account()),
        (1000, 1000, Account()),
        (0, 1000, Account(user=1000)),
    ],
)
def test_whom_the_server_runs_as(user: int, owner: int | None, expected: Account) -> None:
    assert choose_account(user=user, owner=owner) == expected
