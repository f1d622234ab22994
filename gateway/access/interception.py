"""Interception rules: requests that the operator wants refused, whoever may otherwise make them (row P65)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from uuid import UUID

from gateway.access import store
from gateway.access.authority import refusal_outside_platform
from gateway.access.model import CallerKind, InterceptionRule, RequestFacts
from gateway.access.order import Order
from gateway.access.writing import Decision, Pen, Written
from gateway.journal.model import Refused
from gateway.kernel.clock import SHANGHAI, Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.edit import Add, Alter, Remove
from gateway.kernel.postgres.pool import Database
from gateway.kernel.reasons import Reason

_CODE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_NOWHERE: Final = Refused(Reason.NOT_FOUND, "no such interception rule")
_REMEMBERED_S: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFacts:
    """What may be said of a rule; the fields are those of `InterceptionRule`."""

    is_on: bool
    method: str
    path: str
    source: str
    caller: CallerKind | None
    daily_from: int | None
    daily_until: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    why: str


class Interception:
    """The rules, read again after 0.4 s: within that an edit counts in every process."""

    def __init__(self, *, pool: Database, ids: Ids, clock: Clock) -> None:
        self._pool = pool
        self._ids = ids
        self._clock = clock
        self._pen = Pen(pool=pool, ids=ids)
        self._known: tuple[float, Sequence[InterceptionRule]] | None = None

    async def match(self, facts: RequestFacts) -> InterceptionRule | None:
        """Return the first rule, by code, that refuses a request."""
        now = self._clock.monotonic()
        if self._known is None or now - self._known[0] >= _REMEMBERED_S:
            self._known = (now, [rule for rule in await store.rules(self._pool) if rule.is_on])
        return next((rule for rule in self._known[1] if matches(rule, facts)), None)

    async def list(self) -> Sequence[InterceptionRule]:
        """List all rules by code."""
        return await store.rules(self._pool)

    async def add(self, order: Order, *, code: str, facts: RuleFacts) -> Written | Refused:
        """Add a rule."""

        async def decide() -> Decision:
            if not _CODE.fullmatch(code):
                return Refused(Reason.FORMAT, "a rule's code has a-z, 0-9, _ . and -, and begins with a letter")
            row = {"id": self._ids.new(), "code": code, **_row(facts)}
            return _refusal(order, facts) or (Add(store.RULE, row),)

        return await self._pen.write(order, f"interception rule {code} added", decide)

    async def edit(self, order: Order, id_: UUID, facts: RuleFacts) -> Written | Refused:
        """Change a rule, or switch it on or off."""

        async def decide() -> Decision:
            found = await self._found(id_)
            if found is None:
                return _NOWHERE
            return _refusal(order, facts) or (Alter(store.RULE, id_, found.version, _row(facts)),)

        return await self._pen.write(order, "interception rule edited", decide)

    async def delete(self, order: Order, id_: UUID) -> Written | Refused:
        """Delete a rule."""

        async def decide() -> Decision:
            found = await self._found(id_)
            if found is None:
                return _NOWHERE
            return refusal_outside_platform(order.caller) or (Remove(store.RULE, id_, found.version),)

        return await self._pen.write(order, "interception rule deleted", decide)

    async def _found(self, id_: UUID) -> InterceptionRule | None:
        return next((rule for rule in await self.list() if rule.id == id_), None)


def matches(rule: InterceptionRule, facts: RequestFacts) -> bool:
    """Whether every field of a rule matches."""
    return (
        rule.method in {"", facts.method}
        and (not rule.path or fnmatchcase(facts.path, rule.path))
        and (not rule.source or _is_within(facts.source, rule.source))
        and rule.caller in {None, facts.caller}
        and (rule.starts_at is None or rule.starts_at <= facts.at)
        and (rule.ends_at is None or facts.at < rule.ends_at)
        and _is_in_hours(rule, facts.at)
    )


def _is_within(source: str, network: str) -> bool:
    # a link-local address carries its interface after a percent sign
    try:
        address = ip_address(source.partition("%")[0])
        plain = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return (plain or address) in ip_network(network)
    except ValueError:
        return False


def _is_in_hours(rule: InterceptionRule, at: datetime) -> bool:
    if rule.daily_from is None or rule.daily_until is None:
        return True
    local = at.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    if rule.daily_from <= rule.daily_until:
        return rule.daily_from <= minute < rule.daily_until
    return minute >= rule.daily_from or minute < rule.daily_until


def _refusal(order: Order, facts: RuleFacts) -> Refused | None:
    if not (facts.method or facts.path.strip("*") or facts.source or facts.caller):
        return Refused(Reason.FORMAT, "a rule names a method, a path, a source or a kind of caller")
    if (facts.daily_from is None) != (facts.daily_until is None):
        return Refused(Reason.FORMAT, "a daily window has both its ends")
    try:
        ip_network(facts.source or "0.0.0.0/0")
    except ValueError:
        return Refused(Reason.FORMAT, "the source is a network such as 203.0.113.0/24 or 2001:db8::/32")
    return refusal_outside_platform(order.caller)


def _row(facts: RuleFacts) -> dict[str, object]:
    return {**asdict(facts), "caller": facts.caller or ""}
