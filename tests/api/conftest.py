"""The door with small desks in memory, and a caller who signs by the standard's text, not by our code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from gateway.access import OPERATOR_PERMISSIONS, PARTY_PERMISSIONS, Algorithm, ApiKey
from gateway.api import Api, Desks, build_api
from gateway.api.account_port import Lines
from gateway.api.ports import (
    Batch,
    BatchFilter,
    Channel,
    Difference,
    Event,
    File,
    FileFilter,
    Listing,
    Page,
    Payment,
    Place,
    Step,
    Submission,
    Taken,
    UnitBalances,
    Withdrawal,
)
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock, ManualClock, SystemClock
from gateway.kernel.ids import UuidSevens, show
from gateway.kernel.metrics import build_metrics
from gateway.kernel.money import Money
from gateway.kernel.randomness import SeededRandomness
from gateway.kernel.reasons import Reason
from gateway.keys import KeyKind, NamedKey, SoftwareKeyStore, masters_from_text
from gateway.ledger.model import Account, Posted, Purpose
from gateway.parties import PLATFORM, BankCard, Scope
from gateway.web import AnswerSigner, WebSettings

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
ADDRESS = "https://pay.example.test"
SHOP, OTHER = UUID(int=0xA1 << 64), UUID(int=0xB2 << 64)
SHOP_CARD, PAYMENT, CHANNEL, BATCH = (UUID(int=number << 64) for number in (0xC3, 0xD4, 0xE5, 0xF6))
PATHS = {PLATFORM: f"/{PLATFORM.hex}/", SHOP: f"/{PLATFORM.hex}/{SHOP.hex}/", OTHER: f"/{PLATFORM.hex}/{OTHER.hex}/"}


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


class Journal:
    """Remembers keys as the journal does: the first that exists decides."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[bytes, UUID]] = {}

    def take(self, order: Submission, subject: UUID) -> UUID | Refused | None:
        """None = new; an id = its first answer is there; Refused = other content."""
        keys = order.keys(subject)
        for key in keys:
            found = self.kept.get((key.scope, key.name))
            if found is not None:
                return found[1] if found[0] == key.digest else Refused(key.refusal, "used with other content")
        self.kept.update({(key.scope, key.name): (key.digest, subject) for key in keys})
        return None


class Withdrawals:
    def __init__(self, journal: Journal, ids: UuidSevens) -> None:
        self._journal, self._ids = journal, ids
        self.records: dict[UUID, Withdrawal] = {}

    async def request(
        self, order: Submission, *, party: UUID, amount: Money, bank_card: UUID
    ) -> Taken[Withdrawal] | Refused:
        if not order.caller.sees.covers(PATHS.get(party, "/none/")):
            return Refused(Reason.NOT_FOUND, "no such party")
        if amount.minor > 1_000_000:
            return Refused(Reason.INSUFFICIENT_FUNDS, "more than can be withdrawn")
        first = self._journal.take(order, id_ := self._ids.new())
        if isinstance(first, Refused):
            return first
        if first is None:
            self.records[id_] = Withdrawal(
                id=id_,
                party=party,
                bank_card=bank_card,
                state="checked",
                amount=amount,
                fee=cny(200),
                withdrawable=cny(1_000_000),
                requested_at=order.at,
                history=[Step(at=order.at, what="checked", who=order.who, why="asked")],
            )
        return Taken(self.records[first or id_], replayed=first is not None)

    async def confirm(self, order: Submission, *, withdrawal: UUID, password: str) -> Taken[Withdrawal] | Refused:
        record = self.records.get(withdrawal)
        if record is None or not order.caller.sees.covers(PATHS[record.party]):
            return Refused(Reason.NOT_FOUND, "no such withdrawal")
        if password != "right":
            return Refused(Reason.BAD_PIN, "the password is wrong")
        first = self._journal.take(order, withdrawal)
        if isinstance(first, Refused):
            return first
        if first is None:
            self.records[withdrawal] = replace(record, state="frozen")
        return Taken(self.records[withdrawal], replayed=first is not None)

    async def find(self, sees: Scope, *, withdrawal: UUID) -> Withdrawal | None:
        record = self.records.get(withdrawal)
        return record if record is not None and sees.covers(PATHS[record.party]) else None


