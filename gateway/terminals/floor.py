"""The floor of the door: who is in, how much is under way, and whether one more is let in."""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import ip_address, ip_network
from typing import Protocol

from gateway.terminals.meters import Meters
from gateway.terminals.settings import Listener


class Guest(Protocol):
    """A connection, as the floor sees it."""

    def finish(self) -> None:
        """Take nothing more, send what is under way, then close."""
        ...

    def drop(self) -> None:
        """Close now."""
        ...


class Floor:
    """Counts connections per listener and requests of the whole door."""

    def __init__(self, *, most_under_way: int, most_per_connection: int, meters: Meters) -> None:
        self._most_under_way = most_under_way
        self._most_per_connection = most_per_connection
        self._meters = meters
        self._guests: set[Guest] = set()
        self._at: Counter[Listener] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._emptied = asyncio.Event()
        self._closing = False

    def admit(self, guest: Guest, listener: Listener, address: str) -> bool:
        """Let a connection in, or say that it has to go."""
        if self._closing:
            return False
        if not _is_allowed(listener, address):
            self._meters.garbage("not_allowed")
            return False
        if self._at[listener] >= listener.most_connections:
            self._meters.rejected()
            return False
        self._guests.add(guest)
        self._at[listener] += 1
        self._meters.connections(len(self._guests))
        return True

    def left(self, guest: Guest, listener: Listener) -> None:
        """A connection is gone (also one that was never let in)."""
        if guest not in self._guests:
            return
        self._guests.discard(guest)
        self._at[listener] -= 1
        self._meters.connections(len(self._guests))
        if not self._guests:
            self._emptied.set()

    def is_full(self, of_connection: int) -> bool:
        """Tell whether one more request of a connection with so many under way is too much."""
        return len(self._tasks) >= self._most_under_way or of_connection >= self._most_per_connection

    def began(self, task: asyncio.Task[None]) -> None:
        """One request more is under way."""
        self._tasks.add(task)
        self._meters.under_way(len(self._tasks))

    def ended(self, task: asyncio.Task[None]) -> None:
        """One request less is under way."""
        self._tasks.discard(task)
        self._meters.under_way(len(self._tasks))

    async def clear(self, timeout_s: float) -> int:
        """Let nobody in any more, wait for what is under way, close everything; return how many requests are left."""
        self._closing = True
        for guest in list(self._guests):
            guest.finish()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)
        left = len(self._tasks)
        await self._empty()
        return left

    async def _empty(self) -> None:
        """Give closing connections a second to send what is written, then drop them."""
        self._emptied.clear()
        if not self._guests:
            return
        try:
            await asyncio.wait_for(self._emptied.wait(), timeout=1.0)
        except TimeoutError:
            for guest in list(self._guests):
                guest.drop()


def _is_allowed(listener: Listener, address: str) -> bool:
    if not listener.allow:
        return True
    try:
        there = ip_address(address)
    except ValueError:
        return False
    return any(there in ip_network(network, strict=False) for network in listener.allow)
