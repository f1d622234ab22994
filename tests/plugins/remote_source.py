"""A remote source in the test's own process, and a database that knows it: two agents, their rules, the source.

`remote` is the source; `pulling` the database prepared to pull from it, with what processes must be told to do so.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiohttp import web

from gateway.app.keystore import open_keystore
from gateway.fees import Factor, FeeDesk, RateKind, Taker, Terms, Tier
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.edit import Add, Edit, Edited, apply_edit
from gateway.kernel.randomness import SystemRandomness
from gateway.kernel.settings import load_settings
from gateway.parties import PLATFORM
from gateway.parties.store import PARTY
from gateway.sandbox.bank.identity import load_identity
from gateway.sandbox.source import SourcePlan, SourceService, transaction
from gateway.sandbox.source.service import PATH
from gateway.tasks.sources import NewSource, SourceOrder, SourceRegister, said_of

HOST = "127.0.0.1"
KEYID, SECRET = "tillgate-test", b"a secret for tests only"
LEASE_S = 2
_ENDS_WITHIN_S = 120
_FACTS = ("base", "amount", "fee", "cost", "margin", "device")


@dataclass(frozen=True)
class SourceTls:
    """Certificates of the source."""

    authority: str
    context: ssl.SSLContext


@pytest.fixture(scope="session")
def source_tls() -> Iterator[SourceTls]:
    with tempfile.TemporaryDirectory(prefix="tg-src-") as folder:
        clock = SystemClock()
        identity = load_identity(Path(folder), customer="TILLGATE01", clock=clock, randomness=SystemRandomness())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.certificate_key)
        yield SourceTls(identity.authority, context)


@dataclass
class Remote:
    """The source at work: its plan can be changed, its address is for records."""

    service: SourceService
    address: str
    authority: str

    def tell(self, **plan: Any) -> SourcePlan:
        """Tell other transactions, or let other things go wrong, from now on."""
        fields = {"since": self.service.plan.since, **plan}
        self.service.follow(SourcePlan(**fields))
        return self.service.plan


@pytest.fixture
async def remote(source_tls: SourceTls) -> AsyncIterator[Remote]:
    clock = SystemClock()
    plan = SourcePlan(since=clock.now() + timedelta(minutes=5))
    service = SourceService(plan, keyid=KEYID, secret=SECRET, clock=clock)
    runner = web.AppRunner(service.application(), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0, ssl_context=source_tls.context)
    await site.start()
    port = runner.addresses[0][1]
    service.address = f"https://{HOST}:{port}"
    yield Remote(service, service.address + PATH, source_tls.authority)
    await runner.cleanup()


@dataclass
class Pulling:
    """A database that is ready for pulls; `environment` makes a process of `tillgate` work on it."""

    pool: asyncpg.Pool[Any]
    agents: dict[str, UUID]
    environment: Mapping[str, str]
    source: UUID

    async def shares(self) -> Counter[str]:
        """What each agent was given, over all profit entries."""
        rows = await self.pool.fetch("SELECT party_id, sum(amount_minor)::bigint FROM profit_entry GROUP BY party_id")
        names = {id_: code for code, id_ in self.agents.items()}
        return Counter({names[row[0]]: row[1] for row in rows})

    async def rows(self) -> int:
        """How many transactions are stored."""
        count: int = await self.pool.fetchval("SELECT count(*) FROM raw_transaction")
        return count


@pytest.fixture
async def pulling(
    dsn: str, pool: asyncpg.Pool[Any], clock: SystemClock, ids: UuidSevens, remote: Remote, tmp_path: Path
) -> Pulling:
    environment = {
        "TILLGATE_DATABASE__DSN": dsn,
        "TILLGATE_KEYS__DIRECTORY": str(tmp_path / "keys"),
        "TILLGATE_KEYS__SANDBOX": "true",
        "TILLGATE_TASKS__SOURCE_NETWORKS": json.dumps([f"{HOST}/32"]),
        "TILLGATE_TASKS__LEASE_S": str(LEASE_S),
        "TILLGATE_TASKS__POLL_MS": "50",
    }
    agents = {"X": ids.new(), "Y": ids.new()}
    await _parties(pool, clock, ids, agents)
    await _rules(FeeDesk(pool=pool, clock=clock, ids=ids, who="test"), agents)
    keystore = open_keystore(load_settings((), environment), SystemRandomness())
    register = SourceRegister(pool=pool, keystore=keystore, clock=clock, ids=ids)
    new = NewSource(code="remote", address=remote.address, keyid=KEYID, secret=SECRET, authorities=remote.authority)
    source, _ = await register.add(new, SourceOrder(who="test", key="source", said=said_of(new)))
    return Pulling(pool, agents, environment, source.id)


async def _parties(pool: Any, clock: SystemClock, ids: UuidSevens, agents: Mapping[str, UUID]) -> None:
    parents = {"X": PLATFORM, "Y": agents["X"]}
    lines = [
        Add(
            PARTY,
            {
                "id": id_,
                "kind": "agent",
                "code": code,
                "name": code,
                "parent_id": parents[code],
                "created_at": clock.now(),
            },
        )
        for code, id_ in agents.items()
    ]
    for line in lines:
        edit = Edit(id=ids.new(), key=str(ids.new()), who="test", why="agents", at=clock.now(), said={}, lines=(line,))
        assert isinstance(await apply_edit(pool, edit), Edited)


async def _rules(desk: FeeDesk, agents: Mapping[str, UUID]) -> None:
    """Worked example 2: single amount below 5,000.00 gives 0.05 %, from there 0.06 %; Y gets 40 % of X's."""
    factors = tuple(Factor(name=name) for name in _FACTS)
    await desk.item(code="agent_profit", business="agents", mode="device", unit="CNY", factors=factors)
    takers = {
        "X": (Taker(item="agent.X", party=agents["X"]),),
        "Y": (
            Taker(item="agent.Y", party=agents["Y"], weight=40),
            Taker(item="agent.X", party=agents["X"], weight=60),
        ),
    }
    tiers = (
        Tier(lower=Decimal(0), upper=Decimal(500_000), ratio=Decimal("0.05")),
        Tier(lower=Decimal(500_000), upper=None, ratio=Decimal("0.06")),
    )
    for code, shared in takers.items():
        terms = Terms(kind=RateKind.TIERED_RATIO, takers=shared, tier_factor="amount", tiers=tiers)
        await desk.rate(item="agent_profit", party=agents[code], terms=terms, fee_type="profit", key=f"rule {code}")


