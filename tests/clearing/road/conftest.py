"""The whole road on a real journal, with a bank in memory that does as the card's digits 7 to 9 say."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from channels.instruction import Approved, Ask, Balance, Capabilities, Declined, Instruction, NotFound, Outcome, Unknown
from channels.ports import Message
from connectors.ports import Answered, Exchange, NoAnswer, Unsent
from gateway.clearing import store as clearing_store
from gateway.clearing.model import Channel
from gateway.clearing.network import ChannelDesk
from gateway.clearing.registry import OpenLine, Registry
from gateway.clearing.road import TABLES, Road, build_road
from gateway.clearing.settings import RoadSettings
from gateway.fees import FeeBook, FeeDesk, percent
from gateway.fees import store as fee_store
from gateway.journal import Journal
from gateway.journal.model import Change, Count
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.metrics import build_metrics
from gateway.kernel.money import Money
from gateway.kernel.postgres.embedded import EmbeddedPostgres
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SystemRandomness
from gateway.keys import KeyKind, KeyStore, KeyStoreSettings, open_software_store
from gateway.ledger import Account, Leg, Purpose, Transfer
from gateway.merchants import Directory, Merchant, Onboarding, Terminal
from gateway.merchants import store as merchant_store
from gateway.parties import PLATFORM, Kind
from gateway.payments import store as payments_store
from gateway.payments.model import (
    AcquiringAnswer,
    AcquiringRecord,
    CardData,
    Item,
    Original,
    Reference,
    Settling,
    Source,
    Totals,
    Transaction,
)
from gateway.payments.operation import Operation
from gateway.tasks import TIMER, Timers

TERMINAL = "10000001"
MERCHANT = "104110070110814"
DAY = date(2026, 11, 22)
BALANCES = (Balance(account="30", kind="02", unit="CNY", amount_minor=123_456),)
QUICK = RoadSettings(
    bank_within_s=0.4,
    query_after_s=(0.05,),
    close_before_s=0.1,
    write_within_s=0.2,
    recover_after_s=0.0,
    ask_again_s=0.0,
    ask_again_most_s=0.0,
    lane_least_s=0.0,
    lane_most_s=0.0,
    poll_s=0.01,
)


def card(behaviour: str = "000") -> CardData:
    return CardData(pan=f"622202{behaviour}0000001", expiry="3012")


@dataclass
class Bank:
    """What the bank did, by instruction number; `down` refuses connections, `silent` swallows every message."""

    done: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    down: bool = False
    silent: bool = False
    refuse_reversals: bool = False
    refuse: str = ""
    amount_said: int | None = None
    gate: asyncio.Event | None = None
    not_found_is_final_after_s: int = 3600
    circuit_is_open: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    pin_blocks: list[bytes | None] = field(default_factory=list)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            asks=frozenset(set(Ask) - {Ask.PAYOUT}),
            communication="realtime",
            queries=True,
            reverse_bars_unknown=True,
            dedupes_by_number=True,
            not_found_is_final_after_s=self.not_found_is_final_after_s,
        )

    async def ask(self, instruction: Instruction) -> Message:
        self.pin_blocks += [instruction.card.pin_block] if instruction.card else []
        behaviour = instruction.card.pan[6:9] if instruction.card else "000"
        body = {
            "ask": instruction.ask,
            "number": instruction.number,
            "original": instruction.original,
            "amount": instruction.amount_minor,
            "behaviour": behaviour,
        }
        return Message(path="/ask", headers={}, body=json.dumps(body).encode())

    async def query(self, *, number: str, about: str, at: datetime) -> Message:
        return Message(path="/query", headers={}, body=json.dumps({"about": about}).encode())

    async def exchange(
        self, path: str, *, headers: Mapping[str, str], body: bytes, may_repeat: bool, within_s: float | None = None
    ) -> Exchange:
        if self.down:
            return Unsent("refused")
        said = json.loads(body)
        self.seen.append((path, said.get("number") or said["about"]))
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        answer = self._query(said) if path == "/query" else self._do(said)
        if answer is None or self.silent:
            return NoAnswer("nothing came")
        return Answered(status=200, headers={}, body=answer.encode())

    def _do(self, said: dict[str, Any]) -> str | None:
        number, behaviour = said["number"], said["behaviour"]
        if said["ask"] == "reverse":
            return self._reverse(said)
        if self.done.get(number) == "barred":
            return "12"
        if behaviour[0] == "1" or self.refuse:
            self.done[number] = "failed"
            return self.refuse or behaviour[1:]
        if behaviour != "600":
            self.done[number] = "success"
        return None if behaviour in ("200", "600") else "00"

    def _reverse(self, said: dict[str, Any]) -> str | None:
        if self.refuse_reversals:
            return "12"
        self.done[said["original"]] = "reversed" if said["original"] in self.done else "barred"
        return "00"

    def _query(self, said: dict[str, Any]) -> str:
        return {"success": "00", "failed": "05", None: "25"}.get(self.done.get(said["about"]), "12")

    def read(self, *, number: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        code = body.decode()
        if code == "00":
            return Approved(
                bank_reference=f"B{number[-6:]}",
                approval_code="123456",
                value_on=DAY,
                amount_minor=self.amount_said,
                balances=BALANCES,
            )
        names = {"51": "insufficient_funds", "12": "wrong_state", "05": "bank_declined"}
        return Declined(code=code, reason=names[code]) if code in names else Unknown(why="no such code", code=code)

    def read_query(self, *, number: str, about: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        if body == b"25":
            return NotFound()
        return self.read(number=about, status=status, headers=headers, body=body)


@dataclass
class FaultPlan:
    """Raises at a point, as if the process had died there."""

    point: str = ""
    passed: list[str] = field(default_factory=list)

    def at(self, point: str) -> None:
        self.passed.append(point)
        if point == self.point:
            self.point = ""
            raise KilledError(point)


class KilledError(Exception):
    """The process is gone."""


@dataclass
class World:
    """One gateway with one merchant, one terminal, one bank."""

    pool: asyncpg.Pool[Any]
    journal: Journal
    clock: SystemClock
    ids: UuidSevens
    bank: Bank
    merchant: Merchant
    channel: Channel
    road: Road
    timers: Timers
    faults: FaultPlan
    fees: FeeBook
    build: Callable[..., Awaitable[World]]
    traces: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def record(self, transaction: Transaction = Transaction.PURCHASE, **fields: Any) -> AcquiringRecord:
        classes = {
            Transaction.REFUND: "022",
            Transaction.REVERSAL: "040",
            Transaction.ENQUIRY: "022",
            Transaction.PREAUTHORISATION: "010",
            Transaction.PREAUTHORISATION_VOID: "010",
            Transaction.SETTLEMENT: "050",
            Transaction.UPLOAD: "032",
            Transaction.UPLOAD_END: "032",
        }
        trace = fields.pop("trace", None) or f"{next(self.traces):06d}"
        budget = fields.pop("budget", 2.0)
        minor = fields.pop("minor", 10_000)
        amount = None if minor is None else Money(minor, "CNY")
        values: dict[str, Any] = {
            "source": Source.TERMINAL,
            "transaction": transaction,
            "reference": Reference(
                fields.pop("terminal", TERMINAL), fields.pop("batch", "000001"), trace, classes.get(transaction, "020")
            ),
            "merchant": MERCHANT,
            "amount": amount,
            "content": (("3", transaction.value), ("4", str(minor))),
            "received_at": self.clock.now(),
            "answer_by": self.clock.monotonic() + budget,
            "card": card(fields.pop("behaviour", "000")),
            "entry_mode": "051",
        }
        return AcquiringRecord(**{**values, **fields})

    async def carry(self, transaction: Transaction = Transaction.PURCHASE, **fields: Any) -> AcquiringAnswer | None:
        return await self.road.carrier.carry(self.record(transaction, **fields))

    async def pay(self, **fields: Any) -> AcquiringAnswer | None:
        return await self.carry(Transaction.PURCHASE, **fields)

    async def void(self, of: Operation, **fields: Any) -> AcquiringAnswer | None:
        original = Original(batch=of.batch, trace=of.trace, rrn=of.rrn)
        return await self.carry(Transaction.VOID, original=original, minor=of.amount_minor, **fields)

    async def refund(self, of: Operation, minor: int, **fields: Any) -> AcquiringAnswer | None:
        original = Original(batch=of.batch, trace=of.trace, rrn=of.rrn)
        return await self.carry(Transaction.REFUND, original=original, minor=minor, **fields)

    async def reverse(self, of: Operation | str, **fields: Any) -> AcquiringAnswer | None:
        trace = of if isinstance(of, str) else of.trace
        return await self.carry(Transaction.REVERSAL, trace=trace, reversal_reason="98", **fields)

    async def hold(self, minor: int = 10_000, **fields: Any) -> Operation:
        answer = await self.carry(Transaction.PREAUTHORISATION, minor=minor, **fields)
        assert answer is not None
        assert answer.reason == "done", answer
        return await self.operation(answer)

    async def on_hold(self, transaction: Transaction, of: Operation, minor: int, **fields: Any) -> AcquiringAnswer:
        original = Original(batch=of.batch, trace=of.trace, approval_code=of.approval_code)
        values = {"original": original, "minor": minor, "card": None, **fields}
        answer = await self.carry(transaction, **values)
        assert answer is not None
        return answer

    async def complete(self, of: Operation, minor: int, **fields: Any) -> AcquiringAnswer:
        return await self.on_hold(Transaction.COMPLETION, of, minor, **fields)

    async def release(self, of: Operation, **fields: Any) -> AcquiringAnswer:
        return await self.on_hold(Transaction.PREAUTHORISATION_VOID, of, of.amount_minor, **fields)

    async def void_completion(self, of: Operation, **fields: Any) -> AcquiringAnswer:
        return await self.on_hold(Transaction.COMPLETION_VOID, of, of.amount_minor, **fields)

    async def settle(self, totals: Totals, **fields: Any) -> AcquiringAnswer:
        return await self.settling(Transaction.SETTLEMENT, Settling(totals=totals), **fields)

    async def upload(self, *items: Item, **fields: Any) -> AcquiringAnswer:
        return await self.settling(Transaction.UPLOAD, Settling(items=items), **fields)

    async def end(self, count: int, code: str = "207", **fields: Any) -> AcquiringAnswer:
        return await self.settling(Transaction.UPLOAD_END, Settling(count=count, end_code=code), **fields)

    async def settling(self, transaction: Transaction, said: Settling, **fields: Any) -> AcquiringAnswer:
        content = (("48", str(said)),)
        values = {"settling": said, "minor": None, "card": None, "content": content, **fields}
        answer = await self.carry(transaction, **values)
        assert answer is not None
        return answer

    async def terminal(self) -> Terminal:
        found, _ = await merchant_store.terminal(self.pool, TERMINAL)
        assert found is not None
        return found

    async def enquire(self, of: Operation | str) -> AcquiringAnswer | None:
        trace = of if isinstance(of, str) else of.trace
        return await self.carry(Transaction.ENQUIRY, original=Original(batch="000001", trace=trace))

    async def operation(self, answer: AcquiringAnswer | None) -> Operation:
        assert answer is not None
        assert answer.operation is not None
        return await self.fresh(answer.operation)

    async def fresh(self, id_: UUID) -> Operation:
        found = await payments_store.operation(self.pool, id_)
        assert found is not None
        return found

    async def only(self, trace: str) -> Operation:
        found = await payments_store.by_reference(self.pool, terminal=TERMINAL, batch="000001", trace=trace)
        assert found is not None
        return found

    async def sold(self, minor: int = 10_000, **fields: Any) -> Operation:
        answer = await self.pay(minor=minor, **fields)
        assert answer is not None
        assert answer.reason == "done", answer
        return await self.operation(answer)

    async def balance(self, party: UUID, purpose: Purpose, item: str = "") -> int:
        value = await self.pool.fetchval(
            "SELECT e.balance_minor FROM ledger_account a JOIN ledger_entry e ON e.account_id = a.id"
            " WHERE a.party = $1 AND a.purpose = $2 AND a.item = $3 ORDER BY e.version DESC LIMIT 1",
            party,
            purpose,
            item,
        )
        return value or 0

    async def books(self) -> dict[str, int]:
        """The balances that acquiring moves, as the worked examples name them."""
        return {
            "channel.due": await self.balance(self.channel.id, Purpose.DUE),
            "merchant.M": -await self.balance(self.merchant.id, Purpose.AVAILABLE),
            "merchant.M.frozen": -await self.balance(self.merchant.id, Purpose.FROZEN),
            "income.merchant_fee": -await self.balance(PLATFORM, Purpose.INCOME, "merchant_fee"),
            "channel.fee_owed": -await self.balance(self.channel.id, Purpose.FEE_OWED),
            "expense.channel_cost": await self.balance(PLATFORM, Purpose.EXPENSE, "channel_cost"),
        }

    async def imbalance(self) -> int:
        return await self.pool.fetchval("SELECT coalesce(sum(amount_minor), 0) FROM ledger_entry")

    async def unripe(self) -> int:
        value = await self.pool.fetchval(
            "SELECT value FROM journal_counter WHERE scope = 'unripe' AND name = $1", str(self.merchant.id)
        )
        return value or 0

    async def ripen(self, *, leave: int) -> None:
        """All of the merchant's money but so much of it may be withdrawn."""
        count = Count("unripe", str(self.merchant.id), leave - await self.unripe())
        now = self.clock.now()
        await self.journal.post(Change(id=self.ids.new(), who="test", why="ripened", occurred_at=now, counts=(count,)))

    async def instruction_states(self, operation: UUID) -> list[tuple[str, str, str]]:
        found = await clearing_store.instructions_of(self.pool, operation)
        return [(each.ask, each.state, each.communication) for each in found]

    async def questions(self) -> list[str]:
        return [row["kind"] for row in await payments_store.open_questions(self.pool, 10)]

    async def timer_kinds(self) -> list[str]:
        rows = await self.pool.fetch("SELECT kind FROM timer ORDER BY kind")
        return [row["kind"] for row in rows]

    async def run_timers(self, *, holds: bool = False) -> int:
        """Run what is due, with budgets that have ended; `holds` have expired too."""
        await self.pool.execute("UPDATE operation SET answer_by = now() - interval '1 second' WHERE state = 'sent'")
        soon = "UPDATE timer SET due_at = now() WHERE due_at > now() AND ($1 OR kind <> 'clearing.expire_hold')"
        await self.pool.execute(soon, holds)
        return await self.timers.run_due()

    async def withdraw_all(self) -> None:
        """The merchant's money is paid out by another road."""
        available = await self.balance(self.merchant.id, Purpose.AVAILABLE)
        bank = Account(self.channel.settlement_party, "CNY", Purpose.CASH)
        legs = (
            Leg(Account(self.merchant.id, "CNY", Purpose.AVAILABLE), -available),
            Leg(bank, available),
        )
        now = self.clock.now()
        transfer = Transfer(id=self.ids.new(), kind="test", subject=self.merchant.id, legs=legs, occurred_at=now)
        change = Change(id=self.ids.new(), who="test", why="paid out", occurred_at=now, postings=(transfer,))
        await self.journal.post(change)


