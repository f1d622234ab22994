"""`tillgate verify` says that honest books hold, and names what was done to others."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.journal import Change, CloseDay, Done, Journal, open_day, sign_closes
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.ledger.model import Account, Leg, Purpose, Transfer
from tests.cli.conftest import Tillgate


class Signer:
    """Signs closes with a key of its own."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public = self._key.public_key().public_bytes_raw()

    async def number(self) -> int:
        return 1

    async def sign(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        assert number == 1
        return self._key.sign(line), self.public


@pytest.fixture
async def books(pool: asyncpg.Pool[Any], clock, ids: Ids) -> None:
    """Books of a database of this test's own, with two payments and a signed close in them."""
    journal = Journal(pool=pool, tables=(), clock=clock, ids=ids)
    await journal.start()
    try:
        bank, merchant = Account(ids.new(), "CNY", Purpose.CASH), Account(ids.new(), "CNY", Purpose.AVAILABLE)
        for amount in (1_00, 2_00):
            transfer = Transfer(
                id=ids.new(),
                kind="purchase",
                subject=ids.new(),
                legs=(Leg(bank, amount), Leg(merchant, -amount)),
                occurred_at=clock.now(),
            )
            change = Change(id=ids.new(), who="tester", why="paid", occurred_at=clock.now(), postings=(transfer,))
            assert isinstance(await journal.post(change), Done)
        day = CloseDay(await open_day(pool))
        change = Change(id=ids.new(), who="tester", why="closed", occurred_at=clock.now(), close_day=day)
        assert isinstance(await journal.post(change), Done)
    finally:
        await journal.stop()
    assert await sign_closes(pool, book="main", signer=Signer(), now=clock.now) == 1


async def _tamper(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        # triggers keep an honest hand off; a dishonest one switches them off first
        await connection.execute("SET session_replication_role = replica")
        assert not (await connection.execute(statement)).endswith(" 0")
    finally:
        await connection.close()


def test_honest_books_hold(tillgate: Tillgate, books: None, dsn: str) -> None:
    ended = tillgate("verify", "--dsn", dsn)
    assert ended.code == 0
    assert "trial balance 0.00 CNY" in ended.out
    assert "the books hold" in ended.out
    shown = tillgate("verify", "--dsn", dsn, "--json").json
    assert shown == {
        "trial_balance": {"CNY": 0},
        "faults": [],
        "batches": 3,
        "transfers": 2,
        "entries": 4,
        "closes": 1,
        "signed_by": shown["signed_by"],
        "unsigned": [],
        "erased": 0,
        "holds": True,
    }


BROKEN = {
    "an amount": ("UPDATE ledger_entry SET amount_minor = amount_minor + 7 WHERE version = 2", "entry"),
    "a transfer gone": ("DELETE FROM ledger_transfer WHERE seq = 2", "transfer"),
    "a batch gone": ("DELETE FROM journal_batch WHERE seq = 2", "batch"),
    "an event rewritten": ("UPDATE journal_batch SET hash = sha256('x') WHERE seq = 1", "batch"),
}


@pytest.mark.parametrize(("statement", "named"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_books_are_named(tillgate: Tillgate, books: None, dsn: str, statement: str, named: str) -> None:
    asyncio.run(_tamper(dsn, statement))
    ended = tillgate("verify", "--dsn", dsn)
    assert ended.code == 1
    assert named in ended.err
    assert "do not hold" in ended.out
    told = tillgate("verify", "--dsn", dsn, "--json")
    assert (told.code, told.json["holds"]) == (1, False)
    assert any(named in fault for fault in told.json["faults"])


def test_a_whole_world_holds(tillgate: Tillgate, world: dict[str, Any]) -> None:
    ended = tillgate("verify", "--dsn", world["database"], "--json")
    assert (ended.code, ended.json["holds"], ended.json["faults"]) == (0, True, [])


@pytest.fixture
def exported(tillgate: Tillgate, books: None, dsn: str, tmp_path: Path) -> Path:
    path = tmp_path / "books.export.gz"
    assert tillgate("verify", "--dsn", dsn, "--write", path).code == 0
    return path


def test_an_export_holds_without_the_database(tillgate: Tillgate, exported: Path, dsn: str) -> None:
    ended = tillgate("verify", "--export", exported)
    assert (ended.code, "the books hold" in ended.out) == (0, True)
    shown = tillgate("verify", "--export", exported, "--json").json
    assert (shown["holds"], shown["first"], shown["batches"], shown["closes"]) == (True, None, 3, 1)
    assert exported.stat().st_mode & 0o077 == 0
    assert shown["signed_by"] == tillgate("verify", "--dsn", dsn, "--json").json["signed_by"]


def test_a_corrupted_export_is_named(tillgate: Tillgate, exported: Path, tmp_path: Path) -> None:
    lines = gzip.decompress(exported.read_bytes()).splitlines(keepends=True)
    entries = [n for n, line in enumerate(lines) if b'["entry"' in line]
    corrupted = {
        "a byte": [*lines[: entries[2]], lines[entries[2]].replace(b"200", b"201", 1), *lines[entries[2] + 1 :]],
        "a row": [*lines[: entries[2]], *lines[entries[2] + 1 :]],
        "two rows": [*lines[: entries[2]], lines[entries[3]], lines[entries[2]], *lines[entries[3] + 1 :]],
    }
    broken = tmp_path / "broken.export"
    for content in corrupted.values():
        broken.write_bytes(b"".join(content))
        ended = tillgate("verify", "--export", broken, "--json")
        first = ended.json["first"]
        assert (ended.code, first["batch"], first["entry"], first["file_line"]) == (1, 2, 1, entries[2] + 1)
        assert "main batch 2" in tillgate("verify", "--export", broken).err


def test_a_close_kept_elsewhere_is_met_again(tillgate: Tillgate, exported: Path, dsn: str, tmp_path: Path) -> None:
    listed = tillgate("closes", "--dsn", dsn, "--json")
    (close,) = listed.json
    assert (close["seq"], close["key"]) == (3, 1)
    assert close["hash"] in tillgate("closes", "--dsn", dsn).out
    kept, key = tmp_path / "closes.json", tmp_path / "closes.pem"
    kept.write_text(listed.out)
    key.write_text(close["public_key"])
    for where in (("--dsn", dsn), ("--export", exported)):
        assert tillgate("verify", *where, "--close", kept, "--key", key).code == 0
    lines = gzip.decompress(exported.read_bytes()).splitlines(keepends=True)
    hashes = [n for n, line in enumerate(lines) if b'["hash"' in line]
    hash_ = lines[hashes[1]].split(b'"')[3].decode()
    day = close["day"]
    bare = [line[9:] for line in lines[: hashes[1] + 1]]
    bare += [f'["head","main",2,"{hash_}","{day}"]\n'.encode(), b'["end",%d]\n' % (len(bare) + 1)]
    running, cut = 0, tmp_path / "cut.export"
    with cut.open("wb") as file:
        for line in bare:
            running = zlib.crc32(line, running)
            file.write(b"%08x %s" % (running, line))
    assert tillgate("verify", "--export", cut).code == 0
    ended = tillgate("verify", "--export", cut, "--close", kept)
    assert ended.code == 1
    assert "ends at batch 2" in ended.err


def test_another_key_is_refused(tillgate: Tillgate, exported: Path, dsn: str, tmp_path: Path) -> None:
    key = tmp_path / "other.pem"
    key.write_bytes(
        Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    for where in (("--dsn", dsn), ("--export", exported)):
        ended = tillgate("verify", *where, "--key", key)
        assert ended.code == 1
        assert "not one of those given" in ended.err


def test_wrong_words(tillgate: Tillgate, exported: Path, dsn: str, tmp_path: Path) -> None:
    assert tillgate("verify", "--export", exported, "--dsn", dsn).code == 2
    assert tillgate("verify", "--export", tmp_path / "none").code == 2
    assert tillgate("verify", "--dsn", dsn, "--write", tmp_path / "none" / "books").code == 2
    nothing = tmp_path / "nothing"
    nothing.write_text("{}")
    for option in ("--key", "--close"):
        ended = tillgate("verify", "--export", exported, option, nothing)
        assert ended.code == 2
        assert str(nothing) in ended.err


def test_no_closes_yet(tillgate: Tillgate, dsn: str) -> None:
    assert tillgate("closes", "--dsn", dsn, "--json").json == []
    assert "no day" in tillgate("closes", "--dsn", dsn).out


async def _write(pool: asyncpg.Pool[Any], clock: Clock, ids: Ids, entries: int) -> None:
    """Write so many entries, two to a transfer and fifty transfers to a change, on a few hundred accounts."""
    journal = Journal(pool=pool, tables=(), clock=clock, ids=ids)
    await journal.start()
    bank = Account(ids.new(), "CNY", Purpose.CASH)
    merchants = [Account(ids.new(), "CNY", Purpose.AVAILABLE) for _ in range(200)]

    def change(number: int) -> Change:
        transfers = tuple(
            Transfer(
                id=ids.new(),
                kind="purchase",
                subject=bank.party,
                legs=(Leg(bank, 7), Leg(merchants[(number * 50 + at) % 200], -7)),
                occurred_at=clock.now(),
            )
            for at in range(50)
        )
        return Change(id=ids.new(), who="tester", why="paid", occurred_at=clock.now(), postings=transfers)

    try:
        numbers = iter(range(entries // 100))
        while some := [change(number) for number in itertools.islice(numbers, 64)]:
            receipts = await asyncio.gather(*(journal.post(one) for one in some))
            assert all(isinstance(receipt, Done) for receipt in receipts)
    finally:
        await journal.stop()


def _peak_mib(*words: object) -> float:
    """Run `tillgate` in a process of its own, which must end well; return the most memory it had."""
    started = subprocess.Popen([sys.executable, "-m", "gateway.cli", *map(str, words)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    assert started.returncode == 0
    return usage.ru_maxrss / 1024


@pytest.mark.prove(part=2)
async def test_memory_does_not_grow_with_the_books(
    pool: asyncpg.Pool[Any], dsn: str, clock: Clock, ids: Ids, tmp_path: Path, proof: Any
) -> None:
    count, small, large = proof.count(quick=20_000, full=1_000_000), tmp_path / "small.gz", tmp_path / "large.gz"
    run = asyncio.to_thread
    await _write(pool, clock, ids, 2_000)
    before = [
        await run(_peak_mib, "verify", "--dsn", dsn, "--write", small),
        await run(_peak_mib, "verify", "--export", small),
    ]
    await _write(pool, clock, ids, count - 2_000)
    started = clock.monotonic()
    after = [await run(_peak_mib, "verify", "--dsn", dsn, "--write", large)]
    proven = clock.monotonic()
    after.append(await run(_peak_mib, "verify", "--export", large))
    proof.figure(
        entries=count,
        mib_before=before,
        mib_after=after,
        seconds_database=round(proven - started, 1),
        seconds_export=round(clock.monotonic() - proven, 1),
        export_mib=round(large.stat().st_size / 2**20, 1),
    )
    assert all(late - early < 64 for early, late in zip(before, after, strict=True)), (before, after)
