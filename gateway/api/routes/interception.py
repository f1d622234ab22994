"""Interception rules: requests that the operator wants refused (row P65)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from gateway.access import CallerKind, Permission
from gateway.access.interception import RuleFacts
from gateway.access.model import InterceptionRule
from gateway.access.writing import Written
from gateway.api.bodies import Shown, Strict, Time
from gateway.api.decoding import JsonBody
from gateway.api.route import Call, Given, Nothing, Route
from gateway.api.routes.roles import Code, RecordDeleted
from gateway.api.shown import RULE
from gateway.journal.model import Refused
from gateway.kernel.ids import show
from gateway.kernel.reasons import Reason

Clock = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", description="Hours and minutes, China")]


class InterceptionFacts(Strict, frozen=True, kw_only=True):
    """What a rule matches, by all of its fields together, and what the refused are told.

    In `path` a * stands for any characters; `source` is a network; the daily window may run over midnight.
    """

    why: Annotated[str, Meta(min_length=1, max_length=200)]
    is_on: bool = True
    method: Literal["", "GET", "POST"] = ""
    path: Annotated[str, Meta(max_length=200)] = ""
    source: Annotated[str, Meta(max_length=64)] = ""
    caller: Literal["", "api", "operator", "merchant", "agent", "member", "anonymous"] = ""
    daily_from: Clock | None = None
    daily_until: Clock | None = None
    starts_at: Time | None = None
    ends_at: Time | None = None


class InterceptionToAdd(InterceptionFacts, frozen=True, kw_only=True):
    """A rule, by a code that those it refuses are told."""

    code: Code


class InterceptionRuleShown(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """A rule."""

    id: str
    code: str
    is_on: bool
    why: str
    method: str = ""
    path: str = ""
    source: str = ""
    caller: str = ""
    daily_from: str | None = None
    daily_until: str | None = None
    starts_at: Time | None = None
    ends_at: Time | None = None


class InterceptionRulesShown(Shown, frozen=True, kw_only=True):
    """All rules, by code; the first that matches refuses."""

    rules: list[InterceptionRuleShown]


async def list_rules(call: Call[Nothing, Nothing]) -> Given:
    """Show the rules."""
    found = await call.desks.access.interception.list()
    return Given(InterceptionRulesShown(rules=[_rule(rule) for rule in found]))


async def add_rule(call: Call[InterceptionToAdd, Nothing]) -> Given | Refused:
    """Add a rule."""
    desk, code = call.desks.access.interception, call.body.code
    return await _written(call, await desk.add(call.order, code=code, facts=_facts(call.body)))


async def edit_rule(call: Call[InterceptionFacts, Nothing]) -> Given | Refused:
    """Change a rule."""
    desk = call.desks.access.interception
    return await _written(call, await desk.edit(call.order, call.ids["rule"], _facts(call.body)))


async def delete_rule(call: Call[Nothing, Nothing]) -> Given | Refused:
    """Delete a rule."""
    written = await call.desks.access.interception.delete(call.order, call.ids["rule"])
    if isinstance(written, Refused):
        return written
    return Given(RecordDeleted(id=show(RULE, written.subject)), written.replayed)


async def _written(call: Call[Any, Any], written: Written | Refused) -> Given | Refused:
    if isinstance(written, Refused):
        return written
    rules = await call.desks.access.interception.list()
    found = next((rule for rule in rules if rule.id == written.subject), None)
    return Refused(Reason.NOT_FOUND, "no such rule") if found is None else Given(_rule(found), written.replayed)


def _facts(asked: InterceptionFacts) -> RuleFacts:
    return RuleFacts(
        is_on=asked.is_on,
        method=asked.method,
        path=asked.path,
        source=asked.source,
        caller=CallerKind(asked.caller) if asked.caller else None,
        daily_from=_minute(asked.daily_from),
        daily_until=_minute(asked.daily_until),
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        why=asked.why,
    )


def _rule(rule: InterceptionRule) -> InterceptionRuleShown:
    return InterceptionRuleShown(
        id=show(RULE, rule.id),
        code=rule.code,
        is_on=rule.is_on,
        why=rule.why,
        method=rule.method,
        path=rule.path,
        source=rule.source,
        caller=rule.caller or "",
        daily_from=_clock(rule.daily_from),
        daily_until=_clock(rule.daily_until),
        starts_at=rule.starts_at,
        ends_at=rule.ends_at,
    )


def _minute(clock: str | None) -> int | None:
    return None if clock is None else int(clock[:2]) * 60 + int(clock[3:])


def _clock(minute: int | None) -> str | None:
    return None if minute is None else f"{minute // 60:02}:{minute % 60:02}"


_OF_RULE = {"rule": (RULE,)}

ROUTES = (
    Route(
        method="GET",
        path="/v1/interception-rules",
        operation="listInterceptionRules",
        tag="Interception",
        summary="The rules by which requests are refused",
        permission=Permission.INTERCEPTION_READ,
        handle=list_rules,
        answer=InterceptionRulesShown,
    ),
    Route(
        method="POST",
        path="/v1/interception-rules",
        operation="addInterceptionRule",
        tag="Interception",
        summary="Add a rule; it counts within a second, everywhere, but never for those who edit rules",
        permission=Permission.INTERCEPTION_WRITE,
        handle=add_rule,
        decoder=JsonBody(InterceptionToAdd),
        answer=InterceptionRuleShown,
        refusals=(Reason.TAKEN,),
        example={
            "code": "nights",
            "why": "no withdrawals at night",
            "method": "POST",
            "path": "/v1/withdrawals*",
            "daily_from": "23:00",
            "daily_until": "06:00",
        },
    ),
    Route(
        method="POST",
        path="/v1/interception-rules/{rule}",
        operation="editInterceptionRule",
        tag="Interception",
        summary="Change a rule, or switch it on or off",
        permission=Permission.INTERCEPTION_WRITE,
        handle=edit_rule,
        decoder=JsonBody(InterceptionFacts),
        answer=InterceptionRuleShown,
        ids=_OF_RULE,
        refusals=(Reason.NOT_FOUND, Reason.MOVED),
        example={"why": "no withdrawals at night", "path": "/v1/withdrawals*", "is_on": False},
    ),
    Route(
        method="POST",
        path="/v1/interception-rules/{rule}/delete",
        operation="deleteInterceptionRule",
        tag="Interception",
        summary="Delete a rule",
        permission=Permission.INTERCEPTION_WRITE,
        handle=delete_rule,
        decoder=JsonBody(Nothing),
        answer=RecordDeleted,
        ids=_OF_RULE,
        refusals=(Reason.NOT_FOUND, Reason.MOVED),
        example={},
    ),
)
