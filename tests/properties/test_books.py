"""Random programs of changes against the oracle: every receipt as foretold, every entry, balance and line of the feed.

Several journals write one book; changes of one round meet in one batch or in few; requests and answers are lost, torn,
held back and cut off on the wire, sessions are ended, the server's side stands still in the middle of a commit.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from gateway.journal import (
    Change,
    Cursor,
    Done,
    Happened,
    Journal,
    JournalSettings,
    Receipt,
    Refused,
    Replayed,
    feed,
    open_day,
    verify,
)
from gateway.kernel.clock import SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.pool import open_pool
from gateway.ledger import store
from tests.plugins.proofs import Proof
from tests.properties.oracle import Oracle, Trial, Verdict, Wish
from tests.properties.programs import CREATE, FIRST, NOTE, PARCEL, Names, Round, dated, programs
from tests.properties.wire import Fault, Sessions, Wire

APPLICATION = "journal under test"
SETTINGS = JournalSettings(
    pause_first_s=0.001,
    pause_most_s=0.05,
    write_within_s=0.3,
    reach_s=120,
    patience_s=120,
    alone_batches=1,
    remembered_accounts=12,
)
STILL_S = 0.4


def said(receipt: Receipt) -> str:
    match receipt:
        case Done():
            return "done"
        case Replayed():
            return "replayed"
        case Refused(reason):
            return reason.value


class Play:
    """One program on the books: what was asked, what was answered, what must be there in the end."""

    def __init__(self, names: Names, oracle: Oracle) -> None:
        self.names, self.oracle = names, oracle
        self.taken: list[tuple[Done, Trial, int]] = []
        self._numbers = itertools.count(1)

    def asked(self, round_: Round) -> list[tuple[int, Wish, Change]]:
        """The changes of a round, numbered."""
        world = self.oracle.world
        wishes = zip(self._numbers, dated(round_, world.day, world.generations), strict=False)
        return [(number, wish, self.names.change(wish, number)) for number, wish in wishes]

    def in_turn(self, asked: list[tuple[int, Wish, Change]], receipts: list[Receipt]) -> None:
        """Check answers that were given in the order of the asking."""
        for (number, wish, _), receipt in zip(asked, receipts, strict=True):
            verdict = self.oracle.judge(wish, number)
            self._agree(verdict, wish, receipt)
            self._take(verdict, wish, number, receipt)

    def in_some_order(self, asked: list[tuple[int, Wish, Change]], receipts: list[Receipt]) -> None:
        """Check answers of several journals: what was taken in the order of the book, the rest at some point of it."""
        pairs = list(zip(asked, receipts, strict=True))
        done = sorted((pair for pair in pairs if isinstance(pair[1], Done)), key=lambda pair: _order(pair[1]))
        others = [pair for pair in pairs if not isinstance(pair[1], Done)]
        unexplained = [pair for pair in others if not self._explains(pair)]
        for (number, wish, _), receipt in done:
            self._take(self.oracle.judge(wish, number), wish, number, receipt)
            unexplained = [pair for pair in unexplained if not self._explains(pair)]
        assert not unexplained, [(wish, receipt) for (_, wish, _), receipt in unexplained]

    def _explains(self, pair: tuple[tuple[int, Wish, Change], Receipt]) -> bool:
        (number, wish, _), receipt = pair
        return said(receipt) in self.oracle.judge(wish, number).answers

    def _agree(self, verdict: Verdict, wish: Wish, receipt: Receipt) -> None:
        assert said(receipt) in verdict.answers, (wish, receipt, verdict.answers)
        if isinstance(receipt, Replayed):
            assert verdict.subject is not None
            assert receipt.subject == self.names.id("change", verdict.subject)

    def _take(self, verdict: Verdict, wish: Wish, number: int, receipt: Receipt) -> None:
        if not isinstance(receipt, Done):
            return
        assert verdict.trial is not None, (wish, receipt, verdict.answers)
        assert receipt.change == self.names.id("change", number)
        assert receipt.booked_on == self.oracle.world.day
        if self.taken:
            last = self.taken[-1][0]
            assert _order(receipt) > _order(last)
            assert receipt.recorded_at >= last.recorded_at
        self.oracle.keep(verdict)
        self.taken.append((receipt, verdict.trial, number))


def _order(receipt: Any) -> tuple[int, int]:
    return (receipt.seq, receipt.place)


class Books:
    """The books that are tried, the journals that write them and what befalls those."""

    def __init__(self, pool: asyncpg.Pool[Any], ids: UuidSevens, wire: Wire, sessions: Sessions) -> None:
        self.pool, self.ids, self.wire, self.sessions = pool, ids, wire, sessions
        self.journals: list[Journal] = []
        self.operations = 0
        self.said: Counter[str] = Counter()
        self._cursor = Cursor()

    async def run(self, program: list[Round]) -> None:
        """Play a program and compare."""
        await self._read_on()
        play = Play(Names(self.ids), Oracle(await open_day(self.pool)))
        for round_ in [FIRST, *program]:
            await self._play(round_, play)
        await self.sessions.settled()
        await self._compare(play)

    async def _play(self, round_: Round, play: Play) -> None:
        if round_.raises is not None:
            await self._raise_generation(play, round_.raises)
        asked = play.asked(round_)
        self.wire.plan = round_.plan()
        turns = zip(itertools.cycle(self.journals), asked, strict=False)
        receipts = await asyncio.gather(*(journal.post(change) for journal, (_, _, change) in turns))
        self.wire.plan = None
        self.operations += sum(max(1, len(wish.deeds)) for _, wish, _ in asked)
        self.said.update(said(receipt) for receipt in receipts)
        if len(self.journals) == 1:
            play.in_turn(asked, receipts)
        else:
            play.in_some_order(asked, receipts)

    async def _raise_generation(self, play: Play, number: int) -> None:
        name, generations = play.names.generation(number), play.oracle.world.generations
        generations[number] = generations.get(number, 0) + 1
        await self.pool.execute(
            "INSERT INTO generation (name, number) VALUES ($1, $2) "
            "ON CONFLICT (name) DO UPDATE SET number = excluded.number",
            name,
            generations[number],
        )

    async def _compare(self, play: Play) -> None:
        names, world, pool = play.names, play.oracle.world, self.pool
        stands = {names.account(name): -has for name, has in world.has.items()}
        assert await store.balances(pool, list(stands)) == stands
        assert await self._entries(play) == _expected_entries(play)
        held = {names.id("hold", n): hold.rest for n, hold in world.holds.items() if hold.state == "open"}
        assert await store.open_holds_about(pool, names.run) == held
        assert await self._records(play) == world.records
        notes = await pool.fetch(
            "SELECT id, body FROM note WHERE id = ANY($1)", [names.id("note", n) for n in range(3)]
        )
        assert {row["id"]: row["body"] for row in notes} == {names.id("note", n): t for n, t in world.notes.items()}
        counters = await pool.fetch("SELECT name, value FROM journal_counter WHERE scope = $1", str(names.run))
        assert {row["name"]: row["value"] for row in counters} == {f"c{n}": v for n, v in world.counters.items()}
        await self._compare_feed(play)

    async def _entries(self, play: Play) -> list[dict[Any, Any]]:
        posted: dict[Any, dict[Any, Any]] = {}
        for entry in await store.entries_about(self.pool, play.names.run):
            kept = (entry.amount_minor, entry.balance_minor, entry.booked_on)
            posted.setdefault(entry.transfer_id, {})[entry.account] = kept
        return list(posted.values())

    async def _records(self, play: Play) -> dict[int, tuple[int, str]]:
        ids = {play.names.id("parcel", number): number for number in range(6)}
        rows = await self.pool.fetch("SELECT id, version, state FROM parcel WHERE id = ANY($1)", list(ids))
        return {ids[row["id"]]: (row["version"], row["state"]) for row in rows}

    async def _compare_feed(self, play: Play) -> None:
        lines = await self._read_on()
        read = [(at.cursor.seq, at.cursor.place, at.kind, at.subject, at.version, at.state) for at in lines]
        assert read == _expected_feed(play)

    async def _read_on(self) -> list[Happened]:
        lines: list[Happened] = []
        while more := await feed(self.pool, after=self._cursor, limit=500):
            lines += more
            self._cursor = more[-1].cursor
        return lines


def _expected_entries(play: Play) -> list[dict[Any, Any]]:
    return [
        {play.names.account(name): (-gain, -stands, done.booked_on) for name, (gain, stands) in posted.items()}
        for done, trial, _ in play.taken
        for posted in trial.posted
    ]


def _expected_feed(play: Play) -> list[tuple[Any, ...]]:
    names, kinds = play.names, {"parcel": "parcel", "ledger_hold": "hold"}
    lines = []
    for done, trial, number in play.taken:
        fixed = {"run": names.run, "change": names.id("change", number)}
        for kind, whose, version, state in trial.all_lines():
            subject = fixed[str(whose)] if isinstance(whose, str) else names.id(kinds[kind], int(str(whose)))
            lines.append((done.seq, done.place, kind, subject, version, state))
    return lines


@pytest.fixture(params=[1, 3], ids=["one journal", "three journals"])
async def books(
    request: pytest.FixtureRequest, pool: asyncpg.Pool[Any], dsn: str, clock: SystemClock, ids: UuidSevens
) -> AsyncIterator[Books]:
    await pool.execute(CREATE)
    sessions = Sessions(pool, APPLICATION, still_s=STILL_S)
    on = {Fault.TERMINATED: sessions.terminate, Fault.FROZEN: sessions.freeze}
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire(dsn, on))
        books = Books(pool, ids, wire, sessions)
        for number in range(request.param):
            through = await open_pool(wire.dsn, application=APPLICATION, smallest=2, largest=5)
            stack.push_async_callback(through.close)
            journal = Journal(
                pool=through,
                tables=[PARCEL, NOTE],
                clock=clock,
                ids=ids,
                writer=f"w{number}",
                settings=SETTINGS,
                first_day=date(2026, 11, 22),
            )
            await journal.start()
            stack.push_async_callback(journal.stop)
            books.journals.append(journal)
        yield books
    assert (await verify(pool)).faults == ()


def play_programs(books: Books, loop: asyncio.AbstractEventLoop, examples: int, number: int) -> None:
    """Let hypothesis draw programs, and shrink one that fails; the books live in `loop`."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(program=programs)
    def play(program: list[Round]) -> None:
        asyncio.run_coroutine_threadsafe(books.run(program), loop).result()

    play()


@pytest.mark.prove(part=2)
async def test_the_oracle_agrees(books: Books, proof: Proof) -> None:
    wanted = proof.count(quick=600, full=105_000)
    loop, seeds = asyncio.get_running_loop(), itertools.count(1)
    examples = proof.count(quick=10, full=300)
    while books.operations < wanted:
        await asyncio.to_thread(play_programs, books, loop, examples, next(seeds))
    befell = {fault.name.lower(): count for fault, count in sorted(Counter(books.wire.done).items())}
    proof.figure(operations=books.operations, seeds=next(seeds) - 1, answers=dict(books.said), faults=befell)
    assert {"done", "replayed", "insufficient_funds", "moved"} <= set(books.said)
    assert len(befell) >= proof.count(quick=2, full=len(Fault))