OpenALine = Callable[[Channel], Awaitable[OpenLine]]


@pytest.fixture
def keystore(tmp_path: Path, randomness: SystemRandomness) -> KeyStore:
    return open_software_store(KeyStoreSettings(directory=tmp_path / "keys"), randomness)


@pytest.fixture(scope="session")
async def template(template: str, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The migrated database with one merchant, one channel and their rates in it: every test gets a copy."""
    name = f"{template}_road"
    await _run(postgres.dsn(), f"CREATE DATABASE {name} TEMPLATE {template}")
    pool = await open_pool(postgres.dsn(name))
    await _seed(pool, tmp_path_factory.mktemp("keys"))
    await pool.close()
    return name


async def _run(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


async def _seed(pool: asyncpg.Pool[Any], folder: Path) -> None:
    clock = SystemClock()
    ids = UuidSevens(clock, SystemRandomness())
    keys = open_software_store(KeyStoreSettings(directory=folder), SystemRandomness())
    onboarding = Onboarding(pool=pool, keys=keys, clock=clock, ids=ids, who="test")
    merchant = await onboarding.merchant(code="m1", number=MERCHANT, name="Shop one")
    account = await onboarding.party(kind=Kind.BANK_ACCOUNT, code="settlement", name="Our account")
    desk = ChannelDesk(pool=pool, onboarding=onboarding, clock=clock, ids=ids, who="test")
    await onboarding.terminal(
        number=TERMINAL, merchant=merchant.id, tmk=await keys.load(KeyKind.TERMINAL_MASTER, bytes(range(16)))
    )
    asks = [each for each in Ask if each is not Ask.PAYOUT]
    fields: dict[str, Any] = {"kind": "fake", "type_": "quick", "communication": "realtime", "asks": asks}
    channel = await desk.channel(code="bank", name="The bank", params={}, settlement_party=account.id, **fields)
    await desk.open_for(merchant.id, channel.id)
    fees = FeeDesk(pool=pool, clock=clock, ids=ids, who="test")
    for item, party, ratio in (("merchant_fee", merchant.id, "0.60"), ("channel_cost", channel.id, "0.50")):
        await fees.item(code=item, business="acquiring", mode=item, unit="CNY")
        await fees.rate(item=item, party=party, terms=percent(ratio, taker=item), fee_type=item, key=item)


@pytest.fixture
async def world(
    pool: asyncpg.Pool[Any],
    clock: SystemClock,
    ids: UuidSevens,
    keystore: KeyStore,
) -> AsyncIterator[World]:
    channel = await clearing_store.channel_by_code(pool, "bank")
    merchant, _ = await merchant_store.merchant(pool, MERCHANT)
    assert channel is not None
    assert merchant is not None
    bank, made = Bank(), []

    async def no_zone_key(_channel: UUID) -> None:
        return None

    async def build(settings: RoadSettings = QUICK, join: OpenALine | None = None, zone_key: Any = None) -> World:
        async def nothing() -> None:
            return None

        async def open_line(row: Channel) -> OpenLine:
            return OpenLine(code=row.code, language=bank, wire=bank, close=nothing)

        registry = Registry(
            read=lambda: clearing_store.network(pool),
            generation_of=lambda: clearing_store.generation(pool),
            open_line=join or open_line,
        )
        fees = FeeBook(read=lambda: fee_store.rates(pool), generation_of=lambda: fee_store.generation(pool))
        directory = Directory(pool=pool)
        for each in (registry, fees, directory):
            await each.refresh()
        journal = Journal(pool=pool, tables=[*TABLES, TIMER, merchant_store.TERMINAL], clock=clock, ids=ids)
        await journal.start()
        faults = FaultPlan()
        road = build_road(
            journal=journal,
            pool=pool,
            keystore=keystore,
            merchants=directory,
            registry=registry,
            fees=fees,
            clock=clock,
            ids=ids,
            faults=faults,
            settings=settings,
            metrics=build_metrics(),
            nudge=lambda: None,
            zone_key=no_zone_key if zone_key is None else zone_key,
        )
        timers = Timers(pool=pool, clock=clock, handlers=road.recovery.handlers(), owner="test")
        made.append((road, journal))
        return World(
            pool=pool,
            journal=journal,
            clock=clock,
            ids=ids,
            bank=bank,
            merchant=merchant,
            channel=channel,
            road=road,
            timers=timers,
            faults=faults,
            fees=fees,
            build=build,
        )

    yield await build()
    for road, journal in made:
        await road.carrier.drain()
        await journal.stop()


@pytest.fixture
async def guarded(world: World) -> World:
    """A process whose every approval comes so late that it is guarded until it is told."""
    return await world.build(replace(QUICK, write_within_s=10.0))
