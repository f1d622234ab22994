"""Connects to the host that is asked for among several, past one that does not answer at all.

The driver asks the hosts of an address one after the other under one time limit. A machine without power refuses
nothing: all of the limit would go by at the first such host, and the next primary would never be found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import asyncpg

if TYPE_CHECKING:
    Connected = asyncpg.Connection[asyncpg.Record]

# How long a host may be silent before the next one is asked as well; it is still listened to.
_HEAD_START_S = 0.5
# What the driver weighs over all hosts at once is left to it.
_OVER_ALL = "prefer-standby"


async def connect(dsn: str | None = None, **options: Any) -> Connected:
    """Connect as `asyncpg.connect` does, the hosts of `dsn` raced with a head start for the earlier ones.

    Raises what the last host raised where none of them is the one that `target_session_attrs` asks for.
    """
    addresses = addresses_of(dsn or "")
    if len(addresses) == 1:
        return await asyncpg.connect(dsn, **options)
    return await _race(addresses, options)


def addresses_of(dsn: str) -> list[str]:
    """Return the addresses of one host each that `dsn` stands for; `dsn` itself where they cannot be told apart."""
    parts = urlsplit(dsn)
    query = dict(parse_qsl(parts.query))
    if query.get("target_session_attrs") == _OVER_ALL:
        return [dsn]
    if "," in query.get("host", ""):
        return _split_query(parts, query)
    user, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]


def _split_query(parts: SplitResult, query: dict[str, str]) -> list[str]:
    hosts, ports = query["host"].split(","), query.get("port", "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    queries = [query | {"host": host, "port": port} for host, port in zip(hosts, ports, strict=True)]
    return [parts._replace(query=urlencode({k: v for k, v in one.items() if v})).geturl() for one in queries]


async def _race(addresses: Sequence[str], options: dict[str, Any]) -> Connected:
    running: set[asyncio.Task[Connected]] = set()
    waiting = list(addresses)
    failed: BaseException | None = None
    try:
        while running or waiting:
            if waiting:
                running.add(asyncio.create_task(asyncpg.connect(waiting.pop(0), **options)))
            patience = _HEAD_START_S if waiting else None
            done, running = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            won = [task for task in done if task.exception() is None]
            if won:
                running |= set(won[1:])
                return won[0].result()
            failed = next((task.exception() for task in done), failed)
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_hang_up)
    raise failed or OSError("no host to connect to")


def _hang_up(task: asyncio.Task[Connected]) -> None:
    """Let go of a connection that came too late, and overlook why another did not come."""
    if not task.cancelled() and task.exception() is None:
        task.result().terminate()
