"""The worker: takes due timers, runs their handlers, ends them, tries again, or puts them before a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

import structlog

from gateway.kernel.clock import Clock
from gateway.tasks import store
from gateway.tasks.model import Again, Finished, Handler, Outcome, Timer
from gateway.tasks.store import Pool

_log = structlog.get_logger(__name__)
_RENEWALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """How a handler that fails is tried again: `first`, then twice as long each time up to `most`.

    After `tries` failures in a row the timer is parked: a person decides.
    """

    first: timedelta = timedelta(seconds=1)
    most: timedelta = timedelta(minutes=5)
    tries: int = 20

    def after(self, tries: int) -> timedelta:
        """Return how long to wait after the `tries`-th failure."""
        doublings = min(tries - 1, 30)
        return min(self.most, self.first * (1 << doublings))


class LeaseLostError(Exception):
    """Somebody else has taken the timer, or it was taken too often without a word of how it went."""


class Timers:
    """Runs the handlers of due timers, at most `concurrency` at a time; any number of workers share the timers.

    A lease is renewed while its handler works; one that works longer than `longest` is cancelled and counts as failed.
    `back_off` is by kind; other kinds take
    the default. `nudge()` makes it look at once; without it every `poll`. `noted` is told (kind, outcome) of every run,
    the outcome being finished, again or failed.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        clock: Clock,
        handlers: Mapping[str, Handler],
        owner: str,
        lease: timedelta = timedelta(minutes=2),
        poll: timedelta = timedelta(seconds=1),
        concurrency: int = 32,
        back_off: Mapping[str, BackOff] | None = None,
        otherwise: BackOff | None = None,
        longest: timedelta = timedelta(hours=1),
        noted: Callable[[str, str], None] | None = None,
    ) -> None:
        self._pool, self._clock, self._handlers, self._owner = pool, clock, dict(handlers), owner
        self._lease, self._poll, self._concurrency, self._longest = lease, poll, concurrency, longest
        self._back_off, self._otherwise = dict(back_off or {}), otherwise or BackOff()
        self._noted = noted
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    def nudge(self) -> None:
        """Look for due timers at once."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; handlers under way are cancelled with it and their timers come back with the lease."""
        try:
            while True:
                await self._turn()
        finally:
            await self._drain()

    async def run_due(self) -> int:
        """Run everything that is due now to its end; returns how many timers that were. For one-shot commands."""
        count = 0
        while timers := await self._take(self._concurrency):
            count += len(timers)
            await asyncio.gather(*(self._handle(timer) for timer in timers))
        return count

    async def _turn(self) -> None:
        self._woken.clear()
        room = self._concurrency - len(self._running)
        timers = await self._take_patiently(room) if room else []
        for timer in timers:
            task = asyncio.create_task(self._handle(timer), name=f"timer {timer.kind}")
            self._running.add(task)
            task.add_done_callback(self._ended)
        if not room or len(timers) < room:
            await self._pause()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        # A place has come free, or another timer was armed by what the handler did.
        self._woken.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._poll.total_seconds()):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _take_patiently(self, room: int) -> list[Timer]:
        try:
            return await self._take(room)
        except Exception as error:  # noqa: BLE001 - the books are away; the timers stay due
            _log.warning("timers cannot be read", error=type(error).__name__)
            return []

    async def _take(self, most: int) -> list[Timer]:
        now = self._clock.now()
        return await store.take(
            self._pool, kinds=list(self._handlers), now=now, lease_until=now + self._lease, owner=self._owner, most=most
        )

    async def _handle(self, timer: Timer) -> None:
        if timer.tries > self._policy(timer).tries:
            # It was taken this often and never told how it went: what it does ends the processes that try it.
            await self._end(timer, LeaseLostError())
            return
        try:
            outcome = await self._kept(timer)
        except Exception as error:  # noqa: BLE001 - whatever a handler meets, its timer is tried again
            await self._end(timer, error)
        else:
            await self._end(timer, outcome)

    async def _kept(self, timer: Timer) -> Outcome:
        """Run the handler while its lease is renewed. Raises LeaseLostError where somebody else has taken the timer."""
        work = asyncio.ensure_future(self._handlers[timer.kind](timer))
        keeper = asyncio.create_task(self._renew(timer, work), name=f"lease {timer.kind}")
        try:
            async with asyncio.timeout(self._longest.total_seconds()):
                return await work
        except asyncio.CancelledError:
            if keeper.done() and not keeper.cancelled():
                raise LeaseLostError from None
            raise
        finally:
            keeper.cancel()
            work.cancel()
            await asyncio.gather(keeper, work, return_exceptions=True)

    async def _renew(self, timer: Timer, work: asyncio.Future[Outcome]) -> None:
        """Renew the lease for as long as nobody else has the timer, then stop the work."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / _RENEWALS)
            try:
                is_ours = await store.renew(self._pool, timer, lease_until=self._clock.now() + self._lease)
            except Exception as error:  # noqa: BLE001 - the books are away; the lease may run out meanwhile
                _log.warning("lease not renewed", kind=timer.kind, error=type(error).__name__)
                continue
            if not is_ours:
                work.cancel()
                return

    def _policy(self, timer: Timer) -> BackOff:
        return self._back_off.get(timer.kind, self._otherwise)

    async def _end(self, timer: Timer, outcome: Outcome | Exception) -> None:
        try:
            await self._note(timer, outcome)
        except Exception as error:  # noqa: BLE001 - the timer comes back when its lease runs out
            _log.warning("timer not ended", kind=timer.kind, subject=str(timer.subject), error=type(error).__name__)

    async def _note(self, timer: Timer, outcome: Outcome | Exception) -> None:
        if self._noted is not None:
            self._noted(timer.kind, "failed" if isinstance(outcome, Exception) else type(outcome).__name__.lower())
        match outcome:
            case Finished():
                await store.finish(self._pool, timer)
            case Again(after):
                await store.arm_again(self._pool, timer, due_at=self._clock.now() + after)
            case Exception():
                await self._fail(timer, outcome)
            case _:
                assert_never(outcome)

    async def _fail(self, timer: Timer, error: Exception) -> None:
        policy = self._policy(timer)
        # The text of an error may quote a card or a name: its class is enough to find it in the masked log.
        reason = type(error).__name__
        _log.warning("timer failed", kind=timer.kind, subject=str(timer.subject), tries=timer.tries, exc_info=error)
        if timer.tries >= policy.tries:
            await store.park(self._pool, timer, error=reason)
        else:
            due_at = self._clock.now() + policy.after(timer.tries)
            await store.back_off(self._pool, timer, due_at=due_at, error=reason)

    async def _drain(self) -> None:
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
