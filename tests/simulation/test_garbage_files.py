"""Mutated return files: each is quarantined with its reason or taken in whole; none stands half in the store."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.app.proof import prove
from gateway.kernel.clock import SHANGHAI, SystemClock
from gateway.kernel.postgres.pool import open_pool
from gateway.sandbox.payees import WITHDRAWAL_PASSWORD, Fate, fate_of

SEED = 188
GROUP = 50
_LINE = 190
_CUSTOMER = "TILLGATE01"
_FIRST_SEQUENCE = 2001
_MOST_GROWTH = 1.05
_FIFTHS = 5
_UNWEIGHED = 50
"""Files before the counted ones: pools and caches of the gateway fill up with them."""
_AT_REST = {"done", "quarantined", "duplicate"}
_COUNT, _AMOUNT = slice(1, 9), slice(9, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A file that a bank in disorder might write."""

    name: str
    content: bytes
    kind: str


@dataclass(slots=True)
class Press:
    """Makes bad files from good ones, each under its own name and with its own sequence in the header."""

    drawn: random.Random
    samples: list[tuple[str, bytes]]
    made: Counter[str] = field(default_factory=Counter)

    def files(self, count: int) -> Iterator[Bad]:
        for place in range(count):
            prefix, sample = self.drawn.choice(self.samples)
            sequence = _FIRST_SEQUENCE + place
            name = f"{prefix}{sequence:04d}.txt"
            mutate = self.drawn.choice(_MUTATIONS)
            lines = _lines(sample)
            lines[0] = lines[0][:19] + f"{sequence:04d}".encode() + lines[0][23:]
            kind = mutate.__name__.strip("_")
            self.made[kind] += 1
            yield Bad(name=name, content=mutate(self.drawn, lines), kind=kind)


def _flipped(drawn: random.Random, lines: list[bytes]) -> bytes:
    content = bytearray(b"".join(lines))
    for place in drawn.sample(range(len(content)), drawn.randint(1, 12)):
        content[place] ^= 1 << drawn.randrange(8)
    return bytes(content)


def _cut(drawn: random.Random, lines: list[bytes]) -> bytes:
    content = b"".join(lines)
    return content[: drawn.randrange(len(content))]


def _line_lost(drawn: random.Random, lines: list[bytes]) -> bytes:
    del lines[drawn.randrange(len(lines))]
    return b"".join(lines)


def _line_twice(drawn: random.Random, lines: list[bytes]) -> bytes:
    place = drawn.randrange(len(lines))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


def _lines_swapped(drawn: random.Random, lines: list[bytes]) -> bytes:
    one, other = drawn.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _wrong_totals(drawn: random.Random, lines: list[bytes]) -> bytes:
    place, part = drawn.choice(((0, slice(23, 31)), (0, slice(31, 46)), (-1, _COUNT), (-1, _AMOUNT)))
    digits = lines[place][part]
    lines[place] = _with(lines[place], part, f"{int(digits) + drawn.randint(1, 99):0{len(digits)}d}".encode())
    return b"".join(lines)


def _no_encoding(drawn: random.Random, lines: list[bytes]) -> bytes:
    place = drawn.randrange(1, len(lines) - 1)
    lines[place] = _with(lines[place], slice(60, 62), b"\xff\xff")
    return b"".join(lines)


def _noise(drawn: random.Random, _lines: list[bytes]) -> bytes:
    return drawn.randbytes(drawn.randint(1, 4000))


def _empty(_drawn: random.Random, _lines: list[bytes]) -> bytes:
    return b""


def _other_ends(_drawn: random.Random, lines: list[bytes]) -> bytes:
    return b"".join(line.replace(b"\r\n", b"\n") for line in lines)


def _grown(drawn: random.Random, lines: list[bytes]) -> bytes:
    content = b"".join(lines)
    place = drawn.randrange(len(content))
    return content[:place] + drawn.randbytes(drawn.randint(1, 400)) + content[place:]


def _other_amount(drawn: random.Random, lines: list[bytes]) -> bytes:
    """One amount is another one and the totals agree with it: a file that is valid in itself."""
    place = drawn.randrange(1, len(lines) - 1)
    less = drawn.randint(1, int(lines[place][40:55]) - 1)
    lines[place] = _less(lines[place], slice(40, 55), less)
    lines[0], lines[-1] = _less(lines[0], slice(31, 46), less), _less(lines[-1], _AMOUNT, less)
    return b"".join(lines)


def _unheard_of(drawn: random.Random, lines: list[bytes]) -> bytes:
    """A line of a number that nobody gave: a file that is valid in itself."""
    place = drawn.randrange(1, len(lines) - 1)
    lines[place] = _with(lines[place], slice(9, 29), b"29991231" + f"{drawn.randrange(10**12):012d}".encode())
    return b"".join(lines)