class Books:
    def __init__(self) -> None:
        self.open_day = date(2026, 11, 22)

    async def balances(self, sees: Scope, *, party: UUID) -> Sequence[UnitBalances] | None:
        if not sees.covers(PATHS.get(party, "/none/")):
            return None
        return [
            UnitBalances(
                unit="CNY",
                available_minor=90_000,
                frozen_minor=10_000,
                deposit_minor=5_000,
                advance_minor=0,
                withdrawable_minor=80_000,
            )
        ]

    async def bank_cards(self, sees: Scope, *, party: UUID) -> Sequence[BankCard] | None:
        if not sees.covers(PATHS.get(party, "/none/")):
            return None
        return [
            BankCard(
                id=SHOP_CARD,
                party_id=party,
                number=1,
                account_sealed=b"sealed",
                fingerprint=b"print",
                fingerprint_version=1,
                mask="622202******0000",
                name_sealed=b"sealed",
                bank="ICBC",
                bound=True,
                version=1,
            )
        ]

    async def close_day(self, order: Submission, *, day: date) -> Taken[date] | Refused:
        if day != self.open_day:
            return Refused(Reason.WRONG_STATE, f"the open day is {self.open_day}")
        self.open_day += timedelta(days=1)
        return Taken(self.open_day)


class Statements:
    """A merchant's books: 100.00 on the 21st, 30.00 out on the 22nd; the 1st is archived."""

    async def balances_at(self, sees: Scope, *, party: UUID, instant: datetime) -> Mapping[Account, int] | Refused:
        return await self.balances_on(sees, party=party, day=instant.date())

    async def balances_on(self, sees: Scope, *, party: UUID, day: date) -> Mapping[Account, int] | Refused:
        if not sees.covers(PATHS.get(party, "/none/")):
            return Refused(Reason.NOT_FOUND, "no such party")
        if day == date(2026, 11, 1):
            return Refused(Reason.NOT_FOUND, f"the books of {day} are archived")
        stood = 0 if day < date(2026, 11, 21) else 10_000 if day < date(2026, 11, 22) else 7_000
        return {Account(party, "CNY", Purpose.AVAILABLE): -stood, Account(party, "CNY", Purpose.ADVANCE): 5}

    async def lines(self, sees: Scope, *, account: Account, which: Lines) -> Sequence[Posted] | Refused:
        if not sees.covers(PATHS.get(account.party, "/none/")):
            return Refused(Reason.NOT_FOUND, "no such party")
        rows = ((1, "purchase", -10_000, -10_000, 21), (2, "refund", 3_000, -7_000, 22))
        lines = [
            Posted(
                account_id=account.party,
                version=version,
                transfer_id=SHOP_CARD,
                amount_minor=amount,
                balance_minor=balance,
                booked_on=date(2026, 11, day),
                recorded_at=NOW,
                occurred_at=NOW,
                value_on=None,
                kind=kind,
                subject=SHOP_CARD,
                note="",
                account=account,
            )
            for version, kind, amount, balance, day in rows
        ]
        first, last = which.first or date.min, which.last or date.max
        return [one for one in lines if one.version > which.after and first <= one.booked_on <= last][: which.limit]


class Payments:
    record = Payment(
        id=PAYMENT,
        kind="purchase",
        state="approved",
        terminal="10000001",
        merchant="104110070110814",
        batch="000001",
        trace="000042",
        amount=cny(12_345),
        occurred_at=NOW,
        rest=cny(12_345),
        approval_code="123456",
        rrn="632610000001",
        card="622202******0000",
        evidence=[Step(at=NOW, what="operation.approved", who="terminal:10000001", why="approved by the bank")],
    )

    async def find(self, sees: Scope, *, payment: UUID) -> Payment | None:
        return self.record if payment == PAYMENT and sees.covers(PATHS[SHOP]) else None

    async def by_reference(self, sees: Scope, *, terminal: str, batch: str, trace: str) -> Payment | None:
        ours = (terminal, batch, trace) == ("10000001", "000001", "000042")
        return self.record if ours and sees.covers(PATHS[SHOP]) else None


