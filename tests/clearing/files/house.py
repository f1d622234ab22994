"""A whole back office on a real journal, with the bank as two folders on disk and its files written by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from argon2 import PasswordHasher

from channels.filebank import FileBank
from channels.instruction import Approved, Declined
from connectors.directory import DirectoryCarrier
from connectors.ports import Fetched, FileCarrier, RemoteFile, Upload
from gateway.clearing import store as clearing_store
from gateway.clearing.files import BatchRoutes, ChannelFronts, FileSettings
from gateway.clearing.files.model import FileRecord
from gateway.clearing.reconciliation import TABLES, BackOffice, build_back_office
from gateway.clearing.returns.model import Batch
from gateway.journal import Change, Insert, Journal, Receipt
from gateway.kernel.clock import ManualClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.money import Money
from gateway.kernel.randomness import SystemRandomness
from gateway.keys import KeyStoreSettings, open_software_store
from gateway.keys.software import SoftwareKeyStore
from gateway.ledger import Account, Leg, Purpose, Transfer
from gateway.merchants.onboard import Onboarding
from gateway.parties import PLATFORM, Kind, WithdrawalPasswords
from gateway.payments.payout import Payout, Quoted, Withdrawal, Withdrawals, WithdrawalSettings
from gateway.payments.payout import store as payout_store
from gateway.payments.payout.cards import PartyCards
from gateway.tasks import TIMER, Timers

CUSTOMER = "TILLGATE01"
DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
PASSWORD = "135790"
SEEDS = Path(__file__).parents[3] / "config" / "seeds" / "templates"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


class Killed(BaseException):
    """The process is gone at this point."""


@dataclass
class FaultPlan:
    """Dies the n-th time a point is passed, as a kill would: nothing after it runs."""

    plan: dict[str, int] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)

    def at(self, point: str) -> None:
        self.passed.append(point)
        if point in self.plan:
            self.plan[point] -= 1
            if self.plan[point] == 0:
                del self.plan[point]
                raise Killed(point)


@dataclass
class FlakyCarrier:
    """The bank's folders, and what is to go wrong with the next upload."""

    inner: DirectoryCarrier
    next_puts: list[Callable[[], Upload | None]] = field(default_factory=list)
    puts: list[str] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)

    async def put(self, folder: str, name: str, pieces: Any, size: int) -> Upload:
        self.puts.append(name)
        if self.next_puts:
            outcome = self.next_puts.pop(0)()
            if outcome is not None:
                return outcome
        return await self.inner.put(folder, name, pieces, size)

    async def list(self, folder: str) -> Sequence[RemoteFile]:
        return await self.inner.list(folder)

    async def get(self, folder: str, name: str, sink: Any) -> Fetched:
        self.gets.append(name)
        return await self.inner.get(folder, name, sink)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Fees:
    """0.10 %, at least 1.00, at most 25.00 (worked example 5)."""

    async def quote(self, *, item: str, party: UUID, amount: Money) -> Quoted:
        assert item == "withdrawal_fee"
        return Quoted(amount_minor=min(max((amount.minor + 500) // 1000, 100), 2500), version="fee-1")


@dataclass
class Counting:
    """Numbers in the order they are asked for."""

    last: int = 0

    async def next(self, at: datetime) -> str:
        self.last += 1
        return f"{at:%Y%m%d}{self.last:012d}"


@dataclass
class Owners:
    """Owners of open operations; `answers` tells what each does with the file's word."""

    answers: dict[UUID, Callable[[Approved | Declined], Any]] = field(default_factory=dict)
    asked: list[UUID] = field(default_factory=list)

    async def conclude_from_file(self, instruction: UUID, outcome: Approved | Declined) -> bool:
        self.asked.append(instruction)
        if instruction not in self.answers:
            return False
        await self.answers[instruction](outcome)
        return True


class Mine:
    """The journal of one world: what was killed there posts no more."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    async def post(self, change: Change) -> Receipt:
        return await self.journal.post(change)

    async def post_set(self, changes: Iterable[Change]) -> list[Receipt]:
        return await self.journal.post_set(changes)


@dataclass
class House:
    pool: asyncpg.Pool[Any]
    clock: ManualClock
    ids: UuidSevens
    journal: Journal
    keystore: SoftwareKeyStore
    folder: Path
    carrier: FlakyCarrier
    faults: FaultPlan
    fees: Fees
    numbers: Counting
    owners: Owners
    settings: FileSettings
    limits: WithdrawalSettings
    channel: UUID = field(init=False)
    acquirer: UUID = field(init=False)
    bank_account: UUID = field(init=False)
    withdrawals: Withdrawals = field(init=False)
    office: BackOffice = field(init=False)
    timers: Timers = field(init=False)
    passwords: WithdrawalPasswords = field(init=False)
    payouts: list[UUID] = field(default_factory=list)

    @property
    def onboarding(self) -> Onboarding:
        return Onboarding(pool=self.pool, keys=self.keystore, clock=self.clock, ids=self.ids, who="tester")

    def open(self) -> None:
        """Build the office anew over the same database: what a restart does."""
        self.passwords = WithdrawalPasswords(pool=self.pool, clock=self.clock, ids=self.ids, hasher=QUICK)
        journal = Mine(self.journal)
        self.withdrawals = Withdrawals(
            pool=self.pool,
            journal=journal,
            quotes=self.fees,
            cards=PartyCards(pool=self.pool, keystore=self.keystore, passwords=self.passwords),
            numbers=self.numbers,
            routes=BatchRoutes(self.pool),
            ids=self.ids,
            clock=self.clock,
            limits=lambda _: self.limits,
        )

        async def carrier(channel: UUID, params: Mapping[str, object]) -> FileCarrier:
            return self.carrier

        self.office = build_back_office(
            pool=self.pool,
            journal=journal,
            keystore=self.keystore,
            fronts=ChannelFronts(pool=self.pool, kinds={"filebank": FileBank}, carrier=carrier),
            conclusions=self.owners,
            ids=self.ids,
            clock=self.clock,
            faults=self.faults,
            settings=self.settings,
        )
        handlers = {**self.office.handlers(), "payout.expire": self.withdrawals.expire}
        self.timers = Timers(pool=self.pool, clock=self.clock, handlers=handlers, owner="test")

    async def furnish(self) -> None:
        """A bank account, a channel for files, one for cards of the same bank, and the templates."""
        account = await self.onboarding.party(kind=Kind.BANK_ACCOUNT, code="bank-1", name="Bank one")
        files = await self.onboarding.party(kind=Kind.CHANNEL, code="files", name="Files")
        cards = await self.onboarding.party(kind=Kind.CHANNEL, code="cards", name="Cards")
        self.bank_account, self.channel, self.acquirer = account.id, files.id, cards.id
        await self._channel(files.id, "files", "filebank", "batch_file", ["payout"])
        await self._channel(cards.id, "cards", "xmlbank", "realtime", ["pay", "void", "refund", "reverse"])
        ret = (SEEDS / "ret.json").read_text()
        bodies = {"pay": (SEEDS / "pay.json").read_text(), "ret": ret, "acq": ret, "rej": ret}
        language = FileBank({"customer": CUSTOMER})
        await self.office.templates.seed(channel_kind="filebank", bodies=bodies, samples={}, language=language)

    async def _channel(self, id_: UUID, code: str, kind: str, communication: str, asks: list[str]) -> None:
        await self.pool.execute(
            "INSERT INTO channel (id, code, kind, type, communication, asks, params, settlement_party)"
            " VALUES ($1, $2, $3, 'bank', $4, $5, $6, $7)",
            *(id_, code, kind, communication, asks, {"customer": CUSTOMER}, self.bank_account),
        )

    async def agent(self, code: str, *, has: int = 0, kind: Kind = Kind.AGENT) -> UUID:
        """A party with a password and, where `has` is more than nothing, that much money."""
        party = await self.onboarding.party(kind=kind, code=code, name=code)
        await self.passwords.set(party.id, PASSWORD, who="tester", why="first", key=f"password/{code}")
        if has:
            await self.fund(party.id, has)
        return party.id

    async def card(self, party: UUID, payee: str = "000", *, name: str = "张三", last: str = "0000") -> UUID:
        """A bank card whose digits 7 to 9 tell the bank what to do."""
        account = f"622202{payee}{int(party) % 10**6:06d}{last}"
        card = await self.onboarding.bank_card(party=party, account=account, name=name, bank="102100099996")
        return card.id

    async def fund(self, party: UUID, amount: int) -> None:
        available = Account(party, "CNY", Purpose.AVAILABLE)
        legs = (Leg(self.bank, amount), Leg(available, -amount))
        await self.post(postings=(self.transfer(*legs),))

    def transfer(self, *legs: Leg, subject: UUID | None = None, kind: str = "test") -> Transfer:
        return Transfer(
            id=self.ids.new(), kind=kind, subject=subject or self.ids.new(), legs=legs, occurred_at=self.clock.now()
        )

    async def post(self, **content: Any) -> Receipt:
        change = Change(id=self.ids.new(), who="tester", why="test", occurred_at=self.clock.now(), fact=True, **content)
        receipt = await self.journal.post(change)
        assert hasattr(receipt, "seq"), receipt
        return receipt

    @property
    def bank(self) -> Account:
        return Account(self.bank_account, "CNY", Purpose.CASH)

    @property
    def transit(self) -> Account:
        return Account(PLATFORM, "CNY", Purpose.TRANSIT, "payout")

    def due(self) -> Account:
        return Account(self.acquirer, "CNY", Purpose.DUE)

    def suspense(self, item: str) -> Account:
        return Account(PLATFORM, "CNY", Purpose.SUSPENSE, item)

    def income(self) -> Account:
        return Account(PLATFORM, "CNY", Purpose.INCOME, "withdrawal_fee")

    async def balance(self, account: Account) -> int:
        """Debit positive, in fen."""
        found = await self.pool.fetchval(
            "SELECT e.balance_minor FROM ledger_account a JOIN ledger_entry e ON e.account_id = a.id"
            " WHERE a.party = $1 AND a.unit = $2 AND a.purpose = $3 AND a.item = $4 ORDER BY e.version DESC LIMIT 1",
            *(account.party, account.unit, account.purpose, account.item),
        )
        return found or 0

    async def has(self, party: UUID) -> int:
        return -await self.balance(Account(party, "CNY", Purpose.AVAILABLE))

    async def frozen(self, party: UUID) -> int:
        return -await self.balance(Account(party, "CNY", Purpose.FROZEN))

    async def trial(self) -> int:
        return int(await self.pool.fetchval("SELECT coalesce(sum(amount_minor), 0) FROM ledger_entry"))

    async def withdraw(self, party: UUID, amount: int, card: UUID) -> UUID:
        """Request and confirm."""
        asked = await self.withdrawals.request(party=party, amount=Money(amount, "CNY"), bank_card=card, who="api:test")
        assert isinstance(asked, Withdrawal), asked
        confirmed = await self.withdrawals.confirm(asked.payout.id, password=PASSWORD, who="api:test")
        assert isinstance(confirmed, Withdrawal), confirmed
        return confirmed.payout.id

    async def payout(self, payout: UUID) -> Payout:
        found = await payout_store.find(self.pool, payout)
        assert found is not None
        return found

    async def number(self, payout: UUID) -> str:
        return str(
            await self.pool.fetchval(
                "SELECT i.number FROM instruction i JOIN payout p ON p.instruction_id = i.id WHERE p.id = $1", payout
            )
        )

    async def instruction(self, id_: UUID) -> Mapping[str, Any]:
        row: Mapping[str, Any] | None = await self.pool.fetchrow("SELECT * FROM instruction WHERE id = $1", id_)
        assert row is not None
        return row

    async def states(self, table: str, subject: UUID) -> list[str]:
        """The states a record went through, each once."""
        rows = await self.pool.fetch(
            "SELECT state FROM journal_event WHERE kind = $1 AND subject = $2 ORDER BY seq, place, line", table, subject
        )
        states = [row["state"] for row in rows]
        return [state for place, state in enumerate(states) if place == 0 or states[place - 1] != state]

    async def run(self) -> None:
        """Run what is due until nothing is."""
        await self.timers.run_due()

    async def fate(self) -> None:
        """Run what is due; a kill ends this world, and another opens over the same database."""
        try:
            await self.run()
        except BaseExceptionGroup as group:
            if group.subgroup(Killed) is None:
                raise
        except Killed:
            pass

    async def restart(self) -> None:
        self.open()
        self.clock.advance(timedelta(minutes=3))  # leases of the dead run out

    async def send(self) -> FileRecord:
        """Cut off, and carry the file to the bank."""
        (file,) = await self.office.cut_off(self.channel, who="operator")
        await self.run()
        return await self.file(file)

    async def file(self, id_: UUID) -> FileRecord:
        (found,) = [each for each in await self.office.list_files(limit=1000) if each.id == id_]
        return found

    async def fetch(self) -> list[FileRecord]:
        """Fetch, import and reconcile; the files that are new."""
        report = await self.office.fetch(self.channel, who="operator")
        assert not report.failed
        await self.run()
        return [await self.file(one) for one in [*report.archived, *report.duplicates, *report.quarantined]]

    async def batch_of(self, file: FileRecord) -> Batch:
        (batch,) = await self.office.list_batches(file=file.id)
        return batch

    def sent_lines(self, file: FileRecord) -> list[str]:
        return (self.folder / "in" / file.name).read_bytes().decode("gb18030").split("\r\n")[:-1]

    def put(self, name: str, content: bytes) -> None:
        (self.folder / "out" / name).write_bytes(content)

    def answer(self, kind: str, sequence: int, *lines: bytes, day: date = DAY) -> str:
        """Write a return file as the bank does; returns its name."""
        name = f"{kind}{CUSTOMER}{day:%Y%m%d}{sequence:04d}.txt"
        self.put(name, document(kind, sequence, lines, day=day))
        return name

    async def operation(
        self, number: str, amount: int, *, state: str = "success", ask: str = "pay", **more: object
    ) -> UUID:
        """An acquiring instruction of the bank's card channel, as the payments room leaves it."""
        id_ = self.ids.new()
        row: dict[str, object] = {
            "id": id_,
            "number": number,
            "channel_id": self.acquirer,
            "ask": ask,
            "business": "acquiring",
            "owner_kind": "operation",
            "owner_id": self.ids.new(),
            "amount_minor": amount,
            "unit": "CNY",
            "state": state,
            "communication": "no_answer" if state == "unknown" else "answered",
            "result": "unchecked",
            "created_at": self.clock.now(),
            "sent_at": self.clock.now(),
            "value_on": DAY if state == "success" else None,
            "version": 1,
        }
        row |= more
        columns = {name: row.get(name) for name in clearing_store.INSTRUCTION.columns}
        texts = ("routing", "purpose", "merchant", "terminal", "payee_bank", "bank_reference", "approval_code")
        columns |= {name: "" for name in (*texts, "code", "reason") if columns.get(name) is None}
        columns["tries"] = columns["tries"] or 1
        await self.post(records=(Insert("instruction", columns),))
        return id_


def line(
    place: int,
    number: str,
    amount: int,
    *,
    business: str = "WITHDRAWAL",
    kind: str = "O",
    state: str = "S",
    code: str = "00",
    text: str = "",
) -> bytes:
    """One detail of a return file, 188 bytes (the bank's own page)."""
    head = f"D{place:08d}{number:>020}{business:<10}{kind}{amount:015d}{state}{code:<4}"
    words = text.encode("gb18030").ljust(40)
    tail = f"{'B' + number[-11:]:<16}{DAY:%Y%m%d}{0:09d}"
    return (head.encode() + words + tail.encode()).ljust(188)


def document(kind: str, sequence: int, lines: Sequence[bytes], *, day: date = DAY) -> bytes:
    """A return file around its details."""
    amount = sum(int(one[40:55]) for one in lines)
    head = f"H{CUSTOMER}{day:%Y%m%d}{sequence:04d}{len(lines):08d}{amount:015d}CNY{kind}".encode().ljust(188)
    tail = f"T{len(lines):08d}{amount:015d}".encode().ljust(188)
    return b"\r\n".join([head, *lines, tail, b""])


@pytest.fixture
async def house(pool: asyncpg.Pool[Any], tmp_path: Path) -> AsyncIterator[House]:
    clock = ManualClock(NOW)
    randomness = SystemRandomness()
    ids = UuidSevens(clock, randomness)
    for folder in ("in", "out"):
        (tmp_path / "bank" / folder).mkdir(parents=True)
    tables = [*TABLES, clearing_store.INSTRUCTION, TIMER]
    journal = Journal(pool=pool, tables=tables, clock=clock, ids=ids, first_day=DAY)
    await journal.start()
    house = House(
        pool=pool,
        clock=clock,
        ids=ids,
        journal=journal,
        keystore=open_software_store(KeyStoreSettings(directory=tmp_path / "keys"), randomness),
        folder=tmp_path / "bank",
        carrier=FlakyCarrier(DirectoryCarrier(tmp_path / "bank")),
        faults=FaultPlan(),
        fees=Fees(),
        numbers=Counting(),
        owners=Owners(),
        settings=FileSettings(
            lines_per_chunk=3, lines_per_change=3, changes_at_once=1, moves_per_change=2, posts_at_once=2
        ),
        limits=WithdrawalSettings(),
    )
    house.open()
    await house.furnish()
    yield house
    await journal.stop()
