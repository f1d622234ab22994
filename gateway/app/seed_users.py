"""Users of a sandbox: one of every seeded role, with a known password, and a first operator with a one-time one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from gateway.access import Access, house_order
from gateway.access.authority import PLATFORM_SCOPE
from gateway.access.users.desk import NewUser, Rights
from gateway.app.people import UserRefusedError
from gateway.journal.model import Refused
from gateway.kernel.clock import Clock
from gateway.kernel.postgres.pool import Database
from gateway.parties import PLATFORM

FIRST: Final = "first.operator"
# role -> whose user: the platform's, a merchant's, an agent's, a member's
_USERS: Final = {
    "system_administrator": "platform",
    "operator": "platform",
    "settlement": "platform",
    "auditor": "platform",
    "merchant_administrator": "merchant",
    "merchant_operator": "merchant",
    "agent_administrator": "agent",
    "agent_operator": "agent",
    "member": "member",
}


class Kept(Protocol):
    """What the sandbox hands out again at each start."""

    def find_or(self, name: str, make: Callable[[], str]) -> str:
        """Return what is kept under a name, made at the first call."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """Under whom the users of each kind stand."""

    merchant: UUID
    agent: UUID
    member: UUID

    def of(self, kind: str) -> UUID:
        """Return the party of a kind of user."""
        return {"merchant": self.merchant, "agent": self.agent, "member": self.member}.get(kind, PLATFORM)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededUsers:
    """Rows of the world's JSON; the first operator's one-time password only for as long as it is good."""

    users: tuple[Mapping[str, str], ...]
    first_operator: Mapping[str, str]


class UserSeeding:
    """Adds the users of a sandbox, each once."""

    def __init__(
        self, *, pool: Database, access: Access, clock: Clock, kept: Kept, new_password: Callable[[], str]
    ) -> None:
        self._pool = pool
        self._access = access
        self._clock = clock
        self._kept = kept
        self._new_password = new_password

    async def run(self, seats: Seats) -> SeededUsers:
        """Add whoever is missing. Raises UserRefusedError."""
        users = []
        for role, kind in _USERS.items():
            password = await self._add(role, role, seats.of(kind), must_change=False)
            users.append({"name": role, "password": password, "role": role})
        password = await self._add(FIRST, "system_administrator", PLATFORM, must_change=True)
        first = await self._access.users.find_login(PLATFORM_SCOPE, FIRST)
        is_good = first is not None and first.must_change
        return SeededUsers(users=tuple(users), first_operator={"name": FIRST, "password": password} if is_good else {})

    async def _add(self, login: str, role: str, party: UUID, *, must_change: bool) -> str:
        password = self._kept.find_or(f"user/{login}", self._new_password)
        new = NewUser(
            login=login,
            party=party,
            name=login.replace("_", " ").replace(".", " "),
            rights=Rights(roles=frozenset({role})),
            password=password,
            must_change=must_change,
        )
        order = await house_order(self._pool, name="sandbox", key=f"seed/user/{login}", clock=self._clock)
        added = await self._access.users.add(order, new)
        if isinstance(added, Refused):
            raise UserRefusedError(f"the sandbox's user {login}: {added.detail}")
        return password
