"""An export holds without the database, and names the first batch and entry that is not as it was written."""

from __future__ import annotations

import gzip
import io
import random
import subprocess
import sys
import zlib
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.journal import (
    Change,
    CloseDay,
    Journal,
    Key,
    Known,
    check_export,
    closes,
    open_to_read,
    sign_closes,
    verify,
)
from gateway.journal.close import Close, Sums
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.ledger import Account, Hold, HoldUse, Leg, Purpose, Release, Transfer
from tests.journal.conftest import DAY, NOW, Desk, OneKey

_SEED = 20_261_122
CHECKER = Path(__file__).parents[2] / "examples" / "verify_export.py"


@dataclass(frozen=True, slots=True)
class Export:
    """An export, with what it says."""

    path: Path
    content: bytes
    signer: OneKey
    closes: list[Close]

    @property
    def lines(self) -> list[bytes]:
        return self.content.splitlines(keepends=True)

    def check(self, content: bytes, **known: Any) -> Any:
        return check_export(io.BytesIO(content), **known)


def checked(lines: list[bytes]) -> bytes:
    """Write lines as one who knows the form would: with checks, and counted."""
    running, written = 0, []
    for line in lines:
        running = zlib.crc32(line, running)
        written.append(b"%08x %s" % (running, line))
    return b"".join(written)


@pytest.fixture(scope="module")
async def export(module_pool: asyncpg.Pool[Any], tmp_path_factory: pytest.TempPathFactory, signer: OneKey) -> Export:
    """Two closed days and a bit, with holds used, released and left open."""
    clock = SystemClock()
    desk = Desk(UuidSevens(clock, signer.randomness))
    journal = Journal(pool=module_pool, tables=(), clock=clock, ids=desk.ids, first_day=DAY)
    await journal.start()
    try:
        for day in range(3):
            await _busy_day(journal, desk)
            if day < 2:
                await journal.post(desk.change(close_day=CloseDay(DAY + timedelta(days=day))))
    finally:
        await journal.stop()
    await sign_closes(module_pool, book="main", signer=signer, now=clock.now)
    path = tmp_path_factory.mktemp("export") / "books.export"
    assert (await verify(module_pool, write=path)).holds
    return Export(path, path.read_bytes(), signer, [one.close() for one in await closes(module_pool)])


async def _busy_day(journal: Journal, desk: Desk) -> None:
    merchant, other = desk.merchant(), desk.merchant()
    frozen = Account(merchant.party, "CNY", Purpose.FROZEN)
    holds = [
        Hold(id=desk.new(), account=merchant, amount_minor=40, kind="w", subject=desk.new(), occurred_at=NOW)
        for _ in range(3)
    ]
    key = Key(scope="s", name=str(desk.new()), digest=b"d" * 32, digest_version=1, subject=desk.new(), expires_at=NOW)
    used = Transfer(
        id=desk.new(),
        kind="payout",
        subject=desk.new(),
        legs=(Leg(frozen, 30), Leg(other, -30)),
        occurred_at=NOW,
        wish=True,
        uses=(HoldUse(holds[0].id, 30),),
        value_on=DAY,
        note="to Li Lei",
    )
    points = Account(merchant.party, "points.a", Purpose.AVAILABLE)
    both = Transfer(
        id=desk.new(),
        kind="mix",
        subject=desk.new(),
        legs=(
            *(Leg(desk.bank, 5), Leg(merchant, -5)),
            *(Leg(Account(desk.bank.party, "points.a", Purpose.ISSUED), 7), Leg(points, -7)),
        ),
        occurred_at=NOW,
    )
    steps: list[Change] = [
        desk.change(desk.transfer(desk.bank, merchant, 500), keys=(key,)),
        desk.change(*holds),
        desk.change(used, why="Li Lei wants his money"),
        desk.change(Release(hold=holds[1].id, kind="w", subject=holds[1].subject, occurred_at=NOW)),
        desk.change(both),
    ]
    for step in steps:
        assert type(await journal.post(step)).__name__ == "Done"


def places(lines: list[bytes]) -> list[tuple[int | None, int, int]]:
    """Tell of every line of an export its batch, its place in it, and how many entries of the batch come before it."""
    told: list[tuple[int | None, int, int]] = []
    batch, line, entries, inside = 0, 0, 0, False
    for raw in lines:
        word = raw[11 : raw.index(b'"', 11)]
        if word == b"batch":
            batch, line, entries, inside = batch + 1, 0, 0, True
        told.append((batch if inside else batch + 1, line if inside else 0, entries if inside else 0))
        line, entries = line + 1, entries + (word == b"entry")
        inside = inside and word != b"hash"
    return told


def test_an_honest_export_holds(export: Export) -> None:
    proof = export.check(export.content, trusted=[export.signer.public], known=export.closes)
    assert (proof.flaw, proof.missing) == (None, ())
    assert (proof.batches, proof.closes, proof.trial_balance) == (17, 2, {"CNY": 0, "points.a": 0})
    assert proof.signed_by == (export.signer.public,)


def test_no_text_of_a_person_is_in_it(export: Export) -> None:
    assert b"Li Lei" not in export.content


