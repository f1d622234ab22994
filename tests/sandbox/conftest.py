"""The sandbox bank as its own process, and small clients of its three listeners."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib.util
import inspect
import io
import itertools
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import paramiko
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

DEADLINE_SECONDS = 20
CHECKOUT = Path(__file__).parents[2]


@dataclass
class BankProcess:
    """A bank in a folder; it can be killed and started again in the same folder."""

    folder: Path
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    @property
    def inbox(self) -> Path:
        return self.folder / "sftp" / "TILLGATE01" / "in"

    @property
    def outbox(self) -> Path:
        return self.folder / "sftp" / "TILLGATE01" / "out"

    def start(self) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-W", "error", "-m", "gateway.sandbox.bank", "--directory", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--ready", str(ready), *self.options], cwd=CHECKOUT, stdout=log, stderr=log
            )
        until = time.monotonic() + DEADLINE_SECONDS
        while not ready.exists():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, "the bank does not get ready"
            time.sleep(0.02)
        self.ready = json.loads(ready.read_text())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> str:
        """Stop it cleanly and return what it had to say."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout=DEADLINE_SECONDS)
        said = (self.folder / "log").read_text()
        assert code == 0, said
        return said

    async def files(self, pattern: str, *, count: int = 1) -> list[str]:
        """Wait until `count` files of that name are in `out`."""
        await until(lambda: len(list(self.outbox.glob(pattern))) >= count)
        return sorted(path.name for path in self.outbox.glob(pattern))


class BankCustomer:
    """Speaks the real-time interface and the control interface of one bank."""

    def __init__(self, bank: BankProcess) -> None:
        self.bank = bank
        self._numbers = itertools.count(1)
        self._session = aiohttp.ClientSession()
        key = serialization.load_pem_private_key(bank.ready["signing"]["private_key"].encode(), None)
        self._key: Any = key
        self._bank_key: Any = serialization.load_pem_public_key(bank.ready["bank_key"]["public_key"].encode())

    async def close(self) -> None:
        await self._session.close()

    def number(self) -> str:
        return f"20261122{next(self._numbers):012d}"

    def question(self, function: str, number: str, **fields: object) -> bytes:
        parts = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        return (
            f'<BankRequest version="1.0"><Head><Function>{function}</Function><Number>{number}</Number>'
            f"<Customer>TILLGATE01</Customer><SentAt>2026-11-22T10:00:00+08:00</SentAt></Head>"
            f"<Body>{parts}</Body></BankRequest>"
        ).encode()

    def sign(self, body: bytes) -> dict[str, str]:
        signature = self._key.sign(body, padding.PKCS1v15(), hashes.SHA256())
        return {
            "X-Bank-Key": self.bank.ready["signing"]["key_id"],
            "X-Bank-Signature": base64.b64encode(signature).decode(),
            "Content-Type": "application/xml; charset=UTF-8",
        }

    def verify(self, headers: Any, answer: bytes) -> None:
        signature = base64.b64decode(headers["X-Bank-Signature"])
        self._bank_key.verify(signature, answer, padding.PKCS1v15(), hashes.SHA256())

    async def post(self, body: bytes, headers: dict[str, str], *, seconds: float = 10) -> tuple[int, Any, bytes]:
        https = self.bank.ready["https"]
        tls = ssl.create_default_context(cadata=https["ca"])
        async with self._session.post(
            https["url"] + "/gateway",
            data=body,
            headers=headers,
            ssl=tls,
            timeout=aiohttp.ClientTimeout(total=seconds),
        ) as response:
            return response.status, response.headers, await response.read()

    async def ask(self, function: str, number: str, *, seconds: float = 10, **fields: object) -> dict[str, str]:
        """Ask, check the signature, and return the answer's elements."""
        body = self.question(function, number, **fields)
        status, headers, answer = await self.post(body, self.sign(body), seconds=seconds)
        assert status == 200
        assert headers["X-Bank-Key"] == self.bank.ready["bank_key"]["key_id"]
        self.verify(headers, answer)
        root = etree.fromstring(answer)
        assert root.findtext("Head/Number") == number
        assert root.findtext("Head/Function") == function
        return {str(element.tag): element.text or "" for element in root[1]}

    async def pay(self, card: str, amount: int = 100, *, number: str = "", seconds: float = 10) -> dict[str, str]:
        number = number or self.number()
        answer = await self.ask("PAY", number, seconds=seconds, Amount=amount, Unit="CNY", Card=card)
        return answer | {"Number": number}

    async def query(self, about: str) -> tuple[str, str]:
        answer = await self.ask("QUERY", self.number(), Original=about)
        return answer["State"], answer["Code"]

    async def order(self, path: str, body: object, *, key: str = "") -> Any:
        control = self.bank.ready["control"]
        headers = {"Authorization": f"Bearer {control['token']}"} | ({"Idempotency-Key": key} if key else {})
        async with self._session.post(f"{control['url']}/control/{path}", json=body, headers=headers) as response:
            said = await response.json()
            assert response.status == 200, said
            return said

    async def books(self) -> dict[str, dict[str, Any]]:
        async with self._session.get(self.bank.ready["books"]) as response:
            assert response.status == 200
            return {entry["number"]: entry for entry in await response.json()}

    async def status_of(self, method: str, path: str, **given: Any) -> int:
        async with self._session.request(method, self.bank.ready["control"]["url"] + path, **given) as response:
            return response.status