_MUTATIONS = (
    *(_flipped, _flipped, _flipped, _cut, _cut, _line_lost, _line_twice, _lines_swapped, _wrong_totals, _no_encoding),
    *(_noise, _empty, _other_ends, _grown, _other_amount, _unheard_of),
)


def _lines(content: bytes) -> list[bytes]:
    return [content[start : start + _LINE] for start in range(0, len(content), _LINE)]


def _with(line: bytes, part: slice, instead: bytes) -> bytes:
    return line[: part.start] + instead + line[part.stop :]


def _less(line: bytes, part: slice, by: int) -> bytes:
    return _with(line, part, f"{int(line[part]) - by:0{part.stop - part.start}d}".encode())


@pytest.mark.prove(part=1)
async def test_no_file_is_half_taken_in(new_world, outsider, books_of, proof, eventually, weigh) -> None:
    count = proof.count(quick=50, full=1_000)
    proof.figure(seed=SEED, files=count)
    async with new_world(seed=SEED) as world:
        outside, books = outsider(world.facts), books_of(world.facts)
        out = Path(world.bank.log).parent / "sftp" / _CUSTOMER / "out"
        press = Press(random.Random(SEED), await _good_files(outside, books, out, eventually))
        standing = await _standing(books)
        pid = world.gateway.pid
        files, weights = list(press.files(_UNWEIGHED + count)), [weigh(pid)]
        for start in range(0, len(files), GROUP):
            group = files[start : start + GROUP]
            _lay_down(out, group)
            await _taken_in(outside, books, group, eventually)
            _cleared_away(out, group)
            weights.append(weigh(pid))
        assert world.gateway.pid == pid
        await _judge(books, files, proof)
        await _all_are_counted(outside, books, eventually)
        assert await _standing(books) == standing
        await _good_ones_still_go_through(outside, books, eventually)
        assert await books.is_at_rest(within_s=30) == []
        await _books_hold(world.facts)
        first, last = weights[(_UNWEIGHED + count // _FIFTHS) // GROUP], weights[-1]
        proof.figure(mutations=dict(press.made), rss_first=first, rss_last=last, rss_ratio=round(last / first, 4))
        if count >= 1_000:
            assert last <= first * _MOST_GROWTH, weights


async def _good_files(outside: Any, books: Any, out: Path, eventually: Any) -> list[tuple[str, bytes]]:
    """Trade and withdraw, let the bank write its files, and take them in: good samples, and what they stand for."""
    terminal = outside.terminal(0)
    await terminal.sign_in()
    card = outside.world.pans("approve")[0]
    slips = [await terminal.purchase(amount * 100, pan=card) for amount in range(11, 31)]
    assert {slip.code for slip in slips} == {"00"}
    assert (await terminal.refund(slips[0], 5_00)).is_approved
    await _withdraw(outside, times=4)
    day_file = await outside.control("day-file", {})

    async def answered() -> bool:
        await _fetch(outside)
        return not await books.unresolved()

    assert await eventually(answered, within_s=60, every_s=0.5), await books.unresolved()
    names = [day_file["file"], await books.value("SELECT name FROM file WHERE name LIKE 'RET%' AND state = 'done'")]
    day = SystemClock().now().astimezone(SHANGHAI).strftime("%Y%m%d")
    return [(f"{name[:3]}{_CUSTOMER}{day}", (out / name).read_bytes()) for name in names]


async def _withdraw(outside: Any, *, times: int) -> None:
    merchant, operator = outside.api("merchant.M1"), outside.api("operator")
    cards = {fate_of(card["mask"]): card["id"] for card in (await merchant.get("/v1/bank-cards"))["bank_cards"]}
    for place in range(times):
        amount = {"minor": 10_00 + place, "unit": "CNY"}
        body = {"party": merchant.party, "amount": amount, "bank_card": cards[Fate.PAID]}
        asked = await merchant.post("/v1/withdrawals", body, key=f"files-{place}")
        path = f"/v1/withdrawals/{asked['id']}/confirm"
        await merchant.post(path, {"password": WITHDRAWAL_PASSWORD}, key=f"files-{place}-confirmed")
    await operator.post(f"/v1/channels/{_file_channel(outside)}/cut-off", {}, key="files-cut-off")


def _file_channel(outside: Any) -> str:
    return str(next(channel["id"] for channel in outside.facts["channels"] if channel["code"] == "sandbox-files"))


async def _fetch(outside: Any) -> None:
    await outside.api("operator").post(
        f"/v1/channels/{_file_channel(outside)}/fetch", {}, key=SystemClock().now().isoformat()
    )


def _lay_down(out: Path, files: list[Bad]) -> None:
    """Put files into the bank's folder as the bank does: whole, under their final names."""
    for bad in files:
        draft = out.parent / f"{bad.name}.draft"
        draft.write_bytes(bad.content)
        draft.replace(out / bad.name)


def _cleared_away(out: Path, files: list[Bad]) -> None:
    """Take files out of the bank's folder again, as banks do after a while: a listing is as long as its folder."""
    for bad in files:
        (out / bad.name).unlink()


async def _taken_in(outside: Any, books: Any, files: list[Bad], eventually: Any) -> None:
    names = [bad.name for bad in files]
    query = "SELECT count(*) FROM file WHERE name = ANY($1) AND direction = 'in' AND state = ANY($2)"

    async def at_rest() -> bool:
        await _fetch(outside)
        return int(await books.value(query, names, list(_AT_REST))) == len(names)

    held = await eventually(at_rest, within_s=120, every_s=0.3)
    assert held, [
        dict(row)
        for row in await books.rows(
            "SELECT name, state, reason FROM file WHERE name = ANY($1) AND state <> ALL($2)", names, list(_AT_REST)
        )
    ]


async def _judge(books: Any, files: list[Bad], proof: Any) -> None:
    """A file in quarantine says why and where and left no line; one that was taken in has every line of it."""
    query = """
        SELECT f.name, f.state, f.reason, f.error_line, f.error_offset, f.count,
               (SELECT count(*) FROM settle_bank_return r WHERE r.file_id = f.id) AS lines
        FROM file f WHERE f.direction = 'in' AND f.name = ANY($1)"""
    rows = {row["name"]: row for row in await books.rows(query, [bad.name for bad in files])}
    ends: Counter[str] = Counter()
    for bad in files:
        row = rows[bad.name]
        ends[row["state"]] += 1
        match row["state"]:
            case "quarantined":
                assert row["lines"] == 0, bad
                assert row["reason"], bad
                assert row["error_line"] is not None, (bad.name, bad.kind, row["reason"])
                assert 0 <= row["error_offset"] <= len(bad.content), (bad.name, bad.kind, row["error_offset"])
            case "done":
                details = sum(line[:1] == b"D" for line in _lines(bad.content))
                assert row["lines"] == row["count"] == details, (bad.name, bad.kind)
            case _:
                assert row["state"] == "duplicate", (bad.name, row["state"])
                assert row["lines"] == 0
    proof.figure(ends=dict(ends))
    assert ends["quarantined"] > ends["done"] > 0


async def _all_are_counted(outside: Any, books: Any, eventually: Any) -> None:
    """What lies in quarantine shows in the metrics."""
    quarantined = int(await books.value("SELECT count(*) FROM file WHERE state = 'quarantined'"))

    async def counted() -> bool:
        return await outside.counted("tillgate_file_quarantine") == quarantined

    assert await eventually(counted, within_s=30), await outside.counted("tillgate_file_quarantine")


async def _standing(books: Any) -> list[tuple[Any, ...]]:
    """Every payment, and all postings, as far as no line of a mutated file that was taken in whole speaks of them."""
    payments = """
        WITH told AS (
            SELECT r.instruction_id, r.transfer_id, r.state FROM settle_bank_return r JOIN file f ON f.id = r.file_id
            WHERE f.state = 'done' AND f.sequence >= $1 AND f.sequence < 9000)
        SELECT id, amount_minor, CASE WHEN state = 'returned' AND EXISTS (
            SELECT FROM told WHERE told.instruction_id = p.instruction_id AND told.state = 'returned')
            THEN 'success' ELSE state END FROM payout p
        UNION ALL SELECT id, amount_minor, state FROM operation
        UNION ALL SELECT t.id, sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0), t.kind
        FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.id
        WHERE t.id NOT IN (SELECT transfer_id FROM told WHERE transfer_id IS NOT NULL)
        GROUP BY t.id, t.kind
        ORDER BY 1"""
    return [tuple(row) for row in await books.rows(payments, _FIRST_SEQUENCE)]


async def _good_ones_still_go_through(outside: Any, books: Any, eventually: Any) -> None:
    terminal = outside.terminal(2)
    await terminal.sign_in()
    assert (await terminal.purchase(77_00, pan=outside.world.pans("approve")[0])).is_approved
    laid = await outside.control("day-file", {})

    async def is_done() -> bool:
        await _fetch(outside)
        rows = await books.rows("SELECT state FROM file WHERE name = $1", laid["file"])
        return bool(rows) and rows[0]["state"] == "done"

    assert await eventually(is_done, within_s=60, every_s=0.3)


async def _books_hold(facts: dict[str, Any]) -> None:
    pool = await open_pool(facts["database"])
    try:
        balances, faults = await prove(pool)
    finally:
        await pool.close()
    assert faults == ()
    assert not any(balances.values())
