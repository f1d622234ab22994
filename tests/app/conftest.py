"""The composed process and its neighbours, for tests that look at one part of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.app.process import Addresses, Gateway
from gateway.kernel.clock import SystemClock
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import load_settings
from gateway.sandbox.day.api_client import ApiClient, Signing
from gateway.sandbox.day.world import World as Outside

Serving = Callable[..., AbstractAsyncContextManager[tuple[Gateway, Addresses]]]


@pytest.fixture
def serving(dsn: str, tmp_path: Path) -> Serving:
    """Serve roles on this test's database: `async with serving("api", "http.port=0") as (gateway, addresses)`."""

    @asynccontextmanager
    async def started(roles: str, **settings: str) -> AsyncIterator[tuple[Gateway, Addresses]]:
        environment = {"TILLGATE_DATABASE__DSN": dsn, "TILLGATE_KEYS__DIRECTORY": str(tmp_path / "keys")}
        gateway = Gateway(
            load_settings((), environment | settings),
            roles=tuple(roles.split(",")),
            clock=SystemClock(),
            randomness=SystemRandomness(),
        )
        addresses = await gateway.start()
        try:
            yield gateway, addresses
        finally:
            await gateway.stop()

    return started


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture
def outside(world: dict[str, Any]) -> Outside:
    """The running sandbox as an outside client knows it."""
    return Outside.read(world)


@pytest.fixture
def api_as(outside: Outside, http: aiohttp.ClientSession) -> Callable[[str], ApiClient]:
    """Call the sandbox's API with one of its keys."""

    def client(keyid: str) -> ApiClient:
        key = next(key for key in outside.api.keys if key.keyid == keyid)
        return ApiClient(
            session=http,
            address=outside.api.url,
            signing=Signing(key=key, clock=SystemClock(), randomness=SystemRandomness()),
            tls=outside.tls(),
            patience_seconds=10,
        )

    return client


async def until(what: str, holds: Callable[[], Awaitable[bool]], *, within_s: float = 60.0, but: object = "") -> None:
    """Wait for a condition of another process, which gives no event; `but` is shown when it does not come."""
    clock = SystemClock()
    ends = clock.monotonic() + within_s
    while not await holds():
        if clock.monotonic() > ends:
            pytest.fail(f"waited {within_s:g} s for {what} {but}")
        await asyncio.sleep(0.05)


def lives(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """All processes below `pid`."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found, left = [], [pid]
    while left:
        below = parents.get(left.pop(), [])
        found += below
        left += below
    return found


def words_of(pid: int) -> str:
    """The command line of a process; nothing where it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""