async def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        held = holds()
        if await held if inspect.isawaitable(held) else held:
            return
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


@pytest.fixture(name="until")
def _until() -> Callable[..., Any]:
    return until


@pytest.fixture(scope="session")
def bank_process() -> Iterator[BankProcess]:
    """One bank for all tests that only add to it."""
    with tempfile.TemporaryDirectory(prefix="tg-bank-") as folder:
        bank = BankProcess(Path(folder))
        bank.start()
        yield bank
        assert bank.stop() == ""


@pytest.fixture
async def bank(bank_process: BankProcess) -> AsyncIterator[BankCustomer]:
    """A customer of the shared bank; numbers begin after those already used."""
    customer = BankCustomer(bank_process)
    used = [int(number[8:]) for number in await customer.books() if number.startswith("20261122")]
    customer._numbers = itertools.count(max(used, default=0) + 1000)
    yield customer
    await customer.close()


class FaultLine:
    """Hears each fault point a process passes; one that reaches the next point of `kill_at` waits to be killed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.kill_at: list[str] = []

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                _, point = line.decode().split()
                if self.kill_at and point == self.kill_at[0]:
                    self.kill_at.pop(0)
                    await reader.read()
                    break
                writer.write(b"\n")
        writer.close()

    async def struck(self, left: int) -> None:
        """Wait until only `left` points are still to come."""
        await until(lambda: len(self.kill_at) <= left)


@pytest.fixture
async def fault_line() -> AsyncIterator[FaultLine]:
    with tempfile.TemporaryDirectory(prefix="tg-") as folder:
        line = FaultLine(f"{folder}/faults")
        server = await asyncio.start_unix_server(line.hear, line.path)
        yield line
        server.close()


@pytest.fixture
def own_bank(tmp_path: Path, bank_process: BankProcess) -> Iterator[Callable[..., BankProcess]]:
    """Makes banks of this test's own; they have the shared bank's keys, as making keys takes long."""
    made: list[BankProcess] = []

    def make(*options: str) -> BankProcess:
        folder = tmp_path / f"bank{len(made)}"
        folder.mkdir()
        for pattern in ("*.pem", "*.key"):
            for kept in bank_process.folder.glob(pattern):
                shutil.copy(kept, folder)
        made.append(BankProcess(folder, options))
        made[-1].start()
        return made[-1]

    yield make
    for process in made:
        if process.process is not None and process.process.poll() is None:
            process.kill()


@pytest.fixture
async def customer_of() -> AsyncIterator[Callable[[BankProcess], BankCustomer]]:
    """Makes customers that are closed when the test ends."""
    made: list[BankCustomer] = []

    def make(bank: BankProcess) -> BankCustomer:
        made.append(BankCustomer(bank))
        return made[-1]

    yield make
    for customer in made:
        await customer.close()


@pytest.fixture
def sftp_to() -> Iterator[Callable[[BankProcess], paramiko.SFTPClient]]:
    """Opens SFTP sessions with the customer's key and the bank's host key pinned."""
    opened: list[paramiko.SSHClient] = []

    def connect(bank: BankProcess) -> paramiko.SFTPClient:
        facts = bank.ready["sftp"]
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        kind, text = facts["host_key"].split()
        host_key = paramiko.Ed25519Key(data=base64.b64decode(text))
        client.get_host_keys().add(f"[{facts['host']}]:{facts['port']}", kind, host_key)
        client.connect(
            facts["host"],
            facts["port"],
            facts["user"],
            pkey=paramiko.Ed25519Key.from_private_key(io.StringIO(facts["private_key"])),
            look_for_keys=False,
            allow_agent=False,
            timeout=10,
        )
        opened.append(client)
        return client.open_sftp()

    yield connect
    for client in opened:
        client.close()


def payment_file(sequence: int, payees: list[tuple[str, str, int]], *, day: str = "20261122") -> bytes:
    """Write a payment file of (number, account, amount) lines by the field widths of the bank's page."""
    total = sum(amount for _, _, amount in payees)
    lines = [f"HTILLGATE01{day}{sequence:04d}{len(payees):08d}{total:015d}CNY".encode().ljust(188)]
    for place, (number, account, amount) in enumerate(payees, start=1):
        name = "张三".encode("gb18030").ljust(60)
        tail = f"{'102100099996':<12}{amount:015d}{'withdrawal wd_1':<40}".encode()
        lines.append(f"D{place:08d}{number}{account:<32}".encode() + name + tail)
    lines.append(f"T{len(payees):08d}{total:015d}".encode().ljust(188))
    assert {len(line) for line in lines} == {188}
    return b"".join(line + b"\r\n" for line in lines)