def test_packed_as_well(export: Export, tmp_path: Path) -> None:
    packed = tmp_path / "books.gz"
    packed.write_bytes(gzip.compress(export.content))
    with open_to_read(packed) as file:
        assert check_export(file).holds
    packed.write_bytes(gzip.compress(export.content)[:-3000])
    with open_to_read(packed) as file:
        assert check_export(file).flaw is not None


def test_every_row_that_is_gone_is_named(export: Export) -> None:
    lines = export.lines
    inside = [n for n, (_, line, _) in enumerate(places(lines)) if line]
    for gone in inside:
        flaw = export.check(b"".join(lines[:gone] + lines[gone + 1 :])).flaw
        batch, line, entries = places(lines)[gone]
        # of a batch without its last line, the hash, it is the next one's first line that does not follow
        assert (flaw.batch, flaw.line, flaw.file_line) == (batch, line, gone + 1)
        assert flaw.entry == entries + 1


@pytest.mark.prove(part=2)
def test_random_corruptions_name_the_first_bad_batch_and_entry(export: Export, proof: Any) -> None:
    """One byte changed, one row removed, two rows swapped, at random."""
    count = proof.count(quick=300, full=20_000)
    draw, lines, where = random.Random(_SEED), export.lines, places(export.lines)
    for seed in range(count):
        at, how = draw.randrange(1, len(lines)), draw.choice(("byte", "gone", "swap"))
        changed, first = list(lines), at
        if how == "byte":
            spot = draw.randrange(len(lines[at]))
            other = bytes([draw.choice([byte for byte in range(256) if byte != lines[at][spot]])])
            changed[at] = lines[at][:spot] + other + lines[at][spot + 1 :]
        elif how == "gone":
            del changed[at]
        else:
            other_at = draw.choice([n for n in range(1, len(lines)) if n != at])
            changed[at], changed[other_at], first = lines[other_at], lines[at], min(at, other_at)
        flaw = export.check(b"".join(changed)).flaw
        assert flaw is not None, (seed, how)
        assert flaw.file_line == first + 1, (seed, how, str(flaw))
        batch, line, entries = where[first]
        if flaw.batch is not None and line:
            assert (flaw.batch, flaw.line, flaw.entry) == (batch, line, entries + 1), (seed, how, str(flaw))
    proof.figure(corruptions=count, seed=_SEED)


@pytest.mark.parametrize("left", [0, 1, 7, 40, 90])
def test_a_file_that_is_cut_off(export: Export, left: int) -> None:
    flaw = export.check(b"".join(export.lines[:left])).flaw
    assert "cut off" in flaw.detail
    assert flaw.file_line == left + 1
    half = export.lines[left][:-10]
    assert export.check(b"".join(export.lines[:left]) + half).flaw.file_line == left + 1


class Forger:
    """Knows the form: changes lines and writes all checks, hashes, heads and counts anew, so that they agree."""

    def __init__(self, export: Export) -> None:
        self.lines = [raw[9:] for raw in export.lines]

    def written(self, *, hashes: bool) -> bytes:
        if hashes:
            self._hash()
        return checked([*self.lines[:-1], b'["end",%d]\n' % (len(self.lines) - 1)])

    def change(self, word: bytes, old: bytes, new: bytes) -> None:
        at = next(n for n, line in enumerate(self.lines) if line.startswith(b'["%s"' % word) and old in line)
        self.lines[at] = self.lines[at].replace(old, new, 1)

    def _hash(self) -> None:
        before, hashing = bytes(32), sha256()
        for n, line in enumerate(self.lines):
            if line.startswith(b'["batch"'):
                hashing = sha256(before)
            if line.startswith(b'["hash"'):
                before = hashing.digest()
                self.lines[n] = b'["hash","%s"]\n' % before.hex().encode()
            if line.startswith(b'["head"'):
                self.lines[n] = b",".join(
                    [*line.split(b",")[:2], b"17", b'"%s"' % before.hex().encode(), line.split(b",")[-1]]
                )
            hashing.update(line)


FORGED = {
    "who": (b"change", b'"tester"', b'"nobody"'),
    "when": (b"change", b"2026-11-22T02", b"2026-11-22T03"),
    "a value date": (b"transfer", b'"2026-11-22"]', b'"2026-11-23"]'),
    "a kind": (b"transfer", b'"payout"', b'"refund"'),
    "what was told": (b"change", b'Z","', b'Z","0'),
    "an owner": (b"opened", b'"CNY","available"', b'"CNY","deposit"'),
    "a key": (b"batch", b'-22",1,"', b'-22",1,"0'),
}


@pytest.mark.parametrize(("word", "old", "new"), FORGED.values(), ids=FORGED.keys())
def test_a_forged_line_is_not_what_was_hashed(export: Export, word: bytes, old: bytes, new: bytes) -> None:
    forger = Forger(export)
    forger.change(word, old, new)
    flaw = export.check(forger.written(hashes=False)).flaw
    assert "not what was hashed" in flaw.detail
    assert flaw.entry is None
    assert flaw.batch >= 1


