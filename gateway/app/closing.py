"""Signs the close of every book day, soon after the day was closed, and again and again until none is left over."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid5

import structlog

from gateway.journal import Change, CloseSigner, Done, Journal, Put, sign_closes
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.keys import KeyKind, KeyRegister, KeyStore, KeyStoreError
from gateway.keys.public import raw_public_key
from gateway.tasks import Again, Outcome, Timer

_log = structlog.get_logger(__name__)

KIND = "journal.close"
KEY = "closes"
_KEY_LENGTH = 32
_LOOK_AGAIN = timedelta(seconds=30)
_WHO = "system:closing"
_BOOKS = UUID("5d1f8f0c-0b0a-5c1e-9d3e-2f1b7a6c4e10")


class CloseKeys(CloseSigner):
    """The installation's keys for closes; the newest signs, and is made where there is none."""

    def __init__(self, *, register: KeyRegister, keystore: KeyStore) -> None:
        self._register = register
        self._keystore = keystore

    async def number(self) -> int:
        """Return the number of the newest key."""
        return (await self._register.find_or_make(KEY, KeyKind.SIGNING, _KEY_LENGTH, by=_WHO)).number

    async def sign(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        """Sign with key `number`. Raises KeyStoreError where there is none."""
        for key in await self._register.all(KEY):
            if key.number == number:
                public = raw_public_key(await self._keystore.public_key(key.block))
                return await self._keystore.sign(key.block, line), public
        raise KeyStoreError(f"there is no key {number} for closes")


class DayCloser:
    """The timer `journal.close`: it stands for as long as the installation does, one for each book."""

    def __init__(
        self, *, pool: Database, journal: Journal, signer: CloseSigner, ids: Ids, clock: Clock, book: str
    ) -> None:
        self._pool = pool
        self._journal = journal
        self._signer = signer
        self._ids = ids
        self._clock = clock
        self._book = book

    async def schedule(self) -> None:
        """Arm the timer for now."""
        now = self._clock.now()
        timer = Put("timer.set", {"kind": KIND, "subject": uuid5(_BOOKS, self._book), "due_at": now, "data": {}})
        change = Change(
            id=self._ids.new(),
            who=_WHO,
            why="days that are closed are signed",
            occurred_at=now,
            records=(timer,),
            fact=True,
            book=self._book,
        )
        receipt = await self._journal.post(change)
        if not isinstance(receipt, Done):
            _log.warning("the timer of closes is not armed", book=self._book, receipt=type(receipt).__name__)

    async def run(self, timer: Timer) -> Outcome:  # noqa: ARG002 - the book is known without it
        """Sign what is closed and not signed, and look again later."""
        await sign_closes(self._pool, book=self._book, signer=self._signer, now=self._clock.now)
        return Again(_LOOK_AGAIN)
