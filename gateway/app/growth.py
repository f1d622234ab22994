"""What keeps the books quick as they grow, by timers: partitions, snapshots, closed months, holds and keys run out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid5

import structlog

from gateway.journal import Change, Done, Journal, Put, Refused, forget_keys
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.partitions import ensure_partitions
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason
from gateway.ledger.expiry import TOGETHER, expired_holds
from gateway.ledger.growth import archive_old, close_month, take_snapshot
from gateway.ledger.model import Release
from gateway.tasks import Again, Handler, Outcome, Timer

_log = structlog.get_logger(__name__)

PARTITIONS = "ledger.partitions"
SNAPSHOT = "ledger.snapshot"
MONTHS = "ledger.months"
HOLDS = "ledger.holds"
KEYS = "journal.keys"
_WHO = "system:growth"
_BOOKS = UUID("0b6a4c1e-7d0e-5a52-8a25-90c1b3f7d2ae")
_AT_ONCE = timedelta(0)
_HOURLY = timedelta(hours=1)
_MINUTELY = timedelta(minutes=1)
_SOON = timedelta(seconds=5)
# An expired hold that is gone already, or is no longer open, was ended by somebody else: nothing is left to do.
_ENDED = frozenset({Reason.WRONG_STATE, Reason.NOT_FOUND})
_KEYS_TOGETHER = 5_000


class NotReleasedError(Exception):
    """A hold that ran out could not be given back: its timer comes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthSettings:
    """How long months stay open after their end, and for how many months the books are kept at hand (0: for ever)."""

    close_after: timedelta
    keep_months: int


class Growth:
    """The timers that stand for as long as the installation does; each looks again by itself."""

    def __init__(
        self, *, pool: Database, journal: Journal, ids: Ids, clock: Clock, settings: GrowthSettings, book: str
    ) -> None:
        self._pool = pool
        self._journal = journal
        self._ids = ids
        self._clock = clock
        self._settings = settings
        self._book = book

    def handlers(self) -> Mapping[str, Handler]:
        """What the timers do, by kind."""
        return {
            PARTITIONS: self.make_partitions,
            SNAPSHOT: self.take_snapshot,
            MONTHS: self.close_months,
            HOLDS: self.expire_holds,
            KEYS: self.forget_keys,
        }

    async def schedule(self) -> None:
        """Arm all of them for now."""
        now = self._clock.now()
        subject = uuid5(_BOOKS, self._book)
        change = Change(
            id=self._ids.new(),
            who=_WHO,
            why="the books are kept quick",
            occurred_at=now,
            records=tuple(
                Put("timer.set", {"kind": kind, "subject": subject, "due_at": now, "data": {}})
                for kind in self.handlers()
            ),
            fact=True,
            book=self._book,
        )
        receipt = await self._journal.post(change)
        if not isinstance(receipt, Done):
            _log.warning("the timers of growth are not armed", book=self._book, receipt=type(receipt).__name__)

    async def make_partitions(self, timer: Timer) -> Outcome:  # noqa: ARG002 - it is about all tables
        """Make the partitions of the months and numbers to come."""
        async with self._pool.acquire() as connection:
            made = await ensure_partitions(connection, now=self._clock.now())
        if made:
            _log.info("partitions made", table=made[0], count=len(made))
        return Again(_HOURLY)

    async def take_snapshot(self, timer: Timer) -> Outcome:  # noqa: ARG002 - the book is known without it
        """Bring the snapshot of a closed day forward by a chunk."""
        progress = await take_snapshot(self._pool, book=self._book)
        return Again(_MINUTELY if progress is None else _AT_ONCE)

    async def close_months(self, timer: Timer) -> Outcome:  # noqa: ARG002 - it is about all tables
        """Close what snapshots cover and archive what is old."""
        now = self._clock.now()
        if month := await close_month(self._pool, now=now, grace=self._settings.close_after):
            _log.info("month closed", table=month)
            return Again(_AT_ONCE)
        for name in await archive_old(self._pool, now=now, keep_months=self._settings.keep_months):
            _log.info("partition archived", table=name)
        return Again(_HOURLY)

    async def expire_holds(self, timer: Timer) -> Outcome:  # noqa: ARG002 - it is about all holds
        """Give back what holds still keep after their time."""
        releases = await expired_holds(self._pool, now=self._clock.now())
        for release in releases:
            await self._release(release)
        return Again(_AT_ONCE if len(releases) == TOGETHER else _SOON)

    async def forget_keys(self, timer: Timer) -> Outcome:  # noqa: ARG002 - it is about all keys
        """Delete idempotency keys and nonces whose time has passed, a few thousand at a time."""
        gone = await forget_keys(self._pool, before=self._clock.now(), most=_KEYS_TOGETHER)
        return Again(_HOURLY if gone < _KEYS_TOGETHER else _AT_ONCE)

    async def _release(self, release: Release) -> None:
        change = Change(
            id=self._ids.new(),
            who=_WHO,
            why="the hold's time has passed",
            occurred_at=release.occurred_at,
            postings=(release,),
            fact=True,
            book=self._book,
        )
        receipt = await self._journal.post(change)
        if isinstance(receipt, Refused) and receipt.reason not in _ENDED:
            raise NotReleasedError(receipt.detail)
