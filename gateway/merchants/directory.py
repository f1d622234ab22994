"""The directory: merchants and terminals in memory, true as of a generation that a change can be checked against.

Polling makes it sure: a change made by any process is seen after one poll. A row read beside a change is kept only
where the next poll would still notice the change, so nothing stale outlives a poll.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar
from uuid import UUID

import structlog

from gateway.kernel.postgres.pool import DATABASE_ERRORS, Database
from gateway.merchants import store
from gateway.merchants.model import Merchant, Terminal

_LOG = structlog.get_logger(__name__)
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")

MERCHANTS = "merchants"


class Directory:
    """Answers who a terminal and a merchant are, from memory where it can.

    `expects` goes into a change that was decided on these facts. At most `most` rows of each kind are kept, and at most
    that many numbers that nobody has.
    """

    def __init__(self, *, pool: Database, poll_s: float = 1.0, most: int = 20_000) -> None:
        self._pool = pool
        self._poll_s = poll_s
        self._terminals: _Recent[str, Terminal] = _Recent(most)
        self._merchants: _Recent[str, Merchant] = _Recent(most)
        self._parties: _Recent[UUID, Merchant] = _Recent(most)
        self._seen = store.Generations(0, 0)
        self._forgets = 0
        self._polling: asyncio.Task[None] | None = None

    @property
    def expects(self) -> tuple[tuple[str, int], ...]:
        """Generations that the cached facts are true at, for `Change.expects`; read before the facts."""
        return ((MERCHANTS, self._seen.merchants),)

    async def start(self) -> None:
        """Learn the generations and follow them until `stop`."""
        await self.refresh()
        self._polling = asyncio.create_task(self._poll(), name="directory")

    async def stop(self) -> None:
        """Stop following."""
        polling, self._polling = self._polling, None
        if polling is not None:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

    async def terminal(self, number: str) -> Terminal | None:
        """Return the terminal with this number, or None."""
        if number in self._terminals:
            return self._terminals.get(number)
        return await self.fresh_terminal(number)

    async def fresh_terminal(self, number: str) -> Terminal | None:
        """Read the terminal again, whatever is remembered: another process may have signed it in."""
        forgets = self._forgets
        found, at = await store.terminal(self._pool, number)
        if at.terminals >= self._seen.terminals and forgets == self._forgets:
            self._terminals.put(number, found)
        return found

    async def merchant(self, number: str) -> Merchant | None:
        """Return the merchant with this number, or None."""
        if number in self._merchants:
            return self._merchants.get(number)
        found, at = await store.merchant(self._pool, number)
        if at.merchants >= self._seen.merchants:
            self._merchants.put(number, found)
        return found

    async def merchant_by_id(self, party: UUID) -> Merchant | None:
        """Return the merchant that is this party, or None."""
        if party in self._parties:
            return self._parties.get(party)
        found, at = await store.merchant_by_id(self._pool, party)
        if at.merchants >= self._seen.merchants:
            self._parties.put(party, found)
        return found

    def forget(self, number: str) -> None:
        """Drop a terminal that this process has just changed."""
        self._forgets += 1  # a read that is under way began before the change
        self._terminals.drop([number])

    async def refresh(self) -> None:
        """Drop what has changed since the last time."""
        now = await store.generations(self._pool)
        if now.merchants != self._seen.merchants:
            self._clear()
        elif now.terminals != self._seen.terminals:
            self._terminals.drop(await store.changed_terminals(self._pool, self._seen.terminals))
        self._seen = now

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self.refresh()
            except DATABASE_ERRORS as error:
                _LOG.warning("directory cannot follow the database", error=type(error).__name__)

    def _clear(self) -> None:
        for kept in (self._terminals, self._merchants, self._parties):
            kept.clear()


class _Recent(Generic[_Key, _Value]):
    """The values used last, and apart from them the keys nobody has, so that guesses push no real row out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[_Key, _Value] = OrderedDict()
        self._absent: OrderedDict[_Key, None] = OrderedDict()

    def __contains__(self, key: _Key) -> bool:
        return key in self._values or key in self._absent

    def get(self, key: _Key) -> _Value | None:
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key: _Key, value: _Value | None) -> None:
        self.drop([key])
        if value is None:
            self._absent[key] = None
        else:
            self._values[key] = value
        for kept in (self._values, self._absent):
            while len(kept) > self._most:
                kept.popitem(last=False)

    def drop(self, keys: Iterable[_Key]) -> None:
        for key in keys:
            self._values.pop(key, None)
            self._absent.pop(key, None)

    def clear(self) -> None:
        self._values.clear()
        self._absent.clear()
