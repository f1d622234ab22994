"""Fetching: the bank's folder is listed and what is new is taken in (rows C63-C67, C73, C95)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from channels.ports import FileKind
from connectors.ports import CarrierError, RemoteFile
from gateway.clearing.files import store as files
from gateway.clearing.files.archive import TooLargeError
from gateway.clearing.files.bridge import pushed
from gateway.clearing.files.model import FileFront, FileSettings, FileState, Fronts
from gateway.clearing.files.register import Register
from gateway.clearing.returns.intake import Accepted, Intake, Known
from gateway.journal.model import Put
from gateway.payments.payout import Effect
from gateway.tasks import Again, Finished, Timer

_log = structlog.get_logger(__name__)

FETCH = "clearing.fetch"
_SPOOL_KEPT = timedelta(hours=6)


@dataclass(slots=True)
class FetchReport:
    """What one look into the bank's folder gave; `failed` says why a file could not be fetched, by its name."""

    listed: int = 0
    foreign: int = 0
    known: int = 0
    archived: list[UUID] = field(default_factory=list)
    duplicates: list[UUID] = field(default_factory=list)
    quarantined: list[UUID] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class Fetches:
    """Fetches return files; a file that was received is not asked for again, whatever it holds (rows C73-C75)."""

    def __init__(self, *, register: Register, intake: Intake, fronts: Fronts, settings: FileSettings) -> None:
        self._register = register
        self._intake = intake
        self._fronts = fronts
        self._settings = settings
        self._turns: dict[UUID, asyncio.Lock] = {}

    async def run(self, channel: UUID, *, who: str) -> FetchReport:
        """Fetch now.

        Raises LookupError where the channel is not a batch channel that is on, CarrierError where the bank's folder
        cannot be listed.
        """
        front = await self._fronts.front(channel)
        async with self._turns.setdefault(channel, asyncio.Lock()):
            await files.sweep_spools(self._register.pool, self._register.clock.now() - _SPOOL_KEPT)
            report = FetchReport()
            for remote in sorted(await front.carrier.list(front.incoming), key=lambda each: each.name):
                await self._take(front, remote, report, who)
            return report

    async def handle(self, timer: Timer) -> Finished | Again:
        """Timer `clearing.fetch`: fetch, and come again after the channel's interval."""
        try:
            front = await self._fronts.front(timer.subject)
            report = await self.run(timer.subject, who="system:fetch")
        except (CarrierError, LookupError) as fault:  # away or switched off, for however long: never given up
            _log.warning("the bank's folder could not be listed", channel=str(timer.subject), why=str(fault))
            return Again(self._settings.try_again)
        if front.fetch_every is None and not report.failed:
            return Finished()
        return Again(front.fetch_every or self._settings.try_again)

    async def schedule(self, channel: UUID) -> None:
        """Arm the channel's fetching where it fetches by itself (row C65)."""
        if (await self._fronts.front(channel)).fetch_every is not None:
            await self.ask(channel)

    async def ask(self, channel: UUID) -> None:
        """Have the process that owns the channel's account fetch now."""
        timer = {"kind": FETCH, "subject": channel, "due_at": self._register.clock.now(), "data": {}}
        effect = Effect(records=(Put("timer.set", timer),))
        await self._register.clerk.file(effect, who="system:fetch", why="scheduled", is_fact=True)

    async def _take(self, front: FileFront, remote: RemoteFile, report: FetchReport, who: str) -> None:
        report.listed += 1
        kind = front.language.recognise(remote.name)
        if kind is None:
            report.foreign += 1
        elif await files.seen(self._register.pool, front.channel_id, remote.name, remote.size, remote.modified):
            report.known += 1
        else:
            try:
                _count(report, await self._receive(front, remote, kind, who))
            except (CarrierError, ValueError) as fault:  # ValueError: a name that no connector takes
                report.failed[remote.name] = str(fault)

    async def _receive(self, front: FileFront, remote: RemoteFile, kind: FileKind, who: str) -> Accepted | Known:
        writing = await self._intake.open_spool()
        try:
            await front.carrier.get(front.incoming, remote.name, pushed(asyncio.get_running_loop(), writing.write))
            await writing.close()
        except TooLargeError as fault:
            await writing.close()
            writing.size = remote.size
            got = self._intake.received(writing, remote.name, kind, modified_at=remote.modified, who=who)
            outcome = await self._intake.quarantine(front, got, str(fault))
            await self._intake.forget(writing.content)
            return outcome
        except (CarrierError, ValueError):
            await self._intake.forget(writing.content)
            raise
        got = self._intake.received(writing, remote.name, kind, modified_at=remote.modified, who=who)
        return await self._intake.keep(front, got)


def _count(report: FetchReport, outcome: Accepted | Known) -> None:
    match outcome:
        case Known():
            report.known += 1
        case Accepted(file=file, state=FileState.ARCHIVED):
            report.archived.append(file)
        case Accepted(file=file, state=FileState.DUPLICATE):
            report.duplicates.append(file)
        case Accepted(file=file):
            report.quarantined.append(file)
