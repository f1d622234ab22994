"""Requests that this process is carrying: a repeat joins the first, and nobody waits beyond the budget."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.kernel.clock import Clock
from gateway.kernel.reasons import Reason
from gateway.keys.port import Digest
from gateway.payments.model import AcquiringAnswer, Reference

SILENT = AcquiringAnswer(reason=Reason.NO_ANSWER)


@dataclass(slots=True, kw_only=True)
class UnderWay:
    """One request under way.

    `closes_at` is the monotonic second at which its road closes; `ended` is set when the road has come to its end.
    `told_nothing_at` is when its caller was answered 98 before the road had an answer: from then on an approval must be
    undone.
    """

    digest: Digest = field(repr=False)
    closes_at: float
    answer: asyncio.Future[AcquiringAnswer]
    ended: asyncio.Event
    told_nothing_at: datetime | None = None

    def settle(self, answer: AcquiringAnswer) -> None:
        """Give the answer to everyone who waits."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def give_up(self, at: datetime) -> AcquiringAnswer:
        """Tell everyone who waits that there is no answer, and remember that they were told so."""
        self.told_nothing_at = self.told_nothing_at or at
        silent = replace(SILENT, answered_at=self.told_nothing_at)
        self.settle(silent)
        return silent

    async def wait_for_end(self, clock: Clock, until: float) -> bool:
        """Wait until its road has ended, which may be after its answer; False where it has not by `until`."""
        try:
            async with asyncio.timeout(max(until - clock.monotonic(), 0)):
                await self.ended.wait()
        except TimeoutError:
            return False
        return True

    async def wait(self, clock: Clock, until: float) -> AcquiringAnswer | None:
        """Wait for the answer until the monotonic second `until`; None where there is none by then."""
        done, _ = await asyncio.wait({self.answer}, timeout=max(until - clock.monotonic(), 0))
        return self.answer.result() if done else None


class Desk:
    """The requests under way in this process, by reference."""

    def __init__(self) -> None:
        self._entries: dict[Reference, UnderWay] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, reference: Reference) -> UnderWay | None:
        """Return the request under way by this reference."""
        return self._entries.get(reference)

    def open(self, reference: Reference, *, digest: Digest, closes_at: float) -> UnderWay:
        """Begin a request; its reference must be free."""
        answer: asyncio.Future[AcquiringAnswer] = asyncio.get_running_loop().create_future()
        entry = UnderWay(digest=digest, closes_at=closes_at, answer=answer, ended=asyncio.Event())
        self._entries[reference] = entry
        return entry

    def close(self, reference: Reference) -> None:
        """End a request."""
        entry = self._entries.pop(reference, None)
        if entry is not None:
            entry.ended.set()
