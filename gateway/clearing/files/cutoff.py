"""Cut-offs: what waits for a channel is given a payment file (rows C47, C54, C56)."""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import UUID

from gateway.clearing.files import store
from gateway.clearing.files.generate import header
from gateway.clearing.files.model import Direction, FileFront, FileSettings, FileState, Fronts
from gateway.clearing.files.register import new_row
from gateway.clearing.files.schedule import next_of
from gateway.journal.model import Done, Insert, Key, PostSets, Put, Refused
from gateway.kernel.clock import SHANGHAI, Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.payments.payout import Clerk, Effect
from gateway.tasks import Again, Finished, Timer

CUT_OFF = "clearing.cutoff"
CARRY = "files.carry"
_SEQUENCES = 64


class CutOffs:
    """Opens payment files; filling and sending them is the work of the timer `files.carry` of each file."""

    def __init__(
        self, *, pool: Database, journal: PostSets, fronts: Fronts, ids: Ids, clock: Clock, settings: FileSettings
    ) -> None:
        self._pool = pool
        self._clerk = Clerk(journal, ids=ids, clock=clock)
        self._fronts = fronts
        self._ids = ids
        self._clock = clock
        self._settings = settings
        self._turn = asyncio.Lock()

    async def run(self, channel: UUID, *, who: str) -> list[UUID]:
        """Open a file for each unit that something waits in; returns their ids, none where nothing waits.

        Raises LookupError where the channel is not a batch channel that is on.
        """
        front = await self._fronts.front(channel)
        async with self._turn:
            units = await store.waiting_units(self._pool, channel)
            return [await self._collecting(front, unit, who) for unit in units]

    async def handle(self, timer: Timer) -> Finished | Again:
        """Timer `clearing.cutoff`: run, and come again at the channel's next cut-off time."""
        try:
            front = await self._fronts.front(timer.subject)
        except LookupError:  # switched off: what waits is taken when it is on again
            return Again(self._settings.try_again)
        await self.run(timer.subject, who="system:cutoff")
        now = self._clock.now()
        due = next_of(front.cut_offs, now, SHANGHAI)
        return Finished() if due is None else Again(due - now)

    async def schedule(self, channel: UUID) -> None:
        """Arm the channel's next cut-off; one that nobody was there to run is left to be made up for."""
        front = await self._fronts.front(channel)
        now = self._clock.now()
        due = next_of(front.cut_offs, now, SHANGHAI)
        if due is not None and not await store.is_overdue(self._pool, CUT_OFF, channel, now):
            timer = Put("timer.set", {"kind": CUT_OFF, "subject": channel, "due_at": due, "data": {}})
            await self._clerk.file(Effect(records=(timer,)), who="system:cutoff", why="scheduled", is_fact=True)

    async def _collecting(self, front: FileFront, unit: str, who: str) -> UUID:
        open_files = await store.files(
            self._pool, channel=front.channel_id, direction=Direction.OUT, state=FileState.COLLECTING
        )
        for file in open_files:
            if file.unit == unit and file.count < self._settings.most_per_file:
                return file.id
        return await self.open(front, unit, who=who)

    async def open(self, front: FileFront, unit: str, *, who: str) -> UUID:
        """Open a payment file under the day's next free sequence: its name is unique for ever."""
        day = self._clock.now().astimezone(SHANGHAI).date()
        sequence = await store.last_sequence(self._pool, front.channel_id, day)
        for _ in range(_SEQUENCES):
            sequence += 1
            file = self._ids.new()
            if await self._opened(front, unit, file, day, sequence, who):
                return file
        message = f"no free sequence for a payment file of {day} was found from {sequence} downwards"
        raise RuntimeError(message)

    async def _opened(self, front: FileFront, unit: str, file: UUID, day: date, sequence: int, who: str) -> bool:
        row = _row(front, unit, file, day, sequence, who) | {"made_at": self._clock.now()}
        name = str(row["name"])
        key = Key(
            scope=f"file.out:{front.channel_id}",
            name=name,
            digest=file.bytes,
            digest_version=0,
            subject=file,
            expires_at=self._clock.now() + self._settings.names_kept,
            refusal=Reason.KEY_REUSED,
        )
        named = {
            "id": self._ids.new(),
            "channel_id": front.channel_id,
            "direction": Direction.OUT.value,
            "name": name,
            "file_id": file,
        }
        timer = {"kind": CARRY, "subject": file, "due_at": self._clock.now(), "data": {}}
        effect = Effect(records=(Insert("file", row), Insert("file_name", named), Put("timer.set", timer)))
        receipt = await self._clerk.file(effect, who=who, why="cut-off", keys=(key,))
        if isinstance(receipt, Refused) and receipt.reason is not Reason.KEY_REUSED:
            message = f"the payment file could not be opened: {receipt.detail}"
            raise RuntimeError(message)
        return isinstance(receipt, Done)


def _row(front: FileFront, unit: str, file: UUID, day: date, sequence: int, who: str) -> dict[str, object]:
    unnamed = header(front, day=day, sequence=sequence, unit=unit, count=0, amount_minor=0)
    return new_row(file) | {
        "direction": Direction.OUT.value,
        "channel_id": front.channel_id,
        "kind": "pay",
        "name": front.language.name(unnamed),
        "day": day,
        "sequence": sequence,
        "state": FileState.COLLECTING.value,
        "unit": unit,
        "made_by": who,
    }
