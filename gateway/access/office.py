"""Everything of access that doors and the command ask, built once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from argon2 import PasswordHasher

from gateway.access import store
from gateway.access.authority import PLATFORM_SCOPE
from gateway.access.enrolment import Enrolment
from gateway.access.interception import Interception
from gateway.access.items import PermissionItems
from gateway.access.menus import Menus
from gateway.access.model import Caller, CallerKind, LoginEvent, RecordEdit, TrailFilter
from gateway.access.order import Order
from gateway.access.roles import Roles
from gateway.access.users.credentials import PasswordDesk
from gateway.access.users.desk import Users
from gateway.access.users.login import Logins
from gateway.access.users.model import UserRules
from gateway.access.users.passwords import Passwords
from gateway.access.users.secondfactor import SecondFactor
from gateway.access.users.sessions import Sessions
from gateway.kernel.clock import Clock
from gateway.kernel.ids import Ids
from gateway.kernel.postgres.pool import Database
from gateway.kernel.randomness import Randomness
from gateway.keys.port import KeyStore
from gateway.parties import PLATFORM, Scope


class AuditTrail:
    """What was edited and who came to log in, as far as a caller sees (row A90)."""

    def __init__(self, pool: Database) -> None:
        self._pool = pool

    async def edits(self, sees: Scope, which: TrailFilter) -> Sequence[RecordEdit]:
        """List record edits with before and after, newest first."""
        return await store.trail(self._pool, sees, which)

    async def logins(self, sees: Scope, which: TrailFilter) -> Sequence[LoginEvent]:
        """List log-ins, refused ones too, newest first."""
        return await store.logins(self._pool, sees, which)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The services of this room."""

    users: Users
    logins: Logins
    sessions: Sessions
    passwords: PasswordDesk
    codes: SecondFactor
    roles: Roles
    items: PermissionItems
    menus: Menus
    interception: Interception
    keys: Enrolment
    audit: AuditTrail


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessParts:
    """What the services stand on; `noted` counts refused log-ins by why.

    Callers are shown what is read by `reads`, a door's pool; without one the house itself asks, by `pool`.
    """

    pool: Database
    keystore: KeyStore
    clock: Clock
    ids: Ids
    randomness: Randomness
    rules: UserRules
    reads: Database | None = None
    noted: Callable[[str], None] = lambda _: None
    hasher: PasswordHasher | None = None


def build_access(parts: AccessParts) -> Access:
    """Join the services."""
    pool, ids, rules = parts.pool, parts.ids, parts.rules
    reads = parts.reads or pool
    passwords = Passwords(rules=rules, randomness=parts.randomness, hasher=parts.hasher)
    desk = PasswordDesk(pool=pool, ids=ids, rules=rules, passwords=passwords)
    codes = SecondFactor(pool=pool, keystore=parts.keystore, clock=parts.clock, ids=ids, randomness=parts.randomness)
    sessions = Sessions(pool=pool, clock=parts.clock, ids=ids, randomness=parts.randomness, rules=rules)
    logins = Logins(
        pool=pool,
        clock=parts.clock,
        ids=ids,
        rules=rules,
        passwords=passwords,
        codes=codes,
        sessions=sessions,
        noted=parts.noted,
    )
    users = Users(
        pool=pool,
        reads=reads,
        keystore=parts.keystore,
        ids=ids,
        rules=rules,
        passwords=passwords,
        credentials=desk,
        codes=codes,
    )
    return Access(
        users=users,
        logins=logins,
        sessions=sessions,
        passwords=desk,
        codes=codes,
        roles=Roles(pool=pool, ids=ids),
        items=PermissionItems(pool=pool, ids=ids),
        menus=Menus(pool=pool, ids=ids),
        interception=Interception(pool=pool, ids=ids, clock=parts.clock),
        keys=Enrolment(pool=pool, keystore=parts.keystore, clock=parts.clock, ids=ids, who="api", reads=reads),
        audit=AuditTrail(reads),
    )


async def house_order(pool: Database, *, name: str, key: str, clock: Clock) -> Order:
    """Return an order of the house itself, which sees everybody and holds every permission: seeds and the command.

    `name` goes to the trail as `system:<name>`; the same `key` is carried out once.
    """
    held = frozenset(item.code for item in await store.items(pool))
    caller = Caller(party=PLATFORM, permissions=held, name=name, sees=PLATFORM_SCOPE, kind=CallerKind.SYSTEM)
    return Order(caller=caller, at=clock.now(), key=key, said={"key": key})
