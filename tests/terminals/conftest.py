"""A door on a free port over an in-memory world, and a terminal that speaks to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from channels.iso8583 import DIALECTS, FrameReader, Message, decode, encode, frame, mac_input
from gateway.journal.model import Change, Done, Move, Receipt, Refused
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.metrics import Metrics, build_metrics
from gateway.kernel.randomness import SeededRandomness
from gateway.kernel.reasons import Reason
from gateway.keys.masters import MasterKey, Masters
from gateway.keys.port import KeyKind, MacScheme
from gateway.keys.software import SoftwareKeyStore
from gateway.merchants import BatchState, Merchant, MerchantState, Terminal, TerminalState
from gateway.payments.model import AcquiringAnswer, AcquiringRecord
from gateway.terminals import Listener, TerminalDoor, TerminalSettings

TMK = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")
TPDU_AND_HEADER = bytes.fromhex("6000030001 603100311234")
ANSWERED = bytes.fromhex("6000010003 603100311234")
WITHIN_S = 5.0


@dataclass
class World:
    """Terminals, merchants and books in memory: the facts the door reads and the journal it writes."""

    terminals: dict[str, Terminal] = field(default_factory=dict)
    merchants: dict[str, Merchant] = field(default_factory=dict)
    stale: dict[str, Terminal] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    fault: Exception | None = None
    before_post: Callable[[], None] | None = None

    async def terminal(self, number: str) -> Terminal | None:
        if self.fault:
            raise self.fault
        return self.stale.get(number) or self.terminals.get(number)

    async def fresh_terminal(self, number: str) -> Terminal | None:
        self.stale.pop(number, None)
        return self.terminals.get(number)

    async def merchant(self, number: str) -> Merchant | None:
        return self.merchants.get(number)

    async def post(self, change: Change) -> Receipt:
        if self.before_post:
            act, self.before_post = self.before_post, None
            act()
        (move,) = change.records
        assert isinstance(move, Move)
        assert move.table == "terminal"
        current = next(each for each in self.terminals.values() if each.id == move.id)
        if current.version != move.version:
            return Refused(Reason.MOVED, "it has moved", current.id)
        values: dict[str, Any] = {**move.to, "version": current.version + 1}
        self.terminals[current.number] = replace(current, **values)
        self.changes.append(change)
        now = change.occurred_at
        return Done(change=change.id, seq=len(self.changes), place=0, recorded_at=now, booked_on=now.date())

    def edit(self, number: str, **values: Any) -> None:
        current = self.terminals[number]
        self.terminals[number] = replace(current, version=current.version + 1, **values)


@dataclass
class Till:
    """The road of payments as a test wants it: answers what it is told to, keeps what came."""

    records: list[AcquiringRecord] = field(default_factory=list)
    answer: Callable[[AcquiringRecord], AcquiringAnswer | None] | None = None
    act: Callable[[AcquiringRecord], Awaitable[AcquiringAnswer | None]] | None = None

    async def carry(self, record: AcquiringRecord) -> AcquiringAnswer | None:
        self.records.append(record)
        if self.act:
            return await self.act(record)
        if self.answer:
            return self.answer(record)
        return AcquiringAnswer(reason=Reason.DONE, rrn="RRN000000001", approval_code="A12345")


def terminal_record(number: str, merchant: UUID, tmk: str, dialect: str = "cups") -> Terminal:
    return Terminal(
        id=UUID(int=int(number)),
        number=number,
        merchant_id=merchant,
        dialect=dialect,
        state=TerminalState.ACTIVE,
        family="pos",
        serial="",
        model="",
        shop_id=None,
        tmk=tmk,
        mac_key=None,
        pin_key=None,
        previous_mac_key=None,
        previous_pin_key=None,
        offered_mac_key=None,
        offered_pin_key=None,
        batch_no="000001",
        batch_state=BatchState.OPEN,
        signed_in_at=None,
        last_seen=None,
        wrong_macs=0,
        settings={},
        version=1,
    )


def decipher(key: bytes, data: bytes) -> bytes:
    whole = {8: key * 3, 16: key + key[:8]}[len(key)]
    return Cipher(TripleDES(whole), modes.ECB()).decryptor().update(data)  # noqa: S305 - the terminals' protocol


def check_value(key: bytes) -> bytes:
    whole = {8: key * 3, 16: key + key[:8]}[len(key)]
    return Cipher(TripleDES(whole), modes.ECB()).encryptor().update(bytes(8))[:4]  # noqa: S305 - a check value


class Pos:
    """A terminal on one connection; it keeps its clear MAC key and computes MACs through a store of its own."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        *,
        number: str = "10000001",
        merchant: str = "104110070110814",
        dialect: str = "cups",
    ) -> None:
        self.reader, self.writer = streams
        self.number, self.merchant = number, merchant
        self.dialect = DIALECTS[dialect]
        self.batch, self.trace = "000001", 0
        self.mac_key = self.pin_key = b""
        self._frames = FrameReader(4096)
        self._own = SoftwareKeyStore(masters=Masters([MasterKey(1, bytes(32))]), randomness=SeededRandomness(9))

    def sale(self, **fields: str | bytes) -> Message:
        """A purchase with the next trace; `f4="…"` replaces a field, `f22=""` leaves it out."""
        self.trace += 1
        plain: dict[int, str | bytes] = {
            2: "6222020000000000",
            3: "000000",
            4: "000000012345",
            11: f"{self.trace:06d}",
            22: "012",
            25: "00",
            41: self.number,
            42: self.merchant,
            49: "156",
            60: f"22{self.batch}",
        }
        plain |= {int(name[1:]): value for name, value in fields.items()}
        return Message("0200", {number: value for number, value in plain.items() if value != ""})

    def settling(self, mti: str, code: str, **fields: str | bytes) -> Message:
        """A message of a settlement with the next trace."""
        self.trace += 1
        plain = {11: f"{self.trace:06d}", 41: self.number, 42: self.merchant, 49: "156", 60: f"00{self.batch}{code}"}
        more = {int(name[1:]): value for name, value in fields.items()}
        return Message(mti, {number: value for number, value in {**plain, **more}.items() if value != ""})

    def network(self, mti: str, code: str, **fields: str | bytes) -> Message:
        plain = {11: "000001", 41: self.number, 42: self.merchant, 60: f"00{self.batch}{code}"}
        more = {int(name[1:]): value for name, value in fields.items()}
        return Message(mti, {number: value for number, value in {**plain, **more}.items() if value != ""})

    async def sealed(self, message: Message, key: bytes | None = None) -> bytes:
        """Write a message with its MAC."""
        covered = mac_input(self.dialect, encode(self.dialect, Message(message.mti, {**message.fields, 64: bytes(8)})))
        mac = await self.mac(covered, key or self.mac_key)
        return covered + self.dialect.elements[64].write(mac)

    async def mac(self, covered: bytes, key: bytes) -> bytes:
        scheme = MacScheme.CUPS if self.dialect.name == "cups" else MacScheme.X919
        return await self._own.mac(await self._own.load(KeyKind.MAC, key), scheme, covered)

    def send(self, body: bytes) -> None:
        self.writer.write(self.framed(body))

    def framed(self, body: bytes) -> bytes:
        return frame((TPDU_AND_HEADER if self.dialect.framing.tpdu else b"") + body)

    async def receive(self) -> tuple[Message, bytes]:
        """Return the next answer and its bytes; its envelope must be the request's, turned round."""
        content = await self.content()
        start = ANSWERED if self.dialect.framing.tpdu else b""
        assert content.startswith(start)
        body = content[len(start) :]
        return decode(self.dialect, body), body

    async def content(self) -> bytes:
        async with asyncio.timeout(WITHIN_S):
            while (content := self._frames.next_frame()) is None:
                data = await self.reader.read(4096)
                if not data:
                    raise EOFError
                self._frames.feed(data)
        return content

    async def ask(self, message: Message, *, key: bytes | None = None) -> Message:
        """Send with a MAC where it is due and return the answer, whose MAC must be good where it is approved."""
        network = message.mti[:3] in {"080", "082"}
        self.send(encode(self.dialect, message) if network else await self.sealed(message, key))
        answer, body = await self.receive()
        if not network and answer.text(39) == "00":
            good = await self.mac(mac_input(self.dialect, body), key or self.mac_key)
            assert answer.octets(64) == good
        else:
            assert 64 not in answer.fields
        return answer

    async def sign_in(self, code: str = "003") -> Message:
        answer = await self.ask(self.network("0800", code))
        keys = answer.octets(62)
        assert answer.text(39) == "00"
        assert keys is not None
        self.batch = str(answer.text(60))[2:8]
        self.pin_key, self.mac_key = self._unwrapped(keys, code)
        return answer

    def _unwrapped(self, keys: bytes, code: str) -> tuple[bytes, bytes]:
        width = 8 if code == "001" else 16
        single = code == "001" or self.dialect.name == "cups"
        pin, pin_check, mac, mac_check = (
            keys[:width],
            keys[width : width + 4],
            keys[width + 4 : width * 2 + 4],
            keys[width * 2 + 4 : width * 2 + 8],
        )
        if single and width == 16:
            assert mac[8:] == bytes(8)
        pin_key, mac_key = decipher(TMK, pin), decipher(TMK, mac[:8] if single else mac)
        assert (check_value(pin_key), check_value(mac_key)) == (pin_check, mac_check)
        return pin_key, mac_key

    async def closed(self) -> bool:
        """Wait until the door has closed the connection."""
        async with asyncio.timeout(WITHIN_S):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read(1) == b""
        return True

    async def hang_up(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@pytest.fixture
def keys() -> SoftwareKeyStore:
    return SoftwareKeyStore(masters=Masters([MasterKey(1, bytes(range(32)))]), randomness=SeededRandomness(1))


@pytest.fixture
async def world(keys: SoftwareKeyStore) -> World:
    merchant = Merchant(
        id=UUID(int=7), number="104110070110814", state=MerchantState.OPEN, ripening="at_once", settings={}, version=1
    )
    other = replace(merchant, id=UUID(int=8), number="104110070110815")
    tmk = (await keys.load(KeyKind.TERMINAL_MASTER, TMK)).text
    made = World(merchants={each.number: each for each in (merchant, other)})
    for number, dialect in (("10000001", "cups"), ("10000002", "cups"), ("20000001", "iso87-ascii")):
        made.terminals[number] = terminal_record(number, merchant.id, tmk, dialect)
    return made


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def metrics() -> Metrics:
    return build_metrics()


@pytest.fixture
def counted(metrics: Metrics) -> Callable[..., float]:
    """Read a sample of this test's own metrics."""

    def read(name: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(f"tillgate_{name}", labels) or 0.0

    return read


@pytest.fixture
def hears_nothing(metrics: Metrics) -> Callable[[Pos, Message], Awaitable[bool]]:
    """Send a message that is given up unanswered; tell whether the next to come is the answer of an echo after it."""

    def given_up() -> float:
        samples = [sample for family in metrics.requests.collect() for sample in family.samples]
        return sum(sample.value for sample in samples if sample.labels.get("reason") == "unanswered")

    async def unanswered(pos: Pos, message: Message) -> bool:
        before = given_up()
        pos.send(await pos.sealed(message))
        async with asyncio.timeout(WITHIN_S):
            while given_up() == before:  # noqa: ASYNC110 - a counter gives no sign
                await asyncio.sleep(0.005)
        return (await pos.ask(pos.network("0820", "301"))).mti == "0830"

    return unanswered


Opener = Callable[..., Awaitable[TerminalDoor]]


@pytest.fixture
async def opened(world: World, till: Till, keys: SoftwareKeyStore, metrics: Metrics) -> AsyncIterator[Opener]:
    """Open a door; `listener` and `settings` change what matters to a test."""
    doors: list[TerminalDoor] = []

    async def opening(*, listener: dict[str, Any] | None = None, **settings: Any) -> TerminalDoor:
        clock = SystemClock()
        plain = {"answer_within_ms": 2000, "guard_ms": 200, "drain_s": 3.0, **settings}
        door = TerminalDoor(
            settings=TerminalSettings(listeners=(Listener(**(listener or {})),), **plain),
            facts=world,
            books=world,
            carry=till,
            keys=keys,
            metrics=metrics,
            clock=clock,
            ids=UuidSevens(clock, SeededRandomness(3)),
        )
        doors.append(door)
        await door.start()
        return door

    yield opening
    for door in doors:
        await door.stop()


@pytest.fixture
async def dial() -> AsyncIterator[Callable[..., Awaitable[Pos]]]:
    """Connect a terminal to a door."""
    terminals: list[Pos] = []

    async def dialling(door: TerminalDoor, *, tls: Any = None, **about: Any) -> Pos:
        address = door.addresses[0]
        streams = await asyncio.open_connection(address.host, address.port, ssl=tls)
        terminals.append(Pos(streams, **about))
        return terminals[-1]

    yield dialling
    for each in terminals:
        await each.hang_up()


@pytest.fixture
async def pos(opened: Opener, dial: Callable[..., Awaitable[Pos]]) -> Pos:
    """A signed-in terminal at a door of the usual settings."""
    terminal = await dial(await opened())
    await terminal.sign_in()
    return terminal


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)
