"""Delegations: for a time, somebody decides in another's place; through the edit shell, revocable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from gateway.access.approvals import store
from gateway.access.approvals.kinds import Kinds
from gateway.access.approvals.model import Delegation
from gateway.access.approvals.ports import RightsOf
from gateway.access.order import Order
from gateway.access.writing import Decision, Pen
from gateway.journal.model import Refused
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason

_LONGEST = timedelta(days=92)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelegation:
    """Who decides in the caller's place, which kinds, from and until when."""

    taker: str
    kinds: frozenset[str]
    from_at: datetime
    until_at: datetime


class Delegations:
    """Gives and takes back. Nobody lends a right they do not have themselves, so none is lent on."""

    def __init__(self, *, pool: Database, kinds: Kinds, rights: RightsOf, ids: Ids) -> None:
        self._pool = pool
        self._kinds = kinds
        self._rights = rights
        self._ids = ids
        self._pen = Pen(pool=pool, ids=ids)

    async def give(self, order: Order, new: NewDelegation, *, why: str) -> tuple[Delegation, bool] | Refused:
        """Lend the caller's right to decide `kinds`; also tells whether this is a first answer again."""

        async def decide() -> Decision:
            row = {
                "id": self._ids.new(),
                "party_id": order.caller.party,
                "giver": order.caller.who,
                "taker": new.taker,
                "kinds": sorted(new.kinds),
                "from_at": new.from_at,
                "until_at": new.until_at,
                "created_at": order.at,
            }
            return await self._refusal(order, new) or (Add(store.DELEGATION_RECORD, row),)

        return await self._written(order, why, decide)

    async def revoke(self, order: Order, id_: UUID, *, why: str) -> tuple[Delegation, bool] | Refused:
        """Take a delegation back at once: the giver, or who may decide all that it lends."""

        async def decide() -> Decision:
            found = await store.delegation(self._pool, order.caller.sees, id_)
            if found is None:
                return Refused(Reason.NOT_FOUND, "no such delegation", id_)
            above = found.kinds <= self._kinds.decided_with(order.caller.permissions)
            if found.giver != order.caller.who and not above:
                return Refused(Reason.NOT_PERMITTED, "only who gave it, or who may decide the same, takes it back", id_)
            to = {"revoked_at": found.revoked_at or order.at}
            return (Alter(store.DELEGATION_RECORD, id_, found.version, to),)

        return await self._written(order, why, decide)

    async def of(self, who: str) -> list[Delegation]:
        """List what somebody gave and was given, newest first."""
        return await store.delegations_of(self._pool, who)

    async def _refusal(self, order: Order, new: NewDelegation) -> Refused | None:
        if new.until_at <= max(new.from_at, order.at) or new.until_at - new.from_at > _LONGEST:
            return Refused(Reason.FORMAT, f"a delegation ends after it begins, within {_LONGEST.days} days")
        if new.taker == order.caller.who:
            return Refused(Reason.FORMAT, "nobody lends a right to themselves")
        if not new.kinds or not new.kinds <= self._kinds.decided_with(order.caller.permissions):
            return Refused(Reason.NOT_PERMITTED, "only kinds that one may decide oneself are lent")
        if await self._rights.rights(new.taker) is None:
            return Refused(Reason.NOT_FOUND, "nobody by this name can take it")
        return None

    async def _written(
        self, order: Order, why: str, decide: Callable[[], Awaitable[Decision]]
    ) -> tuple[Delegation, bool] | Refused:
        written = await self._pen.write(order, why, decide)
        if isinstance(written, Refused):
            moved = written.reason is Reason.MOVED
            return Refused(Reason.WRONG_STATE, written.detail, written.subject) if moved else written
        found = await store.delegation(self._pool, order.caller.sees, written.subject)
        if found is None:
            return Refused(Reason.NOT_FOUND, "no such delegation", written.subject)
        return found, written.replayed
