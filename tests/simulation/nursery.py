"""Children with a journal, and what they left in the books."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from tests.simulation.journal_child import Errand, Program

CHECKOUT = Path(__file__).parents[2]
_WITHIN_S = 60.0


@dataclass
class Told:
    """What a child said: what was taken and where, what else it was answered, where it stood, how it ended."""

    done: dict[int, tuple[int, int]] = field(default_factory=dict)
    other: dict[int, str] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    pid: int | None = None
    status: int | None = None

    def hear(self, line: str) -> None:
        """Take in a line."""
        verb, _, rest = line.strip().partition(" ")
        match verb:
            case "done":
                number, seq, place = map(int, rest.split())
                self.done[number] = (seq, place)
            case "other":
                number_, _, what = rest.partition(" ")
                self.other[int(number_)] = what
            case "points":
                self.points = msgspec.json.decode(rest)
            case "at":
                self.pid = int(rest)
            case "ended":
                self.status = int(rest)
            case _:
                raise AssertionError(line)


class Nursery:
    """One process that forks a child for each errand."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def send(self, errand: Errand) -> Told:
        """Have an errand done and return what was told until the child ended."""
        told = Told()
        async for heard in self.follow(errand):
            told = heard
        return told

    async def follow(self, errand: Errand) -> AsyncIterator[Told]:
        """Have an errand done; gives what was told so far after each line, the last one when the child ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(errand) + b"\n")
        told = Told()
        while told.status is None:
            async with asyncio.timeout(_WITHIN_S):
                line = await self._process.stdout.readline()
            assert line, "the nursery has ended"
            told.hear(line.decode())
            yield told


@asynccontextmanager
async def open_nursery() -> AsyncIterator[Nursery]:
    """A nursery that ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.simulation.journal_child",
        cwd=CHECKOUT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        limit=1 << 22,
        start_new_session=True,
    )
    try:
        yield Nursery(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        # The pipe's end is read, so that its transport closes by itself.
        assert process.stdout is not None
        await process.stdout.read()


_EFFECTS = {
    "key": "SELECT name::integer AS number FROM journal_key WHERE scope = $1::text",
    "transfer": "SELECT change_id FROM ledger_transfer WHERE change_id = ANY($1::uuid[])",
    "entry": """
        SELECT t.change_id FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.id
        WHERE t.change_id = ANY($1::uuid[])""",
    "event": "SELECT change_id FROM journal_event WHERE change_id = ANY($1::uuid[])",
    "parcel": "SELECT id FROM parcel WHERE id = ANY($1::uuid[])",
    "note": "SELECT id FROM note WHERE id = ANY($1::uuid[])",
    "hold": "SELECT id FROM ledger_hold WHERE id = ANY($1::uuid[])",
}


async def effects(pool: asyncpg.Pool[Any], program: Program) -> dict[int, Counter[str]]:
    """Count, for every change of a program that left anything in the books, what it left in which table."""
    ids: dict[str, Any] = {
        "key": program.scope,
        "transfer": list(program.numbers),
        "entry": list(program.numbers),
        "event": list(program.numbers),
        "parcel": list(program.parcels),
        "note": list(program.notes),
        "hold": list(program.holds),
    }
    numbers = {**program.numbers, **program.parcels, **program.notes, **program.holds}
    found: dict[int, Counter[str]] = {}
    for kind, query in _EFFECTS.items():
        for row in await pool.fetch(query, ids[kind]):
            number = row[0] if kind == "key" else numbers[row[0]]
            found.setdefault(number, Counter())[kind] += 1
    return found


def whole(number: int) -> Counter[str]:
    """What change `number` of a program leaves when all of it is there."""
    held, moved = number % 2 == 0, number % 2
    used_or_let_go = held and number % 6 != 0
    transfers = 1 + held + used_or_let_go
    return (
        Counter(
            key=1,
            transfer=transfers,
            entry=4 + 2 * (transfers - 1),
            # One line for each record's step and each step of a hold, and one that the change adds.
            event=1 + moved + held + used_or_let_go + 1,
            parcel=1,
            note=1,
            hold=int(held),
        )
        + Counter()
    )
