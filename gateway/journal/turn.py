"""Whose turn it is to write, where several journals write one book.

A turn is a courtesy among journals: it keeps them from deciding on what another is just changing. The fence alone keeps
the book right, so a journal whose turn does not come (its holder was stopped) goes on without.
"""

from __future__ import annotations

import structlog

from gateway.journal import store
from gateway.journal.fates import Fate, fate_of
from gateway.journal.line import Line
from gateway.journal.poison import explain
from gateway.journal.settings import JournalSettings
from gateway.kernel.clock import Clock

_log = structlog.get_logger(__name__)


class Turn:
    """This journal's turn on its book, taken on a connection that does nothing else meanwhile but read."""

    def __init__(self, line: Line, *, book: str, clock: Clock, settings: JournalSettings) -> None:
        self._line, self._book, self._clock, self._settings = line, book, clock, settings
        self._others = False
        self._quiet = 0
        self._until: float | None = None
        self._not_before = 0.0
        # What was read before the turn began may not be decided on.
        self.fresh = False

    @property
    def needed(self) -> bool:
        """Tell whether others write the book too."""
        return self._others

    @property
    def held(self) -> bool:
        """Tell whether it is this journal's turn."""
        return self._until is not None

    @property
    def over(self) -> bool:
        """Tell whether it is time to let another write."""
        return self._until is not None and self._clock.monotonic() >= self._until

    def contend(self) -> None:
        """Note that somebody else wrote in between: from now on in turns."""
        self._others, self._quiet = True, 0

    def look(self, *, alone: bool) -> None:
        """Note whether nobody wrote since this journal's last turn; after a while alone turns are no longer needed."""
        self.fresh = False
        self._quiet = self._quiet + 1 if alone else 0
        if self._quiet >= self._settings.alone_batches:
            self._others = False

    async def take(self) -> None:
        """Wait for the turn, within a limit; without it for a while where the limit passed."""
        if self._clock.monotonic() < self._not_before:
            return
        try:
            connection = await self._line.connection()
            await self._line.bounded(store.take_turn(connection, self._book))
        except Exception as error:  # noqa: BLE001 - a turn is a courtesy: without it the head's lock is taken
            await self._miss(error)
        else:
            self._until, self.fresh = self._clock.monotonic() + self._settings.turn_s, True

    async def end(self) -> None:
        """Let another write."""
        self._until, self.fresh = None, False
        try:
            connection = await self._line.connection()
            await self._line.bounded(store.end_turn(connection))
        except Exception as error:  # noqa: BLE001 - with its connection the turn ends
            _log.info("turn not ended", error=explain(error))
            await self._line.abandon()

    async def _miss(self, error: Exception) -> None:
        _log.info("turn not come", error=explain(error))
        self._not_before = self._clock.monotonic() + self._settings.turnless_s
        if fate_of(error) is Fate.LOST:
            await self._line.abandon()