class Files:
    def __init__(self, ids: UuidSevens) -> None:
        self.accepted: list[tuple[str, bytes]] = []
        self.asked: list[FileFilter | BatchFilter] = []
        self.kept = [self._file(ids.new(), number) for number in range(5)]
        self.difference = Difference(
            id=ids.new(),
            batch=BATCH,
            kind="amount_differs",
            number="20261122000000000001",
            own_amount=cny(100),
            file_amount=cny(90),
            own_state="success",
            file_state="success",
            state="open",
            how="",
            opened_at=NOW,
        )

    async def channels(self) -> Sequence[Channel]:
        return [Channel(id=CHANNEL, code="demo", kind="filebank", state="on")]

    async def cut_off(self, order: Submission, *, channel: UUID) -> Taken[Sequence[File]] | Refused:
        return Taken(self.kept[:1]) if channel == CHANNEL else Refused(Reason.NOT_FOUND, "no such channel")

    async def fetch(self, order: Submission, *, channel: UUID) -> Taken[Sequence[File]] | Refused:
        return Taken([]) if channel == CHANNEL else Refused(Reason.NOT_FOUND, "no such channel")

    async def accept(self, order: Submission, *, channel: UUID, name: str, content: bytes) -> Taken[File] | Refused:
        self.accepted.append((name, content))
        return Taken(replace(self.kept[0], name=name))

    async def files(self, page: Page, which: FileFilter) -> Listing[File]:
        self.asked.append(which)
        return _part(self.kept, page)

    async def batches(self, page: Page, which: BatchFilter) -> Listing[Batch]:
        self.asked.append(which)
        return Listing(items=[self._batch("imported")], more=False, total=1 if page.with_total else None)

    async def reconcile(self, order: Submission, *, batch: UUID) -> Taken[Batch] | Refused:
        return Taken(self._batch("matching")) if batch == BATCH else Refused(Reason.NOT_FOUND, "no such batch")

    async def differences(self, page: Page, *, batch: UUID) -> Listing[Difference] | None:
        return Listing(items=[self.difference], more=False) if batch == BATCH else None

    async def resolve(self, order: Submission, *, difference: UUID, how: str, note: str) -> Taken[Difference] | Refused:
        if difference != self.difference.id:
            return Refused(Reason.NOT_FOUND, "no such difference")
        return Taken(replace(self.difference, state="resolved", how=how, resolved_by=order.who, resolved_at=order.at))

    def _file(self, id_: UUID, number: int) -> File:
        return File(
            id=id_,
            direction="in",
            channel=CHANNEL,
            kind="ACQ",
            name=f"ACQ{number}.txt",
            day=date(2026, 11, 22),
            sequence=number,
            state="done",
            count=3,
            amount=cny(300),
            made_at=NOW,
        )

    def _batch(self, state: str) -> Batch:
        return Batch(
            id=BATCH,
            file=self.kept[0].id,
            channel=CHANNEL,
            business="acquiring",
            day=date(2026, 11, 22),
            state=state,
            file_count=3,
            file_amount=cny(300),
            own_count=3,
            own_amount=cny(310),
            matched=2,
            different=1,
            missing=0,
            unknown=0,
            duplicate=0,
        )


def _part(kept: Sequence[File], page: Page) -> Listing[File]:
    start = 0 if page.after is None else [file.id for file in kept].index(page.after) + 1
    items = kept[start : start + page.limit]
    return Listing(items=items, more=start + page.limit < len(kept), total=len(kept) if page.with_total else None)


