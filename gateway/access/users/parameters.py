"""What is set for one user in place of the settings of all, and who may set it looser (rows P5, P6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.access.authority import refusal_outside_platform
from gateway.access.model import Caller
from gateway.access.users.model import User, UserParameters, UserRules
from gateway.journal.model import Refused
from gateway.kernel.reasons import Reason

_LEAST_S, _MOST_S = 60, 30 * 86_400
_LOOSER: Final = Refused(
    Reason.NOT_PERMITTED, "longer sessions, or no authenticator, are for the platform's operators to allow, to others"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strictness:
    """What holds for a user: how long sessions last, and whether they need an authenticator."""

    session_idle_s: int
    session_life_s: int
    totp_needed: bool

    def allows(self, other: Strictness) -> bool:
        """Whether `other` is nowhere looser than this."""
        return (
            other.session_idle_s <= self.session_idle_s
            and other.session_life_s <= self.session_life_s
            and other.totp_needed >= self.totp_needed
        )


def in_force(parameters: UserParameters, rules: UserRules) -> Strictness:
    """Return what holds for a user with these parameters."""
    idle, life, totp = parameters.session_idle_s, parameters.session_life_s, parameters.totp_needed
    return Strictness(
        session_idle_s=int(rules.session_idle.total_seconds()) if idle is None else idle,
        session_life_s=int(rules.session_life.total_seconds()) if life is None else life,
        totp_needed=rules.totp_needed if totp is None else totp,
    )


def refusal_of(parameters: UserParameters, *, of: User | None, caller: Caller, rules: UserRules) -> Refused | None:
    """Refuse lengths that make no sense, and what is looser than the caller may allow.

    Outside the platform nobody goes beyond the settings of all, and nobody loosens what holds for themselves.
    """
    lives = [value for value in (parameters.session_idle_s, parameters.session_life_s) if value is not None]
    if not all(_LEAST_S <= value <= _MOST_S for value in lives):
        return Refused(Reason.FORMAT, f"a session lasts {_LEAST_S} s to {_MOST_S} s")
    if of is not None and parameters == of.parameters:
        return None
    wanted = in_force(parameters, rules)
    if refusal_outside_platform(caller) and not in_force(UserParameters(), rules).allows(wanted):
        return _LOOSER
    is_own = of is not None and of.id == caller.user
    return _LOOSER if is_own and of and not in_force(of.parameters, rules).allows(wanted) else None