@pytest.mark.parametrize(("word", "old", "new"), FORGED.values(), ids=FORGED.keys())
def test_forged_hashes_meet_the_signed_close(export: Export, word: bytes, old: bytes, new: bytes) -> None:
    forger = Forger(export)
    forger.change(word, old, new)
    flaw = export.check(forger.written(hashes=True)).flaw
    assert "the close is not that of this batch" in flaw.detail


REWRITTEN = {
    "an amount": (b"entry", b",1,500,500]", b",1,501,501]", "over"),
    "a balance": (b"entry", b",1,500,500]", b",1,500,505]", "stands at"),
    "a version": (b"entry", b",1,500,500]", b",2,500,500]", "follows version"),
    "a hold's rest": (b"event", b'{"rest_minor":10}', b'{"rest_minor":20}', "frozen"),
    "a hold's state": (b"event", b'"open",{"rest_minor":10}', b'"posted",{"rest_minor":10}', "a hold is posted"),
    "a day": (b"event", b'{"day":"2026-11-22"}', b'{"day":"2026-11-23"}', "closes"),
}


@pytest.mark.parametrize(("word", "old", "new", "said"), REWRITTEN.values(), ids=REWRITTEN.keys())
def test_what_does_not_add_up_is_named_however_it_is_hashed(
    export: Export, word: bytes, old: bytes, new: bytes, said: str
) -> None:
    forger = Forger(export)
    forger.change(word, old, new)
    assert said in export.check(forger.written(hashes=True)).flaw.detail


def test_a_close_by_another_key(export: Export, signer: OneKey) -> None:
    assert "not one of those given" in export.check(export.content, trusted=[bytes(32)]).flaw.detail
    forger = Forger(export)
    at = next(n for n, line in enumerate(forger.lines) if line.startswith(b'["signature"'))
    forger.lines[at] = b'["signature","%s","%s"]\n' % (b"00" * 64, signer.public.hex().encode())
    assert "does not hold" in export.check(forger.written(hashes=False)).flaw.detail


def test_other_totals_in_a_close(export: Export) -> None:
    forger = Forger(export)
    forger.change(b"close", b'["CNY","cash",505]', b'["CNY","cash",506]')
    assert "506" in export.check(forger.written(hashes=False)).flaw.detail


def test_the_last_batches_cut_off_cleanly(export: Export) -> None:
    """Nothing inside the file tells: only a close that is known from elsewhere does."""
    forger = Forger(export)
    lines = forger.lines
    signed = [n for n, line in enumerate(lines) if line.startswith(b'["signature"')]
    hash_ = next(line for line in reversed(lines[: signed[0]]) if line.startswith(b'["hash"')).split(b'"')[3]
    head = b'["head","main",6,"%s","2026-11-23"]\n' % hash_
    forger.lines = [*lines[: signed[0] + 1], head, b""]
    cut = forger.written(hashes=False)
    assert export.check(cut).holds
    assert export.check(cut, known=export.closes[:1]).holds
    (missing,) = export.check(cut, known=export.closes).missing
    assert "ends at batch 6" in missing
    assert "batch 12" in missing


def test_a_book_made_anew_meets_a_known_close(export: Export) -> None:
    (first, _) = export.closes
    other = Sums.of(first).closed(book="main", day=first.day, seq=first.seq, hash_=bytes(32), key=1)
    flaw = export.check(export.content, known=[other]).flaw
    assert "known close" in flaw.detail
    assert flaw.batch == first.seq


def _third_party(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the example as its reader does: with a bare interpreter."""
    command = [sys.executable, "-I", "-S", str(CHECKER), str(path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_third_party_comes_to_the_same(export: Export, tmp_path: Path) -> None:
    """`examples/verify_export.py` knows the published algorithm and the standard library, and nothing of ours."""
    ended = _third_party(export.path, export.signer.public.hex())
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "main: 17 batches" in ended.stdout
    assert "2 signed closes" in ended.stdout
    assert "not signed" in _third_party(export.path, "11" * 32).stdout
    lines, broken = export.lines, tmp_path / "broken.export"
    for at in (3, 20, 60, len(lines) - 2):
        broken.write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
        ended = _third_party(broken)
        assert (ended.returncode, ended.stdout.split(":")[0]) == (1, f"line {at + 1}")
    forger = Forger(export)
    forger.change(b"transfer", b'"payout"', b'"refund"')
    broken.write_bytes(forger.written(hashes=False))
    assert "not what was hashed" in _third_party(broken).stdout
    broken.write_bytes(b"".join(lines[:-1]))
    assert "cut off" in _third_party(broken).stdout


async def test_known_closes_are_met_in_the_database_too(module_pool: asyncpg.Pool[Any], export: Export) -> None:
    known = Known(trusted=(export.signer.public,), closes=tuple(export.closes))
    assert (await verify(module_pool, known=known)).holds
    (first, _) = export.closes
    other = Sums.of(first).closed(book="main", day=first.day, seq=first.seq, hash_=bytes(32), key=1)
    faults = (await verify(module_pool, known=Known(trusted=(bytes(32),), closes=(other,)))).faults
    assert len(faults) == 3
    assert {fault.kind for fault in faults} == {"close"}