class Events:
    async def read(self, sees: Scope, *, after: Place | None, limit: int) -> Sequence[Event]:
        kept = [
            Event(
                at=Place(number, 0, 1),
                table="payout",
                subject=SHOP,
                version=number,
                state="checked",
                who="api:shop",
                why="asked",
                occurred_at=NOW,
                recorded_at=NOW,
            )
            for number in range(1, 4)
        ]
        return [event for event in kept if after is None or event.at > after][:limit]


class Keyring:
    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.secrets: dict[str, bytes] = {}

    def add(
        self,
        keyid: str,
        algorithm: Algorithm,
        public: bytes | None,
        party: UUID,
        permissions: Any,
        *,
        active: bool = True,
    ) -> None:
        self.keys[keyid] = ApiKey(
            id=UUID(int=len(self.keys)),
            keyid=keyid,
            algorithm=algorithm,
            public_key=public,
            secret=b"sealed" if public is None else None,
            party_id=party,
            permissions=frozenset(permissions),
            active=active,
            sees=Scope(PATHS[party]),
            created_at=NOW,
            version=1,
        )

    async def find(self, keyid: str) -> ApiKey | None:
        return self.keys.get(keyid)

    async def secret(self, key: ApiKey) -> bytes:
        return self.secrets[key.keyid]


class NoSessions:
    async def find(self, token: str) -> None:
        return None


class NoRules:
    async def match(self, facts: Any) -> None:
        return None


@dataclass
class Signed:
    """A request that can be changed before it is sent."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


@dataclass
class Caller:
    """Signs by the text of RFC 9421: lines joined by newline, parameters at the end."""

    keyid: str
    algorithm: str
    sign: Callable[[bytes], bytes]
    clock: Clock
    private: Any
    address: str = ADDRESS
    nonces: Any = field(default_factory=lambda: itertools.count(1))

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        key: str | None = None,
        content_type: str = "application/json",
        covered: Sequence[str] | None = None,
        created: int | None = None,
        nonce: str | None = "next",
        parameters: str = "",
    ) -> Signed:
        headers: dict[str, str] = {}
        lines = {"@method": method, "@target-uri": self.address + path}
        if body:
            headers["Content-Type"] = content_type
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers["Content-Digest"] = lines["content-digest"] = f"sha-256=:{digest}:"
        if key is not None:
            headers["Idempotency-Key"] = lines["idempotency-key"] = key
        named = " ".join(f'"{name}"' for name in (lines if covered is None else covered))
        created = int(self.clock.now().timestamp()) if created is None else created
        shown = f'({named});created={created};keyid="{self.keyid}";alg="{self.algorithm}"{parameters}'
        if nonce is not None:
            shown += f';nonce="{f"n{next(self.nonces)}" if nonce == "next" else nonce}"'
        base = "".join(f'"{name}": {lines[name]}\n' for name in (lines if covered is None else covered))
        signature = self.sign(f'{base}"@signature-params": {shown}'.encode())
        headers["Signature-Input"] = f"sig1={shown}"
        headers["Signature"] = f"sig1=:{base64.b64encode(signature).decode()}:"
        return Signed(method, path, body, headers)


async def build(address: str, clock: Clock) -> SimpleNamespace:
    """The door at `address`, its desks, and three callers (shop, other, operator) whose keys it knows."""
    ids = UuidSevens(clock, SeededRandomness(1))
    keystore = SoftwareKeyStore(masters=masters_from_text(f"1:{'11' * 32}"), randomness=SeededRandomness(2))
    journal, keyring = Journal(), Keyring()
    files = Files(ids)
    withdrawals = Withdrawals(journal, ids)
    # what edits records is tried against real records, in tests/access and beside the other desks
    nobody: Any = None
    desks = Desks(
        withdrawals=withdrawals,
        books=Books(),
        statements=Statements(),
        payments=Payments(),
        files=files,
        events=Events(),
        access=nobody,
        tasks=nobody,
        approvals=nobody,
        configuration=nobody,
        merchants=nobody,
        acquiring=nobody,
        refused=nobody,
    )
    block = await keystore.make(KeyKind.SIGNING, 32)
    named = NamedKey(name="answers", number=1, block=block, created_at=NOW, created_by="test")
    signer = await AnswerSigner.of(keystore=keystore, clock=clock, keys=[named])
    callers: dict[str, Caller] = {}
    for keyid, party, permissions in (
        ("shop", SHOP, PARTY_PERMISSIONS),
        ("other", OTHER, PARTY_PERMISSIONS),
        ("operator", PLATFORM, OPERATOR_PERMISSIONS),
    ):
        private = ed25519.Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        keyring.add(keyid, Algorithm.ED25519, public, party, permissions)
        callers[keyid] = Caller(keyid, "ed25519", private.sign, clock, private)
    keyring.secrets["machine"] = b"s" * 32
    keyring.add("machine", Algorithm.HMAC_SHA256, None, SHOP, PARTY_PERMISSIONS)
    machine = Caller("machine", "hmac-sha256", lambda data: hmac.digest(b"s" * 32, data, "sha256"), clock, None)
    settings = WebSettings(public_address=address, body_most=10_000, upload_most=100_000, burst=40, requests_per_s=10)
    api = Api(
        desks=desks,
        keys=keyring,
        sessions=NoSessions(),
        interception=NoRules(),  # type: ignore[arg-type]
        signer=signer,
        keystore=keystore,
        clock=clock,
        ids=ids,
        metrics=build_metrics(),
        settings=settings,
    )
    return SimpleNamespace(
        app=build_api(api),
        clock=clock,
        desks=desks,
        files=files,
        withdrawals=withdrawals,
        journal=journal,
        keyring=keyring,
        machine=machine,
        listed=signer.listed,
        answer_key=load_pem_public_key(signer.listed[0].public_key.encode()),
        **callers,
    )


@pytest.fixture
async def world(aiohttp_client) -> SimpleNamespace:
    """The door behind a test client, at a clock that stands."""
    made = await build(ADDRESS, ManualClock(NOW))
    made.client = await aiohttp_client(made.app)
    return made


@pytest.fixture
async def served() -> AsyncIterator[SimpleNamespace]:
    """The door on a port of its own, at the real clock, for clients of other make."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    made = await build(address, SystemClock())
    made.url = address
    runner = web.AppRunner(made.app)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    yield made
    await runner.cleanup()


