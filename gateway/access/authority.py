"""Who may give what: nobody gives, changes or takes away what they do not hold themselves (rows P66-P70, L20)."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.access.model import Caller
from gateway.journal.model import Refused
from gateway.kernel.reasons import Reason
from gateway.parties import PLATFORM, Scope

PLATFORM_SCOPE = Scope(f"/{PLATFORM.hex}/")


def refusal_beyond(caller: Caller, codes: Iterable[str]) -> Refused | None:
    """Refuse what would reach beyond the caller's own permissions; names what they lack."""
    lacking = sorted(set(codes) - caller.permissions)
    if not lacking:
        return None
    return Refused(Reason.NOT_PERMITTED, f"you do not hold {', '.join(lacking)} yourself")


def refusal_outside_platform(caller: Caller) -> Refused | None:
    """Refuse callers who do not see everybody: roles, permission items, menus and rules are everybody's."""
    if caller.sees == PLATFORM_SCOPE:
        return None
    return Refused(Reason.NOT_PERMITTED, "this is every party's, so only the platform's own operators may change it")
