"""Witnesses of simulated worlds: the database looked at from beside, the API asked from outside, a process weighed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.kernel.clock import SystemClock
from gateway.kernel.randomness import SystemRandomness
from gateway.sandbox.day.api_client import ApiClient, Signing
from gateway.sandbox.day.world import World as Outside
from gateway.sandbox.terminal import SimulatedTerminal, TerminalSettings

_OPEN_PAYMENTS = """
SELECT (SELECT count(*) FROM operation WHERE state IN ('created', 'sent', 'unknown', 'reversing'))
     + (SELECT count(*) FROM payout WHERE state IN ('frozen', 'sent', 'unknown'))
"""
_OPEN = """
SELECT 'operation ' || kind || ' ' || terminal || '/' || batch || '/' || trace || ' ' || state AS what
FROM operation WHERE state IN ('created', 'sent', 'unknown', 'reversing')
UNION ALL
SELECT 'payout ' || kind || ' ' || id || ' ' || state FROM payout
WHERE state NOT IN ('success', 'failed', 'returned', 'cancelled')
UNION ALL
SELECT 'file ' || name || ' ' || state FROM file
WHERE state NOT IN ('submitted', 'answered', 'checked', 'abandoned', 'done', 'quarantined', 'duplicate', 'superseded')
"""
_OPERATIONS = """
SELECT o.*, t.transfers FROM operation o
LEFT JOIN LATERAL (SELECT count(*) AS transfers FROM ledger_transfer t WHERE t.subject = o.id) t ON true
"""
_DONE_TWICE = """
SELECT kind || ' of ' || subject AS what, count(*) FROM ledger_transfer
WHERE kind IN ('purchase', 'void', 'refund') GROUP BY kind, subject HAVING count(*) > 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How a terminal names a request."""

    terminal: str
    batch: str
    trace: str
    message_class: str


class Books:
    """The database of a world, read on a connection of its own each time, so that it may be killed in between."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._dsn, timeout=30)
        try:
            return await connection.fetch(query, *values)
        finally:
            await connection.close()

    async def value(self, query: str, *values: object) -> Any:
        return (await self.rows(query, *values))[0][0]

    async def open_payments(self) -> int:
        return int(await self.value(_OPEN_PAYMENTS))

    async def unresolved(self) -> list[str]:
        return [row["what"] for row in await self.rows(_OPEN)]

    async def operations(self) -> dict[Reference, asyncpg.Record]:
        return {_reference(row): row for row in await self.rows(_OPERATIONS)}

    async def done_twice(self) -> list[str]:
        return [row["what"] for row in await self.rows(_DONE_TWICE)]

    async def entries(self) -> int:
        return int(await self.value("SELECT count(*) FROM ledger_entry"))

    async def is_at_rest(self, *, within_s: float) -> list[str]:
        """Wait until nothing is unresolved; returns what still is when the time is over."""

        async def nothing_is_open() -> bool:
            return not await self.unresolved()

        await until(nothing_is_open, within_s=within_s)
        return await self.unresolved()


async def until(holds: Callable[[], Awaitable[bool]], *, within_s: float, every_s: float = 0.1) -> bool:
    """Look until it holds or the time is over; returns whether it holds."""
    clock = SystemClock()
    ends = clock.monotonic() + within_s
    while not (held := await holds()) and clock.monotonic() < ends:  # noqa: ASYNC110 - other processes give no event
        await asyncio.sleep(every_s)
    return held


def _reference(row: asyncpg.Record) -> Reference:
    return Reference(
        terminal=row["terminal"], batch=row["batch"], trace=row["trace"], message_class=row["message_class"]
    )


class Outsider:
    """Everybody who deals with a world from outside: terminals, keys of the API, a scraper, the bank's controller."""

    def __init__(self, facts: dict[str, Any], session: aiohttp.ClientSession) -> None:
        self.facts = facts
        self.world = Outside.read(facts)
        self.session = session
        self.tls = self.world.tls()
        self._terminals: list[SimulatedTerminal] = []

    def terminal(self, place: int, *, trace: int = 0) -> SimulatedTerminal:
        """Man the terminal at `place` of the world's list; its traces go on after `trace`."""
        known, listener = self.world.terminals[place], self.world.listener("cups")
        settings = TerminalSettings(
            host=listener.host,
            port=listener.port,
            terminal=known.terminal,
            merchant=known.merchant,
            answer_seconds=20,
            patience_seconds=30,
        )
        made = SimulatedTerminal(settings, tmk=bytes.fromhex(known.tmk), clock=SystemClock(), trace=trace)
        self._terminals.append(made)
        return made

    def api(self, keyid: str) -> ApiClient:
        key = next(key for key in self.world.api.keys if key.keyid == keyid)
        return ApiClient(
            session=self.session,
            address=self.world.api.url,
            signing=Signing(key=key, clock=SystemClock(), randomness=SystemRandomness()),
            tls=self.tls,
            patience_seconds=60,
        )

    async def control(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Order something of the bank."""
        address, token = self.world.control
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.post(f"{address}/control/{path}", json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
            answer: dict[str, Any] = await response.json()
            return answer

    async def counted(self, name: str, **labels: str) -> float:
        """Sum the samples of a metric that carry `labels`, as /metrics shows them."""
        async with self.session.get(self.facts["metrics"], ssl=self.tls) as response:
            families = list(text_string_to_metric_families(await response.text()))
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    async def close(self) -> None:
        for terminal in self._terminals:
            await terminal.close()


@pytest.fixture
async def outsider():
    """Make outsiders of worlds: `outsider(world.facts)`."""
    made: list[Outsider] = []
    async with aiohttp.ClientSession() as session:

        def of(facts: dict[str, Any]) -> Outsider:
            made.append(Outsider(facts, session))
            return made[-1]

        yield of
        for one in made:
            await one.close()


@pytest.fixture
def books_of():
    """Look into the books of a world: `books_of(world.facts)`."""
    return lambda facts: Books(facts["database"])


@pytest.fixture
def eventually():
    """Wait on a condition with a deadline: `await eventually(condition, within_s=20)`."""
    return until


@pytest.fixture
def reference():
    """How a terminal names a request."""
    return Reference


@pytest.fixture
def weigh():
    """Resident memory of a process in bytes."""

    def resident(pid: int) -> int:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))

    return resident