@pytest.fixture
def send(world: SimpleNamespace) -> Callable[[Signed], Awaitable[SimpleNamespace]]:
    """Send a request; every answer's own signature is checked on the way."""

    async def go(signed: Signed) -> SimpleNamespace:
        answer = await world.client.request(signed.method, signed.path, data=signed.body, headers=signed.headers)
        body = await answer.read()
        check_answer(world.answer_key, signed, answer, body)
        shown = await answer.json(content_type=None)
        return SimpleNamespace(status=answer.status, body=shown, headers=answer.headers, raw=body)

    return go


def check_answer(key: Any, signed: Signed, answer: Any, body: bytes) -> None:
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert answer.headers["Content-Digest"] == f"sha-256=:{digest}:"
    shown = answer.headers["Signature-Input"].removeprefix("sig1=")
    assert shown.startswith('("@status" "content-digest" "@method";req "@target-uri";req);created=')
    base = (
        f'"@status": {answer.status}\n'
        f'"content-digest": sha-256=:{digest}:\n'
        f'"@method";req: {signed.method}\n'
        f'"@target-uri";req: {ADDRESS}{signed.path}\n'
        f'"@signature-params": {shown}'
    )
    signature = base64.b64decode(answer.headers["Signature"].removeprefix("sig1=:").removesuffix(":"))
    key.verify(signature, base.encode())


@pytest.fixture
def withdrawal_body() -> bytes:
    party, card = show("pty", SHOP), show("crd", SHOP_CARD)
    return f'{{"party":"{party}","amount":{{"minor":100000,"unit":"CNY"}},"bank_card":"{card}"}}'.encode()
