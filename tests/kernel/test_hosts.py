from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import pytest

from gateway.kernel.clock import SystemClock
from gateway.kernel.postgres.hosts import addresses_of, connect
from gateway.kernel.postgres.pool import open_pool

SEVERAL = [
    ("postgresql://u:p@a:1/d", ["postgresql://u:p@a:1/d"]),
    ("postgresql://a,b/d", ["postgresql://a/d", "postgresql://b/d"]),
    ("postgresql://u:p@a:1,b:2/d?x=y", ["postgresql://u:p@a:1/d?x=y", "postgresql://u:p@b:2/d?x=y"]),
    ("postgresql://u@[::1]:1,b:2/d", ["postgresql://u@[::1]:1/d", "postgresql://u@b:2/d"]),
    (
        "postgresql://u@/d?host=/a,/b&port=1,2&target_session_attrs=read-write",
        [
            "postgresql://u@/d?host=%2Fa&port=1&target_session_attrs=read-write",
            "postgresql://u@/d?host=%2Fb&port=2&target_session_attrs=read-write",
        ],
    ),
    (
        "postgresql://u@/d?host=/a,/b&port=7",
        ["postgresql://u@/d?host=%2Fa&port=7", "postgresql://u@/d?host=%2Fb&port=7"],
    ),
    ("postgresql://u@/d?host=/a,/b", ["postgresql://u@/d?host=%2Fa", "postgresql://u@/d?host=%2Fb"]),
    ("postgresql://a,b/d?target_session_attrs=prefer-standby",) * 2,
]


@pytest.mark.parametrize(("dsn", "addresses"), SEVERAL)
def test_the_hosts_of_an_address(dsn: str, addresses: list[str] | str) -> None:
    assert addresses_of(dsn) == ([addresses] if isinstance(addresses, str) else addresses)


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A host that takes connections and says nothing, as a machine that stands still does; its folder."""
    folder = tempfile.mkdtemp(prefix="tg-silent-")
    held: list[asyncio.StreamWriter] = []
    ended = asyncio.Event()

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await ended.wait()
        writer.close()

    server = await asyncio.start_unix_server(take, f"{folder}/.s.PGSQL.1")
    yield folder
    ended.set()
    server.close()
    for writer in held:
        await writer.wait_closed()
    shutil.rmtree(folder)


def _behind(first: str, dsn: str, attributes: str) -> str:
    """The address of a host and, after it, that of a server."""
    own = parse_qs(urlsplit(dsn).query)
    hosts = quote(f"{first},{own['host'][0]}")
    return f"{dsn.partition('?')[0]}?host={hosts}&port=1,{own['port'][0]}&target_session_attrs={attributes}"


async def test_a_host_that_says_nothing_is_passed_by(silent: str, dsn: str) -> None:
    clock = SystemClock()
    started = clock.monotonic()
    connection = await connect(_behind(silent, dsn, "read-write"), timeout=20)
    assert await connection.fetchval("SELECT 1") == 1
    assert clock.monotonic() - started < 10
    await connection.close()


async def test_a_host_that_refuses_is_passed_by_at_once(dsn: str, tmp_path: Path) -> None:
    pool = await open_pool(_behind(str(tmp_path), dsn, "read-write"), connect_within_s=10)
    assert await pool.fetchval("SELECT current_setting('application_name')") == "tillgate"
    await pool.close()


async def test_nobody_is_what_was_asked_for(dsn: str, tmp_path: Path) -> None:
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
        await connect(_behind(str(tmp_path), dsn, "standby"), timeout=10)


async def test_nobody_is_there(silent: str, tmp_path: Path) -> None:
    dsn = f"postgresql://u@/d?host={quote(str(tmp_path))},{quote(silent)}&port=1,1"
    with pytest.raises(TimeoutError):
        await connect(dsn, timeout=0.3)