def expected_shares(plan: SourcePlan) -> Counter[str]:
    """What each agent should be given, worked out from the rules' words alone."""
    shares: Counter[str] = Counter()
    for number in range(plan.count):
        told = transaction(plan, number)
        amount = Decimal(told["amount"]["minor"])
        profit = _rounded(amount * (Decimal("0.0005") if amount < 500_000 else Decimal("0.0006")))
        of_y = _rounded(profit * Decimal("0.4")) if told["agent"] == "Y" else Decimal(0)
        shares.update({"Y": int(of_y), "X": int(profit - of_y)})
    return shares


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1), ROUND_HALF_UP)


@dataclass
class Points:
    """Hears the fault points of one process and holds it at the `passing`-th time of one; then it may be killed."""

    path: str
    point: str = ""
    passing: int = 0
    heard: Counter[str] = field(default_factory=Counter)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                point = line.decode().split()[1]
                self.heard[point] += 1
                if point == self.point and self.heard[point] == self.passing:
                    self.reached.set()
                    await reader.read()
                    break
                writer.write(b"\n")
        writer.close()


@pytest.fixture
async def points() -> AsyncIterator[Points]:
    with tempfile.TemporaryDirectory(prefix="tg-") as folder:
        made = Points(f"{folder}/faults")
        server = await asyncio.start_unix_server(made.hear, made.path)
        yield made
        server.close()


@dataclass(frozen=True)
class Ended:
    """How a run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """Runs `tillgate` as its user does, in processes of its own, beside the test's event loop."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TILLGATE_")},
            **environment,
            "NO_COLOR": "1",
            "COLUMNS": "240",
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def begin(self, *words: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start it; it is ended with the test at the latest."""
        log = (self._folder / f"log{len(self._started)}").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", *words],
            cwd=self._folder,
            env={**self._environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        log.close()
        self._started.append(process)
        return process

    async def ended(self, process: subprocess.Popen[bytes]) -> Ended:
        out, _ = await asyncio.to_thread(process.communicate, timeout=_ENDS_WITHIN_S)
        err = (self._folder / f"log{self._started.index(process)}").read_text()
        return Ended(process.returncode, out.decode(), err)

    async def __call__(self, *words: str, **settings: str) -> Ended:
        return await self.ended(self.begin(*words, **settings))

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def cli(tmp_path: Path, pulling: Pulling) -> Iterator[Command]:
    command = Command(tmp_path, pulling.environment)
    yield command
    command.close()
