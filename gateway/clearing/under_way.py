"""Requests that this process is carrying: a repeat joins the first, and nobody waits beyond the budget.

98 is a promise: a purchase or void that was told so never stands. It is told only where the books hold it to that
whatever becomes of this process; where they may say otherwise nothing is told, and the terminal reverses or repeats.
"""

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
    `is_begun`: the request is durable, and it is this process that made it so. `is_approving`: an approval that has to
    be undone after a 98 is on its way to the books. `told_nothing_at` is when its caller was answered 98 before the
    road had an answer: from then on nothing may be approved.
    """

    digest: Digest = field(repr=False)
    closes_at: float
    answer: asyncio.Future[AcquiringAnswer | None]
    ended: asyncio.Event
    is_begun: bool = False
    is_approving: bool = False
    told_nothing_at: datetime | None = None

    def settle(self, answer: AcquiringAnswer | None) -> None:
        """Give the answer to everyone who waits; None = nothing may be told."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def break_off(self) -> None:
        """The road is broken: recovery takes up what was begun, and nobody here can say more than 98 about it."""
        self.settle(SILENT if self._is_bound else None)

    def give_up(self, at: datetime) -> AcquiringAnswer | None:
        """Tell everyone who waits that there is no answer, and remember that they were told so.

        None where 98 may turn out untrue: then nothing is told, and the road goes on.
        """
        if not self._is_bound:
            return None
        self.told_nothing_at = self.told_nothing_at or at
        silent = replace(SILENT, answered_at=self.told_nothing_at)
        self.settle(silent)
        return silent

    @property
    def _is_bound(self) -> bool:
        """Whether the books have it as this process's own and open, and nothing is on its way that approves it."""
        return self.is_begun and not self.is_approving

    async def wait_for_end(self, clock: Clock, until: float) -> bool:
        """Wait until its road has ended, which may be after its answer; False where it has not by `until`."""
        try:
            async with asyncio.timeout(max(until - clock.monotonic(), 0)):
                await self.ended.wait()
        except TimeoutError:
            return False
        return True

    async def wait(self, clock: Clock, until: float) -> AcquiringAnswer | None:
        """Wait for the answer until the monotonic second `until`; None where there is none by then, or never is."""
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
        answer: asyncio.Future[AcquiringAnswer | None] = asyncio.get_running_loop().create_future()
        entry = UnderWay(digest=digest, closes_at=closes_at, answer=answer, ended=asyncio.Event())
        self._entries[reference] = entry
        return entry

    def close(self, reference: Reference) -> None:
        """End a request."""
        entry = self._entries.pop(reference, None)
        if entry is not None:
            entry.ended.set()
