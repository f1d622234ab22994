"""Holds whose time has passed: what is left of them goes back to the party, through the journal like everything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.kernel.postgres.pool import Database
from gateway.ledger.growth.store import overdue_holds
from gateway.ledger.model import Release

TOGETHER = 200


async def expired_holds(pool: Database, *, now: datetime, most: int = TOGETHER) -> Sequence[Release]:
    """Return the releases of open holds that expired before `now`, the longest overdue first.

    Each is posted by itself: one that was used or released meanwhile is refused with WRONG_STATE, which is as good.
    """
    return [
        Release(hold=hold.id, kind=f"{hold.kind}_expired", subject=hold.subject, occurred_at=now, expired=True)
        for hold in await overdue_holds(pool, now=now, limit=most)
    ]