@pytest.fixture(name="payment_file")
def _payment_file() -> Callable[..., bytes]:
    return payment_file


@pytest.fixture
def put() -> Callable[[paramiko.SFTPClient, str, bytes], None]:
    """Upload the way a careful customer does: under `.part`, then renamed."""

    def upload(sftp: paramiko.SFTPClient, name: str, data: bytes) -> None:
        sftp.putfo(io.BytesIO(data), f"in/{name}.part")
        sftp.rename(f"in/{name}.part", f"in/{name}")

    return upload


def return_line(line: bytes) -> dict[str, str]:
    """Cut a detail of a return file by the field widths of the bank's page."""
    widths = {
        "mark": 1,
        "line": 8,
        "number": 20,
        "business": 10,
        "kind": 1,
        "amount": 15,
        "state": 1,
        "code": 4,
        "text": 40,
        "reference": 16,
        "value_on": 8,
        "fee": 9,
        "filler": 55,
    }
    values, start = {}, 0
    for name, width in widths.items():
        values[name] = line[start : start + width].decode("gb18030").rstrip()
        start += width
    return values


@pytest.fixture
def details() -> Callable[[bytes], list[dict[str, str]]]:
    """Check the frame of a return file and give its details."""

    def cut(data: bytes) -> list[dict[str, str]]:
        assert data.endswith(b"\r\n")
        lines = data[:-2].split(b"\r\n")
        assert {len(line) for line in lines} == {188}
        found = [return_line(line) for line in lines[1:-1]]
        total = sum(int(entry["amount"]) for entry in found)
        assert lines[0][23:46] == f"{len(found):08d}{total:015d}".encode()
        assert lines[-1][:24] == f"T{len(found):08d}{total:015d}".encode()
        return found

    return cut


@pytest.fixture(scope="session")
def stand_in() -> Any:
    """The module `stand_in`, found by its place beside this file."""
    specification = importlib.util.spec_from_file_location("sandbox_stand_in", Path(__file__).with_name("stand_in.py"))
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module
