"""A journal in a process of its own: posts a seeded program, says each answer once it has it, dies or stops where told.

`python -m tests.simulation.journal_child` is a nursery: it imports everything once, reads errands line by line and
forks a child for each, so that a child is there within milliseconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import signal
import sys
import traceback
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import structlog

from gateway.journal import Change, Count, Done, Event, Insert, Journal, JournalSettings, Key, Move, Put
from gateway.kernel.clock import ManualClock, SystemClock
from gateway.kernel.ids import UuidSevens
from gateway.kernel.postgres.pool import open_pool
from gateway.kernel.randomness import SeededRandomness, SystemRandomness, draw
from gateway.ledger import Account, Hold, HoldUse, Leg, Purpose, Release, Transfer
from tests.properties.programs import NOTE, PARCEL
from tests.properties.wire import Fault, Plan, Wire
from tests.simulation.await_points import AwaitPoints

DAY = date(2026, 11, 22)
_PR_SET_PDEATHSIG = 1
LOSSES = (Fault.LOST, Fault.CUT, Fault.UNANSWERED, Fault.WARNED, Fault.TORN)
SETTINGS = JournalSettings(
    pause_first_s=0.001, pause_most_s=0.05, write_within_s=5, reach_s=60, patience_s=60, alone_batches=1
)


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a child does: `changes` of the program of `seed`, made at `at_ms`, by so many callers at once.

    At the `passing`-th pass of `point` it stops, or kills `victims` and itself. `losing` is the folder of a wire that
    loses things, over which it is sent then. `hot` is the party whose money all writers move. Batches are small, so
    that there are many, where `batch_most` does not say otherwise. `points` asks for the points it passed.
    """

    dsn: str
    seed: int
    at_ms: int
    changes: int
    callers: int = 4
    point: str = ""
    passing: int = 1
    stops: bool = False
    victims: tuple[int, ...] = ()
    losing: str = ""
    hot: UUID | None = None
    batch_most: int = 5
    points: bool = False

    @property
    def name(self) -> str:
        """What the server knows its sessions by."""
        return f"child-{self.seed}-{self.at_ms}"


class Program:
    """The changes of an errand, the same for everyone who reads it; each succeeds whatever the others do."""

    def __init__(self, errand: Errand) -> None:
        at = datetime.fromtimestamp(errand.at_ms / 1000, UTC)
        self._new = UuidSevens(ManualClock(at), SeededRandomness(errand.seed)).new
        self._at = at
        self.run = self._new()
        self.house = self._new()
        self.parties = [errand.hot or self._new() for _ in range(3)]
        self.scope = str(self.run)
        self.parcels: dict[UUID, int] = {}
        self.notes: dict[UUID, int] = {}
        self.holds: dict[UUID, int] = {}
        self.numbers: dict[UUID, int] = {}
        self.changes = [self._change(number) for number in range(errand.changes)]

    def _change(self, number: int) -> Change:
        change, parcel, note = self._new(), self._new(), self._new()
        self.numbers[change], self.parcels[parcel], self.notes[note] = number, number, number
        records: list[Insert | Move | Put] = [
            Insert("parcel", {"id": parcel, "state": "new", "weight": number % 1_000})
        ]
        if number % 2:
            records.append(Move("parcel", parcel, 1, {"state": "sent"}))
        return Change(
            id=change,
            who="child",
            why=f"errand change {number}",
            occurred_at=self._at,
            keys=(self._key(number, change),),
            records=(*records, Put("note.up", {"id": note, "body": str(number)})),
            postings=self._postings(number),
            counts=(Count("errand", self.scope, 1),),
            events=(Event("errand", self.run, {"number": number}),),
            fact=number % 5 == 0,
        )

    def _key(self, number: int, change: UUID) -> Key:
        expires_at = self._at + timedelta(days=30)
        return Key(
            scope=self.scope, name=str(number), digest=b"d", digest_version=1, subject=change, expires_at=expires_at
        )

    def _postings(self, number: int) -> tuple[Any, ...]:
        """Money comes in two units; every other change holds some of it: keeps it, uses part of it or lets it go."""
        cny, pts = (Account(self.parties[number % 3], unit, Purpose.AVAILABLE) for unit in ("CNY", "PTS"))
        came = self._transfer([(cny, -100), (self._house("CNY"), 100), (pts, -7), (self._house("PTS"), 7)])
        if number % 2:
            return (came,)
        hold = Hold(id=self._new(), account=cny, amount_minor=40, kind="errand", subject=self.run, occurred_at=self._at)
        self.holds[hold.id] = number
        match number % 6:
            case 0:
                return (came, hold)
            case 2:
                frozen = Account(cny.party, "CNY", Purpose.FROZEN)
                return (came, hold, self._transfer([(frozen, 15), (self._house("CNY"), -15)], HoldUse(hold.id, 15)))
            case _:
                return (came, hold, Release(hold=hold.id, kind="errand", subject=self.run, occurred_at=self._at))

    def _house(self, unit: str) -> Account:
        return Account(self.house, unit, Purpose.CASH)

    def _transfer(self, legs: list[tuple[Account, int]], *uses: HoldUse) -> Transfer:
        return Transfer(
            id=self._new(),
            kind="errand",
            subject=self.run,
            legs=tuple(Leg(*leg) for leg in legs),
            occurred_at=self._at,
            uses=uses,
        )


def say(*words: object) -> None:
    """Tell the nursery's owner, at once and in one piece."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def _end(errand: Errand) -> None:
    say("at", os.getpid())
    for victim in errand.victims:
        os.kill(victim, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGSTOP if errand.stops else signal.SIGKILL)


async def run(errand: Errand) -> None:
    """Do an errand."""

    def at(point: str, passing: int) -> None:
        if (point, passing) == (errand.point, errand.passing):
            _end(errand)

    points = AwaitPoints(at)
    points.watch(asyncio.get_running_loop())
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire(errand.dsn, folder=Path(errand.losing))) if errand.losing else None
        pool = await open_pool(wire.dsn if wire else errand.dsn, application=errand.name)
        stack.push_async_callback(pool.close)
        clock = SystemClock()
        journal = Journal(
            pool=pool,
            tables=[PARCEL, NOTE],
            clock=clock,
            ids=UuidSevens(clock, SystemRandomness()),
            writer=errand.name[:20],
            settings=replace(SETTINGS, batch_most=errand.batch_most),
            first_day=DAY,
        )
        await journal.start()
        await _post(errand, journal, wire)
        await journal.stop()
    if errand.points:
        say("points", json.dumps(points.passes))


async def _post(errand: Errand, journal: Journal, wire: Wire | None) -> None:
    chance = draw(f"losses {errand.seed}")
    changes = iter(enumerate(Program(errand).changes))

    async def caller() -> None:
        for number, change in changes:
            if wire is not None and wire.plan is None and chance.random() < 0.3:
                wire.plan = Plan(chance.choice(LOSSES), chance.randrange(4))
            receipt = await journal.post(change)
            if isinstance(receipt, Done):
                say("done", number, receipt.seq, receipt.place)
            else:
                say("other", number, type(receipt).__name__)

    await asyncio.gather(*(caller() for _ in range(errand.callers)))
    if wire is not None:
        wire.plan = None


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _child(errand: Errand) -> None:
    _end_with_parent()
    try:
        asyncio.run(run(errand))
    except BaseException:  # noqa: BLE001 - whatever it was, the child ends here and the owner is told by its status
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def nursery() -> None:
    """Fork a child for every errand and tell how it ended, until there are no more."""
    _end_with_parent()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for line in sys.stdin.buffer:
        errand = msgspec.json.decode(line, type=Errand)
        pid = os.fork()
        if pid == 0:
            _child(errand)
        _, status = os.waitpid(pid, 0)
        say("ended", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    nursery()
